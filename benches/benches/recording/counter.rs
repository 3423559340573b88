//! An increment of a counter that is at hand, and what one could count with instead.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use criterion::Criterion;
use crossbeam_utils::CachePadded;
use tallied_benches::library::{Metrics, OpenTelemetry};

fn bench<C: Sync>(
    criterion: &mut Criterion,
    contestant: &str,
    counter: &C,
    inc: impl Fn(&C) + Sync,
) {
    let once = || inc(black_box(counter));
    let work = |iters| {
        for _ in 0..iters {
            once();
        }
    };
    super::bench(criterion, "counter", contestant, once, work, || {});
}

/// The usual sharding: as many atomics as there may be threads at once, each on a cache line of
/// its own, and every thread adds to the one that it was given.
struct Striped([CachePadded<AtomicU64>; 16]);

impl Striped {
    fn inc(&self) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
        let stripe = STRIPE.with(|stripe| *stripe);
        self.0[stripe % self.0.len()].fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn counter(criterion: &mut Criterion) {
    thread_local!(static FLOOR: Cell<u64> = const { Cell::new(0) });
    bench(criterion, "floor", &(), |()| {
        FLOOR.with(|cell| {
            let cell = black_box(cell);
            cell.set(cell.get().wrapping_add(1));
        });
    });
    bench(
        criterion,
        "tallied",
        &tallied::Counter::default(),
        tallied::Counter::inc,
    );
    bench(criterion, "atomic", &AtomicU64::new(0), |atomic| {
        atomic.fetch_add(1, Ordering::Relaxed);
    });
    bench(
        criterion,
        "striped",
        &Striped(Default::default()),
        Striped::inc,
    );
    bench(
        criterion,
        "prometheus-client",
        &prometheus_client::metrics::counter::Counter::<u64>::default(),
        |counter| {
            counter.inc();
        },
    );
    bench(
        criterion,
        "prometheus",
        &prometheus::IntCounter::new("events_total", "Events").expect("the name is valid"),
        |counter| counter.inc(),
    );
    let metrics = Metrics::default();
    bench(criterion, "metrics", &metrics.plain_counter(), |counter| {
        counter.increment(1);
    });
    bench(
        criterion,
        "measured",
        &measured::Counter::new(),
        |counter| {
            counter.inc();
        },
    );
    bench(
        criterion,
        "metriken",
        &metriken::Counter::new(),
        |counter| {
            counter.increment();
        },
    );
    bench(
        criterion,
        "metriken-sharded",
        &metriken::ShardedCounterGroup::new(1),
        |counters| {
            counters.increment(0);
        },
    );
    let opentelemetry = OpenTelemetry::default();
    bench(
        criterion,
        "opentelemetry",
        &opentelemetry.plain_counter(),
        |counter| counter.add(1, &[]),
    );
}
