//! A server on a free port, and clients that speak HTTP/1.1 byte by byte.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and fails by a panic"
)]

mod client;
mod in_process;
mod program;

use std::time::Duration;

pub use self::client::{Answer, Client, ends};
pub use self::in_process::{Running, TestServer, listens};
pub use self::program::{Server, finish_upload, sample, upload};

/// Long enough for the slowest machine; a test that waits so long has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The header line of a body in JSON.
pub const JSON: &str = "Content-Type: application/json\r\n";
