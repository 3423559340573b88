//! /health, while the server serves and while it drains.

use std::io::{Read, Write};
use std::time::Duration;

use super::{json, start};

#[test]
fn not_ready_while_draining() {
    let server = start();
    let mut client = server.connect();
    let health = json(&client.get("/health"));
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime_seconds"].as_f64().unwrap() >= 0.0);
    let ready = client.get("/health/ready");
    assert_eq!((ready.status, ready.text()), (200, r#"{"status":"ok"}"#));

    // A request whose head has begun to arrive when the drain begins is answered. Nothing tells
    // when its first bytes were read, so this gives them more time where they were not.
    let drained = (1..=5).find_map(|attempt| {
        let mut server = start();
        let mut idle = server.connect();
        idle.get("/health/live");
        let mut late = server.connect();
        late.send("GET /health/ready HTTP/1.1\r\n");
        std::thread::sleep(Duration::from_millis(50 * attempt));
        server.begin_stop();
        // An idle connection is closed when the drain begins.
        assert!(idle.is_closed());
        let mut answer = String::new();
        let sent = late.stream.write_all(b"Host: test\r\n\r\n");
        let read = sent.and_then(|()| late.stream.read_to_string(&mut answer));
        (read.is_ok() && !answer.is_empty()).then_some(answer)
    });
    let drained = drained.expect("an answer during the drain");
    assert!(drained.starts_with("HTTP/1.1 503 "), "{drained}");
    assert!(drained.ends_with(r#"{"status":"draining"}"#), "{drained}");
}
