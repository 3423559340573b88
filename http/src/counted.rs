//! A request counts once per [`HttpMetrics`], however many of their middlewares it passes.
//!
//! While a middleware's inner service is polled, its metrics are on a list of the thread; a middleware that finds its own
//! metrics there leaves the request to the one outside, and tells it what it knows of the route. A mark in the request's
//! extensions would do the same, at the cost of an allocation for each request.
//!
//! Costs: a push and a pop on a list of the thread for each poll; a look at that list for each middleware. It is as long as
//! middlewares are nested.
//!
//! Limits: a middleware in between that hands the inner service to another task (as tower's `Buffer` does) hides the one outside
//! from those inside, so they count the request again. A request that a handler sends to its own service, in the process and
//! in the same task, is not counted: it is taken for the one that the handler answers.

use std::cell::RefCell;

use crate::metrics::HttpMetrics;
use crate::routes::Found;

thread_local! {
    /// Innermost last. Seldom more than one.
    static COUNTING: RefCell<Vec<Counting>> = const { RefCell::new(Vec::new()) };
}

struct Counting {
    metrics: HttpMetrics,
    /// What a middleware further in found.
    found: Option<Found>,
}

/// Whether a middleware outside counts the request for these metrics already. If so, and if `find` finds the route, it is told.
pub(crate) fn is_counted(metrics: HttpMetrics, find: impl FnOnce() -> Option<Found>) -> bool {
    COUNTING.with_borrow_mut(|counting| {
        let mut outside = counting.iter_mut().rev();
        let Some(outside) = outside.find(|outside| outside.metrics == metrics) else {
            return false;
        };
        if let Some(found) = find() {
            outside.found = Some(found);
        }
        true
    })
}

/// While it is there, the inner service of a middleware of these metrics is called or polled.
#[derive(Debug)]
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn begin(metrics: HttpMetrics) -> Self {
        let counting = Counting {
            metrics,
            found: None,
        };
        COUNTING.with_borrow_mut(|list| list.push(counting));
        Self(())
    }

    /// … no longer. Says what a middleware further in found.
    pub(crate) fn end(self) -> Option<Found> {
        std::mem::forget(self);
        let counting = COUNTING.with_borrow_mut(Vec::pop);
        counting.and_then(|counting| counting.found)
    }
}

impl Drop for Inside {
    /// A handler panicked.
    fn drop(&mut self) {
        COUNTING.with_borrow_mut(Vec::pop);
    }
}
