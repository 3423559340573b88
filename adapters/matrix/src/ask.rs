//! One request, and its answer as a whole, over either protocol.

use crate::{Answer, Connection, Protocol, Served};

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
