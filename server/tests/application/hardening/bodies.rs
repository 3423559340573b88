//! Request bodies that are many, and sent slowly: what they may take of the server's memory.

use std::time::{Duration, Instant};

use crate::support::{Answer, Client, JSON, Server, sample};

const TAKEN: &str = "tallied_request_body_bytes";
const REFUSED: &str = "tallied_request_bodies_refused_total";
const MIB: usize = 1 << 20;

/// How long a body has its memory for certain.
const ROOM_AFTER: Duration = Duration::from_secs(2);

/// An upload of so many bytes, of which the last is missing.
fn all_but_one(server: &Server, size: usize) -> Client {
    let mut client = server.connect();
    client.send(format!(
        "POST /data HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: {size}\r\n\r\n"
    ));
    client.send(vec![b' '; size - 1]);
    client
}

fn post(server: &Server) -> Answer {
    let record = r#"{"name":"a","values":[1]}"#;
    server.connect().request("POST", "/data", JSON, record)
}

#[test]
fn beyond_the_budget_a_body_is_answered_with_503() {
    let server = Server::with(&["--limits-bodies-bytes=1048576"]);
    // A machine that stops for two seconds in between makes another attempt.
    let mut attempts = 0..5;
    let mut refused = 0.0;
    let holding = loop {
        assert!(attempts.next().is_some(), "this machine is too slow");
        let began = Instant::now();
        let holding = all_but_one(&server, MIB);
        server.wait_for(TAKEN, MIB as f64);
        let answer = post(&server);
        refused += f64::from(u8::from(answer.status == 503));
        if began.elapsed() < ROOM_AFTER {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert_eq!(answer.header("retry-after"), Some("2"));
            let kind = answer.header("content-type");
            assert_eq!(kind, Some("application/problem+json"));
            break holding;
        }
        drop(holding);
        server.wait_for(TAKEN, 0.0);
    };
    let scrape = server.scrape();
    assert!(sample(&scrape, REFUSED).unwrap() >= 1.0, "{scrape}");
    let total = r#"http_requests_total{method="POST",endpoint="/data",status_code="503"}"#;
    assert_eq!(sample(&scrape, total), Some(refused), "{scrape}");
    // A client that leaves gives its part back.
    drop(holding);
    server.wait_for(TAKEN, 0.0);
    assert_eq!(post(&server).status, 201);
    assert_eq!(server.sample(TAKEN), Some(0.0));
}

#[test]
fn slow_bodies_make_room_for_new_ones() {
    let server = Server::with(&["--limits-bodies-bytes=4194304"]);
    let slow = (1..=4).map(|taken| {
        let client = all_but_one(&server, MIB);
        server.wait_for(TAKEN, (taken * MIB) as f64);
        client
    });
    let mut slow: Vec<_> = slow.collect();
    std::thread::sleep(ROOM_AFTER);
    for _ in 0..20 {
        assert_eq!(post(&server).status, 201);
    }
    // The first one made room for all of them, and reads so; the others keep theirs.
    assert_eq!(server.sample(REFUSED), Some(1.0));
    for (client, status) in slow.iter_mut().zip([503, 400, 400, 400]) {
        client.send(" ");
        let answer = client.answer(false);
        assert_eq!(answer.status, status, "{}", answer.text());
        // Its connection goes on.
        assert_eq!(client.get("/health").status, 200);
    }
    assert_eq!(server.sample(TAKEN), Some(0.0));
}

#[test]
fn bodies_in_progress_take_the_budget_and_little_more() {
    let server = Server::with(&["--limits-bodies-bytes=1048576"]);
    // What is made once is made.
    for _ in 0..10 {
        assert_eq!(post(&server).status, 201);
    }
    let live = |server: &Server| {
        let scrape = server.scrape();
        sample(&scrape, "rust_heap_live_bytes").unwrap()
    };
    let before = live(&server);
    let count = 40;
    let slow: Vec<_> = (0..count).map(|_| all_but_one(&server, MIB)).collect();
    let in_flight = r#"http_requests_in_flight{method="POST"}"#;
    server.wait_for(in_flight, f64::from(count));
    // All that was sent is read when the others are served.
    let (began, mut most) = (Instant::now(), 0.0_f64);
    while began.elapsed() < Duration::from_secs(3) {
        most = most.max(live(&server) - before);
    }
    // Bodies, and a buffer a connection: with hyper's own limit the buffers alone are 20 MiB and more.
    let limit = (MIB + count as usize * 200_000) as f64;
    assert!(most < limit, "{most} bytes, and {limit} are the limit");
    drop(slow);
    server.wait_for(TAKEN, 0.0);
}
