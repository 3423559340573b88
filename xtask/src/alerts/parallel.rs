//! Two promtools at a time: each takes a processor and some hundred megabytes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

pub(crate) const WORKERS: usize = 2;

/// What `work` makes of each item, in their order. Each of the contexts is one worker's. After an error nothing new is begun.
pub(crate) fn in_parallel<C: Sync, T: Sync, R: Send>(
    contexts: &[C],
    items: &[T],
    work: impl Fn(&C, usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let worker = |context: &C| {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let result = work(context, index, item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((index, result));
        }
        done
    };
    let mut results = thread::scope(|scope| {
        let workers: Vec<_> = contexts
            .iter()
            .map(|context| scope.spawn(|| worker(context)))
            .collect();
        let mut results = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn results_are_in_order() {
        let items: Vec<usize> = (0..100).collect();
        let doubled = in_parallel(&[1, 2], &items, |_, index, item| {
            assert_eq!(index, *item);
            Ok(item * 2)
        });
        assert_eq!(
            doubled.unwrap(),
            (0..100).map(|i| i * 2).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_error_ends_it() {
        let items = [0; 100];
        let outcome = in_parallel(&[()], &items, |(), index, _| match index {
            3 => bail!("three"),
            index => Ok(index),
        });
        assert_eq!(outcome.unwrap_err().to_string(), "three");
    }
}
