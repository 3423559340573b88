//! A service on hyper: metrics, a layer with declared endpoints, and the scrape as one of the answers. HTTP/1 and HTTP/2.
//!
//! `cargo run -p tallied-tower --example hyper`, then
//! `curl http://127.0.0.1:8001/hello/you`, `curl -d hello http://127.0.0.1:8001/echo` and
//! `curl http://127.0.0.1:8001/metrics`

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tallied::Registry;
use tallied_tower::{
    BoxError, CountedRequestBody, DeferEof, HttpMetrics, Instrument, Scrape, ScrapeBody,
};
use tokio::net::TcpListener;
use tower::{Layer, Service, service_fn};

type Body = Either<ScrapeBody, Full<Bytes>>;

async fn answer(
    request: Request<CountedRequestBody<Incoming>>,
    mut scrape: Scrape,
) -> Result<Response<Body>, BoxError> {
    let (mut status, mut body) = (StatusCode::OK, Bytes::new());
    match (request.method(), request.uri().path()) {
        (_, "/metrics") => return Ok(scrape.call(request).await?.map(Either::Left)),
        (&Method::POST, "/echo") => body = request.into_body().collect().await?.to_bytes(),
        (&Method::GET, path) => match path.strip_prefix("/hello/") {
            Some(name) => body = format!("hello, {name}\n").into(),
            None => status = StatusCode::NOT_FOUND,
        },
        _ => status = StatusCode::METHOD_NOT_ALLOWED,
    }
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = status;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let scrape = Scrape::new(registry);

    let endpoints = ["GET /hello/{name}", "POST /echo", "GET /metrics"];
    let layer = metrics.layer().endpoints(endpoints)?;
    let service = layer.layer(service_fn(move |request| answer(request, scrape.clone())));
    let service = TowerToHyperService::new(service);

    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // Counts also the requests whose clients close right behind them.
        let stream = TokioIo::new(DeferEof::new(stream));
        let service = service.clone();
        tokio::spawn(async move {
            let http = Builder::new(TokioExecutor::new());
            // How a connection ends is in the metrics.
            drop(http.serve_connection(stream, service).await);
        });
    }
}
