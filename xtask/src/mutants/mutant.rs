//! One change to the kernel that a model has to notice.

use crate::scratch::Edit;

pub(super) struct Mutant {
    /// What `--only` looks in: `cell.rs:54 Release → Relaxed`.
    pub(super) name: String,
    /// Where: `core/src/shard/cell.rs:54 (put)`.
    pub(super) site: String,
    /// What was done there.
    pub(super) mutation: String,
    pub(super) edits: Vec<Edit>,
}
