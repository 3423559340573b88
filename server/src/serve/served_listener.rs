//! One listener that is served, and its drain.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use salvo::fuse::FuseConfig;
use salvo::rt::tokio::TokioTimer;
use salvo::server::ServerHandle;
use salvo::{Server, Service};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::acceptor::LimitingAcceptor;
use super::connection::Table;
use super::metrics::ConnectionMetrics;
use super::request_tracking::RequestTracking;
use crate::health::Readiness;
use crate::limits::ConnectionLimits;

/// The most connections of the listener of /metrics: a few scrapers, and people who look.
pub(super) const METRICS_CONNECTIONS: usize = 64;

/// File descriptors that connections leave to everything else: the sockets that listen, the
/// runtime's, the files that a scrape reads, the connections to the listener of /metrics.
#[cfg(unix)]
const RESERVED_FDS: usize = 64 + METRICS_CONNECTIONS;

/// Streams that an HTTP/2 client may reset before they are looked at; more end its connection
/// (CVE-2023-44487). What h2 does by itself, said here.
const HTTP2_PENDING_RESETS: usize = 20;

/// How much of a request's body HTTP/1 reads ahead of its handler, unless a head may be larger; the buffer is twice that at
/// most. hyper's own limit is 408 KiB, and it keeps what a body has filled once.
const HTTP1_BUFFER: usize = 65_536;

/// How much of their bodies all requests of an HTTP/2 connection together may send ahead of their handlers. A body that is read sees
/// no difference, unless the client is far away: this much is on its way at a time.
const HTTP2_WINDOW: u32 = 262_144;

/// How often to see whether the connections that were accepted last were looked at, which takes a
/// task or two for each: at once, unless the machine is overloaded.
const SETTLING_LOOK: Duration = Duration::from_millis(1);

/// The limits, with no more connections than there are file descriptors for.
pub(super) fn affordable(limits: ConnectionLimits) -> ConnectionLimits {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let most = getrlimit(Resource::Nofile)
            .current
            .and_then(|most| usize::try_from(most).ok())
            .map(|most| most.saturating_sub(RESERVED_FDS).max(1));
        if let Some(most) = most.filter(|most| *most < limits.connections) {
            tracing::warn!(
                wanted = limits.connections,
                connections = most,
                "the limit of open files allows fewer connections than connections.max; raise it (ulimit -n), or lower the key"
            );
            return ConnectionLimits {
                connections: most,
                ..limits
            };
        }
    }
    limits
}

/// A listener that is being served. Dropped, it ends with all of its connections.
pub(super) struct ServedListener {
    serving: JoinHandle<io::Result<()>>,
    handle: ServerHandle,
    readiness: Readiness,
    closed: Option<oneshot::Receiver<()>>,
    table: Arc<Table>,
}

impl ServedListener {
    /// Serves from now on.
    pub(super) fn open(
        listener: TcpListener,
        mut service: Service,
        limits: ConnectionLimits,
        metrics: ConnectionMetrics,
        readiness: Readiness,
    ) -> io::Result<Self> {
        let table = Arc::<Table>::default();
        service
            .hoops
            .insert(0, Arc::new(RequestTracking(Arc::clone(&table))));
        let known = Arc::clone(&table);
        let (acceptor, closed) =
            LimitingAcceptor::new(listener, limits, metrics, known, &readiness)?;
        // The acceptor's streams know their limits. This would be salvo's way to set them.
        let mut server = Server::new(acceptor).fuse_config(FuseConfig::disabled());
        server
            .http1_mut()
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes)
            .max_buf_size(HTTP1_BUFFER.max(limits.header_bytes));
        server
            .http2_mut()
            .timer(TokioTimer::new())
            .initial_stream_window_size(HTTP2_WINDOW)
            .initial_connection_window_size(HTTP2_WINDOW)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(u32::try_from(limits.http2_streams).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS);
        let handle = server.handle();
        Ok(Self {
            serving: tokio::spawn(server.try_serve(service)),
            handle,
            readiness,
            closed: Some(closed),
            table,
        })
    }

    /// Waits for the end.
    pub(super) async fn served(&mut self) -> io::Result<()> {
        match (&mut self.serving).await {
            Ok(served) => served,
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Closes the listening socket, then waits for the requests in progress: for `limit` at most,
    /// or until `stop` is ready. Then `cutting_off` is told whether there are requests left, and the rest is cut off.
    pub(super) async fn drain(
        &mut self,
        limit: Duration,
        stop: &mut impl AsyncFnMut(),
        cutting_off: impl FnOnce(bool),
    ) -> io::Result<()> {
        let over = tokio::time::sleep(limit);
        tokio::pin!(over);
        self.readiness.drain();
        // Salvo stops accepting when it is told to stop; what the kernel has queued comes before.
        if let Some(closed) = self.closed.take() {
            let _ = closed.await;
        }
        // A connection that learns of the stop before it has read anything is closed by hyper,
        // and with it the request that its client has sent.
        let _ = tokio::time::timeout(limit, async {
            while !self.table.is_settled() {
                tokio::time::sleep(SETTLING_LOOK).await;
            }
        })
        .await;
        self.handle.stop_graceful(None);
        tokio::select! {
            served = self.served() => return served,
            () = &mut over => {}
            () = stop() => {}
        }
        cutting_off(self.table.has_requests());
        self.handle.stop_forceful();
        self.served().await
    }
}

impl Drop for ServedListener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
