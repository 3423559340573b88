//! What the application's code cost documents, counted.

use crate::instrument::{Counter, Family};
use crate::sync::OnceLock;

/// Counts by collector what documents went without: see
/// [`Registry::collector_losses`](crate::Registry::collector_losses).
///
/// The label `collector` is the name that a collector was registered with; for a gauge or a counter
/// of a function it is the metric's. A collector has both series from its registration on, a
/// function's metric from its first loss. Unregistering takes the series away.
///
/// ```
/// use tallied::Registry;
///
/// let registry = Registry::default();
/// let losses = registry.collector_losses();
/// let help = "Collectors that were late, and so are missing in a document";
/// registry.register("collector_timeouts", help, losses.timeouts())?;
/// let help = "Samples of collectors that were dropped";
/// registry.register("collector_dropped_samples", help, losses.dropped_samples())?;
/// # Ok::<(), tallied::RegisterError>(())
/// ```
#[derive(Debug, Default)]
pub struct CollectorLosses(OnceLock<[Family<Counter, 1>; 2]>);

impl CollectorLosses {
    /// Readings that went without a collector because it was late, or had not returned from an
    /// earlier reading, or because there was no thread for it.
    pub fn timeouts(&self) -> Family<Counter, 1> {
        self.families()[0].clone()
    }

    /// Samples that were dropped: beyond the collector's limit, given twice, or of a counter that was
    /// negative or NaN.
    pub fn dropped_samples(&self) -> Family<Counter, 1> {
        self.families()[1].clone()
    }

    fn families(&self) -> &[Family<Counter, 1>; 2] {
        // Not before somebody needs them: the first family of a process has its price.
        self.0
            .get_or_init(|| [(); 2].map(|()| Family::new(["collector"])))
    }

    pub(super) fn begin(&self, collector: &str) {
        for family in self.families() {
            family.get_or_create(&[collector]);
        }
    }

    pub(super) fn end(&self, collector: &str) {
        for family in self.0.get().into_iter().flatten() {
            family.remove(&[collector]);
        }
    }

    pub(super) fn timed_out(&self, collector: &str) {
        self.families()[0].get_or_create(&[collector]).inc();
    }

    pub(super) fn dropped(&self, collector: &str, samples: u64) {
        if samples > 0 {
            self.families()[1]
                .get_or_create(&[collector])
                .inc_by(samples);
        }
    }
}
