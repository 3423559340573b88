//! A series as a reader is shown it.

use super::{Labels, SeriesSnapshot, Value};
use crate::start_time::StartTime;

/// A series while it is read: see [`Registered::visit`](crate::Registered::visit).
#[derive(Clone, Copy)]
pub struct SeriesView<'a> {
    /// The values of the family's labels.
    pub labels: &'a Labels,
    /// What was recorded.
    pub value: &'a Value,
    start: Start<'a>,
}

#[derive(Clone, Copy)]
enum Start<'a> {
    Known(Option<StartTime>),
    /// It lies with the instrument, which most formats save the way to.
    Of(&'a dyn Fn() -> Option<StartTime>),
}

impl<'a> SeriesView<'a> {
    pub(super) fn new(
        labels: &'a Labels,
        value: &'a Value,
        start_time: &'a dyn Fn() -> Option<StartTime>,
    ) -> Self {
        Self {
            labels,
            value,
            start: Start::Of(start_time),
        }
    }

    /// When a counter or a histogram began to count; `None` for a gauge, and where it is not known.
    pub fn start_time(&self) -> Option<StartTime> {
        match self.start {
            Start::Known(time) => time,
            Start::Of(time) => time(),
        }
    }

    pub(crate) fn to_snapshot(self) -> SeriesSnapshot {
        SeriesSnapshot {
            labels: self.labels.clone(),
            value: self.value.clone(),
            start_time: self.start_time(),
        }
    }
}

impl<'a> From<&'a SeriesSnapshot> for SeriesView<'a> {
    fn from(series: &'a SeriesSnapshot) -> Self {
        Self {
            labels: &series.labels,
            value: &series.value,
            start: Start::Known(series.start_time),
        }
    }
}

impl std::fmt::Debug for SeriesView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeriesView")
            .field("labels", self.labels)
            .field("value", self.value)
            .field("start_time", &self.start_time())
            .finish()
    }
}
