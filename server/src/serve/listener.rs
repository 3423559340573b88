//! The sockets that listen.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use salvo::Service;
use socket2::{Domain, Protocol, Socket, Type};

use super::metrics::ConnectionMetrics;
use crate::limits::ConnectionLimits;

/// Connections that the kernel queues while none is accepted.
pub(super) const BACKLOG: i32 = 1_024;

/// What listeners have to know beside the service that they serve. The default has the default
/// limits, and its metrics are registered nowhere.
#[derive(Debug, Default)]
pub struct ListenerOptions {
    /// What connections may take.
    pub limits: ConnectionLimits,
    /// Fed by the listeners.
    pub connections: ConnectionMetrics,
    /// /metrics alone, for a listener of its own. No request to it is counted.
    pub metrics_service: Option<Service>,
    /// The longest that the listener of /metrics outlives the other one: for scrapes in progress and, if requests were
    /// cut off, for one scrape that sees them.
    pub last_scrape: Duration,
}

/// What is served from.
#[derive(Debug)]
pub struct Listeners {
    /// The application's.
    pub main: TcpListener,
    /// That of [`ListenerOptions::metrics_service`].
    pub metrics: Option<TcpListener>,
    /// What they have to know.
    pub options: ListenerOptions,
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self {
            main,
            metrics: None,
            options: ListenerOptions::default(),
        }
    }
}

/// A socket that listens.
///
/// # Errors
/// When the address is in use, or is not one of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart finds the port in TIME_WAIT; on Http2Stalls the option would let two listen.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: an answer in two writes must not wait for an ACK.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
