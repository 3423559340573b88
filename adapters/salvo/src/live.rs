//! The live page for Salvo's routers.

use salvo_core::http::{Request, ResBody, Response};
use salvo_core::{Depot, FlowCtrl, Handler, async_trait};
use tallied::{RegisterError, Registry};
use tallied_live::LiveBuilder;

use crate::translated::{put_head, translated};

/// Shows the metrics of a registry as they change; [`tallied_live::Live`] says how, and
/// [where to mount it](tallied_live#where-to-mount-it).
///
/// GET and HEAD are answered, and any other method with 405, whatever the route says.
///
/// ```
/// use salvo::prelude::*;
/// use tallied::Registry;
/// use tallied_salvo::{HttpMetrics, Instrument, Live};
///
/// let registry = Registry::default();
/// let http = HttpMetrics::register(&registry)?;
/// let options = Live::builder().http(http).name("shop", "1.2.0");
/// let live = Live::from(options.register(&registry)?);
/// let router = Router::new()
///     .push(Router::with_path("live").get(live.clone()))
///     .push(Router::with_path("live.json").get(live.clone()));
/// let service = http.instrument(router);
/// // … and when the server begins to stop, so that the page's streams do not hold it up:
/// live.drain();
/// # let _ = service;
/// # Ok::<(), tallied::RegisterError>(())
/// ```
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

#[async_trait]
impl Handler for Live {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let (request, connection) = translated(req, ctrl);
        let response = self.0.respond(&request, Some(connection)).await;
        let body = put_head(response, res);
        res.replace_body(match body.into_whole() {
            Ok(bytes) if bytes.is_empty() => ResBody::None,
            Ok(bytes) => ResBody::Once(bytes),
            Err(events) => ResBody::Boxed(Box::pin(events)),
        });
    }
}
