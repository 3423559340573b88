//! What an application's machine code looks like where it records: `cargo xtask asm` reads it.
//!
//! An executable, for a library's code still asks the dynamic linker where a thread-local is. Each probe is
//! a function of its own around one call, so that what the call became can be found by name. The controls
//! contain what the probes must not, and the chore fails when it does not find that.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use tallied::{Counter, Histogram, UpDownCounter};

#[inline(never)]
fn probe_counter_inc(counter: &Counter) {
    counter.inc();
}

/// The argument before it is what makes this another function than that of the counter: of two that are
/// the same the compiler keeps one.
#[inline(never)]
fn probe_up_down_counter_inc(_before: u64, counter: &UpDownCounter) {
    counter.inc();
}

#[inline(never)]
fn probe_up_down_counter_dec(counter: &UpDownCounter) {
    counter.dec();
}

#[inline(never)]
fn probe_histogram_observe(histogram: &Histogram, value: f64) {
    histogram.observe(value);
}

#[inline(never)]
fn control_lock(word: &AtomicU64) {
    word.fetch_add(1, Ordering::Relaxed);
}

#[inline(never)]
fn control_exchange(word: &AtomicU64) -> u64 {
    word.swap(1, Ordering::Relaxed)
}

/// A fence between two accesses, so that it orders something.
#[inline(never)]
fn control_fence(word: &AtomicU64) -> u64 {
    word.store(1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    word.load(Ordering::Relaxed)
}

#[inline(never)]
fn control_call(counter: &Counter) -> u64 {
    counter.get() + 1
}

/// The last thing it does is a call, which is then a jump.
#[inline(never)]
fn control_tail_call(counter: &Counter) -> u64 {
    counter.get()
}

#[inline(never)]
fn control_indirect_call(function: fn(u64) -> u64) -> u64 {
    function(1) + 1
}

fn main() {
    // Called through pointers that the optimiser knows nothing of, so that it fits no probe to its caller.
    let counter = Counter::default();
    let steps = UpDownCounter::default();
    let histogram = Histogram::new(REQUEST_SECONDS).expect("the bounds increase");
    let word = AtomicU64::new(0);
    black_box(probe_counter_inc as fn(&Counter))(&counter);
    black_box(probe_up_down_counter_inc as fn(u64, &UpDownCounter))(0, &steps);
    black_box(probe_up_down_counter_dec as fn(&UpDownCounter))(&steps);
    black_box(probe_histogram_observe as fn(&Histogram, f64))(&histogram, black_box(0.3));
    black_box(control_lock as fn(&AtomicU64))(&word);
    black_box(black_box(control_exchange as fn(&AtomicU64) -> u64)(&word));
    black_box(black_box(control_fence as fn(&AtomicU64) -> u64)(&word));
    black_box(black_box(control_call as fn(&Counter) -> u64)(&counter));
    black_box(black_box(control_tail_call as fn(&Counter) -> u64)(
        &counter,
    ));
    black_box(black_box(
        control_indirect_call as fn(fn(u64) -> u64) -> u64,
    )(black_box(u64::wrapping_neg)));
}

/// The bounds of a request's duration: eleven.
const REQUEST_SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
