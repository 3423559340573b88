//! What is rendered, in which order.

#[cfg(feature = "prometheus-client")]
use std::sync::Arc;
use std::time::Instant;

use tallied::exposition::{openmetrics, text};
use tallied::{ReadError, ReadLimits, Registry};

use super::document::{Document, Draft};
#[cfg(feature = "prometheus-client")]
use super::family_check::Names;
use super::metrics::ScrapeMetrics;
use super::negotiation::Format;
#[cfg(feature = "prometheus-client")]
use super::prometheus_client_registry::{self, Failure};
use super::scrape_request::ScrapeRequest;

/// What remains after it is for writing and compressing.
fn read_limits(until: Option<Instant>) -> ReadLimits {
    let limits = ReadLimits::default();
    let Some(until) = until else {
        return limits;
    };
    let now = Instant::now();
    limits.with_deadline(now + until.saturating_duration_since(now) / 4 * 3)
}

/// Where the families of a document come from.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) registry: Registry,
    #[cfg(feature = "prometheus-client")]
    pub(super) others: Vec<Arc<prometheus_client::registry::Registry>>,
    pub(super) metrics: Option<ScrapeMetrics>,
}

impl Sources {
    /// The document; `None` when it turned out between two families that nobody wants it. It is waited
    /// for `until` then: collectors that have not returned in three quarters of that time are left
    /// out.
    pub(super) fn render(
        &self,
        request: &ScrapeRequest,
        until: Option<Instant>,
        wanted: &dyn Fn() -> bool,
    ) -> Option<Document> {
        let mut draft = Draft::new(request.coding);
        let selection = &request.selection;
        let metrics = self.registry.collect(
            |descriptor| selection.selects(|name| descriptor.has_name(name)),
            read_limits(until),
        );
        for metric in metrics {
            let written = match request.format {
                Format::Text => text::encode_metric(&mut draft.text, &metric),
                Format::OpenMetrics => openmetrics::encode_metric(&mut draft.text, &metric),
            };
            // What was late is counted by the registry.
            if let (Err(ReadError::Panicked { .. }), Some(metrics)) = (written, &self.metrics) {
                metrics.collector_panics.inc();
            }
            draft.take_on(wanted)?;
        }
        #[cfg(feature = "prometheus-client")]
        self.render_others(request, &mut draft, wanted)?;
        if request.format == Format::OpenMetrics {
            openmetrics::encode_eof(&mut draft.text);
        }
        draft.finish(wanted)
    }

    #[cfg(feature = "prometheus-client")]
    fn render_others(
        &self,
        request: &ScrapeRequest,
        draft: &mut Draft,
        wanted: &dyn Fn() -> bool,
    ) -> Option<()> {
        // Such a registry is read as a whole, so it is better not asked for nothing.
        if self.others.is_empty() || !request.selection.reaches_beyond(&self.registry) {
            return Some(());
        }
        let mut names = Names::of(&self.registry);
        for other in &self.others {
            let text = &mut draft.text;
            let written =
                prometheus_client_registry::encode(text, other, request, &mut names, wanted);
            if let Some(metrics) = &self.metrics {
                match written {
                    Ok(left_out) => metrics.collector_errors.inc_by(left_out),
                    Err(Failure::Panicked) => metrics.collector_panics.inc(),
                    Err(Failure::Failed) => metrics.collector_errors.inc(),
                    Err(Failure::Unwanted) => {}
                }
            }
            draft.take_on(wanted)?;
        }
        Some(())
    }
}
