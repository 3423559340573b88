//! The kinds of metrics.

/// What the exposition calls a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A total that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Counts by bucket, with a sum.
    Histogram,
}

impl Kind {
    /// Whether a family of this kind and name writes samples or metadata of the name `written`: a
    /// histogram `x` writes `x`, `x_bucket`, `x_count` and `x_sum`, a counter `x` and `x_total`.
    pub fn writes(self, family: &str, written: &str) -> bool {
        written
            .strip_prefix(family)
            .is_some_and(|suffix| suffix.is_empty() || self.sample_suffixes().contains(&suffix))
    }

    /// What samples have after the family's name, where they have something.
    pub(crate) fn sample_suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[],
            Self::Histogram => &["_bucket", "_count", "_sum"],
        }
    }

    /// As it stands in a `# TYPE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
