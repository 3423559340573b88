//! What a hoop of metrics adds to a request: `salvo::Service::handle` in process, with tallied's
//! hoop, with salvo-otel's beside a Prometheus exporter, with one that only calls the next handler,
//! and with none.
//!
//! Short slices alternate, and what a hoop adds is the median, over the rounds, of the difference
//! to the bare service in the same round. Every request of both is found in a scrape at the end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use salvo::http::ResBody;
use salvo::http::uri::Uri;
use salvo::prelude::*;
use tallied_benches::report;
use tallied_benches::timing::{median, together};
use tallied_salvo::{HttpMetrics, Instrument};

/// The system's allocator. It counts each thread's allocations, which costs every contestant the
/// same fraction of a nanosecond for each; tallied's own counting would be a part of what is measured.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator; counting does not allocate, for the
// cell needs neither to be made nor to be dropped.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: what is asked of this function is what is asked of that one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A slice is so many requests on each thread: a millisecond or two, which on a busy machine is
/// less often disturbed than a long one.
const SLICE: u64 = 1024;
/// Before the clock starts: what a thread does once, caches and branches.
const WARM_UP: u64 = 128;
/// Whose allocations are counted.
const COUNTED: u64 = 1024;

const BODY: &str = "{\"id\":42,\"name\":\"a small answer\"}";
const FRAMES: [&str; 3] = ["first of three\n", "second of three\n", "third of three\n"];

#[handler]
async fn item() -> &'static str {
    BODY
}

#[handler]
async fn export(res: &mut Response) {
    res.stream(async_stream::stream! {
        for frame in FRAMES {
            yield Ok::<_, Infallible>(frame);
        }
    });
}

/// A hoop that does nothing: what any hoop costs.
struct Next;

#[salvo::async_trait]
impl Handler for Next {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
    }
}

/// A kind of request.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    path: &'static str,
    /// The pattern of its route.
    route: &'static str,
    bytes: usize,
}

const SHAPES: [Shape; 2] = [
    Shape {
        name: "whole",
        path: "/items/42",
        route: "/items/{id}",
        bytes: BODY.len(),
    },
    Shape {
        name: "streamed",
        path: "/exports/42",
        route: "/exports/{id}",
        bytes: FRAMES[0].len() + FRAMES[1].len() + FRAMES[2].len(),
    },
];

fn router() -> Router {
    Router::new()
        .push(Router::with_path("items/{id}").get(item))
        .push(Router::with_path("exports/{id}").get(export))
}

/// What a future comes to that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("there is nothing to wait for"),
    }
}

/// Takes the frames of a body as hyper does: until it says that it has ended, or there are no more.
fn drain(mut body: ResBody) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = 0;
    while !body.is_end_stream() {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => {
                let frame = frame.expect("no body fails");
                bytes += black_box(frame).data_ref().map_or(0, Bytes::len);
            }
            Poll::Ready(None) => break,
            Poll::Pending => unreachable!("there is nothing to wait for"),
        }
    }
    bytes
}

/// Sends a service so many requests, one after the other.
fn send(service: &Service, shape: Shape, times: u64) {
    let uri = Uri::from_static(shape.path);
    for _ in 0..times {
        let mut request = Request::new();
        *request.uri_mut() = uri.clone();
        let mut response = ready(black_box(service).handle(request));
        assert_eq!(drain(response.take_body()), shape.bytes);
    }
}

/// Allocations a request, after the first ones.
fn allocations(service: &Service, shape: Shape) -> f64 {
    send(service, shape, WARM_UP);
    let before = ALLOCATIONS.get();
    send(service, shape, COUNTED);
    (ALLOCATIONS.get() - before) as f64 / COUNTED as f64
}

/// The services, the bare one first.
const CONTESTANTS: [&str; 4] = ["bare", "next", "tallied", "salvo-otel"];
const OTEL: usize = 3;

/// The slices of one shape at one number of threads: a row for each round, a column for each
/// contestant.
struct Contest {
    shape: Shape,
    threads: usize,
    rounds: Vec<Round>,
}

/// Nanoseconds a request.
type Round = [f64; CONTESTANTS.len()];

impl Contest {
    /// Lets each have a slice; who begins changes from round to round.
    fn round(&mut self, services: &[Service; CONTESTANTS.len()], sent: &mut [u64]) {
        let first = self.rounds.len();
        let mut round = Round::default();
        for turn in 0..services.len() {
            let index = (first + turn) % services.len();
            let service = &services[index];
            sent[index] += (WARM_UP + SLICE) * self.threads as u64;
            let warm_up = || send(service, self.shape, WARM_UP);
            let work = |times| send(service, self.shape, times);
            let time = together(self.threads, SLICE, warm_up, work);
            round[index] = time.as_nanos() as f64 / SLICE as f64;
        }
        self.rounds.push(round);
    }

    fn ns(&self, index: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[index]).collect())
    }

    fn added_ns(&self, index: usize) -> f64 {
        let added = |round: &Round| round[index] - round[0];
        median(self.rounds.iter().map(added).collect())
    }
}

/// What a document has under this name for a route.
fn scraped(document: &str, name: &str, route: &str) -> Option<u64> {
    let route = format!("\"{route}\"");
    let mut lines = document.lines();
    let line = lines.find(|line| {
        let labels = line.strip_prefix(name);
        labels.is_some_and(|labels| labels.starts_with('{') && labels.contains(&route))
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = report::arguments("hoop");
    if !arguments.measure {
        return Ok(());
    }
    let rounds = if arguments.quick { 40 } else { 400 };

    let registry = tallied::Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let exported = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(exported.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    // Before the hoop is made, which would count nothing otherwise.
    opentelemetry::global::set_meter_provider(provider);
    let services = [
        Service::new(router()),
        Service::new(router()).hoop(Next),
        metrics.instrument(router()),
        Service::new(router()).hoop(salvo_otel::Metrics::new()),
    ];

    let mut rows = Vec::new();
    for shape in SHAPES {
        let mut sent = [WARM_UP + COUNTED; CONTESTANTS.len()];
        let allocations = services
            .each_ref()
            .map(|service| allocations(service, shape));
        let mut contests = [1, 2].map(|threads| Contest {
            shape,
            threads,
            rounds: Vec::new(),
        });
        for _ in 0..rounds {
            for contest in &mut contests {
                contest.round(&services, &mut sent);
            }
        }
        for contest in &contests {
            for (index, contestant) in CONTESTANTS.iter().enumerate() {
                let (ns, added) = (contest.ns(index), contest.added_ns(index));
                let threads = contest.threads;
                let (allocations, bare) = (allocations[index], allocations[0]);
                println!(
                    "{}, {contestant}, threads {threads}: {ns:.0} ns a request, {added:+.0}; {allocations:.1} allocations",
                    shape.name
                );
                rows.push((
                    format!("{}, {contestant}, threads {threads}", shape.name),
                    vec![
                        ns,
                        added,
                        added / contest.ns(0),
                        added / contest.added_ns(OTEL),
                        allocations,
                        allocations - bare,
                    ],
                ));
            }
        }
        let ours = scraped(&registry.text(), "http_requests_total", shape.route);
        let document = prometheus::TextEncoder::new().encode_to_string(&exported.gather())?;
        let name = "http_server_request_duration_seconds_count";
        let theirs = scraped(&document, name, shape.route);
        assert_eq!([ours, theirs], [Some(sent[2]), Some(sent[3])]);
    }
    let head = [
        "ns",
        "added",
        "… to bare",
        "… to salvo-otel's",
        "allocations",
        "allocations added",
    ];
    report::leave("hoop", &head, &rows)?;
    Ok(())
}
