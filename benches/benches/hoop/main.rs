//! What a middleware of metrics adds to a request, in process: `salvo::Service::handle` with tallied's hoop, with
//! salvo-otel's beside a Prometheus exporter, with one that only calls the next handler, and with none; and `Router::call` of
//! axum with tallied's layer, with axum-prometheus', with one that does nothing, and with none.
//!
//! Short slices alternate, and what is added is the median, over the rounds, of the difference to the bare service of the
//! same framework in the same round. Every request of each is found in a scrape at the end.

mod on_axum;
mod on_salvo;
mod shape;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use axum_prometheus::PrometheusMetricLayer;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use salvo::Service;
use tallied_benches::report;
use tallied_benches::timing::{median, together};
use tallied_salvo::Instrument as _;
use tallied_tower::{HttpMetrics, Instrument as _};
use tower_layer::Identity;

use self::on_salvo::Next;
use self::shape::{SHAPES, Shape};

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

/// Sends so many requests of a shape to a service.
type Send = Box<dyn Fn(Shape, u64) + Sync>;

/// What a scrape has of a route.
type Counted = Box<dyn Fn(&str) -> Option<u64>>;

/// A service.
struct Contestant {
    name: &'static str,
    send: Send,
    /// The index of its own framework's bare service.
    bare: usize,
    /// … and of the service with that framework's other metrics.
    peer: usize,
    counted: Option<Counted>,
}

/// The services, and who is compared with whom.
fn contestants() -> Result<[Contestant; 8], Box<dyn std::error::Error>> {
    const SALVO: [usize; 2] = [0, 3];
    const AXUM: [usize; 2] = [4, 7];
    let contestant = |name, [bare, peer]: [usize; 2], send: Send| Contestant {
        name,
        send,
        bare,
        peer,
        counted: None,
    };
    let on_salvo = |name, service: Service| {
        let send = move |shape, times| on_salvo::send(&service, shape, times);
        contestant(name, SALVO, Box::new(send))
    };
    let on_axum = |name, router: axum::Router| {
        let send = move |shape, times| on_axum::send(&router, shape, times);
        contestant(name, AXUM, Box::new(send))
    };
    let tallied = || -> Result<_, tallied::RegisterError> {
        let registry = tallied::Registry::default();
        let metrics = HttpMetrics::register(&registry)?;
        let counted = move |route: &str| scraped(&registry.text(), "http_requests_total", route);
        Ok((metrics, counted))
    };

    let (metrics, counted) = tallied()?;
    let salvo_tallied = Contestant {
        counted: Some(Box::new(counted)),
        ..on_salvo("salvo + tallied", metrics.instrument(on_salvo::router()))
    };

    let exported = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(exported.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    // Before the hoop is made, which would count nothing otherwise.
    opentelemetry::global::set_meter_provider(provider);
    let otel = Service::new(on_salvo::router()).hoop(salvo_otel::Metrics::new());
    let salvo_otel = Contestant {
        counted: Some(Box::new(move |route| {
            let encoder = prometheus::TextEncoder::new();
            let document = encoder.encode_to_string(&exported.gather()).ok()?;
            scraped(
                &document,
                "http_server_request_duration_seconds_count",
                route,
            )
        })),
        ..on_salvo("salvo + salvo-otel", otel)
    };

    let (metrics, counted) = tallied()?;
    let axum_tallied = Contestant {
        counted: Some(Box::new(counted)),
        ..on_axum(
            "axum + tallied",
            on_axum::router().layer(metrics.axum_layer()),
        )
    };

    let (layer, recorder) = PrometheusMetricLayer::pair();
    let axum_prometheus = Contestant {
        counted: Some(Box::new(move |route| {
            scraped(&recorder.render(), "axum_http_requests_total", route)
        })),
        ..on_axum("axum + axum-prometheus", on_axum::router().layer(layer))
    };

    Ok([
        on_salvo("salvo", Service::new(on_salvo::router())),
        on_salvo("salvo + next", Service::new(on_salvo::router()).hoop(Next)),
        salvo_tallied,
        salvo_otel,
        on_axum("axum", on_axum::router()),
        on_axum("axum + next", on_axum::router().layer(Identity::new())),
        axum_tallied,
        axum_prometheus,
    ])
}

impl Contestant {
    /// Allocations a request, after the first ones.
    fn allocations(&self, shape: Shape) -> f64 {
        (self.send)(shape, WARM_UP);
        let before = ALLOCATIONS.get();
        (self.send)(shape, COUNTED);
        (ALLOCATIONS.get() - before) as f64 / COUNTED as f64
    }
}

/// The slices of one shape at one number of threads: a row for each round, a column for each
/// contestant.
struct Contest<'a> {
    contestants: &'a [Contestant],
    shape: Shape,
    threads: usize,
    /// Nanoseconds a request.
    rounds: Vec<Vec<f64>>,
}

impl Contest<'_> {
    /// Lets each have a slice; who begins changes from round to round.
    fn round(&mut self, sent: &mut [u64]) {
        let first = self.rounds.len();
        let mut round = vec![0.0; self.contestants.len()];
        for turn in 0..self.contestants.len() {
            let index = (first + turn) % self.contestants.len();
            let send = &self.contestants[index].send;
            sent[index] += (WARM_UP + SLICE) * self.threads as u64;
            let warm_up = || send(self.shape, WARM_UP);
            let work = |times| send(self.shape, times);
            let time = together(self.threads, SLICE, warm_up, work);
            round[index] = time.as_nanos() as f64 / SLICE as f64;
        }
        self.rounds.push(round);
    }

    fn ns(&self, index: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[index]).collect())
    }

    fn added_ns(&self, index: usize) -> f64 {
        let bare = self.contestants[index].bare;
        let added = |round: &Vec<f64>| round[index] - round[bare];
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

    // axum-prometheus has a task that empties its buffers now and then.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()?;
    let _entered = runtime.enter();
    let contestants = contestants()?;
    let mut rows = Vec::new();
    for shape in SHAPES {
        let mut sent = [WARM_UP + COUNTED].repeat(contestants.len());
        let allocations: Vec<f64> = contestants
            .iter()
            .map(|contestant| contestant.allocations(shape))
            .collect();
        let mut contests = [1, 2].map(|threads| Contest {
            contestants: &contestants,
            shape,
            threads,
            rounds: Vec::new(),
        });
        for _ in 0..rounds {
            for contest in &mut contests {
                contest.round(&mut sent);
            }
        }
        for contest in &contests {
            for (index, contestant) in contestants.iter().enumerate() {
                let &Contestant {
                    name, bare, peer, ..
                } = contestant;
                let (ns, added) = (contest.ns(index), contest.added_ns(index));
                let threads = contest.threads;
                println!(
                    "{}, {name}, threads {threads}: {ns:.0} ns a request, {added:+.0}; {:.1} allocations",
                    shape.name, allocations[index]
                );
                rows.push((
                    format!("{}, {name}, threads {threads}", shape.name),
                    vec![
                        ns,
                        added,
                        added / contest.ns(bare),
                        added / contest.added_ns(peer),
                        allocations[index],
                        allocations[index] - allocations[bare],
                    ],
                ));
            }
        }
        for (contestant, sent) in contestants.iter().zip(sent) {
            if let Some(counted) = &contestant.counted {
                assert_eq!(counted(shape.route), Some(sent), "{}", contestant.name);
            }
        }
    }
    let head = [
        "ns",
        "added",
        "… to bare",
        "… to the peer's",
        "allocations",
        "allocations added",
    ];
    report::leave("hoop", &head, &rows)?;
    Ok(())
}
