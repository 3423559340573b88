//! Metrics that the application computes at a scrape.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::instrument::{
    CounterValue, GaugeValue, HistogramSnapshot, Labels, SeriesSnapshot, Value,
};
use crate::kind::Kind;
use crate::snapshot::Descriptor;
use crate::start_time::StartTime;
use crate::sync::Arc;
use crate::unit::Unit;

/// Computes the samples of several families at each scrape: for values that exist already, such as
/// the statistics of a cache, and that belong together.
///
/// For a single value, [`GaugeFn`](crate::GaugeFn) and [`CounterFn`](crate::CounterFn) are shorter.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tallied::{Collector, Description, Registry, Samples};
///
/// struct Queues(Arc<Mutex<Vec<(String, Vec<u32>)>>>);
///
/// impl Collector for Queues {
///     fn describe(&self) -> Vec<Description> {
///         vec![Description::gauge("queue_length", "Jobs that wait").with_labels(["queue"])]
///     }
///
///     fn collect(&self, samples: &mut Samples<'_>) {
///         for (name, jobs) in &*self.0.lock().unwrap() {
///             samples.gauge("queue_length", &[name], jobs.len() as u64);
///         }
///     }
/// }
///
/// let queues = Arc::new(Mutex::new(vec![("mail".to_owned(), vec![1, 2])]));
/// let registry = Registry::default();
/// registry.register_collector("queues", Queues(queues))?;
/// assert!(registry.text().contains("queue_length{queue=\"mail\"} 2"));
/// # Ok::<(), tallied::RegisterError>(())
/// ```
///
/// A collector runs on a thread of its own, without a lock of the registry: it may register and
/// unregister. A registry that it reads shows it the instruments, and nothing that is computed by
/// the application.
///
/// When it panics, or takes longer than its [time limit](Self::time_limit), all its families are
/// missing from the document; everything else is there. One that is late is not asked again until it
/// has returned. [`Registry::collector_losses`](crate::Registry::collector_losses) counts both what
/// timed out and what was dropped.
pub trait Collector: Send + Sync + 'static {
    /// The families whose samples it may give. Asked once, at the registration.
    fn describe(&self) -> Vec<Description>;

    /// Gives the samples as they are now.
    fn collect(&self, samples: &mut Samples<'_>);

    /// How long [`collect`](Self::collect) may take. Asked once, at the registration. Default: 1 s.
    ///
    /// A scrape whose own time is over sooner does not wait for it.
    fn time_limit(&self) -> Duration {
        DEFAULT_TIME_LIMIT
    }

    /// The most samples of one scrape, all families together; those beyond are dropped and counted.
    /// Asked once, at the registration. Default: 10,000.
    fn max_samples(&self) -> usize {
        10_000
    }
}

/// How long what the application computes may take, unless it says otherwise.
pub(crate) const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A family of a [`Collector`]: what it is called, and what it means.
#[derive(Debug, Clone)]
pub struct Description {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Unit>,
    pub(crate) label_names: Vec<Box<str>>,
    pub(crate) since: Option<StartTime>,
}

impl Description {
    /// A family of gauges.
    pub fn gauge(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Kind::Gauge, name.into(), help.into())
    }

    /// A family of counters. Leave out `_total`: the formats append it.
    pub fn counter(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Kind::Counter, name.into(), help.into())
    }

    /// A family of histograms.
    pub fn histogram(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Kind::Histogram, name.into(), help.into())
    }

    fn new(kind: Kind, name: String, help: String) -> Self {
        Self {
            name,
            help,
            kind,
            unit: None,
            label_names: Vec::new(),
            since: None,
        }
    }

    /// With these label names: each sample gives its values in the same order.
    #[must_use]
    pub fn with_labels<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.label_names = names.into_iter().map(Box::from).collect();
        self
    }

    /// With a unit, which is appended to the name (`_seconds`) unless the name ends in it already.
    #[must_use]
    pub fn with_unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// With the time when all its counters or histograms began to count at 0, if you know it: see
    /// [`StartTime`]. Of gauges nothing shows it.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time.into());
        self
    }
}

/// Takes the samples of a [`Collector`].
///
/// Each method names the family as its [`Description`] does, and gives the label values in the
/// order of its label names. Samples may come in any order: the document has them by family.
///
/// Dropped and counted are samples beyond [`Collector::max_samples`], those whose label values were
/// given before, and counters that are negative or NaN.
///
/// # Panics
/// Each method panics for a family that was not described, one of another kind, and a wrong number
/// of label values. Such a panic costs the collector its families in this document, as any panic.
#[derive(Debug)]
pub struct Samples<'a> {
    families: &'a [Described],
    gathered: Gathered,
    room: usize,
    max_age: Option<Duration>,
    /// Label values that were given, for families with labels.
    given: HashSet<(usize, Labels)>,
    /// Where the last sample went: the next one goes there too, or behind it.
    last: usize,
}

/// A family as a collector knows it.
#[derive(Debug)]
pub(crate) struct Described {
    /// As described, without what the registry adds.
    pub(crate) name: Box<str>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) since: Option<StartTime>,
}

/// What a collector gave.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The series of each family.
    pub(crate) families: Vec<Vec<SeriesSnapshot>>,
    /// How many samples were dropped.
    pub(crate) dropped: u64,
}

impl<'a> Samples<'a> {
    pub(crate) fn new(families: &'a [Described], room: usize, max_age: Option<Duration>) -> Self {
        Self {
            families,
            gathered: Gathered {
                families: families.iter().map(|_| Vec::new()).collect(),
                dropped: 0,
            },
            room,
            max_age,
            given: HashSet::new(),
            last: 0,
        }
    }

    pub(crate) fn into_gathered(self) -> Gathered {
        self.gathered
    }

    /// How old the figures may be, if the reader cares. A collector that keeps its last figures for later scrapes reads
    /// anew when they are older than this, or older than it allows itself.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// A gauge's value: `i64`, `u64` or `f64`.
    pub fn gauge(&mut self, family: &str, label_values: &[&str], value: impl GaugeValue) {
        self.add(family, Kind::Gauge, label_values, || Some(value.value()));
    }

    /// A counter's total: `u64`, or `f64` for what is not counted in whole units.
    pub fn counter(&mut self, family: &str, label_values: &[&str], total: impl CounterValue) {
        self.add(family, Kind::Counter, label_values, || total.value());
    }

    /// A histogram, as it was counted elsewhere.
    pub fn histogram(&mut self, family: &str, label_values: &[&str], value: HistogramSnapshot) {
        self.add(family, Kind::Histogram, label_values, || {
            Some(Value::Histogram(value))
        });
    }

    fn add(
        &mut self,
        name: &str,
        kind: Kind,
        label_values: &[&str],
        value: impl FnOnce() -> Option<Value>,
    ) {
        let family = self.find(name, kind, label_values.len());
        if self.room == 0 {
            self.gathered.dropped += 1;
            return;
        }
        let described = &self.families[family];
        let labels = Labels::new(&described.descriptor.label_names, label_values);
        let start_time = described.since.filter(|_| kind != Kind::Gauge);
        let series = &mut self.gathered.families[family];
        let repeated = match label_values {
            [] => !series.is_empty(),
            _ => !self.given.insert((family, labels.clone())),
        };
        match value().filter(|_| !repeated) {
            Some(value) => {
                self.room -= 1;
                series.push(SeriesSnapshot {
                    labels,
                    value,
                    start_time,
                });
            }
            None => self.gathered.dropped += 1,
        }
    }

    fn find(&mut self, name: &str, kind: Kind, label_values: usize) -> usize {
        let families = self.families;
        let from = self.last;
        let found = (from..families.len())
            .chain(0..from)
            .find(|family| *families[*family].name == *name);
        let Some(found) = found else {
            panic!("{name:?} was not described: add it to what Collector::describe returns");
        };
        let descriptor = &families[found].descriptor;
        assert!(
            descriptor.kind == kind,
            "{name:?} was described as a {}, and a {kind} was given",
            descriptor.kind
        );
        let names = descriptor.label_names.len();
        assert!(
            label_values == names,
            "{name:?} has {names} labels, and {label_values} values were given"
        );
        self.last = found;
        found
    }
}
