//! What the application computes at a scrape, as a call that can be given up.

use std::time::Duration;

use crate::collector::{Collector, DEFAULT_TIME_LIMIT, Described, Gathered, Samples};
use crate::error::ReadError;
use crate::instrument::{Metric, SeriesSnapshot};
use crate::supervised::{Call, GivenUp, Outcome, call_all};
use crate::sync::Arc;

/// A collector, or a gauge or counter of a function.
pub(super) struct Computed {
    name: Box<str>,
    code: Code,
    time_limit: Duration,
    given_up: GivenUp,
}

enum Code {
    Metric(Box<dyn Metric>),
    Collector {
        collector: Box<dyn Collector>,
        families: Box<[Described]>,
        max_samples: usize,
    },
}

impl Computed {
    pub(super) fn metric(name: &str, metric: impl Metric) -> Self {
        Self {
            name: name.into(),
            code: Code::Metric(Box::new(metric)),
            time_limit: DEFAULT_TIME_LIMIT,
            given_up: GivenUp::default(),
        }
    }

    pub(super) fn collector(
        name: &str,
        collector: impl Collector,
        families: Box<[Described]>,
    ) -> Self {
        Self {
            name: name.into(),
            time_limit: collector.time_limit(),
            code: Code::Collector {
                max_samples: collector.max_samples(),
                collector: Box::new(collector),
                families,
            },
            given_up: GivenUp::default(),
        }
    }

    /// The metric's name, or the collector's.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads one of its families alone. Nothing counts what that loses.
    pub(super) fn read(
        self: &Arc<Self>,
        family: usize,
    ) -> Result<Arc<[SeriesSnapshot]>, ReadError> {
        let outcome = call_all(vec![Arc::clone(self)], None, None).pop();
        let outcome = outcome.unwrap_or(Outcome::Nested);
        let mut gathered = self.result(outcome)?;
        let series = gathered.families.get_mut(family).map(std::mem::take);
        Ok(series.unwrap_or_default().into())
    }

    /// What a call gave; a reader that is in a call itself sees nothing.
    pub(super) fn result(&self, outcome: Outcome<Gathered>) -> Result<Gathered, ReadError> {
        let name = || self.name.clone();
        match outcome {
            Outcome::Returned(gathered) => Ok(gathered),
            Outcome::Nested => Ok(Gathered::default()),
            Outcome::Panicked(message) => Err(ReadError::Panicked {
                name: name(),
                message,
            }),
            Outcome::TimedOut => Err(ReadError::TimedOut { name: name() }),
            Outcome::NoThread => Err(ReadError::NoThread { name: name() }),
        }
    }
}

impl Call for Computed {
    /// How old what it gives may be.
    type Asked = Option<Duration>;
    type Output = Gathered;

    fn call(&self, max_age: Option<Duration>) -> Gathered {
        match &self.code {
            Code::Metric(metric) => {
                let mut series = Vec::with_capacity(1);
                metric.collect(&mut series);
                Gathered {
                    families: vec![series],
                    dropped: 0,
                }
            }
            Code::Collector {
                collector,
                families,
                max_samples,
            } => {
                let mut samples = Samples::new(families, *max_samples, max_age);
                collector.collect(&mut samples);
                samples.into_gathered()
            }
        }
    }

    fn time_limit(&self) -> Duration {
        self.time_limit
    }

    fn given_up(&self) -> &GivenUp {
        &self.given_up
    }
}
