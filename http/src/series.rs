//! The series of one method and endpoint, found by one lookup a request.
//!
//! Guarantees: what clients can choose is bounded: the methods that
//! [`HttpMetricsBuilder::methods`](crate::HttpMetricsBuilder::methods) knows and `OTHER`, and so many
//! endpoints as [`HttpMetricsBuilder::max_endpoints`](crate::HttpMetricsBuilder::max_endpoints) says,
//! beside `unmatched` and `overflow`. What an instrumented router lists has its place before any request.
//!
//! Costs: a lookup by two label values. What is found lives as long as the process, so that a
//! request holds a reference and counts no references: at most the number of methods times that of
//! endpoints.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use http::{Method, StatusCode};
use tallied::{Buckets, Counter, Family, Histogram, UpDownCounter};

use crate::builder::EndpointBuckets;
use crate::endpoint::{KnownRoute, OVERFLOW, UNMATCHED};
use crate::methods::{MethodLabel, Methods};

/// The statuses whose counters are kept at hand; others are looked up.
const FREQUENT: [u16; 16] = [
    200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 422, 429, 500, 503,
];

/// The series that every request of one method and endpoint is recorded in; `None` for what is
/// switched off. They live as long as the process.
#[derive(Debug)]
pub struct EndpointSeries {
    pub(crate) method: &'static str,
    pub(crate) endpoint: Box<str>,
    pub(crate) in_flight: Option<UpDownCounter>,
    pub(crate) duration_seconds: Option<Histogram>,
    pub(crate) response_start_seconds: Option<Histogram>,
    pub(crate) request_bytes: Option<Histogram>,
    pub(crate) response_bytes: Option<Histogram>,
    requests: Option<Family<Counter, 3>>,
    frequent: [OnceLock<Counter>; FREQUENT.len()],
    aborted: Option<Family<Counter, 3>>,
}

impl EndpointSeries {
    /// Counts a request.
    pub(crate) fn count(&self, status: StatusCode) {
        let Some(requests) = &self.requests else {
            return;
        };
        let labels = [self.method, &*self.endpoint, status.as_str()];
        match FREQUENT.iter().position(|code| *code == status.as_u16()) {
            Some(at) => self.frequent[at]
                .get_or_init(|| requests.get_or_create_owned(&labels))
                .inc(),
            None => requests.get_or_create(&labels).inc(),
        }
    }

    /// Counts a request that did not get its whole answer.
    pub(crate) fn count_aborted(&self, reason: &'static str) {
        if let Some(aborted) = &self.aborted {
            let labels = [self.method, &*self.endpoint, reason];
            aborted.get_or_create(&labels).inc();
        }
    }

    /// Makes the counter of a status, at zero, so that the first request with it is an increase.
    fn initialize(&self, status: &str) {
        if let Some(requests) = &self.requests {
            requests.get_or_create(&[self.method, &*self.endpoint, status]);
        }
    }
}

/// The families that the series belong to; `None` for what is switched off.
#[derive(Debug, Clone)]
pub(crate) struct EndpointFamilies {
    pub(crate) requests: Option<Family<Counter, 3>>,
    pub(crate) aborted: Option<Family<Counter, 3>>,
    pub(crate) in_flight: Option<Family<UpDownCounter, 1>>,
    pub(crate) duration_seconds: Option<Family<Histogram, 2>>,
    pub(crate) response_start_seconds: Option<Family<Histogram, 2>>,
    pub(crate) request_bytes: Option<Family<Histogram, 2>>,
    pub(crate) response_bytes: Option<Family<Histogram, 2>>,
}

/// What the options say of single endpoints, by the value of the label.
#[derive(Debug, Default)]
pub(crate) struct EndpointRules {
    pub(crate) max_endpoints: usize,
    pub(crate) buckets: HashMap<Box<str>, EndpointBuckets>,
    pub(crate) excluded: HashSet<Box<str>>,
}

/// Where a request is recorded; `None` for one that is left out.
type Found = Option<&'static EndpointSeries>;

/// Finds the series of a request; holds the cap on endpoints.
#[derive(Debug)]
pub(crate) struct Routes {
    families: EndpointFamilies,
    pub(crate) methods: Methods,
    /// By method and by the path of the route as the framework reports it, without its leading slash.
    known: Family<Found, 2>,
    /// By method.
    unmatched: Box<[OnceLock<Found>]>,
    overflow: Box<[OnceLock<Found>]>,
    /// The endpoints that have series of their own: a set.
    endpoints: Family<Counter, 1>,
    rules: EndpointRules,
    /// How many requests went to `overflow`.
    pub(crate) overflowed: Counter,
}

impl Routes {
    pub(crate) fn new(families: EndpointFamilies, methods: Methods, rules: EndpointRules) -> Self {
        let by_method = || methods.labels().map(|_| OnceLock::new()).collect();
        Self {
            families,
            known: Family::new_with_constructor(["method", "path"], || {
                unreachable!("series are made by `make_known` alone")
            }),
            unmatched: by_method(),
            overflow: by_method(),
            endpoints: Family::new(["endpoint"]),
            rules,
            overflowed: Counter::default(),
            methods,
        }
    }

    /// The series of a request: `path` is what the framework reports of the route that took it; `None` where none
    /// did. `pattern_of` is asked of a path, with its leading slash, that has no series: where the path has text of the
    /// client's, it gives the route's pattern.
    pub(crate) fn find(
        &self,
        method: &Method,
        path: Option<&str>,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Found {
        let method = self.methods.label(method);
        let Some(path) = path else {
            return *self.unmatched[method.index].get_or_init(|| self.make(method, UNMATCHED));
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        match self.known.get(&[method.name, path]) {
            Some(series) => *series,
            None => self.find_other(method, path, pattern_of),
        }
    }

    /// The most endpoints, and how many there are.
    pub(crate) fn endpoint_places(&self) -> (usize, usize) {
        (self.rules.max_endpoints, self.endpoints.len())
    }

    /// Makes the series of routes, at zero for 200 and 500. Those of a route that takes any method are made
    /// for GET, those beyond the cap not at all. A route that is not `exact` has a place, and no series.
    pub(crate) fn add_routes(&self, routes: &BTreeSet<KnownRoute>) {
        // The places first: no request gets in between.
        let (exact, inexact): (Vec<_>, Vec<_>) = routes.iter().partition(|route| route.exact);
        for route in exact.iter().chain(&inexact) {
            if self.has_room_for(&route.endpoint) {
                self.endpoints.get_or_create(&[&route.endpoint]);
            }
        }
        for route in exact {
            if !self.has_room_for(&route.endpoint) {
                continue;
            }
            let method = self.methods.label(&route.method());
            if let Some(series) = self.make_known(method, &route.endpoint) {
                series.initialize("200");
                series.initialize("500");
            }
        }
    }

    /// Threads that meet here may exceed the cap by their number: it is there to bound the series,
    /// not to count them.
    fn has_room_for(&self, endpoint: &str) -> bool {
        self.endpoints.get(&[endpoint]).is_some() || self.endpoints.len() < self.rules.max_endpoints
    }

    /// A path that has no series: of a new route, of one that is reported with text of the client's, or of one beyond the
    /// cap. The cap is needed because, where the router is not known, clients may choose a part of what is reported.
    #[cold]
    fn find_other(
        &self,
        method: MethodLabel,
        path: &str,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Found {
        let reported = format!("/{path}");
        let declared = self.endpoints.get(&[&reported]).is_some();
        let endpoint = match pattern_of(&reported) {
            Some(endpoint) if !declared => endpoint,
            _ => &reported,
        };
        if !self.has_room_for(endpoint) {
            self.overflowed.inc();
            return *self.overflow[method.index].get_or_init(|| self.make(method, OVERFLOW));
        }
        self.make_known(method, endpoint)
    }

    fn make_known(&self, method: MethodLabel, endpoint: &str) -> Found {
        // What is left out has no series, but a place here.
        self.endpoints.get_or_create(&[endpoint]);
        let labels = [method.name, endpoint.strip_prefix('/').unwrap_or(endpoint)];
        *self
            .known
            .get_or_create_with(&labels, || self.make(method, endpoint))
    }

    fn make(&self, method: MethodLabel, endpoint: &str) -> Found {
        if self.rules.excluded.contains(endpoint) {
            return None;
        }
        let own = self.rules.buckets.get(endpoint);
        let method = method.name;
        let histogram = |family: &Option<Family<Histogram, 2>>, own: Option<&Buckets>| {
            let (family, series) = (family.as_ref()?, &[method, endpoint]);
            Some(match own {
                None => family.get_or_create_owned(series),
                Some(buckets) => Histogram::clone(
                    &family.get_or_create_with(series, || Histogram::with_buckets(buckets)),
                ),
            })
        };
        let of = |which: fn(&EndpointBuckets) -> &Option<Buckets>| {
            own.and_then(|own| which(own).as_ref())
        };
        let families = &self.families;
        let in_flight = families.in_flight.as_ref();
        let durations = of(|own| &own.duration);
        Some(Box::leak(Box::new(EndpointSeries {
            method,
            endpoint: endpoint.into(),
            in_flight: in_flight.map(|family| family.get_or_create_owned(&[method])),
            duration_seconds: histogram(&families.duration_seconds, durations),
            response_start_seconds: histogram(&families.response_start_seconds, durations),
            request_bytes: histogram(&families.request_bytes, of(|own| &own.request_size)),
            response_bytes: histogram(&families.response_bytes, of(|own| &own.response_size)),
            requests: families.requests.clone(),
            frequent: Default::default(),
            aborted: families.aborted.clone(),
        })))
    }
}
