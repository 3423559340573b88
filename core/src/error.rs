//! What can be wrong with a registration, or with an exposition. Recording has no errors.

use crate::kind::Kind;

/// Why bounds are not those of a histogram.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketsError {
    /// There is no finite bound.
    #[error("a histogram needs at least one finite bucket bound, for example [0.1, 0.5, 1.0]")]
    Empty,
    /// More bounds than a histogram can have.
    #[error("too many bucket bounds: {count} (limit {max})")]
    TooMany {
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// A bound that is NaN, or an infinity that is not the last bound.
    #[error(
        "the bucket bound at index {index} is {bound}; give finite numbers, and at most one +Inf, at the end"
    )]
    NotFinite {
        /// Its zero-based index.
        index: usize,
        /// The bound.
        bound: f64,
    },
    /// A bound below the one before.
    #[error(
        "the bucket bound at index {index} is {bound}, below the previous {before}; sort the bounds in increasing order"
    )]
    Unsorted {
        /// Its zero-based index.
        index: usize,
        /// The bound before it.
        before: f64,
        /// The bound.
        bound: f64,
    },
    /// A duplicate bound.
    #[error("the bucket bound at index {index} repeats {bound}; remove one")]
    Duplicate {
        /// Zero-based index of the second.
        index: usize,
        /// The bound.
        bound: f64,
    },
    /// Counts that do not fit the bounds.
    #[error(
        "{count} bucket counts where the bounds need {expected}: one for each bound, and one for +Inf"
    )]
    WrongCount {
        /// How many counts were given.
        count: usize,
        /// How many the bounds need.
        expected: usize,
    },
}

/// Why a metric is missing from a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It panicked while it was read. Gauges and counters of functions, and collectors, run the
    /// application's code; for another instrument this is a bug of this crate: please report it.
    #[error("reading {name} panicked, so it was left out: {message}")]
    Panicked {
        /// The metric, or the collector.
        name: Box<str>,
        /// The panic's message.
        message: Box<str>,
    },
    /// It took longer than its time limit, or an earlier call of it has not returned.
    #[error(
        "reading {name} took too long, so it was left out; it is read again when the late call has returned"
    )]
    TimedOut {
        /// The metric, or the collector.
        name: Box<str>,
    },
    /// The system had no thread for it, or too many hang in late calls.
    #[error(
        "no thread for reading {name}, so it was left out; look for collectors that hang, or raise the limit on threads"
    )]
    NoThread {
        /// The metric, or the collector.
        name: Box<str>,
    },
}

impl ReadError {
    /// The name of the metric, or of the collector.
    pub fn name(&self) -> &str {
        match self {
            Self::Panicked { name, .. } | Self::TimedOut { name } | Self::NoThread { name } => name,
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(|text| &**text))
        .unwrap_or("no message")
}

/// Why a metric was not registered, or a registry not made. The registry is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Not the beginning of a metric name.
    #[error(
        "{prefix:?} cannot begin metric names: use letters, digits, `_` and `:`, and no digit at the start"
    )]
    InvalidPrefix {
        /// The prefix.
        prefix: String,
    },
    /// Not a label name.
    #[error(
        "constant label {label:?} is not a label name: use letters, digits and `_`, and no digit or `__` at the start"
    )]
    InvalidConstantLabel {
        /// The label.
        label: String,
    },
    /// A constant label that is given twice.
    #[error("constant label {label:?} is given twice; remove one")]
    DuplicateConstantLabel {
        /// The label.
        label: String,
    },
    /// Not a metric name, the prefix and the unit included.
    #[error(
        "{name:?} is not a metric name: use letters, digits, `_` and `:`, and no digit at the start"
    )]
    InvalidName {
        /// The name with prefix and unit.
        name: String,
    },
    /// Not a label name.
    #[error(
        "label {label:?} of {name:?} is not a label name: use letters, digits and `_`, and no digit or `__` at the start"
    )]
    InvalidLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
    },
    /// A label name that the exposition uses for itself.
    #[error(
        "label {label:?} of {name:?} is reserved: every {kind} writes one; choose another name"
    )]
    ReservedLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
        /// What kind of metric reserves it.
        kind: Kind,
    },
    /// A label that Prometheus gives to every target, and so renames: `job` or `instance`. Scrapers with
    /// `honor_labels` and pushes keep it: [`Registry::allow_target_labels`](crate::Registry::allow_target_labels).
    #[error(
        "{label:?} is a label that Prometheus gives to each target, and it would rename yours to exported_{label}; choose another name, or call Registry::allow_target_labels if your scraper sets honor_labels"
    )]
    TargetLabel {
        /// The label.
        label: String,
    },
    /// A label name that is given twice, the registry's constant labels included.
    #[error("{name:?} has the label {label:?} twice, constant labels included; remove one")]
    DuplicateLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
    },
    /// Another metric writes samples of this name.
    #[error("{}", duplicate(name, sample, existing))]
    Duplicate {
        /// The metric.
        name: String,
        /// The name of a sample or a family that both would write.
        sample: String,
        /// The metric that was there first.
        existing: String,
    },
}

fn duplicate(name: &str, sample: &str, existing: &str) -> String {
    if name == existing {
        format!("{name:?} is already registered; clone its handle, or choose another name")
    } else {
        format!("{name:?} would write {sample:?}, as {existing:?} does; choose another name")
    }
}
