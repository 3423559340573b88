//! The pool of shards: a thread leases one, returns it on exit, and the next goes on with it.
//!
//! Guarantees: a shard has one writer at a time, and the next one sees all that the last one
//! wrote. Its counts stay where they are when a thread ends: nothing is folded, so a reader can
//! meet no half-folded total. Shards are appended and never taken away, and a sum visits them in
//! that order.
//!
//! Limits: at most [`Pool::cap`] shards. Threads beyond it share one more, the overflow shard:
//! counters by read-modify-write, histograms under a mutex. That costs contention, not counts.

use std::num::NonZero;

use super::block::Shard;
use super::cell::Cell;
use super::memory::Memory;
use super::observation::{self, Totals};
use super::published::Published;
use super::slot::{Run, Slots};
use crate::sync::Mutex;

/// The cap before anybody set or needed one.
pub(crate) const CAP_UNSET: usize = 0;

/// All the shards, and who may write to which.
pub(crate) struct Pool {
    first: Published<Shard>,
    overflow: Shard,
    /// Makes a single writer of the threads that observe into the overflow shard.
    overflow_observer: Mutex<()>,
    /// The free list. This mutex is what orders a shard's last writer before its next.
    free: Mutex<Free>,
    slots: Mutex<Slots>,
}

struct Free {
    /// Numbers of shards without a writer; the one returned last is leased first, as its cells
    /// are the likeliest to be in a cache.
    shards: Vec<usize>,
    appended: usize,
    cap: usize,
}

impl Pool {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn new(cap: usize) -> Self {
        Self {
            first: Published::empty(),
            overflow: Shard::new(),
            overflow_observer: Mutex::new(()),
            free: Mutex::new(Free {
                shards: Vec::new(),
                appended: 0,
                cap,
            }),
            slots: Mutex::new(Slots::new()),
        }
    }

    #[cfg(all(test, loom))]
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            first: Published::empty(),
            overflow: Shard::new(),
            overflow_observer: Mutex::new(()),
            free: Mutex::new(Free {
                shards: Vec::new(),
                appended: 0,
                cap,
            }),
            slots: Mutex::new(Slots::new()),
        }
    }

    /// How many threads can own a shard at the same time.
    pub(crate) fn cap(&self) -> usize {
        self.free.lock().cap
    }

    /// Sets the cap unless somebody has.
    fn set_cap_if_unset(&self, cap: usize) {
        let mut free = self.free.lock();
        if free.cap == CAP_UNSET {
            free.cap = cap;
        }
    }

    /// Sets the cap that holds where nobody sets one: twice the processors, and eight at least,
    /// so that the workers of a runtime, its blocking threads and `main` fit.
    pub(crate) fn ensure_cap(&self) {
        if self.cap() == CAP_UNSET {
            let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
            self.set_cap_if_unset((2 * processors).max(8));
        }
    }

    /// Changes the cap. Shards beyond a lower cap stay with their threads, and are not leased
    /// again once they are returned.
    pub(crate) fn set_cap(&self, cap: usize) {
        self.free.lock().cap = cap;
    }

    /// How many shards exist, the overflow shard not counted.
    pub(crate) fn appended(&self) -> usize {
        self.free.lock().appended
    }

    /// The shards in the order of appending, then the overflow shard.
    fn shards(&self) -> impl Iterator<Item = &Shard> {
        std::iter::successors(self.first.get(), |shard| shard.next.get())
            .chain(std::iter::once(&self.overflow))
    }

    /// A shard for the calling thread; `None` when the cap is reached.
    pub(crate) fn lease(&self) -> Option<Lease<'_>> {
        let mut free = self.free.lock();
        let in_use = free.appended - free.shards.len();
        if in_use >= free.cap {
            return None;
        }
        let number = free.shards.pop().unwrap_or_else(|| {
            free.appended += 1;
            free.appended - 1
        });
        // Walked to, and appended where the list ends, while the lock is held: one appender.
        let mut place = &self.first;
        for _ in 0..number {
            place = match place.get() {
                Some(shard) => &shard.next,
                None => unreachable!("numbers below `appended` have a shard"),
            };
        }
        let shard = place.get_or_publish(Shard::new);
        Some(Lease {
            pool: self,
            shard,
            number,
            blocks: None,
        })
    }

    /// A run of cells for a new instrument.
    pub(crate) fn take(&self, len: u16) -> Run {
        // Where the system's mutexes are allocated on their first use (macOS), that is now, and
        // not in a recording inside an allocator.
        drop(self.free.lock());
        drop(self.overflow_observer.lock());
        self.slots.lock().take(len)
    }

    /// Takes the cells of an instrument back whose last handle is gone: zeroes them everywhere
    /// and lets the next instrument have them.
    ///
    /// Whoever recorded through a handle did so before that handle was dropped, and the
    /// reference count of the handles orders that before this call; the mutex orders this call
    /// before the next instrument's first recording. So the writes to other threads' cells here
    /// race with nobody.
    pub(crate) fn give_back(&self, run: Run) {
        for shard in self.shards() {
            for cell in shard.cells(run).into_iter().flatten() {
                cell.clear();
            }
        }
        self.slots.lock().give_back(run);
    }

    /// The sum of one cell of a run over all shards.
    pub(crate) fn sum(&self, run: Run, index: usize) -> u64 {
        self.shards()
            .filter_map(|shard| shard.cells(run))
            .fold(0, |sum: u64, cells| sum.wrapping_add(cells[index].get()))
    }

    /// The sum of a histogram's observations over all shards; adds to `buckets`.
    pub(crate) fn observations(&self, run: Run, buckets: &mut [u64]) -> Totals {
        // On the stack where there are few, as there mostly are.
        let (mut few, mut many) = ([0; 32], Vec::new());
        let copy = match few.get_mut(..buckets.len()) {
            Some(few) => few,
            None => {
                many.resize(buckets.len(), 0);
                &mut many[..]
            }
        };
        let mut totals = Totals { count: 0, sum: 0.0 };
        for cells in self.shards().filter_map(|shard| shard.cells(run)) {
            let read = observation::read(cells, copy);
            totals.count = totals.count.wrapping_add(read.count);
            totals.sum += read.sum;
            for (bucket, n) in buckets.iter_mut().zip(&*copy) {
                *bucket = bucket.wrapping_add(*n);
            }
        }
        totals
    }

    /// Adds to a cell of the overflow shard, from any thread. Neither allocates from the global
    /// allocator nor locks.
    pub(crate) fn add_on_overflow(&self, run: Run, index: usize, n: u64) {
        self.overflow.block(run)[run.range()][index].add_shared(n);
    }

    /// Observes into the overflow shard, from any thread.
    pub(crate) fn observe_on_overflow(&self, run: Run, bucket: usize, value: f64) {
        let cells = &self.overflow.block(run)[run.range()];
        let _observer = self.overflow_observer.lock();
        observation::record(cells, bucket, value);
    }
}

/// The right to write to one shard, and the way there.
///
/// Dropping it returns the shard, with its counts in place.
pub(crate) struct Lease<'pool> {
    pool: &'pool Pool,
    shard: &'pool Shard,
    number: usize,
    /// The owner's own directory: the address of each block that it has used, by number; null
    /// where it has used none. `None` before the first. Only the owner looks at it, so it may move.
    blocks: Option<Memory<std::cell::Cell<*const Cell>>>,
}

impl<'pool> Lease<'pool> {
    /// The cells of a run, in blocks that are made if need be.
    ///
    /// May replace the owner's directory: addresses from [`directory`](Self::directory) are
    /// stale afterwards. Never enters the global allocator.
    pub(crate) fn cells(&mut self, run: Run) -> &'pool [Cell] {
        let shard = self.shard;
        let block = shard.block(run);
        let number = run.block as usize;
        let len = self.directory().len();
        if number >= len {
            let old = self.blocks.take();
            let mut entries = old
                .iter()
                .flat_map(|old| old.iter())
                .map(std::cell::Cell::get);
            let grown = Memory::new((number + 1).next_power_of_two().max(8), || {
                std::cell::Cell::new(entries.next().unwrap_or(std::ptr::null()))
            });
            drop(entries);
            self.blocks = Some(grown);
        }
        self.directory()[number].set(block.start().as_ptr());
        &block[run.range()]
    }

    /// The address of the first cell of each block that this lease has used.
    pub(crate) fn directory(&self) -> &[std::cell::Cell<*const Cell>] {
        self.blocks.as_deref().unwrap_or_default()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.free.lock().shards.push(self.number);
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::{Pool, Run};
    use crate::shard::model::explore;
    use crate::shard::observation::HEADER;

    fn record(pool: &Pool, run: Run) {
        match pool.lease() {
            Some(mut lease) => lease.cells(run)[0].add(1),
            None => pool.add_on_overflow(run, 0, 1),
        }
    }

    /// Two threads lease, record and return, with one shard to be had or two, and a reader
    /// reads meanwhile: whether the second goes on in the first one's shard, gets its own, or
    /// finds the cap reached, nothing is lost, and the reader never steps back.
    fn two_threads_and_a_reader(cap: usize) -> BTreeSet<(u64, u64, usize)> {
        let name = format!("lease: two threads, cap {cap}, a reader reading twice");
        explore(&name, Some(3), move |outcome| {
            let pool = Arc::new(Pool::new(cap));
            let run = pool.take(1);
            // There is a shard to go on with, which both threads want.
            drop(pool.lease().expect("the cap is 1 or more"));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let pool = pool.clone();
                    thread::spawn(move || record(&pool, run))
                })
                .collect();
            let first = pool.sum(run, 0);
            let second = pool.sum(run, 0);
            assert!(first <= second && second <= 2);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(pool.sum(run, 0), 2);
            outcome.reached((first, second, pool.appended()));
        })
    }

    #[test]
    fn handed_on_with_its_counts() {
        let reads = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        let every = |shards: &[usize]| -> BTreeSet<_> {
            reads
                .iter()
                .flat_map(|r| shards.iter().map(|s| (r.0, r.1, *s)))
                .collect()
        };
        assert_eq!(two_threads_and_a_reader(1), every(&[1]));
        assert_eq!(two_threads_and_a_reader(2), every(&[1, 2]));
    }

    /// A shard is appended while a reader walks the list, and a block while it looks for one.
    #[test]
    fn shard_is_published_whole() {
        let seen = explore(
            "lease: a histogram's first shard, a reader",
            None,
            |outcome| {
                let pool = Arc::new(Pool::new(1));
                let run = pool.take(HEADER as u16 + 2);
                let writer = {
                    let pool = pool.clone();
                    thread::spawn(move || {
                        let mut lease = pool.lease().expect("the cap is 1");
                        crate::shard::observation::record(lease.cells(run), 1, 2.0);
                    })
                };
                let mut buckets = [0; 2];
                let read = pool.observations(run, &mut buckets);
                assert!(
                    (read.count, read.sum, buckets) == (0, 0.0, [0, 0])
                        || (read.count, read.sum, buckets) == (1, 2.0, [0, 1])
                );
                writer.join().unwrap();
                outcome.reached(read.count);
            },
        );
        assert_eq!(seen, BTreeSet::from([0, 1]));
    }

    /// Two threads observe on overflow, under the mutex, with a reader that takes no lock.
    #[test]
    fn overflow_observes_whole() {
        let seen = explore(
            "lease: two threads observe on overflow, a reader",
            Some(2),
            |outcome| {
                let pool = Arc::new(Pool::new(0));
                let run = pool.take(HEADER as u16 + 2);
                let writers: Vec<_> = [(0, 1.0), (1, 2.0)]
                    .map(|(bucket, value)| {
                        let pool = pool.clone();
                        thread::spawn(move || {
                            assert!(pool.lease().is_none());
                            pool.observe_on_overflow(run, bucket, value);
                        })
                    })
                    .into();
                let cells = pool.overflow.cells(run);
                let mut buckets = [0; 2];
                let read =
                    cells.map(|cells| crate::shard::observation::try_read(cells, &mut buckets));
                if let Some(Some(read)) = read {
                    assert_eq!(read.count, buckets.iter().sum::<u64>());
                    assert_eq!(read.sum, buckets[0] as f64 + 2.0 * buckets[1] as f64);
                }
                outcome.reached(read.map(|read| read.map(|read| read.sum as u64)));
                for writer in writers {
                    writer.join().unwrap();
                }
                let mut buckets = [0; 2];
                let read = pool.observations(run, &mut buckets);
                assert_eq!((read.count, read.sum, buckets), (2, 3.0, [1, 1]));
            },
        );
        // No block yet; one that changed during the copy; and every sum of the two values.
        let sums = [0, 1, 2, 3].map(|sum| Some(Some(sum)));
        assert_eq!(seen, [None, Some(None)].into_iter().chain(sums).collect());
    }

    /// Cells that are given back, by the thread that drops the last handle, and used again by
    /// another: the new instrument starts at zero.
    #[test]
    fn reused_cells_start_at_zero() {
        let seen = explore(
            "lease: a run given back and taken again",
            Some(3),
            |outcome| {
                let pool = Arc::new(Pool::new(2));
                let run = pool.take(1);
                let handles = Arc::new(loom::sync::atomic::AtomicU64::new(2));
                // What the reference count of the handles does.
                let drop_handle = move |pool: &Pool, handles: &loom::sync::atomic::AtomicU64| {
                    if handles.fetch_sub(1, loom::sync::atomic::Ordering::AcqRel) == 1 {
                        pool.give_back(run);
                    }
                };
                let other = {
                    let (pool, handles) = (pool.clone(), handles.clone());
                    thread::spawn(move || {
                        let mut lease = pool.lease().expect("the cap is 2");
                        lease.cells(run)[0].add(1);
                        drop_handle(&pool, &handles);
                        let next = pool.take(1);
                        lease.cells(next)[0].add(10);
                        (next, pool.sum(next, 0))
                    })
                };
                record(&pool, run);
                drop_handle(&pool, &handles);
                let (next, sum) = other.join().unwrap();
                assert_eq!(sum, 10);
                assert_eq!(pool.sum(next, 0), 10);
                outcome.reached(next == run);
            },
        );
        assert_eq!(seen, BTreeSet::from([false, true]));
    }
}
