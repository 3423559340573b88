//! One request on a connection, with whatever its client does to it.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::ext::on_informational;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::upload::Upload;
use super::{End, Outcome};
use crate::scenario::{Conduct, Kind, Prepared};

/// Sends a request of this kind, and returns how it went, with the connection if it can be used again. `on_head` is told when
/// it was sent, and the status, once the head is here.
///
/// # Errors
/// When the scenario makes no request of it.
pub(crate) async fn exchange(
    mut connection: Connection,
    kind: &Kind,
    rng: &mut Rng,
    host: &HeaderValue,
    limit: Duration,
    on_head: impl Fn(Instant, u16),
) -> Result<(Outcome, Option<Connection>)> {
    let prepared = kind.prepare(rng)?;
    let stopped = Rc::new(Notify::new());
    let request_bytes = prepared.body.as_ref().map_or(0, |body| body.len() as u64);
    let mut request = request(kind, prepared, host, &stopped);
    let begun = Arc::new(AtomicBool::new(false));
    if matches!(kind.conduct, Conduct::LeavesWaiting(_)) {
        let begun = Arc::clone(&begun);
        on_informational(&mut request, move |_| begun.store(true, Ordering::Relaxed));
    }

    let sent = Instant::now();
    let mut outcome = Outcome {
        sent: Some(sent),
        head: None,
        begun: false,
        done: sent,
        end: End::Broken { status: None },
        request_bytes,
        response_bytes: 0,
    };
    let end = timeout(
        limit,
        talk(
            &mut connection,
            kind.conduct,
            request,
            &stopped,
            &mut outcome,
            |status| on_head(sent, status),
        ),
    )
    .await;
    let status = outcome.status();
    outcome.end = end.unwrap_or(End::TimedOut { status });
    outcome.done = Instant::now();
    outcome.begun = begun.load(Ordering::Relaxed);
    connection.touch();
    if matches!(outcome.end, End::Answered(_)) {
        return Ok((outcome, Some(connection)));
    }
    connection.close().await;
    Ok((outcome, None))
}

impl Outcome {
    /// While the exchange goes on, its end is not known but for the status.
    fn status(&self) -> Option<u16> {
        match self.end {
            End::Broken { status } => status,
            _ => None,
        }
    }
}

fn request(
    kind: &Kind,
    prepared: Prepared,
    host: &HeaderValue,
    stopped: &Rc<Notify>,
) -> Request<Upload> {
    let body = match (prepared.body, kind.conduct) {
        (None, _) => Upload::None,
        (Some(body), Conduct::LeavesInUpload(after)) => Upload::Stops {
            promised: body.len() as u64,
            left: body.slice(..after.min(body.len())),
            stopped: Rc::clone(stopped),
        },
        (Some(body), _) if kind.streamed => Upload::Chunks(body),
        (Some(body), _) => Upload::Whole(body),
    };
    let mut request = Request::new(body);
    *request.method_mut() = prepared.method;
    *request.uri_mut() = prepared.uri;
    *request.headers_mut() = prepared.headers;
    // One that the scenario sets stays.
    request
        .headers_mut()
        .entry(HOST)
        .or_insert_with(|| host.clone());
    request
}

/// What was learned is in `outcome` at each time, for whoever stops it there.
async fn talk(
    connection: &mut Connection,
    conduct: Conduct,
    request: Request<Upload>,
    stopped: &Notify,
    outcome: &mut Outcome,
    on_head: impl Fn(u16),
) -> End {
    let response = connection.sender.send_request(request);
    let response = match conduct {
        Conduct::LeavesInUpload(_) => {
            let mut response = pin!(response);
            tokio::select! {
                // Not expected, so looked at first.
                biased;
                response = &mut response => response,
                () = stopped.notified() => return End::Left { status: None },
            }
        }
        Conduct::LeavesWaiting(time) => match timeout(time, response).await {
            Ok(response) => response,
            Err(_) => return End::Left { status: None },
        },
        _ => response.await,
    };
    let Ok(response) = response else {
        return End::Broken { status: None };
    };
    outcome.head = Some(Instant::now());
    let status = response.status().as_u16();
    on_head(status);
    outcome.end = End::Broken {
        status: Some(status),
    };
    read(response, conduct, outcome).await
}

async fn read(response: Response<Incoming>, conduct: Conduct, outcome: &mut Outcome) -> End {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let leaves_after = match conduct {
        Conduct::LeavesInAnswer { after_bytes, .. } => after_bytes,
        _ => u64::MAX,
    };
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return End::Broken {
                status: Some(status),
            };
        };
        let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
        outcome.response_bytes += bytes as u64;
        if outcome.response_bytes >= leaves_after {
            return End::Left {
                status: Some(status),
            };
        }
        if let Conduct::ReadsSlowly(per_second) = conduct {
            sleep(Duration::from_secs_f64(bytes as f64 / per_second)).await;
        }
    }
    End::Answered(status)
}
