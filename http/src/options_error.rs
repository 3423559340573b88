//! What can be wrong with the options.

use tallied::RegisterError;

use crate::labelled::MAX_OWN_LABELS;
use crate::own_labels::OwnLabel;

/// Why HTTP metrics were not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpMetricsError {
    /// A name or a label that the registry refuses.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A label of the application's own that the metrics have themselves.
    #[error("the HTTP metrics have the label {label:?} already; choose another name for your own")]
    ReservedLabel {
        /// The label.
        label: String,
    },
    /// A label of the application's own that is given twice.
    #[error("the label {label:?} is given twice; remove one")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// A label of the application's own that may have no value.
    #[error(
        "the label {label:?} has a limit of 0, so that all its values would be \"other\"; give at least 1"
    )]
    ZeroLimit {
        /// The label.
        label: String,
    },
    /// More labels of the application's own than there can be.
    #[error(
        "{count} labels of your own (limit {MAX_OWN_LABELS}); each multiplies the series, so remove some"
    )]
    TooManyLabels {
        /// How many there are.
        count: usize,
    },
}

/// The labels that the metrics have, whatever their options.
const RESERVED: [&str; 6] = [
    "method",
    "endpoint",
    "status_code",
    "status_class",
    "reason",
    "le",
];

/// Checks the labels of the application's own; whether their names are valid is the registry's to say.
pub(crate) fn check(labels: &[OwnLabel]) -> Result<(), HttpMetricsError> {
    if labels.len() > MAX_OWN_LABELS {
        let count = labels.len();
        return Err(HttpMetricsError::TooManyLabels { count });
    }
    for (at, own) in labels.iter().enumerate() {
        let label = own.name.clone();
        if RESERVED.contains(&&*label) {
            return Err(HttpMetricsError::ReservedLabel { label });
        }
        if labels[..at].iter().any(|before| before.name == label) {
            return Err(HttpMetricsError::DuplicateLabel { label });
        }
        if own.limit == 0 {
            return Err(HttpMetricsError::ZeroLimit { label });
        }
    }
    Ok(())
}
