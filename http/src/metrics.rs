//! The HTTP metrics: names, labels, buckets.

use std::sync::atomic::{AtomicBool, Ordering};

use tallied::{RegisterError, Registry};

use crate::builder::HttpMetricsBuilder;
use crate::endpoint_rule::{Rule, RuleFn};
use crate::families;
use crate::installation::{self, Installation};
use crate::methods::Methods;
use crate::options_error::{HttpMetricsError, check};
use crate::own_labels::OwnLabels;
use crate::recent::{Recent, RecentRequests};
use crate::routes::{EndpointRules, Routes};
use crate::series::EndpointFamilies;

/// The HTTP metrics of one application, registered once and fed by a middleware around its service. The package for the
/// framework has that middleware: `tallied-salvo` calls it a hoop.
///
/// | metric | type | labels |
/// | --- | --- | --- |
/// | `http_requests_total` | counter | `method`, `endpoint`, `status_code` |
/// | `http_request_duration_seconds` | histogram | `method`, `endpoint` |
/// | `http_response_start_seconds` | histogram | `method`, `endpoint` |
/// | `http_request_size_bytes` | histogram | `method`, `endpoint` |
/// | `http_response_size_bytes` | histogram | `method`, `endpoint` |
/// | `http_requests_in_flight` | gauge | `method` |
/// | `http_requests_aborted_total` | counter | `method`, `endpoint`, `reason` |
/// | `http_requests_endpoint_overflow_total` | counter | |
/// | `http_metrics_without_hoop` | gauge | |
///
/// The last is there, as 1, only while nothing feeds the others. Options add [`http_handler_poll_seconds`
/// ](HttpMetricsBuilder::handler_polls), [`grpc_requests_total`](HttpMetricsBuilder::grpc), a [`status_class`
/// ](HttpMetricsBuilder::duration_by_status_class) and [labels of your own](HttpMetricsBuilder::label).
///
/// `endpoint` is the pattern of the route that matched, with its leading slash and without constraints
/// (`{id:num}` reads `/users/{id}`), or `unmatched`; after 1,000 different patterns it is `overflow`, and such requests are counted in
/// `http_requests_endpoint_overflow_total`. `method` is one of the nine methods of RFC 9110 and
/// RFC 5789, or `OTHER`. So the number of series is bounded, whatever clients send.
///
/// Sizes are those of the bodies. A request body that the handler left unread counts by its
/// Content-Length, up to 1 MiB: that is the client's word, and it can be any number. A request is
/// recorded before its last byte is sent, so whoever has that byte finds the request in the next
/// scrape. A scrape finds itself in flight.
///
/// Copies feed the same metrics. Leaked on purpose: reference counting would make every request
/// contend.
#[derive(Debug, Clone, Copy)]
pub struct HttpMetrics(&'static Inner);

impl PartialEq for HttpMetrics {
    /// Whether they are copies of each other.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for HttpMetrics {}

#[derive(Debug)]
struct Inner {
    families: &'static EndpointFamilies,
    routes: Routes,
    endpoint_rule: Option<Rule>,
    installation: Installation,
    cutting_off: AtomicBool,
    recent: RecentRequests,
}

impl HttpMetrics {
    /// Registers the metrics with their default options.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already, or adds a label of one of
    /// theirs. Metrics that were registered before the one that failed stay.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::builder()
            .register(registry)
            .map_err(|error| match error {
                HttpMetricsError::Register(error) => error,
                other => unreachable!("no option is set that {other:?} is about"),
            })
    }

    /// Options: names and labels, buckets, what is left out, limits.
    pub fn builder() -> HttpMetricsBuilder {
        HttpMetricsBuilder::default()
    }

    /// Call this when a drain reaches its time limit, before you cut off the requests that are left:
    /// those that end without their answer from now on count under `reason="shutdown"`, not as
    /// clients that left.
    ///
    /// So time the drain yourself: a limit of the framework's graceful stop leaves no moment for this call.
    pub fn drain_timed_out(&self) {
        self.0.cutting_off.store(true, Ordering::Relaxed);
    }

    /// The last requests that failed, and the slowest of the last five to ten minutes: at most 20 each.
    ///
    /// Costs a lock and a copy. A request waits for it only if it failed or is among the slowest.
    pub fn recent(&self) -> Recent {
        self.0.recent.read()
    }

    /// What stands before `http_requests_total` in its name: the registry's prefix and the one of the
    /// [builder](HttpMetricsBuilder::prefix), with their `_`, or nothing.
    pub fn name_prefix(&self) -> String {
        self.0.installation.name_prefix()
    }

    /// The most endpoints, as [`HttpMetricsBuilder::max_endpoints`] says, and how many there are.
    pub fn endpoint_places(&self) -> (usize, usize) {
        self.0.routes.endpoint_places()
    }

    pub(crate) fn requests(&self) -> &'static RecentRequests {
        &self.0.recent
    }

    pub(crate) fn is_cutting_off(&self) -> bool {
        self.0.cutting_off.load(Ordering::Relaxed)
    }

    pub(crate) fn own_labels(self) -> &'static OwnLabels {
        &self.0.families.own_labels
    }

    pub(crate) fn endpoint_rule(self) -> Option<&'static RuleFn> {
        self.0.endpoint_rule.as_ref().map(|rule| &*rule.0)
    }

    pub(crate) fn times_polls(self) -> bool {
        self.0.families.poll_seconds.is_some()
    }

    pub(crate) fn counts_grpc(self) -> bool {
        self.0.families.grpc_requests.is_some()
    }

    pub(crate) fn installation(&self) -> &'static Installation {
        &self.0.installation
    }

    pub(crate) fn routes(self) -> &'static Routes {
        &self.0.routes
    }
}

impl HttpMetricsBuilder {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the prefix or a label is invalid, or one that the metrics or the registry have
    /// already; or when the registry holds a metric of one of their names. Metrics that were registered
    /// before the one that failed stay.
    pub fn register(self, registry: &Registry) -> Result<HttpMetrics, HttpMetricsError> {
        check(&self.own_labels)?;
        let labels = self.constant_labels.iter();
        let registry = registry.sub_registry_with_prefix_and_labels(
            &self.prefix,
            labels.map(|(label, value)| (&**label, &**value)),
        )?;
        let families: &'static EndpointFamilies =
            Box::leak(Box::new(families::register(&self, &registry)?));
        let methods = self.methods.map_or_else(Methods::default, Methods::new);
        let named = self.endpoints.keys().chain(&self.excluded);
        let named = named.map(|endpoint| endpoint.to_string()).collect();
        let rules = EndpointRules {
            max_endpoints: self.max_endpoints,
            buckets: self.endpoints,
            excluded: self.excluded,
        };
        let routes = Routes::new(families, methods, rules);
        registry.register(
            "http_requests_endpoint_overflow",
            "HTTP requests counted under endpoint=\"overflow\", because there are too many endpoints",
            routes.overflowed.clone(),
        )?;
        let installation = Installation::register(&registry, named)?;
        let metrics = HttpMetrics(Box::leak(Box::new(Inner {
            families,
            routes,
            endpoint_rule: self.endpoint_rule,
            installation,
            cutting_off: AtomicBool::new(false),
            recent: RecentRequests::default(),
        })));
        installation::warn_at_first_scrape(metrics.installation());
        Ok(metrics)
    }
}
