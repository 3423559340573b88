//! The sockets that listen.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel queues while none is accepted.
pub(super) const BACKLOG: i32 = 1_024;

/// What is served from.
#[derive(Debug)]
pub struct Listeners {
    /// The application's.
    pub main: TcpListener,
    /// That of /metrics, where it has one of its own.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self {
            main,
            metrics: None,
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
    // A restart finds the port in TIME_WAIT; on Windows the option would let two listen.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: an answer in two writes must not wait for an ACK.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
