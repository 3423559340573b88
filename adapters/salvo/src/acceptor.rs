//! An acceptor whose connections report the end of their input late.

use std::io;

use salvo_core::conn::tcp::TcpCoupler;
use salvo_core::conn::{Accepted, Acceptor, Holding};
use salvo_core::fuse::ArcFusePolicy;
use tallied_http::DeferEof;
use tokio::io::{AsyncRead, AsyncWrite};

/// An acceptor whose connections report the end of their input only after their last request has been seen.
///
/// Without it, a request whose client closes or half-closes right behind it may be counted nowhere and answered by
/// nobody: hyper drops it before any hoop sees it. With it, such a request is counted: as answered, if the answer is
/// ready at once, else as 499.
///
/// Put it around any acceptor of TCP, TLS or Unix sockets, outermost:
///
/// ```no_run
/// use salvo::conn::TcpListener;
/// use salvo::prelude::*;
/// use tallied_salvo::DeferEofAcceptor;
///
/// # async fn serve(service: Service) -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = TcpListener::new("127.0.0.1:8001").try_bind().await?;
/// Server::new(DeferEofAcceptor::new(acceptor)).try_serve(service).await?;
/// # Ok(())
/// # }
/// ```
///
/// Costs a comparison for each read and write, and over HTTP/2 up to 50 ms at the end of a connection, for which it needs the
/// runtime's timers.
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
