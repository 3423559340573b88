//! One metric, many series: an instrument for each combination of label values.

use std::hash::BuildHasher;
use std::ops::Deref;

use foldhash::fast::RandomState;

use super::labels::Labels;
use super::table::Table;
use super::{Instrument, Metric, Sealed, SeriesSnapshot};
use crate::kind::Kind;
use crate::sync::Arc;

/// A family of instruments that share a name and differ by the values of `N` labels.
///
/// The values are looked up as they are borrowed: a lookup of a series that exists takes no
/// lock, writes to no shared memory and allocates nothing. The first lookup of new values makes
/// the series, under a lock. Series stay until the family is dropped, so the values should come
/// from a small set: a path's pattern rather than the path. Clones share the series.
///
/// ```
/// use tallied::{Counter, Family};
///
/// let requests = Family::<Counter, 2>::new(["method", "status"]);
/// requests.get_or_create(&["GET", "200"]).inc();
/// requests.get_or_create(&["GET", "200"]).inc();
/// assert_eq!(requests.get_or_create(&["GET", "200"]).get(), 2);
/// assert!(requests.get(&["GET", "500"]).is_none());
/// ```
///
/// Histograms need bounds, and so a constructor:
///
/// ```
/// use tallied::{Buckets, Family, Histogram};
///
/// let buckets = Buckets::new([0.1, 0.5, 1.0])?;
/// let seconds = Family::new_with_constructor(["method"], move || {
///     Histogram::with_buckets(&buckets)
/// });
/// seconds.get_or_create(&["GET"]).observe(0.3);
/// # Ok::<(), tallied::BucketsError>(())
/// ```
pub struct Family<M, const N: usize>(Arc<Inner<M, N>>);

struct Inner<M, const N: usize> {
    names: [Box<str>; N],
    constructor: Box<dyn Fn() -> M + Send + Sync>,
    hasher: RandomState,
    series: Table<Series<M>>,
}

struct Series<M> {
    labels: Labels,
    metric: M,
}

/// A series of a family, found by [`Family::get_or_create`]; dereferences to its instrument.
///
/// It lives no longer than the borrow of the family. To keep the instrument, clone it: that
/// handle is then independent of the family. (For that `.clone()` to reach the instrument, this
/// type is not `Clone` itself.)
pub struct SeriesRef<'family, M>(&'family M);

impl<M> Deref for SeriesRef<'_, M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        self.0
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for SeriesRef<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Default + 'static, const N: usize> Family<M, N> {
    /// A family with these label names. Whether they are valid is checked when the family is
    /// [registered](crate::Registry::register); a prometheus-client registry checks nothing, so
    /// there it is up to the caller.
    pub fn new(label_names: [&str; N]) -> Self {
        Self::new_with_constructor(label_names, M::default)
    }
}

impl<M, const N: usize> Family<M, N> {
    /// A family whose instruments `constructor` makes. Where several threads make the same series
    /// at once, one instrument is kept and the others are dropped.
    pub fn new_with_constructor(
        label_names: [&str; N],
        constructor: impl Fn() -> M + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            names: label_names.map(Box::from),
            constructor: Box::new(constructor),
            hasher: RandomState::default(),
            series: Table::new(),
        }))
    }

    /// The instrument of these label values, in the order of the names; made if there is none.
    #[inline]
    pub fn get_or_create(&self, label_values: &[&str; N]) -> SeriesRef<'_, M> {
        self.get(label_values)
            .unwrap_or_else(|| self.get_or_create_with(label_values, &self.0.constructor))
    }

    /// The instrument of these label values; made by `make` if there is none, in the place of the
    /// family's constructor: for a series that is unlike the others, as a histogram with bounds of
    /// its own.
    pub fn get_or_create_with(
        &self,
        label_values: &[&str; N],
        make: impl FnOnce() -> M,
    ) -> SeriesRef<'_, M> {
        let inner = &*self.0;
        let hash = inner.hasher.hash_one(label_values);
        let is = |series: &Series<M>| series.labels.are(label_values);
        let series = inner.series.get_or_insert(hash, is, || Series {
            labels: Labels::new(&inner.names, label_values),
            metric: make(),
        });
        SeriesRef(&series.metric)
    }

    /// The instrument of these label values, if there is one.
    #[inline]
    pub fn get(&self, label_values: &[&str; N]) -> Option<SeriesRef<'_, M>> {
        let hash = self.0.hasher.hash_one(label_values);
        let series = self
            .0
            .series
            .get(hash, |series| series.labels.are(label_values));
        series.map(|series| SeriesRef(&series.metric))
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.0.series.len()
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: std::fmt::Debug, const N: usize> std::fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let series = self.0.series.values();
        f.debug_map()
            .entries(series.iter().map(|series| (&series.labels, &series.metric)))
            .finish()
    }
}

impl<M, const N: usize> Sealed for Family<M, N> {}

impl<M: Instrument, const N: usize> Metric for Family<M, N> {
    fn kind(&self) -> Kind {
        M::KIND
    }

    fn label_names(&self) -> &[Box<str>] {
        &self.0.names
    }

    fn collect(&self, into: &mut Vec<SeriesSnapshot>) {
        into.extend(
            self.0
                .series
                .values()
                .into_iter()
                .map(|series| SeriesSnapshot {
                    labels: series.labels.clone(),
                    value: series.metric.read(),
                }),
        );
    }
}
