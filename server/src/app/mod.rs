//! The application that the `tallied-server` binary runs.
//!
//! | endpoint | answers |
//! | --- | --- |
//! | GET / | a welcome message and links |
//! | GET /health | `{"status":"ok"}` with version and uptime |
//! | GET /metrics | the exposition |
//! | GET /data | the newest records |
//! | POST /data | takes a record, answers with its statistics |

pub mod cli;
mod data;
mod problem;
pub mod serve;
pub mod system;
mod welcome;

use std::time::Instant;

use salvo::{Router, Service};
use tallied::{RegisterError, Registry};

use self::system::SystemMetrics;
use crate::{HttpMetrics, Scrape};

/// The application's service and the metrics that its surroundings have to know of.
#[derive(Debug)]
pub struct App {
    /// The routes, with the hoop around them.
    pub service: Service,
    /// Fed by the hoop; told when a drain runs out of time.
    pub http: HttpMetrics,
    /// To be refreshed on an interval.
    pub system: SystemMetrics,
}

impl App {
    /// The application, with a registry of its own.
    ///
    /// # Errors
    /// None in practice: the names are constant, and the registry is new.
    pub fn new() -> Result<Self, RegisterError> {
        let registry = Registry::default();
        let http = HttpMetrics::register(&registry)?;
        let system = SystemMetrics::register(&registry)?;
        let data = data::Data::default();
        let router = Router::new()
            .get(welcome::Welcome)
            .push(Router::with_path("health").get(welcome::Health {
                started: Instant::now(),
            }))
            .push(Router::with_path("metrics").get(Scrape::new(registry)))
            .push(
                Router::with_path("data")
                    .get(data.list())
                    .post(data.submit()),
            );
        let service = Service::new(router).hoop(http.hoop());
        Ok(Self {
            service,
            http,
            system,
        })
    }
}
