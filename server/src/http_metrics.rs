//! The HTTP metrics: names, labels, buckets.

use std::sync::atomic::{AtomicBool, Ordering};

use tallied::{Buckets, Counter, Family, Histogram, RegisterError, Registry, Unit};

use crate::http_builder::HttpMetricsBuilder;
use crate::route_series::{RouteFamilies, Routes};

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
/// Copies feed the same metrics. They live as long as the process: what each request would count
/// to know when they may go, all threads would contend for.
#[derive(Debug, Clone, Copy)]
pub struct HttpMetrics(&'static Families);

#[derive(Debug)]
pub(crate) struct Families {
    pub(crate) requests: Family<Counter, 3>,
    pub(crate) aborted: Family<Counter, 3>,
    pub(crate) routes: Routes,
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
        let routes = RouteFamilies {
            in_flight: Family::new(["method"]),
            duration_seconds: histograms(options.buckets.duration),
            request_bytes: histograms(options.buckets.request_size),
            response_bytes: histograms(options.buckets.response_size),
        };
        let families = Families {
            requests: Family::new(["method", "endpoint", "status_code"]),
            aborted: Family::new(["method", "endpoint", "reason"]),
            routes: Routes::new(routes.clone(), options.max_endpoints, options.endpoints),
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
            routes.duration_seconds,
        )?;
        registry.register_with_unit(
            "http_request_size_bytes",
            "Size of the request bodies",
            Unit::Bytes,
            routes.request_bytes,
        )?;
        registry.register_with_unit(
            "http_response_size_bytes",
            "Size of the response bodies",
            Unit::Bytes,
            routes.response_bytes,
        )?;
        registry.register(
            "http_requests_in_flight",
            "Requests that are being answered now",
            routes.in_flight,
        )?;
        registry.register(
            "http_requests_aborted",
            "HTTP requests that did not get their whole answer, by reason",
            families.aborted.clone(),
        )?;
        registry.register(
            "http_requests_endpoint_overflow",
            "HTTP requests counted under endpoint=\"overflow\", for there are too many endpoints",
            families.routes.overflowed.clone(),
        )?;
        Ok(Self(Box::leak(Box::new(families))))
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

    pub(crate) fn families(self) -> &'static Families {
        self.0
    }
}
