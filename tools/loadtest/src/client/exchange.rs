//! One request on a connection, with whatever its client does to it.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use http_body_util::BodyExt;
use hyper::body::Incoming;
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
    let request = request(kind, prepared, host, &stopped);

    let sent = Instant::now();
    let mut outcome = Outcome {
        sent: Some(sent),
        head: None,
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
    let before = connection.writes.count();
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
        Conduct::LeavesWaiting(time) => {
            let writes = &connection.writes;
            let leaves = async {
                // A timer ends a millisecond late.
                if !time.is_zero() {
                    sleep(time).await;
                }
                writes.beyond(before).await;
            };
            let mut response = pin!(response);
            tokio::select! {
                biased;
                response = &mut response => response,
                () = leaves => return End::Left { status: None },
            }
        }
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use tokio::task::LocalSet;

    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn who_leaves_at_once_has_sent_its_request() {
        let limit = Duration::from_secs(10);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(limit)).unwrap();
            let mut received = String::new();
            stream.read_to_string(&mut received).unwrap();
            received
        });
        let aborts = Scenario::find("aborts").unwrap();
        let mut kinds = aborts.kinds.iter();
        let kind = kinds.find(|kind| kind.name == "leaves at once").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let leaves = async {
            let connection = Connection::open(address).await.unwrap();
            let (rng, host) = (&mut Rng::with_seed(1), HeaderValue::from_static("x"));
            exchange(connection, kind, rng, &host, limit, |_, _| {}).await
        };
        let (outcome, connection) = LocalSet::new().block_on(&runtime, leaves).unwrap();
        assert_eq!(outcome.end, End::Left { status: None });
        assert!(connection.is_none());
        assert_eq!(
            server.join().unwrap(),
            "GET /fault/aborts?delay_seconds=10 HTTP/1.1\r\nhost: x\r\n\r\n"
        );
    }
}
