//! One kind of request: what is sent, how the client behaves, and what is known of the record that the server makes.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use fastrand::Rng;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};

use super::text::Text;

/// The methods that the server tells apart, and the label of all others.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];
const OTHER: &str = "OTHER";
/// The label of what no route took.
pub(crate) const UNMATCHED: &str = "unmatched";

#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(super) method: Text,
    /// As the server labels it.
    pub(super) method_label: &'static str,
    pub(super) path: Text,
    pub(super) headers: HeaderMap<HeaderValue>,
    /// Those that are others each time.
    pub(super) filled_headers: Vec<(HeaderName, Text)>,
    pub(super) body: Body,
    /// Without a Content-Length.
    pub(crate) streamed: bool,
    pub(crate) endpoint: String,
    /// The statuses that an answer may have. Another one is an error, and is counted as it came.
    pub(crate) statuses: Vec<u16>,
    pub(crate) conduct: Conduct,
    pub(crate) fails: Option<Fails>,
    /// The server cannot be done with it sooner: a delay that was asked for.
    pub(crate) least_seconds: f64,
    /// … and cannot have begun its answer sooner.
    pub(crate) least_start_seconds: f64,
    /// The server cannot answer with more, where it is known.
    pub(crate) most_response_bytes: Option<u64>,
}

/// What a client does with its request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Conduct {
    /// Sends it whole, and reads the answer to its end.
    Reads,
    /// … at so many bytes a second.
    ReadsSlowly(f64),
    /// Leaves when so many bytes of the body are sent: the server cannot have answered.
    LeavesInUpload(usize),
    /// Leaves when it has read so many bytes of the answer. Where the rest may be on its way already, the
    /// server may have recorded the answer.
    LeavesInAnswer {
        after_bytes: u64,
        rest_is_held_back: bool,
    },
    /// Leaves this long after sending its request; 0 means at once. The server counts it: as answered, where the
    /// answer is ready when the service is first polled, and else as 499.
    LeavesWaiting(Duration),
    /// Sends its body alone, which is no HTTP, on a connection of its own: the server closes it, and counts nothing.
    SendsRaw,
}

/// What goes wrong on purpose in the server, and so is no error of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// A panic before the head: the connection is closed without an answer, and 500 is recorded.
    Panic,
    /// The body breaks in the middle.
    BodyError,
    /// … by a panic.
    BodyPanic,
}

impl Fails {
    /// The `reason` of `http_requests_aborted_total`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Panic | Self::BodyPanic => "panic",
            Self::BodyError => "body_error",
        }
    }
}

#[derive(Debug)]
pub(super) enum Body {
    None,
    /// One of these, each as likely; made once, for making one takes longer than sending it.
    OneOf(Vec<Bytes>),
    Text(Text),
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap<HeaderValue>,
    pub(crate) body: Option<Bytes>,
}

/// As the server labels a method.
pub(super) fn label_of(method: &str) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or(OTHER)
}

impl Kind {
    /// # Errors
    /// When what was filled in makes no path.
    pub(crate) fn prepare(&self, rng: &mut Rng) -> Result<Prepared> {
        let uri = self.check_path(&self.path.fill(rng))?;
        let method = self.method.fill(rng);
        let method = method
            .parse()
            .with_context(|| format!("request {}: `{method}` is no method", self.name))?;
        let mut headers = self.headers.clone();
        for (name, value) in &self.filled_headers {
            let value = HeaderValue::try_from(value.fill(rng)).with_context(|| {
                format!(
                    "request {}: a value of {name} is none of a header",
                    self.name
                )
            })?;
            headers.insert(name, value);
        }
        Ok(Prepared {
            method,
            uri,
            headers,
            body: match &self.body {
                Body::None => None,
                Body::OneOf(bodies) => Some(bodies[rng.usize(..bodies.len())].clone()),
                Body::Text(text) => Some(text.fill(rng).into()),
            },
        })
    }

    pub(super) fn check_path(&self, path: &str) -> Result<Uri> {
        path.parse().with_context(|| {
            format!(
                "request {}: `{path}` is no path of a URL; percent-encode it",
                self.name
            )
        })
    }

    /// The `method` label.
    pub(crate) fn method_label(&self) -> &'static str {
        self.method_label
    }

    /// Whether a handler is there that reads the body.
    fn is_read(&self) -> bool {
        ["POST", "PUT", "PATCH"].contains(&self.method_label) && self.endpoint != UNMATCHED
    }

    /// The bytes of the request's body that the server may have counted, of one with so many.
    pub(crate) fn request_bytes(&self, length: u64) -> (u64, u64) {
        match self.conduct {
            // It has read some of what was sent.
            Conduct::LeavesInUpload(after) => (0, after as u64),
            // It may have left before the body was read.
            Conduct::LeavesWaiting(_) => (0, length),
            // What nobody reads is counted by its Content-Length, which a streamed one has not.
            _ if self.streamed && !self.is_read() => (0, length),
            _ => (length, length),
        }
    }

    /// So long after its sending an answer with this status has not ended, though its head may be here.
    pub(crate) fn held_for(&self, status: u16) -> Option<Duration> {
        let reads = matches!(self.conduct, Conduct::Reads | Conduct::ReadsSlowly(_));
        let held = reads
            && self.fails.is_none()
            && self.statuses.contains(&status)
            && self.least_seconds > self.least_start_seconds;
        held.then(|| Duration::try_from_secs_f64(self.least_seconds).ok())?
    }

    /// The latencies of these are those of a user.
    pub(crate) fn is_timed(&self) -> bool {
        self.conduct == Conduct::Reads && self.fails.is_none()
    }
}
