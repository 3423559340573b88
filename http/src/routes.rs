//! Where a request is recorded, found by one lookup.
//!
//! Guarantees: what clients can choose is bounded: the methods that
//! [`HttpMetricsBuilder::methods`](crate::HttpMetricsBuilder::methods) knows and `OTHER`, and as many endpoints as
//! [`HttpMetricsBuilder::max_endpoints`](crate::HttpMetricsBuilder::max_endpoints) says, beside `unmatched` and `overflow`.
//! What a router lists, or the application declares, has its place before any request.
//!
//! Costs: a lock-free lookup by the endpoint, and an index by the method.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use http::{Method, StatusCode};
use tallied::Counter;

use crate::append_only::AppendOnly;
use crate::bounds::EndpointBuckets;
use crate::endpoint::{KnownRoute, OVERFLOW, UNMATCHED};
use crate::methods::{MethodLabel, Methods};
use crate::series::{EndpointFamilies, MethodSeries};

/// What the options say of single endpoints, by the value of the label.
#[derive(Debug, Default)]
pub(crate) struct EndpointRules {
    pub(crate) max_endpoints: usize,
    pub(crate) buckets: HashMap<Box<str>, EndpointBuckets>,
    pub(crate) excluded: HashSet<Box<str>>,
}

/// The series of a request; `None` for one that is left out.
pub(crate) type Found = Option<&'static MethodSeries>;

/// Finds the series of a request; holds the limit on endpoints.
#[derive(Debug)]
pub(crate) struct Routes {
    families: &'static EndpointFamilies,
    pub(crate) methods: Methods,
    /// The endpoints that have a place.
    endpoints: AppendOnly<Endpoint>,
    unmatched: Endpoint,
    overflow: Endpoint,
    rules: EndpointRules,
    /// How many requests went to `overflow`.
    pub(crate) overflowed: Counter,
}

/// An endpoint that has a place, with the series of its methods.
#[derive(Debug)]
struct Endpoint {
    /// The value of the label.
    name: Box<str>,
    by_method: Box<[OnceLock<Found>]>,
}

impl Borrow<str> for Endpoint {
    /// Without its leading slash, as some frameworks report it.
    fn borrow(&self) -> &str {
        without_slash(&self.name)
    }
}

fn without_slash(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

impl Endpoint {
    fn new(name: &str, methods: &Methods) -> Self {
        Self {
            name: name.into(),
            by_method: methods.labels().map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Routes {
    pub(crate) fn new(
        families: &'static EndpointFamilies,
        methods: Methods,
        rules: EndpointRules,
    ) -> Self {
        Self {
            families,
            endpoints: AppendOnly::new(rules.max_endpoints),
            unmatched: Endpoint::new(UNMATCHED, &methods),
            overflow: Endpoint::new(OVERFLOW, &methods),
            rules,
            overflowed: Counter::default(),
            methods,
        }
    }

    /// The series of a request: `path` is what the framework reports of the route that took it; `None` where none
    /// did. `pattern_of` is asked of a path, with its leading slash, that has no place: where the path has text of the
    /// client's, it gives the route's pattern.
    pub(crate) fn find(
        &'static self,
        method: &Method,
        path: Option<&str>,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Found {
        let endpoint = match path {
            None => &self.unmatched,
            Some(path) => match self.endpoints.get(without_slash(path)) {
                Some(endpoint) => endpoint,
                None => self.find_other(path, pattern_of),
            },
        };
        self.series(endpoint, self.methods.label(method))
    }

    /// As [`find`](Self::find), of a name that a rule of the application's gave.
    pub(crate) fn find_named(&'static self, method: &Method, name: &str) -> Found {
        let path = (name != UNMATCHED).then_some(name);
        self.find(method, path, |_| None)
    }

    /// As [`find`](Self::find), by the label of a method.
    pub(crate) fn find_by_label(&'static self, method: MethodLabel, path: &str) -> Found {
        let endpoint = self.endpoints.get(without_slash(path));
        let endpoint = endpoint.unwrap_or_else(|| self.find_other(path, |_| None));
        self.series(endpoint, method)
    }

    /// As [`find`](Self::find), of an endpoint that has a place.
    pub(crate) fn find_known(&'static self, method: &Method, path: &str) -> Option<Found> {
        let endpoint = self.endpoints.get(without_slash(path))?;
        Some(self.series(endpoint, self.methods.label(method)))
    }

    /// The most endpoints, and how many there are.
    pub(crate) fn endpoint_places(&self) -> (usize, usize) {
        (self.rules.max_endpoints, self.endpoints.len())
    }

    /// Makes the series of routes, at zero for 200 and 500. Those of a route that takes any method are made
    /// for GET, those beyond the limit not at all. A route that is not `exact` has a place, and no series.
    pub(crate) fn add_routes(&'static self, routes: &BTreeSet<KnownRoute>) {
        // The places first: no request gets in between.
        let (exact, inexact): (Vec<_>, Vec<_>) = routes.iter().partition(|route| route.exact);
        for route in exact.iter().chain(&inexact) {
            self.place(&route.endpoint);
        }
        for route in exact {
            let Some(endpoint) = self.endpoints.get(without_slash(&route.endpoint)) else {
                continue;
            };
            if let Some(series) = self.series(endpoint, self.methods.label(&route.method())) {
                series.initialize(StatusCode::OK);
                series.initialize(StatusCode::INTERNAL_SERVER_ERROR);
            }
        }
    }

    /// A path that has no place: of a new route, of one that is reported with text of the client's, or of one beyond the
    /// limit. The limit is needed because, where the router is not known, clients may choose a part of what is reported.
    #[cold]
    fn find_other(
        &'static self,
        path: &str,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> &'static Endpoint {
        let reported = format!("/{}", without_slash(path));
        let endpoint = self.place(pattern_of(&reported).unwrap_or(&reported));
        endpoint.unwrap_or_else(|| {
            self.overflowed.inc();
            &self.overflow
        })
    }

    /// The place of an endpoint; `None` beyond the limit. What is left out has no series, but a place.
    fn place(&self, name: &str) -> Option<&'static Endpoint> {
        self.endpoints.get_or_insert(without_slash(name), |len| {
            (len < self.rules.max_endpoints).then(|| Endpoint::new(name, &self.methods))
        })
    }

    fn series(&self, endpoint: &'static Endpoint, method: MethodLabel) -> Found {
        *endpoint.by_method[method.index].get_or_init(|| {
            let name = &*endpoint.name;
            if self.rules.excluded.contains(name) {
                return None;
            }
            let buckets = self.families.buckets.with(self.rules.buckets.get(name));
            let series = MethodSeries::new(self.families, buckets, method, name);
            Some(Box::leak(Box::new(series)))
        })
    }
}
