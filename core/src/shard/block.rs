//! A shard: the cells of one thread, in blocks that are made when they are first needed.
//!
//! Guarantees: a block, once made, stays where it is, so that the owner may keep its address.
//! Readers find it without a lock, and see zeros where nothing has been recorded.
//!
//! Costs: the directory takes 8 bytes a block (of some 4 KiB) and grows by doubling, without moving.

use super::cell::Cell;
use super::memory::Memory;
use super::published::Published;
use super::slot::Run;

/// The first chunk of a directory has 2³ entries, the next 2⁴, and so on.
const FIRST_CHUNK_BITS: u32 = 3;

/// Enough chunks for every block number.
const CHUNKS: usize = (u32::BITS - FIRST_CHUNK_BITS) as usize + 1;

type Block = Memory<Cell>;
type Chunk = Memory<Published<Block>>;

/// The cells of one thread at a time (or of all the threads on overflow).
pub(crate) struct Shard {
    chunks: [Published<Chunk>; CHUNKS],
    /// The shard that was appended to the pool after this one.
    pub(super) next: Published<Shard>,
}

impl Shard {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { Published::empty() }; CHUNKS],
            next: Published::empty(),
        }
    }

    #[cfg(all(test, loom))]
    pub(crate) fn new() -> Self {
        Self {
            chunks: std::array::from_fn(|_| Published::empty()),
            next: Published::empty(),
        }
    }

    /// Chunk and entry of a block: entry i of chunk k is number 2³·(2ᵏ − 1) + i.
    fn place(block: u32) -> (usize, usize) {
        let shifted = u64::from(block) + (1 << FIRST_CHUNK_BITS);
        let chunk = shifted.ilog2() - FIRST_CHUNK_BITS;
        (
            chunk as usize,
            (shifted - (1 << (chunk + FIRST_CHUNK_BITS))) as usize,
        )
    }

    /// A reader's view of a run; `None` means that nothing was ever recorded near it here.
    pub(crate) fn cells(&self, run: Run) -> Option<&[Cell]> {
        let (chunk, entry) = Self::place(run.block);
        let block = self.chunks[chunk].get()?[entry].get()?;
        Some(&block[run.range()])
    }

    /// The block of a run, made if it is not there yet. Never enters the global allocator.
    pub(crate) fn block(&self, run: Run) -> &Block {
        let (chunk, entry) = Self::place(run.block);
        self.chunks[chunk].get_or_publish(|| {
            Memory::new(1 << (chunk as u32 + FIRST_CHUNK_BITS), Published::empty)
        })[entry]
            .get_or_publish(|| Memory::new(run.block_cells(), Cell::zero))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Run, Shard};

    #[test]
    fn every_block_has_a_place_of_its_own() {
        let mut expected = Vec::new();
        for chunk in 0..12 {
            for entry in 0..8 << chunk {
                expected.push((chunk, entry));
            }
        }
        for (block, place) in expected.into_iter().enumerate() {
            assert_eq!(Shard::place(block as u32), place);
        }
        let (chunk, entry) = Shard::place(u32::MAX);
        assert!(chunk < super::CHUNKS && entry < 8 << chunk);
    }

    #[test]
    fn blocks_are_made_when_needed_and_stay() {
        let shard = Shard::new();
        let run = Run {
            block: 9,
            offset: 499,
            len: 12,
        };
        assert!(shard.cells(run).is_none());
        shard.block(run)[504].add(3);
        assert_eq!(shard.cells(run).unwrap()[5].get(), 3);
        assert!(std::ptr::eq(
            &raw const shard.block(run)[499],
            &raw const shard.cells(run).unwrap()[0]
        ));
        assert!(shard.cells(Run { block: 8, ..run }).is_none());
    }

    #[test]
    fn a_large_run_has_a_block_of_its_own_size() {
        let shard = Shard::new();
        let run = Run {
            block: 0,
            offset: 0,
            len: 1_000,
        };
        shard.block(run)[999].add(1);
        assert_eq!(shard.cells(run).unwrap()[999].get(), 1);
    }
}
