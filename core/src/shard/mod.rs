//! The kernel: cells that one thread writes and any thread reads.
//!
//! Knows nothing of names, labels or formats. Each protocol in here has loom models at the end of
//! its file; `local.rs`, `handle.rs` and `memory.rs` are the glue that the models stand in for.
//! `core/DESIGN.md` has the whole.

mod block;
mod cell;
mod handle;
mod lease;
mod local;
mod memory;
#[cfg(all(test, loom))]
mod model;
mod observation;
mod published;
mod slot;

pub(crate) use handle::Handle;
pub(crate) use local::POOL;
pub(crate) use memory::Memory;
pub(crate) use observation::HEADER;
pub(crate) use published::{Link, Versions};
pub(crate) use slot::MAX_RUN;
