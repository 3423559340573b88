//! One metric, many series: an instrument for each combination of label values.

use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;

use foldhash::fast::RandomState;

use super::labels::Labels;
use super::series_limit::{Beyond, SeriesLimit};
use super::{Counter, Instrument, Metric, Sealed, SeriesView, Value};
use crate::kind::Kind;
use crate::shard::{COUNTS, Found, Full, Handle, Room, Table};
use crate::sync::{Arc, OnceLock};

/// A family of instruments that share a name and differ by the values of `N` labels.
///
/// The values are looked up as they are borrowed: a lookup of a series that exists takes no
/// lock, writes to the thread's own memory alone (up to the [cap](crate::pool) on threads that own
/// some) and allocates nothing. The first lookup of new
/// values makes the series, under a lock. Series stay until they are [removed](Self::remove), so the
/// values should come from a small set: a path's pattern rather than the path. Where they might not,
/// [`with_limit`](Self::with_limit) sets a limit. Clones share the series.
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
    series: Table<Series<M>, Handle>,
    names: [Box<str>; N],
    hasher: RandomState,
    constructor: Box<dyn Fn() -> M + Send + Sync>,
    limit: SeriesLimit<N>,
    turned_away: Counter,
    /// Holds the one instrument of [`Beyond::Detached`], if it was needed.
    detached: OnceLock<Table<Series<M>, Handle>>,
}

struct Series<M> {
    labels: Labels,
    metric: M,
}

/// A series of a family, found by [`Family::get_or_create`]; dereferences to its instrument.
///
/// It lives no longer than the borrow of the family, and keeps the series: one that is removed
/// meanwhile can still be recorded in, to no effect on any other. So it is to be used and dropped;
/// a family keeps all that is removed while one is held. To keep the instrument, clone it: that
/// handle is then independent of the family. (For that `.clone()` to reach the instrument, this
/// type is not `Clone` itself.)
pub struct SeriesRef<'family, M>(Found<'family, Series<M>, Handle>);

impl<M> Deref for SeriesRef<'_, M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.0.metric
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for SeriesRef<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        M::fmt(self, f)
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
    ///
    /// The first family of a process asks Linux for `membarrier(2)`, which takes some milliseconds
    /// when there are other threads already: better made at the start than in a request. A filter
    /// on system calls that forbids it later keeps the memory of removed series.
    pub fn new_with_constructor(
        label_names: [&str; N],
        constructor: impl Fn() -> M + Send + Sync + 'static,
    ) -> Self {
        Self::with_limit(label_names, constructor, SeriesLimit::NONE)
    }

    /// A family that makes no more series than the limit says, however many label values it is
    /// asked for. What is recorded beyond goes where the limit says;
    /// [`turned_away`](Self::turned_away) counts how often.
    ///
    /// ```
    /// use tallied::{Beyond, Counter, Family, SeriesLimit};
    ///
    /// let limit = SeriesLimit { max: 2, beyond: Beyond::Series(["other"]) };
    /// let logins = Family::with_limit(["user"], Counter::default, limit);
    /// for user in ["ann", "bob", "eve", "joe", "ann"] {
    ///     logins.get_or_create(&[user]).inc();
    /// }
    /// assert_eq!(logins.get_or_create(&["ann"]).get(), 2);
    /// assert_eq!(logins.get_or_create(&["other"]).get(), 2);
    /// assert_eq!(logins.turned_away().get(), 2);
    /// ```
    pub fn with_limit(
        label_names: [&str; N],
        constructor: impl Fn() -> M + Send + Sync + 'static,
        limit: SeriesLimit<N>,
    ) -> Self {
        Self(Arc::new(Inner {
            series: new_table(),
            names: label_names.map(Box::from),
            hasher: RandomState::default(),
            constructor: Box::new(constructor),
            limit,
            turned_away: Counter::default(),
            detached: OnceLock::new(),
        }))
    }

    /// The instrument of these label values, in the order of the names; made if there is none.
    #[inline]
    pub fn get_or_create(&self, label_values: &[&str; N]) -> SeriesRef<'_, M> {
        self.get(label_values)
            .unwrap_or_else(|| self.get_or_create_with(label_values, &self.0.constructor))
    }

    /// A handle to the instrument of these label values, to be kept: it records without a lookup.
    ///
    /// It counts into the series as long as the series is not removed, and is independent of the
    /// family: when the series is removed, the handle goes on, and no series has its counts.
    pub fn get_or_create_owned(&self, label_values: &[&str; N]) -> M
    where
        M: Clone,
    {
        M::clone(&self.get_or_create(label_values))
    }

    /// The instrument of these label values; made by `make` if there is none, in the place of the
    /// family's constructor: for a series that is unlike the others, as a histogram with bounds of
    /// its own. (What the limit of a full family answers with is made by the constructor.)
    pub fn get_or_create_with(
        &self,
        label_values: &[&str; N],
        make: impl FnOnce() -> M,
    ) -> SeriesRef<'_, M> {
        let limit = &self.0.limit;
        let room = match &limit.beyond {
            Beyond::Series(values) if values == label_values => Room::Extra,
            _ => Room::Below(limit.max),
        };
        let found = self.insert(label_values, room, make);
        found.unwrap_or_else(|Full| self.beyond())
    }

    fn insert(
        &self,
        label_values: &[&str; N],
        room: Room,
        make: impl FnOnce() -> M,
    ) -> Result<SeriesRef<'_, M>, Full> {
        let inner = &*self.0;
        let found = inner.series.get_or_insert(
            self.hash(label_values),
            room,
            |series| series.labels.are(&inner.names, label_values),
            || Series {
                labels: Labels::new(&inner.names, label_values),
                metric: make(),
            },
        );
        found.map(SeriesRef)
    }

    /// The limit's answer.
    #[cold]
    fn beyond(&self) -> SeriesRef<'_, M> {
        let inner = &*self.0;
        inner.turned_away.inc();
        match &inner.limit.beyond {
            Beyond::Series(values) => self
                .get(values)
                .map_or_else(|| self.insert(values, Room::Extra, &inner.constructor), Ok),
            Beyond::Detached => inner
                .detached
                .get_or_init(new_table)
                .get_or_insert(
                    0,
                    Room::Extra,
                    |_| true,
                    || Series {
                        labels: Labels::default(),
                        metric: (inner.constructor)(),
                    },
                )
                .map(SeriesRef),
        }
        .unwrap_or_else(|Full| unreachable!("there is always room for an extra one"))
    }

    /// The instrument of these label values, if there is one.
    #[inline]
    pub fn get(&self, label_values: &[&str; N]) -> Option<SeriesRef<'_, M>> {
        let inner = &*self.0;
        let found = inner.series.get(self.hash(label_values), |series| {
            series.labels.are(&inner.names, label_values)
        });
        found.map(SeriesRef)
    }

    /// Takes the series with these label values out of the exposition, at once; says whether there
    /// was one. Made again, it starts at zero. Its cells are used again once the last handle to
    /// its instrument, and the last lookup that found it, is dropped. Costs some microseconds.
    ///
    /// ```
    /// use tallied::{Counter, Family};
    ///
    /// let jobs = Family::<Counter, 1>::new(["queue"]);
    /// let kept = jobs.get_or_create_owned(&["mail"]);
    /// kept.inc();
    /// assert!(jobs.remove(&["mail"]));
    /// assert!(!jobs.remove(&["mail"]));
    /// kept.inc();
    /// assert_eq!(kept.get(), 2);
    /// assert_eq!(jobs.get_or_create(&["mail"]).get(), 0);
    /// ```
    pub fn remove(&self, label_values: &[&str; N]) -> bool {
        let inner = &*self.0;
        inner.series.remove(self.hash(label_values), |series| {
            series.labels.are(&inner.names, label_values)
        })
    }

    /// Removes the series that `keep` does not hold of. Series made meanwhile may not be asked about.
    pub fn retain(&self, mut keep: impl FnMut(&Labels, &M) -> bool) {
        self.0
            .series
            .retain(|series| keep(&series.labels, &series.metric));
    }

    /// Removes every series.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.0.series.len()
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the lookups that the [limit](Self::with_limit) turned away: a handle to be registered.
    pub fn turned_away(&self) -> Counter {
        self.0.turned_away.clone()
    }

    #[inline]
    fn hash(&self, label_values: &[&str; N]) -> u32 {
        // Value by value, not as an array hashes itself: that would put a mark after each, which
        // costs more than the short values themselves. The length of each is in its hash.
        let mut hasher = self.0.hasher.build_hasher();
        for value in label_values {
            hasher.write(value.as_bytes());
        }
        // Half of it is enough for a table, and for telling two series apart in most cases.
        hasher.finish() as u32
    }
}

/// A table whose lookups count themselves as any instrument counts.
fn new_table<M>() -> Table<Series<M>, Handle> {
    Table::new([(); 2].map(|()| Handle::new(COUNTS)))
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: std::fmt::Debug, const N: usize> std::fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = f.debug_map();
        self.0.series.for_each(|series| {
            map.entry(&series.labels, &series.metric);
        });
        map.finish()
    }
}

impl<M, const N: usize> Sealed for Family<M, N> {}

impl<M: Instrument, const N: usize> Metric for Family<M, N> {
    fn kind(&self) -> Kind {
        M::KIND
    }

    fn is_computed(&self) -> bool {
        M::IS_COMPUTED
    }

    fn label_names(&self) -> &[Box<str>] {
        &self.0.names
    }

    fn series_limit(&self) -> Option<usize> {
        let max = self.0.limit.max;
        (max != usize::MAX).then_some(max)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn visit(&self, scratch: &mut Value, each: &mut dyn FnMut(SeriesView<'_>)) {
        self.0.series.for_each(|series| {
            if series.metric.read_if_known(scratch) {
                let start_time = || series.metric.start_time();
                each(SeriesView::new(&series.labels, scratch, &start_time));
            }
        });
    }
}
