//! The hoop that tells a connection of its requests, from the head to the end of the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::{ResBody, StatusCode, Version};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use super::connection::{InProgress, Table};

/// To be the outermost hoop of a service. Costs a map look-up under a lock that few share.
pub(super) struct Presence(pub(super) Arc<Table>);

#[salvo::async_trait]
impl Handler for Presence {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let client = req.remote_addr().clone().into_std();
        let Some(connection) = client.and_then(|client| self.0.find(&client)) else {
            // Not through the door: a test client.
            ctrl.call_next(req, depot, res).await;
            return;
        };
        let Some(request) = connection.begin(req.version() == Version::HTTP_2) else {
            // Its connection is being closed to make room, as if it had not arrived in time.
            res.status_code(StatusCode::SERVICE_UNAVAILABLE);
            ctrl.skip_rest();
            return;
        };
        ctrl.call_next(req, depot, res).await;
        match res.body {
            // Whole in memory: what is left is to write it, which has a limit of its own.
            ResBody::None | ResBody::Once(_) | ResBody::Chunks(_) | ResBody::Error(_) => {}
            _ => {
                let inner = res.take_body();
                let body = PresentBody {
                    inner,
                    _request: request,
                };
                res.replace_body(ResBody::Boxed(Box::pin(body)));
            }
        }
    }
}

/// A streamed answer, which keeps its request in progress.
struct PresentBody {
    inner: ResBody,
    _request: InProgress,
}

impl Body for PresentBody {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
