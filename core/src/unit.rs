//! Units of measurement.

/// What a metric is measured in. Its name ends in it: `wait_seconds`.
///
/// The variants are base units, as OpenMetrics recommends: seconds rather than milliseconds, bytes
/// rather than kilobytes. With the feature `prometheus-client`, it converts from and to the unit of
/// that crate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// `amperes`, of electric current.
    Amperes,
    /// `bytes`, of data.
    Bytes,
    /// `celsius`, of temperature.
    Celsius,
    /// `grams`, of mass.
    Grams,
    /// `joules`, of energy.
    Joules,
    /// `meters`, of length.
    Meters,
    /// `ratios`, of one amount to another: 0.5 rather than 50 percent.
    Ratios,
    /// `seconds`, of time.
    Seconds,
    /// `volts`, of electric potential.
    Volts,
    /// Any other, in the plural: `requests`. An empty one is none.
    Other(String),
}

impl Unit {
    /// As it stands at the end of a name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Amperes => "amperes",
            Self::Bytes => "bytes",
            Self::Celsius => "celsius",
            Self::Grams => "grams",
            Self::Joules => "joules",
            Self::Meters => "meters",
            Self::Ratios => "ratios",
            Self::Seconds => "seconds",
            Self::Volts => "volts",
            Self::Other(other) => other,
        }
    }
}
