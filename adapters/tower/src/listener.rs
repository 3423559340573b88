//! A listener of axum whose connections report the end of their input late.

use std::io;

use axum::serve::Listener;
use tallied_http::DeferEof;

/// A listener whose connections report the end of their input only after their last request has been seen.
///
/// Without it, a request whose client closes or half-closes right behind it may be counted nowhere and answered by
/// nobody: hyper drops it before any layer sees it. With it, such a request is counted: as answered, if the answer is
/// ready at once, else as 499.
///
/// Put it around any listener of TCP, TLS or Unix sockets:
///
/// ```no_run
/// use axum::Router;
/// use axum::extract::ConnectInfo;
/// use axum::routing::get;
/// use axum::serve::ListenerExt;
/// use std::net::SocketAddr;
/// use tallied_tower::DeferEofListener;
///
/// # async fn serve() -> std::io::Result<()> {
/// let app = Router::new().route("/", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.to_string()));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8001").await?;
/// // ConnectInfo knows the address behind axum's own listeners; `tap_io` is one.
/// let listener = DeferEofListener::new(listener).tap_io(|_| {});
/// axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
/// # }
/// ```
///
/// Costs a comparison for each read and write, and over HTTP/2 up to 50 ms at the end of a connection, for which it needs the
/// runtime's timers.
#[derive(Debug)]
pub struct DeferEofListener<L>(L);

impl<L> DeferEofListener<L> {
    /// Accepts what `inner` accepts.
    pub fn new(inner: L) -> Self {
        Self(inner)
    }
}

impl<L: Listener> Listener for DeferEofListener<L> {
    type Io = DeferEof<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = self.0.accept().await;
        (DeferEof::new(stream), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
