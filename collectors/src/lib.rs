//! Metrics of the process, the host and the tokio runtime: [`ProcessMetrics`], [`HostMetrics`] and [`RuntimeMetrics`].
//!
//! Each holds what its last `refresh` saw. Call that on an interval; those of the process and the host read files, so call
//! them on a blocking thread.
//!
//! ```
//! use tallied::Registry;
//! use tallied_collectors::ProcessMetrics;
//!
//! let registry = Registry::default();
//! let process = ProcessMetrics::register(&registry)?;
//! // On an interval:
//! process.refresh();
//! # Ok::<(), tallied::RegisterError>(())
//! ```

#![forbid(unsafe_code)]

mod host;
mod process;
mod runtime;

pub use host::HostMetrics;
pub use process::ProcessMetrics;
pub use runtime::RuntimeMetrics;
