//! The options of the HTTP metrics.

use std::collections::{HashMap, HashSet};

use http::Method;
use tallied::Buckets;

use crate::endpoint;

/// The options of [`HttpMetrics`](crate::HttpMetrics); see [`HttpMetrics::builder`](crate::HttpMetrics::builder).
///
/// ```
/// use tallied::{Buckets, Registry};
/// use tallied_http::{EndpointBuckets, HttpMetric, HttpMetrics};
///
/// let registry = Registry::default();
/// let slow = EndpointBuckets { duration: Some(Buckets::new([1.0, 10.0, 60.0])?), ..Default::default() };
/// let metrics = HttpMetrics::builder()
///     .duration_buckets(Buckets::new([0.01, 0.1, 1.0])?)
///     .endpoint_buckets("/report/{id}", slow)
///     .exclude_endpoint("/metrics")
///     .without(HttpMetric::RequestSize)
///     .register(&registry)?;
/// # let _ = metrics;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpMetricsBuilder {
    pub(crate) prefix: String,
    pub(crate) constant_labels: Vec<(String, String)>,
    pub(crate) methods: Option<Vec<Method>>,
    pub(crate) off: HashSet<HttpMetric>,
    pub(crate) buckets: EveryBuckets,
    pub(crate) endpoints: HashMap<Box<str>, EndpointBuckets>,
    pub(crate) excluded: HashSet<Box<str>>,
    pub(crate) max_endpoints: usize,
}

/// A metric of [`HttpMetrics`](crate::HttpMetrics) that can be [switched off](HttpMetricsBuilder::without).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpMetric {
    /// `http_requests_total`
    Requests,
    /// `http_requests_aborted_total`
    RequestsAborted,
    /// `http_requests_in_flight`
    RequestsInFlight,
    /// `http_request_duration_seconds`
    RequestDuration,
    /// `http_response_start_seconds`
    ResponseStart,
    /// `http_request_size_bytes`
    RequestSize,
    /// `http_response_size_bytes`
    ResponseSize,
}

/// The bounds of the histograms.
#[derive(Debug, Clone)]
pub(crate) struct EveryBuckets {
    pub(crate) duration: Buckets,
    pub(crate) request_size: Buckets,
    pub(crate) response_size: Buckets,
}

/// Bounds for one endpoint. `None` leaves those of all endpoints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointBuckets {
    /// Of `http_request_duration_seconds` and `http_response_start_seconds`, in seconds.
    pub duration: Option<Buckets>,
    /// Of `http_request_size_bytes`, in bytes.
    pub request_size: Option<Buckets>,
    /// Of `http_response_size_bytes`, in bytes.
    pub response_size: Option<Buckets>,
}

impl Default for HttpMetricsBuilder {
    fn default() -> Self {
        let constant = |bounds: &[f64]| {
            Buckets::new(bounds.iter().copied()).expect("constant bounds, which increase")
        };
        Self {
            prefix: String::new(),
            constant_labels: Vec::new(),
            methods: None,
            off: HashSet::new(),
            buckets: EveryBuckets {
                duration: constant(&Self::DURATION_BUCKETS),
                request_size: constant(&Self::SIZE_BUCKETS),
                response_size: constant(&Self::SIZE_BUCKETS),
            },
            endpoints: HashMap::new(),
            excluded: HashSet::new(),
            max_endpoints: Self::MAX_ENDPOINTS,
        }
    }
}

impl HttpMetricsBuilder {
    /// Default upper bounds of the durations, in seconds.
    pub const DURATION_BUCKETS: [f64; 11] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];

    /// Default upper bounds of the sizes, in bytes: a bucket for each order of magnitude from a small JSON answer to a
    /// large download.
    pub const SIZE_BUCKETS: [f64; 7] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

    /// Default limit on the endpoints: an application's routes are far fewer.
    pub const MAX_ENDPOINTS: usize = 1_000;

    /// Put before every metric's name, with a `_`, after the registry's own prefix. Default: none.
    ///
    /// One that cannot begin a metric's name makes [`register`](Self::register) fail.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// A label that every series of these metrics gets, before its own. Default: none.
    ///
    /// A label that has no valid name, is given twice, is one that a metric or the registry has
    /// already, or is `job` or `instance` (see [`Registry::allow_target_labels`](tallied::Registry::allow_target_labels)),
    /// makes [`register`](Self::register) fail.
    #[must_use]
    pub fn constant_label(mut self, label: &str, value: &str) -> Self {
        let label = (label.to_owned(), value.to_owned());
        self.constant_labels.push(label);
        self
    }

    /// The methods that are told apart; all others are counted under `method="OTHER"`. Default: the
    /// nine of RFC 9110 and RFC 5789. Do not take the list from requests: each method costs series.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = Some(methods.into_iter().collect());
        self
    }

    /// Switches a metric off: it is neither registered nor recorded. The others stay.
    #[must_use]
    pub fn without(mut self, metric: HttpMetric) -> Self {
        self.off.insert(metric);
        self
    }

    /// Upper bounds of `http_request_duration_seconds` and `http_response_start_seconds`, in
    /// seconds. Default: 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10.
    #[must_use]
    pub fn duration_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.duration = buckets;
        self
    }

    /// Upper bounds of `http_request_size_bytes`, in bytes. Default: the powers of ten from 100 to
    /// 10⁸.
    #[must_use]
    pub fn request_size_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.request_size = buckets;
        self
    }

    /// Upper bounds of `http_response_size_bytes`, in bytes. Default: the powers of ten from 100
    /// to 10⁸.
    #[must_use]
    pub fn response_size_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.response_size = buckets;
        self
    }

    /// Bounds for one endpoint, by the pattern of its route: `/users/{id}`, or `users/{id:num}` as the router has
    /// it. A quantile over several endpoints is only as good as the bounds that all of them have.
    ///
    /// An endpoint that no route has is refused by `try_instrument` (`tallied-salvo`). Otherwise the first scrape logs a
    /// warning, unless some routes are not known: behind a middleware put by hand, or a combination of filters. If set twice, the last call wins.
    #[must_use]
    pub fn endpoint_buckets(mut self, endpoint: &str, buckets: EndpointBuckets) -> Self {
        let endpoint = endpoint::normalized(endpoint);
        self.endpoints.insert(endpoint.into(), buckets);
        self
    }

    /// Leaves an endpoint out, by the pattern of its route (as in [`endpoint_buckets`](Self::endpoint_buckets)) or
    /// `unmatched`: its requests are in no metric, not even in flight. Default: none is left out.
    ///
    /// An endpoint that no route has is refused by `try_instrument` (`tallied-salvo`). Otherwise the first scrape logs a
    /// warning, unless some routes are not known: behind a middleware put by hand, or a combination of filters.
    #[must_use]
    pub fn exclude_endpoint(mut self, endpoint: &str) -> Self {
        self.excluded.insert(endpoint::normalized(endpoint).into());
        self
    }

    /// How many different patterns get series of their own; the requests of later ones are counted under
    /// `endpoint="overflow"`, and in `http_requests_endpoint_overflow_total`, so that totals stay
    /// exact. Default: 1,000. Patterns that are left out count, too; those that an instrumented
    /// router lists have their places from then on. Threads that meet at the cap may exceed it by their number.
    #[must_use]
    pub fn max_endpoints(mut self, endpoints: usize) -> Self {
        self.max_endpoints = endpoints;
        self
    }
}
