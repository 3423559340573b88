//! What the tests of every adapter have in common, free of any framework: a service as a list of routes and what they
//! do, clients that speak HTTP/1 byte by byte and HTTP/2 frame by frame, and all that must be recorded of a request.
//!
//! `tests/matrix/` has the cases, and a file for each framework that serves such a service.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    reason = "it is for tests alone, which fail by a panic"
)]

mod ask;
pub mod behaviours;
mod client;
mod content;
mod conversation;
mod http2;
pub mod kept;
mod record;
mod served;

use std::time::Duration;

pub use ask::{Ask, ask, get};
pub use behaviours::{Behaviour, RequestBody, Route, route};
pub use client::{Answer, Client, ends};
pub use content::{Content, Script, Step, Stream, stream};
pub use conversation::{Conversation, Leaving, Protocol};
pub use http2::Connection;
pub use record::Record;
pub use served::{Served, Stop};

/// Long enough for the slowest machine; a test that waits so long has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The README's examples, compiled and run: this package alone has every framework.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
