//! Sentences, percentiles and findings, of registries that are read once a second.

mod blocking;
mod labelled;

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tallied::{Beyond, Buckets, Counter, Family, Gauge, Histogram, Registry, SeriesLimit};
use tallied_http::Recent;

use super::{About, Look, wire};
use crate::model::tests::Watched;

/// The HTTP metrics as an application has them, recorded by hand.
struct Http {
    watched: Watched,
    requests: Family<Counter, 3>,
    durations: Family<Histogram, 2>,
    aborted: Family<Counter, 3>,
    in_flight: Family<Gauge<i64>, 1>,
}

impl Http {
    fn new(prefix: &str) -> Self {
        let registry = Registry::with_prefix(prefix).unwrap();
        let requests = Family::new(["method", "endpoint", "status_code"]);
        let bounds = Buckets::new([0.01, 0.05, 0.1, 1.0, 10.0]).unwrap();
        let durations = Family::new_with_constructor(["method", "endpoint"], move || {
            Histogram::with_buckets(&bounds)
        });
        let aborted = Family::new(["method", "endpoint", "reason"]);
        let in_flight = Family::<Gauge<i64>, 1>::new(["method"]);
        registry
            .register("http_requests", "Requests", requests.clone())
            .unwrap();
        registry
            .register("http_request_duration_seconds", "Times", durations.clone())
            .unwrap();
        registry
            .register("http_requests_aborted", "Aborted", aborted.clone())
            .unwrap();
        registry
            .register("http_requests_in_flight", "In flight", in_flight.clone())
            .unwrap();
        Self {
            watched: Watched::new(&registry),
            requests,
            durations,
            aborted,
            in_flight,
        }
    }

    fn record(&self, method: &str, route: &str, status: &str, seconds: f64) {
        self.requests.get_or_create(&[method, route, status]).inc();
        self.durations
            .get_or_create(&[method, route])
            .observe(seconds);
    }

    fn state(&self) -> Value {
        state(&self.watched)
    }
}

fn look(watched: &Watched, look: impl FnOnce(Look<'_>) -> String) -> Value {
    let about = About {
        build: wire::Build {
            name: "shop".to_owned(),
            version: "1".to_owned(),
            started: 0,
            rows: Vec::new(),
        },
        configuration: Vec::new(),
        processors: Some(2.0),
    };
    let json = look(Look {
        model: &watched.model,
        about: &about,
        now: watched.now,
        clock: watched.clock,
        recent: Recent::default(),
        endpoint_places: None,
        viewers: 1,
        max_viewers: 16,
        draining: false,
    });
    serde_json::from_str(&json).unwrap()
}

fn state(watched: &Watched) -> Value {
    look(watched, |look| look.state().0)
}

fn findings(state: &Value) -> Vec<&str> {
    let findings = state["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["text"].as_str().unwrap())
        .collect()
}

#[test]
fn the_sentence_says_the_figures_and_what_is_wrong() {
    let mut http = Http::new("");
    http.watched.read();
    assert_eq!(http.state()["summary"]["text"], "Looking …");
    http.watched.read();
    assert_eq!(http.state()["summary"]["level"], "idle");
    http.in_flight.get_or_create(&["GET"]).set(17);
    for _ in 0..10 {
        for n in 0..412 {
            http.record(
                "GET",
                "/data",
                "200",
                if n % 100 == 99 { 0.07 } else { 0.002 },
            );
        }
        http.watched.read();
    }
    let state = http.state();
    // Rank 4078.8 of 4120; the bucket from 0.05 on holds 40 after 4080: the one below, from 0 on.
    let p99 = 0.01 * (0.99 * 4120.0 / 4080.0);
    let found = state["current"]["p99"]["value"].as_f64().unwrap();
    assert!((found - p99).abs() < 1e-12, "{found} {p99}");
    assert_eq!(
        state["summary"]["text"],
        "412 requests/s, p99 10 ms, 0 % errors, 17 in flight. Nothing is wrong."
    );
    assert_eq!(state["summary"]["level"], "ok");
    for _ in 0..40 {
        for _ in 0..94 {
            http.record("POST", "/data", "201", 0.002);
        }
        for _ in 0..6 {
            http.record("POST", "/data", "500", 0.002);
        }
        http.watched.read();
    }
    let state = http.state();
    assert_eq!(findings(&state)[0], "POST /data: 6 % errors for 40 s");
    assert_eq!(state["summary"]["level"], "bad");
    let text = state["summary"]["text"].as_str().unwrap();
    assert!(text.ends_with("POST /data: 6 % errors for 40 s."), "{text}");
    // It is over when it is.
    for _ in 0..11 {
        http.record("POST", "/data", "201", 0.002);
        http.watched.read();
    }
    assert_eq!(http.state()["summary"]["level"], "ok");
}

#[test]
fn what_a_tick_says_is_what_the_state_says_then() {
    let mut http = Http::new("my_shop");
    http.watched.read();
    for second in 0..20_u32 {
        for _ in 0..second % 7 {
            http.record("GET", "/a", "200", f64::from(second) / 3.0);
        }
        http.aborted
            .get_or_create(&["GET", "/a", "client_disconnect"])
            .inc();
        assert!(http.watched.read());
        let tick = look(&http.watched, |look| look.tick().unwrap().0);
        let state = http.state();
        for (name, history) in state["overview"].as_object().unwrap() {
            let last = history.as_array().unwrap().last().unwrap();
            assert_eq!(&tick["overview"][name], last, "{name}");
        }
        let heat = state["heat"]["columns"].as_array().unwrap().last();
        assert_eq!(Some(&tick["heat"]["column"]), heat);
        for part in ["summary", "current", "left", "findings", "scrapes"] {
            assert_eq!(tick[part], state[part], "{part}");
        }
        let row = &state["endpoints"][0];
        let changed = &tick["endpoints"][0];
        assert_eq!(changed["rate"], row["rate"]);
        assert_eq!(
            &changed["spark_last"],
            row["spark"].as_array().unwrap().last().unwrap()
        );
    }
    let state = http.state();
    assert_eq!(state["names"]["requests"], "my_shop_http_requests_total");
    assert_eq!(state["left"]["reasons"]["client_disconnect"], 20);
    assert_eq!(state["times"].as_array().unwrap().len(), 20);
}

#[test]
fn a_row_that_did_not_change_is_not_sent_again() {
    let mut http = Http::new("");
    http.record("GET", "/a", "200", 0.1);
    http.record("GET", "/b", "200", 0.1);
    http.watched.read();
    let mut sent = Vec::new();
    for _ in 0..30 {
        http.record("GET", "/a", "200", 0.1);
        http.watched.read();
        let mut rows = None;
        let tick = look(&http.watched, |look| {
            let (tick, sent) = look.tick().unwrap();
            rows = Some(sent);
            tick
        });
        rows.unwrap().keep(&mut http.watched.model);
        let routes = tick["endpoints"].as_array().unwrap().iter();
        sent.extend(routes.map(|row| row["route"].as_str().unwrap().to_owned()));
    }
    assert_eq!(sent.iter().filter(|route| *route == "/a").count(), 30);
    assert_eq!(sent.iter().filter(|route| *route == "/b").count(), 1);
}

#[test]
fn an_endpoint_opens_into_statuses_and_a_heat_map() {
    let mut http = Http::new("");
    http.record("GET", "/a", "200", 0.1);
    http.watched.read();
    http.record("GET", "/a", "200", 0.02);
    http.record("GET", "/a", "500", 20.0);
    http.watched.read();
    http.watched.read();
    let detail = look(&http.watched, |look| look.endpoint_detail(0).unwrap());
    assert_eq!(detail["statuses"]["200"], serde_json::json!([1, 0]));
    assert_eq!(detail["statuses"]["500"], serde_json::json!([1, 0]));
    assert_eq!(
        detail["heat"]["columns"][0],
        serde_json::json!([0, 1, 0, 0, 0, 1])
    );
    assert_eq!(
        detail["heat"]["columns"][1],
        serde_json::json!([0, 0, 0, 0, 0, 0])
    );
    let detail = look(&http.watched, |look| {
        assert!(look.endpoint_detail(7).is_none() && look.family_detail("x").is_none());
        look.family_detail("http_requests_total").unwrap()
    });
    assert_eq!(detail["series"].as_array().unwrap().len(), 2);
}

#[test]
fn findings_are_found() {
    let mut http = Http::new("");
    let registry = http.watched.registry.clone();
    let limit = SeriesLimit {
        max: 100,
        beyond: Beyond::Detached,
    };
    let users = Family::with_limit(["user"], Counter::default, limit);
    for user in 0..94 {
        users.get_or_create(&[&user.to_string()]);
    }
    registry.register("jobs_by_user", "Jobs", users).unwrap();
    let busy = Family::<tallied::ObservedCounter, 1>::new(["worker"]);
    registry
        .register("tokio_worker_busy_seconds", "Busy", busy.clone())
        .unwrap();
    let scrapes = Family::<Counter, 1>::new(["result"]);
    registry
        .register("tallied_scrapes", "Scrapes", scrapes.clone())
        .unwrap();
    let took = Histogram::with_buckets(&Buckets::new([1.0]).unwrap());
    registry
        .register("tallied_scrape_duration_seconds", "Took", took.clone())
        .unwrap();
    let ok = scrapes.get_or_create_owned(&["ok"]);
    http.watched.read();
    http.watched.read();
    assert!(!findings(&http.state()).is_empty());
    for second in 1..=60_u32 {
        for _ in 0..98 {
            http.record("GET", "/report", "200", 20.0);
        }
        http.record("GET", "/report", "200", 0.1);
        http.record("GET", "/report", "200", 0.1);
        busy.get_or_create(&["3"]).observe_total(f64::from(second));
        for other in ["0", "1", "2"] {
            busy.get_or_create(&[other])
                .observe_total(f64::from(second) / 3.0);
        }
        if second % 10 == 0 {
            ok.inc();
            took.observe(4.0);
        }
        http.watched.read();
    }
    let state = http.state();
    let found = findings(&state);
    for text in [
        "98 % of GET /report lies in the last bucket (> 10 s): give it other bounds",
        "`jobs_by_user_total` has 94 of 100 series",
        "Worker 3 is 100 % busy",
        "A scrape takes 40 % of its interval",
    ] {
        assert!(found.contains(&text), "{text} in {found:?}");
    }
    assert!(
        !found.iter().any(|text| text.starts_with("Worker 0")),
        "{found:?}"
    );
    for _ in 0..100 {
        http.watched.read();
    }
    let state = http.state();
    assert!(
        findings(&state).contains(&"Nobody has scraped for 2 min"),
        "{:?}",
        findings(&state)
    );
}

#[test]
fn nothing_that_feeds_the_metrics_is_the_worst() {
    let registry = Registry::default();
    tallied_http::HttpMetrics::register(&registry).unwrap();
    let mut watched = Watched::new(&registry);
    watched.read();
    watched.read();
    let state = state(&watched);
    assert!(
        findings(&state)[0].starts_with("No request has passed the hoop"),
        "{:?}",
        findings(&state)
    );
    assert_eq!(state["summary"]["level"], "bad");
}

#[test]
fn a_jump_of_the_clock_is_said_and_columns_keep_their_age() {
    let registry = Registry::default();
    let mut watched = Watched::new(&registry);
    watched.read();
    for _ in 0..5 {
        watched.read();
    }
    watched.clock -= Duration::from_secs(7200);
    watched.read();
    let state = state(&watched);
    assert_eq!(state["problem"], "The system's clock jumped back by 2 h.");
    let now = state["now"].as_i64().unwrap();
    let times: Vec<i64> = serde_json::from_value(state["times"].clone()).unwrap();
    let ages: Vec<i64> = times.iter().map(|time| now - time).collect();
    assert_eq!(ages, [5000, 4000, 3000, 2000, 1000, 0]);
    watched.clock = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
    assert!(
        look(&watched, |look| look.state().0)["now"]
            .as_i64()
            .unwrap()
            < 0
    );
}

#[test]
fn the_sentence_names_what_the_findings_begin_with() {
    let mut http = Http::new("");
    http.watched.read();
    for _ in 0..20 {
        for route in ["/few", "/many", "/many", "/many"] {
            http.record("GET", route, "500", 0.002);
        }
        http.watched.read();
    }
    let state = http.state();
    let first = findings(&state)[0];
    assert!(first.starts_with("GET /many: "), "{first}");
    let text = state["summary"]["text"].as_str().unwrap();
    assert!(text.ends_with(&format!(" {first}.")), "{text}");
}

#[test]
fn a_gauge_is_shown_in_full() {
    let registry = Registry::default();
    let backup = Gauge::<f64>::default();
    backup.set(1_796_127_354.708);
    registry
        .register("last_backup_time_seconds", "When", backup)
        .unwrap();
    let mut watched = Watched::new(&registry);
    watched.read();
    watched.read();
    let state = state(&watched);
    assert_eq!(state["families"][0]["shown"][0]["value"], 1_796_127_354.708);
}
