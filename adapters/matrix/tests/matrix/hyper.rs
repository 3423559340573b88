//! hyper, with a service that finds its routes itself, inside of the layer for any service.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tallied_matrix::{Content, Route, Script, Served, Stop};
use tallied_tower::{DeferEof, HttpMetrics, Instrument, MetricsLayer};
use tokio::net::TcpListener;
use tower::{Layer, Service, service_fn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn serve(routes: Vec<Route>) -> Served {
    start(|metrics| declared(metrics, &routes).layer(service(routes)))
}

pub(crate) fn serve_nested(routes: Vec<Route>) -> Served {
    start(|metrics| {
        let layer = declared(metrics, &routes);
        layer.layer(layer.layer(layer.layer(service(routes))))
    })
}

fn declared(metrics: HttpMetrics, routes: &[Route]) -> MetricsLayer {
    let patterns = routes.iter().map(|route| route.pattern);
    metrics.layer().endpoints(patterns).unwrap()
}

/// Serves a service that is made of the metrics.
pub(crate) fn start<S, B>(service: impl FnOnce(HttpMetrics) -> S + Send + 'static) -> Served
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Served::start(str::to_owned, |metrics, listener, stop| {
        run(service(metrics), listener, stop)
    })
}

async fn run<S, B>(service: S, listener: TcpListener, mut stop: Stop)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = &mut stop => break,
        };
        let service = TowerToHyperService::new(service.clone());
        let stream = TokioIo::new(DeferEof::new(stream));
        let watcher = graceful.watcher();
        tokio::spawn(async {
            let builder = Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection_with_upgrades(stream, service);
            let _ = watcher.watch(connection).await;
        });
    }
    graceful.shutdown().await;
}

/// A service that has no framework under it. GET's routes take HEAD, unless it has one of its own.
fn service<B>(
    routes: Vec<Route>,
) -> impl Service<
    Request<B>,
    Response = Response<Either<Full<Bytes>, Script>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let routes = Arc::new(routes);
    service_fn(move |request: Request<B>| {
        let routes = Arc::clone(&routes);
        async move {
            let behaviour = match find(&routes, &request) {
                Ok(route) => &route.behaviour,
                Err(status) => {
                    let mut response = Response::new(Either::Left(Full::default()));
                    *response.status_mut() = status;
                    return Ok(response);
                }
            };
            let to_head = request.method() == Method::HEAD;
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            let response = behaviour(request).await;
            Ok(response.map(|content| match content {
                // Over HTTP/2 hyper would send it.
                _ if to_head => Either::Left(Full::default()),
                Content::Nothing => Either::Left(Full::default()),
                Content::Whole(bytes) => Either::Left(Full::new(bytes)),
                Content::Stream(stream) => Either::Right(stream.start()),
            }))
        }
    })
}

/// The route that takes a request, or the status where none does.
fn find<'a, B>(routes: &'a [Route], request: &Request<B>) -> Result<&'a Route, StatusCode> {
    let path = request.uri().path();
    let on_path: Vec<_> = routes.iter().filter(|r| matches(r.pattern, path)).collect();
    let by_method = |method| {
        let mut on_path = on_path.iter();
        on_path.find(|route| route.method.is_none_or(|its| its == method))
    };
    let method = request.method().as_str();
    let head = || (method == "HEAD").then(|| by_method("GET")).flatten();
    match by_method(method).or_else(head) {
        Some(route) => Ok(route),
        None if on_path.is_empty() => Err(StatusCode::NOT_FOUND),
        None => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once("{*") {
        Some((before, _)) => path.len() > before.len() && path.starts_with(before),
        None => {
            let mut segments = pattern.split('/').zip(path.split('/'));
            pattern.split('/').count() == path.split('/').count()
                && segments.all(|(pattern, given)| pattern == given || pattern.starts_with('{'))
        }
    }
}
