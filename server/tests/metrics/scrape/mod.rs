//! The scrape handler over real sockets: what it answers, and that no scraper, however it
//! behaves, and no collector, however it fails, takes more than its share.

mod answers;
mod attackers;
mod collectors;
mod computed;
mod crowd;
mod deadline;
mod failures;
mod names;
mod stallers;

use std::io::Read;
use std::time::Instant;

use crate::support::{Answer, DEADLINE, TestServer};
use salvo::Router;
use tallied::Registry;
use tallied_salvo::Scrape;

/// A server whose only route is the handler, for every method.
fn serve(scrape: Scrape) -> TestServer {
    TestServer::start(Router::with_path("metrics").goal(scrape))
}

/// Waits until a line is in what a registry holds.
fn wait_for(registry: &Registry, line: &str) {
    let start = Instant::now();
    while !registry.text().lines().any(|found| found == line) {
        assert!(start.elapsed() < DEADLINE, "{line}\n{}", registry.text());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The body, decoded if it has to be.
fn decoded(answer: &Answer) -> String {
    match answer.header("content-encoding") {
        None => answer.text().to_owned(),
        Some("gzip") => {
            let mut text = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&*answer.body);
            decoder.read_to_string(&mut text).unwrap();
            text
        }
        other => panic!("{other:?}"),
    }
}

/// Asks until the answer has this status.
fn get_until(server: &TestServer, path: &str, status: u16) -> Answer {
    let start = Instant::now();
    loop {
        let answer = server.connect().get(path);
        if answer.status == status {
            return answer;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "{}: {}",
            answer.status,
            answer.text()
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
