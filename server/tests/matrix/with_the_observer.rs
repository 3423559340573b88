//! The same cases, with the hoop put first by hand: then it does not know that nothing is outside of it,
//! and leaves the record to the observer of the response.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

const INSTRUMENTED: bool = false;

mod answers;
mod before_the_last_byte;
mod client_leaves;
mod compression;
mod connections;
mod conversation;
mod ends;
mod fails_midway;
mod handlers;
mod http2;
mod lengths;
mod many_streams;
mod nested;
mod observed;
#[path = "../support/mod.rs"]
mod support;
