//! A request counts once per [`HttpMetrics`], however many hoops of theirs it passes.
//!
//! While a hoop's inner handlers are polled, its metrics are on a list of the thread; a hoop that finds its own
//! there leaves the request to the one outside. A mark in the request's extensions would say the same, at the cost
//! of an allocation a request.
//!
//! Limits: a layer that hands the inner handlers to another task (as tower's `Buffer` does) hides the outer hoop. A
//! request that a handler makes of its own service within the process, in the same task, is taken for the one it answers.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;

use crate::metrics::HttpMetrics;

thread_local! {
    /// Innermost last. Seldom more than one.
    static COUNTING: RefCell<Vec<HttpMetrics>> = const { RefCell::new(Vec::new()) };
}

/// Whether a hoop of these metrics is around whatever is polled now.
pub fn is_counted(metrics: HttpMetrics) -> bool {
    COUNTING.with_borrow(|counting| counting.contains(&metrics))
}

/// Runs what is inside of a hoop of these metrics.
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
