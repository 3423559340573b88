//! Random sequences of operations, done on the real thing and on a plain model of it.
//!
//! Each operation is done by one of a few threads, which start when they are first needed and
//! end when the sequence says so, to be started again later. One operation happens after the
//! other (the `World` goes from thread to thread), so the model is exact: whatever the threads,
//! their cells and the instruments' lives were, a reader must find what was recorded, to the last
//! count, in the order of creation, and nothing else.
//!
//! Values of observations are multiples of 1/8 below 2¹⁰, or not finite: sums of those do not
//! depend on the order of addition, and so not on who recorded what in which cells.

mod expected;
mod instruments;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use self::world::{Op, World, any_op};

pub(crate) const THREADS: usize = 4;

/// A thread that does operations, one at a time.
struct Worker {
    orders: mpsc::Sender<(Op, World)>,
    done: mpsc::Receiver<thread::Result<World>>,
    thread: thread::JoinHandle<()>,
}

impl Worker {
    fn start(number: usize) -> Self {
        let (orders, taken) = mpsc::channel::<(Op, World)>();
        let (report, done) = mpsc::channel();
        let thread = thread::spawn(move || {
            for (op, mut world) in taken {
                let applied = AssertUnwindSafe(move || {
                    world.apply(&op, number);
                    world
                });
                if report.send(catch_unwind(applied)).is_err() {
                    return;
                }
            }
        });
        Self {
            orders,
            done,
            thread,
        }
    }

    fn apply(&self, op: Op, world: World) -> World {
        self.orders.send((op, world)).unwrap();
        match self.done.recv().unwrap() {
            Ok(world) => world,
            Err(panic) => resume_unwind(panic),
        }
    }

    fn end(self) {
        drop(self.orders);
        // Waits for the destructors of its thread-locals, too.
        self.thread.join().unwrap();
    }
}

/// Does the operations, each on the thread of its number, and compares whatever is left at the
/// end, when all threads have ended.
pub(crate) fn run(ops: Vec<(usize, Op)>) {
    let mut world = World::new();
    let mut workers = [const { None::<Worker> }; THREADS];
    let end = |workers: &mut [Option<Worker>; THREADS], world: &mut World, number: usize| {
        if let Some(worker) = workers[number].take() {
            worker.end();
        }
        world.ended(number);
    };
    for (number, op) in ops {
        if let Op::End = op {
            end(&mut workers, &mut world, number);
        } else {
            let worker = workers[number].get_or_insert_with(|| Worker::start(number));
            world = worker.apply(op, world);
        }
    }
    for number in 0..THREADS {
        end(&mut workers, &mut world, number);
    }
    world.compare();
}

/// Sequences of operations, each with the thread that does it.
pub(crate) fn any_ops() -> impl Strategy<Value = Vec<(usize, Op)>> {
    prop::collection::vec((0..THREADS, any_op()), 1..150)
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(debug_assertions) { 400 } else { 2_000 },
        // Beside the test, where it is found again and kept.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        ..ProptestConfig::default()
    }
}
