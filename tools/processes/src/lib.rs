//! Processes that the chores and the load test start and stop: a server, a Prometheus, cargo.
//!
//! None outlives its guard, and none that was not started here gets a signal. Every wait ends with a Ctrl-C, and most have a limit.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore's output is its log"
)]

pub mod child;
pub mod interrupt;
pub mod kernel;
pub mod poll;
pub mod report;
pub mod server_process;
