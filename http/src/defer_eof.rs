//! Requests whose client closes, half-closes or resets the connection right behind them.
//!
//! Hyper reads on while a request waits to be looked at. When it meets the end of the input there, or an error, it drops the
//! request, and no middleware ever sees it: it is neither answered nor counted. Over HTTP/2 that drops the requests that
//! were not accepted yet, and answers that were not written yet. An error of a write drops all requests that were
//! read and wait behind the one that is answered.
//!
//! So the end is reported only once the connection's task has been polled again without having written anything: by then hyper
//! has polled the service, and what was ready is written. A request that is not ready is recorded as 499. Over
//! HTTP/2, where each request runs in a task of its own, nothing must have been read or written for [`QUIET`], too.
//! What is written to a client that is gone is discarded until the end of the input is reported, within
//! [`DISCARD_TIME`] and [`DISCARD_BYTES`].
//!
//! Costs a comparison for each read and write, a look at the clock for each read over HTTP/2, and an allocation or two at
//! the end of a connection.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Over HTTP/2: how long the tasks of requests that were just read have to answer at once.
const QUIET: Duration = Duration::from_millis(50);

/// … and then, how often the runtime must have found nothing else to do, or have polled some dozens of tasks: those that
/// are left, because the machine is busy, come first.
const QUIET_TURNS: u8 = 4;

/// What each connection over HTTP/2 begins with, and none over HTTP/1 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI ";

/// In the place of how much of the preface was read, when something else was.
const HTTP1: usize = usize::MAX;

/// How much is written to a client that is gone, and for how long, before the connection learns of it. Requests that
/// were read are answered meanwhile; what hyper reads ahead holds some thousands.
const DISCARD_BYTES: usize = 16 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// A stream that reports the end of its input only after its last request has been seen.
///
/// Without it, a request whose client closes or half-closes right behind it may be counted nowhere and answered by
/// nobody: hyper drops it before any middleware sees it. With it, such a request is counted: as answered, if the answer is
/// ready at once, else as 499.
///
/// Put it around the stream that hyper reads: a TCP or Unix socket, or what TLS has made of one.
///
/// Costs a comparison for each read and write, and over HTTP/2 up to 50 ms at the end of a connection, for which it needs
/// the timers of a tokio runtime.
#[derive(Debug)]
pub struct DeferEof<S> {
    inner: S,
    /// How many of its first bytes are those of the preface.
    preface: usize,
    /// Over HTTP/2: when something was read last.
    read: Option<Instant>,
    /// Met, and not reported yet.
    end: Option<End>,
    /// Something was written since the end was met, or looked at last.
    wrote: bool,
    /// What was to be written waits for the client to take what was before.
    write_blocked: bool,
    gone: Option<Gone>,
}

/// The end of the input.
#[derive(Debug)]
struct End {
    /// What the input ends with, if not well.
    error: Option<io::ErrorKind>,
    next: Arc<NextPoll>,
    /// Over HTTP/2.
    quiet: Option<Quiet>,
}

#[derive(Debug)]
struct Quiet {
    time: Pin<Box<Sleep>>,
    turns: u8,
}

/// The client will read nothing more.
#[derive(Debug)]
struct Gone {
    error: io::ErrorKind,
    since: Instant,
    discarded: usize,
}

/// Whether an error says that the client is gone.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

impl<S> DeferEof<S> {
    /// Defers the end of this stream's input.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            preface: 0,
            read: None,
            end: None,
            wrote: false,
            write_blocked: false,
            gone: None,
        }
    }

    /// The input has ended: whether that is reported.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.wrote) {
            self.wait_again(cx);
        }
        let Some(end) = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        if !end.next.has_begun(cx.waker()) {
            return Poll::Pending;
        }
        if let Some(quiet) = &mut end.quiet {
            ready!(quiet.time.as_mut().poll(cx));
            if quiet.turns < QUIET_TURNS {
                quiet.turns += 1;
                end.next = NextPoll::of(cx.waker());
                return Poll::Pending;
            }
        }
        if self.write_blocked {
            // Woken when it is not.
            return Poll::Pending;
        }
        Poll::Ready(end.error.map_or(Ok(()), |error| Err(error.into())))
    }

    fn received(&mut self, bytes: &[u8]) {
        if self.preface < PREFACE.len() {
            let expected = &PREFACE[self.preface..];
            let looked_at = expected.len().min(bytes.len());
            let same = expected[..looked_at] == bytes[..looked_at];
            self.preface = if same {
                self.preface + looked_at
            } else {
                HTTP1
            };
        }
        if self.preface == PREFACE.len() {
            self.read = Some(Instant::now());
        }
    }

    fn wait_again(&mut self, cx: &Context<'_>) {
        if let Some(end) = &mut self.end {
            end.next = NextPoll::of(cx.waker());
            if let Some(quiet) = &mut end.quiet {
                quiet.time.as_mut().reset(Instant::now() + QUIET);
                quiet.turns = 0;
            }
        }
    }

    /// What became of writing so many bytes.
    fn written(
        &mut self,
        cx: &Context<'_>,
        length: usize,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let was_blocked = std::mem::replace(&mut self.write_blocked, polled.is_pending());
        match polled {
            Poll::Ready(Err(error)) if is_gone(&error) => {
                self.gone = Some(Gone {
                    error: error.kind(),
                    since: Instant::now(),
                    discarded: 0,
                });
                self.discard(length).unwrap_or(Poll::Ready(Err(error)))
            }
            Poll::Ready(Ok(_)) => {
                self.wrote = true;
                if was_blocked {
                    self.wait_again(cx);
                }
                polled
            }
            _ => polled,
        }
    }

    /// `None` unless the client is gone.
    fn discard(&mut self, length: usize) -> Option<Poll<io::Result<usize>>> {
        let gone = self.gone.as_mut()?;
        gone.discarded = gone.discarded.saturating_add(length);
        let lasts = gone.discarded <= DISCARD_BYTES && gone.since.elapsed() <= DISCARD_TIME;
        Some(Poll::Ready(if lasts {
            Ok(length)
        } else {
            Err(gone.error.into())
        }))
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
        if self.end.is_some() {
            return self.poll_end(cx);
        }
        let (before, room) = (buf.filled().len(), buf.remaining() > 0);
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let received = &buf.filled()[before..];
        let error = match &polled {
            Poll::Ready(Ok(())) if room && received.is_empty() => None,
            Poll::Ready(Err(error)) if is_gone(error) => Some(error.kind()),
            Poll::Ready(Ok(())) => {
                self.received(received);
                return polled;
            }
            _ => return polled,
        };
        self.wrote = false;
        self.end = Some(End {
            error,
            next: NextPoll::of(cx.waker()),
            quiet: self.read.map(|at| Quiet {
                time: Box::pin(sleep_until(at + QUIET)),
                turns: 0,
            }),
        });
        self.poll_end(cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DeferEof<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(discarded) = self.discard(buf.len()) {
            return discarded;
        }
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, buf.len(), polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if let Some(discarded) = self.discard(length) {
            return discarded;
        }
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, length, polled)
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, join, sink};
    use tokio::time::{Instant, sleep};

    use super::{DeferEof, Future, PREFACE, QUIET};

    /// Tokio polls up to 61 tasks in a turn: these are more than three turns take, and fewer than four.
    const TASKS: usize = 200;

    #[tokio::test]
    async fn over_http2_the_end_waits_for_a_while_after_the_last_read() {
        let mut stream = DeferEof::new(join(PREFACE, sink()));
        let mut buffer = [0; 8];
        let began = Instant::now();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), PREFACE.len());
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
        assert!(began.elapsed() >= QUIET);
    }

    #[tokio::test]
    async fn over_http2_the_end_waits_for_the_tasks_that_the_runtime_has_left() {
        let mut stream = DeferEof::new(join(PREFACE, sink()));
        let mut buffer = [0; 8];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), PREFACE.len());
        for answer in [&b""[..], b"an answer"] {
            // After a write it waits as long again.
            stream.write_all(answer).await.unwrap();
            let mut end = pin!(stream.read(&mut buffer));
            let met = poll_fn(|cx| Poll::Ready(end.as_mut().poll(cx))).await;
            assert!(met.is_pending());
            sleep(2 * QUIET).await;
            let left = [(); TASKS].map(|()| tokio::spawn(async {}));
            assert_eq!(end.await.unwrap(), 0);
            let left = left.iter().filter(|task| !task.is_finished()).count();
            assert_eq!(left, 0, "of {TASKS}");
        }
    }
}
