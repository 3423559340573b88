//! The patterns of a router's routes, as the `endpoint` label writes them.

use std::collections::BTreeSet;

use salvo::Router;
use salvo::routing::filters::FilterInfo;

/// The patterns of all routes that have a handler. `None` when one of them cannot be told from
/// the outside: a filter of another kind may look at the path, and a segment that mixes text and
/// a wildcard is reported by Salvo with a part of the request in it.
pub fn patterns(router: &Router) -> Option<BTreeSet<String>> {
    let mut patterns = BTreeSet::new();
    collect(router, "", &mut patterns).then_some(patterns)
}

/// Whether all could be told.
fn collect(router: &Router, above: &str, patterns: &mut BTreeSet<String>) -> bool {
    let mut pattern = above.to_owned();
    for filter in &router.filters {
        match filter.info() {
            FilterInfo::Path(raw) => {
                for segment in raw.split('/').filter(|segment| !segment.is_empty()) {
                    let Some(segment) = label(segment) else {
                        return false;
                    };
                    pattern.push('/');
                    pattern.push_str(&segment);
                }
            }
            FilterInfo::Other(_) => return false,
            _ => {}
        }
    }
    if router.goal.is_some() {
        patterns.insert(if pattern.is_empty() {
            "/".to_owned()
        } else {
            pattern.clone()
        });
    }
    router
        .routers
        .iter()
        .all(|below| collect(below, &pattern, patterns))
}

/// A segment as Salvo's matched path has it: `{id:num}` reads `{id}`.
fn label(segment: &str) -> Option<String> {
    let Some(open) = segment.find('{') else {
        return Some(segment.to_owned());
    };
    let whole = open == 0 && segment.find('}') == Some(segment.len() - 1);
    if !whole {
        return None;
    }
    let inner = &segment[1..segment.len() - 1];
    let name = inner.split([':', '|']).next().unwrap_or_default();
    Some(format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use salvo::prelude::*;
    use salvo::test::TestClient;
    use tallied::Registry;

    use super::patterns;
    use crate::HttpMetrics;

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
    }

    #[tokio::test]
    async fn patterns_are_what_the_label_says() {
        let known = patterns(&router()).unwrap();
        let expected = [
            "/",
            "/a",
            "/b/{id}",
            "/b/{id}/c/{name}",
            "/files/{**rest}",
            "/group/in",
        ];
        assert!(known.iter().eq(expected), "{known:?}");

        let registry = Registry::default();
        let http = HttpMetrics::register(&registry).unwrap();
        let service = Service::new(router()).hoop(http.hoop());
        let paths = ["/", "/a", "/b/1", "/b/1/c/x", "/files/x/y", "/group/in"];
        for path in paths {
            let url = format!("http://127.0.0.1{path}");
            TestClient::get(url).send(&service).await;
        }
        let text = registry.text();
        for pattern in &known {
            assert!(
                text.contains(&format!("endpoint=\"{pattern}\"")),
                "{pattern}\n{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        let mixed = Router::new().push(Router::with_path("v{id}-{**rest}").get(fine));
        assert_eq!(patterns(&mixed), None);
        let opaque = Router::new().filter_fn(|_, _| true).get(fine);
        assert_eq!(patterns(&opaque), None);
    }
}
