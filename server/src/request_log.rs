//! The log's line of each request, at `debug`.
//!
//! | field | is |
//! | --- | --- |
//! | `request_id` | counts from 1 in each process; the answer's `x-request-id` |
//! | `method` | a known method, or `OTHER` |
//! | `endpoint` | the pattern of the route |
//! | `path` | in its place where no route matched: the path without the query, clipped |
//! | `status` | of the answer; missing where the client left, or a handler panicked, before it |
//! | `bytes` | of the answer's body; missing for a stream, whose line is written at its head |
//! | `duration_seconds` | from the request's head to the answer's |
//!
//! No body and no header value is logged. Below `debug` the hoop is not installed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use tallied_http::adapter::standard_method;
use tallied_salvo::matched_path;

/// The longest path that is logged, in bytes: clients choose it.
const MAX_PATH: usize = 200;

/// The hoop that writes them.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: AtomicU64,
}

#[salvo::async_trait]
impl Handler for RequestLog {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        // Relaxed: only that each is given once matters.
        let id = 1 + self.requests.fetch_add(1, Ordering::Relaxed);
        let endpoint = matched_path(req, res, ctrl).map(|path| format!("/{path}"));
        let path = endpoint.is_none().then(|| clipped(req.uri().path()));
        let line = Line {
            id,
            method: standard_method(req.method()),
            endpoint,
            path,
            started: Instant::now(),
            written: false,
        };
        res.headers_mut().insert("x-request-id", id.into());

        ctrl.call_next(req, depot, res).await;

        // Catchers may still change the answer; one that is never made drops the line.
        if let Err(answered) = req.try_on_response(move |res| line.answered(res)) {
            answered(res);
        }
    }
}

/// A line that was not written yet; it is when it is dropped.
struct Line {
    id: u64,
    method: &'static str,
    endpoint: Option<String>,
    path: Option<String>,
    started: Instant,
    written: bool,
}

impl Line {
    fn answered(mut self, res: &Response) {
        let status = res.status_code.map_or(200, |status| status.as_u16());
        self.write(Some(status), res.body.size());
    }

    fn write(&mut self, status: Option<u16>, bytes: Option<u64>) {
        self.written = true;
        tracing::debug!(
            request_id = self.id,
            method = self.method,
            endpoint = self.endpoint.as_deref(),
            path = self.path.as_deref(),
            status,
            bytes,
            duration_seconds = self.started.elapsed().as_secs_f64(),
            "request"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            self.write(None, None);
        }
    }
}

fn clipped(path: &str) -> String {
    let end = path.floor_char_boundary(MAX_PATH);
    path[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use tracing_subscriber::layer::SubscriberExt;

    use super::{Line, MAX_PATH, clipped};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_request_that_is_dropped_without_an_answer_has_its_line() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone());
        let events = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(events, || {
            drop(Line {
                id: 7,
                method: "GET",
                endpoint: Some("/slow".to_owned()),
                path: None,
                started: Instant::now(),
                written: false,
            });
        });
        let written = written.0.lock().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            (line["request_id"].as_u64(), &line["endpoint"]),
            (Some(7), &"/slow".into())
        );
        assert!(
            line.get("status").is_none() && line.get("bytes").is_none(),
            "{line}"
        );
    }

    #[test]
    fn a_path_is_clipped_between_characters() {
        assert_eq!(clipped("/a"), "/a");
        assert_eq!(
            clipped(&format!("/{}", "é".repeat(500))).len(),
            MAX_PATH - 1
        );
    }
}
