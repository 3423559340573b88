//! What counting costs an allocation: 64 bytes allocated and deallocated, by the system's
//! allocator, and by it through `CountingAllocator`, with cells of the thread's own and without.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tallied::heap::{self, CountingAllocator};

fn once(allocator: &impl GlobalAlloc) {
    let layout = Layout::new::<[u64; 8]>();
    // SAFETY: the layout is not empty.
    let memory = unsafe { allocator.alloc(layout) };
    // SAFETY: it was allocated just above, with this layout.
    unsafe { allocator.dealloc(black_box(memory), layout) };
}

fn heap(criterion: &mut Criterion) {
    let counting = CountingAllocator::SYSTEM;
    // The lease is older than the allocator's cells, as that of an application's main thread is.
    let counter = tallied::Counter::default();
    counter.inc();
    let mut group = criterion.benchmark_group("heap");
    group.bench_function("system", |bencher| bencher.iter(|| once(&System)));
    group.bench_function("counted, shared cells", |bencher| {
        bencher.iter(|| once(&counting));
    });
    let registry = tallied::Registry::default();
    heap::register(&registry).expect("the registry is new");
    once(&counting);
    counter.inc();
    group.bench_function("counted, own cells", |bencher| {
        bencher.iter(|| once(&counting));
    });
}

criterion_group!(benches, heap);
criterion_main!(benches);
