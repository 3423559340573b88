//! A metric of the registry as the page knows it, and what it is to the page.

use tallied::Kind;

use crate::series::Series;

/// What a family is to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Requests,
    Duration,
    Aborted,
    RequestSize,
    ResponseSize,
    InFlight,
    Other,
}

impl Role {
    /// By the name behind the prefix, and by the first labels. The class of the status, and labels of the application's
    /// own, stand behind them.
    pub(super) const ALL: [(Self, &'static str, &'static [&'static str]); 6] = [
        (
            Self::Requests,
            "http_requests",
            &["method", "endpoint", "status_code"],
        ),
        (
            Self::Duration,
            "http_request_duration_seconds",
            &["method", "endpoint"],
        ),
        (
            Self::Aborted,
            "http_requests_aborted",
            &["method", "endpoint", "reason"],
        ),
        (
            Self::RequestSize,
            "http_request_size_bytes",
            &["method", "endpoint"],
        ),
        (
            Self::ResponseSize,
            "http_response_size_bytes",
            &["method", "endpoint"],
        ),
        (Self::InFlight, "http_requests_in_flight", &["method"]),
    ];

    pub(super) fn has_endpoints(self) -> bool {
        !matches!(self, Self::Other | Self::InFlight)
    }
}

/// A metric of the registry.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) help: Box<str>,
    pub(crate) unit: Option<Box<str>>,
    pub(crate) role: Role,
    pub(crate) series: Vec<Series>,
    /// Series that there was no room for.
    pub(crate) untracked: u64,
    pub(crate) limit: Option<usize>,
    /// The keys of the series that the page shows.
    pub(crate) shown: Vec<u64>,
    /// The hash of the row that was sent last.
    pub(crate) row: u64,
    /// The reading that it was last in.
    pub(super) seen: u64,
}

impl Family {
    /// For a moment in the place of one that is being read.
    pub(super) fn placeholder() -> Self {
        Self {
            name: "".into(),
            kind: Kind::Gauge,
            help: "".into(),
            unit: None,
            role: Role::Other,
            series: Vec::new(),
            untracked: 0,
            limit: None,
            shown: Vec::new(),
            row: 0,
            seen: 0,
        }
    }
}
