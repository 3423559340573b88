//! The scrape handler: a scrape must not hurt the application, however many come and however
//! they behave.

mod ask;
mod coding;
mod deadline;
mod document;
#[cfg(feature = "prometheus-client")]
mod foreign;
mod list_header;
mod metrics;
mod negotiation;
mod render;
mod selection;
mod sharing;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use salvo::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Method, Request, ResBody, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler};
use tallied::Registry;

use self::ask::Ask;
use self::coding::Coding;
use self::metrics::{Counted, Outcome};
use self::render::Sources;
use self::sharing::{Sharing, Worker};
use self::slots::Slots;

pub use self::metrics::ScrapeMetrics;
#[cfg(feature = "server")]
pub(crate) use self::selection::MAX_NAMES;

/// A Prometheus, its twin, and people with curl.
const MAX_SCRAPES: usize = 8;

/// What is not there in a minute, nobody waits for.
const TIMEOUT: Duration = Duration::from_secs(60);

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
/// - **Limit**: at most 8 scrapes at a time; beyond that, 503 with `Retry-After`. A scrape counts
///   until its body was sent or dropped, so that readers who do not read cannot fill the memory.
///   Salvo lets them stay unless its `FuseConfig` sets a time limit on writes.
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
/// Clones share the limit and the documents, so that one handler may be mounted in several places.
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
            slots: Slots::new(MAX_SCRAPES),
            timeout: TIMEOUT,
        }
    }

    /// Adds the metrics of a prometheus-client registry, in both formats, after those that are
    /// there already. Whether the names differ is up to the caller.
    ///
    /// That crate reads a registry as a whole: what `?name[]=` does not select is dropped after it
    /// was read (unless all names are those of metrics here), a panic or an error in one metric
    /// leaves out all of its registry, and a rendering that nobody waits for ends in the middle of
    /// it in OpenMetrics only. An encoding that never returns keeps a thread, for which a runtime
    /// that is dropped waits, and one of the scrapes that there may be at once.
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

    /// How many scrapes there may be at once; more are refused with 503. At least 1; default: 8.
    /// So many documents, and so many blocking threads, are there at most. What other clones have
    /// from before stays theirs.
    #[must_use]
    pub fn with_max_scrapes(mut self, scrapes: usize) -> Self {
        self.slots = Slots::new(scrapes);
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

    async fn answer(&self, req: &Request, res: &mut Response) {
        crate::installation::scraped(&self.sources.registry);
        let mut counted = Counted::begin(self.sources.metrics.as_ref());
        let ask = match Ask::of(req) {
            Ok(ask) => ask,
            Err(remedy) => {
                counted.outcome = Outcome::Invalid;
                return refuse(res, StatusCode::BAD_REQUEST, remedy);
            }
        };
        let start = |worker: Worker| {
            let sources = Arc::clone(&self.sources);
            tokio::task::spawn_blocking(move || {
                worker.run(|ask, wanted| sources.render(ask, wanted));
            });
        };
        let Some((slot, document)) = self.sharing.join(ask.clone(), &self.slots, start) else {
            counted.outcome = Outcome::Refused;
            let reason = format!(
                "{} scrapes are being answered, which is the limit: look for a client that does \
                 not read its answer, scrape less often, or raise Scrape::with_max_scrapes\n",
                self.slots.count()
            );
            res.headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return refuse(res, StatusCode::SERVICE_UNAVAILABLE, reason);
        };
        let limit = deadline::time_limit(req.headers(), self.timeout);
        match tokio::time::timeout(limit, document).await {
            Ok(Ok(document)) => {
                counted.ok(&document, ask.selection.is_everything());
                describe(res, &ask);
                res.replace_body(ResBody::Once(slot.body(document)));
            }
            Err(_) => {
                counted.outcome = Outcome::Timeout;
                let reason = format!(
                    "no document after {limit:?}, which is the time for it: look for a slow \
                     collector, raise the scraper's timeout or Scrape::with_timeout, or ask for \
                     less with ?name[]=\n"
                );
                refuse(res, StatusCode::SERVICE_UNAVAILABLE, reason);
            }
            Ok(Err(_)) => {
                counted.outcome = Outcome::Error;
                let reason =
                    "the rendering broke off: look for a panic in the log, and report it\n";
                refuse(res, StatusCode::INTERNAL_SERVER_ERROR, reason.to_owned());
            }
        }
    }
}

#[salvo::async_trait]
impl Handler for Scrape {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        _ctrl: &mut FlowCtrl,
    ) {
        let headers = res.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Beside what other hoops let the answer vary with.
        headers.append(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        match *req.method() {
            Method::GET => self.answer(req, res).await,
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
