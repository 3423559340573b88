//! Reads a request's body up to a limit, so that the client gets to read the answer either way.
//!
//! A connection that is closed on a client in the middle of its body takes the answer with it. So
//! the rest of a body that is too large is read and dropped, as far as [`DROPPED_BYTES`]; a client
//! that sends more may find its connection closed. One that asked first (`Expect:
//! 100-continue`) is refused before it sends anything.
//!
//! A body that is sent too slowly, as a whole or with too long a pause, is a 408; one for which there is no memory
//! ([`BodyBudget`]) a 503, once the rest of it is read and dropped.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use http_body::Body;
use salvo::Request;
use salvo::http::StatusCode;
use salvo::http::header::EXPECT;

use super::body_budget::{BodyBudget, Full, KeptBody, RETRY_AFTER};
use super::limits::Limits;
use super::problem::Problem;

/// How much of a body is read beyond the limit, and dropped.
const DROPPED_BYTES: u64 = 32 << 20;

/// Why there is no body.
#[derive(Debug)]
enum Unread {
    TooLarge,
    Full,
    /// The connection failed, or what came was no body.
    Failed(io::Error),
}

/// A body that was read. It keeps its share of the budget until it is dropped.
pub(super) struct ReadBody {
    pub(super) bytes: Vec<u8>,
    _kept: KeptBody,
}

/// The body, if it is within the limits.
pub(super) async fn read(
    req: &mut Request,
    limits: &Limits,
    budget: &BodyBudget,
) -> Result<ReadBody, Problem> {
    let too_slow = || {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body came too slowly; send it without long pauses, or in several requests",
        )
    };
    let collected = collect(req, limits.body_bytes, budget);
    match tokio::time::timeout(limits.body_time, collected).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Unread::TooLarge)) => {
            let limit = limits.body_bytes;
            let detail =
                format!("the body is larger than {limit} bytes; split it into several requests");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Ok(Err(Unread::Full)) => {
            let detail = "too many request bodies are being sent at once; try again later";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER))
        }
        Ok(Err(Unread::Failed(error))) if is_timeout(&error) => Err(too_slow()),
        Ok(Err(Unread::Failed(error))) => {
            let detail = format!("the body could not be read: {error}");
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        Err(_) => Err(too_slow()),
    }
}

/// Whether a body failed because its next part did not come in time.
fn is_timeout(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        cause = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => return true,
            // What an io::Error wraps is not what its `source` returns.
            Some(error) => error.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    false
}

async fn collect(req: &mut Request, limit: usize, budget: &BodyBudget) -> Result<ReadBody, Unread> {
    let asks_first = req.headers().contains_key(EXPECT);
    let mut body = req.take_body();
    let hint = body.size_hint();
    let announced = hint.exact().and_then(|size| usize::try_from(size).ok());
    let mut kept = Ok(budget.body(announced.map_or(limit, |size| size.min(limit))));
    let limit = limit as u64;
    let most = limit.saturating_add(DROPPED_BYTES);
    if hint.lower() > if asks_first { limit } else { most } {
        return Err(Unread::TooLarge);
    }
    let mut size = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(Unread::Failed)?.into_data() else {
            continue;
        };
        size += data.len() as u64;
        if size > most {
            break;
        }
        // What is not kept is dropped.
        if size > limit {
            kept = Err(Unread::TooLarge);
        } else if let Ok(body) = &mut kept
            && body.push(&data) == Err(Full)
        {
            kept = Err(Unread::Full);
        }
    }
    let mut kept = kept?;
    match kept.bytes() {
        Ok(bytes) => Ok(ReadBody { bytes, _kept: kept }),
        Err(Full) => Err(Unread::Full),
    }
}
