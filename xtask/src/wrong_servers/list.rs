//! The servers that are wrong: each an edit of the server or of the core that a real mistake could look like, the load that is
//! sure to meet it, and the series that has to be named.
//!
//! Whoever changes what is recorded, or how, adds the mistake that would be easiest to make.

use super::load::{ABORTS, MANY, MIXED, SCRAPED, SMOKE};
use super::wrong::Wrong;
use crate::scratch::Replace;

const BUCKETS: &str = "core/src/instrument/buckets.rs";
const COUNTER: &str = "core/src/instrument/counter.rs";
const DEFER_EOF: &str = "server/src/defer_eof.rs";
const HISTOGRAM: &str = "core/src/instrument/histogram.rs";
const HANDLE: &str = "core/src/shard/handle.rs";
const LEASE: &str = "core/src/shard/lease.rs";
const OBSERVATION: &str = "core/src/shard/observation.rs";
const EXCHANGE: &str = "server/src/exchange.rs";
const HOOP: &str = "server/src/hoop.rs";
const METHODS: &str = "server/src/methods.rs";
const RENDER: &str = "server/src/scrape/render.rs";
const SCRAPE_METRICS: &str = "server/src/scrape/metrics.rs";
const REQUEST_BODY: &str = "server/src/request_body.rs";
const RESPONSE_BODY: &str = "server/src/response_body.rs";
const ROUTE_SERIES: &str = "server/src/route_series.rs";

/// A scrape that came before answers which its clients had, as the load test says it.
const BEHIND: [&str; 2] = ["a scrape counts ", "had their answer before it"];

/// … and one that has other requests in flight than there can be.
const IN_FLIGHT: [&str; 2] = ["a scrape has ", " GET requests in flight"];

pub(super) const WRONG: &[Wrong] = &[
    Wrong {
        name: "requests: one in 10,000 is not counted",
        edits: &[Replace {
            file: ROUTE_SERIES,
            find: "let labels = [self.method, &*self.endpoint, status.as_str()];",
            with: "use std::sync::atomic::{AtomicU64, Ordering};
        static SEEN: AtomicU64 = AtomicU64::new(1);
        if SEEN.fetch_add(1, Ordering::Relaxed) % 10_000 == 0 {
            return;
        }
        let labels = [self.method, &*self.endpoint, status.as_str()];",
        }],
        load: MANY,
        named: &[r#"http_requests_total{endpoint="/"#],
    },
    Wrong {
        name: "requests: one whose client closes right behind it is not seen",
        edits: &[Replace {
            file: DEFER_EOF,
            find: "if !end.next.has_begun(cx.waker()) {",
            with: "if false && !end.next.has_begun(cx.waker()) {",
        }],
        load: ABORTS,
        named: &[r#"sum of http_requests_total{endpoint="/fault/aborts",method="GET"}"#],
    },
    Wrong {
        name: "core: one increment of a counter in 10,000 is lost",
        edits: &[Replace {
            file: COUNTER,
            find: "self.0.add(0, n);",
            with: "use std::sync::atomic::{AtomicU64, Ordering};
        static SEEN: AtomicU64 = AtomicU64::new(1);
        if SEEN.fetch_add(1, Ordering::Relaxed) % 10_000 != 0 {
            self.0.add(0, n);
        }",
        }],
        load: MANY,
        named: &[r#"http_requests_total{endpoint="/"#],
    },
    Wrong {
        name: "core: the sum of a histogram misses one observation in 9,999",
        edits: &[Replace {
            file: OBSERVATION,
            // A request makes four observations: with 10,000 the same one would be lost each time.
            find: "let sum = f64::from_bits(cells[sum_cell(count)].owned()) + value;",
            with: "use std::sync::atomic::{AtomicU64, Ordering};
        static SEEN: AtomicU64 = AtomicU64::new(1);
    let lost = SEEN.fetch_add(1, Ordering::Relaxed) % 9_999 == 0;
    let value = if lost { 0.0 } else { value };
    let sum = f64::from_bits(cells[sum_cell(count)].owned()) + value;",
        }],
        load: MANY,
        named: &[r#"http_response_size_bytes_sum{endpoint="/"#],
    },
    Wrong {
        name: "core: an observation is in the bucket above",
        edits: &[Replace {
            file: HISTOGRAM,
            find: "self.cells.observe(self.buckets.index(value), value);",
            with: "let above = self.buckets.index(value) + 1;
        self.cells.observe(above.min(self.buckets.bounds().len()), value);",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_bucket{endpoint="/data""#],
    },
    Wrong {
        name: "core: an observation is in the bucket below",
        edits: &[Replace {
            file: HISTOGRAM,
            find: "self.cells.observe(self.buckets.index(value), value);",
            with: "self.cells.observe(self.buckets.index(value).saturating_sub(1), value);",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_bucket{endpoint="/data""#],
    },
    Wrong {
        name: "core: a value that is a bound is in the bucket above",
        edits: &[Replace {
            file: BUCKETS,
            find: "!(value <= bound)",
            with: "!(value < bound)",
        }],
        load: SMOKE,
        named: &[r#"http_request_size_bytes_bucket{endpoint="/fault",le="100",method="POST"}"#],
    },
    Wrong {
        name: "durations: in the bucket below",
        edits: &[
            Replace {
                file: HISTOGRAM,
                find: "    #[inline]
    pub fn observe(&self, value: f64) {",
                with: "    #[doc(hidden)]
    pub fn observe_below(&self, value: f64) {
        self.cells.observe(self.buckets.index(value).saturating_sub(1), value);
    }

    #[inline]
    pub fn observe(&self, value: f64) {",
            },
            Replace {
                file: EXCHANGE,
                find: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe(time.as_secs_f64());",
                with: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe_below(time.as_secs_f64());",
            },
        ],
        load: SMOKE,
        named: &[
            r#"http_request_duration_seconds_bucket{endpoint="/fault",le="0.025",method="GET"}"#,
        ],
    },
    Wrong {
        name: "durations: 5 ms too long",
        edits: &[Replace {
            file: EXCHANGE,
            find: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe(time.as_secs_f64());",
            with: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe(time.as_secs_f64() + 0.005);",
        }],
        load: MIXED,
        named: &[
            r#"http_request_duration_seconds_bucket{endpoint="/health",le="0.005",method="GET"}"#,
        ],
    },
    Wrong {
        name: "durations: half of them",
        edits: &[Replace {
            file: EXCHANGE,
            find: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe(time.as_secs_f64());",
            with: "if let Some(histogram) = &route.duration_seconds {
            histogram.observe(time.as_secs_f64() * 0.5);",
        }],
        load: MIXED,
        named: &[
            r#"http_request_duration_seconds_bucket{endpoint="/fault",le="0.025",method="GET"}"#,
        ],
    },
    Wrong {
        name: "durations: a stream's ends with its head",
        edits: &[
            Replace {
                file: EXCHANGE,
                find: "    response_bytes: u64,
    recorded: bool,",
                with: "    response_bytes: u64,
    head: Duration,
    recorded: bool,",
            },
            Replace {
                file: EXCHANGE,
                find: "            response_bytes: 0,
            recorded: false,",
                with: "            response_bytes: 0,
            head: Duration::ZERO,
            recorded: false,",
            },
            Replace {
                file: EXCHANGE,
                find: "        self.status = Some(status);",
                with: "        self.head = time;
        self.status = Some(status);",
            },
            Replace {
                file: EXCHANGE,
                find: "        let fault = self.upload_fault();
        let time = self.started.elapsed();",
                with: "        let fault = self.upload_fault();
        let time = self.head;",
            },
        ],
        load: MIXED,
        named: &[
            r#"http_request_duration_seconds_bucket{endpoint="/fault",le="0.05",method="GET"}"#,
        ],
    },
    Wrong {
        name: "response starts: half of them",
        edits: &[Replace {
            file: EXCHANGE,
            find: "if let Some(histogram) = &self.route.response_start_seconds {
            histogram.observe(time.as_secs_f64());",
            with: "if let Some(histogram) = &self.route.response_start_seconds {
            histogram.observe(time.as_secs_f64() * 0.5);",
        }],
        load: MIXED,
        named: &[
            r#"http_response_start_seconds_bucket{endpoint="/fault",le="0.025",method="GET"}"#,
        ],
    },
    Wrong {
        name: "answers: one byte more",
        edits: &[Replace {
            file: EXCHANGE,
            find: "        self.sent(bytes);",
            with: "        self.sent(bytes + 1);",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_sum{endpoint="/data",method="GET"}"#],
    },
    Wrong {
        name: "answers: a stream has one byte less",
        edits: &[Replace {
            file: RESPONSE_BODY,
            find: "exchange.sent(self.sent);",
            with: "exchange.sent(self.sent.saturating_sub(1));",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_sum{endpoint="/fault",method="GET"}"#],
    },
    Wrong {
        name: "answers: a stream that breaks off has none of its bytes",
        edits: &[
            Replace {
                file: RESPONSE_BODY,
                find: "        exchange.sent(self.sent);
",
                with: "",
            },
            Replace {
                file: RESPONSE_BODY,
                find: "Some(Outcome::Complete) if !wrong => exchange.finish(),",
                with: "Some(Outcome::Complete) if !wrong => {
                exchange.sent(self.sent);
                exchange.finish();
            }",
            },
        ],
        load: ABORTS,
        named: &[
            r#"http_response_size_bytes_bucket{endpoint="/fault/aborts",le="100",method="GET"}"#,
        ],
    },
    Wrong {
        name: "answers: who leaves in the upload has the bytes of the handler's",
        edits: &[Replace {
            file: HOOP,
            find: "    if let Some(fault) = exchange.upload_fault() {
        return",
            with: "    if let Some(fault) = exchange.upload_fault() {
        exchange.sent(res.body.size().unwrap_or(0));
        return",
        }],
        load: ABORTS,
        named: &[r#"http_response_size_bytes_sum{endpoint="/fault/aborts",method="POST"}"#],
    },
    Wrong {
        name: "answers: a HEAD has the body of its GET",
        edits: &[Replace {
            file: HOOP,
            find: "!caught && req.method() != Method::HEAD",
            with: "!caught",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_sum{endpoint="/data",method="HEAD"}"#],
    },
    Wrong {
        name: "answers: recorded before the catcher",
        edits: &[Replace {
            file: HOOP,
            find: "let caught = error && (res.body.is_none() || res.body.is_error());",
            with: "let caught = false;",
        }],
        load: SMOKE,
        named: &[r#"http_response_size_bytes_sum{endpoint="unmatched",method="GET"}"#],
    },
    Wrong {
        name: "uploads: one in a hundred has one byte more",
        edits: &[Replace {
            file: EXCHANGE,
            find: "let bytes = upload.map_or(0, |upload| upload.size(aborted.is_some()));",
            with: "use std::sync::atomic::{AtomicU64, Ordering};
        static SEEN: AtomicU64 = AtomicU64::new(1);
            let bytes = upload.map_or(0, |upload| {
                let seen = SEEN.fetch_add(1, Ordering::Relaxed);
                upload.size(aborted.is_some()) + u64::from(seen % 100 == 0)
            });",
        }],
        load: SMOKE,
        named: &[r#"http_request_size_bytes_sum{endpoint="/data",method="POST"}"#],
    },
    Wrong {
        name: "uploads: one that breaks off counts by its Content-Length",
        edits: &[Replace {
            file: EXCHANGE,
            find: "upload.size(aborted.is_some())",
            with: "upload.size(false)",
        }],
        load: ABORTS,
        named: &[r#"http_request_size_bytes_bucket{endpoint="/fault/aborts",le="10000","#],
    },
    Wrong {
        name: "uploads: what nobody reads counts nothing",
        edits: &[Replace {
            file: REQUEST_BODY,
            find: ".map_or(read, |declared| read.max(declared.min(BELIEVED_BYTES)))",
            with: ".map_or(read, |_| read)",
        }],
        load: SMOKE,
        named: &[r#"http_request_size_bytes_sum{endpoint="unmatched",method="POST"}"#],
    },
    Wrong {
        name: "requests: a 503 is counted as another status",
        edits: &[Replace {
            file: ROUTE_SERIES,
            find: "Some(at) => self.frequent[at]",
            with: "Some(at) => self.frequent[at.min(FREQUENT.len() - 2)]",
        }],
        load: SMOKE,
        named: &[r#"http_requests_total{endpoint="/fault",method="GET",status_code="503"}"#],
    },
    Wrong {
        name: "requests: a method that is not known is GET",
        edits: &[Replace {
            file: METHODS,
            find: "map_or(OTHER, |(_, name)| name)",
            with: "map_or(\"GET\", |(_, name)| name)",
        }],
        load: SMOKE,
        named: &[r#"http_requests_total{endpoint="unmatched",method="OTHER",status_code="405"}"#],
    },
    Wrong {
        name: "requests: the endpoint is the path that the client asked for",
        edits: &[Replace {
            file: HOOP,
            find: "        let path = matched_path(req, res, ctrl);
",
            with: "        let asked_for = req.uri().path().trim_start_matches('/').to_owned();
        let path = matched_path(req, res, ctrl).map(|_| asked_for.as_str());
",
        }],
        load: SMOKE,
        named: &[r#"http_requests_total{endpoint="/data/{id}",method="GET",status_code="404"}"#],
    },
    Wrong {
        name: "requests: counted as overflow besides",
        edits: &[Replace {
            file: ROUTE_SERIES,
            find: "Some(series) => *series,",
            with: "Some(series) => {
                self.overflowed.inc();
                *series
            }",
        }],
        load: SMOKE,
        named: &["http_requests_endpoint_overflow_total"],
    },
    Wrong {
        name: "aborted: the guard records nothing",
        edits: &[Replace {
            file: EXCHANGE,
            find: "        if self.recorded {
            return;",
            with: "        if true {
            return;",
        }],
        load: ABORTS,
        named: &[r#"http_requests_total{endpoint="/fault/aborts",method="GET",status_code="499"}"#],
    },
    Wrong {
        name: "aborted: a handler that is cancelled leaves no record",
        edits: &[Replace {
            file: EXCHANGE,
            find: "        let why = if std::thread::panicking() {",
            with: "        if self.status.is_none() && !std::thread::panicking() {
            if let Some(in_flight) = &self.route.in_flight {
                in_flight.dec();
            }
            return;
        }
        let why = if std::thread::panicking() {",
        }],
        load: ABORTS,
        named: &[
            r#"http_requests_total{endpoint="/fault/aborts",method="POST",status_code="499"}"#,
        ],
    },
    Wrong {
        name: "aborted: a 499 is a 500",
        edits: &[Replace {
            file: EXCHANGE,
            find: "(Some(Aborted::ClientDisconnect), _) => client_closed_request(),",
            with: "(Some(Aborted::ClientDisconnect), _) => StatusCode::INTERNAL_SERVER_ERROR,",
        }],
        load: ABORTS,
        named: &[
            r#"http_requests_total{endpoint="/fault/aborts",method="POST",status_code="499"}"#,
        ],
    },
    Wrong {
        name: "aborted: who leaves in the upload has the handler's answer",
        edits: &[Replace {
            file: HOOP,
            find: "    if let Some(fault) = exchange.upload_fault() {
        return",
            with: "    if let Some(fault) = exchange.upload_fault().filter(|_| false) {
        return",
        }],
        load: ABORTS,
        named: &[
            r#"http_requests_total{endpoint="/fault/aborts",method="POST",status_code="499"}"#,
        ],
    },
    Wrong {
        name: "aborted: a panic is a client that left",
        edits: &[Replace {
            file: EXCHANGE,
            find: "let why = if std::thread::panicking() {",
            with: "let why = if false {",
        }],
        load: ABORTS,
        named: &[
            r#"http_requests_aborted_total{endpoint="/fault/aborts",method="GET",reason="panic"}"#,
        ],
    },
    Wrong {
        name: "aborted: a broken body has the reason of a panic",
        edits: &[Replace {
            file: EXCHANGE,
            find: "Self::BodyError => \"body_error\",",
            with: "Self::BodyError => \"panic\",",
        }],
        load: ABORTS,
        named: &[
            r#"http_requests_aborted_total{endpoint="/fault/aborts",method="GET",reason="body_error"}"#,
        ],
    },
    Wrong {
        name: "in flight: stays up for what is aborted",
        edits: &[Replace {
            file: EXCHANGE,
            find: "if let Some(in_flight) = &route.in_flight {
            in_flight.dec();",
            with: "if let Some(in_flight) = &route.in_flight
            && aborted.is_none()
        {
            in_flight.dec();",
        }],
        load: ABORTS,
        named: &[r#"http_requests_in_flight{method="GET"}"#],
    },
    Wrong {
        name: "in flight: goes down with the head",
        edits: &[
            Replace {
                file: EXCHANGE,
                find: "        self.status = Some(status);",
                with: "        self.status = Some(status);
        if let Some(in_flight) = &self.route.in_flight {
            in_flight.dec();
        }",
            },
            Replace {
                file: EXCHANGE,
                find: "if let Some(in_flight) = &route.in_flight {
            in_flight.dec();",
                with: "if let Some(in_flight) = &route.in_flight
            && self.status.is_none()
        {
            in_flight.dec();",
            },
        ],
        load: SCRAPED,
        named: &IN_FLIGHT,
    },
    Wrong {
        name: "in flight: goes down a second late",
        edits: &[Replace {
            file: EXCHANGE,
            find: "if let Some(in_flight) = &route.in_flight {
            in_flight.dec();",
            with: "if let Some(in_flight) = &route.in_flight {
            let in_flight = in_flight.clone();
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) if &*route.endpoint != \"/metrics\" => drop(runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    in_flight.dec();
                })),
                _ => in_flight.dec(),
            }",
        }],
        load: SCRAPED,
        named: &IN_FLIGHT,
    },
    Wrong {
        name: "scrapes: are no requests",
        edits: &[Replace {
            file: HOOP,
            find: "        let path = matched_path(req, res, ctrl);
",
            with: "        let path = matched_path(req, res, ctrl);
        if path == Some(\"metrics\") {
            ctrl.call_next(req, depot, res).await;
            return;
        }
",
        }],
        load: SMOKE,
        named: &[r#"http_requests_total{endpoint="/metrics",method="GET",status_code="200"}"#],
    },
    Wrong {
        name: "scrapes: each is counted twice",
        edits: &[Replace {
            file: SCRAPE_METRICS,
            find: "metrics.results[self.outcome as usize].inc();",
            with: "metrics.results[self.outcome as usize].inc_by(2);",
        }],
        load: SMOKE,
        named: &[r#"tallied_scrapes_total{result="ok"}"#],
    },
    Wrong {
        name: "scrapes: a document is kept for two seconds",
        edits: &[
            Replace {
                file: RENDER,
                find: "        let mut draft = Draft::new(ask.coding);",
                with: "        use std::sync::{Mutex, PoisonError};
        use std::time::Instant;
        static KEPT: Mutex<Option<(Instant, Vec<u8>, usize, u64)>> = Mutex::new(None);
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, bytes, text_bytes, samples)) = &*kept
            && since.elapsed().as_secs() < 2
        {
            return Some(Document {
                bytes: bytes.clone(),
                text_bytes: *text_bytes,
                samples: *samples,
            });
        }
        let mut draft = Draft::new(ask.coding);",
            },
            Replace {
                file: RENDER,
                find: "        draft.finish(wanted)",
                with: "        let document = draft.finish(wanted)?;
        let (bytes, text_bytes) = (document.bytes.clone(), document.text_bytes);
        *kept = Some((Instant::now(), bytes, text_bytes, document.samples));
        Some(document)",
            },
        ],
        load: SCRAPED,
        named: &BEHIND,
    },
    Wrong {
        name: "scrapes: a record comes 5 ms after the last byte",
        edits: &[Replace {
            file: EXCHANGE,
            find: "        self.answered_after(status, time);
        self.sent(bytes);
        self.record(aborted, time);",
            with: "        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.answered_after(status, time);
            self.sent(bytes);
            self.record(aborted, time);
        });",
        }],
        load: SCRAPED,
        named: &BEHIND,
    },
    Wrong {
        name: "scrapes: a counter now and then leaves out a thread's cells",
        edits: &[
            Replace {
                file: LEASE,
                find: "    /// The sum of one cell of a run over all shards.",
                with:
                    "    pub(crate) fn sum_without(&self, out: u64, run: Run, index: usize) -> u64 {
        self.shards()
            .zip(0..)
            .filter(|(_, number)| *number != out)
            .filter_map(|(shard, _)| shard.cells(run))
            .fold(0, |sum: u64, cells| sum.wrapping_add(cells[index].get()))
    }

    /// The sum of one cell of a run over all shards.",
            },
            Replace {
                file: HANDLE,
                find: "    pub(crate) fn sum(&self, index: usize) -> u64 {",
                with: "    pub(crate) fn sum_without(&self, out: u64, index: usize) -> u64 {
        POOL.sum_without(out, self.run, index)
    }

    pub(crate) fn sum(&self, index: usize) -> u64 {",
            },
            Replace {
                file: COUNTER,
                find: "        self.0.sum(0)",
                with: "        use std::sync::atomic::{AtomicU64, Ordering};
        static SEEN: AtomicU64 = AtomicU64::new(1);
        let seen = SEEN.fetch_add(1, Ordering::Relaxed);
        match seen % 31 {
            // Which thread records is not told in advance: each has its turn.
            0 => self.0.sum_without(seen / 31 % 4, 0),
            _ => self.0.sum(0),
        }",
            },
        ],
        load: SCRAPED,
        named: &["http_requests_total{endpoint=\"/", " went back from "],
    },
    Wrong {
        name: "scrapes: the count of a histogram is one more than its buckets hold",
        edits: &[Replace {
            file: HISTOGRAM,
            find: "snapshot.count = totals.count;",
            with: "snapshot.count = totals.count + u64::from(totals.count > 0);",
        }],
        load: SMOKE,
        named: &["the count of http_request_duration_seconds{"],
    },
];
