//! What one recording costs, at one and at two threads: groups `counter`, `histogram`, `lookup`
//! (a counter with three labels, found by borrowed values) and `handle` (the same, found before).
//!
//! How to run it and what the figures mean is in the documentation of the package.

mod counter;
mod handle;
mod histogram;
mod lookup;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tallied_benches::timing::together;

const THREADS: [usize; 2] = [1, 2];

/// Measures one contestant of a group at each number of threads.
///
/// `warm_up` runs on each thread before the clock starts, `upkeep` on one after it was stopped.
fn bench(
    criterion: &mut Criterion,
    group: &str,
    contestant: &str,
    warm_up: impl Fn() + Sync,
    work: impl Fn(u64) + Sync,
    upkeep: impl Fn(),
) {
    let mut benchmarks = criterion.benchmark_group(group);
    for threads in THREADS {
        benchmarks.bench_function(BenchmarkId::new(contestant, threads), |bencher| {
            bencher.iter_custom(|iters| {
                let time = together(threads, iters, &warm_up, &work);
                upkeep();
                time
            });
        });
    }
    benchmarks.finish();
}

criterion_group! {
    name = recording;
    // Some sixty benchmarks: long enough each for a median to settle, short enough for all of them.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(2000))
        .sample_size(50);
    targets = counter::counter, histogram::histogram, lookup::lookup, handle::handle
}
criterion_main!(recording);
