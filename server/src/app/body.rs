//! Reads a request's body up to a limit, so that the client gets to read the answer either way.
//!
//! A connection that is closed on a client in the middle of its body takes the answer with it. So
//! the rest of a body that is too large is read and dropped, as far as [`DROPPED_BYTES`]; a client
//! that sends more may find its connection closed. One that asked first (`Expect:
//! 100-continue`) is refused before it sends anything.

use std::future::poll_fn;
use std::pin::Pin;

use http_body::Body;
use salvo::Request;
use salvo::http::header::EXPECT;

/// How much of a body is read beyond the limit, and dropped.
const DROPPED_BYTES: u64 = 32 << 20;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum Unread {
    TooLarge,
    /// The connection failed, or what came was no body.
    Failed(std::io::Error),
}

/// The body, if it has at most `limit` bytes.
pub(super) async fn read(req: &mut Request, limit: usize) -> Result<Vec<u8>, Unread> {
    let asks_first = req.headers().contains_key(EXPECT);
    let mut body = req.take_body();
    let limit = limit as u64;
    let most = limit.saturating_add(DROPPED_BYTES);
    let declared = body.size_hint().lower();
    if declared > if asks_first { limit } else { most } {
        return Err(Unread::TooLarge);
    }
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(Unread::Failed)?.into_data() else {
            continue;
        };
        size += data.len() as u64;
        if size > most {
            break;
        }
        if size <= limit {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    if size > limit {
        return Err(Unread::TooLarge);
    }
    Ok(kept)
}
