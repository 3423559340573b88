//! The kernel: cells that one thread writes and any thread reads.
//!
//! Knows nothing of names, labels or formats. Everything concurrent in the crate stands on what
//! is here, and everything here has a loom model; see `core/DESIGN.md`.

mod block;
mod cell;
mod lease;
mod memory;
mod observation;
mod published;
mod slot;

#[cfg(all(test, loom))]
mod model;

#[cfg(not(all(test, loom)))]
mod handle;
#[cfg(not(all(test, loom)))]
mod local;

#[cfg(not(all(test, loom)))]
pub(crate) use handle::Handle;
#[cfg(not(all(test, loom)))]
pub use local::{set_thread_cap, shards, thread_cap};
#[cfg(not(all(test, loom)))]
pub(crate) use memory::Memory;
#[cfg(not(all(test, loom)))]
pub(crate) use observation::HEADER;
#[cfg(not(all(test, loom)))]
pub(crate) use published::{Link, Versions};
#[cfg(not(all(test, loom)))]
pub(crate) use slot::MAX_RUN;
