//! What a client may make the application hold, and for how long.

use std::time::Duration;

/// The limits of `/data`. A request beyond one of them is answered with a problem that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body that is read, in bytes; beyond it, 413.
    pub body_bytes: usize,
    /// The most memory that all bodies in progress take together, in bytes; beyond it, 503.
    pub bodies_bytes: usize,
    /// The most values in a record; beyond it, 422.
    pub values: usize,
    /// The longest name of a record, in characters; beyond it, 422.
    pub name_characters: usize,
    /// How many records are kept; the oldest make room.
    pub records: usize,
    /// The longest that a body may take to arrive; beyond it, 408.
    pub body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            bodies_bytes: 64 << 20,
            values: 10_000,
            name_characters: 100,
            records: 1_000,
            body_time: Duration::from_secs(60),
        }
    }
}

/// The limits of a listener's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most that are open at a time. Beyond them, a new one takes the place of one that waits
    /// for its client.
    pub connections: usize,
    /// The longest that a request's head may take: the first one from the connection's beginning,
    /// later ones (over HTTP/1) from their first byte.
    pub header: Duration,
    /// The longest that a connection may be without a request in progress.
    pub idle: Duration,
    /// The longest pause in a request's body; beyond it, 408.
    pub body_gap: Duration,
    /// The longest that a client may take none of its answer.
    pub write_stall: Duration,
    /// The largest head of a request, in bytes; beyond it, 431.
    pub header_bytes: usize,
    /// The most requests at a time on an HTTP/2 connection.
    pub http2_streams: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_gap: Duration::from_secs(20),
            write_stall: Duration::from_secs(30),
            header_bytes: 32_768,
            http2_streams: 200,
        }
    }
}
