//! The services on Salvo.

use std::error::Error;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::TextEncoder;
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::*;
use tallied_salvo::{HttpMetrics, Instrument, Scrape};
use tokio::net::TcpListener;

use crate::{Received, User};

#[handler]
async fn user(req: &mut Request) -> Result<Json<User>, StatusError> {
    let id = req.param("id").ok_or_else(StatusError::not_found)?;
    Ok(Json(User { id, name: "Ada" }))
}

#[handler]
async fn receive(req: &mut Request) -> Result<Json<Received>, StatusError> {
    let body = req.payload().await;
    let bytes = body.map_err(|_| StatusError::bad_request())?.len();
    Ok(Json(Received { bytes }))
}

fn router() -> Router {
    Router::with_path("users")
        .post(receive)
        .push(Router::with_path("{id}").get(user))
}

async fn serve(listener: TcpListener, service: Service) -> Result<(), Box<dyn Error>> {
    let acceptor = TcpAcceptor::try_from(listener)?;
    Ok(Server::new(acceptor).try_serve(service).await?)
}

pub(crate) async fn bare(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    serve(listener, Service::new(Router::new().push(router()))).await
}

pub(crate) async fn tallied(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let registry = tallied::Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let scrape = Router::with_path("metrics").get(Scrape::new(registry));
    let router = Router::new().push(router()).push(scrape);
    serve(listener, metrics.instrument(router)).await
}

/// What a service that is scraped has: the SDK and its Prometheus exporter.
pub(crate) async fn otel(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    // Before the hoop is made, which would count nothing otherwise.
    opentelemetry::global::set_meter_provider(provider);
    let scrape = Router::with_path("metrics").get(Exported(registry));
    let router = Router::new().push(router()).push(scrape);
    serve(
        listener,
        Service::new(router).hoop(salvo_otel::Metrics::new()),
    )
    .await
}

struct Exported(prometheus::Registry);

#[handler]
impl Exported {
    async fn handle(&self) -> Result<String, StatusError> {
        TextEncoder::new()
            .encode_to_string(&self.0.gather())
            .map_err(|error| StatusError::internal_server_error().brief(error.to_string()))
    }
}
