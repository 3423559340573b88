//! Accepts connections, up to a cap.
//!
//! At the cap a new client takes the place of a connection that waits for its own: of one that
//! sends its head slowly or nothing at all, or that is idle between two requests. So such
//! connections, however many, keep nobody out. Those that had no request since the last look go
//! first, the oldest before others (the clock algorithm). Only where all that are looked at have
//! a request in progress is the new connection refused: accepted and closed.
//!
//! A drain takes in what the kernel has queued, and closes the listening socket, so that later
//! clients are told at once to go elsewhere.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use salvo::conn::tcp::TcpCoupler;
use salvo::conn::{Accepted, Acceptor, ConnCtrl, Holding, StraightStream};
use salvo::fuse::{ArcFusePolicy, FuseConfig};
use salvo::http::Version;
use salvo::http::uri::Scheme;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::connection::{Connection, Ends, Table};
use super::listener::BACKLOG;
use super::metrics::{ConnectionMetrics, CutOff};
use super::stream::{Place, Stream};
use crate::health::{Draining, Readiness};
use crate::limits::ConnectionLimits;

/// How many connections are looked at for one that may go: what a refusal costs at most.
const LOOKS: usize = 128;

/// How long the place of a connection that was told to go is waited for. It goes when its task
/// runs, which is at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait after an error that the next try would meet again: no file descriptors.
const PAUSE: Duration = Duration::from_millis(10);

/// A listener's side of the server; salvo accepts through it.
pub(super) struct LimitingAcceptor {
    listener: Option<TcpListener>,
    /// The same once a drain has begun, until its queue is empty.
    last: Option<std::net::TcpListener>,
    holdings: Vec<Holding>,
    limits: ConnectionLimits,
    places: Arc<Semaphore>,
    table: Arc<Table>,
    metrics: ConnectionMetrics,
    readiness: Readiness,
    draining: Draining,
    /// What the kernel may have queued when the drain began.
    last_ones: usize,
    /// Told when the listening socket is closed.
    closed: Option<oneshot::Sender<()>>,
    /// The connections in the order in which they are looked at for room. Those that are gone
    /// are dropped now and then.
    clock: VecDeque<Weak<Connection>>,
    /// The last try to accept failed, which was logged.
    failing: bool,
}

impl LimitingAcceptor {
    /// An acceptor, and a receiver that is told when it has closed its socket after a drain has begun.
    pub(super) fn new(
        listener: std::net::TcpListener,
        limits: ConnectionLimits,
        metrics: ConnectionMetrics,
        table: Arc<Table>,
        readiness: &Readiness,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let listener = TcpListener::from_std(listener)?;
        let holdings = vec![Holding {
            local_addr: listener.local_addr()?.into(),
            http_versions: vec![Version::HTTP_11, Version::HTTP_2],
            http_scheme: Scheme::HTTP,
        }];
        let (closed, is_closed) = oneshot::channel();
        let acceptor = Self {
            listener: Some(listener),
            last: None,
            holdings,
            places: Arc::new(Semaphore::new(limits.connections)),
            limits,
            table,
            metrics,
            draining: readiness.draining(),
            readiness: readiness.clone(),
            last_ones: usize::try_from(BACKLOG).unwrap_or(0),
            closed: Some(closed),
            clock: VecDeque::new(),
            failing: false,
        };
        Ok((acceptor, is_closed))
    }

    /// A connection from the kernel's queue; `None` once the socket is closed.
    async fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = if let Some(listener) = &self.listener {
                let accepted = tokio::select! {
                    biased;
                    accepted = listener.accept() => accepted,
                    () = &mut self.draining => {
                        // The runtime may not have learned yet of what the kernel has queued, so
                        // from now on the kernel itself is asked.
                        self.last = self.listener.take().and_then(|l| l.into_std().ok());
                        continue;
                    }
                };
                Some(accepted)
            } else {
                let accepted = self.last.as_ref().map(std::net::TcpListener::accept);
                self.last_ones = self.last_ones.saturating_sub(1);
                let queued = |error: &io::Error| error.kind() != io::ErrorKind::WouldBlock;
                accepted
                    .filter(|accepted| {
                        self.last_ones > 0 && accepted.as_ref().err().is_none_or(queued)
                    })
                    .map(|accepted| {
                        let (stream, client) = accepted?;
                        stream.set_nonblocking(true)?;
                        Ok((TcpStream::from_std(stream)?, client))
                    })
            };
            match accepted {
                None => {
                    self.last = None;
                    if let Some(closed) = self.closed.take() {
                        let _ = closed.send(());
                    }
                    return None;
                }
                Some(Ok(accepted)) => {
                    self.failing = false;
                    return Some(accepted);
                }
                Some(Err(error)) if is_of_one(&error) => {}
                Some(Err(error)) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::error!(%error, "cannot accept connections; raise the limit of open files, or lower connections.max");
                    }
                    self.make_room();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// A place for another connection, somebody else's if need be.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(&self.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Some(place);
        }
        if !self.make_room() {
            return None;
        }
        let place = tokio::time::timeout(PATIENCE, places.acquire_owned()).await;
        place.ok()?.ok()
    }

    /// Closes a connection that waits, if there is one among those that are looked at.
    fn make_room(&mut self) -> bool {
        let mut second_choice: Option<Arc<Connection>> = None;
        let mut made = false;
        for _ in 0..LOOKS.min(self.clock.len()) {
            let connection = loop {
                match self.clock.pop_front() {
                    None => break None,
                    Some(connection) => match connection.upgrade() {
                        None => {}
                        alive => break alive,
                    },
                }
            };
            let Some(connection) = connection else { break };
            if !connection.take_served() && connection.close_if_waiting() {
                made = true;
                break;
            }
            self.clock.push_back(Arc::downgrade(&connection));
            if second_choice.is_none() && connection.waits_since().is_some() {
                second_choice = Some(connection);
            }
        }
        made = made || second_choice.is_some_and(|connection| connection.close_if_waiting());
        if made {
            self.metrics.cut_off(CutOff::Evicted);
        }
        made
    }

    fn remember(&mut self, connection: &Arc<Connection>) {
        // Sweeping all of them when most are gone costs each connection a constant, and keeps no more than the open
        // ones need.
        let open = self.limits.connections - self.places.available_permits();
        if self.clock.len() > 2 * open + LOOKS {
            self.clock.retain(|known| known.strong_count() > 0);
            self.clock.shrink_to(2 * self.clock.len() + LOOKS);
        }
        self.clock.push_back(Arc::downgrade(connection));
    }
}

/// Whether an error is that of the connection which was to be accepted, and not the listener's.
fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

impl Acceptor for LimitingAcceptor {
    type Coupler = TcpCoupler<Self::Stream>;
    type Stream = Stream;

    fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Salvo drops this future only when it stops accepting, after the socket is closed, so a
    /// connection may be held across an await.
    async fn accept(
        &mut self,
        _: Option<ArcFusePolicy>,
    ) -> io::Result<Accepted<Self::Coupler, Self::Stream>> {
        loop {
            let Some((stream, client)) = self.next().await else {
                return std::future::pending().await;
            };
            let Some(permit) = self.place().await else {
                self.metrics.refused.inc();
                continue;
            };
            // An error means that it is gone already.
            let Ok(local) = stream.local_addr() else {
                continue;
            };
            let conn_ctrl = ConnCtrl::new();
            // Asked of the kernel, for the runtime learns of it later.
            let sent = SockRef::from(&stream).peek(&mut [MaybeUninit::uninit()]);
            let nothing = sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            let connection = Arc::new(Connection::new(conn_ctrl.clone(), nothing));
            self.remember(&connection);
            let place = Place {
                ends: Ends { client, local },
                connection,
                table: Arc::clone(&self.table),
                metrics: self.metrics.clone(),
                _permit: permit,
            };
            let fuses = FuseConfig::disabled()
                .with_write_stall_timeout(self.limits.write_stall)
                .with_request_body_timeout(self.limits.body_gap);
            let stream = StraightStream::new(stream, Some(fuses), conn_ctrl.clone(), None);
            return Ok(Accepted {
                coupler: TcpCoupler::new(),
                stream: Stream::new(stream, place.take(), self.limits, self.readiness.draining()),
                fuse_config: Some(fuses),
                conn_ctrl,
                local_addr: local.into(),
                remote_addr: client.into(),
                http_scheme: Scheme::HTTP,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use salvo::conn::ConnCtrl;

    use super::{
        Connection, ConnectionLimits, ConnectionMetrics, LOOKS, LimitingAcceptor, Readiness, Table,
    };

    #[tokio::test]
    async fn what_is_kept_of_connections_is_in_proportion_to_the_open_ones() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (mut acceptor, _) = LimitingAcceptor::new(
            listener,
            ConnectionLimits::default(),
            ConnectionMetrics::default(),
            Arc::<Table>::default(),
            &Readiness::default(),
        )
        .unwrap();
        let connection = || Arc::new(Connection::new(ConnCtrl::new(), true));
        let mut open = Vec::new();
        for i in 0..50_000 {
            let connection = connection();
            acceptor.remember(&connection);
            if i % 500 == 0 {
                open.push((
                    connection,
                    acceptor.places.clone().try_acquire_owned().unwrap(),
                ));
            }
        }
        assert!(acceptor.clock.len() <= 2 * open.len() + LOOKS + 1);
        for (connection, _) in &open {
            let known = acceptor.clock.iter().filter_map(|known| known.upgrade());
            assert_eq!(
                known.filter(|known| Arc::ptr_eq(known, connection)).count(),
                1
            );
        }
        // After a crowd, its room is given back.
        open.clear();
        for _ in 0..=LOOKS {
            acceptor.remember(&connection());
        }
        assert!(
            acceptor.clock.capacity() <= 4 * LOOKS,
            "{}",
            acceptor.clock.capacity()
        );
    }
}
