//! The routes that a router lists, with the pattern that the `endpoint` label writes for each.
//!
//! Guarantees: an `exact` route has exactly the label that the hoop records. A route that filters may hide a part of is
//! not `exact`.

use std::collections::BTreeSet;

use salvo_core::Router;
use salvo_core::routing::filters::FilterInfo;
use tallied_http::adapter::KnownRoute;

use crate::route_pattern::Pattern;

/// A route that has a handler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) pattern: Pattern,
    method: Option<String>,
    exact: bool,
}

impl Route {
    pub(crate) fn known(&self) -> KnownRoute {
        KnownRoute {
            endpoint: self.pattern.text().to_owned(),
            method: self.method.clone(),
            exact: self.exact,
        }
    }
}

/// The routes of a router that have a handler: what [`Instrument::instrument`](crate::Instrument::instrument) makes
/// known to the metrics.
pub fn known_routes(router: &Router) -> BTreeSet<KnownRoute> {
    routes(router).iter().map(Route::known).collect()
}

/// The routes of a router that have a handler, by pattern.
pub(crate) fn routes(router: &Router) -> BTreeSet<Route> {
    let mut known = BTreeSet::new();
    let root = Route {
        pattern: Pattern::default(),
        method: None,
        exact: true,
    };
    collect(router, root, &mut known);
    known
}

fn collect(router: &Router, mut route: Route, known: &mut BTreeSet<Route>) {
    for filter in &router.filters {
        match filter.info() {
            FilterInfo::Path(filter) => route.exact &= route.pattern.extend(&filter),
            FilterInfo::Method(one) => route.method = Some(one.as_str().to_owned()),
            FilterInfo::Other(name) => route.exact &= is_function(name),
            // Scheme, host, port: they do not change what the route is called.
            _ => {}
        }
    }
    if router.goal.is_some() {
        known.insert(route.clone());
    }
    for below in &router.routers {
        collect(below, route.clone(), known);
    }
}

/// Whether a filter of this type is a function, which cannot add to what Salvo reports of the path.
fn is_function(type_name: &str) -> bool {
    type_name.starts_with("salvo_core::routing::filters::FnFilter<")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use salvo::prelude::*;
    use salvo::routing::Filter;
    use salvo::routing::filters::path;
    use salvo::test::TestClient;
    use tallied::Registry;

    use super::known_routes;
    use crate::{HttpMetrics, Instrument};

    #[handler]
    async fn fine() -> &'static str {
        "fine"
    }

    fn router() -> Router {
        Router::new()
            .get(fine)
            .push(Router::with_path("a").get(fine).post(fine))
            .push(
                Router::with_path("b/{id:num}")
                    .get(fine)
                    .push(Router::with_path("c/{name}").get(fine)),
            )
            .push(Router::with_path("group").push(Router::with_path("/in/").get(fine)))
            .push(Router::with_path("files/{**rest}").get(fine))
            .push(Router::with_path(r"year/{year|[0-9]{4}}").goal(fine))
            .push(Router::with_path(r"mixed/v{major|\d+}.{minor|\d{1,2}}-beta").get(fine))
            .push(Router::with_path("put").put(fine))
            .push(Router::with_path("dl-{**rest}").get(fine))
            .push(Router::with_path("v{id}-{*?rest}/").get(fine))
            .push(Router::with_path("brace{{s}}").get(fine))
            .push(
                Router::with_path("admin")
                    .filter_fn(|_, _| true)
                    .push(Router::with_path("{id}").get(fine)),
            )
    }

    /// Each pattern, and a request that its route takes.
    const ROUTES: &[(&str, &str)] = &[
        ("/", "/"),
        ("/a", "/a"),
        ("/admin/{id}", "/admin/7"),
        ("/b/{id}", "/b/1"),
        ("/b/{id}/c/{name}", "/b/1/c/x"),
        ("/brace{s}", "/brace%7Bs%7D"),
        ("/dl-{**rest}", "/dl-x/y"),
        ("/files/{**rest}", "/files/x/y"),
        ("/group/in", "/group/in"),
        ("/mixed/v{major}.{minor}-beta", "/mixed/v1.22-beta"),
        ("/put", "/put"),
        ("/v{id}-{*?rest}", "/v1-x"),
        ("/year/{year}", "/year/2026"),
    ];

    #[tokio::test]
    async fn patterns_are_what_the_label_says() {
        let known = known_routes(&router()).into_iter();
        let known: BTreeSet<_> = known.map(|route| route.endpoint.to_owned()).collect();
        assert!(
            known.iter().eq(ROUTES.iter().map(|(pattern, _)| *pattern)),
            "{known:?}"
        );

        let registry = Registry::default();
        let http = HttpMetrics::register(&registry).unwrap();
        let service = http.instrument(router());
        for (_, path) in ROUTES {
            let url = format!("http://127.0.0.1{path}");
            TestClient::get(&url).send(&service).await;
            TestClient::put(&url).send(&service).await;
        }
        let text = registry.text();
        for pattern in &known {
            let counted = format!("endpoint=\"{pattern}\",status_code=\"200\"}} 1");
            assert!(text.contains(&counted), "no {counted}");
        }
    }

    #[test]
    fn methods_are_told() {
        let router = Router::new()
            .push(Router::with_path("a").get(fine).post(fine))
            .push(Router::with_path("any").goal(fine));
        let known = known_routes(&router);
        let routes: Vec<_> = known
            .iter()
            .map(|route| (&*route.endpoint, route.method.as_deref()))
            .collect();
        assert_eq!(
            routes,
            [("/a", Some("GET")), ("/a", Some("POST")), ("/any", None)]
        );
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        for opaque in [
            Router::with_filter(path("a").or(path("b"))).get(fine),
            Router::with_filter(path("a").and(path("b"))).get(fine),
        ] {
            let router = Router::new()
                .push(Router::with_path("known").get(fine))
                .push(opaque.push(Router::with_path("below").get(fine)));
            let known = known_routes(&router);
            // The others are told all the same.
            let exact = known.iter().filter(|route| route.exact);
            assert!(exact.map(|route| &*route.endpoint).eq(["/known"]));
            let inexact = known.iter().filter(|route| !route.exact);
            let inexact = inexact.map(|route| &*route.endpoint);
            assert!(inexact.eq(["/", "/below"]));
        }
    }
}
