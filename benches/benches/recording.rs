//! What one recording costs: tallied beside prometheus-client, at one and at two threads.
//!
//! How to run it and what the figures mean is in the documentation of the package.

use std::cell::Cell;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use tallied_benches::{table, together};

const THREADS: [usize; 2] = [1, 2];

/// The bounds of a request duration, in seconds.
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

fn bench(
    criterion: &mut Criterion,
    group: &str,
    contestant: &str,
    warm_up: impl Fn() + Sync,
    work: impl Fn(u64) + Sync,
) {
    let mut group = criterion.benchmark_group(group);
    for threads in THREADS {
        group.bench_function(BenchmarkId::new(contestant, threads), |bencher| {
            bencher.iter_custom(|iters| together(threads, iters, &warm_up, &work));
        });
    }
    group.finish();
}

fn counter(criterion: &mut Criterion) {
    thread_local!(static FLOOR: Cell<u64> = const { Cell::new(0) });
    let floor = || {
        FLOOR.with(|cell| {
            let cell = black_box(cell);
            cell.set(cell.get().wrapping_add(1));
        });
    };
    bench(criterion, "counter", "floor", floor, |iters| {
        for _ in 0..iters {
            floor();
        }
    });

    let ours = tallied::Counter::default();
    bench(
        criterion,
        "counter",
        "tallied",
        || ours.inc(),
        |iters| {
            for _ in 0..iters {
                black_box(&ours).inc();
            }
        },
    );

    let theirs = prometheus_client::metrics::counter::Counter::<u64>::default();
    let inc = || {
        black_box(&theirs).inc();
    };
    bench(criterion, "counter", "prometheus-client", inc, |iters| {
        for _ in 0..iters {
            inc();
        }
    });
}

/// Values that fall into all twelve buckets in no order that a branch predictor could learn.
fn values() -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..4096)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Uniform over the buckets, and within each somewhere below its bound.
            let bucket = (state >> 33) as usize % (BOUNDS.len() + 1);
            BOUNDS.get(bucket).map_or(20.0, |bound| bound * 0.9)
        })
        .collect()
}

fn histogram(criterion: &mut Criterion) {
    let values = values();
    let each = |iters: u64, observe: &dyn Fn(&[f64])| {
        // Whole rounds of the values, then what is left; the indirect call is once a round.
        for _ in 0..iters / values.len() as u64 {
            observe(&values);
        }
        observe(&values[..(iters % values.len() as u64) as usize]);
    };

    let ours = tallied::Histogram::new(BOUNDS).expect("the bounds increase");
    bench(
        criterion,
        "histogram",
        "tallied",
        || ours.observe(0.1),
        |iters| {
            each(iters, &|values| {
                for value in values {
                    black_box(&ours).observe(black_box(*value));
                }
            });
        },
    );

    let theirs = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
    bench(
        criterion,
        "histogram",
        "prometheus-client",
        || theirs.observe(0.1),
        |iters| {
            each(iters, &|values| {
                for value in values {
                    black_box(&theirs).observe(black_box(*value));
                }
            });
        },
    );
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() {
    let home = table::criterion_home();
    let mut criterion = Criterion::default()
        .output_directory(&home)
        .configure_from_args();
    counter(&mut criterion);
    histogram(&mut criterion);
    criterion.final_summary();
    print!(
        "\n{}",
        table::ratios(&home, &["counter", "histogram"], &THREADS)
    );
}
