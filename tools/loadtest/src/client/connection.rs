//! A connection to the server, whose socket can be closed at any time.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::counted_writes::{CountedWrites, WriteCount};
use super::upload::Upload;

/// Servers close connections that are idle; one that is as old may be closed while a request is on its way.
const MOST_IDLE: Duration = Duration::from_secs(4);

/// One on which a request is still being sent, for its answer came before that, is of no use.
const MOST_UNREADY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) sender: SendRequest<Upload>,
    pub(super) writes: Rc<WriteCount>,
    task: JoinHandle<()>,
    used: Instant,
}

impl Connection {
    /// Must be called on a `LocalSet`.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let writes = Rc::new(WriteCount::default());
        let stream = CountedWrites::new(stream, Rc::clone(&writes));
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .context("cannot begin to speak HTTP")?;
        // How it ends is seen by the request that is on it.
        let task = tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            writes,
            task,
            used: Instant::now(),
        })
    }

    /// Whether another request may be sent on it.
    pub(crate) async fn is_good(&mut self) -> bool {
        let ready = timeout(MOST_UNREADY, self.sender.ready());
        self.used.elapsed() < MOST_IDLE && matches!(ready.await, Ok(Ok(())))
    }

    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    /// Closes the socket; when this returns, it is closed.
    pub(crate) async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
