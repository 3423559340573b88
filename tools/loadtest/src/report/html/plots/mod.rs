//! The plots, each a [`Chart`].

mod buckets;
mod chart;
mod latencies;
mod limit;
mod over_time;
mod scale;
mod server;

pub(super) use self::buckets::server_against_clients;
pub(super) use self::chart::Chart;
pub(super) use self::latencies::{latency_by_percentile, latency_histogram};
pub(super) use self::limit::latency_by_rate;
pub(super) use self::over_time::{latency_over_time, rate_over_time};
pub(super) use self::server::{server_memory, server_processors};
