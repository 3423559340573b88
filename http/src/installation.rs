//! Mistakes of putting HTTP metrics around a service, which would otherwise be silent: no middleware (hoop)
//! feeds them, or an option names an endpoint that no route has. The first scrape of their registry says so in the log, once;
//! and a missing middleware is a metric as well, for as long as it is missing.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tallied::{Family, Gauge, RegisterError, Registered, Registry};

use crate::endpoint::{KnownRoute, OVERFLOW, UNMATCHED};

const WITHOUT_HOOP: &str = "http_metrics_without_hoop";

/// Those of the metrics that were not scraped yet.
static UNSCRAPED: Mutex<Vec<&'static Installation>> = Mutex::new(Vec::new());

/// An option of [`HttpMetrics::builder`](crate::HttpMetrics::builder) names an endpoint that no route of the service has; see
/// `try_instrument` in `tallied-salvo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEndpoint {
    endpoint: String,
    known: Vec<String>,
}

impl UnknownEndpoint {
    /// The endpoint that no route has.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The endpoints that there are, sorted, `unmatched` and `overflow` among them.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str)
    }
}

impl fmt::Display for UnknownEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no route has the endpoint {:?}, which exclude_endpoint or endpoint_buckets names; give one of {}",
            self.endpoint,
            self.known.join(", ")
        )
    }
}

impl std::error::Error for UnknownEndpoint {}

/// What was made of the metrics.
#[derive(Debug)]
pub(crate) struct Installation {
    /// Has one series while there is no middleware.
    without_hoop: Family<Gauge<i64>, 0>,
    /// It in its registry: it tells this registry from all others, those that are gone included.
    registered: Option<Registered>,
    routes: Mutex<RouteNames>,
}

#[derive(Debug, Default)]
struct RouteNames {
    /// What the options name.
    named: BTreeSet<String>,
    known: BTreeSet<String>,
    /// Whether there are others: the middleware was put somewhere by hand, or a filter hides a part of a pattern.
    others: bool,
}

impl RouteNames {
    fn unknown_endpoint(&self, more: &BTreeSet<KnownRoute>) -> Option<UnknownEndpoint> {
        if self.others || more.iter().any(|route| !route.exact) {
            return None;
        }
        let more = more.iter().map(|route| route.endpoint.clone());
        let mut known: BTreeSet<String> = more.chain(self.known.iter().cloned()).collect();
        known.extend([UNMATCHED.to_owned(), OVERFLOW.to_owned()]);
        let endpoint = self.named.difference(&known).next()?.clone();
        let known = known.into_iter().collect();
        Some(UnknownEndpoint { endpoint, known })
    }
}

impl Installation {
    /// Registers the metric; `named` are the endpoints that the options name.
    pub(crate) fn register(
        registry: &Registry,
        named: BTreeSet<String>,
    ) -> Result<Self, RegisterError> {
        let without_hoop = Family::<Gauge<i64>, 0>::new([]);
        let help = "1 while no middleware (hoop) feeds the HTTP metrics";
        registry.register(WITHOUT_HOOP, help, without_hoop.clone())?;
        let registered = registry
            .metrics()
            .filter(|metric| metric.descriptor().name().ends_with(WITHOUT_HOOP))
            .last();
        without_hoop.get_or_create(&[]).set(1);
        let routes = Mutex::new(RouteNames {
            named,
            ..RouteNames::default()
        });
        Ok(Self {
            without_hoop,
            registered,
            routes,
        })
    }

    /// A middleware was made; where it will stand is not known.
    pub(crate) fn installed_without_routes(&self) {
        self.without_hoop.remove(&[]);
        self.routes().others = true;
    }

    /// A service with these routes got its middleware.
    pub(crate) fn add_routes(&self, routes: &BTreeSet<KnownRoute>) {
        self.without_hoop.remove(&[]);
        let mut names = self.routes();
        for route in routes {
            names.others |= !route.exact;
            names.known.insert(route.endpoint.clone());
        }
    }

    /// What an option names and neither these routes nor those of other services have.
    pub(crate) fn unknown_endpoint(
        &self,
        routes: &BTreeSet<KnownRoute>,
    ) -> Option<UnknownEndpoint> {
        self.routes().unknown_endpoint(routes)
    }

    pub(crate) fn name_prefix(&self) -> String {
        let registered = self.registered.as_ref();
        let name = registered.map_or("", |registered| registered.descriptor().name());
        name.strip_suffix(WITHOUT_HOOP)
            .unwrap_or_default()
            .to_owned()
    }

    fn routes(&self) -> MutexGuard<'_, RouteNames> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_in(&self, place: &Registered) -> bool {
        let own = self.registered.as_ref();
        own.is_some_and(|own| std::ptr::eq(own.descriptor(), place.descriptor()))
    }

    fn warn(&self, name: &str, middleware_hint: &str) {
        if !self.without_hoop.is_empty() {
            tracing::warn!("{name}: no middleware feeds the HTTP metrics; {middleware_hint}");
        } else if let Some(unknown) = self.unknown_endpoint(&BTreeSet::new()) {
            tracing::warn!("{unknown}");
        }
    }
}

fn unscraped() -> MutexGuard<'static, Vec<&'static Installation>> {
    UNSCRAPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To be called once the metrics are registered.
pub(crate) fn warn_at_first_scrape(installation: &'static Installation) {
    unscraped().push(installation);
}

/// A registry is scraped: warns once of what is wrong with its HTTP metrics. `middleware_hint` says how a middleware is put
/// around a service.
pub(crate) fn scraped(registry: &Registry, middleware_hint: &str) {
    if unscraped().is_empty() {
        return;
    }
    for metric in registry.metrics() {
        let name = metric.descriptor().name();
        if !name.ends_with(WITHOUT_HOOP) {
            continue;
        }
        let mut waiting = unscraped();
        let at = waiting.iter().position(|waiting| waiting.is_in(&metric));
        let Some(at) = at else {
            continue;
        };
        let installation = waiting.swap_remove(at);
        drop(waiting);
        installation.warn(name, middleware_hint);
    }
}
