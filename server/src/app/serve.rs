//! Listening, serving, draining.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use salvo::Server;
use salvo::conn::tcp::TcpAcceptor;
use socket2::{Domain, Protocol, Socket, Type};

use super::App;

/// Connections that the kernel queues while none is accepted.
const BACKLOG: i32 = 1_024;

/// A socket that listens.
///
/// # Errors
/// When the address is in use, or is not one of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
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

/// Serves until `stop` is ready, then drains: no new connection is accepted, and the requests in
/// progress are finished. Those that are not when `drain` is over, or when `stop` is ready a
/// second time, are cut off and counted under `reason="shutdown"`. The process figures are
/// refreshed every `refresh`, which is not zero.
///
/// # Errors
/// When the listener cannot be served from.
pub async fn serve(
    app: App,
    listener: std::net::TcpListener,
    mut stop: impl AsyncFnMut(),
    drain: Duration,
    refresh: Duration,
) -> io::Result<()> {
    let acceptor = TcpAcceptor::try_from(tokio::net::TcpListener::from_std(listener)?)?;
    let server = Server::new(acceptor);
    let handle = server.handle();

    let system = app.system.clone();
    let refresher = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(refresh);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let system = system.clone();
            // It reads files. An error would be a panic in there; the next tick tries again.
            let _ = tokio::task::spawn_blocking(move || system.refresh()).await;
        }
    });

    let http = app.http;
    let serving = server.try_serve(app.service);
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = stop() => {
            app.readiness.drain();
            handle.stop_graceful(None);
            tokio::select! {
                served = &mut serving => served,
                () = async { tokio::select! {
                    () = tokio::time::sleep(drain) => {}
                    () = stop() => {}
                } } => {
                    http.drain_timed_out();
                    handle.stop_forceful();
                    serving.await
                }
            }
        }
    };
    refresher.abort();
    served
}

/// Waits, each time it is called, until the process is asked to stop: by Ctrl-C (SIGINT), or by
/// SIGTERM on Unix.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    #[cfg(unix)]
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    #[cfg(unix)]
    let signals = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    // Without a handler the process simply ends at Ctrl-C, which is what was asked for.
    #[cfg(not(unix))]
    let signals = async || {
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(signals)
}
