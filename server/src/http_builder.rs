//! The options of the HTTP metrics.

use std::collections::HashMap;

use tallied::{Buckets, RegisterError, Registry};

use crate::http_metrics::HttpMetrics;

/// Upper bounds of `http_request_duration_seconds`, in seconds.
const DURATION_SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of the sizes, in bytes: a bucket for each order of magnitude from a small JSON
/// answer to a large download.
const SIZE_BYTES: [f64; 7] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// An application's routes are far fewer.
const MAX_ENDPOINTS: usize = 1_000;

/// What [`HttpMetrics`] are made of; see [`HttpMetrics::builder`].
///
/// ```
/// use tallied::{Buckets, Registry};
/// use tallied_server::{EndpointBuckets, HttpMetrics};
///
/// let registry = Registry::default();
/// let slow = EndpointBuckets { duration: Some(Buckets::new([1.0, 10.0, 60.0])?), ..Default::default() };
/// let metrics = HttpMetrics::builder()
///     .duration_buckets(Buckets::new([0.01, 0.1, 1.0])?)
///     .endpoint_buckets("/report/{id}", slow)
///     .register(&registry)?;
/// # let _ = metrics;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpMetricsBuilder {
    pub(crate) buckets: EveryBuckets,
    pub(crate) endpoints: HashMap<Box<str>, EndpointBuckets>,
    pub(crate) max_endpoints: usize,
}

/// The bounds of the three histograms.
#[derive(Debug, Clone)]
pub(crate) struct EveryBuckets {
    pub(crate) duration: Buckets,
    pub(crate) request_size: Buckets,
    pub(crate) response_size: Buckets,
}

/// Bounds for one endpoint; where there are none, those of all the others hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointBuckets {
    /// Of `http_request_duration_seconds`, in seconds.
    pub duration: Option<Buckets>,
    /// Of `http_request_size_bytes`, in bytes.
    pub request_size: Option<Buckets>,
    /// Of `http_response_size_bytes`, in bytes.
    pub response_size: Option<Buckets>,
}

impl Default for HttpMetricsBuilder {
    fn default() -> Self {
        let constant = |bounds: &[f64]| {
            Buckets::new(bounds.iter().copied()).expect("constant bounds, which increase")
        };
        Self {
            buckets: EveryBuckets {
                duration: constant(&DURATION_SECONDS),
                request_size: constant(&SIZE_BYTES),
                response_size: constant(&SIZE_BYTES),
            },
            endpoints: HashMap::new(),
            max_endpoints: MAX_ENDPOINTS,
        }
    }
}

impl HttpMetricsBuilder {
    /// Upper bounds of `http_request_duration_seconds`, in seconds. Default: 0.005, 0.01, 0.025,
    /// 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10.
    #[must_use]
    pub fn duration_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.duration = buckets;
        self
    }

    /// Upper bounds of `http_request_size_bytes`, in bytes. Default: the powers of ten from 100 to
    /// 10⁸.
    #[must_use]
    pub fn request_size_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.request_size = buckets;
        self
    }

    /// Upper bounds of `http_response_size_bytes`, in bytes. Default: the powers of ten from 100
    /// to 10⁸.
    #[must_use]
    pub fn response_size_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets.response_size = buckets;
        self
    }

    /// Bounds for the endpoint of this label value (`/users/{id}`). A quantile over several
    /// endpoints is only as good as the bounds that all of them have.
    #[must_use]
    pub fn endpoint_buckets(mut self, endpoint: &str, buckets: EndpointBuckets) -> Self {
        self.endpoints.insert(endpoint.into(), buckets);
        self
    }

    /// How many different patterns get series of their own; later ones are counted under
    /// `endpoint="overflow"`. Default: 1,000.
    #[must_use]
    pub fn max_endpoints(mut self, endpoints: usize) -> Self {
        self.max_endpoints = endpoints;
        self
    }

    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry holds a metric of one of their names already; those that were registered
    /// before it stay.
    pub fn register(self, registry: &Registry) -> Result<HttpMetrics, RegisterError> {
        HttpMetrics::with(self, registry)
    }
}
