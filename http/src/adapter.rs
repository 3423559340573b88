//! For those who write the middleware of a framework: the life of a request, from its head to its last byte.
//!
//! 1. [`Exchange::begin`] with the request's head and the route that took it. If it is `None`, another middleware of the same
//!    metrics is outside: run the inner service, and do nothing else.
//! 2. [`Exchange::extend`] the request, and [`Exchange::watch`] its body, unless that is empty.
//! 3. The inner service runs inside of [`Exchange::run`], or is polled by [`Exchange::poll`].
//! 4. A response that nothing will change any more goes through [`Exchange::respond`], which gives it a body that records the
//!    request. Where something may still change it:
//!    - If its extensions hold [`Unrecorded`](crate::Unrecorded), [`Exchange::forget`], and nothing else is left.
//!    - A streamed body goes into a [`CountedResponseBody`] ([`Handover::wrap`]); [`ResponseInProgress`] says whether it did.
//!    - Once it is final: [`Exchange::settle`].
//!
//!    An exchange that is dropped before is recorded, too: as cancelled, panicked or cut off.
//!
//! When the middleware is made, call [`HttpMetrics::add_routes`] with the routes that the router lists or the application
//! declares, and [`HttpMetrics::installed_without_routes`] if there may be others.
//! The package's scrape handler wraps a [`Scrape`](crate::Scrape), and says with
//! [`with_middleware_hint`](crate::Scrape::with_middleware_hint) how the middleware is put around a service.
//!
//! Limits: a body's data must be [`bytes::Bytes`]. A request whose series exist costs two or three looks at the clock, and no
//! allocation but one for its body and, where the response may still change, one for a streamed response's.
//!
//! This module follows the needs of the adapters: its items may change with any minor release.

use std::collections::BTreeSet;

pub use crate::endpoint::{KnownRoute, Segment, segments};
pub use crate::exchange::{Exchange, Run};
pub use crate::methods::standard_method;
pub use crate::request_body::CountedRequestBody;
pub use crate::response_body::{CountedResponseBody, Framing, Handover};
pub use crate::response_in_progress::{
    BodyInProgress, FinalResponse, ResponseInProgress, content_length,
};

use crate::place::ruled_routes;
use crate::{HttpMetrics, UnknownEndpoint};

impl HttpMetrics {
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
        let routes = ruled_routes(self, routes);
        self.installation().add_routes(&routes);
        self.routes().add_routes(&routes);
    }

    /// The first endpoint that an option names, and that neither these routes have nor those that were
    /// [added](Self::add_routes) before. `None` where some routes are not known, because nothing can be said then.
    pub fn unknown_endpoint(self, routes: &BTreeSet<KnownRoute>) -> Option<UnknownEndpoint> {
        self.installation()
            .unknown_endpoint(&ruled_routes(self, routes))
    }
}
