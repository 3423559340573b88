//! The routes that a router lists, with the pattern that the `endpoint` label writes for each.
//!
//! Guarantees: what is listed is what Salvo reports of a request that the route takes. What cannot be
//! told from the outside is left out, and said to be missing.

use std::collections::BTreeSet;

use salvo::Router;
use salvo::http::Method;
use salvo::routing::PathFilter;
use salvo::routing::filters::FilterInfo;

/// A route that has a handler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownRoute {
    /// Its pattern, with the leading slash: `/users/{id}`.
    pub(crate) pattern: String,
    /// The one method that it takes; `None` where it takes any.
    pub(crate) method: Option<String>,
}

/// The routes of a router that have a handler, by pattern. `None` stands for those whose pattern cannot be
/// told: behind a filter that is a function, or a combination of filters; or with a segment that mixes
/// text and a wildcard, of which Salvo reports a part of the request.
pub(crate) fn known_routes(router: &Router) -> BTreeSet<Option<KnownRoute>> {
    let mut known = BTreeSet::new();
    collect(router, "", None, &mut known);
    known
}

fn collect(
    router: &Router,
    above: &str,
    method: Option<&Method>,
    known: &mut BTreeSet<Option<KnownRoute>>,
) {
    let mut pattern = above.to_owned();
    let mut method = method.cloned();
    for filter in &router.filters {
        let told = match filter.info() {
            FilterInfo::Path(raw) => segments(&raw),
            FilterInfo::Method(one) => {
                method = Some(one);
                continue;
            }
            FilterInfo::Other(_) => None,
            // Scheme, host, port: they do not change what the route is called.
            _ => continue,
        };
        let Some(segments) = told else {
            known.insert(None);
            return;
        };
        pattern.push_str(&segments);
    }
    if router.goal.is_some() {
        let root = pattern.is_empty().then(|| "/".to_owned());
        known.insert(Some(KnownRoute {
            pattern: root.unwrap_or_else(|| pattern.clone()),
            method: method.as_ref().map(|method| method.as_str().to_owned()),
        }));
    }
    for below in &router.routers {
        collect(below, &pattern, method.as_ref(), known);
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// A path filter's text as Salvo's matched path has it, each segment with a slash before it: without the
/// constraints (`{id:num}` and `{id|[0-9]+}` read `{id}`).
fn segments(raw: &str) -> Option<String> {
    // A filter that does not parse matches nothing.
    PathFilter::try_new(raw).ok()?;
    let mut normal = String::new();
    let mut segment = String::new();
    let mut rest = raw;
    let end = |segment: &mut String, normal: &mut String| {
        let wildcard = segment.contains("{*");
        if wildcard && !(segment.starts_with('{') && segment.matches('{').count() == 1) {
            return None;
        }
        if !segment.is_empty() {
            normal.push('/');
            normal.push_str(segment);
            segment.clear();
        }
        Some(())
    };
    while let Some(next) = rest.chars().next() {
        match next {
            '/' => end(&mut segment, &mut normal)?,
            // Doubled, a brace stands for itself; then the segment would not tell its names.
            '{' if rest.starts_with("{{") => return None,
            '{' => {
                let after = after_braces(rest)?;
                let inner = &rest[1..rest.len() - after.len() - 1];
                let name = inner.split([':', '|']).next().unwrap_or_default();
                segment.extend(["{", name.trim_start_matches(BLANKS), "}"]);
                rest = after;
                continue;
            }
            '}' => return None,
            // Salvo skips blanks where a segment begins, and nowhere else.
            _ if segment.is_empty() && BLANKS.contains(&next) => {}
            _ => segment.push(next),
        }
        rest = &rest[next.len_utf8()..];
    }
    end(&mut segment, &mut normal)?;
    Some(normal)
}

/// What follows the brace that closes the one at the start. An expression may have pairs of its own, and
/// escaped ones.
fn after_braces(text: &str) -> Option<&str> {
    let (mut open, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if !escaped => open += 1,
            b'}' if !escaped => open -= 1,
            _ => {}
        }
        escaped = !escaped && byte == b'\\';
        if open == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use salvo::prelude::*;
    use salvo::routing::Filter;
    use salvo::test::TestClient;
    use tallied::Registry;

    use super::known_routes;
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
            .push(Router::with_path(r"year/{year|[0-9]{4}}").goal(fine))
            .push(Router::with_path(r"mixed/v{major|\d+}.{minor|\d{1,2}}-beta").get(fine))
            .push(Router::with_path("put").put(fine))
    }

    /// Each pattern, and a request that its route takes.
    const ROUTES: [(&str, &str); 9] = [
        ("/", "/"),
        ("/a", "/a"),
        ("/b/{id}", "/b/1"),
        ("/b/{id}/c/{name}", "/b/1/c/x"),
        ("/files/{**rest}", "/files/x/y"),
        ("/group/in", "/group/in"),
        ("/mixed/v{major}.{minor}-beta", "/mixed/v1.22-beta"),
        ("/put", "/put"),
        ("/year/{year}", "/year/2026"),
    ];

    #[tokio::test]
    async fn patterns_are_what_the_label_says() {
        let known = known_routes(&router()).into_iter();
        let known: BTreeSet<_> = known.map(|route| route.unwrap().pattern).collect();
        assert!(
            known.iter().eq(ROUTES.map(|(pattern, _)| pattern)),
            "{known:?}"
        );

        let registry = Registry::default();
        let http = HttpMetrics::register(&registry).unwrap();
        let service = Service::new(router()).hoop(http.hoop());
        for (_, path) in ROUTES {
            let url = format!("http://127.0.0.1{path}");
            TestClient::get(&url).send(&service).await;
            TestClient::put(&url).send(&service).await;
        }
        let text = registry.text();
        for pattern in &known {
            let counted = format!("endpoint=\"{pattern}\",status_code=\"200\"}} 1");
            assert!(text.contains(&counted), "{pattern}\n{text}");
        }
    }

    #[test]
    fn methods_are_told() {
        let router = Router::new()
            .push(Router::with_path("a").get(fine).post(fine))
            .push(Router::with_path("any").goal(fine));
        let known = known_routes(&router);
        let routes = known.iter().flatten();
        let routes: Vec<_> = routes
            .map(|route| (&*route.pattern, route.method.as_deref()))
            .collect();
        assert_eq!(
            routes,
            [("/a", Some("GET")), ("/a", Some("POST")), ("/any", None)]
        );
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        for opaque in [
            Router::with_path("v{id}-{**rest}").get(fine),
            Router::with_path("v{**rest}").get(fine),
            Router::new().filter_fn(|_, _| true).get(fine),
            Router::with_filter(
                salvo::routing::filters::path("a").or(salvo::routing::filters::path("b")),
            )
            .get(fine),
        ] {
            let router = Router::new()
                .push(Router::with_path("known").get(fine))
                .push(opaque.push(Router::with_path("below").get(fine)));
            let known = known_routes(&router);
            assert!(known.contains(&None));
            // The others are told all the same.
            let routes = known.iter().flatten();
            assert!(routes.map(|route| &*route.pattern).eq(["/known"]));
        }
    }
}
