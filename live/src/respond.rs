//! From a request to an answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, Request, Response, StatusCode, Version};
use tallied_http::Connection;
use tallied_http::Unrecorded;

use crate::body::LiveBody;
use crate::document::DOCUMENT;
use crate::events::Events;
use crate::sampler::{Asked, Refused, Sampler};
use crate::viewers::{MAX_VIEWERS, Viewer};

/// What is no document needs nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Answers with the page of a [`Registry`](tallied::Registry), its stream of events, and its JSON.
///
/// | request | answer |
/// | --- | --- |
/// | GET | the page |
/// | GET, `Accept: text/event-stream` | the page's events: a `state`, then a `tick` a second, and a `bye` when a drain begins or when it is read too slowly |
/// | GET, `?format=json`, or a path that ends in `.json` | the state |
/// | GET, `?format=brief` | the sentence and the four figures |
/// | GET, `?endpoint=3` or `?family=jobs_total` | ten minutes of one of them |
///
/// The JSON is for scripts that tolerate new members. Where nobody looks, a request for it takes a second: a rate needs two snapshots. HEAD is
/// answered as GET is, without a body, and any other method with 405.
///
/// - **Limits**: 16 viewers, and 16 requests for a JSON at a time; beyond them 503. A viewer that reads nothing for ten
///   seconds is let go.
/// - **Metrics**: a stream is in no HTTP metric, because a closed tab would be a client that left, and an open one a request
///   in flight; [`tallied_http::Unrecorded`] tells the middleware. `tallied_live_viewers` counts the streams.
/// - **Security**: the page's Content-Security-Policy names its own style and script by their hashes and allows nothing else; it may
///   not be framed, and sets no cookies. It shows no body, no query and no header of any request.
///
/// Clones are handles to the same page; when the last one is dropped, streams end.
#[derive(Debug, Clone)]
pub struct Live(Arc<Owner>);

#[derive(Debug)]
struct Owner(Arc<Sampler>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Live {
    pub(crate) fn new(sampler: Arc<Sampler>) -> Self {
        Self(Arc::new(Owner(sampler)))
    }

    /// The server begins to stop: ends the streams, so that they hold up no drain, and lets no other viewer in.
    pub fn drain(&self) {
        self.0.0.drain();
    }

    /// Answers a request. `connection` is the one that it came on, if that can be ended: one whose viewer reads nothing is.
    ///
    /// Runs in a tokio runtime.
    pub async fn respond<B>(
        &self,
        request: &Request<B>,
        connection: Option<Arc<dyn Connection>>,
    ) -> Response<LiveBody> {
        let is_head = *request.method() == Method::HEAD;
        let mut response = if is_head || *request.method() == Method::GET {
            match Wanted::of(request) {
                Ok(wanted) => self.give(wanted, request, is_head, connection).await,
                Err(mistake) => sentence(StatusCode::BAD_REQUEST, mistake),
            }
        } else {
            let mut response = sentence(
                StatusCode::METHOD_NOT_ALLOWED,
                "the live page is read with GET\n",
            );
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            response
        };
        if is_head {
            *response.body_mut() = LiveBody::whole(Bytes::new());
        }
        response
    }

    async fn give<B>(
        &self,
        wanted: Wanted,
        request: &Request<B>,
        is_head: bool,
        connection: Option<Arc<dyn Connection>>,
    ) -> Response<LiveBody> {
        match wanted {
            Wanted::Page => page(),
            Wanted::Events if is_head => events(LiveBody::whole(Bytes::new())),
            Wanted::Events => {
                let alone = request.version() < Version::HTTP_2;
                match self.0.0.enter(Viewer::new(connection, alone)) {
                    Ok(viewer) => {
                        let stream = Events::new(viewer, Arc::clone(&self.0.0));
                        events(LiveBody::events(stream))
                    }
                    Err(refused) => refuse(refused),
                }
            }
            Wanted::Json(asked) => match self.0.0.answer(asked).await {
                Ok(Some(json)) => answer("application/json", json.into(), NOTHING),
                Ok(None) => sentence(
                    StatusCode::NOT_FOUND,
                    "there is no such endpoint or family, or nobody looked in the last ten minutes\n",
                ),
                Err(refused) => refuse(refused),
            },
        }
    }
}

/// What a request asks for.
enum Wanted {
    Page,
    Events,
    Json(Asked),
}

impl Wanted {
    fn of<B>(request: &Request<B>) -> Result<Self, &'static str> {
        let query = request.uri().query().unwrap_or_default();
        let mut wanted = None;
        let mut is_json = request.uri().path().ends_with(".json");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("format", "json") => is_json = true,
                ("format", "brief") => wanted = Some(Asked::Brief),
                ("format", "html") => {}
                ("format", _) => return Err("format is html, json or brief\n"),
                ("endpoint", id) => {
                    let id = id
                        .parse()
                        .map_err(|_| "endpoint is the number of a row\n")?;
                    wanted = Some(Asked::Endpoint(id));
                }
                ("family", name) => wanted = Some(Asked::Family(name.to_owned())),
                _ => {}
            }
        }
        let accepted = request.headers().get_all(ACCEPT).iter();
        let accepted = accepted.filter_map(|accepted| accepted.to_str().ok());
        let mut ranges = accepted.flat_map(|accepted| accepted.split(','));
        // By name alone: whoever takes anything gets the page.
        let takes_events = ranges.any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range.eq_ignore_ascii_case("text/event-stream")
        });
        Ok(match wanted {
            Some(asked) => Self::Json(asked),
            None if is_json => Self::Json(Asked::State),
            None if takes_events => Self::Events,
            None => Self::Page,
        })
    }
}

fn page() -> Response<LiveBody> {
    let document = &*DOCUMENT;
    let mut response = answer(
        "text/html; charset=utf-8",
        document.html.clone(),
        &document.policy,
    );
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        same_origin,
    );
    response
}

fn events(body: LiveBody) -> Response<LiveBody> {
    let mut response = with_body("text/event-stream", body, NOTHING);
    let headers = response.headers_mut();
    // A proxy that collects or compresses a stream would hold it up.
    let as_it_comes = HeaderValue::from_static("no-store, no-transform");
    headers.insert(CACHE_CONTROL, as_it_comes);
    let unbuffered = HeaderValue::from_static("no");
    headers.insert(HeaderName::from_static("x-accel-buffering"), unbuffered);
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    response.extensions_mut().insert(Unrecorded);
    response
}

fn refuse(refused: Refused) -> Response<LiveBody> {
    let mut response = match refused {
        Refused::TooMany => sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("{MAX_VIEWERS} look already; close another page, or come back later.\n"),
        ),
        Refused::Draining => sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is stopping, so it sends no more events.\n",
        ),
    };
    let later = HeaderValue::from_static("30");
    response.headers_mut().insert(RETRY_AFTER, later);
    response
}

fn sentence(status: StatusCode, text: &str) -> Response<LiveBody> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    let mut response = answer("text/plain; charset=utf-8", text, NOTHING);
    *response.status_mut() = status;
    response
}

fn answer(content_type: &'static str, bytes: Bytes, policy: &str) -> Response<LiveBody> {
    with_body(content_type, LiveBody::whole(bytes), policy)
}

fn with_body(content_type: &'static str, body: LiveBody, policy: &str) -> Response<LiveBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_str(policy).expect("a policy is ASCII");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        same_origin,
    );
    response
}
