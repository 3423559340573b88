//! The live page as a tower service.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tallied::{RegisterError, Registry};
use tallied_live::{LiveBody, LiveBuilder};
use tower_service::Service;

/// Shows the metrics of a registry as they change; [`tallied_live::Live`] says how, and
/// [where to mount it](tallied_live#where-to-mount-it). A tower service and, with the feature `axum`, a handler.
///
/// GET and HEAD are answered, and any other method with 405.
///
/// Clones are handles to the same page.
#[derive(Debug, Clone)]
pub struct Live(tallied_live::Live);

impl From<tallied_live::Live> for Live {
    fn from(page: tallied_live::Live) -> Self {
        Self(page)
    }
}

impl Live {
    /// The page of this registry, with no options.
    ///
    /// # Errors
    /// As [`LiveBuilder::register`].
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        tallied_live::Live::register(registry).map(Self)
    }

    /// As [`tallied_live::Live::builder`].
    pub fn builder() -> LiveBuilder {
        tallied_live::Live::builder()
    }

    /// As [`tallied_live::Live::drain`]. Call it when the server begins to stop.
    pub fn drain(&self) {
        self.0.drain();
    }
}

impl<B> Service<Request<B>> for Live {
    type Response = Response<LiveBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let live = self.0.clone();
        let request = request.map(|_| ());
        Box::pin(async move { Ok(live.respond(&request, None).await) })
    }
}
