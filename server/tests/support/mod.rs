//! A server on a free port, in the process of the test or in one of its own.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and fails by a panic"
)]

mod in_process;
mod program;

pub use self::in_process::{Running, TestServer, listens};
pub use self::program::{Server, finish_upload, sample, upload};
pub use tallied_matrix::{Answer, Client, DEADLINE, ends};

/// The header line of a body in JSON.
pub const JSON: &str = "Content-Type: application/json\r\n";
