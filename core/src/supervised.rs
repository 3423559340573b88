//! Runs the application's code at a scrape, on threads that can be given up.
//!
//! Guarantees: a call that panics, or that takes longer than its time limit, costs itself alone. No
//! lock is held while the application's code runs, so it may register, unregister and read. A call
//! that is given up goes on, on a thread that nobody waits for; until it returns it is not made
//! again, and costs later readings nothing.
//!
//! Does not: interrupt a call. What hangs for ever keeps its thread for ever, at most
//! [`MAX_STUCK`] of them in the process.
//!
//! Costs: a thread for each reading, some tens of microseconds; two locks and a look at the clock
//! for each call.
//!
//! The calls of a reading are made in their order by one thread. When a call takes longer than
//! [`PATIENCE`], another thread goes on behind it, so that calls which hang together are waited for
//! together, rather than one after the other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::panic_message;
use crate::sync::Arc;

/// How long a call may take before those behind it no longer wait for it.
const PATIENCE: Duration = Duration::from_millis(20);

/// The most threads of the process that are stuck in calls which were given up.
const MAX_STUCK: usize = 64;

/// How many are stuck now.
static STUCK: Mutex<usize> = Mutex::new(0);

thread_local! {
    /// Whether this thread is in a call.
    static IN_CALL: Cell<bool> = const { Cell::new(false) };
}

/// Something of the application's that is called at each reading, and gives a `T`.
pub(crate) trait Call: Send + Sync + 'static {
    /// What the reader asks for.
    type Asked: Copy + Send + Sync + 'static;
    type Output: Send + 'static;

    fn call(&self, asked: Self::Asked) -> Self::Output;

    /// How long it may take.
    fn time_limit(&self) -> Duration;

    /// The calls of it that were given up and have not returned.
    fn given_up(&self) -> &GivenUp;
}

/// Counts the calls that were given up and have not returned.
#[derive(Default)]
pub(crate) struct GivenUp(Mutex<usize>);

impl GivenUp {
    fn any(&self) -> bool {
        *self.0.lock() > 0
    }

    fn add(&self) {
        *self.0.lock() += 1;
        *STUCK.lock() += 1;
    }

    fn remove(&self) {
        *self.0.lock() -= 1;
        *STUCK.lock() -= 1;
    }
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Returned(T),
    /// With the panic's message.
    Panicked(Box<str>),
    /// It was given up, or was not made because an earlier one has not returned.
    TimedOut,
    /// No thread could be had for it.
    NoThread,
    /// It was not made, because the reader is itself in a call.
    Nested,
}

/// Makes the calls, and waits until each has an outcome: after `deadline` none is waited for.
pub(crate) fn call_all<C: Call>(
    calls: Vec<Arc<C>>,
    asked: C::Asked,
    deadline: Option<Instant>,
) -> Vec<Outcome<C::Output>> {
    if calls.is_empty() {
        return Vec::new();
    }
    if IN_CALL.get() {
        return calls.iter().map(|_| Outcome::Nested).collect();
    }
    let count = calls.len();
    let reading = Arc::new(Reading {
        asked,
        state: Mutex::new(State {
            calls,
            next: 0,
            running: Vec::new(),
            outcomes: std::iter::repeat_with(|| None).take(count).collect(),
            open: count,
            progress: Instant::now(),
            starting: false,
        }),
        settled: Condvar::new(),
    });
    reading.wait(deadline)
}

/// Calls that are made for one reader.
struct Reading<C: Call> {
    asked: C::Asked,
    state: Mutex<State<C>>,
    /// Signals that no call is open.
    settled: Condvar,
}

struct State<C: Call> {
    /// Empty once the reader is gone.
    calls: Vec<Arc<C>>,
    /// The first call that no thread took.
    next: usize,
    /// The calls that threads are in and that were not given up, and when they began.
    running: Vec<(usize, Instant)>,
    /// `None` for a call that is open.
    outcomes: Vec<Option<Outcome<C::Output>>>,
    /// How many calls are open.
    open: usize,
    /// When a call was last begun.
    progress: Instant,
    /// Whether a thread was started that has not begun to take calls.
    starting: bool,
}

impl<C: Call> State<C> {
    fn settle(&mut self, call: usize, outcome: Outcome<C::Output>) {
        self.outcomes[call] = Some(outcome);
        self.open -= 1;
    }

    fn give_up_running(&mut self, is_late: impl Fn(&C, Instant) -> bool) {
        for position in (0..self.running.len()).rev() {
            let (number, began) = self.running[position];
            let call = Arc::clone(&self.calls[number]);
            if is_late(&call, began) {
                call.given_up().add();
                self.running.swap_remove(position);
                self.settle(number, Outcome::TimedOut);
            }
        }
    }

    fn give_up_untaken(&mut self, outcome: impl Fn() -> Outcome<C::Output>) {
        for number in self.next..self.calls.len() {
            self.settle(number, outcome());
        }
        self.next = self.calls.len();
    }
}

impl<C: Call> Reading<C> {
    /// Starts a thread that takes calls. Without one, those that no thread took have their outcome.
    fn start_thread(self: &Arc<Self>, state: &mut State<C>) {
        let reading = Arc::clone(self);
        let thread = std::thread::Builder::new().name("tallied-collect".to_owned());
        state.starting = thread.spawn(move || reading.take_calls()).is_ok();
        if !state.starting {
            state.give_up_untaken(|| Outcome::NoThread);
        }
    }

    fn take_calls(&self) {
        IN_CALL.set(true);
        let mut state = self.state.lock();
        state.starting = false;
        while state.next < state.calls.len() {
            let number = state.next;
            let call = Arc::clone(&state.calls[number]);
            state.next += 1;
            if call.given_up().any() {
                state.settle(number, Outcome::TimedOut);
                continue;
            }
            state.progress = Instant::now();
            let began = state.progress;
            state.running.push((number, began));
            drop(state);
            // Unwind safe: whatever the call left half done is the application's to look after, as
            // in any thread of its that panics; nothing of ours is changed in it.
            let outcome = match catch_unwind(AssertUnwindSafe(|| call.call(self.asked))) {
                Ok(output) => Outcome::Returned(output),
                Err(panic) => Outcome::Panicked(panic_message(&*panic).into()),
            };
            state = self.state.lock();
            match state.running.iter().position(|(taken, _)| *taken == number) {
                Some(running) => {
                    state.running.swap_remove(running);
                    state.settle(number, outcome);
                }
                // It was given up, so this may be the last that holds it.
                None => {
                    call.given_up().remove();
                    drop(state);
                    drop(call);
                    state = self.state.lock();
                }
            }
        }
        if state.open == 0 {
            self.settled.notify_one();
        }
    }

    fn wait(self: &Arc<Self>, deadline: Option<Instant>) -> Vec<Outcome<C::Output>> {
        let mut state = self.state.lock();
        while state.open > 0 {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                state.give_up_running(|_, _| true);
                state.give_up_untaken(|| Outcome::TimedOut);
                break;
            }
            state.give_up_running(|call, began| now.duration_since(began) >= call.time_limit());
            let untaken = state.next < state.calls.len();
            let stalled = state.running.is_empty() || now >= state.progress + PATIENCE;
            if untaken && stalled && !state.starting {
                let stuck = *STUCK.lock();
                if stuck + state.running.len() < MAX_STUCK {
                    self.start_thread(&mut state);
                } else if state.running.is_empty() {
                    state.give_up_untaken(|| Outcome::NoThread);
                }
            }
            if state.open == 0 {
                break;
            }
            let limits = state
                .running
                .iter()
                .filter_map(|(call, began)| began.checked_add(state.calls[*call].time_limit()));
            let look_again = untaken.then(|| now + PATIENCE / 2);
            match limits.chain(deadline).chain(look_again).min() {
                Some(until) => drop(self.settled.wait_until(&mut state, until)),
                None => self.settled.wait(&mut state),
            }
        }
        let outcomes = std::mem::take(&mut state.outcomes);
        // So that no thread of this reading keeps the application's code.
        let calls = std::mem::take(&mut state.calls);
        drop(state);
        drop(calls);
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or(Outcome::TimedOut))
            .collect()
    }
}
