//! Listening, serving, draining.
//!
//! | module | is |
//! | --- | --- |
//! | `listener` | the sockets that listen |
//! | `door` | accepts connections up to a cap, and makes room |
//! | `connection` | what is known of an open connection |
//! | `stream` | its bytes, and the limits on waiting for them |
//! | `framing` | whether a part of the next head came behind a request |
//! | `presence` | the hoop that tells it of its requests |
//! | `window` | since when its answers over HTTP/2 wait for its client |
//! | `front` | one listener with all of these, and its drain |
//! | `metrics` | what becomes of connections |

mod connection;
mod door;
mod framing;
mod front;
mod listener;
mod metrics;
mod presence;
mod stream;
mod window;

use std::cell::Cell;
use std::io;
use std::time::Duration;

use self::front::{Front, METRICS_CONNECTIONS};
pub use self::listener::{Edge, Listeners, listen};
pub use self::metrics::ConnectionMetrics;
use super::App;
use super::health::Readiness;
use super::limits::ConnectionLimits;

/// How long scrapes may take that are in progress when everything else has ended.
const LAST_SCRAPES: Duration = Duration::from_secs(5);

/// Serves until `stop` is ready, then drains: no new connection is accepted, and the requests in
/// progress are finished. Those that are not when `drain` is over, or when `stop` is ready a
/// second time, are cut off and counted under `reason="shutdown"`. The listener of /metrics, where
/// there is one, is drained when the other one is, so that what the drain does can be scraped: for 5
/// seconds at most, and not at all after a second `stop`. The process figures are refreshed every `refresh`, which is not zero.
///
/// # Errors
/// When a listener cannot be served from.
pub async fn serve(
    app: App,
    listeners: impl Into<Listeners>,
    mut stop: impl AsyncFnMut(),
    drain: Duration,
    refresh: Duration,
) -> io::Result<()> {
    let Listeners {
        main,
        metrics,
        edge,
    } = listeners.into();
    let limits = front::affordable(edge.limits);
    let metrics = match (metrics, edge.metrics_service) {
        (Some(listener), Some(service)) => {
            let limits = ConnectionLimits {
                connections: limits.connections.min(METRICS_CONNECTIONS),
                ..limits
            };
            let readiness = Readiness::default();
            let connections = edge.connections.clone();
            Some(Front::open(
                listener,
                service,
                limits,
                connections,
                readiness,
            )?)
        }
        _ => None,
    };
    let mut main = Front::open(main, app.service, limits, edge.connections, app.readiness)?;

    let system = app.system.clone();
    let refresher = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(refresh);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let system = system.clone();
            // It reads files. An error would be a panic in there; the next tick tries again.
            let _ = tokio::task::spawn_blocking(move || system.refresh()).await;
        }
    });

    let http = app.http;
    let stops = Cell::new(0);
    let mut stop = async || {
        stop().await;
        stops.set(stops.get() + 1);
    };
    let mut served = tokio::select! {
        served = main.served() => served,
        () = stop() => main.drain(drain, &mut stop, || http.drain_timed_out()).await,
    };
    if let Some(mut metrics) = metrics {
        let limit = if stops.get() > 1 {
            Duration::ZERO
        } else {
            LAST_SCRAPES
        };
        served = served.and(metrics.drain(limit, &mut stop, || ()).await);
    }
    refresher.abort();
    served
}

/// Waits, each time it is called, until the process is asked to stop: by Ctrl-C (SIGINT), or by
/// SIGTERM on Unix.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    #[cfg(unix)]
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    #[cfg(unix)]
    let signals = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    // Without a handler the process simply ends at Ctrl-C, which is what was asked for.
    #[cfg(not(unix))]
    let signals = async || {
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(signals)
}
