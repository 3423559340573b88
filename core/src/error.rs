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
    #[error("{count} bucket bounds are more than a histogram can have; give at most {max}")]
    TooMany {
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// NaN or an infinity where a number has to be.
    #[error(
        "bucket bound {index} (counting from 0) is {bound}; give finite numbers, and at most one +Inf, at the end"
    )]
    NotFinite {
        /// Where it stands, counting from 0.
        index: usize,
        /// What stands there.
        bound: f64,
    },
    /// A bound below the one before.
    #[error(
        "bucket bound {index} (counting from 0) is {bound}, below the one before it, {before}; sort the bounds upwards"
    )]
    Unsorted {
        /// Where it stands, counting from 0.
        index: usize,
        /// The bound before it.
        before: f64,
        /// What stands there.
        bound: f64,
    },
    /// A bound that stands there twice.
    #[error("bucket bound {index} (counting from 0) is {bound} like the one before it; remove one")]
    Duplicate {
        /// Where the second stands, counting from 0.
        index: usize,
        /// What stands there.
        bound: f64,
    },
}

/// A metric panicked while it was read, and is not in the exposition.
///
/// The instruments of this crate run no code of an application's when they are read, so this is a
/// bug of theirs: please report it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading {name} panicked, so it was left out: {message}; please report it")]
pub struct MetricPanicked {
    pub(crate) name: Box<str>,
    pub(crate) message: Box<str>,
}

impl MetricPanicked {
    /// The name of the metric.
    pub fn name(&self) -> &str {
        &self.name
    }
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
        "{label:?}, a constant label of the registry, is not a label name: use letters, digits and `_`, no digit and no `__` at the start"
    )]
    InvalidConstantLabel {
        /// The label.
        label: String,
    },
    /// A constant label that is given twice.
    #[error("the registry's constant label {label:?} is given twice; remove one")]
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
        "{label:?} is not a label name (of {name}): use letters, digits and `_`, no digit and no `__` at the start"
    )]
    InvalidLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
    },
    /// A label name that the exposition uses for itself.
    #[error("label {label:?} of {name} is reserved for what a {kind} writes; choose another name")]
    ReservedLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
        /// What kind of metric reserves it.
        kind: Kind,
    },
    /// A label name that is given twice, the registry's constant labels included.
    #[error(
        "{name} has label {label:?} twice, the registry's constant labels included; remove one"
    )]
    DuplicateLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
    },
    /// Another metric writes samples of this name.
    #[error(
        "{name} would write {sample}, and so does {existing}, which is registered already; choose another name, or register it once and clone the handle"
    )]
    Duplicate {
        /// The metric.
        name: String,
        /// The name of a sample or a family that both would write.
        sample: String,
        /// The metric that was there first.
        existing: String,
    },
}
