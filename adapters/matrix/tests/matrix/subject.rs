//! The adapters under test.

use tallied_matrix::{Route, Served};

/// An adapter, in a framework that serves what a case describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `Instrument::instrument` put the hoop around the service, and it knows that it is outermost.
    SalvoInstrumented,
    /// The hoop was put first by hand: it leaves the record to the observer of the response.
    SalvoObserved,
    /// axum's layer, which asks for the matched path.
    Axum,
    /// The layer for any service, with declared endpoints, directly on hyper.
    Hyper,
}

pub(crate) const SALVO: &[Subject] = &[Subject::SalvoInstrumented, Subject::SalvoObserved];
pub(crate) const TOWER: &[Subject] = &[Subject::Axum, Subject::Hyper];

impl Subject {
    /// Serves the routes inside of the metrics' middleware.
    pub(crate) fn serve(self, routes: impl Into<Vec<Route>>) -> Served {
        let routes = routes.into();
        match self {
            Self::SalvoInstrumented | Self::SalvoObserved => crate::salvo::serve(self, routes),
            Self::Axum => crate::axum::serve(routes),
            Self::Hyper => crate::hyper::serve(routes),
        }
    }

    /// … inside of three middlewares of the same metrics.
    pub(crate) fn serve_nested(self, routes: impl Into<Vec<Route>>) -> Served {
        let routes = routes.into();
        match self {
            Self::SalvoInstrumented | Self::SalvoObserved => {
                crate::salvo::serve_nested(self, routes)
            }
            Self::Axum => crate::axum::serve_nested(routes),
            Self::Hyper => crate::hyper::serve_nested(routes),
        }
    }
}

/// What some subjects do otherwise than the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) case: &'static str,
    pub(crate) on: &'static [Subject],
    pub(crate) because: &'static str,
}
