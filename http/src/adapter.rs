//! For those who write the middleware of a framework: the life of a request, from its head to its last byte.
//!
//! 1. If [`is_counted`], another middleware of the same metrics is outside: run the inner service, and do nothing else.
//! 2. [`HttpMetrics::find`] with the route that took the request. If it is `None`, only step 4 is left.
//! 3. The request's body goes into a [`CountedRequestBody`], unless it is empty; then [`Exchange::begin`].
//! 4. The inner service runs inside of [`counted`].
//! 5. If the response's extensions hold [`Unrecorded`], [`Exchange::forget`], and nothing else is left.
//!    Otherwise a streamed response's body goes into a [`CountedResponseBody`] ([`Handover::wrap`]); [`ResponseInProgress`] says
//!    whether it did.
//! 6. Once nothing changes the response any more: [`Exchange::settle`]. An exchange that is dropped before is recorded, too:
//!    as cancelled, panicked or cut off.
//!
//! When the middleware is made, call [`HttpMetrics::add_routes`] with the routes that the router lists, or
//! [`HttpMetrics::installed_without_routes`] if it cannot list them.
//! The package's scrape handler wraps a [`Scrape`](crate::Scrape), and says with
//! [`with_middleware_hint`](crate::Scrape::with_middleware_hint) how the middleware is put around a service.
//!
//! Limits: a body's data must be [`bytes::Bytes`], and the body `Unpin`. A request whose series exist costs two or three
//! looks at the clock, and no allocation but one for its body and one for a streamed response's.
//!
//! This module follows the needs of the adapters: its items may change with any minor release.

use std::collections::BTreeSet;

use http::Method;

pub use crate::counted::{counted, is_counted};
pub use crate::endpoint::{KnownRoute, Segment, segments};
pub use crate::exchange::{Exchange, Unrecorded};
pub use crate::methods::standard_method;
pub use crate::request_body::{CountedRequestBody, RequestBodyCount};
pub use crate::response_body::{CountedResponseBody, Framing, Handover};
pub use crate::response_in_progress::{
    BodyInProgress, FinalResponse, ResponseInProgress, content_length,
};
pub use crate::series::EndpointSeries;

use crate::{HttpMetrics, UnknownEndpoint};

impl HttpMetrics {
    /// The series of a request; `None` for one that is [left out](crate::HttpMetricsBuilder::exclude_endpoint).
    ///
    /// `path` is the pattern that the framework reports for the route that took the request, with or without its leading
    /// slash; `None` where no route did. Where a framework reports text of the client's in the place of a pattern,
    /// `pattern_of` gives the pattern: it is called with a path that has no series yet, with its leading slash.
    ///
    /// Costs one lock-free lookup by method and path. The first request of a method and path makes their series, which live
    /// as long as the process; beyond [`max_endpoints`](crate::HttpMetricsBuilder::max_endpoints) the series are those of
    /// `overflow`.
    pub fn find(
        self,
        method: &Method,
        path: Option<&str>,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Option<&'static EndpointSeries> {
        self.routes().find(method, path, pattern_of)
    }

    /// A middleware feeds these metrics from now on, in front of routes that are not known: removes
    /// `http_metrics_without_hoop`, and [`unknown_endpoint`](Self::unknown_endpoint) is `None` from then on.
    pub fn installed_without_routes(self) {
        self.installation().installed_without_routes();
    }

    /// A service with these routes got its middleware: removes `http_metrics_without_hoop`, and makes the routes' series, at
    /// zero for 200 and 500.
    ///
    /// They keep their places below the cap, whatever clients ask for; routes beyond the cap get none. A route that takes any
    /// method gets the series of GET.
    pub fn add_routes(self, routes: &BTreeSet<KnownRoute>) {
        self.installation().add_routes(routes);
        self.routes().add_routes(routes);
    }

    /// The first endpoint that an option names, and that neither these routes have nor those that were
    /// [added](Self::add_routes) before. `None` where some routes are not known, because nothing can be said then.
    pub fn unknown_endpoint(self, routes: &BTreeSet<KnownRoute>) -> Option<UnknownEndpoint> {
        self.installation().unknown_endpoint(routes)
    }
}
