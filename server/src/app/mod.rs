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
pub mod config;
mod data;
pub mod logs;
mod problem;
mod request_log;
pub mod routes;
pub mod serve;
pub mod system;
mod welcome;

use std::time::Instant;

use salvo::{Router, Service};
use tallied::{RegisterError, Registry};

use self::config::{Config, Level};
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
    /// When a constant label is one that a metric has itself; [`Config::mistake`] says so.
    pub fn new(config: &Config) -> Result<Self, RegisterError> {
        let labels = config.constant_labels.iter();
        let registry = Registry::with_prefix_and_labels(
            &config.metric_prefix,
            labels.map(|(label, value)| (&**label, &**value)),
        )?;
        let http = config.http.register(&registry)?;
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
        let mut service = Service::new(router).hoop(http.hoop());
        // Inside of the metrics' hoop, so that its time is in the durations.
        if config.log.level >= Level::Debug {
            service = service.hoop(request_log::RequestLog::default());
        }
        Ok(Self {
            service,
            http,
            system,
        })
    }
}
