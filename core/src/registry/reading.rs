//! Reads a registry: instruments as they are written, and before them, in one go, what the
//! application computes.

use std::time::{Duration, Instant};

use super::Registry;
use super::computed::Computed;
use super::registered::{Registered, Source};
use crate::collector::Gathered;
use crate::error::ReadError;
use crate::snapshot::{Descriptor, FamilySnapshot, Snapshot};
use crate::supervised::call_all;
use crate::sync::Arc;

/// What a reader asks of what the application computes: see [`Registry::collect`].
///
/// The default asks for nothing: each has its own time limit, and may use its figures again for as long as it does.
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct ReadLimits {
    deadline: Option<Instant>,
    max_age: Option<Duration>,
}

impl ReadLimits {
    /// Waits for nothing after this.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Asks for figures that are no older, as [`Samples::max_age`](crate::Samples::max_age) says.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }
}

impl Registry {
    /// The metrics that `selects` holds of, in the order of registration, to be written one by one.
    ///
    /// What the application computes ([`Collector`](crate::Collector), [`GaugeFn`](crate::GaugeFn),
    /// [`CounterFn`](crate::CounterFn)) is read now, each once and only if one of its families is
    /// selected. Waits until all have returned or are late; after the deadline for none. A failure is
    /// the error of writing that metric, and for a collector that of the first of its families.
    ///
    /// Costs a thread where there is something to compute, some tens of microseconds; and an
    /// allocation or two for each.
    pub fn collect(
        &self,
        selects: impl Fn(&Descriptor) -> bool,
        limits: ReadLimits,
    ) -> Vec<Registered> {
        let registered = self.registered();
        let mut metrics: Vec<Registered> = registered
            .iter()
            .filter(|metric| selects(&metric.descriptor))
            .cloned()
            .collect();
        let mut calls: Vec<Arc<Computed>> = Vec::new();
        for metric in &metrics {
            if let Source::Computed { computed, .. } = &metric.source {
                // The families of a collector stand together.
                if !calls.last().is_some_and(|last| Arc::ptr_eq(last, computed)) {
                    calls.push(Arc::clone(computed));
                }
            }
        }
        let outcomes = call_all(calls.clone(), limits.max_age, limits.deadline);
        let mut results = calls.into_iter().zip(outcomes).map(|(computed, outcome)| {
            let result = computed.result(outcome);
            self.count_losses(&computed, &result);
            (computed, result)
        });
        let mut current = None;
        for metric in &mut metrics {
            let Source::Computed { computed, family } = &metric.source else {
                continue;
            };
            let is_current = |(other, _): &(Arc<Computed>, _)| Arc::ptr_eq(other, computed);
            if !current.as_ref().is_some_and(is_current) {
                current = results.next();
            }
            let series = match &mut current {
                Some((_, Ok(gathered))) => {
                    let series = gathered.families.get_mut(*family).map(std::mem::take);
                    Ok(series.unwrap_or_default().into())
                }
                Some((_, error)) => match std::mem::replace(error, Ok(Gathered::default())) {
                    Ok(_) => Ok(Arc::default()),
                    Err(error) => Err(error),
                },
                None => Ok(Arc::default()),
            };
            metric.source = Source::Read(series);
        }
        metrics
    }

    fn count_losses(&self, computed: &Computed, result: &Result<Gathered, ReadError>) {
        let losses = &self.shared.losses;
        match result {
            Ok(gathered) => losses.dropped(computed.name(), gathered.dropped),
            Err(ReadError::TimedOut { .. } | ReadError::NoThread { .. }) => {
                losses.timed_out(computed.name());
            }
            Err(ReadError::Panicked { .. }) => {}
        }
    }

    /// Shows every metric, in the order of registration, without a lock.
    pub(crate) fn for_each(&self, each: impl FnMut(&Registered)) {
        self.collect(|_| true, ReadLimits::default())
            .iter()
            .for_each(each);
    }

    /// Reads every metric: some ten nanoseconds a series and recording thread, and an allocation a
    /// histogram. Recording goes on and waits for nothing.
    ///
    /// What the application computes is missing if it panicked or was late, as
    /// [`collect`](Self::collect) says.
    ///
    /// # Panics
    /// When a histogram's cells contradict each other, which would be a bug of this crate.
    pub fn snapshot(&self) -> Snapshot {
        let mut families = Vec::new();
        self.for_each(|metric| {
            let mut series = Vec::new();
            let mut scratch = crate::instrument::Value::Counter(0);
            let read = metric.visit(&mut scratch, &mut |shown| {
                series.push(shown.to_snapshot());
            });
            if read.is_ok() {
                families.push(FamilySnapshot {
                    descriptor: Arc::clone(metric.shared_descriptor()),
                    series,
                });
            }
        });
        Snapshot { families }
    }
}
