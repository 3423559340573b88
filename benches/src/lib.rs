//! What the benches share: the libraries that are compared, the workload, and threads that are
//! timed together.
//!
//! ```console
//! $ cargo xtask bench                                  # all that has tables, and RESULTS.md
//! $ cargo bench -p tallied-benches --bench recording   # one bench
//! $ cargo bench -p tallied-benches --bench recording -- ^counter/    # one group of it
//! ```
//!
//! # How to read the figures
//!
//! - **One iteration is one operation on each thread.** At two threads, both do `iters`
//!   operations on the same instrument, and the time is from the moment both are let go until
//!   the later one is done, divided by `iters`: the time per operation *per thread*. Twice as
//!   many operations were done in it. Perfect scaling shows the same figure at one and at two
//!   threads.
//! - Starting the threads, and the first recording of each (which in tallied leases the
//!   thread's cells), are outside the timed part.
//! - The instrument goes through `black_box` before each operation, in all contestants alike,
//!   so that nothing is hoisted out of the loop that a lone call in a service would pay.
//! - `floor` is an increment of a thread-local `Cell<u64>`: nothing that counts per thread can
//!   cost less.
//! - What a thread waits for a lock is the contestant's, and in its time. So is what another process
//!   takes of a processor, which makes figures worthless: leave the machine alone meanwhile.
//! - The figure in the tables is the median of criterion's samples. Compare ratios of one run;
//!   the absolute figures belong to the machine.
//!
//! - `hoop` is no criterion bench: short slices of all contestants alternate, and what a hoop or a
//!   layer adds to a request is the median of its differences to the bare service of its framework,
//!   round by round. The time of a request is from an empty `salvo::Request`, or axum's, to a body
//!   that was drained as hyper drains it; it has no headers and no connection, so that a request in
//!   a server takes longer, and what is added is a smaller part of it.
//! - `scrape` is none either, and has no table: a scrape handler with 100,000 endpoints, scraped five times and
//!   then left alone for 95 seconds (not with `--quick`).
//!
//! # Who takes part in what
//!
//! | | counter | histogram | lookup | handle | encoding | memory |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | tallied, prometheus-client, prometheus (tikv), metrics | ✓ | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | measured | ✓ | ✓ | ✓ | ✓ (an id) | ✓ | ✓ |
//! | opentelemetry_sdk | ✓ | ✓ | ✓ | ✓ (an experiment of its API) | – | – |
//! | metriken | ✓ | ✓ | – | ✓ | – | – |
//! | floor, atomic, striped | ✓ | – | – | – | – | – |
//!
//! - prometheus-client writes OpenMetrics here, and the others (but for tallied) text 0.0.4.
//! - In `hoop`, tallied-salvo's hoop meets salvo-otel's, with the SDK and its Prometheus exporter;
//!   and tallied-tower's layer meets axum-prometheus', which measures no sizes and counts no ends.
//! - prometheus is built without its default feature `protobuf`; its text needs none of it.
//! - metrics keeps each observation of a histogram until an upkeep or a scrape puts it into its
//!   bucket. The upkeep is outside of what is timed in the group `histogram`.
//! - opentelemetry_sdk writes no text itself, and puts all label sets beyond 2,000 together.
//! - metriken has no lookup by label values: the application keeps a handle for each. Its
//!   histograms have buckets of their own making (here one to a power of two) and no sum, and its
//!   text holds every one of those buckets: there is no document of it to compare.
//! - measured is the newest that the project's Rust compiles. Its label values are interned.

//! # Targets that are missed, and why
//!
//! - **A lookup to prometheus-client's**: of its some 430 instructions (`valgrind --tool=callgrind`
//!   over a loop of lookups) a quarter hash the values and a half probe and compare them. Counting
//!   itself in and out, which makes removal safe, takes one nanosecond of 18; without it the
//!   target would be missed, too. Neither a comparison without `memcmp`, nor rapidhash, nor hashing
//!   the values side by side, was faster.
//! - **100,000 endpoints to 10,000**: the text is 144 MB. Into a buffer that is there already, an
//!   endpoint takes 0.57 µs, and in a fresh `String` 0.98: the rest is the system making pages. Of the
//!   0.57 (`perf record -e cycles:u`), 28 % copy text and 17 % walk the series in the order of their
//!   creation; the caches hold neither the series nor the text. The scrape handler keeps its buffers, so that
//!   only a first scrape has fresh memory (bench `scrape`).
//! - **The hoop to salvo-otel's**: a hoop that only calls the next handler has an eighth of its time,
//!   because Salvo boxes the hoop's future, and two looks at the clock have a fifteenth. What is left is some
//!   100 ns and 1,700 instructions, and no part of it is large: four bucket searches and seven
//!   recordings are a quarter.
//! - **The layer to axum-prometheus'**: axum hands requests, futures and responses on by value, so a layer
//!   costs copies of a quarter of a kilobyte each; the body's box and three looks at the clock come on top.

#![forbid(unsafe_code)]

pub mod library;
pub mod report;
pub mod timing;
pub mod workload;
