//! When nobody can be looking at a thing any more: readers that count themselves in and out.
//!
//! A reader [enters](Grace::enter) before it follows a pointer and leaves when it is done with the
//! target. Both are counts in cells of its own thread, on one of two sides. A remover first takes
//! the pointer away, then [retires](Limbo::retire) the target, and frees it once each side was
//! seen empty: as many left as entered.
//!
//! Guarantees: what [`Limbo::reclaim`] returns is not looked at by any reader, and will not be.
//!
//! Does not: wait. What cannot be freed yet stays in limbo for a later call. A reader that never
//! leaves keeps all that is retired after it entered.
//!
//! Why it holds. Let a remover take a pointer away and then pass the heavy fence. A reader passes
//! the light fence between its count and its load of the pointer. So either the reader's load finds
//! the pointer gone, or its count is in what the remover loads after its fence. Of each side the
//! remover sums those who left first: whoever is in that sum is also among those who entered, which
//! are summed after. So where the sums are equal, all who had entered with the pointer in reach have
//! left. New readers may come meanwhile; they find the pointer gone. That is why it is enough to
//! have seen each side empty once, at different times. The side that new readers take is only there
//! to let the other one run empty under load.
//!
//! Costs: to enter or leave is one addition in a thread's own cell. A reclamation is a heavy fence
//! and a sum over all threads.
//!
//! Source: Linux' sleepable RCU (McKenney, "Sleepable RCU", 2006, and `srcu_read_lock`), which
//! counts per processor and waits; this one counts per thread and asks again later.

use super::fence::Fence;
use crate::sync::{Ordering, Word};

/// Cells that a [`Side`] counts in.
pub(crate) const COUNTS: u16 = 2;
const ENTERED: usize = 0;
const LEFT: usize = 1;

/// What a side counts in: [`COUNTS`] cells, of which each thread has its own.
pub(crate) trait Counts {
    /// Adds 1 for the calling thread; Release, as [`Cell::put`](super::cell::Cell::put) is.
    fn count(&self, index: usize);
    /// The sum over all threads; Acquire, as [`Cell::get`](super::cell::Cell::get) is.
    fn sum(&self, index: usize) -> u64;
}

/// Who is in, and by which side.
pub(crate) struct Grace<C> {
    sides: [Side<C>; 2],
    /// The side that the next readers take.
    open: Word,
    fence: Fence,
}

/// One of the two ways in.
struct Side<C>(C);

/// A reader that is in: it leaves when this is dropped, on whichever thread. One pointer, so that
/// what is found can be returned in registers.
pub(crate) struct Inside<'grace, C: Counts>(&'grace Side<C>);

impl<C: Counts> Grace<C> {
    pub(crate) fn new(counts: [C; 2]) -> Self {
        Self {
            sides: counts.map(Side),
            open: Word::zero(),
            fence: Fence::new(),
        }
    }

    #[inline]
    pub(crate) fn enter(&self) -> Inside<'_, C> {
        // Relaxed: either side is right; see the head.
        let side = &self.sides[self.open.load(Ordering::Relaxed) as usize % 2];
        side.0.count(ENTERED);
        self.fence.light();
        Inside(side)
    }
}

impl<C: Counts> Side<C> {
    /// Whether everyone who took this side before the caller's heavy fence is out.
    fn is_empty(&self) -> bool {
        // Those who left first: each of them is then in the second sum.
        let left = self.0.sum(LEFT);
        left == self.0.sum(ENTERED)
    }
}

impl<C: Counts> Drop for Inside<'_, C> {
    #[inline]
    fn drop(&mut self) {
        self.0.0.count(LEFT);
    }
}

/// What has been taken out of reach and not been freed yet. Its users take turns, under a lock.
pub(crate) struct Limbo<T> {
    /// Retired after the last heavy fence.
    pending: Vec<T>,
    /// Retired before it.
    waiting: Vec<T>,
    /// Which sides have been seen empty since that fence.
    seen_empty: [bool; 2],
}

impl<T> Limbo<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: Vec::new(),
            waiting: Vec::new(),
            seen_empty: [false; 2],
        }
    }

    /// Takes what no reader that enters from now on can reach.
    pub(crate) fn retire(&mut self, thing: T) {
        self.pending.push(thing);
    }

    /// What may be freed now, `at_most` so many. The lock that orders the calls also orders
    /// `grace`'s open side.
    #[must_use]
    pub(crate) fn reclaim<C: Counts>(&mut self, grace: &Grace<C>, at_most: usize) -> Vec<T> {
        let mut free = Vec::new();
        // Twice: the first may end an old batch, the second begins the next.
        for _ in 0..2 {
            if self.waiting.is_empty() {
                if self.pending.is_empty() || !grace.fence.heavy() {
                    break;
                }
                self.waiting = std::mem::take(&mut self.pending);
                self.seen_empty = [false; 2];
            }
            self.look(grace);
            if self.seen_empty != [true; 2] {
                break;
            }
            let room = at_most - free.len();
            if self.waiting.len() > room {
                let rest = self.waiting.len() - room;
                free.append(&mut self.waiting.split_off(rest));
                break;
            }
            free.append(&mut std::mem::take(&mut self.waiting));
        }
        free
    }

    /// Looks at both sides. New readers take the other one once it was seen empty: then this one,
    /// which gets no more of them, runs empty too. Not before, or both might have readers for ever.
    fn look<C: Counts>(&mut self, grace: &Grace<C>) {
        let open = grace.open.owned_load() as usize % 2;
        for (seen, side) in self.seen_empty.iter_mut().zip(&grace.sides) {
            *seen = *seen || side.is_empty();
        }
        if !self.seen_empty[open] && self.seen_empty[1 - open] {
            grace.open.store(1 - open as u64, Ordering::Relaxed);
            // Whoever was only passing is out by now.
            self.seen_empty[open] = grace.sides[open].is_empty();
        }
    }
}

#[cfg(all(test, loom))]
pub(crate) mod model {
    //! Counts for models: one set of cells for each of loom's threads.

    use super::super::cell::Cell;
    use super::{COUNTS, Counts};

    const THREADS: usize = 3;

    pub(crate) struct ModelCounts([[Cell; COUNTS as usize]; THREADS]);

    loom::thread_local! {
        static THREAD: std::cell::Cell<usize> = std::cell::Cell::new(0);
    }

    /// Says which cells the calling thread owns; `main` has those of 0.
    pub(crate) fn i_am(thread: usize) {
        THREAD.with(|me| me.set(thread));
    }

    impl ModelCounts {
        /// Those of both sides.
        pub(crate) fn both() -> [Self; 2] {
            [(); 2].map(|()| Self(std::array::from_fn(|_| [Cell::zero(), Cell::zero()])))
        }
    }

    impl Counts for ModelCounts {
        fn count(&self, index: usize) {
            self.0[THREAD.with(std::cell::Cell::get)][index].add(1);
        }

        fn sum(&self, index: usize) -> u64 {
            self.0.iter().map(|cells| cells[index].get()).sum()
        }
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::model::{ModelCounts, i_am};
    use super::{Grace, Limbo};
    use crate::shard::link::Link;
    use crate::shard::memory::Memory;
    use crate::shard::model::{Checked, explore};

    /// Things that can be reached until they are taken away, and are written to once they are freed:
    /// loom reports a reader that looks at one then.
    struct Scene {
        grace: Grace<ModelCounts>,
        links: [Link<Checked>; 2],
        things: Memory<Checked>,
    }

    impl Scene {
        fn new() -> Arc<Self> {
            let things = Memory::new(2, || Checked::new(7));
            let links = [0, 1].map(|i| {
                let link = Link::empty();
                // SAFETY: link and thing are in the same scene.
                unsafe { link.set(std::ptr::NonNull::from(&things[i])) };
                link
            });
            Arc::new(Self {
                grace: Grace::new(ModelCounts::both()),
                links,
                things,
            })
        }

        /// Whether the thing was found.
        fn look(&self, thing: usize) -> bool {
            let _inside = self.grace.enter();
            let found = self.links[thing].get();
            found.inspect(|thing| assert_eq!(thing.get(), 7)).is_some()
        }

        fn take_away(&self, thing: usize, limbo: &mut Limbo<usize>) {
            self.links[thing].clear();
            limbo.retire(thing);
        }

        /// Which could be freed.
        fn free(&self, limbo: &mut Limbo<usize>) -> Vec<usize> {
            let free = limbo.reclaim(&self.grace, usize::MAX);
            for thing in &free {
                self.things[*thing].set(0);
            }
            free
        }
    }

    fn spawn<R: 'static>(
        me: usize,
        scene: &Arc<Scene>,
        run: impl FnOnce(&Scene) -> R + 'static,
    ) -> thread::JoinHandle<R> {
        let scene = scene.clone();
        thread::spawn(move || {
            i_am(me);
            run(&scene)
        })
    }

    /// A reader and a remover: the thing is freed only when nobody looks.
    #[test]
    fn freed_when_nobody_looks() {
        let seen = explore("grace: a reader, a remover", None, |outcome| {
            let scene = Scene::new();
            let reader = spawn(1, &scene, |scene| scene.look(0));
            let mut limbo = Limbo::new();
            scene.take_away(0, &mut limbo);
            let at_once = scene.free(&mut limbo) == [0];
            let found = reader.join().unwrap();
            assert!(at_once || scene.free(&mut limbo) == [0], "all have left");
            outcome.reached((found, at_once));
        });
        assert_eq!(
            seen,
            BTreeSet::from([(false, false), (false, true), (true, false), (true, true)])
        );
    }

    /// A reader that comes twice, so on both sides of the remover's turn, and another.
    #[test]
    fn readers_come_and_go() {
        let seen = explore(
            "grace: two readers, one twice, a remover",
            Some(3),
            |outcome| {
                let scene = Scene::new();
                let readers = [(1, 2), (2, 1)].map(|(me, times)| {
                    spawn(me, &scene, move |scene| {
                        (0..times).filter(|_| scene.look(0)).count()
                    })
                });
                let mut limbo = Limbo::new();
                scene.take_away(0, &mut limbo);
                let at_once = scene.free(&mut limbo) == [0] || scene.free(&mut limbo) == [0];
                let found = readers.map(|reader| reader.join().unwrap());
                assert!(at_once || scene.free(&mut limbo) == [0], "all have left");
                outcome.reached((found, at_once));
            },
        );
        let every = [0, 1, 2].into_iter().flat_map(|a| {
            [0, 1]
                .into_iter()
                .flat_map(move |b| [false, true].map(|at_once| ([a, b], at_once)))
        });
        assert_eq!(seen, every.collect());
    }

    /// The first thing's reader makes the remover send new readers to the other side, where one
    /// looks at the second thing when that is taken away.
    #[test]
    fn one_batch_after_the_other() {
        let seen = explore("grace: two batches, two readers", Some(3), |outcome| {
            let scene = Scene::new();
            let readers = [1, 2].map(|me| spawn(me, &scene, |scene| scene.look(1)));
            let mut limbo = Limbo::new();
            scene.take_away(0, &mut limbo);
            let first = scene.free(&mut limbo);
            scene.take_away(1, &mut limbo);
            let second = scene.free(&mut limbo);
            let found = readers.map(|reader| reader.join().unwrap());
            let last = scene.free(&mut limbo);
            let all = [&first[..], &second, &last].concat();
            assert_eq!(all, [0, 1], "all have left, and nothing is freed twice");
            outcome.reached((first.len(), second.len(), found[0] || found[1]));
        });
        // Freed at once or later, in every way, whether anybody found it or not. That the first goes
        // late and the second never, with nobody finding it, takes a fourth preemption.
        let freed = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)];
        let every = freed.map(|(a, b)| [false, true].map(|found| (a, b, found)));
        let mut every: BTreeSet<_> = every.into_iter().flatten().collect();
        every.remove(&(0, 1, false));
        assert_eq!(seen, every);
    }

    /// Readers that come after the first try take the other side, so that under constant load the
    /// first one runs empty all the same. One schedule says it; nothing is searched for.
    #[test]
    fn new_readers_hold_nothing_up() {
        loom::model(|| {
            let scene = Scene::new();
            let first = scene.grace.enter();
            let mut limbo = Limbo::new();
            scene.take_away(0, &mut limbo);
            assert_eq!(scene.free(&mut limbo), []);
            let staying = scene.grace.enter();
            drop(first);
            assert_eq!(scene.free(&mut limbo), [0]);
            drop(staying);
        });
    }

    /// Readers that overlap for ever, and one that came by the closed side: the two sides do not
    /// keep each other from running empty.
    #[test]
    fn a_straggler_does_not_keep_both_sides_busy() {
        loom::model(|| {
            let grace = Grace::new(ModelCounts::both());
            let mut inside: std::collections::VecDeque<_> = (0..3).map(|_| grace.enter()).collect();
            // What a reader does that was stopped after it had looked which side is open.
            super::Counts::count(&grace.sides[1].0, super::ENTERED);
            let straggler = super::Inside(&grace.sides[1]);
            inside.push_back(straggler);
            let mut limbo = Limbo::new();
            let mut freed = 0;
            for n in 0..20 {
                limbo.retire(n);
                inside.push_back(grace.enter());
                inside.pop_front();
                freed += limbo.reclaim(&grace, usize::MAX).len();
            }
            assert!(freed >= 10, "{freed} of 20 were freed");
        });
    }

    /// Who has little time frees a part, and the next one goes on.
    #[test]
    fn freed_in_parts() {
        loom::model(|| {
            let grace = Grace::new(ModelCounts::both());
            let mut limbo = Limbo::new();
            for n in 0..5 {
                limbo.retire(n);
            }
            let mut free = || limbo.reclaim(&grace, 2).len();
            assert_eq!([free(), free(), free(), free()], [2, 2, 1, 0]);
        });
    }

    /// Whoever is handed what was found leaves for whoever found it.
    #[test]
    fn left_by_another_thread() {
        let seen = explore("grace: entered here, left there", None, |outcome| {
            let scene = Scene::new();
            let handed = Arc::new(loom::sync::Mutex::new(None));
            let reader = {
                let handed = handed.clone();
                spawn(1, &scene, move |scene| {
                    let entered = scene.grace.enter();
                    let found = scene.links[0].get().is_some();
                    let side = std::ptr::eq(entered.0, &raw const scene.grace.sides[1]);
                    *handed.lock().unwrap() = Some((usize::from(side), found));
                    std::mem::forget(entered);
                })
            };
            let other = spawn(2, &scene, move |scene| {
                let taken = handed.lock().unwrap().take();
                taken.inspect(|(side, found)| {
                    if *found {
                        assert_eq!(scene.things[0].get(), 7);
                    }
                    drop(super::Inside(&scene.grace.sides[*side]));
                })
            });
            let mut limbo = Limbo::new();
            scene.take_away(0, &mut limbo);
            let freed = scene.free(&mut limbo) == [0];
            reader.join().unwrap();
            outcome.reached((other.join().unwrap().is_some(), freed));
        });
        assert_eq!(
            seen,
            BTreeSet::from([(false, false), (false, true), (true, false), (true, true)])
        );
    }
}
