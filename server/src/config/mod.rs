//! Configuration: what an operator can set, checked, with the place that each value came from.
//!
//! Defaults, then the file, then `TALLIED_…` variables, then flags: a later place replaces the
//! value of an earlier one as a whole (lists and label sets are not merged). Every place is
//! checked, also where a later one overrides it. The first mistake ends the start: a
//! [`ConfigError`] is one line that names the key, the place, the value and the remedy.
//!
//! [`KEYS`] is the one list of keys: names, variables, flags, help and output come from it.

mod environment;
mod error;
mod file;
mod keys;
mod load;
mod origin;
mod print;
mod raw_value;
mod suggestion;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tallied::{Buckets, Registry};

use tallied_salvo::{EndpointBuckets, HttpMetrics, HttpMetricsBuilder, HttpMetricsError};

use super::limits::{ConnectionLimits, Limits};

pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use origin::Origin;
pub(super) use suggestion::nearest;

/// What the application runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it listens. A host name was looked up by then.
    pub listen: SocketAddr,
    /// Where /metrics listens, and is then not with the rest.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether there is a page that shows the metrics as they change.
    pub live: Live,
    /// Whether there is a route that does what is wrong on request.
    pub faults: bool,
    /// Put before every metric's name, with a `_`; empty for none.
    pub metric_prefix: String,
    /// Labels of every series.
    pub constant_labels: BTreeMap<String, String>,
    /// How long a figure of the process and the host is used again by later scrapes.
    pub system_metrics_interval: Duration,
    /// How long a stop waits for the requests in progress.
    pub drain: Duration,
    /// The longest that the listener of /metrics, where it has one of its own, outlives the other one: for scrapes in
    /// progress and, if requests were cut off, for one scrape that sees them.
    pub last_scrape: Duration,
    /// The HTTP metrics.
    pub http: HttpConfig,
    /// The log.
    pub log: LogConfig,
    /// What clients may make the application hold.
    pub limits: Limits,
    /// What connections may take, on each listener.
    pub connections: ConnectionLimits,
    /// Where the values that are not defaults came from, by key.
    origins: BTreeMap<String, Origin>,
}

/// Where /live is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// On a listener that this machine alone reaches.
    Auto,
    /// Wherever the metrics are.
    On,
    /// Nowhere.
    Off,
}

/// The HTTP metrics' configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// Bounds of `http_request_duration_seconds` and `http_response_start_seconds`.
    pub duration_buckets: Buckets,
    /// Bounds of `http_request_size_bytes`.
    pub request_size_buckets: Buckets,
    /// Bounds of `http_response_size_bytes`.
    pub response_size_buckets: Buckets,
    /// The most patterns that get series of their own.
    pub max_endpoints: usize,
    /// Whether there is `http_handler_poll_seconds`.
    pub handler_polls: bool,
    /// Other bounds for some endpoints, by the pattern of the route.
    pub endpoints: BTreeMap<String, EndpointBuckets>,
}

/// The log's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// What is logged: this and what is more severe.
    pub level: Level,
    /// How a line is written.
    pub format: Format,
}

/// How severe an event is; the most severe is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may have to be looked at.
    Warn,
    /// What happens to the application.
    Info,
    /// What happens to each request.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

fn constant(bounds: &[f64]) -> Buckets {
    Buckets::new(bounds.iter().copied()).expect("constant bounds, which increase")
}

impl Default for Config {
    fn default() -> Self {
        // One place for what the library and the binary do where nobody says otherwise.
        let size_buckets = constant(&HttpMetricsBuilder::SIZE_BUCKETS);
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8_000).into(),
            metrics_listen: None,
            live: Live::Auto,
            faults: false,
            metric_prefix: String::new(),
            constant_labels: BTreeMap::new(),
            system_metrics_interval: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            last_scrape: Duration::from_secs(5),
            http: HttpConfig {
                duration_buckets: constant(&HttpMetricsBuilder::DURATION_BUCKETS),
                request_size_buckets: size_buckets.clone(),
                response_size_buckets: size_buckets,
                max_endpoints: HttpMetricsBuilder::MAX_ENDPOINTS,
                handler_polls: false,
                endpoints: BTreeMap::new(),
            },
            log: LogConfig {
                level: Level::Info,
                format: Format::Human,
            },
            limits: Limits::default(),
            connections: ConnectionLimits::default(),
            origins: BTreeMap::new(),
        }
    }
}

impl HttpConfig {
    /// Registers the HTTP metrics that this configures.
    ///
    /// # Errors
    /// As [`HttpMetrics::register`].
    pub fn register(&self, registry: &Registry) -> Result<HttpMetrics, HttpMetricsError> {
        let mut builder = HttpMetrics::builder()
            .duration_buckets(self.duration_buckets.clone())
            .request_size_buckets(self.request_size_buckets.clone())
            .response_size_buckets(self.response_size_buckets.clone())
            .max_endpoints(self.max_endpoints);
        if self.handler_polls {
            builder = builder.handler_polls();
        }
        let endpoints = self.endpoints.iter();
        endpoints
            .fold(builder, |builder, (endpoint, buckets)| {
                builder.endpoint_buckets(endpoint, buckets.clone())
            })
            .register(registry)
    }
}

impl Config {
    /// Whether there is /live: with /metrics, on the listener that this has.
    pub fn has_live(&self) -> bool {
        match self.live {
            Live::Auto => self
                .metrics_listen
                .unwrap_or(self.listen)
                .ip()
                .is_loopback(),
            Live::On => true,
            Live::Off => false,
        }
    }

    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}
