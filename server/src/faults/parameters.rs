//! The parameters of /fault: what each may be, and which go together.

use std::ops::RangeInclusive;
use std::time::Duration;

use salvo::Request;
use salvo::http::StatusCode;

use crate::problem::Problem;
use crate::query::{number, only};

/// The longest delay, in seconds, and the longest that a stream may take by its pace.
const MAX_SECONDS: f64 = 600.0;
/// The longest that a worker of the runtime may be blocked.
const MAX_BLOCK_SECONDS: f64 = 10.0;
const MAX_CHUNKS: u64 = 1_000_000;
const MAX_CHUNK_BYTES: u64 = 1 << 20;
/// The most bytes of a stream in all.
const MAX_BYTES: u64 = 1 << 30;

const NAMES: [&str; 9] = [
    "delay_seconds",
    "block_seconds",
    "status",
    "panic",
    "chunks",
    "chunk_bytes",
    "pace_seconds",
    "fail_at",
    "panic_at",
];

/// What is to happen.
#[derive(Debug, PartialEq)]
pub(super) struct Parameters {
    pub(super) delay: Duration,
    /// Behind the delay.
    pub(super) block: Duration,
    pub(super) status: StatusCode,
    /// Before the head.
    pub(super) panic: bool,
    /// A streamed answer.
    pub(super) chunks: Option<Plan>,
}

/// A stream of chunks.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) count: u64,
    /// The size of each.
    pub(super) bytes: usize,
    /// The time between two.
    pub(super) pace: Duration,
    /// After how many it breaks, and how.
    pub(super) breaks: Option<(u64, Break)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Break {
    Error,
    Panic,
}

fn bad(name: &str, remedy: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, remedy).at(name)
}

impl Parameters {
    pub(super) fn of(req: &Request) -> Result<Self, Problem> {
        let unknown = |name: &&String| !NAMES.contains(&name.as_str());
        if let Some(name) = req.queries().keys().find(unknown) {
            let detail = format!("unknown; give one of {}", NAMES.join(", "));
            // Of a name that a client made up, as much as helps.
            let name: String = name.chars().take(100).collect();
            return Err(bad(&name, detail));
        }
        let delay = seconds(req, "delay_seconds", MAX_SECONDS)?.unwrap_or_default();
        let block = seconds(req, "block_seconds", MAX_BLOCK_SECONDS)?.unwrap_or_default();
        // Interim statuses are no answers.
        let status = whole(req, "status", 200..=599)?.unwrap_or(200);
        let status = u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::OK);
        let panic = match only(req, "panic")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("panic", "give true or false")),
        };
        let chunks = Plan::of(req)?;
        if panic && chunks.is_some() {
            let remedy =
                "a panic before the head leaves no chunks; leave one out, or give panic_at";
            return Err(bad("panic", remedy));
        }
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        if chunks.is_some() && bodiless.contains(&status) {
            let remedy = "an answer with this status has no body; leave chunks out";
            return Err(bad("status", remedy));
        }
        Ok(Self {
            delay,
            block,
            status,
            panic,
            chunks,
        })
    }
}

impl Plan {
    fn of(req: &Request) -> Result<Option<Self>, Problem> {
        let Some(count) = whole(req, "chunks", 0..=MAX_CHUNKS)? else {
            let of_chunks = ["chunk_bytes", "pace_seconds", "fail_at", "panic_at"];
            return match of_chunks
                .into_iter()
                .find(|name| req.queries().contains_key(*name))
            {
                Some(name) => Err(bad(name, "this is about chunks; give chunks, too")),
                None => Ok(None),
            };
        };
        let bytes = whole(req, "chunk_bytes", 1..=MAX_CHUNK_BYTES)?.unwrap_or(1_024);
        if count * bytes > MAX_BYTES {
            let remedy = format!("chunks × chunk_bytes is more than {MAX_BYTES}; give less");
            return Err(bad("chunk_bytes", remedy));
        }
        let pace = seconds(req, "pace_seconds", MAX_SECONDS)?.unwrap_or_default();
        if pace.as_secs_f64() * count as f64 > MAX_SECONDS {
            let remedy = format!("chunks × pace_seconds is more than {MAX_SECONDS}; give less");
            return Err(bad("pace_seconds", remedy));
        }
        let fail_at = whole(req, "fail_at", 0..=count)?;
        let panic_at = whole(req, "panic_at", 0..=count)?;
        let breaks = match (fail_at, panic_at) {
            (Some(_), Some(_)) => {
                return Err(bad("panic_at", "a stream breaks once; leave fail_at out"));
            }
            (Some(at), None) => Some((at, Break::Error)),
            (None, Some(at)) => Some((at, Break::Panic)),
            (None, None) => None,
        };
        Ok(Some(Self {
            count,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            pace,
            breaks,
        }))
    }
}

fn whole(req: &Request, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
    match only(req, name)?.map(number) {
        None => Ok(None),
        Some(Some(value)) if range.contains(&value) => Ok(Some(value)),
        Some(_) => {
            let (least, most) = (range.start(), range.end());
            Err(bad(name, format!("give a number from {least} to {most}")))
        }
    }
}

fn seconds(req: &Request, name: &str, most: f64) -> Result<Option<Duration>, Problem> {
    let Some(text) = only(req, name)? else {
        return Ok(None);
    };
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=most).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .map(Some)
        .ok_or_else(|| bad(name, format!("give seconds, from 0 to {most}")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use salvo::Request;
    use salvo::test::TestClient;

    use super::{Break, Parameters, Plan};

    fn parameters(query: &str) -> Result<Parameters, String> {
        let url = format!("http://test/fault?{query}");
        let request: Request = TestClient::get(url).build();
        Parameters::of(&request).map_err(|problem| {
            let problem = serde_json::to_value(problem).unwrap();
            assert_eq!(problem["status"], 400);
            assert!(!problem["detail"].as_str().unwrap().is_empty());
            problem["field"].as_str().unwrap().to_owned()
        })
    }

    #[test]
    fn what_is_asked_for() {
        let nothing = parameters("").unwrap();
        assert_eq!((nothing.delay, nothing.panic), (Duration::ZERO, false));
        assert_eq!(nothing.block, Duration::ZERO);
        assert_eq!((nothing.status.as_u16(), nothing.chunks), (200, None));
        let all = parameters(
            "delay_seconds=0.2&block_seconds=0.08&status=503&panic=false&chunks=100&chunk_bytes=7&pace_seconds=0.01&fail_at=50",
        )
        .unwrap();
        assert_eq!(all.delay, Duration::from_millis(200));
        assert_eq!(all.block, Duration::from_millis(80));
        assert_eq!((all.status.as_u16(), all.panic), (503, false));
        let plan = Plan {
            count: 100,
            bytes: 7,
            pace: Duration::from_millis(10),
            breaks: Some((50, Break::Error)),
        };
        assert_eq!(all.chunks, Some(plan));
        let end = parameters("chunks=3&panic_at=3").unwrap().chunks.unwrap();
        assert_eq!((end.bytes, end.breaks), (1_024, Some((3, Break::Panic))));
        assert!(parameters("panic=true").unwrap().panic);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("delay=1", "delay"),
            ("delay_seconds=-1", "delay_seconds"),
            ("delay_seconds=600.1", "delay_seconds"),
            ("delay_seconds=inf", "delay_seconds"),
            ("delay_seconds=nan", "delay_seconds"),
            ("delay_seconds=", "delay_seconds"),
            ("delay_seconds=1&delay_seconds=2", "delay_seconds"),
            ("block_seconds=10.1", "block_seconds"),
            ("status=199", "status"),
            ("status=600", "status"),
            ("status=ok", "status"),
            ("status=204&chunks=1", "status"),
            ("status=304&chunks=1", "status"),
            ("panic=yes", "panic"),
            ("panic=true&chunks=1", "panic"),
            ("chunks=1000001", "chunks"),
            ("chunks=-1", "chunks"),
            ("chunks=1&chunk_bytes=0", "chunk_bytes"),
            ("chunks=1&chunk_bytes=1048577", "chunk_bytes"),
            ("chunks=1025&chunk_bytes=1048576", "chunk_bytes"),
            ("chunks=10&pace_seconds=61", "pace_seconds"),
            ("chunks=10&pace_seconds=x", "pace_seconds"),
            ("chunks=10&fail_at=11", "fail_at"),
            ("chunks=10&panic_at=11", "panic_at"),
            ("chunks=10&fail_at=1&panic_at=2", "panic_at"),
            ("fail_at=1", "fail_at"),
            ("panic_at=1", "panic_at"),
            ("pace_seconds=1", "pace_seconds"),
            ("chunk_bytes=1", "chunk_bytes"),
        ] {
            assert_eq!(parameters(query), Err(field.to_owned()), "{query}");
        }
        let long = parameters(&"x".repeat(1_000)).unwrap_err();
        assert_eq!(long.len(), 100);
    }
}
