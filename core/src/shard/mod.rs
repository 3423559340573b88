//! The kernel: cells that one thread writes and any thread reads.
//!
//! Knows nothing of names, labels or formats. Each protocol in here has loom models at the end of
//! its file; `local.rs`, `handle.rs` and `memory.rs` are the glue that the models stand in for.
//! `core/DESIGN.md` has the whole.

mod block;
mod cell;
mod fence;
mod grace;
mod handle;
pub(crate) mod heap;
mod lease;
mod link;
mod local;
mod memory;
#[cfg(all(test, loom))]
mod model;
mod observation;
mod published;
mod slot;
mod table;

pub(crate) use grace::COUNTS;
pub(crate) use handle::Handle;
pub(crate) use local::POOL;
pub(crate) use observation::HEADER;
pub(crate) use slot::MAX_RUN;
pub(crate) use table::{Found, Full, Room, Table};
