//! Which cells belong to which instrument.
//!
//! Cells are numbered once for the whole process: a run is a block number, an offset in that
//! block and a length, and means the same cells in every shard.
//!
//! Guarantees: runs that are taken at the same time do not overlap; a run lies within one block.
//!
//! Costs: a lock (the caller's) and a map lookup, when an instrument is made or dropped.
//!
//! Limits: a block number, once used for a length, stays with that length: the numbers in use
//! are bounded by the peak of each length, not by what is in use now.

use std::collections::BTreeMap;

/// Cells in a block: with the system allocator's word, a page and two cache lines. Blocks that lie
/// side by side then begin at different places of a page. At the same places, the first cells of all
/// blocks would compete for one set of the cache, and a load would wait for the store at the same
/// place of another page (on Intel, "4K aliasing"): a recording took twice the time, and more.
/// Under loom a block is small, for loom's atomics are slow to make.
pub(crate) const BLOCK: usize = if cfg!(all(test, loom)) { 8 } else { 527 };

/// The most cells that one instrument can have.
pub(crate) const MAX_RUN: usize = u16::MAX as usize;

/// The cells of one instrument, in every shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) block: u32,
    pub(crate) offset: u16,
    pub(crate) len: u16,
}

impl Run {
    /// Cells in the block that holds this run: a run that is larger than a block gets a block
    /// of its own.
    pub(crate) fn block_cells(self) -> usize {
        BLOCK.max(usize::from(self.len))
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        let offset = usize::from(self.offset);
        offset..offset + usize::from(self.len)
    }
}

/// Hands out runs of cells, by length.
pub(crate) struct Slots {
    classes: BTreeMap<u16, Class>,
    next_block: u32,
}

/// The runs of one length.
#[derive(Default)]
struct Class {
    free: Vec<Run>,
    /// The run after the last one that was ever taken, if its block has room for it.
    next: Option<Run>,
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self {
            classes: BTreeMap::new(),
            next_block: 0,
        }
    }

    /// A run of `len` cells; all of them are zero, in every shard.
    ///
    /// # Panics
    /// When `len` is 0, or after 2³² blocks.
    pub(crate) fn take(&mut self, len: u16) -> Run {
        assert!(len > 0, "an instrument has cells");
        let class = self.classes.entry(len).or_default();
        if let Some(run) = class.free.pop() {
            return run;
        }
        let run = class.next.take().unwrap_or_else(|| {
            let block = self.next_block;
            self.next_block = block
                .checked_add(1)
                .expect("2³² blocks of cells are in use");
            Run {
                block,
                offset: 0,
                len,
            }
        });
        let following = usize::from(run.offset) + usize::from(len);
        if following + usize::from(len) <= run.block_cells() {
            // It fits u16: it is below the number of cells in the block.
            class.next = Some(Run {
                offset: following as u16,
                ..run
            });
        }
        run
    }

    /// Takes a run back whose cells are zero again in every shard.
    pub(crate) fn give_back(&mut self, run: Run) {
        if let Some(class) = self.classes.get_mut(&run.len) {
            class.free.push(run);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::{BLOCK, Slots};

    proptest! {
        /// However runs are taken and given back, those in use never overlap.
        #[test]
        fn runs_do_not_overlap(
            steps in prop::collection::vec((1_u16..700, any::<bool>(), any::<prop::sample::Index>()), 1..300)
        ) {
            let mut slots = Slots::new();
            let mut taken: Vec<super::Run> = Vec::new();
            let mut cells = HashSet::new();
            for (len, give_back, which) in steps {
                if give_back && !taken.is_empty() {
                    let run = taken.swap_remove(which.index(taken.len()));
                    for cell in run.range() {
                        cells.remove(&(run.block, cell));
                    }
                    slots.give_back(run);
                } else {
                    let run = slots.take(len);
                    prop_assert!(run.range().end <= run.block_cells());
                    for cell in run.range() {
                        prop_assert!(cells.insert((run.block, cell)), "{run:?} overlaps");
                    }
                    taken.push(run);
                }
            }
        }
    }

    #[test]
    fn a_block_is_filled_before_the_next() {
        let mut slots = Slots::new();
        let blocks: HashSet<u32> = (0..BLOCK).map(|_| slots.take(1).block).collect();
        assert_eq!(blocks.len(), 1);
        assert_ne!(slots.take(1).block, *blocks.iter().next().unwrap());
    }

    #[test]
    fn what_is_given_back_is_used_again() {
        let mut slots = Slots::new();
        let run = slots.take(14);
        slots.give_back(run);
        assert_eq!(slots.take(14), run);
    }
}
