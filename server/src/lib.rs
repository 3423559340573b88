//! The application that the `tallied-server` binary runs. It is no library: what is public here is for the binary and
//! its tests.
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
//! | GET /live, /live.json | the metrics as they change, for people and for scripts; where the configuration has it |
//! | GET, POST /fault | what is wrong on request; only if the configuration says so |

#![forbid(unsafe_code)]

mod accept;
mod body;
mod body_budget;
mod build_info;
pub mod cli;
mod complete_answer;
pub mod config;
mod data;
mod docs;
mod faults;
pub mod health;
pub mod health_check;
mod host_header;
pub mod limits;
mod live;
pub mod logs;
mod openapi;
mod problem;
mod query;
mod request_log;
mod routes;
pub mod serve;
mod validated;
mod welcome;

use std::collections::BTreeSet;

use salvo::Service;
use tallied::Registry;
use tallied_collectors::Collectors;
use tallied_salvo::{
    HttpMetrics, HttpMetricsError, Instrument, Live, Scrape, ScrapeMetrics, known_routes,
};

use crate::body_budget::BodyBudget;
use crate::config::{Config, Level};
use crate::health::Readiness;
use crate::host_header::HostRequired;
use crate::serve::{ConnectionMetrics, ListenerOptions};

/// The application's service and the metrics that its surroundings have to know of.
#[derive(Debug)]
pub struct App {
    /// The routes, with the hoop around them.
    pub service: Service,
    /// Fed by the hoop; told when a drain runs out of time.
    pub http: HttpMetrics,
    /// What /health/ready answers by; told when a drain begins.
    pub readiness: Readiness,
    /// /live, where there is one; told when a drain begins, so that its streams end.
    pub live: Option<Live>,
}

impl App {
    /// The patterns of all its routes; `None` where one of them cannot be told.
    pub fn patterns(&self) -> Option<BTreeSet<String>> {
        let routes = known_routes(&self.service.router).into_iter();
        routes
            .map(|route| route.exact.then_some(route.endpoint))
            .collect()
    }

    /// The application alone; the metrics of its connections stay at zero.
    ///
    /// # Errors
    /// As [`with_listener_options`](Self::with_listener_options).
    pub fn new(config: &Config) -> Result<Self, HttpMetricsError> {
        Self::with_listener_options(config).map(|(app, _)| app)
    }

    /// The application, with a registry of its own, and what its listeners have to know.
    ///
    /// # Errors
    /// When a constant label is one that a metric has itself; [`Config::mistake`] says so.
    pub fn with_listener_options(
        config: &Config,
    ) -> Result<(Self, ListenerOptions), HttpMetricsError> {
        let labels = config.constant_labels.iter();
        let registry = Registry::with_prefix_and_labels(
            &config.metric_prefix,
            labels.map(|(label, value)| (&**label, &**value)),
        )?;
        let http = config.http.register(&registry)?;
        Collectors::new()
            .with_max_age(config.system_metrics_interval)
            .register(&registry)?;
        build_info::register(&registry)?;
        let scrapes = ScrapeMetrics::register(&registry)?;
        let connections = ConnectionMetrics::register(&registry)?;
        let budget = BodyBudget::register(config.limits.bodies_bytes, &registry)?;
        let live = match config.has_live() {
            true => Some(live::page(config, http, &registry)?),
            false => None,
        };
        let scrape = Scrape::new(registry).with_metrics(scrapes);
        let readiness = Readiness::default();
        let metrics_service = config.metrics_listen.map(|_| {
            routes::service(routes::metrics(scrape.clone(), live.clone())).hoop(HostRequired)
        });
        let router = routes::router(scrape, live.clone(), readiness.clone(), budget, config);
        let mut service = routes::service(router);
        // Inside of the metrics' hoop, so that its time is in the durations.
        if config.log.level >= Level::Debug {
            service = service.hoop(request_log::RequestLog::default());
        }
        let service = service.hoop(HostRequired);
        let service = http.instrument(service);
        let app = Self {
            service,
            http,
            readiness,
            live,
        };
        let options = ListenerOptions {
            limits: config.connections,
            connections,
            metrics_service,
            last_scrape: config.last_scrape,
        };
        Ok((app, options))
    }
}
