//! For whoever feeds [`HttpMetrics`] from a framework: the life of a request, from its head to its last byte.
//!
//! 1. [`HttpMetrics::find`] with the route that took the request, then [`Exchange::begin`], before anything else runs. It
//!    is recorded once: dropped, as cancelled, panicked or cut off.
//! 2. The request's body goes into an [`UploadBody`], unless it is empty.
//! 3. The inner service runs inside of [`counted`]; [`is_counted`] tells a second hoop of the same metrics to stay out.
//! 4. A streamed response's body goes into a [`DownloadBody`]; [`Answer`] says which.
//! 5. Once nothing changes the response any more: [`Exchange::settle`].
//!
//! The items of this module follow the needs of the adapters, and may change with any minor release.

use std::collections::BTreeSet;

use http::Method;

pub use crate::answer::{Answer, AnswerBody, FinalResponse, content_length};
pub use crate::counted::{counted, is_counted};
pub use crate::endpoint::{KnownRoute, Segment, segments};
pub use crate::exchange::Exchange;
pub use crate::methods::standard_method;
pub use crate::request_body::{Upload, UploadBody};
pub use crate::response_body::{DownloadBody, Framing, Handover};
pub use crate::series::RouteSeries;

use crate::{HttpMetrics, UnknownEndpoint};

impl HttpMetrics {
    /// The series of a request; `None` for one that is [left out](crate::HttpMetricsBuilder::exclude_endpoint).
    ///
    /// `path` is what the framework calls the route that took the request, with or without its leading slash; `None`
    /// where none did. `renamed` is asked of a path that is not known yet, with its leading slash, and gives the endpoint
    /// of a route that is not reported by its name.
    pub fn find(
        self,
        method: &Method,
        path: Option<&str>,
        renamed: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Option<&'static RouteSeries> {
        self.routes().find(method, path, renamed)
    }

    /// Something feeds these metrics from now on, in front of routes that are not known.
    pub fn installed(self) {
        self.installation().installed();
    }

    /// A service with these routes got its hoop: their series are there from now on, and keep their places.
    pub fn know(self, routes: &BTreeSet<KnownRoute>) {
        self.installation().instrumented(routes);
        self.routes().know(routes);
    }

    /// An endpoint that an option names and that neither these routes have nor those that were known before.
    pub fn unknown(self, routes: &BTreeSet<KnownRoute>) -> Option<UnknownEndpoint> {
        self.installation().unknown(routes)
    }
}
