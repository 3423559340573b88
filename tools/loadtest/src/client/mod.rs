//! One client: a connection, and a request on it with whatever its client does to it.
//!
//! hyper speaks HTTP/1.1; what load tools cannot do otherwise is done around it: a body that stops in the middle, a
//! socket that is closed under an answer, a reader that takes its time. The time until the last byte of an answer is
//! looked at here, and nothing is measured twice.

mod connection;
mod counted_writes;
mod exchange;
mod get;
mod raw;
mod upload;

use std::time::Instant;

pub(crate) use self::connection::Connection;
pub(crate) use self::exchange::exchange;
pub(crate) use self::get::{Answer, get};
pub(crate) use self::raw::raw;

/// How a request went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// When the request was handed to the connection.
    pub(crate) sent: Option<Instant>,
    pub(crate) head: Option<Instant>,
    /// When the last byte was there, or the client left.
    pub(crate) done: Instant,
    pub(crate) end: End,
    /// Of the body that was, or would have been, sent.
    pub(crate) request_bytes: u64,
    /// Of the body that came.
    pub(crate) response_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The answer is here, whole.
    Answered(u16),
    /// The client left, as it was to; with the status, if there was a head.
    Left { status: Option<u16> },
    /// The connection ended, or what came was no HTTP; with the status, if there was a head.
    Broken { status: Option<u16> },
    /// The client gave up, and closed the connection.
    TimedOut { status: Option<u16> },
    /// The server has seen nothing of it.
    NotSent(NotSent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// No connection could be made.
    Refused,
    /// No connection was free for as long as an answer may take.
    NoConnection,
}

impl Outcome {
    pub(crate) fn not_sent(why: NotSent) -> Self {
        Self {
            sent: None,
            head: None,
            done: Instant::now(),
            end: End::NotSent(why),
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    /// From the sending to the last byte.
    pub(crate) fn service_seconds(&self) -> Option<f64> {
        self.sent.map(|sent| (self.done - sent).as_secs_f64())
    }

    /// From the sending to the head.
    pub(crate) fn head_seconds(&self) -> Option<f64> {
        let (sent, head) = (self.sent?, self.head?);
        Some((head - sent).as_secs_f64())
    }
}
