//! What each option of the HTTP metrics does, and what it does on failure.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use salvo::http::Method;
use salvo::prelude::*;
use salvo::test::{RequestBuilder, ResponseExt, TestClient};
use tallied::{Buckets, RegisterError, Registry};
use tallied_salvo::{
    EndpointBuckets, EndpointRule, HttpMetric, HttpMetrics, HttpMetricsBuilder, HttpMetricsError,
    Instrument, RequestLabels, Scrape, Unrecorded,
};

#[handler]
async fn fine() -> &'static str {
    "fine"
}

fn router() -> Router {
    Router::new()
        .push(Router::with_path("a").get(fine).post(fine))
        .push(Router::with_path("b/{id:num}").goal(fine))
}

/// A registry, and a service that feeds it.
fn instrumented(options: HttpMetricsBuilder) -> (Registry, Service) {
    let registry = Registry::default();
    let service = options.register(&registry).unwrap().instrument(router());
    (registry, service)
}

async fn send(service: &Service, method: &str, path: &str) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let url = format!("http://127.0.0.1{path}");
    RequestBuilder::new(url, method).send(service).await;
}

fn samples(registry: &Registry, name: &str) -> Vec<String> {
    let text = registry.text();
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(str::to_owned).collect()
}

/// The families of a registry.
fn names(registry: &Registry) -> BTreeSet<String> {
    let snapshot = registry.snapshot();
    let names = snapshot.families.iter();
    names
        .map(|family| family.descriptor.name().to_owned())
        .collect()
}

#[tokio::test]
async fn routes_are_known_from_the_start() {
    let (registry, service) = instrumented(HttpMetrics::builder());
    let known = samples(&registry, "http_requests_total");
    let mut expected = Vec::new();
    for labels in [
        r#"method="GET",endpoint="/a""#,
        r#"method="POST",endpoint="/a""#,
        r#"method="GET",endpoint="/b/{id}""#,
    ] {
        for status in ["200", "500"] {
            let series = format!("http_requests_total{{{labels},status_code=\"{status}\"}} 0");
            expected.push(series);
        }
        for histogram in [
            "http_request_duration_seconds",
            "http_response_start_seconds",
            "http_request_size_bytes",
            "http_response_size_bytes",
        ] {
            let count = format!("{histogram}_count{{{labels}}}");
            assert_eq!(samples(&registry, &count), [format!("{count} 0")]);
        }
    }
    assert_eq!(known, expected);
    assert_eq!(
        samples(&registry, "http_requests_in_flight"),
        [
            r#"http_requests_in_flight{method="GET"} 0"#,
            r#"http_requests_in_flight{method="POST"} 0"#
        ]
    );

    // The series that were there are the ones that count.
    send(&service, "GET", "/b/7").await;
    expected[4] = expected[4].replace(" 0", " 1");
    assert_eq!(samples(&registry, "http_requests_total"), expected);
}

#[test]
fn routes_beyond_the_cap_are_not_known() {
    let (registry, _) = instrumented(HttpMetrics::builder().max_endpoints(1));
    let known = samples(&registry, "http_requests_total");
    assert!(
        known.len() == 4 && known.iter().all(|line| line.contains("\"/a\"")),
        "{known:?}"
    );
    let overflow = "http_requests_endpoint_overflow_total";
    assert_eq!(samples(&registry, overflow), [format!("{overflow} 0")]);
}

#[tokio::test]
async fn names_have_the_prefix_and_series_the_labels() {
    let options = HttpMetrics::builder()
        .prefix("shop")
        .constant_label("region", "eu")
        .constant_label("zone", "1");
    let (registry, service) = instrumented(options);
    send(&service, "GET", "/a").await;
    let plain = names(&instrumented(HttpMetrics::builder()).0);
    let prefixed = plain.iter().map(|name| format!("shop_{name}")).collect();
    assert_eq!(names(&registry), prefixed);
    for line in registry.text().lines().filter(|l| !l.starts_with('#')) {
        assert!(line.contains(r#"{region="eu",zone="1""#), "{line}");
    }
}

#[test]
fn a_wrong_prefix_or_label_is_refused() {
    let register = |options: HttpMetricsBuilder| {
        let registry = Registry::default();
        let error = options.register(&registry).unwrap_err();
        assert_eq!(registry.text(), "", "nothing was registered");
        error
    };
    assert!(matches!(
        register(HttpMetrics::builder().prefix("a-b")),
        HttpMetricsError::Register(RegisterError::InvalidPrefix { prefix }) if prefix == "a-b"
    ));
    assert!(matches!(
        register(HttpMetrics::builder().constant_label("a-b", "")),
        HttpMetricsError::Register(RegisterError::InvalidConstantLabel { label }) if label == "a-b"
    ));
    let twice = HttpMetrics::builder()
        .constant_label("a", "1")
        .constant_label("a", "2");
    assert!(matches!(
        register(twice),
        HttpMetricsError::Register(RegisterError::DuplicateConstantLabel { label }) if label == "a"
    ));
    assert!(matches!(
        register(HttpMetrics::builder().constant_label("endpoint", "")),
        HttpMetricsError::Register(RegisterError::DuplicateLabel { label, .. }) if label == "endpoint"
    ));
}

#[tokio::test]
async fn the_methods_that_are_told_apart_can_be_chosen() {
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let options = HttpMetrics::builder().methods([Method::GET, propfind]);
    let (registry, service) = instrumented(options);
    for method in ["GET", "PROPFIND", "POST", "MKCOL"] {
        send(&service, method, "/b/7").await;
    }
    let counted = |method: &str, requests: u64| {
        let labels = format!(r#"method="{method}",endpoint="/b/{{id}}",status_code="200""#);
        let series = format!("http_requests_total{{{labels}}}");
        assert_eq!(
            samples(&registry, &series),
            [format!("{series} {requests}")]
        );
    };
    counted("GET", 1);
    counted("PROPFIND", 1);
    counted("OTHER", 2);
}

#[tokio::test]
async fn an_endpoint_that_is_left_out_is_in_no_metric() {
    let options = HttpMetrics::builder()
        .exclude_endpoint("/b/{id}")
        .exclude_endpoint("unmatched")
        .exclude_endpoint("/nowhere");
    let (registry, service) = instrumented(options);
    let before = registry.text();
    assert!(!before.contains("/b"), "{before}");
    for path in ["/b/7", "/b/8", "/nothing", "/nowhere"] {
        send(&service, "GET", path).await;
    }
    assert_eq!(registry.text(), before);
    send(&service, "GET", "/a").await;
    assert_ne!(registry.text(), before);
}

#[tokio::test]
async fn a_metric_that_is_switched_off_is_gone_and_the_others_count() {
    let all = names(&instrumented(HttpMetrics::builder()).0);
    for (metric, name) in [
        (HttpMetric::Requests, "http_requests"),
        (HttpMetric::RequestsAborted, "http_requests_aborted"),
        (HttpMetric::RequestsInFlight, "http_requests_in_flight"),
        (HttpMetric::RequestDuration, "http_request_duration_seconds"),
        (HttpMetric::ResponseStart, "http_response_start_seconds"),
        (HttpMetric::RequestSize, "http_request_size_bytes"),
        (HttpMetric::ResponseSize, "http_response_size_bytes"),
    ] {
        let (registry, service) = instrumented(HttpMetrics::builder().without(metric));
        send(&service, "GET", "/a").await;
        let mut expected = all.clone();
        assert!(expected.remove(name));
        assert_eq!(names(&registry), expected);
        let counts: Vec<_> = samples(&registry, "http_")
            .into_iter()
            .filter(|line| {
                line.contains(r#"method="GET",endpoint="/a""#)
                    && (line.contains("_count{") || line.contains(r#"status_code="200""#))
            })
            .collect();
        let gauge_or_aborted =
            [HttpMetric::RequestsAborted, HttpMetric::RequestsInFlight].contains(&metric);
        assert_eq!(counts.len(), if gauge_or_aborted { 5 } else { 4 });
        assert!(counts.iter().all(|line| line.ends_with(" 1")), "{counts:?}");
    }
}

#[tokio::test]
async fn an_endpoint_can_have_bounds_of_its_own() {
    let own = EndpointBuckets {
        duration: Some(Buckets::new([7.0]).unwrap()),
        ..EndpointBuckets::default()
    };
    let options = HttpMetrics::builder()
        .endpoint_buckets("/a", own)
        .endpoint_buckets("/nowhere", EndpointBuckets::default())
        .duration_buckets(Buckets::new([1.0, 2.0]).unwrap());
    let (registry, service) = instrumented(options);
    send(&service, "GET", "/a").await;
    let bounds = |name: &str, endpoint: &str| {
        let series = format!("{name}_bucket{{method=\"GET\",endpoint=\"{endpoint}\"");
        let lines = samples(&registry, &series);
        let bound = |line: &String| line.split("le=").nth(1).unwrap().to_owned();
        lines.iter().map(bound).collect::<Vec<_>>()
    };
    for name in [
        "http_request_duration_seconds",
        "http_response_start_seconds",
    ] {
        assert_eq!(bounds(name, "/a"), [r#""7"} 1"#, r#""+Inf"} 1"#]);
        let others = [r#""1"} 0"#, r#""2"} 0"#, r#""+Inf"} 0"#];
        assert_eq!(bounds(name, "/b/{id}"), others);
    }
    assert_eq!(bounds("http_request_size_bytes", "/a").len(), 8);
}

/// The log of a test's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self, with: &str) -> usize {
        let said = self.0.lock().unwrap();
        let said = std::str::from_utf8(&said).unwrap();
        said.lines().filter(|line| line.contains(with)).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a Prometheus gets, in a format.
async fn scrape(registry: &Registry, format: &str) -> String {
    let router = Router::with_path("metrics").get(Scrape::new(registry.clone()));
    let url = format!("http://127.0.0.1/metrics?format={format}");
    let mut answer = TestClient::get(url).send(&Service::new(router)).await;
    answer.take_string().await.unwrap()
}

const WITHOUT_HOOP: &str = "http_metrics_without_hoop";

#[tokio::test]
async fn a_missing_hoop_is_told_once_and_is_a_metric() {
    let (log, _logging) = Log::begin();
    let registry = Registry::default();
    let options = HttpMetrics::builder().constant_label("region", "eu");
    let http = options.clone().prefix("shop").register(&registry).unwrap();
    let hooped = options.clone().prefix("other").register(&registry).unwrap();
    let service = hooped.instrument(router());
    for format in ["text", "openmetrics", "text"] {
        let text = scrape(&registry, format).await;
        let sample = format!("\nshop_{WITHOUT_HOOP}{{region=\"eu\"}} 1\n");
        assert!(text.contains(&sample), "{text}");
        assert!(!text.contains(&format!("other_{WITHOUT_HOOP}{{")), "{text}");
        if format == "openmetrics" {
            // That parser knows no unit in a name that has a label after it.
            let lines = text.lines().filter(|line| !line.starts_with("# UNIT"));
            let unitless: String = lines.map(|line| format!("{line}\n")).collect();
            openmetrics_parser::openmetrics::parse_openmetrics(&unitless).unwrap();
        }
    }
    assert_eq!(log.lines("call HttpMetrics::instrument"), 1);
    assert_eq!(log.lines(&format!("shop_{WITHOUT_HOOP}")), 1);
    // With a hoop, wherever it is, nothing is left of it.
    for hooped in [
        |http: HttpMetrics| http.instrument(router()),
        |http: HttpMetrics| Service::new(router().hoop(http.hoop())),
    ] {
        let registry = Registry::default();
        let _ = hooped(HttpMetrics::register(&registry).unwrap());
        assert!(!scrape(&registry, "text").await.contains(WITHOUT_HOOP));
    }
    let _ = (service, http.instrument(router()));
    assert!(!scrape(&registry, "text").await.contains(WITHOUT_HOOP));
    // Nor is one told of metrics whose registry went before its first scrape, although another takes its memory.
    for _ in 0..50 {
        HttpMetrics::register(&Registry::default()).unwrap();
        let registry = Registry::default();
        let _ = HttpMetrics::register(&registry)
            .unwrap()
            .instrument(router());
        scrape(&registry, "text").await;
    }
    assert_eq!(log.lines("WARN"), 1);
}

#[tokio::test]
async fn an_endpoint_may_be_written_as_the_router_has_it() {
    let own = EndpointBuckets {
        duration: Some(Buckets::new([7.0]).unwrap()),
        ..EndpointBuckets::default()
    };
    let options = HttpMetrics::builder()
        .exclude_endpoint("a")
        .endpoint_buckets("b/{id:num}/", own);
    let registry = Registry::default();
    let http = options.register(&registry).unwrap();
    let service = http.try_instrument(router()).unwrap();
    send(&service, "GET", "/a").await;
    send(&service, "GET", "/b/7").await;
    let text = registry.text();
    assert!(!text.contains("endpoint=\"/a\""), "{text}");
    let bounds = r#"http_request_duration_seconds_bucket{method="GET",endpoint="/b/{id}""#;
    assert_eq!(samples(&registry, bounds).len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_no_route_has_is_refused_or_warned_of() {
    let (log, _logging) = Log::begin();
    let wrong = |options: HttpMetricsBuilder| {
        let registry = Registry::default();
        (options.register(&registry).unwrap(), registry)
    };
    for options in [
        HttpMetrics::builder().exclude_endpoint("/b/{name}"),
        HttpMetrics::builder().endpoint_buckets("/b/{name}", EndpointBuckets::default()),
    ] {
        let (http, registry) = wrong(options);
        let error = http.try_instrument(router()).unwrap_err();
        assert_eq!(error.endpoint(), "/b/{name}");
        assert!(error.known().eq(["/a", "/b/{id}", "overflow", "unmatched"]));
        let said = "no route has the endpoint \"/b/{name}\"";
        assert!(error.to_string().starts_with(said), "{error}");

        let before = log.lines(said);
        let _ = http.instrument(router());
        for _ in 0..3 {
            scrape(&registry, "text").await;
        }
        assert_eq!(log.lines(said), before + 1);
    }
    // A route of a second service; and routes that are not all known.
    let second = || Router::with_path("b/{name}").get(fine);
    let hidden = || {
        use salvo::routing::{Filter, filters::path};
        Router::with_filter(path("c").or(path("d"))).get(fine)
    };
    let before = log.lines("WARN");
    for install in [
        |http: HttpMetrics, other: Router| http.instrument(other),
        |http: HttpMetrics, other: Router| http.try_instrument(other).unwrap(),
        |http: HttpMetrics, _: Router| Service::new(router()).hoop(http.hoop()),
    ] {
        let (http, registry) = wrong(HttpMetrics::builder().exclude_endpoint("/b/{name}"));
        let _ = (http.instrument(router()), install(http, second()));
        scrape(&registry, "text").await;
        let (http, registry) = wrong(HttpMetrics::builder().exclude_endpoint("/b/{name}"));
        let _ = install(http, hidden());
        scrape(&registry, "text").await;
    }
    assert_eq!(log.lines("WARN"), before);
}

/// The value of each series of `http_requests_total`, by its labels.
fn requests(registry: &Registry) -> Vec<String> {
    let text = registry.text();
    let lines = text.lines();
    let counted = lines.filter_map(|line| line.strip_prefix("http_requests_total"));
    let counted = counted.filter(|line| !line.ends_with(" 0"));
    counted.map(str::to_owned).collect()
}

#[tokio::test]
async fn labels_of_ones_own_come_from_the_head_and_from_handlers() {
    #[handler]
    async fn authenticates(req: &mut Request) {
        let labels = req.extensions().get::<RequestLabels>().unwrap();
        labels.set("plan", "paid").unwrap();
    }
    let options = HttpMetrics::builder()
        .label("tenant", |head| head.header("x-tenant"))
        .limit(1)
        .label_set_later("plan")
        .limit(1);
    let registry = Registry::default();
    let metrics = options.register(&registry).unwrap();
    let service = metrics.instrument(
        Router::new()
            .push(Router::with_path("a").hoop(authenticates).get(fine))
            .push(Router::with_path("b").get(fine)),
    );
    for (path, tenant) in [("a", "ann"), ("a", "bob"), ("b", "ann")] {
        let request = TestClient::get(format!("http://127.0.0.1/{path}"));
        request
            .add_header("x-tenant", tenant, true)
            .send(&service)
            .await;
    }
    let labels = |endpoint, tenant, plan| {
        format!(
            "{{method=\"GET\",endpoint=\"/{endpoint}\",status_code=\"200\",tenant=\"{tenant}\",plan=\"{plan}\"}} 1"
        )
    };
    assert_eq!(
        requests(&registry),
        [
            labels("a", "ann", "paid"),
            labels("a", "other", "paid"),
            labels("b", "ann", "none")
        ]
    );
}

#[tokio::test]
async fn a_rule_and_a_handler_leave_requests_out() {
    #[handler]
    async fn left_out(res: &mut Response) {
        res.extensions.insert(Unrecorded);
        res.render("fine");
    }
    let options = HttpMetrics::builder().endpoint_rule(|head| match head.route() {
        Some("/health") => EndpointRule::LeaveOut,
        Some(route) if route.starts_with("/admin/") => EndpointRule::Name("/admin".into()),
        _ => EndpointRule::Keep,
    });
    let registry = Registry::default();
    let metrics = options.register(&registry).unwrap();
    let service = metrics.instrument(
        Router::new()
            .push(Router::with_path("health").get(fine))
            .push(Router::with_path("admin/{page}").get(fine))
            .push(Router::with_path("quiet").get(left_out)),
    );
    let known = samples(&registry, "http_requests_total");
    let at_zero = |endpoint, status| {
        format!(
            "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"{status}\"}} 0"
        )
    };
    assert_eq!(
        known,
        [
            at_zero("/admin", 200),
            at_zero("/admin", 500),
            at_zero("/quiet", 200),
            at_zero("/quiet", 500)
        ],
        "the rule names the known routes, too"
    );
    for path in ["health", "quiet", "admin/a", "admin/b", "nowhere"] {
        let request = TestClient::get(format!("http://127.0.0.1/{path}"));
        request.send(&service).await;
    }
    assert_eq!(
        requests(&registry),
        [
            "{method=\"GET\",endpoint=\"/admin\",status_code=\"200\"} 2",
            "{method=\"GET\",endpoint=\"unmatched\",status_code=\"404\"} 1"
        ]
    );
    let text = registry.text();
    assert!(
        text.contains("http_requests_in_flight{method=\"GET\"} 0"),
        "{text}"
    );
}
