//! What a scrape of 100,000 endpoints costs from [`Scrape::respond`] to the end of its body, one
//! after another: the first has fresh memory, the later ones that of the earlier. And the
//! process's anonymous resident memory after each, and once a handler that nobody scrapes has given
//! it back.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use http_body::Body;
use tallied::{Buckets, Counter, Family, Histogram, Registry};
use tallied_benches::report;
use tallied_benches::workload::{BOUNDS, endpoint, values};
use tallied_http::Scrape;

const ENDPOINTS: usize = 100_000;

/// Longer than memory is kept without a scrape.
const IDLE: Duration = Duration::from_secs(95);

fn filled() -> Registry {
    let registry = Registry::default();
    let buckets = Buckets::new(BOUNDS).expect("the bounds increase");
    let constructor = move || Histogram::with_buckets(&buckets);
    let seconds = Family::new_with_constructor(["method", "endpoint"], constructor);
    let requests = Family::<Counter, 3>::new(["method", "endpoint", "status_code"]);
    registry
        .register("request_duration_seconds", "Duration", seconds.clone())
        .and_then(|_| registry.register("requests", "Requests", requests.clone()))
        .expect("the names are valid and differ");
    let mut name = String::new();
    for (number, value) in (0..ENDPOINTS).zip(values().iter().cycle()) {
        endpoint(&mut name, number);
        let histogram = seconds.get_or_create(&["GET", &name]);
        histogram.observe(*value);
        histogram.observe(0.001_618_033_988 * (number + 1) as f64);
        requests.get_or_create(&["GET", &name, "200"]).inc();
    }
    registry
}

fn resident_mib() -> io::Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let mut lines = rollup.lines();
    lines
        .find_map(|line| line.strip_prefix("Anonymous:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .map(|kib| kib / 1024.0)
        .ok_or_else(|| io::Error::other("smaps_rollup has no line Anonymous:"))
}

/// The bytes of a document, and how long it took until they were there, and until all were taken.
async fn scrape(handler: &Scrape, coding: &str) -> Result<(usize, [Duration; 2]), http::Error> {
    let request = http::Request::get("/metrics?format=text");
    let request = request.header("accept-encoding", coding).body(())?;
    let began = Instant::now();
    let mut body = handler.respond(&request, None).await.into_body();
    let rendered = began.elapsed();
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let data = frame.ok().and_then(|frame| frame.into_data().ok());
        bytes += data.map_or(0, |data| data.len());
    }
    Ok((bytes, [rendered, began.elapsed()]))
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = report::arguments("scrape");
    if !arguments.measure {
        return Ok(());
    }
    let registry = filled();
    let mut rows = Vec::new();
    for coding in ["identity", "gzip"] {
        let handler = Scrape::new(registry.clone());
        println!("{coding}: {:.0} MiB resident before", resident_mib()?);
        for number in 1..=5 {
            let (bytes, times) = scrape(&handler, coding).await?;
            let [rendered, taken] = times.map(|time| time.as_secs_f64() * 1e3);
            let resident = resident_mib()?;
            println!(
                "scrape {number}: {bytes} bytes, there after {rendered:.0} ms, taken after \
                 {taken:.0} ms, then {resident:.0} MiB resident"
            );
            let name = format!("{coding}, scrape {number}");
            rows.push((name, vec![rendered, taken, resident]));
        }
        if !arguments.quick {
            tokio::time::sleep(IDLE).await;
            let seconds = IDLE.as_secs();
            println!("{seconds} s later: {:.0} MiB resident", resident_mib()?);
        }
    }
    let head = [
        "ms until it is there",
        "ms until it is taken",
        "MiB resident",
    ];
    report::leave("scrape", &head, &rows)?;
    Ok(())
}
