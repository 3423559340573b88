//! What is measured of the scrapes themselves.

use std::time::Instant;

use tallied::{Buckets, Counter, Family, Gauge, Histogram, RegisterError, Registry, Unit};

use super::document::Figures;
use super::slots::CutOff;

/// Upper bounds of the time that a scrape takes, in seconds.
const DURATION_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];

/// Upper bounds of a document's size, in bytes.
const SIZE_BYTES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Metrics of the scrapes that a [`Scrape`](super::Scrape) answers.
///
/// | metric | type | labels | meaning |
/// | --- | --- | --- | --- |
/// | `tallied_scrapes_total` | counter | `result` | GET requests to the handler |
/// | `tallied_scrapes_cut_off_total` | counter | `reason` | scrapes that did not take their document |
/// | `tallied_scrape_duration_seconds` | histogram | | from a scrape's arrival until its document was there |
/// | `tallied_scrape_size_bytes` | histogram | | size of the documents, before they were compressed |
/// | `tallied_scrape_samples` | gauge | | samples in the last document that had every family |
/// | `tallied_scrape_collector_panics_total` | counter | | panics of metrics that were read |
/// | `tallied_scrape_collector_timeouts_total` | counter | `collector` | readings that went without a collector, because it was late |
/// | `tallied_scrape_collector_dropped_samples_total` | counter | `collector` | samples of collectors that were dropped |
/// | `tallied_scrape_collector_errors_total` | counter | | prometheus-client registries that could not be encoded, and families of theirs that would have made the document invalid |
///
/// `result` is `ok` (there was a document), `invalid` (400), `refused` (too many documents at once),
/// `timeout` (no document in time), `cancelled` (the client left, or was cut off, before there was
/// a document) or `error` (a rendering broke off, which would be a bug of this crate). A scrape is
/// counted after its document was made, so it finds those before it.
///
/// `reason` is `write_timeout` (it took them too long) or `evicted` (they stalled, and another scrape
/// needed the room). Their `result` is `ok`, because there was a document.
///
/// The two with `collector` are the registry's [`CollectorLosses`](tallied::CollectorLosses), and count
/// what is read without a scrape too.
///
/// Handlers that are given clones feed the same metrics.
#[derive(Debug, Clone)]
pub struct ScrapeMetrics {
    results: [Counter; RESULTS.len()],
    pub(super) cut_off: [Counter; CutOff::ALL.len()],
    duration_seconds: Histogram,
    size_bytes: Histogram,
    samples: Gauge<u64>,
    pub(super) collector_panics: Counter,
    pub(super) collector_errors: Counter,
}

/// How a scrape ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Invalid,
    Refused,
    Timeout,
    Cancelled,
    Error,
}

/// What the label says, in the order of [`Outcome`].
const RESULTS: [&str; 6] = ["ok", "invalid", "refused", "timeout", "cancelled", "error"];

impl ScrapeMetrics {
    /// Registers the metrics; every result is there from the start, at 0.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already, or adds a label `result`,
    /// `reason` or `collector`; those that were registered before it stay.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let histogram = |bounds: &[f64]| {
            let buckets = Buckets::new(bounds.iter().copied());
            Histogram::with_buckets(&buckets.expect("constant bounds, which increase"))
        };
        let scrapes = Family::<Counter, 1>::new(["result"]);
        let cut_off = Family::<Counter, 1>::new(["reason"]);
        let metrics = Self {
            cut_off: CutOff::ALL.map(|why| cut_off.get_or_create_owned(&[why.reason()])),
            results: RESULTS.map(|result| scrapes.get_or_create_owned(&[result])),
            duration_seconds: histogram(&DURATION_SECONDS),
            size_bytes: histogram(&SIZE_BYTES),
            samples: Gauge::default(),
            collector_panics: Counter::default(),
            collector_errors: Counter::default(),
        };
        registry.register("tallied_scrapes", "Scrapes, by how they ended", scrapes)?;
        registry.register(
            "tallied_scrapes_cut_off",
            "Scrapes that did not take their document, by why they were cut off",
            cut_off,
        )?;
        registry.register_with_unit(
            "tallied_scrape_duration_seconds",
            "Time from a scrape's arrival until its document was there",
            Unit::Seconds,
            metrics.duration_seconds.clone(),
        )?;
        registry.register_with_unit(
            "tallied_scrape_size_bytes",
            "Size of the documents, before they were compressed",
            Unit::Bytes,
            metrics.size_bytes.clone(),
        )?;
        registry.register(
            "tallied_scrape_samples",
            "Samples in the last document that had every family",
            metrics.samples.clone(),
        )?;
        registry.register(
            "tallied_scrape_collector_panics",
            "Panics of metrics that were read; what panicked is missing in the document",
            metrics.collector_panics.clone(),
        )?;
        let losses = registry.collector_losses();
        registry.register(
            "tallied_scrape_collector_timeouts",
            "Collectors that were late when they were read; they are missing in the document",
            losses.timeouts(),
        )?;
        registry.register(
            "tallied_scrape_collector_dropped_samples",
            "Samples of collectors that were dropped: beyond their limit, given twice, or no value of a counter",
            losses.dropped_samples(),
        )?;
        registry.register(
            "tallied_scrape_collector_errors",
            "prometheus-client registries that could not be encoded, and families of theirs that are invalid; they are missing in the document",
            metrics.collector_errors.clone(),
        )?;
        Ok(metrics)
    }
}

/// A scrape that was not counted yet: it is when this is dropped, and as cancelled unless it got
/// another outcome.
pub(super) struct Counted<'a> {
    metrics: Option<&'a ScrapeMetrics>,
    began: Instant,
    pub(super) outcome: Outcome,
}

impl<'a> Counted<'a> {
    pub(super) fn begin(metrics: Option<&'a ScrapeMetrics>) -> Self {
        Self {
            metrics,
            began: Instant::now(),
            outcome: Outcome::Cancelled,
        }
    }

    /// There is a document.
    pub(super) fn ok(&mut self, document: Figures, everything: bool) {
        self.outcome = Outcome::Ok;
        if let Some(metrics) = self.metrics {
            let seconds = self.began.elapsed().as_secs_f64();
            metrics.duration_seconds.observe(seconds);
            metrics.size_bytes.observe(document.size_bytes as f64);
            if everything {
                metrics.samples.set(document.samples);
            }
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.metrics {
            metrics.results[self.outcome as usize].inc();
        }
    }
}
