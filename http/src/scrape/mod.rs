//! The scrape handler: a scrape must not hurt the application, however many come and however
//! they behave.

mod buffers;
mod coding;
mod deadline;
mod delivery;
mod document;
#[cfg(feature = "prometheus-client")]
mod family_check;
mod metrics;
mod negotiation;
#[cfg(feature = "prometheus-client")]
mod prometheus_client_registry;
mod render;
mod scrape_request;
mod selection;
mod sharing;
mod slots;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use tallied::Registry;
use tokio::time::Instant;

use self::buffers::Buffers;
use self::coding::Coding;
use self::delivery::{Delivery, DocumentBody, Reader, STALL_AFTER};
use self::metrics::{Counted, Outcome};
use self::render::Sources;
use self::scrape_request::ScrapeRequest;
use self::sharing::{Sharing, Worker};
use self::slots::Slots;
use crate::BoxError;

pub use self::delivery::Connection;
pub(crate) use self::delivery::NotTaken;
pub use self::metrics::ScrapeMetrics;

/// For a Prometheus, its twin, and people with curl.
const MAX_DOCUMENTS: usize = 8;

/// Default time for a document to be there.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Default time for it to be taken then.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Without an adapter that knows better.
const MIDDLEWARE_HINT: &str = "put the middleware of your framework's package around the service";

/// How long a scrape waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a scrape with what a [`Registry`] holds.
///
/// GET is answered with a document, HEAD with its headers, without rendering one (so without its
/// Content-Length), and any other method with 405, whatever the route says.
///
/// - **Format**: text 0.0.4, or OpenMetrics 1.0.0 or protobuf where `Accept` prefers it, as Prometheus' does;
///   `?format=text`, `?format=openmetrics` and `?format=protobuf` override the header, and any other value is
///   a 400. Protobuf is not offered beside a prometheus-client registry.
/// - **Start times**: protobuf has those of counters and histograms; OpenMetrics has them, as `_created`, with
///   `?created=true`.
/// - **Compression**: gzip where `Accept-Encoding` asks for it.
/// - **Families**: `?name[]=`, which may be repeated, asks for some only, by the name of the family
///   or of its samples (`jobs` or `jobs_total`; `x`, `x_bucket`, `x_count` or `x_sum`). The others
///   are not read. Names that nothing has select nothing. More than 256 are a 400.
/// - **Time**: a scrape that has no document in the time that `X-Prometheus-Scrape-Timeout-Seconds`
///   gives, less a tenth (at most half a second) for the way, is answered with 503. The rendering
///   ends before its next family, as it does when the client leaves.
/// - **Limit**: at most 8 documents at a time, those that are rendered and those that are sent. One
///   more takes the place of the document whose readers have stalled longest; if nothing
///   can be evicted within a second, the answer is 503 with `Retry-After`. Readers that share a document count once.
/// - **Readers that stall**: a document has 60 seconds to be taken; then, or when it made room, it is
///   freed, whatever its readers do. Over HTTP/1 their connections end; over HTTP/2, which others may
///   share, their streams do: when they take something, or with the connection after 60 more seconds.
///   No `FuseConfig` is needed for it.
/// - **Sharing**: scrapes that ask for the same share a document if its rendering begins after they
///   have arrived. So what was recorded before a scrape is in it, and there are never more than
///   two renderings of the same: one that runs, and one that waits.
/// - **Collectors that hang**: what the application computes ([`Collector`](tallied::Collector),
///   [`GaugeFn`](tallied::GaugeFn), [`CounterFn`](tallied::CounterFn)) is left out when it takes longer
///   than its own limit, or three quarters of the scrape's time. The other metrics are served, and
///   later scrapes do not wait for it.
/// - **Panics**: a metric that panics when it is read is left out, and a prometheus-client registry
///   whose encoding panics or fails is, as a whole. The other metrics are served. (In a program
///   that is built with `panic = "abort"`, a panic ends the program all the same.)
/// - **Memory**: that of at most 8 documents, and what is kept of earlier ones: the memory of a document is
///   used again for a later one, once its last reader has all of it or it is cut off. At most two buffers of
///   together 256 MiB are kept, and none larger than four times what the last documents needed.
///   After 90 seconds without a scrape they are freed. What `?name[]=` selects has memory of its own.
///
/// Rendering and compression take place on a blocking thread, the document is whole before its
/// first byte is sent, and meanwhile no lock is held, so a scrape holds up neither the requests of
/// the application nor registrations.
///
/// Clones share the limits and the documents, so that one handler may be mounted in several places.
/// It needs a tokio runtime with its timer.
///
/// ```
/// use http::Request;
/// use tallied::Registry;
/// use tallied_http::Scrape;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), http::Error> {
/// let scrape = Scrape::new(Registry::default());
/// let request = Request::get("/metrics?format=text").body(())?;
/// let response = scrape.respond(&request, None).await;
/// assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Scrape {
    sources: Arc<Sources>,
    sharing: Sharing,
    slots: Slots,
    buffers: Buffers,
    timeout: Duration,
    middleware_hint: &'static str,
}

impl Scrape {
    /// The most `name[]` parameters of a scrape; more are a 400.
    pub const MAX_NAMES: usize = selection::MAX_NAMES;

    /// A handler for the route `/metrics`.
    pub fn new(registry: Registry) -> Self {
        Self {
            sources: Arc::new(Sources {
                registry,
                #[cfg(feature = "prometheus-client")]
                others: Vec::new(),
                metrics: None,
            }),
            sharing: Sharing::default(),
            slots: Slots::new(MAX_DOCUMENTS, WRITE_TIMEOUT),
            buffers: Buffers::default(),
            timeout: TIMEOUT,
            middleware_hint: MIDDLEWARE_HINT,
        }
    }

    /// Adds the metrics of a prometheus-client registry, in both text formats, after those
    /// that are there already. Protobuf is no longer offered then.
    ///
    /// Help texts are escaped, which prometheus-client does in text 0.0.4 only. A family that would
    /// make the document invalid is left out and counted in
    /// `tallied_scrape_collector_errors_total`: for example for an invalid metric or label name, a
    /// duplicate series, or a name that is already taken.
    ///
    /// That crate reads a registry as a whole: what `?name[]=` does not select is dropped after it
    /// was read (unless all names are those of metrics in our registry), and a panic or an
    /// error in one metric leaves out all of its registry. A rendering that nobody waits for ends in the
    /// middle of it. An encoding that never returns keeps a thread, for which a runtime that is dropped
    /// waits, and the place of one document.
    #[cfg(feature = "prometheus-client")]
    #[must_use]
    pub fn with_prometheus_client(
        self,
        registry: Arc<prometheus_client::registry::Registry>,
    ) -> Self {
        self.with_sources(|sources| sources.others.push(registry))
    }

    /// Measures the scrapes; [`ScrapeMetrics`] says what. Without it nothing is measured.
    #[must_use]
    pub fn with_metrics(self, metrics: ScrapeMetrics) -> Self {
        self.with_sources(|sources| sources.metrics = Some(metrics))
    }

    /// How many documents there may be at once, rendered or sent. At least 1; default: 8.
    /// They take at most as many blocking threads. Clones that were made before keep their limit.
    #[must_use]
    pub fn with_max_documents(mut self, documents: usize) -> Self {
        self.slots = Slots::new(documents, self.slots.write_timeout());
        self
    }

    /// How long a document may take to be sent, from when it is rendered; then it is freed, and readers
    /// that have not taken all of it are cut off. Default: 60 s. Clones that were made before keep theirs.
    #[must_use]
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.slots = Slots::new(self.slots.count(), timeout);
        self
    }

    /// How long a scrape may wait for its document, even if its header allows more; then it is answered with
    /// 503. Default: 60 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For adapters: how the framework's middleware is put around a service. The first scrape logs it, after a semicolon, if
    /// no middleware feeds the HTTP metrics of the registry.
    #[must_use]
    pub fn with_middleware_hint(mut self, hint: &'static str) -> Self {
        self.middleware_hint = hint;
        self
    }

    /// A handler with other sources shares no documents with its clones from before.
    fn with_sources(mut self, change: impl FnOnce(&mut Sources)) -> Self {
        change(Arc::make_mut(&mut self.sources));
        self.sharing = Sharing::default();
        self
    }

    /// Answers a scrape: 200 with a document, or 400, 405, 500 or 503 with a sentence that says what to do. [`Scrape`]
    /// says when; 500 is a rendering that broke off, which would be a bug.
    ///
    /// `connection` is the client's, so that it can be ended when the document is not taken in time. With `None`, the body
    /// fails the next time it is polled, and a client that takes nothing keeps its connection.
    ///
    /// The future does not borrow the request, and takes at most the time limit of the scrape. Dropping it cancels the
    /// scrape: a rendering that nobody else waits for ends before its next family. Until the body is read to its end, dropped
    /// or cut off, its document takes one of [`with_max_documents`](Self::with_max_documents).
    ///
    /// A GET costs a rendering on a blocking thread, unless it shares one; the other methods render nothing. The body copies
    /// pieces of 4 KiB out of the document.
    ///
    /// # Panics
    /// The future panics when a GET is polled outside of a tokio runtime with its timer.
    pub fn respond<B>(
        &self,
        request: &Request<B>,
        connection: Option<Arc<dyn Connection>>,
    ) -> impl Future<Output = Response<ScrapeBody>> + Send + use<B> {
        let method = request.method().clone();
        let asked = ScrapeRequest::of(
            request.uri(),
            request.headers(),
            self.sources.offer_protobuf(),
        );
        let limit = deadline::time_limit(request.headers(), self.timeout);
        let alone = request.version() < Version::HTTP_2;
        let scrape = self.clone();
        async move {
            let mut response = match method {
                Method::GET => scrape.document_for(asked, limit, connection, alone).await,
                Method::HEAD => match asked {
                    Ok(request) => describe(&request, ScrapeBody::empty()),
                    Err(remedy) => refuse(StatusCode::BAD_REQUEST, remedy),
                },
                _ => {
                    let remedy = "metrics are there to be read: use GET or HEAD\n";
                    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, remedy.to_owned());
                    let methods = HeaderValue::from_static("GET, HEAD");
                    response.headers_mut().insert(ALLOW, methods);
                    response
                }
            };
            let headers = response.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            response
        }
    }

    async fn document_for(
        &self,
        asked: Result<ScrapeRequest, String>,
        limit: Duration,
        connection: Option<Arc<dyn Connection>>,
        alone: bool,
    ) -> Response<ScrapeBody> {
        crate::installation::scraped(&self.sources.registry, self.middleware_hint);
        let mut counted = Counted::begin(self.sources.metrics.as_ref());
        let request = match asked {
            Ok(request) => request,
            Err(remedy) => {
                counted.outcome = Outcome::Invalid;
                return refuse(StatusCode::BAD_REQUEST, remedy);
            }
        };
        match tokio::time::timeout(limit, self.document(&request, limit)).await {
            Ok(Ok(document)) => {
                let metrics = self.sources.metrics.as_ref();
                let reader = Reader {
                    connection,
                    alone,
                    cut_off: metrics.map(|metrics| metrics.cut_off.clone()),
                };
                counted.ok(document.figures, request.selection.is_everything());
                describe(
                    &request,
                    ScrapeBody(Inner::Document(document.send_to(reader))),
                )
            }
            Err(_) => {
                counted.outcome = Outcome::Timeout;
                let remedy = format!(
                    "scrape timed out after {limit:?}: look for a slow \
                     collector, raise the scraper's timeout or Scrape::with_timeout, or ask for \
                     less with ?name[]=\n"
                );
                refuse(StatusCode::SERVICE_UNAVAILABLE, remedy)
            }
            Ok(Err(NoDocument::Refused)) => {
                counted.outcome = Outcome::Refused;
                let remedy = format!(
                    "too many documents are being rendered or read (limit {}): scrape less \
                     often, look for a slow collector, or raise Scrape::with_max_documents\n",
                    self.slots.count()
                );
                let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, remedy);
                let second = HeaderValue::from_static("1");
                response.headers_mut().insert(RETRY_AFTER, second);
                response
            }
            Ok(Err(NoDocument::BrokeOff)) => {
                counted.outcome = Outcome::Error;
                let remedy =
                    "the rendering broke off: look for a panic in the log, and report it\n";
                refuse(StatusCode::INTERNAL_SERVER_ERROR, remedy.to_owned())
            }
        }
    }

    /// A document whose rendering has not begun yet.
    async fn document(
        &self,
        request: &ScrapeRequest,
        limit: Duration,
    ) -> Result<Arc<Delivery>, NoDocument> {
        let start = |worker: Worker| {
            let sources = Arc::clone(&self.sources);
            let buffers = self.buffers.clone();
            tokio::task::spawn_blocking(move || {
                worker
                    .run(|request, until, wanted| sources.render(request, &buffers, until, wanted));
            });
        };
        let began = Instant::now();
        let until = began.into_std().checked_add(limit);
        let document = loop {
            match self
                .sharing
                .join(request.clone(), until, &self.slots, start)
            {
                Some(document) => break document,
                None if began.elapsed() >= PATIENCE => return Err(NoDocument::Refused),
                // Then a rendering may be over, and those who stall are known.
                None => tokio::time::sleep(STALL_AFTER).await,
            }
        };
        document.await.map_err(|_| NoDocument::BrokeOff)
    }
}

/// Why a scrape has no document.
enum NoDocument {
    Refused,
    BrokeOff,
}

/// The head of an answer with a document.
fn describe(request: &ScrapeRequest, body: ScrapeBody) -> Response<ScrapeBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(request.content_type);
    headers.insert(CONTENT_TYPE, content_type);
    if request.coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn refuse(status: StatusCode, reason: String) -> Response<ScrapeBody> {
    let mut response = Response::new(ScrapeBody(Inner::Whole(reason.into())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The body of an answer to a scrape: a document, or a sentence.
///
/// Its error says that the document was not taken in time; a document has no other.
#[derive(Debug)]
pub struct ScrapeBody(Inner);

#[derive(Debug)]
enum Inner {
    Document(DocumentBody),
    Whole(Bytes),
}

impl ScrapeBody {
    fn empty() -> Self {
        Self(Inner::Whole(Bytes::new()))
    }

    /// The bytes of a body that is whole in memory.
    ///
    /// # Errors
    /// The body itself when it is a document, which is freed while it is sent.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(bytes) => Ok(bytes),
            Inner::Document(_) => Err(self),
        }
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Inner::Document(document) => Pin::new(document).poll_frame(cx),
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Document(document) => document.is_end_stream(),
            Inner::Whole(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Document(document) => document.size_hint(),
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
