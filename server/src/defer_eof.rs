//! Requests whose client closes, or half-closes, right behind them.
//!
//! Hyper reads on while a request waits to be looked at. When it meets the end of the input there, it drops the
//! request, and no hoop ever sees it: it is neither answered nor counted. Over HTTP/2 the end drops the
//! requests that were not accepted yet. So the end is reported only when the connection's task is polled again. By
//! then hyper has polled the service: an answer that is ready is sent; otherwise the request is recorded as 499.
//!
//! Does not help with a reset (RST), which takes what was not read with it.
//!
//! Costs a comparison for each read, and an allocation and a turn of the scheduler for each end.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use salvo::conn::tcp::TcpCoupler;
use salvo::conn::{Accepted, Acceptor, Holding};
use salvo::fuse::ArcFusePolicy;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An acceptor whose connections report the end of their input only after their last request has been seen.
///
/// Without it, a request whose client closes or half-closes right behind it may be counted nowhere and answered by
/// nobody: hyper drops it before any hoop sees it. With it, such a request is counted: as answered, if the answer is
/// ready when the service is first polled, else as 499.
///
/// Put it around any acceptor of TCP, TLS or Unix sockets, outermost:
///
/// ```no_run
/// use salvo::conn::TcpListener;
/// use salvo::prelude::*;
/// use tallied_server::DeferEofAcceptor;
///
/// # async fn serve(service: Service) -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = TcpListener::new("127.0.0.1:8001").try_bind().await?;
/// Server::new(DeferEofAcceptor::new(acceptor)).try_serve(service).await?;
/// # Ok(())
/// # }
/// ```
///
/// Costs a comparison for each read, and an allocation and a turn of the scheduler at the end of a connection.
#[derive(Debug)]
pub struct DeferEofAcceptor<A>(A);

impl<A> DeferEofAcceptor<A> {
    /// Accepts what `inner` accepts.
    pub fn new(inner: A) -> Self {
        Self(inner)
    }
}

impl<A, S> Acceptor for DeferEofAcceptor<A>
where
    A: Acceptor<Coupler = TcpCoupler<S>, Stream = S> + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Coupler = TcpCoupler<DeferEof<S>>;
    type Stream = DeferEof<S>;

    fn holdings(&self) -> &[Holding] {
        self.0.holdings()
    }

    async fn accept(
        &mut self,
        fuse_policy: Option<ArcFusePolicy>,
    ) -> io::Result<Accepted<Self::Coupler, Self::Stream>> {
        let accepted = self.0.accept(fuse_policy).await?;
        Ok(Accepted {
            coupler: TcpCoupler::new(),
            stream: DeferEof::new(accepted.stream),
            fuse_config: accepted.fuse_config,
            conn_ctrl: accepted.conn_ctrl,
            local_addr: accepted.local_addr,
            remote_addr: accepted.remote_addr,
            http_scheme: accepted.http_scheme,
        })
    }
}

/// A stream that reports the end of its input one poll of its task late; see [`DeferEofAcceptor`].
#[derive(Debug)]
pub struct DeferEof<S> {
    inner: S,
    /// The end of the input was met, and the task is to be polled again before it is reported.
    deferred: Option<Arc<NextPoll>>,
}

impl<S> DeferEof<S> {
    /// Defers the end of this stream's input.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            deferred: None,
        }
    }

    /// The input has ended: whether that is reported.
    fn poll_eof(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let next = self
            .deferred
            .get_or_insert_with(|| NextPoll::of(cx.waker()));
        if next.has_begun(cx.waker()) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

/// Tells whether a task has been polled again, and sees to it that it is.
#[derive(Debug)]
struct NextPoll(Mutex<State>);

#[derive(Debug)]
struct State {
    begun: bool,
    /// Of whoever polled last: a connection that is upgraded changes its task.
    task: Waker,
}

impl NextPoll {
    /// To be called while the task is polled.
    fn of(task: &Waker) -> Arc<Self> {
        let next = Arc::new(Self(Mutex::new(State {
            begun: false,
            task: task.clone(),
        })));
        let waker = Waker::from(Arc::clone(&next));
        // The runtime wakes it after this poll of the task has returned. Outside of a runtime it is woken at once, and
        // then the end is reported when it is met next.
        let _ = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
        next
    }

    /// Where it has not, `task` is woken when it is to be polled.
    fn has_begun(&self, task: &Waker) -> bool {
        let mut state = self.state();
        state.task.clone_from(task);
        state.begun
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for NextPoll {
    fn wake(self: Arc<Self>) {
        let task = {
            let mut state = self.state();
            state.begun = true;
            state.task.clone()
        };
        task.wake();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for DeferEof<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        match polled {
            Poll::Ready(Ok(())) if room > 0 && buf.remaining() == room => self.poll_eof(cx),
            polled => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DeferEof<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
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
