//! How many series a family may have, and what happens beyond.

/// How many series a [`Family`](crate::Family) may have, and what becomes of what is recorded with
/// label values beyond that: see [`Family::with_limit`](crate::Family::with_limit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLimit<const N: usize> {
    /// The most series, the one of [`Beyond::Series`] not counted.
    pub max: usize,
    /// What a lookup gets that would make one more.
    pub beyond: Beyond<N>,
}

impl<const N: usize> SeriesLimit<N> {
    /// No limit.
    pub(crate) const NONE: Self = Self {
        max: usize::MAX,
        beyond: Beyond::Detached,
    };
}

/// What a lookup gets when a family is full.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beyond<const N: usize> {
    /// The series with these label values, which all of them share: totals over all series stay
    /// right.
    Series([&'static str; N]),
    /// An instrument that is in no exposition: what is recorded in it is lost.
    Detached,
}
