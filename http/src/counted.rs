//! A request counts once per [`HttpMetrics`], however many of their middlewares it passes.
//!
//! While a middleware's inner service is polled, its metrics are on a list of the thread; a middleware that finds its own
//! metrics there leaves the request to the one outside, and tells it what it knows of the route. A mark in the request's
//! extensions would do the same, at the cost of an allocation for each request.
//!
//! Costs: two writes to a variable of the thread for each poll, and a look at it for each middleware; where middlewares are nested,
//! a list.
//!
//! Limits: a middleware in between that hands the inner service to another task (as tower's `Buffer` does) hides the one outside
//! from those inside, so they count the request again. A request that a handler sends to its own service, in the process and
//! in the same task, is not counted: it is taken for the one that the handler answers.

use std::cell::{Cell, RefCell};

use crate::metrics::HttpMetrics;
use crate::routes::Found;

thread_local! {
    /// Apart from the list, because most have nothing further in, and it needs no destructor.
    static OUTERMOST: Cell<Option<Counting>> = const { Cell::new(None) };
    /// Innermost last.
    static FURTHER_IN: RefCell<Vec<Counting>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
struct Counting {
    metrics: HttpMetrics,
    /// What a middleware further in found.
    found: Option<Found>,
}

/// Whether a middleware outside counts the request for these metrics already. If so, and if `find` finds the route, it is told.
#[inline]
pub(crate) fn is_counted(metrics: HttpMetrics, find: impl FnOnce() -> Option<Found>) -> bool {
    match OUTERMOST.get() {
        None => false,
        Some(outermost) => is_counted_outside(outermost, metrics, find),
    }
}

fn is_counted_outside(
    outermost: Counting,
    metrics: HttpMetrics,
    find: impl FnOnce() -> Option<Found>,
) -> bool {
    let is_own = |outside: &Counting| outside.metrics == metrics;
    let at = FURTHER_IN.with_borrow(|further_in| further_in.iter().rposition(is_own));
    if at.is_none() && !is_own(&outermost) {
        return false;
    }
    // It runs the application's rule, so nothing is borrowed meanwhile.
    if let Some(found) = find().map(Some) {
        match at {
            Some(at) => FURTHER_IN.with_borrow_mut(|further_in| further_in[at].found = found),
            None => OUTERMOST.set(Some(Counting { found, ..outermost })),
        }
    }
    true
}

/// While it is there, the inner service of a middleware of these metrics is called or polled.
#[derive(Debug)]
pub(crate) struct Inside {
    outermost: bool,
}

impl Inside {
    #[inline]
    pub(crate) fn begin(metrics: HttpMetrics) -> Self {
        let counting = Counting {
            metrics,
            found: None,
        };
        let outermost = OUTERMOST.get().is_none();
        match outermost {
            true => OUTERMOST.set(Some(counting)),
            false => FURTHER_IN.with_borrow_mut(|further_in| further_in.push(counting)),
        }
        Self { outermost }
    }

    /// … no longer. Says what a middleware further in found.
    #[inline]
    pub(crate) fn end(self) -> Option<Found> {
        let counting = self.take();
        std::mem::forget(self);
        counting.and_then(|counting| counting.found)
    }

    #[inline]
    fn take(&self) -> Option<Counting> {
        match self.outermost {
            true => OUTERMOST.take(),
            false => FURTHER_IN.with_borrow_mut(Vec::pop),
        }
    }
}

impl Drop for Inside {
    /// A handler panicked.
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use tallied::Registry;

    use super::{Inside, is_counted};
    use crate::metrics::HttpMetrics;

    #[test]
    fn each_middleware_is_told_what_its_own_further_in_found() {
        let metrics = [(); 3].map(|()| HttpMetrics::register(&Registry::default()).unwrap());
        let is_counted_anywhere = || metrics.iter().any(|one| is_counted(*one, || None));
        for told in metrics {
            assert!(!is_counted_anywhere());
            let nested = metrics.map(Inside::begin);
            assert!(is_counted(told, || Some(None)));
            let [first, second, third] = nested;
            let found = [third, second, first].map(|inside| inside.end().is_some());
            let [first, second, third] = metrics.map(|one| one == told);
            assert_eq!(found, [third, second, first]);
        }
        let dropped_by_a_panic = metrics.map(Inside::begin);
        drop(dropped_by_a_panic);
        assert!(!is_counted_anywhere());
    }
}
