//! The endpoints of the application, on real sockets: what they answer, and what they refuse.

mod data;
mod documentation;
mod head;
mod health;
mod pages;
mod refusals;

use std::time::Duration;

use serde_json::Value;
use tallied_server::App;
use tallied_server::config::Config;

use crate::support::{Answer, Client, Running};

/// The application as it is by default.
fn start() -> Running {
    let app = || App::new(&Config::default()).unwrap();
    Running::start(app, Duration::from_secs(2))
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

/// A problem, and what it says of itself.
fn problem(answer: &Answer, status: u16, field: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    let problem = json(answer);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    assert_eq!(problem.get("field").and_then(Value::as_str), field);
}

/// How many requests were counted.
fn counted(client: &mut Client, method: &str, endpoint: &str, status: u16) -> u32 {
    let scrape = client.get("/metrics");
    let series = format!(
        r#"http_requests_total{{method="{method}",endpoint="{endpoint}",status_code="{status}"}} "#
    );
    let line = scrape.text().lines().find_map(|l| l.strip_prefix(&series));
    line.map_or(0, |value| value.parse().unwrap())
}
