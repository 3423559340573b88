//! The metrics of an application: what is registered under which name, and that no two write the same.

mod computed;
mod losses;
mod reading;
mod registered;
mod registration;
mod scope;
mod shared;

pub use losses::CollectorLosses;
pub use reading::ReadLimits;
pub use registered::Registered;
pub use registration::{Registration, UnregisterOnDrop};

use computed::Computed;
use registered::Source;
use scope::Scope;
use shared::Shared;

use crate::collector::{Collector, Described, Description};
use crate::error::RegisterError;
use crate::instrument::Metric;
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
    shared: Arc<Shared>,
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
        Ok(self.with_scope(self.scope.narrowed(prefix, labels)?))
    }

    fn with_scope(&self, scope: Scope) -> Self {
        Self {
            scope: Arc::new(scope),
            shared: Arc::clone(&self.shared),
        }
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
        self.with_scope(self.scope.with_target_labels())
    }

    /// Registers a metric. Leave out a counter's `_total`: the formats append it. A name that has
    /// it already is not given a second.
    ///
    /// The metric stays registered, whether or not the [`Registration`] is kept.
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
    ) -> Result<Registration, RegisterError> {
        self.register_any(name, help, None, metric)
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
    ) -> Result<Registration, RegisterError> {
        self.register_any(name, help, Some(unit), metric)
    }

    fn register_any(
        &self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        metric: impl Metric,
    ) -> Result<Registration, RegisterError> {
        let labels = metric.label_names();
        let descriptor = self
            .scope
            .describe(name, help, metric.kind(), unit, labels)?;
        let descriptor = Arc::new(descriptor);
        let source = if metric.is_computed() {
            let computed = Computed::metric(descriptor.name(), metric);
            Source::Computed {
                computed: Arc::new(computed),
                family: 0,
            }
        } else {
            Source::Instrument(Arc::new(metric))
        };
        self.insert(vec![Registered { descriptor, source }])
    }

    /// Registers a [`Collector`]: all the families that it describes, or none.
    ///
    /// `name` says which collector it is in errors and in the label `collector` of
    /// [`collector_losses`](Self::collector_losses).
    ///
    /// # Errors
    /// As [`register`](Self::register), for each of its families.
    pub fn register_collector(
        &self,
        name: &str,
        collector: impl Collector,
    ) -> Result<Registration, RegisterError> {
        let families = collector.describe().into_iter().map(|description| {
            let Description {
                name,
                help,
                kind,
                unit,
                label_names,
                since,
            } = description;
            let descriptor = self
                .scope
                .describe(&name, &help, kind, unit, &label_names)?;
            Ok(Described {
                name: name.into(),
                descriptor: Arc::new(descriptor),
                since,
            })
        });
        let families: Box<[Described]> = families.collect::<Result<_, _>>()?;
        let descriptors: Vec<_> = families
            .iter()
            .map(|family| Arc::clone(&family.descriptor))
            .collect();
        let computed = Arc::new(Computed::collector(name, collector, families));
        let registered = descriptors.into_iter().enumerate();
        let registration = self.insert(
            registered
                .map(|(family, descriptor)| Registered {
                    descriptor,
                    source: Source::Computed {
                        computed: Arc::clone(&computed),
                        family,
                    },
                })
                .collect(),
        )?;
        self.collector_losses().begin(name);
        Ok(registration)
    }

    fn insert(&self, entries: Vec<Registered>) -> Result<Registration, RegisterError> {
        let descriptors = entries.iter().map(|entry| Arc::clone(&entry.descriptor));
        let registration = Registration::new(&self.shared, descriptors.collect());
        self.shared.insert(entries)?;
        Ok(registration)
    }

    /// Takes a metric out of the exposition, by its full name without a counter's `_total`
    /// ([`Descriptor::name`](crate::Descriptor::name)); says whether there was one. Of a collector, all families go.
    ///
    /// Whoever holds a clone of the metric can go on recording. A scrape that has begun may still
    /// read it. [`Registration`] unregisters without a name, and when it is dropped if it is to.
    ///
    /// ```
    /// use tallied::{Counter, Registry};
    ///
    /// let registry = Registry::with_prefix("shop")?;
    /// registry.register("orders", "Orders", Counter::default())?;
    /// assert!(registry.unregister("shop_orders"));
    /// assert!(!registry.unregister("shop_orders"));
    /// assert_eq!(registry.text(), "");
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    pub fn unregister(&self, name: &str) -> bool {
        let registered = self.registered();
        let found = registered
            .iter()
            .find(|entry| entry.descriptor.name() == name);
        found.is_some_and(|found| self.shared.remove(|entry| entry.is_registered_with(found)))
    }

    /// Every metric that is registered now, in the order of registration. Takes no lock while the
    /// caller goes through them: registering does not wait for a reader. Reads none of them.
    pub fn metrics(&self) -> impl Iterator<Item = Registered> + use<> {
        let registered = self.registered();
        (0..registered.len()).map(move |i| registered[i].clone())
    }

    fn registered(&self) -> Arc<Vec<Registered>> {
        self.shared.registered()
    }

    /// Counts what collectors, and gauges and counters of functions, cost documents.
    ///
    /// They are families to be registered, under names of your choice.
    pub fn collector_losses(&self) -> &CollectorLosses {
        &self.shared.losses
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
