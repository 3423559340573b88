//! A request counts once per [`HttpMetrics`], however many of their middlewares it passes.
//!
//! While a middleware's inner service is polled, its metrics are on a list of the thread; a middleware that finds its own
//! metrics there leaves the request to the one outside. A mark in the request's extensions would do the same, at the cost
//! of an allocation for each request.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;

use crate::metrics::HttpMetrics;

thread_local! {
    /// Innermost last. Seldom more than one.
    static COUNTING: RefCell<Vec<HttpMetrics>> = const { RefCell::new(Vec::new()) };
}

/// Whether [`counted`] polls the caller for these metrics already: then leave the request to the middleware outside.
///
/// Costs a look at a list of the thread, which is as long as middlewares are nested.
pub fn is_counted(metrics: HttpMetrics) -> bool {
    COUNTING.with_borrow(|counting| counting.contains(&metrics))
}

/// Runs the inner service of a middleware of these metrics.
///
/// Costs a push and a pop on a list of the thread for each poll.
///
/// Limits: a middleware in between that hands the inner service to another task (as tower's `Buffer` does) hides this one
/// from those inside, so they count the request again. A request that a handler sends to its own service, in the process and
/// in the same task, is not counted: it is taken for the one that the handler answers.
pub async fn counted<F: Future>(metrics: HttpMetrics, inside: F) -> F::Output {
    let mut inside = pin!(inside);
    poll_fn(|cx| {
        let _polling = Polling::begin(metrics);
        inside.as_mut().poll(cx)
    })
    .await
}

struct Polling;

impl Polling {
    fn begin(metrics: HttpMetrics) -> Self {
        COUNTING.with_borrow_mut(|counting| counting.push(metrics));
        Self
    }
}

impl Drop for Polling {
    /// Also when a handler panics.
    fn drop(&mut self) {
        COUNTING.with_borrow_mut(Vec::pop);
    }
}
