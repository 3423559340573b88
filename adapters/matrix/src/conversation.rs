//! One request, step by step, over either protocol.

use std::net::SocketAddr;

use crate::http2::{Connection, Stream};
use crate::{Answer, Client, Served};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
pub enum Leaving {
    Http1Close,
    Http2Reset,
    Http2Close,
}

impl Leaving {
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Http1Close => Protocol::Http1,
            Self::Http2Reset | Self::Http2Close => Protocol::Http2,
        }
    }
}

/// A request that has begun, alone on its connection.
pub enum Conversation {
    Http1(Client),
    Http2(Connection, Stream),
}

impl Conversation {
    pub fn get(protocol: Protocol, address: SocketAddr, path: &str, headers: &str) -> Self {
        match protocol {
            Protocol::Http1 => {
                let mut client = Client::connect(address);
                client.send(format!(
                    "GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
                ));
                Self::Http1(client)
            }
            Protocol::Http2 => {
                let mut connection = Connection::open(address);
                let stream = connection.begin("GET", path, headers, false);
                Self::Http2(connection, stream)
            }
        }
    }

    /// Sends the first five bytes of a body of a hundred, whose length may be told.
    pub fn upload(protocol: Protocol, address: SocketAddr, path: &str, declared: bool) -> Self {
        match protocol {
            Protocol::Http1 => {
                let mut client = Client::connect(address);
                let (framing, body) = match declared {
                    true => ("Content-Length: 100", "abcde"),
                    false => ("Transfer-Encoding: chunked", "5\r\nabcde\r\n"),
                };
                client.send(format!(
                    "POST {path} HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n{body}"
                ));
                Self::Http1(client)
            }
            Protocol::Http2 => {
                let mut connection = Connection::open(address);
                let length = if declared { "content-length: 100" } else { "" };
                let mut stream = connection.begin("POST", path, length, true);
                stream.send("abcde", false);
                Self::Http2(connection, stream)
            }
        }
    }

    /// The status of the answer; `None` where there is none.
    pub fn status(&mut self) -> Option<u16> {
        match self {
            Self::Http1(client) => client.try_head().map(|head| head.status),
            Self::Http2(connection, stream) => connection.head(stream).ok().map(|head| head.0),
        }
    }

    /// The next bytes of a streamed answer; empty at its end, `None` where it breaks off.
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Http1(client) => client.try_chunk(),
            Self::Http2(connection, stream) => loop {
                match connection.piece(stream).ok()? {
                    // The frame that ends an answer may be an empty one.
                    Some(piece) if piece.is_empty() => {}
                    Some(piece) => return Some(piece.into()),
                    None => return Some(Vec::new()),
                }
            },
        }
    }

    /// Leaves; what is given back is the connection, where it stays.
    pub fn leave(self, leaving: Leaving) -> Option<Connection> {
        match (self, leaving) {
            (Self::Http2(connection, stream), Leaving::Http2Reset) => {
                stream.reset();
                Some(connection)
            }
            (Self::Http2(connection, _stream), _) => {
                drop(connection);
                None
            }
            (Self::Http1(client), _) => {
                drop(client);
                None
            }
        }
    }
}

/// A whole request.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub method: &'static str,
    pub path: &'static str,
    headers: &'static str,
    body: &'static str,
    /// What follows the body, whose length is not told then.
    rest: Option<&'static str>,
}

pub fn ask(method: &'static str, path: &'static str) -> Ask {
    Ask {
        method,
        path,
        headers: "",
        body: "",
        rest: None,
    }
}

pub fn get(path: &'static str) -> Ask {
    ask("GET", path)
}

impl Ask {
    #[must_use]
    pub fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    #[must_use]
    pub fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    #[must_use]
    pub fn in_parts(self, body: &'static str, rest: &'static str) -> Self {
        Self {
            body,
            rest: Some(rest),
            ..self
        }
    }

    /// The size of its body.
    pub fn bytes(self) -> u64 {
        (self.body.len() + self.rest.map_or(0, str::len)) as u64
    }

    /// Its answer, to the last byte.
    pub fn over(self, protocol: Protocol, server: &Served) -> Answer {
        let Self {
            method,
            path,
            headers,
            body,
            rest,
        } = self;
        match (protocol, rest) {
            (Protocol::Http1, None) => server.connect().request(method, path, headers, body),
            (Protocol::Http1, Some(rest)) => {
                let mut client = server.connect();
                let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n", bytes.len());
                let (body, rest) = (chunk(body), chunk(rest));
                client.send(format!(
                    "{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\
                     Transfer-Encoding: chunked\r\n\r\n{body}{rest}0\r\n\r\n"
                ));
                client.answer(false)
            }
            (Protocol::Http2, None) => {
                let mut connection = Connection::open(server.address);
                let length = match body.len() {
                    0 => String::new(),
                    length => format!("content-length: {length}\r\n"),
                };
                let headers = format!("{headers}{length}");
                let mut stream = connection.begin(method, path, &headers, !body.is_empty());
                if !body.is_empty() {
                    stream.send(body, true);
                }
                connection.answer(&mut stream)
            }
            (Protocol::Http2, Some(rest)) => {
                let mut connection = Connection::open(server.address);
                let mut stream = connection.begin(method, path, headers, true);
                stream.send(body, false);
                stream.send(rest, true);
                connection.answer(&mut stream)
            }
        }
    }
}
