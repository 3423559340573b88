//! Viewers, and scripts: what they get, and when no more.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::{Duration, Instant};

use http::{Method, Request};
use support::{Stream, answer, get, json};
use tallied::{Counter, Registry};
use tallied_http::HttpMetrics;
use tallied_live::Live;

fn viewers(registry: &Registry) -> String {
    let text = registry.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("tallied_live_viewers "));
    line.unwrap().split(' ').next_back().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_state_and_says_what_changes() {
    let registry = Registry::default();
    let jobs = Counter::default();
    registry.register("jobs", "Jobs <b>", jobs.clone()).unwrap();
    let live = Live::builder()
        .name("shop", "1.2.0")
        .register(&registry)
        .unwrap();
    let mut stream = Stream::open(&live).await;
    let state = stream.next("state").await;
    assert_eq!(state["build"]["name"], "shop");
    assert_eq!(state["families"][0]["name"], "jobs_total");
    assert_eq!(state["families"][0]["shown"][0]["total"], 0);
    assert_eq!(state["viewers"], 1);
    jobs.inc_by(7);
    let tick = stream.next("tick").await;
    assert_eq!(tick["families"][0]["shown"][0]["total"], 7);
    let rate = tick["families"][0]["shown"][0]["last"].as_f64().unwrap();
    assert!((6.0..=8.0).contains(&rate), "{rate}");
    assert!(tick["time"].is_i64());
    // One that reconnects gets everything at once, and from then on the same ticks.
    let began = Instant::now();
    let mut second = Stream::open(&live).await;
    let state = second.next("state").await;
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(state["families"][0]["shown"][0]["total"], 7);
    assert_eq!(state["times"].as_array().unwrap().len(), 1);
    let [first, second] = [stream.next("tick").await, second.next("tick").await];
    assert_eq!(first["time"], second["time"]);
    assert_eq!(viewers(&registry), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_are_limited_and_leave_room() {
    let registry = Registry::default();
    let live = Live::register(&registry).unwrap();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Stream::open(&live).await);
    }
    assert_eq!(viewers(&registry), "16");
    let (status, kind, text) = answer(&live, get("/live", "text/event-stream")).await;
    assert_eq!((status, &*kind), (503, "text/plain; charset=utf-8"));
    assert!(text.contains("16 look already"), "{text}");
    // The page itself, and a picture of now, are there all the same.
    assert_eq!(answer(&live, get("/live", "text/html")).await.0, 200);
    assert_eq!(json(&live, "/live?format=json").await["viewers"], 16);
    streams.pop();
    assert_eq!(viewers(&registry), "15");
    Stream::open(&live).await.next("state").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_streams() {
    let registry = Registry::default();
    let live = Live::register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    stream.next("state").await;
    live.drain();
    loop {
        let (name, data) = stream.event().await.unwrap();
        if name == "bye" {
            assert_eq!(data["reason"], "drain");
            break;
        }
    }
    assert!(stream.event().await.is_none());
    assert_eq!(viewers(&registry), "0");
    let (status, _, text) = answer(&live, get("/live", "text/event-stream")).await;
    assert_eq!(status, 503);
    assert!(text.contains("stopping"), "{text}");
    let state = json(&live, "/live.json").await;
    assert_eq!(state["left"]["draining"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_reads_nothing_is_let_go() {
    let registry = Registry::default();
    let live = Live::register(&registry).unwrap();
    let mut stalled = Stream::open(&live).await;
    stalled.next("state").await;
    let mut reading = Stream::open(&live).await;
    let began = Instant::now();
    while viewers(&registry) == "2" {
        reading.event().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    assert!(
        began.elapsed() > Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(stalled.next("bye").await["reason"], "stalled");
    assert!(stalled.event().await.is_none());
    // The other one never noticed.
    reading.next("tick").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_page() {
    let live = Live::register(&Registry::default()).unwrap();
    let mut stream = Stream::open(&live).await;
    stream.next("state").await;
    drop(live);
    while stream.event().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_drawn_goes_on_after_a_reload() {
    let registry = Registry::default();
    let live = Live::register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    stream.next("state").await;
    stream.next("tick").await;
    drop(stream);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let state = Stream::open(&live).await.next("state").await;
    let times: Vec<i64> = serde_json::from_value(state["times"].clone()).unwrap();
    assert!(times.len() >= 2, "{times:?}");
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] < 1_900),
        "{times:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn always_on_is_there_before_anybody_comes() {
    let live = Live::builder()
        .always_on()
        .register(&Registry::default())
        .unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let state = Stream::open(&live).await.next("state").await;
    let columns = state["times"].as_array().unwrap().len();
    assert!((2..=4).contains(&columns), "{columns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_figures_where_nobody_looks() {
    let registry = Registry::default();
    let http = HttpMetrics::register(&registry).unwrap();
    let live = Live::builder().http(http).register(&registry).unwrap();
    let began = Instant::now();
    let state = json(&live, "/live.json").await;
    assert!(
        began.elapsed() < Duration::from_millis(2_400),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(state["current"]["rate"], 0);
    assert_eq!(state["version"], 1);
    // Again at once.
    let began = Instant::now();
    let brief = json(&live, "/live?format=brief").await;
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    let mut members: Vec<_> = brief.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["current", "now", "summary"]);
    assert_eq!(viewers(&registry), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_described() {
    let live = Live::register(&Registry::default()).unwrap();
    for (path, accept, status, kind) in [
        (
            "/live",
            "text/html,*/*;q=0.8",
            200,
            "text/html; charset=utf-8",
        ),
        ("/live", "*/*", 200, "text/html; charset=utf-8"),
        ("/live", "TEXT/event-stream;q=1", 200, "text/event-stream"),
        ("/live?format=html", "", 200, "text/html; charset=utf-8"),
        ("/live?format=xml", "", 400, "text/plain; charset=utf-8"),
        ("/live?endpoint=x", "", 400, "text/plain; charset=utf-8"),
        ("/live?endpoint=7", "", 404, "text/plain; charset=utf-8"),
        ("/live?family=nothing", "", 404, "text/plain; charset=utf-8"),
        ("/live?format=json", "", 200, "application/json"),
        ("/live.json", "text/event-stream", 200, "application/json"),
    ] {
        let response = live.respond(&get(path, accept), None).await;
        let headers = response.headers();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(headers["content-type"], kind, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("no-store")
        );
        assert!(!headers.contains_key("set-cookie"));
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    let post = Request::builder()
        .method(Method::POST)
        .uri("/live")
        .body(())
        .unwrap();
    let refused = live.respond(&post, None).await;
    assert_eq!(refused.status(), 405);
    assert_eq!(refused.headers()["allow"], "GET, HEAD");
    let head = Request::head("/live")
        .header("accept", "text/event-stream")
        .body(())
        .unwrap();
    let head = live.respond(&head, None).await;
    assert_eq!(head.headers()["content-type"], "text/event-stream");
    assert!(http_body::Body::is_end_stream(head.body()));
}
