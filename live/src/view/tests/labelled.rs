//! Several series of one endpoint and status, as labels of the application's own and the class of the status make them.

use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use serde_json::{Value, json};
use tallied::{Buckets, Counter, Family, Histogram, Registry};
use tallied_http::adapter::{Exchange, Framing};
use tallied_http::{HttpMetrics, RequestHead};

use super::{look, state};
use crate::model::tests::Watched;

/// The row of `GET /a`, and what it opens.
fn row(watched: &Watched) -> (Value, Value) {
    let mut state = state(watched);
    let rows = state["endpoints"].as_array().unwrap();
    let at = rows.iter().position(|row| row["route"] == "/a").unwrap();
    let detail = look(watched, |look| look.endpoint_detail(at).unwrap());
    (state["endpoints"][at].take(), detail)
}

/// Of every second, how many requests had this status.
fn rates(detail: &Value, status: &str) -> Vec<f64> {
    serde_json::from_value(detail["statuses"][status].clone()).unwrap()
}

fn request(http: HttpMetrics, tenant: &str, status: u16) {
    let request = Request::get("/a").header("x-tenant", tenant);
    let request = request.body(()).unwrap();
    let exchange = Exchange::begin(http, RequestHead::of(&request), Some("/a"), |_| None);
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    match exchange.unwrap() {
        cancelled if status == 499 => drop(cancelled),
        exchange => drop(exchange.respond(response, Framing::Length, false)),
    }
}

#[test]
fn a_row_is_the_sum_over_tenants_and_classes() {
    let registry = Registry::default();
    let http = HttpMetrics::builder()
        .label("tenant", |head| head.header("x-tenant"))
        .limit(10)
        .duration_by_status_class()
        .register(&registry)
        .unwrap();
    let mut watched = Watched::new(&registry);
    let second = |watched: &mut Watched, requests: &[(&str, u16)]| {
        for (tenant, status) in requests {
            request(http, tenant, *status);
        }
        watched.read();
    };
    // Before anybody looked: in the totals alone.
    second(&mut watched, &[("a", 200), ("b", 200), ("b", 500)]);
    second(&mut watched, &[("a", 200), ("b", 200), ("b", 200)]);
    // A tenant, a class and a reason that are new.
    second(&mut watched, &[("a", 500), ("new", 200), ("new", 499)]);
    second(&mut watched, &[("a", 499)]);
    second(&mut watched, &[]);
    let (row, detail) = row(&watched);
    let statuses = json!({ "200": 6, "499": 2, "500": 2 });
    assert_eq!(row["statuses"], statuses, "{row}");
    assert_eq!((&row["requests"], &row["errors"]), (&json!(10), &json!(2)));
    assert_eq!(row["aborted"], json!({ "client_disconnect": 2 }));
    // Seven requests in four seconds, and not one of those before.
    assert_eq!(row["rate"], 1.75);
    assert_eq!(row["spark"], json!([3, 3, 1, 0]));
    let kept: Vec<u64> = serde_json::from_value(row["histogram"].clone()).unwrap();
    assert_eq!(kept.iter().sum::<u64>(), 7, "{row}");
    assert_eq!(rates(&detail, "200"), [3.0, 1.0, 0.0, 0.0]);
    assert_eq!(rates(&detail, "500"), [0.0, 1.0, 0.0, 0.0]);
    let overview = state(&watched)["overview"].take();
    assert_eq!(overview["rate"], json!([3, 3, 1, 0]));
    assert_eq!(overview["errors"], json!([0, 1, 0, 0]));
    assert_eq!(overview["aborted"], json!([0, 1, 1, 0]));
}

/// The same families, by hand, so that times and sizes are known and series can go.
struct ByHand {
    requests: Family<Counter, 4>,
    durations: Family<Histogram, 4>,
    sizes: Family<Histogram, 3>,
}

impl ByHand {
    fn register(registry: &Registry) -> Self {
        let bounds = Buckets::new([0.1, 1.0, 10.0]).unwrap();
        let histogram = move || Histogram::with_buckets(&bounds);
        let by_hand = Self {
            requests: Family::new(["method", "endpoint", "status_code", "tenant"]),
            durations: Family::new_with_constructor(
                ["method", "endpoint", "status_class", "tenant"],
                histogram.clone(),
            ),
            sizes: Family::new_with_constructor(["method", "endpoint", "tenant"], histogram),
        };
        let Self {
            requests,
            durations,
            sizes,
        } = &by_hand;
        registry
            .register("http_requests", "Requests", requests.clone())
            .unwrap();
        registry
            .register("http_request_duration_seconds", "Times", durations.clone())
            .unwrap();
        for sizes_of in ["http_request_size_bytes", "http_response_size_bytes"] {
            registry.register(sizes_of, "Sizes", sizes.clone()).unwrap();
        }
        by_hand
    }

    fn record(&self, tenant: &str, count: u64, seconds: f64) {
        let requests = self.requests.get_or_create(&["GET", "/a", "200", tenant]);
        let durations = self.durations.get_or_create(&["GET", "/a", "2xx", tenant]);
        let sizes = self.sizes.get_or_create(&["GET", "/a", tenant]);
        requests.inc_by(count);
        for _ in 0..count {
            durations.observe(seconds);
            sizes.observe(100.0);
        }
    }

    fn remove(&self, tenant: &str) {
        self.requests.remove(&["GET", "/a", "200", tenant]);
        self.durations.remove(&["GET", "/a", "2xx", tenant]);
        self.sizes.remove(&["GET", "/a", tenant]);
    }
}

#[test]
fn percentiles_are_of_all_tenants_and_what_goes_is_taken_off() {
    let registry = Registry::default();
    let by_hand = ByHand::register(&registry);
    let mut watched = Watched::new(&registry);
    watched.read();
    watched.read();
    by_hand.record("slow", 10, 5.0);
    by_hand.record("fast", 90, 0.05);
    watched.read();
    let (before, _) = row(&watched);
    assert_eq!(before["histogram"], json!([90, 0, 10, 0]));
    // Rank 95 of 100, 5 of the 10 from 1 s to 10 s; rank 50 of the 90 up to 0.1 s.
    assert_eq!(before["p95"], 5.5);
    assert_eq!(before["p50"], 0.05556);
    assert_eq!(before["bytes_in"], 10_000);
    assert_eq!(before["bytes_out"], 10_000);
    by_hand.remove("slow");
    watched.read();
    let (after, _) = row(&watched);
    assert_eq!(after["requests"], 90);
    assert_eq!(after["bytes_out"], 9_000);
    assert_eq!(after["histogram"], json!([90, 0, 0, 0]));
    // It comes again, as one that is new.
    by_hand.record("slow", 2, 5.0);
    watched.read();
    let (again, detail) = row(&watched);
    assert_eq!(again["requests"], 92);
    assert_eq!(again["histogram"], json!([90, 0, 2, 0]));
    assert_eq!(again["spark"], json!([0, 100, 0, 2]));
    // Ten minutes later nothing of it is left but the totals.
    assert_eq!(detail["heat"]["columns"][3], json!([0, 0, 2, 0]));
    for _ in 0..700 {
        watched.read();
    }
    let (later, _) = row(&watched);
    assert_eq!(later["histogram"], json!([0, 0, 0, 0]));
    assert_eq!(later["requests"], 92);
}

#[test]
fn without_statuses_the_requests_are_those_that_were_timed() {
    let registry = Registry::default();
    let by_hand = ByHand::register(&registry);
    registry.unregister("http_requests");
    let mut watched = Watched::new(&registry);
    watched.read();
    watched.read();
    by_hand.record("slow", 10, 5.0);
    by_hand.record("fast", 90, 0.05);
    watched.read();
    let (row, _) = row(&watched);
    assert_eq!((&row["requests"], &row["rate"]), (&json!(100), &json!(50)));
}
