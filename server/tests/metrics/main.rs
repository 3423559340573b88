//! What is recorded of requests, and how a scrape is answered, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod prometheus_client_registry;
mod requests;
mod scrape;
#[path = "../support/mod.rs"]
mod support;
