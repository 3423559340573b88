//! The series of one method and endpoint, found by one lookup a request.
//!
//! Guarantees: what clients can choose is bounded: ten methods, and so many endpoints as
//! [`HttpMetricsBuilder::max_endpoints`](crate::HttpMetricsBuilder::max_endpoints) says, beside
//! `unmatched` and `overflow`.
//!
//! Costs: a lookup by two label values. What is found lives as long as the process, so that a
//! request holds a reference and counts no references: at most ten times the number of endpoints.

use std::collections::HashMap;
use std::sync::OnceLock;

use salvo::http::Method;
use tallied::{Buckets, Counter, Family, Histogram, UpDownCounter};

use crate::http_builder::EndpointBuckets;

/// The `endpoint` of a request that no route took.
const UNMATCHED: &str = "unmatched";

/// The `endpoint` of the routes beyond the cap. A cap is needed because, for a pattern that mixes
/// text and a wildcard in one segment (`v{id}-{**rest}`), Salvo reports a part of the path itself,
/// and then the clients choose the label.
const OVERFLOW: &str = "overflow";

/// The methods of RFC 9110 and RFC 5789, and what stands for all others: a client can send any word.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "OTHER",
];

/// A known method, or `OTHER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodLabel(usize);

impl MethodLabel {
    pub(crate) fn of(method: &Method) -> Self {
        let known = METHODS.iter().position(|known| method == known);
        Self(known.unwrap_or(METHODS.len() - 1))
    }

    pub(crate) fn as_str(self) -> &'static str {
        METHODS[self.0]
    }
}

/// The series that every request of one method and endpoint is recorded in.
#[derive(Debug)]
pub(crate) struct RouteSeries {
    pub(crate) method: &'static str,
    pub(crate) endpoint: Box<str>,
    pub(crate) in_flight: UpDownCounter,
    pub(crate) duration_seconds: Histogram,
    pub(crate) request_bytes: Histogram,
    pub(crate) response_bytes: Histogram,
}

/// The families that the series belong to.
#[derive(Debug, Clone)]
pub(crate) struct RouteFamilies {
    pub(crate) in_flight: Family<UpDownCounter, 1>,
    pub(crate) duration_seconds: Family<Histogram, 2>,
    pub(crate) request_bytes: Family<Histogram, 2>,
    pub(crate) response_bytes: Family<Histogram, 2>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Routes {
    families: RouteFamilies,
    /// By method and by the path of the route as Salvo reports it.
    known: Family<&'static RouteSeries, 2>,
    unmatched: [OnceLock<&'static RouteSeries>; METHODS.len()],
    overflow: [OnceLock<&'static RouteSeries>; METHODS.len()],
    /// The endpoints that have series of their own: a set.
    endpoints: Family<Counter, 1>,
    max_endpoints: usize,
    /// Bounds for single endpoints.
    buckets: HashMap<Box<str>, EndpointBuckets>,
    /// How many requests went to `overflow`.
    pub(crate) overflowed: Counter,
}

impl Routes {
    pub(crate) fn new(
        families: RouteFamilies,
        max_endpoints: usize,
        buckets: HashMap<Box<str>, EndpointBuckets>,
    ) -> Self {
        Self {
            families,
            known: Family::new_with_constructor(["method", "path"], || {
                unreachable!("series are made by `make_known` alone")
            }),
            unmatched: Default::default(),
            overflow: Default::default(),
            endpoints: Family::new(["endpoint"]),
            max_endpoints,
            buckets,
            overflowed: Counter::default(),
        }
    }

    /// The series of a request: `path` is that of the route that took it, without the leading
    /// slash; `None` where none did.
    pub(crate) fn find(&self, method: MethodLabel, path: Option<&str>) -> &'static RouteSeries {
        let Some(path) = path else {
            return self.unmatched[method.0].get_or_init(|| self.make(method, UNMATCHED));
        };
        match self.known.get(&[method.as_str(), path]) {
            Some(series) => *series,
            None => self.make_known(method, path),
        }
    }

    #[cold]
    fn make_known(&self, method: MethodLabel, path: &str) -> &'static RouteSeries {
        let endpoint = format!("/{path}");
        // Threads that meet here may exceed the cap by their number: it is there to bound the
        // series, not to count them.
        if self.endpoints.get(&[&endpoint]).is_none() {
            if self.endpoints.len() >= self.max_endpoints {
                self.overflowed.inc();
                return self.overflow[method.0].get_or_init(|| self.make(method, OVERFLOW));
            }
            self.endpoints.get_or_create(&[&endpoint]);
        }
        let labels = [method.as_str(), path];
        *self
            .known
            .get_or_create_with(&labels, || self.make(method, &endpoint))
    }

    fn make(&self, method: MethodLabel, endpoint: &str) -> &'static RouteSeries {
        let own = self.buckets.get(endpoint);
        let method = method.as_str();
        let histogram = |family: &Family<Histogram, 2>, buckets: Option<&Buckets>| {
            let series = &[method, endpoint];
            match buckets {
                None => family.get_or_create_owned(series),
                Some(buckets) => Histogram::clone(
                    &family.get_or_create_with(series, || Histogram::with_buckets(buckets)),
                ),
            }
        };
        let of = |which: fn(&EndpointBuckets) -> &Option<Buckets>| {
            own.and_then(|own| which(own).as_ref())
        };
        let families = &self.families;
        Box::leak(Box::new(RouteSeries {
            method,
            endpoint: endpoint.into(),
            in_flight: families.in_flight.get_or_create_owned(&[method]),
            duration_seconds: histogram(&families.duration_seconds, of(|own| &own.duration)),
            request_bytes: histogram(&families.request_bytes, of(|own| &own.request_size)),
            response_bytes: histogram(&families.response_bytes, of(|own| &own.response_size)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use salvo::http::Method;

    use super::MethodLabel;

    #[test]
    fn methods_are_bounded() {
        assert_eq!(MethodLabel::of(&Method::PATCH).as_str(), "PATCH");
        for made_up in ["get", "PROPFIND", "A", "GETT"] {
            let label = MethodLabel::of(&made_up.parse().unwrap());
            assert_eq!(label.as_str(), "OTHER");
        }
    }
}
