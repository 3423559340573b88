//! Salvo.

use std::sync::Arc;

use http_body_util::{BodyDataStream, BodyExt};
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::ResBody;
use salvo::hyper;
use salvo::hyper::upgrade::OnUpgrade;
use salvo::prelude::*;
use tallied_matrix::{Behaviour, Content, Route, Served, Stop};
use tallied_salvo::{DeferEofAcceptor, HttpMetrics, Instrument};
use tokio::net::TcpListener;

use crate::subject::Subject;

pub(crate) fn serve(subject: Subject, routes: Vec<Route>) -> Served {
    serve_service(subject, Service::new(router(routes)))
}

pub(crate) fn serve_nested(subject: Subject, routes: Vec<Route>) -> Served {
    start(move |metrics| {
        let inner = Router::new().hoop(metrics.hoop()).push(router(routes));
        match subject {
            Subject::SalvoInstrumented => metrics.instrument(metrics.instrument(inner)),
            _ => Service::new(inner)
                .hoop(metrics.hoop())
                .hoop(metrics.hoop()),
        }
    })
}

/// Serves a service whose first hoop becomes ours.
pub(crate) fn serve_service(subject: Subject, mut service: Service) -> Served {
    start(move |metrics| match subject {
        Subject::SalvoInstrumented => metrics.instrument(service),
        _ => {
            service.hoops.insert(0, Arc::new(metrics.hoop()));
            service
        }
    })
}

/// Serves a service that is made of the metrics.
pub(crate) fn start(service: impl FnOnce(HttpMetrics) -> Service + Send + 'static) -> Served {
    Served::start(label, |metrics, listener, stop| {
        run(service(metrics), listener, stop)
    })
}

async fn run(service: Service, listener: TcpListener, stop: Stop) {
    let acceptor = TcpAcceptor::try_from(listener).unwrap();
    let server = Server::new(DeferEofAcceptor::new(acceptor));
    let handle = server.handle();
    tokio::spawn(async move {
        let _ = stop.await;
        handle.stop_graceful(None);
    });
    server.serve(service).await;
}

/// How Salvo writes a pattern.
fn label(pattern: &str) -> String {
    pattern.replace("{*", "{**")
}

pub(crate) fn router(routes: Vec<Route>) -> Router {
    routes.into_iter().fold(Router::new(), |all, route| {
        let handler = Behaves(route.behaviour);
        let router = match route.pattern {
            "/" => Router::new(),
            pattern => Router::with_path(label(pattern)),
        };
        all.push(match route.method {
            None => router.goal(handler),
            Some("GET") => router.get(handler),
            Some("HEAD") => router.head(handler),
            Some("POST") => router.post(handler),
            Some(method) => panic!("{method} is to be translated"),
        })
    })
}

/// A behaviour as a handler.
pub(crate) struct Behaves(pub(crate) Behaviour);

#[async_trait]
impl Handler for Behaves {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let mut request = hyper::Request::new(());
        *request.method_mut() = req.method().clone();
        *request.uri_mut() = req.uri().clone();
        *request.headers_mut() = req.headers().clone();
        if let Some(upgrade) = req.extensions_mut().remove::<OnUpgrade>() {
            request.extensions_mut().insert(upgrade);
        }
        let body = req.take_body().map_err(Into::into).boxed_unsync();
        let answer = (self.0)(request.map(|()| body)).await;
        // As handlers do that say nothing of a status.
        if answer.status() != StatusCode::OK || matches!(answer.body(), Content::Nothing) {
            res.status_code(answer.status());
        }
        res.headers_mut().extend(answer.headers().clone());
        res.body(match answer.into_body() {
            Content::Nothing => return,
            Content::Whole(bytes) => ResBody::Once(bytes),
            Content::Stream(stream) if stream.is_plain() => {
                ResBody::stream(BodyDataStream::new(stream.start()))
            }
            Content::Stream(stream) => ResBody::Boxed(Box::pin(stream.start())),
        });
    }
}
