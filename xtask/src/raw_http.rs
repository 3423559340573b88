//! HTTP/1.1 over a bare socket: requests that no client library would send, and several before the first
//! answer is read.
//!
//! What is sent before an answer is read has to fit into the kernel's buffers, or both sides wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A server that lets us wait for so long hangs.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of an answer that is read.
const MOST_HEAD: usize = 64 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    /// Read and not used yet, from `start` on.
    buffer: Vec<u8>,
    start: usize,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(TIMEOUT)))
            .and_then(|()| stream.set_write_timeout(Some(TIMEOUT)))
            .context("cannot set up a socket")?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            start: 0,
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream
            .write_all(bytes)
            .context("cannot send to the server")
    }

    /// The next answer, with its body read and dropped. An answer to HEAD has none.
    pub(crate) fn answer(&mut self, to_head: bool) -> Result<Answer> {
        let length = loop {
            if let Some(end) = find(&self.buffer[self.start..], b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(
                self.buffer.len() - self.start < MOST_HEAD,
                "the head of an answer is larger than {MOST_HEAD} bytes"
            );
            self.read()?;
        };
        let head = head(&self.buffer[self.start..self.start + length])?;
        self.start += length;
        if !to_head && !matches!(head.answer.status, 100..=199 | 204 | 304) {
            match head.body {
                Body::Length(length) => self.skip(length)?,
                Body::Chunked => self.skip_chunks()?,
                Body::UntilClosed => bail!(
                    "an answer ({}) says neither its length nor that it is chunked",
                    head.answer.status
                ),
            }
        }
        Ok(head.answer)
    }

    fn read(&mut self) -> Result<()> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let mut piece = [0; 16 * 1024];
        let read = self.stream.read(&mut piece);
        let read = read.context("the server does not answer")?;
        ensure!(
            read > 0,
            "the server closed the connection without an answer"
        );
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }

    fn skip(&mut self, length: usize) -> Result<()> {
        let mut left = length;
        loop {
            let there = left.min(self.buffer.len() - self.start);
            self.start += there;
            left -= there;
            if left == 0 {
                return Ok(());
            }
            self.read()?;
        }
    }

    fn skip_chunks(&mut self) -> Result<()> {
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer[self.start..], b"\r\n") {
                    break self.start..self.start + end;
                }
                self.read()?;
            };
            let size = std::str::from_utf8(&self.buffer[line.clone()])
                .ok()
                .and_then(|line| usize::from_str_radix(line, 16).ok())
                .context("a chunk of an answer does not begin with its size")?;
            self.start = line.end + 2;
            // What ends the chunk; we asked for no trailers.
            self.skip(size + 2)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

struct Head {
    answer: Answer,
    body: Body,
}

enum Body {
    Length(usize),
    Chunked,
    UntilClosed,
}

fn head(bytes: &[u8]) -> Result<Head> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .with_context(|| format!("an answer begins with `{first}`"))?;
    let mut head = Head {
        answer: Answer { status },
        body: Body::UntilClosed,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse();
            head.body = Body::Length(length.context("a Content-Length is no number")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.body = Body::Chunked;
        }
    }
    Ok(head)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A connection to somebody who says this, whatever is asked, in pieces of a few bytes.
    fn connection_to(says: &'static str) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in says.as_bytes().chunks(7) {
                stream.write_all(piece).unwrap();
            }
        });
        Connection::open(&address).unwrap()
    }

    #[test]
    fn reads_answers_one_after_the_other() {
        let mut connection = connection_to(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
             HTTP/1.1 404 Not Found\r\ncontent-length: 99\r\n\r\n\
             HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n\
             HTTP/1.1 204 No Content\r\n\r\n\
             HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        );
        for (to_head, status) in [
            (false, 200),
            (true, 404),
            (false, 200),
            (false, 204),
            (false, 400),
        ] {
            assert_eq!(connection.answer(to_head).unwrap(), Answer { status });
        }
        let error = connection.answer(false).unwrap_err();
        assert!(error.to_string().contains("without an answer"), "{error}");
    }

    #[test]
    fn what_is_cut_off_or_no_http_is_an_error() {
        for says in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            assert!(connection_to(says).answer(false).is_err(), "{says:?}");
        }
    }
}
