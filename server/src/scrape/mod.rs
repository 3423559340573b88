//! The scrape handler: a scrape must not hurt the application, however many come and however
//! they behave.

mod ask;
mod coding;
mod deadline;
mod delivery;
mod document;
#[cfg(feature = "prometheus-client")]
mod family_check;
#[cfg(feature = "prometheus-client")]
mod foreign;
pub(crate) mod list_header;
mod metrics;
mod negotiation;
mod render;
mod selection;
mod sharing;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use salvo::conn::ConnCtrl;
use salvo::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Method, Request, ResBody, Response, StatusCode, Version};
use salvo::{Depot, FlowCtrl, Handler};
use tallied::Registry;
use tokio::time::Instant;

use self::ask::Ask;
use self::coding::Coding;
use self::delivery::{Delivery, Reader, STALL_AFTER};
use self::metrics::{Counted, Outcome};
use self::render::Sources;
use self::sharing::{Sharing, Worker};
use self::slots::Slots;

pub(crate) use self::delivery::NotTaken;
pub use self::metrics::ScrapeMetrics;
#[cfg(feature = "server")]
pub(crate) use self::selection::MAX_NAMES;

/// For a Prometheus, its twin, and people with curl.
const MAX_DOCUMENTS: usize = 8;

/// Default time for a document to be there.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Default time for it to be taken then.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a scrape waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a scrape with what a [`Registry`] holds.
///
/// GET is answered with a document, HEAD with its headers, without rendering one (so without its
/// Content-Length), and any other method with 405, whatever the route says.
///
/// - **Format**: text 0.0.4, or OpenMetrics 1.0.0 where `Accept` prefers it, as Prometheus' does;
///   `?format=text` and `?format=openmetrics` override the header, and any other value is a 400.
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
/// - **Panics**: a metric that panics when it is read is left out, and a prometheus-client registry
///   whose encoding panics or fails is, as a whole. The other metrics are served. (In a program
///   that is built with `panic = "abort"`, a panic ends the program all the same.)
///
/// Rendering and compression take place on a blocking thread, the document is whole before its
/// first byte is sent, and meanwhile no lock is held, so a scrape holds up neither the requests of
/// the application nor registrations. The memory of a document is not used again for the next.
///
/// Clones share the limits and the documents, so that one handler may be mounted in several places.
/// It needs a tokio runtime with its timer, as Salvo's server does.
#[derive(Debug, Clone)]
pub struct Scrape {
    sources: Arc<Sources>,
    sharing: Sharing,
    slots: Slots,
    timeout: Duration,
}

impl Scrape {
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
            timeout: TIMEOUT,
        }
    }

    /// Adds the metrics of a prometheus-client registry, in both formats, after those that are
    /// there already.
    ///
    /// Help texts are escaped, which prometheus-client does in text 0.0.4 only. A family that would
    /// make the document invalid is left out and counted in
    /// `tallied_scrape_collector_errors_total`: for example for an invalid metric or label name, a
    /// duplicate series, or a name that is already taken.
    ///
    /// That crate reads a registry as a whole: what `?name[]=` does not select is dropped after it
    /// was read (unless all names are those of metrics here), a panic or an error in one metric
    /// leaves out all of its registry. A rendering that nobody waits for ends in the middle of it. An
    /// encoding that never returns keeps a thread, for which a runtime that is dropped waits, and one
    /// of the scrapes that there may be at once.
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
    /// So many blocking threads are taken at most. What other clones have from before stays theirs.
    #[must_use]
    pub fn with_max_documents(mut self, documents: usize) -> Self {
        self.slots = Slots::new(documents, self.slots.write_timeout());
        self
    }

    /// How long a document may take to be sent, from when it is there; then it is freed, and whoever
    /// has not all of it is cut off. Default: 60 s. What other clones have from before stays theirs.
    #[must_use]
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.slots = Slots::new(self.slots.count(), timeout);
        self
    }

    /// How long a scrape may take until its document is there, even if its header allows for more;
    /// then it is answered with 503. Default: 60 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A handler with other sources shares no documents with its clones from before.
    fn with_sources(mut self, change: impl FnOnce(&mut Sources)) -> Self {
        change(Arc::make_mut(&mut self.sources));
        self.sharing = Sharing::default();
        self
    }

    async fn answer(&self, req: &Request, res: &mut Response, connection: &ConnCtrl) {
        crate::installation::scraped(&self.sources.registry);
        let mut counted = Counted::begin(self.sources.metrics.as_ref());
        let ask = match Ask::of(req) {
            Ok(ask) => ask,
            Err(remedy) => {
                counted.outcome = Outcome::Invalid;
                return refuse(res, StatusCode::BAD_REQUEST, remedy);
            }
        };
        let limit = deadline::time_limit(req.headers(), self.timeout);
        let document = tokio::time::timeout(limit, self.document(&ask)).await;
        let (outcome, status, reason) = match document {
            Ok(Ok(document)) => {
                let figures = document.figures;
                let metrics = self.sources.metrics.as_ref();
                let reader = Reader {
                    connection: connection.clone(),
                    alone: req.version() < Version::HTTP_2,
                    cut_off: metrics.map(|metrics| metrics.cut_off.clone()),
                };
                counted.ok(figures, ask.selection.is_everything());
                describe(res, &ask);
                res.replace_body(ResBody::Boxed(Box::pin(document.send_to(reader))));
                return;
            }
            Err(_) => (
                Outcome::Timeout,
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "scrape timed out after {limit:?}: look for a slow \
                     collector, raise the scraper's timeout or Scrape::with_timeout, or ask for \
                     less with ?name[]=\n"
                ),
            ),
            Ok(Err(NoDocument::Refused)) => {
                let second = HeaderValue::from_static("1");
                res.headers_mut().insert(RETRY_AFTER, second);
                (
                    Outcome::Refused,
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!(
                        "too many documents are being rendered or read (limit {}): scrape less \
                         often, look for a slow collector, or raise Scrape::with_max_documents\n",
                        self.slots.count()
                    ),
                )
            }
            Ok(Err(NoDocument::BrokeOff)) => (
                Outcome::Error,
                StatusCode::INTERNAL_SERVER_ERROR,
                "the rendering broke off: look for a panic in the log, and report it\n".to_owned(),
            ),
        };
        counted.outcome = outcome;
        refuse(res, status, reason);
    }

    /// A document whose rendering has not begun yet.
    async fn document(&self, ask: &Ask) -> Result<Arc<Delivery>, NoDocument> {
        let start = |worker: Worker| {
            let sources = Arc::clone(&self.sources);
            tokio::task::spawn_blocking(move || {
                worker.run(|ask, wanted| sources.render(ask, wanted));
            });
        };
        let began = Instant::now();
        let document = loop {
            match self.sharing.join(ask.clone(), &self.slots, start) {
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

#[salvo::async_trait]
impl Handler for Scrape {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let headers = res.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Beside what other hoops let the answer vary with.
        headers.append(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        match *req.method() {
            Method::GET => self.answer(req, res, ctrl.conn()).await,
            Method::HEAD => match Ask::of(req) {
                Ok(ask) => describe(res, &ask),
                Err(remedy) => refuse(res, StatusCode::BAD_REQUEST, remedy),
            },
            _ => {
                let methods = HeaderValue::from_static("GET, HEAD");
                res.headers_mut().insert(ALLOW, methods);
                let remedy = "metrics are there to be read: use GET or HEAD\n";
                refuse(res, StatusCode::METHOD_NOT_ALLOWED, remedy.to_owned());
            }
        }
    }
}

/// The head of an answer with a document.
fn describe(res: &mut Response, ask: &Ask) {
    res.status_code(StatusCode::OK);
    let headers = res.headers_mut();
    let content_type = HeaderValue::from_static(ask.format.content_type());
    headers.insert(CONTENT_TYPE, content_type);
    if ask.coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

fn refuse(res: &mut Response, status: StatusCode, reason: String) {
    res.status_code(status);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    res.headers_mut().insert(CONTENT_TYPE, plain);
    res.replace_body(ResBody::Once(reason.into()));
}
