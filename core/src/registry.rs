//! Names, help and units; and whether they may stand together.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::error::RegisterError;
use crate::instrument::Metric;
use crate::kind::Kind;
use crate::snapshot::{Descriptor, FamilySnapshot, Snapshot};
use crate::sync::Arc;
use crate::unit::Unit;

/// The metrics of an application, by name.
///
/// Registration checks names and labels, and refuses what would make an invalid exposition;
/// recording never passes through here. Clones are handles to the same registry. With the feature
/// `prometheus-client` it is also a collector of that crate, and so can sit in a registry of it.
///
/// ```
/// use tallied::{Counter, Registry};
///
/// let registry = Registry::default();
/// let jobs = Counter::default();
/// registry.register("jobs", "Jobs that were finished", jobs.clone())?;
/// jobs.inc();
/// assert_eq!(
///     registry.text(),
///     "# HELP jobs_total Jobs that were finished\n# TYPE jobs_total counter\njobs_total 1\n"
/// );
/// assert!(registry.register("jobs", "The same again", Counter::default()).is_err());
/// # Ok::<(), tallied::RegisterError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    scope: Arc<Scope>,
    metrics: Arc<RwLock<Metrics>>,
}

/// What is added to all that is registered through a handle.
#[derive(Default)]
struct Scope {
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
}

/// A metric as it stands in a [`Registry`]: what it is called, and what reads it.
///
/// [`text::encode_metric`](crate::exposition::text::encode_metric) and
/// [`openmetrics::encode_metric`](crate::exposition::openmetrics::encode_metric) write one alone.
#[derive(Clone)]
pub struct Registered {
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) metric: Arc<dyn Metric>,
}

impl Registered {
    /// Name, help, labels.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registered")
            .field(&self.descriptor.name())
            .finish()
    }
}

#[derive(Default)]
struct Metrics {
    /// Copied on registration while somebody reads the old list, so that reading it needs no lock.
    registered: Arc<Vec<Registered>>,
    /// Which metric writes samples, or metadata, of a name.
    taken: HashMap<String, Box<str>>,
}

impl Registry {
    /// A registry that puts `prefix` and `_` before each name. An empty prefix is none.
    ///
    /// # Errors
    /// When the prefix cannot begin a metric name.
    pub fn with_prefix(prefix: &str) -> Result<Self, RegisterError> {
        Self::with_prefix_and_labels(prefix, [])
    }

    /// A registry that adds these labels to every series, before the series' own.
    ///
    /// # Errors
    /// When a label name is invalid or given twice, or is `job` or `instance`
    /// ([`allow_target_labels`](Self::allow_target_labels)).
    pub fn with_labels<'a>(
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegisterError> {
        Self::with_prefix_and_labels("", labels)
    }

    /// A registry with a prefix and constant labels, as [`with_prefix`](Self::with_prefix) and
    /// [`with_labels`](Self::with_labels) say.
    ///
    /// # Errors
    /// When the prefix cannot begin a metric name, and as [`with_labels`](Self::with_labels).
    pub fn with_prefix_and_labels<'a>(
        prefix: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegisterError> {
        Self::default().sub_registry_with_prefix_and_labels(prefix, labels)
    }

    /// A handle to the same metrics: what is registered through it gets this prefix after the
    /// registry's own, and these constant labels too. Reading it reads the whole registry.
    ///
    /// ```
    /// use tallied::{Counter, Registry};
    ///
    /// let registry = Registry::default();
    /// let shop = registry.sub_registry_with_prefix_and_labels("shop", [("region", "eu")])?;
    /// shop.register("orders", "Orders", Counter::default())?;
    /// assert!(registry.text().contains("shop_orders_total{region=\"eu\"} 0"));
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    ///
    /// # Errors
    /// As [`with_prefix_and_labels`](Self::with_prefix_and_labels); also when the registry adds a
    /// label of one of these names already.
    pub fn sub_registry_with_prefix_and_labels<'a>(
        &self,
        prefix: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegisterError> {
        if !prefix.is_empty() && !is_metric_name(prefix) {
            let prefix = prefix.to_owned();
            return Err(RegisterError::InvalidPrefix { prefix });
        }
        let mut constant_labels = self.scope.constant_labels.to_vec();
        for (label, value) in labels {
            let named = || label.to_owned();
            if !is_label_name(label) {
                return Err(RegisterError::InvalidConstantLabel { label: named() });
            }
            if self.scope.refuses(label) {
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
            "" => self.scope.prefix.clone(),
            prefix => self.scope.prefixed(prefix).into(),
        };
        Ok(Self {
            scope: Arc::new(Scope {
                prefix,
                constant_labels: constant_labels.into(),
                target_labels: self.scope.target_labels,
            }),
            metrics: Arc::clone(&self.metrics),
        })
    }

    /// A handle to the same metrics that takes the labels `job` and `instance`, as do its
    /// sub-registries. Elsewhere they are refused, because Prometheus gives both to each target
    /// and renames what it scrapes to `exported_job` and `exported_instance`. It does not for
    /// scrapes with `honor_labels: true`, nor for what is pushed.
    ///
    /// ```
    /// use tallied::Registry;
    ///
    /// assert!(Registry::with_labels([("instance", "a")]).is_err());
    /// let pushed = Registry::default().allow_target_labels();
    /// let pushed = pushed.sub_registry_with_prefix_and_labels("", [("instance", "a")])?;
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    #[must_use]
    pub fn allow_target_labels(&self) -> Self {
        let scope = &self.scope;
        Self {
            scope: Arc::new(Scope {
                prefix: scope.prefix.clone(),
                constant_labels: Arc::clone(&scope.constant_labels),
                target_labels: true,
            }),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Registers a metric. Leave out a counter's `_total`: the formats append it. A name that has
    /// it already is not given a second.
    ///
    /// # Errors
    /// When the name or a label is invalid, when a label is `job` or `instance`
    /// ([`allow_target_labels`](Self::allow_target_labels)), or when the metric would write
    /// samples of a name that another one writes.
    pub fn register(
        &self,
        name: &str,
        help: &str,
        metric: impl Metric,
    ) -> Result<(), RegisterError> {
        self.register_any(name, help, None, Arc::new(metric))
    }

    /// Registers a metric with a unit, which is appended to the name (`_seconds`) unless the
    /// name ends in it already.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn register_with_unit(
        &self,
        name: &str,
        help: &str,
        unit: Unit,
        metric: impl Metric,
    ) -> Result<(), RegisterError> {
        self.register_any(name, help, Some(unit), Arc::new(metric))
    }

    fn register_any(
        &self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        metric: Arc<dyn Metric>,
    ) -> Result<(), RegisterError> {
        let scope = &*self.scope;
        let kind = metric.kind();
        let unit = unit.filter(|unit| !unit.as_str().is_empty());
        let mut full = scope.prefixed(name);
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
        let labels = metric.label_names();
        for (i, label) in labels.iter().enumerate() {
            if !is_label_name(label) {
                return Err(RegisterError::InvalidLabel {
                    name: full,
                    label: label.to_string(),
                });
            }
            if scope.refuses(label) {
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
            let constant = scope
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
            && scope
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
        let descriptor = Arc::new(Descriptor {
            name: full.into(),
            help: help.into(),
            unit,
            kind,
            label_names: labels.into(),
            constant_labels: Arc::clone(&scope.constant_labels),
        });
        let mut metrics = self.metrics.write();
        let names = names_written(&descriptor);
        if let Some((sample, existing)) = names.iter().find_map(|n| metrics.taken.get_key_value(n))
        {
            return Err(RegisterError::Duplicate {
                name: descriptor.name.to_string(),
                sample: sample.clone(),
                existing: existing.to_string(),
            });
        }
        for written in names {
            metrics.taken.insert(written, descriptor.name.clone());
        }
        Arc::make_mut(&mut metrics.registered).push(Registered { descriptor, metric });
        Ok(())
    }

    /// Every metric that is registered now, in the order of registration. Takes no lock while the
    /// caller goes through them: registering does not wait for a reader.
    pub fn metrics(&self) -> impl Iterator<Item = Registered> + use<> {
        let registered = self.registered();
        (0..registered.len()).map(move |i| registered[i].clone())
    }

    fn registered(&self) -> Arc<Vec<Registered>> {
        Arc::clone(&self.metrics.read().registered)
    }

    /// Shows every metric, in the order of registration, without a lock.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Arc<Descriptor>, &dyn Metric)) {
        for Registered { descriptor, metric } in &*self.registered() {
            each(descriptor, &**metric);
        }
    }

    /// Reads every metric: some ten nanoseconds a series and recording thread, and an allocation a
    /// histogram. Recording goes on and waits for nothing.
    ///
    /// # Panics
    /// When a histogram's cells contradict each other, which would be a bug of this crate.
    pub fn snapshot(&self) -> Snapshot {
        let mut families = Vec::new();
        self.for_each(|descriptor, metric| {
            let mut series = Vec::new();
            metric.collect(&mut series);
            families.push(FamilySnapshot {
                descriptor: Arc::clone(descriptor),
                series,
            });
        });
        Snapshot { families }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let registered = self.registered();
        let names = registered.iter().map(|metric| metric.descriptor.name());
        f.debug_tuple("Registry")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

/// Every name that a metric writes in some format: of its samples, and of its metadata.
fn names_written(descriptor: &Descriptor) -> Vec<String> {
    let kind = descriptor.kind;
    // `_created` is OpenMetrics', and reserved even where it is not written.
    let created = (kind != Kind::Gauge).then_some("_created");
    [""].iter()
        .chain(kind.sample_suffixes())
        .chain(&created)
        .map(|suffix| format!("{}{suffix}", descriptor.name))
        .collect()
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
