//! A connection's bytes, with the limits on how long it may wait for them.
//!
//! - A request's head: from the connection's beginning for the first one, from its first byte for
//!   later ones, to its end; for one whose first bytes came behind the request before it, from the end of that one.
//! - Idleness: from the end of a request to the first byte of the next one; over HTTP/2, where the
//!   stream cannot tell a head from a ping, to the next request.
//!
//! Salvo's own header timeout is not used: it is one limit for both, and what a client takes to
//! send its first byte is taken off it for as long as the connection lives. Its idle timeout
//! would end requests that are being worked on in silence. Its limit on stalled writes is used; an
//! answer over HTTP/2 that waits for its client's window, and not for the socket, has the same limit.
//!
//! A drain ends a connection that never sent a byte; what has arrived is read first.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use salvo::conn::StraightStream;
use tallied_salvo::DeferEof;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::connection::{Connection, Ends, Table};
use super::metrics::{ConnectionMetrics, CutOff};
use super::pipelining::Pipelining;
use crate::health::Draining;
use crate::limits::ConnectionLimits;

/// The runtime looks at its sockets before its timers, so when a timer is ready, what had come in when
/// it was set is known.
const IO_TURN: Duration = Duration::from_millis(1);

/// A connection's place among the open ones, given back when it is dropped.
pub(super) struct Place {
    pub(super) ends: Ends,
    pub(super) connection: Arc<Connection>,
    pub(super) table: Arc<Table>,
    pub(super) metrics: ConnectionMetrics,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Takes the place.
    pub(super) fn take(self) -> Self {
        self.table.insert(self.ends, Arc::clone(&self.connection));
        self.metrics.open.inc();
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.remove(&self.ends, &self.connection);
        self.metrics.open.dec();
    }
}

/// The shorter one of the limits on what does not come by at the stream.
fn look(limits: ConnectionLimits) -> Duration {
    limits.idle.min(limits.write_stall)
}

pub(super) struct Stream {
    // Closed before the place is free.
    inner: DeferEof<StraightStream<TcpStream>>,
    place: Place,
    limits: ConnectionLimits,
    /// When to look again. Never later than the limit in force, and never by more than `look`
    /// away: then it is not late for a request that ends meanwhile, or an answer that begins to wait, which do not
    /// come by here.
    timer: Pin<Box<Sleep>>,
    /// The requests that had begun when this was looked at last.
    begun: u64,
    /// When the head that is being read began.
    head_since: Option<Instant>,
    pipelining: Pipelining,
    /// When bytes were written last: an answer that is whole in memory may take its time.
    wrote: Option<Instant>,
    /// When the connection ends, once the client was told that it will.
    farewell: Option<Instant>,
    /// Until the first byte: ready when a drain has begun, and the runtime has seen since what came in.
    draining: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Stream {
    pub(super) fn new(
        inner: StraightStream<TcpStream>,
        place: Place,
        limits: ConnectionLimits,
        draining: Draining,
    ) -> Self {
        let opened = place.connection.opened();
        Self {
            inner: DeferEof::new(inner),
            limits,
            timer: Box::pin(sleep_until(opened + limits.header.min(look(limits)))),
            begun: 0,
            head_since: Some(opened),
            pipelining: Pipelining::default(),
            wrote: None,
            farewell: None,
            draining: Some(Box::pin(async move {
                draining.await;
                sleep(IO_TURN).await;
            })),
            place,
        }
    }

    /// A head is over once its request has begun.
    fn forget_old_head(&mut self) {
        let begun = self.place.connection.begun();
        if begun != self.begun {
            self.pipelining.requests_begun(begun - self.begun);
            self.begun = begun;
            self.head_since = None;
        }
    }

    /// Whether a part of the next head came behind the last request.
    fn head_came_early(&self) -> bool {
        let body = self.place.connection.body();
        self.pipelining.next_head_has_begun(body)
    }

    fn received(&mut self, bytes: &[u8]) {
        self.draining = None;
        self.forget_old_head();
        if self.head_since.is_none() && self.place.connection.waits_since().is_some() {
            self.pipelining.begin_head(self.head_came_early());
            self.head_since = Some(Instant::now());
        }
        self.pipelining.received(bytes);
    }

    /// The limit in force, if one is: when it is over, and what it is.
    fn due(&mut self) -> Option<(Instant, CutOff)> {
        self.forget_old_head();
        let connection = &self.place.connection;
        let idle_since = connection.waits_since()?;
        if let Some(end) = self.farewell {
            return Some((end, CutOff::IdleTimeout));
        }
        let http2 = connection.is_http2();
        match self.head_since {
            Some(since) if !http2 => Some((since + self.limits.header, CutOff::HeaderTimeout)),
            _ => {
                // Over HTTP/2 it might be the answers to pings that are written.
                let wrote = self.wrote.filter(|_| !http2);
                let since = wrote.map_or(idle_since, |wrote| wrote.max(idle_since));
                if !http2 && self.head_came_early() {
                    return Some((since + self.limits.header, CutOff::HeaderTimeout));
                }
                Some((since + self.limits.idle, CutOff::IdleTimeout))
            }
        }
    }

    /// No byte is there: whether the connection ends.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.draining.is_none() {
            self.place.connection.settle();
        }
        if let Some(draining) = &mut self.draining
            && draining.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        if self.place.connection.control().is_relaxed() {
            return Poll::Pending;
        }
        let mut due = self.due();
        if let Some((at, _)) = due
            && at < self.timer.deadline()
        {
            self.timer.as_mut().reset(at);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let latest = now + look(self.limits);
            let waits = self.place.connection.answer_waits_since();
            let stall = waits.map(|since| (since + self.limits.write_stall, CutOff::WriteStall));
            let first = [due, stall].into_iter().flatten().min_by_key(|(at, _)| *at);
            match first {
                None => self.timer.as_mut().reset(latest),
                Some((at, _)) if at > now => self.timer.as_mut().reset(at.min(latest)),
                Some((_, why)) => {
                    if why == CutOff::WriteStall {
                        self.place.metrics.cut_off(why);
                    } else if self.farewell.is_none() {
                        self.place.metrics.cut_off(why);
                        if self.place.connection.is_http2() {
                            // So that the client knows which requests were not looked at.
                            self.place.connection.control().graceful_shutdown();
                            self.farewell = Some(now + self.limits.header);
                            due = self.due();
                            continue;
                        }
                    }
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Poll::Pending
    }

    fn written(&mut self, polled: &Poll<io::Result<usize>>) {
        let connection = &self.place.connection;
        match polled {
            Poll::Ready(Ok(_)) => {
                connection.set_stalled(false);
                self.wrote = Some(Instant::now());
            }
            Poll::Pending => connection.set_stalled(true),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.place.metrics.cut_off(CutOff::WriteStall);
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_pending() {
            return self.poll_end(cx);
        }
        if buf.filled().len() > before {
            self.received(&buf.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.place.connection.writes();
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.place.connection.writes();
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
