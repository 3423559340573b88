//! The formats: views of what a registry holds, or of a [`Snapshot`](crate::Snapshot) of it.

mod accept;
mod format;
mod guarded;
#[doc(hidden)]
pub mod list_header;
mod number;
pub mod openmetrics;
#[cfg(all(test, not(loom)))]
mod panics;
#[cfg(feature = "prometheus-client")]
mod prometheus_client;
pub mod protobuf;
pub mod text;
mod wire;
mod writer;

pub use accept::accept_quality;
pub use format::Format;

use crate::registry::Registry;

impl Registry {
    /// What the registry holds now, in the [Prometheus text format](text) 0.0.4.
    ///
    /// # Panics
    /// As [`snapshot`](Registry::snapshot).
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode_registry(&mut text, self);
        text
    }

    /// What the registry holds now, in the [OpenMetrics text format](openmetrics) 1.0.0.
    ///
    /// # Panics
    /// As [`snapshot`](Registry::snapshot).
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        openmetrics::encode_registry(&mut text, self);
        text
    }

    /// What the registry holds now, in the [protobuf format](protobuf).
    ///
    /// # Panics
    /// As [`snapshot`](Registry::snapshot).
    pub fn protobuf(&self) -> Vec<u8> {
        let mut messages = Vec::new();
        protobuf::encode_registry(&mut messages, self);
        messages
    }
}
