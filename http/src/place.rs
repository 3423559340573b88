//! Finds where a request is recorded: under the pattern of its route, or under the path of a gRPC call. A rule of the application may
//! change either.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{Extensions, HeaderMap, Method, Uri, Version};

use crate::endpoint::KnownRoute;
use crate::endpoint_rule::{EndpointRule, RuleFn};
use crate::grpc;
use crate::head::RequestHead;
use crate::methods::MethodLabel;
use crate::metrics::HttpMetrics;
use crate::routes::Found;

#[derive(Debug)]
pub(crate) enum Grpc {
    /// It is no gRPC call, or those are not told apart.
    No,
    /// With its status, once that is known.
    Call(Option<grpc::Code>),
    /// … of a method that nobody asked for so far: it has no place before a service knows it.
    UnknownMethod(Box<UnknownMethod>),
}

/// Boxed, because a request is moved now and then.
#[derive(Debug)]
pub(crate) struct UnknownMethod {
    pub(crate) method: MethodLabel,
    pub(crate) path: Box<str>,
}

/// Finds where a request is recorded.
pub(crate) struct Place<'a, P> {
    route: Option<&'a str>,
    /// Used once.
    pattern_of: Option<P>,
    pub(crate) grpc: Grpc,
}

impl<'a, P: FnOnce(&str) -> Option<&'static str>> Place<'a, P> {
    pub(crate) fn new(route: Option<&'a str>, pattern_of: P) -> Self {
        Self {
            route,
            pattern_of: Some(pattern_of),
            grpc: Grpc::No,
        }
    }

    pub(crate) fn find(&mut self, metrics: HttpMetrics, head: RequestHead<'_>) -> Found {
        let routes = metrics.routes();
        if metrics.counts_grpc() && grpc::is_grpc(head.headers()) {
            return self.find_call(metrics, head);
        }
        if metrics.endpoint_rule().is_some() {
            let with_slash = self.route.map(with_slash);
            if let Some(found) = ruled(metrics, head.with_route(with_slash.as_deref())) {
                return found;
            }
        }
        let pattern_of = self.pattern_of.take();
        routes.find(head.method(), self.route, |path| {
            pattern_of.and_then(|of| of(path))
        })
    }

    /// The path of a gRPC call is its endpoint. A client may choose it, so it gets its place from the answer.
    fn find_call(&mut self, metrics: HttpMetrics, head: RequestHead<'_>) -> Found {
        self.grpc = Grpc::Call(None);
        let (routes, method) = (metrics.routes(), head.method());
        let path = head.path();
        if let Some(found) = ruled(metrics, head.with_route(Some(path))) {
            return found;
        }
        routes.find_known(method, path).unwrap_or_else(|| {
            let path = path.into();
            self.grpc = Grpc::UnknownMethod(Box::new(UnknownMethod {
                method: routes.methods.label(method),
                path,
            }));
            routes.find(method, None, |_| None)
        })
    }
}

/// What the application's rule makes of a request; `None` to keep what is.
fn ruled(metrics: HttpMetrics, head: RequestHead<'_>) -> Option<Found> {
    match ask(metrics.endpoint_rule()?, &head) {
        EndpointRule::Keep => None,
        EndpointRule::Name(name) => Some(metrics.routes().find_named(head.method(), &name)),
        EndpointRule::LeaveOut => Some(None),
    }
}

/// A rule that panics must neither lose a request nor stop the start: the route is kept.
fn ask<'a>(rule: &RuleFn, head: &RequestHead<'a>) -> EndpointRule<'a> {
    let ruled = catch_unwind(AssertUnwindSafe(|| rule(head)));
    ruled.unwrap_or(EndpointRule::Keep)
}

fn with_slash(route: &str) -> Cow<'_, str> {
    if route.starts_with('/') {
        return route.into();
    }
    format!("/{route}").into()
}

/// Routes that are known before their first request, as the application's rule names them: it is asked with a head that has
/// their method and nothing else.
pub(crate) fn ruled_routes(
    metrics: HttpMetrics,
    routes: &BTreeSet<KnownRoute>,
) -> BTreeSet<KnownRoute> {
    let Some(rule) = metrics.endpoint_rule() else {
        return routes.clone();
    };
    let (uri, headers, extensions) = (Uri::from_static("/"), HeaderMap::new(), Extensions::new());
    let mut ruled = BTreeSet::new();
    for route in routes {
        let method: Method = route.method();
        let head = RequestHead::new(&method, &uri, Version::HTTP_11, &headers, &extensions);
        let endpoint = match ask(rule, &head.with_route(Some(&route.endpoint))) {
            EndpointRule::Keep => route.endpoint.clone(),
            EndpointRule::Name(name) => with_slash(&name).into_owned(),
            EndpointRule::LeaveOut => continue,
        };
        let route = route.clone();
        ruled.insert(KnownRoute { endpoint, ..route });
    }
    ruled
}
