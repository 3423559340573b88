//! Whether a part of the next head has arrived behind a request.
//!
//! A connection may idle for longer than a head may take, so between two requests it matters whether a part of
//! the next head has come already, in the same read as the request before it (pipelining). Hyper keeps such a part
//! to itself.
//!
//! Exact for a request whose head arrived while the connection waited. Of one that came behind another, the end is not known:
//! without a body, or with a chunked one, it ends with an empty line, and if what was received ends so, nothing
//! came behind it; with a Content-Length, a next head is supposed to have begun.
//!
//! Costs a look at each byte of a head, and at four of anything else.

/// The body of a request, as its head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    Known(u64),
    Chunked,
}

/// What a connection received, as far as it tells requests apart.
#[derive(Debug, Default)]
pub(super) struct Pipelining {
    received: u64,
    /// So far what was received is more than empty lines, which may stand before a head.
    text_end: u64,
    /// What was received last is the end of a line …
    line_ends: bool,
    /// … and that line is empty.
    empty_line: bool,
    /// Something of the head was received that is not an empty line: those may come before it.
    head_begun: bool,
    head_end: Option<u64>,
    /// The request of the head that ends there has begun.
    head_is_over: bool,
}

impl Pipelining {
    /// What is received next belongs to a head, or continues one that came behind a request.
    pub(super) fn begin_head(&mut self, continues: bool) {
        self.head_begun = continues;
        self.head_end = None;
        self.head_is_over = false;
    }

    /// So many more requests have begun.
    pub(super) fn requests_begun(&mut self, count: u64) {
        if count > 1 || self.head_is_over {
            self.head_end = None;
        }
        self.head_is_over = true;
    }

    /// Bytes came in.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if self.head_end.is_none() && !self.head_is_over {
            let end = bytes.iter().position(|byte| self.ends_head(*byte));
            let scanned = end.map_or(bytes.len(), |at| at + 1);
            self.head_end = end.map(|_| self.received + scanned as u64);
            rest = &bytes[scanned..];
        }
        if rest.len() > 4 {
            rest = &rest[rest.len() - 4..];
            self.line_ends = false;
        }
        for byte in rest {
            self.take(*byte);
        }
        if let Some(at) = bytes
            .iter()
            .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
        {
            self.text_end = self.received + at as u64 + 1;
        }
        self.received += bytes.len() as u64;
    }

    /// Whether something came behind the request that began last, whose body is this.
    pub(super) fn next_head_has_begun(&self, body: BodyLength) -> bool {
        match (self.head_end, body) {
            (Some(end), BodyLength::Known(length)) => self.text_end > end.saturating_add(length),
            (None, BodyLength::Known(1..)) => true,
            _ => !self.empty_line,
        }
    }

    fn take(&mut self, byte: u8) {
        self.empty_line = byte == b'\n' && self.line_ends;
        self.line_ends = byte == b'\n' || (byte == b'\r' && self.line_ends);
    }

    fn ends_head(&mut self, byte: u8) -> bool {
        self.take(byte);
        self.head_begun |= !matches!(byte, b'\r' | b'\n');
        self.head_begun && self.empty_line
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyLength, Pipelining};

    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const NONE: BodyLength = BodyLength::Known(0);
    const TWO: BodyLength = BodyLength::Known(2);

    /// Requests that were received in one read or byte by byte, and begun then.
    fn after(received: &str, requests: u64, body: BodyLength) -> bool {
        let whole = [received.as_bytes()];
        let bytes: Vec<_> = received.as_bytes().chunks(1).collect();
        let [one, other] = [&whole[..], &bytes].map(|reads| {
            let mut pipelining = Pipelining::default();
            for read in reads {
                pipelining.received(read);
            }
            pipelining.requests_begun(requests);
            pipelining.next_head_has_begun(body)
        });
        assert_eq!(one, other, "{received:?}");
        one
    }

    #[test]
    fn what_came_behind_a_request_is_a_part_of_the_next_head() {
        let post = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n";
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        for (request, body) in [
            (GET.to_owned(), NONE),
            (format!("\r\n\n{GET}"), NONE),
            ("GET / HTTP/1.1\nHost: x\n\n".to_owned(), NONE),
            (format!("{post}hi"), TWO),
            (format!("{post}\n\n"), TWO),
            (chunked.to_owned(), BodyLength::Chunked),
            // Some clients send one more, which is to be ignored (RFC 9112, section 2.2).
            (format!("{GET}\r\n"), NONE),
            (format!("{post}hi\r\n"), TWO),
        ] {
            assert!(!after(&request, 1, body), "{request:?}");
            for part in ["G", "GET / HTTP/1.1\r\nHost: ", "GET / HTTP/1.1\r\n"] {
                assert!(after(&format!("{request}{part}"), 1, body), "{request:?}");
            }
            let twice = format!("{request}{request}");
            // Where a Content-Length hides the end, the stricter limit holds.
            assert_eq!(after(&twice, 2, body), body == TWO, "{request:?}");
            assert!(after(&format!("{twice}G"), 2, body), "{request:?}");
        }
        // The body is still to come.
        assert!(!after(post, 1, TWO));
    }

    #[test]
    fn a_connection_that_waits_again_is_known_again() {
        let mut pipelining = Pipelining::default();
        pipelining.received(format!("{GET}{GET}G").as_bytes());
        pipelining.requests_begun(1);
        pipelining.requests_begun(1);
        assert!(pipelining.next_head_has_begun(NONE));
        pipelining.begin_head(true);
        pipelining.received(b"ET / HTTP/1.1\r\n\r\n");
        pipelining.requests_begun(1);
        assert!(!pipelining.next_head_has_begun(NONE));
        pipelining.begin_head(false);
        pipelining.received(b"POST / HTTP/1.1\r\n\r\nhi");
        pipelining.requests_begun(1);
        assert!(!pipelining.next_head_has_begun(TWO));
        pipelining.received(b"G");
        assert!(pipelining.next_head_has_begun(TWO));
    }
}
