//! Labels of one's own, rules for the endpoint, and what else the options record, in axum and in Salvo's absence.

#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Request, StatusCode};
use axum::middleware::Next;
use axum::routing::get;
use axum::{Router, middleware};
use tallied::Registry;
use tallied_tower::{
    EndpointRule, HttpMetrics, HttpMetricsBuilder, HttpMetricsError, Instrument, RequestLabels,
    Unrecorded,
};
use tower::ServiceExt;

/// A router inside of the layer, and its registry.
fn instrumented(options: HttpMetricsBuilder, router: Router) -> (Registry, Router) {
    let registry = Registry::default();
    let metrics = options.register(&registry).unwrap();
    (registry, router.layer(metrics.axum_layer()))
}

/// Asks, and reads the answer to its end.
async fn ask(router: &Router, request: Request<Body>) -> StatusCode {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    status
}

fn of_tenant(path: &str, tenant: &str) -> Request<Body> {
    let request = Request::get(path).header("x-tenant", tenant);
    request.body(Body::empty()).unwrap()
}

fn tenants() -> HttpMetricsBuilder {
    HttpMetrics::builder()
        .label("tenant", |head| head.header("x-tenant"))
        .limit(100)
}

fn fine() -> Router {
    Router::new().route("/r", get(async || "fine"))
}

/// The samples of a name, and their sum.
fn samples(registry: &Registry, name: &str) -> (usize, f64) {
    let text = registry.text();
    let of_name = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('{'))
    };
    let samples = text.lines().filter(of_name);
    let values = samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
    values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value))
}

#[track_caller]
fn holds(registry: &Registry, sample: &str) {
    let text = registry.text();
    assert!(
        text.lines().any(|line| line == sample),
        "{sample} is not in\n{text}"
    );
}

#[tokio::test]
async fn a_thousand_tenants_share_the_limit_and_totals_stay_exact() {
    let (registry, router) = instrumented(tenants(), fine());
    for round in 0..2 {
        for tenant in 0..1_000 {
            ask(&router, of_tenant("/r", &format!("tenant-{tenant}"))).await;
        }
        for tenant in [0, 99] {
            holds(
                &registry,
                &format!(
                    "http_requests_total{{method=\"GET\",endpoint=\"/r\",status_code=\"200\",tenant=\"tenant-{tenant}\"}} {}",
                    round + 1
                ),
            );
        }
    }
    holds(
        &registry,
        "http_requests_total{method=\"GET\",endpoint=\"/r\",status_code=\"200\",tenant=\"other\"} 1800",
    );
    // Those of the limit, and `other`.
    assert_eq!(samples(&registry, "http_requests_total"), (101, 2_000.0));
    for histogram in [
        "request_duration_seconds",
        "response_size_bytes",
        "request_size_bytes",
        "response_start_seconds",
    ] {
        let samples = samples(&registry, &format!("http_{histogram}_count"));
        assert_eq!(samples, (101, 2_000.0), "{histogram}");
    }
    holds(
        &registry,
        "http_requests_label_overflow_total{label=\"tenant\"} 1800",
    );
    holds(&registry, "http_requests_in_flight{method=\"GET\"} 0");
}

#[test]
fn threads_that_meet_at_the_limit_do_not_exceed_it() {
    let (registry, router) = instrumented(tenants(), fine());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.build().unwrap();
                runtime.block_on(async {
                    for tenant in 0..500 {
                        ask(&router, of_tenant("/r", &format!("tenant-{tenant}"))).await;
                    }
                });
            });
        }
    });
    assert_eq!(samples(&registry, "http_requests_total"), (101, 2_000.0));
}

#[tokio::test]
async fn what_is_no_value_is_none_and_what_is_too_long_is_other() {
    let (registry, router) = instrumented(tenants(), fine());
    ask(&router, of_tenant("/r", "")).await;
    ask(&router, Request::get("/r").body(Body::empty()).unwrap()).await;
    ask(&router, of_tenant("/r", &"x".repeat(129))).await;
    ask(&router, of_tenant("/r", "other")).await;
    ask(&router, of_tenant("/nowhere", "\"a\\b\"")).await;
    let count = |endpoint, status, tenant, count| {
        holds(
            &registry,
            &format!(
                "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"{status}\",tenant=\"{tenant}\"}} {count}"
            ),
        );
    };
    count("/r", 200, "none", 2);
    count("/r", 200, "other", 2);
    count("unmatched", 404, "\\\"a\\\\b\\\"", 1);
    holds(
        &registry,
        "http_requests_label_overflow_total{label=\"tenant\"} 1",
    );
}

/// An authentication that finds out the tenant, in a layer further in.
async fn authenticate(
    Extension(labels): Extension<RequestLabels>,
    request: Request<Body>,
    next: Next,
) -> axum::response::Response {
    let tenant = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    labels.set("tenant", &tenant).unwrap();
    next.run(request).await
}

#[tokio::test]
async fn a_layer_or_a_handler_sets_a_label_later() {
    async fn plan(Extension(labels): Extension<RequestLabels>) -> &'static str {
        labels.set("plan", "free").unwrap();
        labels.set("plan", "paid").unwrap();
        assert_eq!(
            labels.set("plam", "x").unwrap_err().to_string(),
            "the HTTP metrics have no label \"plam\"; declare it with HttpMetrics::builder().label_set_later(\"plam\")"
        );
        "fine"
    }
    async fn leaves(Extension(labels): Extension<RequestLabels>) {
        labels.set("plan", "slow").unwrap();
        std::future::pending::<()>().await;
    }
    let options = HttpMetrics::builder()
        .label_set_later("tenant")
        .limit(2)
        .label_set_later("plan")
        .limit(10);
    let router = Router::new()
        .route("/r", get(plan))
        .route("/leaves", get(leaves))
        .layer(middleware::from_fn(authenticate));
    let (registry, router) = instrumented(options, router);
    let by = |path: &str, tenant: &str| {
        let request = Request::get(path).header("authorization", tenant);
        request.body(Body::empty()).unwrap()
    };
    for tenant in ["ann", "bob", "eve"] {
        ask(&router, by("/r", tenant)).await;
    }
    for tenant in ["ann", "bob", "other"] {
        holds(
            &registry,
            &format!(
                "http_requests_total{{method=\"GET\",endpoint=\"/r\",status_code=\"200\",tenant=\"{tenant}\",plan=\"paid\"}} 1"
            ),
        );
    }
    // A client that leaves has what was set until then.
    let leaving = router.clone().oneshot(by("/leaves", "ann"));
    tokio::time::timeout(Duration::from_millis(10), leaving)
        .await
        .unwrap_err();
    holds(
        &registry,
        "http_requests_aborted_total{method=\"GET\",endpoint=\"/leaves\",reason=\"client_disconnect\",tenant=\"ann\",plan=\"slow\"} 1",
    );
}

#[tokio::test]
async fn two_metrics_around_a_request_both_get_the_label() {
    async fn sets(Extension(labels): Extension<RequestLabels>) {
        labels.set("inner", "1").unwrap();
        labels.set("outer", "2").unwrap();
    }
    let options = |label| HttpMetrics::builder().label_set_later(label).limit(10);
    let router = Router::new().route("/r", get(sets));
    let (inner, router) = instrumented(options("inner"), router);
    let (outer, router) = instrumented(options("outer"), router);
    ask(&router, of_tenant("/r", "")).await;
    holds(
        &inner,
        "http_requests_total{method=\"GET\",endpoint=\"/r\",status_code=\"200\",inner=\"1\"} 1",
    );
    holds(
        &outer,
        "http_requests_total{method=\"GET\",endpoint=\"/r\",status_code=\"200\",outer=\"2\"} 1",
    );
}

#[tokio::test]
async fn a_handler_leaves_its_request_out() {
    async fn health() -> (Extension<Unrecorded>, &'static str) {
        (Extension(Unrecorded), "fine")
    }
    let router = fine().route("/health", get(health));
    let (registry, router) = instrumented(HttpMetrics::builder(), router);
    assert_eq!(ask(&router, of_tenant("/health", "")).await, 200);
    ask(&router, of_tenant("/r", "")).await;
    assert_eq!(samples(&registry, "http_requests_total"), (1, 1.0));
    holds(&registry, "http_requests_in_flight{method=\"GET\"} 0");
}

#[tokio::test]
async fn a_rule_groups_renames_and_leaves_out_below_the_limit() {
    let options = HttpMetrics::builder()
        .max_endpoints(3)
        .endpoint_rule(|head| match head.route() {
            Some(route) if route.starts_with("/admin/") => EndpointRule::Name("admin".into()),
            Some("/health") => EndpointRule::LeaveOut,
            Some(_) => EndpointRule::Keep,
            // As many as clients like.
            None => EndpointRule::Name(head.path().to_owned().into()),
        });
    let router = fine()
        .route("/health", get(async || "fine"))
        .route("/admin/users", get(async || "users"))
        .route("/admin/logs", get(async || "logs"));
    let (registry, router) = instrumented(options, router);
    for path in [
        "/r",
        "/health",
        "/admin/users",
        "/admin/logs",
        "/x",
        "/y",
        "/z",
        "/x",
    ] {
        ask(&router, of_tenant(path, "")).await;
    }
    for (endpoint, status, count) in [
        ("/r", 200, 1),
        ("/admin", 200, 2),
        ("/x", 404, 2),
        ("overflow", 404, 2),
    ] {
        holds(
            &registry,
            &format!(
                "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"{status}\"}} {count}"
            ),
        );
    }
    assert_eq!(samples(&registry, "http_requests_total"), (4, 7.0));
}

#[tokio::test]
async fn functions_that_panic_lose_no_request() {
    let options = HttpMetrics::builder()
        .label("tenant", |_| panic!("on purpose"))
        .limit(9)
        .endpoint_rule(|_| panic!("on purpose"));
    let registry = Registry::default();
    let metrics = options.register(&registry).unwrap();
    // The rule is asked about declared endpoints, too.
    let layer = metrics.axum_layer().endpoints(["/r"]).unwrap();
    let router = fine().layer(layer);
    ask(&router, of_tenant("/r", "ann")).await;
    holds(
        &registry,
        "http_requests_total{method=\"GET\",endpoint=\"/r\",status_code=\"200\",tenant=\"other\"} 1",
    );
}

#[tokio::test]
async fn durations_are_told_apart_by_the_class_of_the_status() {
    let options = HttpMetrics::builder().duration_by_status_class();
    let (registry, router) = instrumented(options, fine());
    ask(&router, of_tenant("/r", "")).await;
    ask(&router, of_tenant("/nowhere", "")).await;
    let count = |endpoint, class| {
        holds(
            &registry,
            &format!(
                "http_request_duration_seconds_count{{method=\"GET\",endpoint=\"{endpoint}\",status_class=\"{class}\"}} 1"
            ),
        );
    };
    count("/r", "2xx");
    count("unmatched", "4xx");
    assert_eq!(
        samples(&registry, "http_request_duration_seconds_count"),
        (2, 2.0)
    );
}

#[tokio::test]
async fn polls_are_timed_one_by_one() {
    let options = HttpMetrics::builder().handler_polls();
    let blocks = async || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(30));
            tokio::task::yield_now().await;
        }
        "fine"
    };
    let (registry, router) = instrumented(options, fine().route("/blocks", get(blocks)));
    ask(&router, of_tenant("/r", "")).await;
    ask(&router, of_tenant("/blocks", "")).await;
    let text = registry.text();
    let value = |series: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("{text}"))
            .trim()
            .parse()
            .unwrap()
    };
    let of = |endpoint, le| {
        value(&format!(
            "http_handler_poll_seconds_bucket{{endpoint=\"{endpoint}\",le=\"{le}\"}}"
        ))
    };
    // Three of 30 ms, the one that answers, and those of the body.
    assert_eq!(of("/blocks", "+Inf") - of("/blocks", "0.025"), 3);
    assert!(of("/blocks", "+Inf") >= 5);
    assert!(of("/r", "+Inf") >= 1);
}

#[test]
fn what_is_wrong_with_labels_is_told_in_one_sentence() {
    let refused = |options: HttpMetricsBuilder| {
        let registry = Registry::default();
        let error = options.register(&registry).unwrap_err();
        assert_eq!(registry.text(), "", "nothing was registered");
        error
    };
    let own = |options: HttpMetricsBuilder, name: &str, limit| {
        options.label(name, |head| head.header("x")).limit(limit)
    };
    let none = HttpMetrics::builder;
    let five = ["a", "b", "c", "d", "e"];
    for (options, sentence) in [
        (
            own(none(), "endpoint", 9),
            "the HTTP metrics have the label \"endpoint\" already; choose another name for your own",
        ),
        (
            own(none(), "reason", 9),
            "the HTTP metrics have the label \"reason\" already; choose another name for your own",
        ),
        (
            own(own(none(), "a", 1), "a", 1),
            "the label \"a\" is given twice; remove one",
        ),
        (
            own(none(), "a", 0),
            "the label \"a\" has a limit of 0, so that all its values would be \"other\"; give at least 1",
        ),
        (
            five.iter()
                .fold(none(), |options, name| own(options, name, 1)),
            "5 labels of your own (limit 4); each multiplies the series, so remove some",
        ),
        (
            own(none(), "a-b", 1),
            "label \"a-b\" of \"http_requests\" is not a label name: use letters, digits and `_`, and no digit or `__` at the start",
        ),
        (
            own(none(), "instance", 1),
            "\"instance\" is a label that Prometheus gives to each target, and it would rename yours to exported_instance; choose another name, or call Registry::allow_target_labels if your scraper sets honor_labels",
        ),
        (
            own(none().constant_label("a", "1"), "a", 1),
            "\"http_requests\" has the label \"a\" twice, constant labels included; remove one",
        ),
    ] {
        assert_eq!(refused(options).to_string(), sentence);
    }
    let registry = Registry::default();
    HttpMetrics::register(&registry).unwrap();
    let twice = HttpMetrics::builder().register(&registry).unwrap_err();
    assert!(matches!(twice, HttpMetricsError::Register(_)), "{twice}");
    assert_eq!(
        twice.to_string(),
        "\"http_requests\" is already registered; clone its handle, or choose another name"
    );
}

#[test]
fn endpoints_that_are_none_are_refused() {
    let metrics = HttpMetrics::register(&Registry::default()).unwrap();
    let refused = |endpoints: &[&'static str]| {
        let declared = metrics.layer().endpoints(endpoints.iter().copied());
        declared.unwrap_err().to_string()
    };
    let hint = "write a path like \"/users/{id}\", or a method and a path like \"GET /users/{id}\"";
    for endpoint in ["users", "", "GET  /a", "G(T /a", "GET a"] {
        assert_eq!(
            refused(&[endpoint]),
            format!("{endpoint:?} is no endpoint: {hint}")
        );
    }
    let said = refused(&["/a/{id}", "/a/{other}"]);
    assert!(
        said.starts_with("\"/a/{other}\" cannot be declared: "),
        "{said}"
    );
    assert!(said.ends_with("; change or remove one"), "{said}");
    assert!(refused(&["/a/{"]).starts_with("\"/a/{\" cannot be declared: "));
    let twice = metrics.layer().endpoints(["GET /a", "POST /a", "/a"]);
    twice.unwrap();
}

#[tokio::test]
async fn declared_endpoints_have_their_places_whatever_clients_ask_for() {
    let registry = Registry::default();
    let options = HttpMetrics::builder().max_endpoints(2);
    let metrics = options.register(&registry).unwrap();
    let layer = metrics
        .layer()
        .endpoints(["GET /users/{id}", "POST /files/{*rest}"])
        .unwrap();
    let zero = |method, endpoint| {
        format!(
            "http_requests_total{{method=\"{method}\",endpoint=\"{endpoint}\",status_code=\"500\"}} 0"
        )
    };
    holds(&registry, &zero("GET", "/users/{id}"));
    holds(&registry, &zero("POST", "/files/{*rest}"));
    let inner = tower::service_fn(async |_| {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("fine")))
    });
    let service = Arc::new(tower::Layer::layer(&layer, inner));
    for path in [
        "/users/7",
        "/users/8",
        "/files/a/b",
        "/users/7/x",
        "/admin.php",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = service.as_ref().clone().oneshot(request).await.unwrap();
        axum::body::to_bytes(Body::new(response.into_body()), 100)
            .await
            .unwrap();
    }
    for (endpoint, count) in [("/users/{id}", 2), ("/files/{*rest}", 1), ("unmatched", 2)] {
        holds(
            &registry,
            &format!(
                "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"200\"}} {count}"
            ),
        );
    }
}
