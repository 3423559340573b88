//! A stream that tells when something was written to it, so that a client can leave right behind its request and not before it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// How many writes there were.
#[derive(Debug, Default)]
pub(super) struct WriteCount {
    count: Cell<u64>,
    more: Notify,
}

impl WriteCount {
    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    /// Ends when there are more than so many. One of them has a request's head, whole: the socket's buffer was empty.
    pub(super) async fn beyond(&self, count: u64) {
        while self.count.get() <= count {
            self.more.notified().await;
        }
    }

    fn note<T>(&self, polled: &Poll<io::Result<T>>) {
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.count.set(self.count.get() + 1);
            self.more.notify_one();
        }
    }
}

#[derive(Debug)]
pub(super) struct CountedWrites<S> {
    inner: S,
    writes: Rc<WriteCount>,
}

impl<S> CountedWrites<S> {
    pub(super) fn new(inner: S, writes: Rc<WriteCount>) -> Self {
        Self { inner, writes }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.writes.note(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.writes.note(&polled);
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
