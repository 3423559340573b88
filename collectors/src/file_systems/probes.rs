//! Asks many things that may never answer.
//!
//! Guarantees: each job has an answer, or `None` after the time limit; those that hang are waited for
//! together, and cost the others some 20 ms each. A job that hangs is not made again until it
//! has returned. At most [`MAX_THREADS`] threads hang; with so many, the jobs that are left get
//! `None`.
//!
//! Does not: interrupt a job. One that hangs for ever keeps its thread, which nobody waits for.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a job may take before others are made beside it.
const PATIENCE: Duration = Duration::from_millis(20);

/// The most threads.
const MAX_THREADS: usize = 16;

/// The jobs that hang, by their keys.
#[derive(Debug)]
pub(super) struct Probes<K> {
    hanging: Arc<Mutex<HashSet<K>>>,
}

impl<K> Default for Probes<K> {
    fn default() -> Self {
        Self {
            hanging: Arc::default(),
        }
    }
}

/// The jobs of one call.
struct Round<K, J, R> {
    jobs: Vec<(K, J)>,
    work: fn(&J) -> R,
    state: Mutex<State<R>>,
    /// Signals that a job has its answer.
    answered: Condvar,
    hanging: Arc<Mutex<HashSet<K>>>,
}

struct State<R> {
    /// The first job that no thread took.
    next: usize,
    /// The jobs that threads are in and that were not given up, and when they began.
    running: Vec<(usize, Instant)>,
    answers: Vec<Option<R>>,
    /// How many jobs have no answer and were not given up.
    open: usize,
    /// When a job was last begun, or a thread started for it.
    progress: Instant,
}

impl<K: Eq + Hash + Clone + Send + Sync + 'static> Probes<K> {
    /// The answer of each job, in their order; `None` for one that hangs. Nothing at all where no thread
    /// can be had.
    pub(super) fn ask<J, R>(
        &self,
        jobs: Vec<(K, J)>,
        work: fn(&J) -> R,
        time_limit: Duration,
    ) -> Option<Vec<Option<R>>>
    where
        J: Send + Sync + 'static,
        R: Send + 'static,
    {
        let count = jobs.len();
        let round = Arc::new(Round {
            jobs,
            work,
            state: Mutex::new(State {
                next: 0,
                running: Vec::new(),
                answers: std::iter::repeat_with(|| None).take(count).collect(),
                open: count,
                progress: Instant::now(),
            }),
            answered: Condvar::new(),
            hanging: Arc::clone(&self.hanging),
        });
        let mut state = lock(&round.state);
        if !round.start_thread(&mut state) {
            return None;
        }
        while state.open > 0 {
            let now = Instant::now();
            round.give_up_late(&mut state, now, time_limit);
            let waits = state.next < count;
            let may_start = lock(&round.hanging).len() + state.running.len() < MAX_THREADS;
            if waits && !may_start && state.running.is_empty() {
                break;
            }
            let next_thread = state.progress + PATIENCE;
            if waits && may_start && next_thread <= now && !round.start_thread(&mut state) {
                break;
            }
            if state.open == 0 {
                break;
            }
            let began = state.running.iter().map(|(_, began)| *began).min();
            let until = began
                .map_or(now + PATIENCE, |began| began + time_limit)
                .min(if waits {
                    now + PATIENCE
                } else {
                    now + time_limit
                });
            let wait = until.saturating_duration_since(now);
            let waited = round.answered.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // Those that no thread took stay so.
        state.next = count;
        Some(std::mem::take(&mut state.answers))
    }
}

impl<K, J, R> Round<K, J, R>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    J: Send + Sync + 'static,
    R: Send + 'static,
{
    /// Says whether it could.
    fn start_thread(self: &Arc<Self>, state: &mut State<R>) -> bool {
        state.progress = Instant::now();
        let round = Arc::clone(self);
        std::thread::Builder::new()
            .name("tallied-disks".to_owned())
            .spawn(move || round.work())
            .is_ok()
    }

    fn work(&self) {
        let mut state = lock(&self.state);
        while state.next < self.jobs.len() {
            let number = state.next;
            state.next += 1;
            let (key, job) = &self.jobs[number];
            if lock(&self.hanging).contains(key) {
                state.open -= 1;
                continue;
            }
            state.progress = Instant::now();
            let began = state.progress;
            state.running.push((number, began));
            drop(state);
            let answer = (self.work)(job);
            state = lock(&self.state);
            let Some(running) = state.running.iter().position(|(job, _)| *job == number) else {
                // It was given up, and another thread has taken what came behind it.
                lock(&self.hanging).remove(key);
                return;
            };
            state.running.swap_remove(running);
            state.answers[number] = Some(answer);
            state.open -= 1;
        }
        if state.open == 0 {
            self.answered.notify_one();
        }
    }

    fn give_up_late(&self, state: &mut State<R>, now: Instant, time_limit: Duration) {
        let mut given_up = 0;
        state.running.retain(|(number, began)| {
            let late = now.saturating_duration_since(*began) >= time_limit;
            if late {
                lock(&self.hanging).insert(self.jobs[*number].0.clone());
                given_up += 1;
            }
            !late
        });
        state.open -= given_up;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    /// Answers at once, or when the other end is dropped.
    type Job = Option<Mutex<Receiver<()>>>;

    fn work(job: &Job) -> u32 {
        match job {
            Some(gate) => {
                let _ = lock(gate).recv();
                2
            }
            None => 1,
        }
    }

    #[test]
    fn one_that_hangs_costs_itself_alone_until_it_returns() {
        let probes = Probes::default();
        let (open, gate) = channel();
        let hangs = Some(Mutex::new(gate));
        let answers = probes
            .ask(vec![(1, None), (2, hangs), (3, None)], work, LIMIT)
            .unwrap();
        assert_eq!(answers, [Some(1), None, Some(1)]);
        let began = Instant::now();
        let answers = probes
            .ask(vec![(1, None), (2, None), (3, None)], work, LIMIT)
            .unwrap();
        assert_eq!(answers, [Some(1), None, Some(1)], "it is not made again");
        assert!(began.elapsed() < LIMIT, "nor waited for");
        drop(open);
        let began = Instant::now();
        while probes.ask(vec![(2, None)], work, LIMIT).unwrap() != [Some(1)] {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn those_that_hang_are_waited_for_together_and_their_threads_are_bounded() {
        let probes = Probes::default();
        let began = Instant::now();
        let mut open = Vec::new();
        for round in 0..3 {
            let jobs = (0..40).map(|number| {
                let (sender, gate) = channel();
                open.push(sender);
                ((round, number), Some(Mutex::new(gate)))
            });
            let answers = probes.ask(jobs.collect(), work, LIMIT).unwrap();
            assert_eq!(answers, vec![None; 40]);
        }
        assert_eq!(lock(&probes.hanging).len(), MAX_THREADS);
        assert!(began.elapsed() < 8 * LIMIT, "{:?}", began.elapsed());
        assert_eq!(
            probes.ask(vec![((9, 9), None)], work, LIMIT).unwrap(),
            [None]
        );
        drop(open);
        let began = Instant::now();
        while probes.ask(vec![((9, 9), None)], work, LIMIT).unwrap() != [Some(1)] {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }
}
