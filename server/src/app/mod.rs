//! The application that the `tallied-server` binary runs.
//!
//! | endpoint | answers |
//! | --- | --- |
//! | GET / | a welcome message and links: JSON, or a page where the client prefers HTML |
//! | GET /health | `{"status":"ok"}` with version and uptime |
//! | GET /health/live, /health/ready | whether it runs, and whether it wants requests |
//! | GET /metrics | the exposition |
//! | POST /data | takes a record, answers with its statistics |
//! | GET /data, /data/{id} | the newest records; one of them |
//! | GET /docs | the API's documentation |
//! | GET /openapi.json | its OpenAPI document |

mod accept;
mod body;
pub mod cli;
mod data;
mod docs;
pub mod health;
pub mod limits;
mod openapi;
mod problem;
mod routes;
pub mod serve;
mod welcome;

use salvo::Service;
use tallied::{RegisterError, Registry};

use self::health::Readiness;
use self::limits::Limits;
use crate::{HttpMetrics, ProcessMetrics};

/// The application's service and the metrics that its surroundings have to know of.
#[derive(Debug)]
pub struct App {
    /// The routes, with the hoop around them.
    pub service: Service,
    /// Fed by the hoop; told when a drain runs out of time.
    pub http: HttpMetrics,
    /// To be refreshed on an interval.
    pub process: ProcessMetrics,
    /// What /health/ready answers by; told when a drain begins.
    pub readiness: Readiness,
}

impl App {
    /// The application, with a registry of its own.
    ///
    /// # Errors
    /// None in practice: the names are constant, and the registry is new.
    pub fn new() -> Result<Self, RegisterError> {
        let registry = Registry::default();
        let http = HttpMetrics::register(&registry)?;
        let process = ProcessMetrics::register(&registry)?;
        let readiness = Readiness::default();
        let router = routes::router(registry, readiness.clone(), Limits::default());
        let service = Service::new(router)
            .hoop(http.hoop())
            .catcher(routes::catcher());
        Ok(Self {
            service,
            http,
            process,
            readiness,
        })
    }
}
