//! The options of the HTTP metrics.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::Method;
use tallied::Buckets;

use crate::bounds::{EndpointBounds, EndpointBuckets};
use crate::endpoint;
use crate::endpoint_rule::{EndpointRule, Rule};
use crate::head::RequestHead;
use crate::own_labels::{HeadFn, OwnLabel};

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
    pub(crate) buckets: EndpointBounds,
    pub(crate) endpoints: HashMap<Box<str>, EndpointBuckets>,
    pub(crate) excluded: HashSet<Box<str>>,
    pub(crate) max_endpoints: usize,
    pub(crate) own_labels: Vec<OwnLabel>,
    pub(crate) endpoint_rule: Option<Rule>,
    pub(crate) duration_by_status_class: bool,
    pub(crate) handler_polls: bool,
    pub(crate) grpc: bool,
}

/// A label of [`HttpMetricsBuilder::label`], which needs its [`limit`](Self::limit).
#[derive(Debug, Clone)]
#[must_use = "a label needs a limit"]
pub struct LabelBuilder {
    builder: HttpMetricsBuilder,
    label: OwnLabel,
}

impl LabelBuilder {
    /// The most values that get series of their own; the requests of all later ones are counted under `other`, and in
    /// `http_requests_label_overflow_total`, so that totals stay exact. At least 1.
    ///
    /// Each value multiplies the series of every endpoint that it is used with: a histogram of eleven bounds writes 14 lines, so
    /// 100 tenants on 20 endpoints are some 120,000 lines in a scrape. A value that was seen is never forgotten.
    #[must_use]
    pub fn limit(self, values: usize) -> HttpMetricsBuilder {
        let Self {
            mut builder,
            mut label,
        } = self;
        label.limit = values;
        builder.own_labels.push(label);
        builder
    }
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
            buckets: EndpointBounds {
                duration: constant(&Self::DURATION_BUCKETS),
                request_size: constant(&Self::SIZE_BUCKETS),
                response_size: constant(&Self::SIZE_BUCKETS),
            },
            endpoints: HashMap::new(),
            excluded: HashSet::new(),
            max_endpoints: Self::MAX_ENDPOINTS,
            own_labels: Vec::new(),
            endpoint_rule: None,
            duration_by_status_class: false,
            handler_polls: false,
            grpc: false,
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

    /// A label of your own, from the request's head: for every metric of an endpoint, so all but
    /// `http_requests_in_flight`, `http_handler_poll_seconds` and `grpc_requests_total`. At most 4 labels.
    ///
    /// A request without a value, or with an empty one, has `none`; a value beyond the limit, or longer than 128 bytes, is
    /// `other`, and so it is where the function panics. What a client writes is its own word: take a tenant from what an authentication put into the extensions, or
    /// use [`label_set_later`](Self::label_set_later).
    ///
    /// Costs for each request the function, and one lock-free lookup.
    ///
    /// ```
    /// use tallied::Registry;
    /// use tallied_http::HttpMetrics;
    ///
    /// let registry = Registry::default();
    /// let metrics = HttpMetrics::builder()
    ///     .label("tenant", |head| head.header("x-tenant"))
    ///     .limit(100)
    ///     .register(&registry)?;
    /// # let _ = metrics;
    /// # Ok::<(), tallied_http::HttpMetricsError>(())
    /// ```
    pub fn label(
        self,
        name: &str,
        of_head: impl for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    ) -> LabelBuilder {
        self.own_label(name, Some(Arc::new(of_head)))
    }

    /// A label of your own that a handler or another middleware sets, as an authentication does that finds out the tenant:
    /// through the [`RequestLabels`](crate::RequestLabels) that the middleware puts into the request's extensions. Otherwise as
    /// [`label`](Self::label).
    ///
    /// Costs two or three allocations a request.
    pub fn label_set_later(self, name: &str) -> LabelBuilder {
        self.own_label(name, None)
    }

    fn own_label(self, name: &str, of_head: Option<Arc<HeadFn>>) -> LabelBuilder {
        let label = OwnLabel {
            name: name.to_owned(),
            of_head,
            limit: 0,
        };
        LabelBuilder {
            builder: self,
            label,
        }
    }

    /// A rule for the label `endpoint`: groups routes, renames them, names requests that no route took, or leaves requests
    /// out. The names share the limit of [`max_endpoints`](Self::max_endpoints). If set twice, the last call wins.
    ///
    /// It is also asked about the routes that are known at the start, so that their series begin at zero: with the route and its
    /// method, the path `/`, and no headers.
    ///
    /// Costs a call for each request. Where the rule panics, the route is kept.
    ///
    /// ```
    /// use tallied::Registry;
    /// use tallied_http::{EndpointRule, HttpMetrics};
    ///
    /// let registry = Registry::default();
    /// let metrics = HttpMetrics::builder()
    ///     .endpoint_rule(|head| match head.route() {
    ///         Some(route) if route.starts_with("/admin/") => EndpointRule::Name("/admin/*".into()),
    ///         None if head.path() == "/health" => EndpointRule::LeaveOut,
    ///         _ => EndpointRule::Keep,
    ///     })
    ///     .register(&registry)?;
    /// # let _ = metrics;
    /// # Ok::<(), tallied_http::HttpMetricsError>(())
    /// ```
    #[must_use]
    pub fn endpoint_rule(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> EndpointRule<'a> + Send + Sync + 'static,
    ) -> Self {
        self.endpoint_rule = Some(Rule(Arc::new(rule)));
        self
    }

    /// Adds the label `status_class` (`2xx`) to `http_request_duration_seconds`, so that fast errors do not hide slow
    /// answers. Default: off. It multiplies the series by the classes that an endpoint answers with.
    #[must_use]
    pub fn duration_by_status_class(mut self) -> Self {
        self.duration_by_status_class = true;
        self
    }

    /// Times each poll of the requests' futures and of their streamed bodies: `http_handler_poll_seconds`. A poll that takes
    /// long is a handler that blocks a worker of the runtime, with all that waits there. Default: off.
    ///
    /// Costs two looks at the clock for each poll.
    #[must_use]
    pub fn handler_polls(mut self) -> Self {
        self.handler_polls = true;
        self
    }

    /// Counts gRPC calls by their status: `grpc_requests_total`. And the endpoint of a call is its path,
    /// `/package.Service/Method`; it gets its place with the first answer that is not `UNIMPLEMENTED`, and until then its calls are
    /// `unmatched`. Default: off.
    ///
    /// The status is that of the head or of the trailers; `none` for a call that ended without one. An HTTP status is counted all the
    /// same: it is 200 for a call that failed.
    #[must_use]
    pub fn grpc(mut self) -> Self {
        self.grpc = true;
        self
    }
}
