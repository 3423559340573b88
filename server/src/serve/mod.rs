//! Listening, serving, draining.
//!
//! | module | is |
//! | --- | --- |
//! | `listener` | the sockets that listen |
//! | `acceptor` | accepts connections up to a cap, and makes room |
//! | `connection` | what is known of an open connection |
//! | `stream` | a connection's bytes, and the limits on waiting for them |
//! | `pipelining` | whether a part of the next head came behind a request |
//! | `request_tracking` | the hoop that tells a connection of its requests |
//! | `http2_stall` | since when answers over HTTP/2 wait for their client |
//! | `signals` | when the process is asked to stop |
//! | `served_listener` | one listener with all of these, and its drain |
//! | `last_scrape` | whether a scrape has seen what a drain cut off |
//! | `metrics` | what becomes of connections |

mod acceptor;
mod connection;
mod http2_stall;
mod last_scrape;
mod listener;
mod metrics;
mod pipelining;
mod request_tracking;
mod served_listener;
mod signals;
mod stream;

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::last_scrape::LastScrape;
pub use self::listener::{ListenerOptions, Listeners, listen};
pub use self::metrics::ConnectionMetrics;
use self::served_listener::{METRICS_CONNECTIONS, ServedListener};
pub use self::signals::stop_signals;
use super::App;
use super::health::Readiness;
use super::limits::ConnectionLimits;

/// Serves until `stop` is ready, then drains: no new connection is accepted, and the requests in
/// progress are finished. Those that are not when `drain` is over, or when `stop` is ready a
/// second time, are cut off and counted under `reason="shutdown"`. The listener of /metrics, where
/// there is one, ends last, so that what the drain does can be scraped: where requests were cut off, after a scrape
/// that sees them, and in any case after [`ListenerOptions::last_scrape`], or a second `stop`.
///
/// # Errors
/// When a listener cannot be served from.
pub async fn serve(
    app: App,
    listeners: impl Into<Listeners>,
    mut stop: impl AsyncFnMut(),
    drain: Duration,
) -> io::Result<()> {
    let Listeners {
        main,
        metrics,
        options,
    } = listeners.into();
    let limits = served_listener::affordable(options.limits);
    let scraped = LastScrape::default();
    let metrics = match (metrics, options.metrics_service) {
        (Some(listener), Some(mut service)) => {
            service.hoops.insert(0, Arc::new(scraped.clone()));
            let limits = ConnectionLimits {
                connections: limits.connections.min(METRICS_CONNECTIONS),
                ..limits
            };
            let readiness = Readiness::default();
            let connections = options.connections.clone();
            Some(ServedListener::open(
                listener,
                service,
                limits,
                connections,
                readiness,
            )?)
        }
        _ => None,
    };
    let mut main = ServedListener::open(
        main,
        app.service,
        limits,
        options.connections,
        app.readiness,
    )?;

    let (http, live) = (app.http, app.live);
    let stops = Cell::new(0);
    let mut stop = async || {
        stop().await;
        stops.set(stops.get() + 1);
    };
    let mut cut_off = false;
    let mut served = tokio::select! {
        served = main.served() => served,
        () = stop() => {
            let cutting_off = |requests| {
                http.drain_timed_out();
                cut_off = requests;
            };
            // Its streams have no end of their own.
            if let Some(live) = &live {
                live.drain();
            }
            main.drain(drain, &mut stop, cutting_off).await
        }
    };
    if let Some(mut metrics) = metrics {
        let end = Instant::now() + options.last_scrape;
        if cut_off && stops.get() < 2 {
            tracing::info!(
                seconds = options.last_scrape.as_secs_f64(),
                "requests were cut off; waiting for a scrape that sees them"
            );
            tokio::select! {
                () = scraped.wait() => {}
                () = tokio::time::sleep_until(end) => {}
                () = stop() => {}
            }
        }
        let limit = if stops.get() > 1 {
            Duration::ZERO
        } else {
            end.saturating_duration_since(Instant::now())
        };
        served = served.and(metrics.drain(limit, &mut stop, |_| ()).await);
    }
    served
}
