//! The bounds of an endpoint's histograms.

use tallied::Buckets;

/// Bounds for one endpoint. `None` leaves those of all endpoints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointBuckets {
    /// Of `http_request_duration_seconds` and `http_response_start_seconds`, in seconds.
    pub duration: Option<Buckets>,
    /// Of `http_request_size_bytes`, in bytes.
    pub request_size: Option<Buckets>,
    /// Of `http_response_size_bytes`, in bytes.
    pub response_size: Option<Buckets>,
}

/// The bounds of the histograms of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct EndpointBounds {
    pub(crate) duration: Buckets,
    pub(crate) request_size: Buckets,
    pub(crate) response_size: Buckets,
}

impl EndpointBounds {
    /// These, but for what an endpoint has of its own.
    pub(crate) fn with(&self, own: Option<&EndpointBuckets>) -> Self {
        let mut all = self.clone();
        if let Some(own) = own.cloned() {
            all.duration = own.duration.unwrap_or(all.duration);
            all.request_size = own.request_size.unwrap_or(all.request_size);
            all.response_size = own.response_size.unwrap_or(all.response_size);
        }
        all
    }
}
