//! /live: the page, its stream, where they are, and what is not measured of them.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Client, DEADLINE, Server, ends, sample};

const VIEWERS: &str = "tallied_live_viewers";
const IN_FLIGHT: &str = r#"http_requests_in_flight{method="GET"}"#;

/// A viewer whose stream has begun.
fn look(mut client: Client) -> Client {
    client.send("GET /live HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status, 200, "{}", head.head);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    client
}

/// What comes until it has this event; its data.
fn event(client: &mut Client, name: &str) -> Value {
    let mut text = String::new();
    let wanted = format!("event: {name}\ndata: ");
    loop {
        let chunk = client.chunk();
        assert!(!chunk.is_empty(), "the stream ended behind {text}");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        let data = text
            .split_once(&wanted)
            .and_then(|(_, data)| data.split_once("\n\n"));
        if let Some((data, _)) = data {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn a_stream_is_in_no_http_metric() {
    let server = Server::start();
    let mut first = look(server.connect());
    let mut second = look(server.connect());
    let state = event(&mut first, "state");
    assert_eq!(state["build"]["name"], "tallied-server");
    assert_eq!(state["left"]["connections"]["refused"], 0);
    event(&mut second, "state");
    server.connect().get("/data");
    let tick = event(&mut first, "tick");
    let rows = tick["endpoints"].as_array().unwrap();
    assert!(
        rows.iter()
            .any(|row| row["route"] == "/data" && row["requests"] == 1),
        "{rows:?}"
    );
    // The scrape itself is in flight.
    let scrape = server.scrape();
    assert_eq!(sample(&scrape, IN_FLIGHT), Some(1.0));
    assert_eq!(sample(&scrape, VIEWERS), Some(2.0));
    drop(first);
    server.wait_for(VIEWERS, 1.0);
    let scrape = server.scrape();
    let live = |status: &str| {
        let series = format!(
            "http_requests_total{{method=\"GET\",endpoint=\"/live\",status_code=\"{status}\"}}"
        );
        sample(&scrape, &series)
    };
    assert_eq!((live("200"), live("499")), (Some(0.0), None));
    assert!(!scrape.contains("http_requests_aborted_total{"), "{scrape}");
    // The page itself is a request as any other.
    assert_eq!(server.connect().get("/live").status, 200);
    let page = r#"http_requests_total{method="GET",endpoint="/live",status_code="200"}"#;
    assert_eq!(server.sample(page), Some(1.0));
}

#[test]
fn a_handler_that_blocks_a_worker_is_found() {
    let server = Server::with(&["--faults", "--http-handler-polls"]);
    let mut viewer = look(server.connect());
    // What is known from here on.
    event(&mut viewer, "state");
    let mut client = server.connect();
    client.get("/fault");
    for _ in 0..2 {
        assert_eq!(client.get("/fault?block_seconds=0.11").status, 200);
    }
    // The tick after the one that may be on its way.
    for _ in 0..2 {
        event(&mut viewer, "tick");
    }
    let state = client.get("/live.json");
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    let texts = state["findings"].as_array().unwrap().iter();
    let found = texts.map(|finding| finding["text"].as_str().unwrap());
    let said = |text: &str| {
        // How often and how long is the machine's to say, too.
        text.starts_with("/fault blocked a worker of the runtime ")
            && text.ends_with(": move blocking work to spawn_blocking")
    };
    assert!(found.clone().any(said), "{:?}", found.collect::<Vec<_>>());
    let polls = r#"http_handler_poll_seconds_count{endpoint="/fault"}"#;
    assert!(server.sample(polls) >= Some(3.0));
    // By default nothing is timed.
    let scrape = Server::start().scrape();
    assert!(!scrape.contains("http_handler_poll_seconds"), "{scrape}");
}

#[cfg(unix)]
#[test]
fn a_drain_ends_streams_and_does_not_wait_for_them() {
    for arguments in [
        &["--drain-seconds=60"][..],
        &["--drain-seconds=60", "--metrics-listen=127.0.0.1:0"],
    ] {
        let mut server = Server::with(arguments);
        let mut client = look(Client::connect(server.metrics));
        event(&mut client, "state");
        let began = Instant::now();
        server.signal("-TERM");
        assert_eq!(event(&mut client, "bye")["reason"], "drain");
        while !client.chunk().is_empty() {}
        assert!(ends(&client.stream));
        assert_eq!(server.exit(), Some(0));
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
    }
}

#[test]
fn it_is_beside_the_metrics_where_the_configuration_has_it() {
    let status = |server: &Server, path: &str| {
        let main = server.connect().get(path).status;
        (main, Client::connect(server.metrics).get(path).status)
    };
    let apart = "--metrics-listen=127.0.0.1:0";
    let (local, any) = ("--listen=127.0.0.1:0", "--listen=0.0.0.0:0");
    for (arguments, main, metrics) in [
        (&[local][..], 200, 200),
        (&[local, "--live=false"], 404, 404),
        (&[local, "--live", "true"], 200, 200),
        (&[any], 404, 404),
        (&[any, "--live=true"], 200, 200),
        (&[any, apart], 404, 200),
        (&[local, apart, "--live=false"], 404, 404),
        (&[local, apart, "--live=auto"], 404, 200),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
        let server = Server::spawn(command.args(arguments));
        for path in ["/live", "/live.json"] {
            assert_eq!(
                status(&server, path),
                (main, metrics),
                "{arguments:?} {path}"
            );
        }
        let welcome = server.connect().get("/");
        let welcome: Value = serde_json::from_slice(&welcome.body).unwrap();
        let link = welcome["links"].get("live").is_some();
        assert_eq!(link, main == 200, "{arguments:?}");
        let page = server
            .connect()
            .request("GET", "/", "Accept: text/html\r\n", "");
        assert_eq!(page.text().contains("<script>"), link);
        let policy = page.header("content-security-policy").unwrap();
        assert_eq!(policy.contains("script-src 'sha256-"), link, "{policy}");
    }
}

#[test]
fn it_shows_the_configuration_and_where_that_came_from() {
    let server = Server::with(&["--limits-values=7"]);
    let state = server.connect().get("/live.json");
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    let rows = state["configuration"].as_array().unwrap();
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    assert_eq!(row("limits.values")["value"], "7");
    assert_eq!(row("limits.values")["origin"], "flag --limits-values");
    assert_eq!(row("drain_seconds")["origin"], "default");
    assert!(state["current"]["rate"].is_number(), "{}", state["current"]);
    let queries = state["promql"]["process"].as_array().unwrap();
    assert!(queries.len() >= 4, "{queries:?}");
}

#[test]
fn a_seventeenth_viewer_is_told_so() {
    let server = Server::start();
    let began = Instant::now();
    let viewers: Vec<Client> = (0..16)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /live HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
            client
        })
        .collect();
    server.wait_for(VIEWERS, 16.0);
    let mut late = server.connect();
    let refused = late.request("GET", "/live", "Accept: text/event-stream\r\n", "");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert!(
        refused.text().contains("16 look already"),
        "{}",
        refused.text()
    );
    drop(viewers);
    server.wait_for(VIEWERS, 0.0);
    event(&mut look(server.connect()), "state");
    assert!(began.elapsed() < DEADLINE);
}
