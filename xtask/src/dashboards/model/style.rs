//! Units and colours, by the names that Grafana has for them.

pub(crate) mod unit {
    pub(crate) const BYTES: &str = "bytes";
    pub(crate) const BYTES_A_SECOND: &str = "binBps";
    pub(crate) const COUNT: &str = "short";
    pub(crate) const EVENTS_A_SECOND: &str = "ops";
    /// Of 1.
    pub(crate) const SHARE: &str = "percentunit";
    pub(crate) const REQUESTS_A_SECOND: &str = "reqps";
    pub(crate) const SECONDS: &str = "s";
    /// A time that is long: 3 days.
    pub(crate) const UPTIME: &str = "dtdurations";
    /// A number without one.
    pub(crate) const NONE: &str = "none";
}

pub(crate) mod color {
    pub(crate) const BLUE: &str = "blue";
    pub(crate) const GREEN: &str = "green";
    pub(crate) const GREY: &str = "#8e8e8e";
    pub(crate) const ORANGE: &str = "orange";
    pub(crate) const PURPLE: &str = "purple";
    pub(crate) const RED: &str = "red";
    /// The theme's own for text: neither good nor bad.
    pub(crate) const TEXT: &str = "text";
    pub(crate) const YELLOW: &str = "yellow";
}
