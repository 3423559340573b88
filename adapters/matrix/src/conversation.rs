//! One request, step by step, over either protocol.

use std::net::SocketAddr;

use crate::Client;
use crate::http2::{Connection, Stream};

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
