//! The formats: views of a [`Snapshot`](crate::Snapshot).

pub mod openmetrics;
mod prometheus_client;
pub mod text;

pub(crate) use text::escape_label_value;
