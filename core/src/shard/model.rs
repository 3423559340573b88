//! What every loom model runs in.
//!
//! A model that passes says nothing before two things are known: how many executions the search
//! made, and which outcomes it reached (loom can be blinded, see `sync.rs`). So each model goes
//! through [`explore`], which counts, collects and prints; the model then asserts the exact set.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

pub(crate) struct Outcomes<T>(Arc<Mutex<(u64, BTreeSet<T>)>>);

impl<T: Ord> Outcomes<T> {
    /// Notes the outcome of one execution.
    pub(crate) fn reached(&self, outcome: T) {
        self.0.lock().unwrap().1.insert(outcome);
    }
}

/// Runs `model` under every interleaving, or under every one with at most `preemptions`
/// preemptions, and returns the set of outcomes.
pub(crate) fn explore<T, F>(name: &str, preemptions: Option<usize>, model: F) -> BTreeSet<T>
where
    T: Ord + Debug + Clone + Send + 'static,
    F: Fn(&Outcomes<T>) + Send + Sync + 'static,
{
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    assert!(
        builder.max_duration.is_none() && builder.max_permutations.is_none(),
        "LOOM_MAX_DURATION and LOOM_MAX_PERMUTATIONS cut a search short and report success: unset them"
    );
    let seen = Arc::new(Mutex::new((0, BTreeSet::new())));
    let outcomes = Outcomes(seen.clone());
    builder.check(move || {
        outcomes.0.lock().unwrap().0 += 1;
        model(&outcomes);
    });
    let (executions, outcomes) = seen.lock().unwrap().clone();
    let bound = preemptions.map_or("unbounded".to_owned(), |n| {
        format!("at most {n} preemptions")
    });
    println!(
        "loom: {name}: {executions} executions, {bound}, {} outcomes: {outcomes:?}",
        outcomes.len()
    );
    assert!(executions > 1, "one execution: the model is vacuous");
    outcomes
}

/// A value whose reads loom checks against the write that made it.
pub(crate) struct Checked(pub(crate) loom::cell::UnsafeCell<u64>);

// SAFETY: loom reports a read that is not ordered after the write.
unsafe impl Sync for Checked {}

impl Checked {
    pub(crate) fn new(value: u64) -> Self {
        let checked = Self(loom::cell::UnsafeCell::new(0));
        // SAFETY: loom's pointer to a live cell that nobody else has yet.
        checked.0.with_mut(|at| unsafe { *at = value });
        checked
    }

    pub(crate) fn set(&self, value: u64) {
        // SAFETY: loom checks that no read or write is concurrent.
        self.0.with_mut(|at| unsafe { *at = value });
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: loom checks that no write is concurrent.
        self.0.with(|at| unsafe { *at })
    }
}
