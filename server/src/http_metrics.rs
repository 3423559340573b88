//! The HTTP metrics: names, labels, buckets.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use salvo::http::Method;
use tallied::{Buckets, Counter, Family, Histogram, RegisterError, Registry, Unit, UpDownCounter};

use crate::http_builder::{EndpointBuckets, HttpMetricsBuilder};

/// The `endpoint` of a request that no route took.
const UNMATCHED: &str = "unmatched";

/// The `endpoint` of the routes beyond the cap. A cap is needed because, for a pattern that mixes
/// text and a wildcard in one segment (`v{id}-{**rest}`), Salvo reports a part of the path itself,
/// and then the clients choose the label.
const OVERFLOW: &str = "overflow";

/// The HTTP metrics of one application, registered once and fed by its [`hoop`](Self::hoop).
///
/// | metric | type | labels |
/// | --- | --- | --- |
/// | `http_requests_total` | counter | `method`, `endpoint`, `status_code` |
/// | `http_request_duration_seconds` | histogram | `method`, `endpoint` |
/// | `http_request_size_bytes` | histogram | `method`, `endpoint` |
/// | `http_response_size_bytes` | histogram | `method`, `endpoint` |
/// | `http_requests_in_flight` | gauge | `method` |
/// | `http_requests_aborted_total` | counter | `method`, `endpoint`, `reason` |
/// | `http_requests_endpoint_overflow_total` | counter | |
///
/// `endpoint` is the pattern of the route that matched, with its leading slash (`/users/{id}`),
/// or `unmatched`; after 1,000 different patterns it is `overflow`, and such requests are counted in
/// `http_requests_endpoint_overflow_total`. `method` is one of the nine methods of RFC 9110 and
/// RFC 5789, or `OTHER`. So the number of series is bounded, whatever clients send.
///
/// Sizes are those of the bodies. A request body that the handler left unread counts by its
/// Content-Length, up to 1 MiB: that is the client's word, and it can be any number. A request is
/// recorded before its last byte is sent, so whoever has that byte finds the request in the next
/// scrape. A scrape finds itself in flight.
///
/// Clones feed the same metrics.
#[derive(Debug, Clone)]
pub struct HttpMetrics(Arc<Families>);

#[derive(Debug)]
pub(crate) struct Families {
    pub(crate) requests: Family<Counter, 3>,
    duration_seconds: Family<Histogram, 2>,
    request_bytes: Family<Histogram, 2>,
    response_bytes: Family<Histogram, 2>,
    pub(crate) in_flight: Family<UpDownCounter, 1>,
    pub(crate) aborted: Family<Counter, 3>,
    /// The patterns that have series of their own: a set that is looked up without a lock.
    endpoints: Family<Counter, 1>,
    max_endpoints: usize,
    /// Bounds for single endpoints.
    endpoint_buckets: HashMap<Box<str>, EndpointBuckets>,
    endpoint_overflow: Counter,
    cutting_off: AtomicBool,
}

impl HttpMetrics {
    /// Registers the metrics with their default buckets.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already; those that were
    /// registered before it stay.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::builder().register(registry)
    }

    /// Options: buckets, for all or for one endpoint, and the cap on endpoints.
    pub fn builder() -> HttpMetricsBuilder {
        HttpMetricsBuilder::default()
    }

    pub(crate) fn with(
        options: HttpMetricsBuilder,
        registry: &Registry,
    ) -> Result<Self, RegisterError> {
        let histograms = |buckets: Buckets| {
            Family::<Histogram, 2>::new_with_constructor(["method", "endpoint"], move || {
                Histogram::with_buckets(&buckets)
            })
        };
        let families = Families {
            requests: Family::new(["method", "endpoint", "status_code"]),
            duration_seconds: histograms(options.buckets.duration),
            request_bytes: histograms(options.buckets.request_size),
            response_bytes: histograms(options.buckets.response_size),
            in_flight: Family::new(["method"]),
            aborted: Family::new(["method", "endpoint", "reason"]),
            endpoints: Family::new(["endpoint"]),
            max_endpoints: options.max_endpoints,
            endpoint_buckets: options.endpoints,
            endpoint_overflow: Counter::default(),
            cutting_off: AtomicBool::new(false),
        };
        registry.register(
            "http_requests",
            "Total HTTP requests",
            families.requests.clone(),
        )?;
        registry.register_with_unit(
            "http_request_duration_seconds",
            "Time from the request's head to the end of the response",
            Unit::Seconds,
            families.duration_seconds.clone(),
        )?;
        registry.register_with_unit(
            "http_request_size_bytes",
            "Size of the request bodies",
            Unit::Bytes,
            families.request_bytes.clone(),
        )?;
        registry.register_with_unit(
            "http_response_size_bytes",
            "Size of the response bodies",
            Unit::Bytes,
            families.response_bytes.clone(),
        )?;
        registry.register(
            "http_requests_in_flight",
            "Requests that are being answered now",
            families.in_flight.clone(),
        )?;
        registry.register(
            "http_requests_aborted",
            "HTTP requests that did not get their whole answer, by reason",
            families.aborted.clone(),
        )?;
        registry.register(
            "http_requests_endpoint_overflow",
            "HTTP requests counted under endpoint=\"overflow\", for there are too many endpoints",
            families.endpoint_overflow.clone(),
        )?;
        Ok(Self(Arc::new(families)))
    }

    /// To be called when a drain has run out of time, before what is left is cut off: requests
    /// that end without their answer from now on count under `reason="shutdown"`, and not as if
    /// their clients had left.
    pub fn drain_timed_out(&self) {
        self.0.cutting_off.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cutting_off(&self) -> bool {
        self.0.cutting_off.load(Ordering::Relaxed)
    }

    /// The `endpoint` label of a request that this route took, or none.
    pub(crate) fn endpoint_label(&self, route: Option<String>) -> Cow<'static, str> {
        let Some(route) = route else {
            return UNMATCHED.into();
        };
        let Families {
            endpoints,
            endpoint_overflow,
            max_endpoints,
            ..
        } = self.families();
        // Threads that meet here may exceed the cap by their number: it is there to bound the
        // series, not to count them.
        if endpoints.get(&[&route]).is_none() {
            if endpoints.len() >= *max_endpoints {
                endpoint_overflow.inc();
                return OVERFLOW.into();
            }
            endpoints.get_or_create(&[&route]);
        }
        route.into()
    }

    pub(crate) fn families(&self) -> &Families {
        &self.0
    }
}

impl Families {
    /// Observes the duration and the sizes of a request.
    pub(crate) fn observe(&self, series: &[&str; 2], seconds: f64, request: u64, response: u64) {
        let own = self.endpoint_buckets.get(series[1]);
        let observe = |family: &Family<Histogram, 2>, buckets: Option<&Buckets>, value: f64| {
            let histogram = match buckets {
                None => family.get_or_create(series),
                Some(buckets) => {
                    family.get_or_create_with(series, || Histogram::with_buckets(buckets))
                }
            };
            histogram.observe(value);
        };
        let of = |which: fn(&EndpointBuckets) -> &Option<Buckets>| {
            own.and_then(|own| which(own).as_ref())
        };
        observe(&self.duration_seconds, of(|own| &own.duration), seconds);
        observe(
            &self.request_bytes,
            of(|own| &own.request_size),
            request as f64,
        );
        observe(
            &self.response_bytes,
            of(|own| &own.response_size),
            response as f64,
        );
    }
}

/// The `method` label: a known method, or `OTHER`, for a client can send any word.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use salvo::http::Method;

    use super::method_label;

    #[test]
    fn methods_are_bounded() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        for made_up in ["get", "PROPFIND", "A", "GETT"] {
            assert_eq!(method_label(&made_up.parse().unwrap()), "OTHER");
        }
    }
}
