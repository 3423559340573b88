//! What is rendered, in which order.

#[cfg(feature = "prometheus-client")]
use std::sync::Arc;
use std::time::Instant;

use tallied::{ReadError, ReadLimits, Registry};

use super::buffers::Buffers;
use super::document::{Document, Draft};
#[cfg(feature = "prometheus-client")]
use super::family_check::Names;
use super::metrics::ScrapeMetrics;
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
    /// Not beside registries that are not written in it.
    pub(super) fn offer_protobuf(&self) -> bool {
        #[cfg(feature = "prometheus-client")]
        if !self.others.is_empty() {
            return false;
        }
        true
    }

    /// The document; `None` when it turned out between two families that nobody wants it. It is waited
    /// for `until` then: collectors that have not returned in three quarters of that time are left
    /// out.
    pub(super) fn render(
        &self,
        request: &ScrapeRequest,
        buffers: &Buffers,
        until: Option<Instant>,
        wanted: &dyn Fn() -> bool,
    ) -> Option<Document> {
        let mut draft = Draft::new(request, buffers);
        let selection = &request.selection;
        let metrics = self.registry.collect(
            |descriptor| selection.selects(|name| descriptor.has_name(name)),
            read_limits(until),
        );
        for metric in metrics {
            let written = draft.write(&metric);
            // What was late is counted by the registry.
            if let (Err(ReadError::Panicked { .. }), Some(metrics)) = (written, &self.metrics) {
                metrics.collector_panics.inc();
            }
            draft.take_on(wanted)?;
        }
        #[cfg(feature = "prometheus-client")]
        self.render_others(request, &mut draft, wanted)?;
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
            let Some(text) = draft.text() else { break };
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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Uri};
    use tallied::{Counter, Histogram, Registry};

    use super::{Buffers, ScrapeRequest, Sources};

    #[test]
    fn every_format_has_the_same_samples() {
        let registry = Registry::default();
        let histogram = Histogram::new([0.5, 1.0]).unwrap();
        registry.register("seconds", "", histogram).unwrap();
        registry.register("jobs", "", Counter::default()).unwrap();
        let sources = Sources {
            registry: registry.clone(),
            #[cfg(feature = "prometheus-client")]
            others: Vec::new(),
            metrics: None,
        };
        for (query, bytes, samples) in [
            ("format=text", Some(registry.text().into_bytes()), 6),
            (
                "format=openmetrics",
                Some(registry.openmetrics().into_bytes()),
                6,
            ),
            ("format=protobuf", Some(registry.protobuf()), 6),
            (
                "format=text&created=true",
                Some(registry.text().into_bytes()),
                6,
            ),
            ("format=openmetrics&created=true", None, 8),
            ("format=protobuf&name[]=jobs", None, 1),
        ] {
            let uri: Uri = format!("/metrics?{query}").parse().unwrap();
            let request = ScrapeRequest::of(&uri, &HeaderMap::new(), true).unwrap();
            let buffers = Buffers::default();
            let document = sources.render(&request, &buffers, None, &|| true).unwrap();
            assert_eq!(document.figures.samples, samples, "{query}");
            assert_eq!(document.figures.size_bytes, document.bytes.len());
            if let Some(bytes) = bytes {
                assert_eq!(*document.bytes, bytes, "{query}");
            }
        }
        let uri = Uri::from_static("/metrics?created=maybe");
        assert!(ScrapeRequest::of(&uri, &HeaderMap::new(), true).is_err());
    }
}
