//! Metrics that cost next to nothing to record and are exactly right when read.
//!
//! Every thread keeps its own tally; a scrape adds the tallies up. Recording in a counter or a
//! histogram costs what adding to a thread's own variable costs, however many threads record at
//! once: no lock, no atomic read-modify-write, no cache line that threads share (up to the
//! [cap](pool) on threads that own cells).
//!
//! ```
//! use tallied::{Buckets, Counter, Family, Histogram, Registry};
//!
//! let registry = Registry::default();
//!
//! let jobs = Family::<Counter, 1>::new(["outcome"]);
//! registry.register("jobs", "Jobs by how they ended", jobs.clone())?;
//!
//! let seconds = Histogram::new([0.01, 0.1, 1.0])?;
//! registry.register("job_duration_seconds", "How long a job took", seconds.clone())?;
//!
//! jobs.get_or_create(&["done"]).inc();
//! seconds.observe(0.025);
//!
//! assert!(registry.text().contains(r#"jobs_total{outcome="done"} 1"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Counter`], [`UpDownCounter`] and [`Histogram`] are recorded in thread-owned cells;
//!   [`Gauge`] and [`ObservedCounter`] are set, and are one atomic word each.
//! - [`GaugeFn`] and [`CounterFn`] are read by a function of yours when a scrape asks, and a
//!   [`Collector`] gives many families at once: for values that exist already, such as the length of
//!   a queue. One that hangs or panics costs itself, not the scrape.
//! - [`heap`] counts what the process allocates, from inside the allocator.
//! - [`Family`] holds one of them for each combination of label values.
//! - [`Registry`] names them, lets go of them ([`Registration`]), and writes [Prometheus text](exposition::text),
//!   [OpenMetrics](exposition::openmetrics) and [protobuf](exposition::protobuf). With the feature `prometheus-client`, which is on by
//!   default, it is a collector of that crate (0.26), and each instrument is one of its metrics, so
//!   that both fit into a registry that is there.
//!
//! # Promises
//!
//! - No increment is lost, whatever becomes of the thread that made it.
//! - A snapshot holds each observation of a histogram whole (bucket, sum and count) or not at
//!   all; a counter is never ahead of what was recorded and never steps back.
//! - A recording never waits for a reader, and a reader never waits for a recording that was
//!   stopped in the middle. It waits for code of the application at most as long as that code's
//!   time limit, and while a late call has not returned, not at all.
//! - Memory does not grow with threads that come and go: at most [`pool::thread_cap`] threads own
//!   cells at a time, and what ended threads counted stays in the cells that the next go on with.
//!   It does grow with series, which live until they are [removed](Family::remove); a
//!   [limit](Family::with_limit) bounds them.
//!
//! The concurrent kernel is checked with loom; [`design`] says how it works and what each model
//! shows.
//!
//! # Limits
//!
//! Inside a global allocator: recording on instruments that exist is fine there; making or
//! dropping one, a [`Family`] lookup that makes a series or is turned away, removing series and
//! reading a registry are not, for they take locks under which they allocate.
//!
//! Not async-signal-safe. 64-bit atomics are required; pointers may have 32 bits.
//! A snapshot is consistent within each series, not across series.
//!
//! Fork: a child that was forked while its parent had other threads must not use this crate
//! before it calls `exec`; that includes `Command::pre_exec`. Locks that those threads held stay
//! locked in the child, and the cells that they owned are never returned. So a first recording,
//! making or dropping an instrument, and reading a registry can wait for ever; and what the child
//! records, its parent never sees. A child that does not call `exec` has to end with `_exit`,
//! because `exit` returns the thread's cells under a lock. [`heap::CountingAllocator`] takes no
//! lock: the child may allocate as far as the allocator inside it permits.
//!
//! System-call filters (seccomp): making the first [`Family`] of the process calls `membarrier(2)`
//! on Linux, and so does an insertion, a removal or a scrape that frees what was removed. Allow it,
//! or let the filter answer with an error such as `EPERM` or `ENOSYS`, and install the filter
//! before the first family: lookups then pass a fence instead. A filter that kills ends the
//! process. One that is installed later and answers with an error keeps removed series from being
//! freed. [`design`] lists the other system calls.

#![cfg_attr(
    all(test, loom),
    allow(
        clippy::unwrap_used,
        clippy::print_stdout,
        reason = "a model fails by a panic, and says what it explored"
    )
)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "tallied counts in 64-bit atomics, which this target lacks: build for one with `target_has_atomic = \"64\"`"
);

#[doc = include_str!("../DESIGN.md")]
pub mod design {}

mod collector;
mod error;
mod escape;
pub mod exposition;
pub mod heap;
mod instrument;
mod kind;
pub mod pool;
mod registry;
mod shard;
mod snapshot;
mod start_time;
mod supervised;
mod sync;
mod unit;

pub use crate::collector::{Collector, Description, Samples};
pub use crate::error::{BucketsError, ReadError, RegisterError};
pub use crate::instrument::{
    Beyond, Buckets, Counter, CounterFn, CounterValue, Family, Gauge, GaugeFn, GaugeValue,
    Histogram, HistogramSnapshot, Instrument, Labels, Metric, ObservedCounter, SeriesLimit,
    SeriesRef, SeriesSnapshot, SeriesView, UpDownCounter, Value, exponential_buckets,
    linear_buckets,
};
pub use crate::kind::Kind;
pub use crate::registry::{
    CollectorLosses, ReadLimits, Registered, Registration, Registry, UnregisterOnDrop,
};
pub use crate::snapshot::{Descriptor, FamilySnapshot, Snapshot};
pub use crate::start_time::StartTime;
pub use crate::unit::Unit;
