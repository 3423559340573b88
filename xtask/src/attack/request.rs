//! What the attack sends: random requests that are HTTP, and some bytes that are not.
//!
//! Half of the well-formed requests go to paths that the server has, in such numbers that a series that
//! they can make is there after the warm-up, but once in some 100,000 runs.

use std::ops::Range;

use fastrand::Rng;

/// The characters of a token (RFC 9110, section 5.6.2).
const TOKEN: &[u8] =
    b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// What a path segment may hold besides percent-encoded bytes (RFC 3986, section 3.3).
const SEGMENT: &[u8] =
    b"-._~!$&'()*+,;=:@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HOST: &[u8] = b"-.0123456789abcdefghijklmnopqrstuvwxyz";

/// How many bytes a long method, segment, query or host has.
const LONG: usize = 1_500;

const OTHER_METHODS: [&str; 6] = ["PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const LOWER_CASE: [&str; 5] = ["get", "post", "Get", "options", "delete"];

/// A path that the server has, or nearly, and queries that mean something there.
struct Known {
    /// What ends in a slash goes on with something random.
    path: &'static str,
    /// Likewise for what ends in an equals sign.
    queries: &'static [&'static str],
}

const fn known(path: &'static str) -> Known {
    Known { path, queries: &[] }
}

const DATA: Known = Known {
    path: "/data",
    queries: &["limit=5", "limit=-1", "limit=", "offset=3", "offset="],
};

const KNOWN: [Known; 12] = [
    DATA,
    Known {
        path: "/metrics",
        queries: &["format=text", "format="],
    },
    known("/"),
    known("/health"),
    known("/health/live"),
    known("/health/ready"),
    known("/data/"),
    // Kept at first; the other one never.
    known("/data/17"),
    known("/data/999999999"),
    known("/docs/"),
    known("/%64ata"),
    known("/health/"),
];

/// Appends a request that is HTTP, and says whether its method is HEAD.
pub(super) fn well_formed(rng: &mut Rng, out: &mut Vec<u8>) -> bool {
    let method = method(rng);
    out.extend_from_slice(&method);
    out.push(b' ');
    // So many that as many records as the server keeps are there after the warm-up.
    let submits = method == b"POST" && rng.u8(..5) > 0;
    target(rng, submits, out);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    // None and two are no HTTP/1.1, strictly; servers take them.
    let hosts = match rng.u8(..20) {
        0 => 0,
        1 => 2,
        _ => 1,
    };
    for _ in 0..hosts {
        out.extend_from_slice(b"host: ");
        host(rng, out);
        out.extend_from_slice(b"\r\n");
    }
    for _ in 0..rng.usize(..3) {
        out.extend_from_slice(b"x-");
        random(rng, TOKEN, 1..20, out);
        out.extend_from_slice(b": ");
        random(rng, SEGMENT, 0..40, out);
        out.extend_from_slice(b"\r\n");
    }
    if rng.u8(..4) == 0 {
        out.extend_from_slice(b"accept: text/html\r\n");
    }
    match method.as_slice() {
        b"POST" => body(rng, out),
        _ => out.extend_from_slice(b"\r\n"),
    }
    method == b"HEAD"
}

fn method(rng: &mut Rng) -> Vec<u8> {
    let known = |name: &str| name.as_bytes().to_vec();
    match rng.u8(..100) {
        0..40 => known("GET"),
        40..52 => known("HEAD"),
        52..72 => known("POST"),
        72..84 => known(OTHER_METHODS[rng.usize(..OTHER_METHODS.len())]),
        84..88 => known(LOWER_CASE[rng.usize(..LOWER_CASE.len())]),
        other => {
            let length = if other == 99 { LONG..LONG + 1 } else { 1..21 };
            let mut token = Vec::new();
            random(rng, TOKEN, length, &mut token);
            token
        }
    }
}

fn target(rng: &mut Rng, submits: bool, out: &mut Vec<u8>) {
    // As a proxy is asked.
    if rng.u8(..10) == 0 {
        out.extend_from_slice(b"http://");
        host(rng, out);
    }
    if submits || rng.bool() {
        let of_all = &KNOWN[rng.usize(..KNOWN.len())];
        let known = if submits { &DATA } else { of_all };
        out.extend_from_slice(known.path.as_bytes());
        if known.path.len() > 1 && known.path.ends_with('/') {
            // Without it, it would be another path that the server has, and a rare one.
            out.push(b'_');
            segment(rng, out);
        }
        if rng.bool()
            && let Some(query) = rng.choice(known.queries)
        {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
            if query.ends_with('=') {
                segment(rng, out);
            }
            return;
        }
    } else {
        for _ in 0..rng.usize(1..6) {
            out.push(b'/');
            segment(rng, out);
        }
    }
    if rng.u8(..3) == 0 {
        out.push(b'?');
        segment(rng, out);
    }
}

/// Empty, short or long, with percent-encoded bytes, which need not be UTF-8.
fn segment(rng: &mut Rng, out: &mut Vec<u8>) {
    let length = match rng.u8(..100) {
        0 => LONG..LONG + 1,
        _ => 0..30,
    };
    random(rng, SEGMENT, length, out);
    for _ in 0..rng.u8(..3) {
        out.extend_from_slice(format!("%{:02x}", rng.u8(..)).as_bytes());
    }
}

fn host(rng: &mut Rng, out: &mut Vec<u8>) {
    let length = match rng.u8(..100) {
        0 => LONG..LONG + 1,
        _ => 1..30,
    };
    random(rng, HOST, length, out);
    if rng.bool() {
        out.extend_from_slice(format!(":{}", rng.u16(1..)).as_bytes());
    }
}

/// The rest of the head, and a body: for the most part a submission, for some, one with a mistake.
fn body(rng: &mut Rng, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    let mut json = true;
    match rng.u8(..8) {
        0 => random(rng, SEGMENT, 0..200, &mut body),
        1 => {
            json = false;
            body.extend_from_slice(b"name=x");
        }
        2 => body.extend_from_slice(br#"{"name":"","values":[]}"#),
        _ => {
            let values: Vec<String> = (0..rng.usize(1..10))
                .map(|_| rng.i32(..).to_string())
                .collect();
            let name = rng.u64(..);
            let text = format!(r#"{{"name":"{name:x}","values":[{}]}}"#, values.join(","));
            body.extend_from_slice(text.as_bytes());
        }
    }
    let kind = if json {
        "application/json"
    } else {
        "text/plain"
    };
    let head = format!(
        "content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&body);
}

fn random(rng: &mut Rng, alphabet: &[u8], length: Range<usize>, out: &mut Vec<u8>) {
    let length = rng.usize(length);
    out.extend((0..length).map(|_| alphabet[rng.usize(..alphabet.len())]));
}

/// Bytes that are no request, for a connection of their own: the server closes it.
pub(super) fn malformed(rng: &mut Rng) -> Vec<u8> {
    const WHOLE: [&[u8]; 10] = [
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1 and more\r\n\r\n",
        b"G ET / HTTP/1.1\r\n\r\n",
        b"G\x01ET / HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        // A TLS handshake.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ];
    if rng.bool() {
        return WHOLE[rng.usize(..WHOLE.len())].to_vec();
    }
    // The control character at its beginning begins no method.
    let mut bytes = vec![0x7f];
    bytes.extend((0..rng.usize(1..200)).map(|_| rng.u8(..)));
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_requests_again() {
        let requests = |seed| {
            let (mut rng, mut out) = (Rng::with_seed(seed), Vec::new());
            let heads = (0..100).filter(|_| well_formed(&mut rng, &mut out)).count();
            (out, heads)
        };
        assert_eq!(requests(7), requests(7));
        assert_ne!(requests(7), requests(8));
        // Of 100, some 12.
        assert!((1..40).contains(&requests(7).1));
    }
}
