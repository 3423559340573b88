//! What a handle adds to the metrics that are registered through it, and the check of their names.

use crate::error::RegisterError;
use crate::kind::Kind;
use crate::snapshot::Descriptor;
use crate::sync::Arc;
use crate::unit::Unit;

/// What is added to all that is registered through a handle.
#[derive(Default)]
pub(super) struct Scope {
    prefix: Box<str>,
    constant_labels: Arc<[(Box<str>, Box<str>)]>,
    target_labels: bool,
}

impl Scope {
    /// Prometheus gives these two to each target, and renames those of the same name that it scrapes.
    fn refuses(&self, label: &str) -> bool {
        !self.target_labels && matches!(label, "job" | "instance")
    }

    /// A name with the prefix before it.
    fn prefixed(&self, name: &str) -> String {
        match &*self.prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}_{name}"),
        }
    }

    /// This, with more of a prefix and more constant labels.
    pub(super) fn narrowed<'a>(
        &self,
        prefix: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegisterError> {
        if !prefix.is_empty() && !is_metric_name(prefix) {
            let prefix = prefix.to_owned();
            return Err(RegisterError::InvalidPrefix { prefix });
        }
        let mut constant_labels = self.constant_labels.to_vec();
        for (label, value) in labels {
            let named = || label.to_owned();
            if !is_label_name(label) {
                return Err(RegisterError::InvalidConstantLabel { label: named() });
            }
            if self.refuses(label) {
                return Err(RegisterError::TargetLabel { label: named() });
            }
            if constant_labels
                .iter()
                .any(|(earlier, _)| **earlier == *label)
            {
                return Err(RegisterError::DuplicateConstantLabel { label: named() });
            }
            constant_labels.push((label.into(), value.into()));
        }
        let prefix = match prefix {
            "" => self.prefix.clone(),
            prefix => self.prefixed(prefix).into(),
        };
        Ok(Self {
            prefix,
            constant_labels: constant_labels.into(),
            target_labels: self.target_labels,
        })
    }

    /// This, with the labels `job` and `instance` taken.
    pub(super) fn with_target_labels(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            constant_labels: Arc::clone(&self.constant_labels),
            target_labels: true,
        }
    }

    /// A metric's descriptor, with what this adds.
    pub(super) fn describe(
        &self,
        name: &str,
        help: &str,
        kind: Kind,
        unit: Option<Unit>,
        labels: &[Box<str>],
    ) -> Result<Descriptor, RegisterError> {
        let unit = unit.filter(|unit| !unit.as_str().is_empty());
        let mut full = self.prefixed(name);
        if kind == Kind::Counter {
            let stem = full.strip_suffix("_total").unwrap_or(&full);
            full.truncate(stem.len());
        }
        if let Some(unit) = &unit {
            let suffix = format!("_{}", unit.as_str());
            if !full.ends_with(&suffix) {
                full.push_str(&suffix);
            }
        }
        if !is_metric_name(&full) {
            return Err(RegisterError::InvalidName { name: full });
        }
        for (i, label) in labels.iter().enumerate() {
            if !is_label_name(label) {
                return Err(RegisterError::InvalidLabel {
                    name: full,
                    label: label.to_string(),
                });
            }
            if self.refuses(label) {
                return Err(RegisterError::TargetLabel {
                    label: label.to_string(),
                });
            }
            if kind == Kind::Histogram && **label == *"le" {
                return Err(RegisterError::ReservedLabel {
                    name: full,
                    label: label.to_string(),
                    kind,
                });
            }
            let constant = self
                .constant_labels
                .iter()
                .any(|(constant, _)| constant == label);
            if constant || labels[..i].contains(label) {
                return Err(RegisterError::DuplicateLabel {
                    name: full,
                    label: label.to_string(),
                });
            }
        }
        if kind == Kind::Histogram
            && self
                .constant_labels
                .iter()
                .any(|(label, _)| **label == *"le")
        {
            return Err(RegisterError::ReservedLabel {
                name: full,
                label: "le".to_owned(),
                kind,
            });
        }
        Ok(Descriptor {
            name: full.into(),
            help: help.into(),
            unit,
            kind,
            label_names: labels.into(),
            constant_labels: Arc::clone(&self.constant_labels),
        })
    }
}

/// The data model's `[a-zA-Z_:][a-zA-Z0-9_:]*`.
fn is_metric_name(name: &str) -> bool {
    is_identifier(name, |byte| byte == b':')
}

/// The data model's `[a-zA-Z_][a-zA-Z0-9_]*`, and no `__` in front, which Prometheus keeps to itself.
fn is_label_name(label: &str) -> bool {
    is_identifier(label, |_| false) && !label.starts_with("__")
}

fn is_identifier(text: &str, also: impl Fn(u8) -> bool) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || also(byte))
}
