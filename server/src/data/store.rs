//! The records, in memory, bounded: the oldest make room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use super::statistics::Statistics;

/// What is kept of a submission.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    /// 1 for the first that was submitted, and so on.
    pub(super) id: u64,
    name: String,
    #[serde(flatten)]
    statistics: Statistics,
}

/// A part of the records.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// How many were ever submitted.
    submitted: u64,
    /// How many are kept.
    kept: usize,
    /// The newest first.
    #[serde(serialize_with = "each")]
    items: Vec<Arc<Record>>,
}

fn each<S: Serializer>(items: &[Arc<Record>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|record| &**record))
}

#[derive(Debug)]
pub(super) struct Store {
    cap: usize,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    /// Their ids have no gaps.
    newest_last: VecDeque<Arc<Record>>,
    submitted: u64,
}

impl Store {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            records: Mutex::default(),
        }
    }

    pub(super) fn keep(&self, name: String, statistics: Statistics) -> Arc<Record> {
        let mut records = self.lock();
        records.submitted += 1;
        let record = Arc::new(Record {
            id: records.submitted,
            name,
            statistics,
        });
        records.newest_last.push_back(Arc::clone(&record));
        if records.newest_last.len() > self.cap {
            records.newest_last.pop_front();
        }
        record
    }

    pub(super) fn page(&self, offset: u64, limit: u64) -> Page {
        let [offset, limit] = [offset, limit].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let records = self.lock();
        let newest_first = records.newest_last.iter().rev();
        Page {
            submitted: records.submitted,
            kept: records.newest_last.len(),
            items: newest_first.skip(offset).take(limit).cloned().collect(),
        }
    }

    /// `None` for a record that has made room, or was never there.
    pub(super) fn find(&self, id: u64) -> Option<Arc<Record>> {
        let records = self.lock();
        let oldest = records.newest_last.front()?.id;
        let place = usize::try_from(id.checked_sub(oldest)?).ok()?;
        records.newest_last.get(place).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Statistics, Store};

    fn filled(cap: usize, count: usize) -> Store {
        let store = Store::new(cap);
        for _ in 0..count {
            store.keep("a".to_owned(), Statistics::of(vec![1.0]).unwrap());
        }
        store
    }

    fn ids(store: &Store, offset: u64, limit: u64) -> Vec<u64> {
        let page = store.page(offset, limit);
        page.items.iter().map(|record| record.id).collect()
    }

    #[test]
    fn the_oldest_make_room() {
        let store = filled(3, 5);
        let page = store.page(0, 10);
        assert_eq!((page.submitted, page.kept), (5, 3));
        assert_eq!(ids(&store, 0, 10), [5, 4, 3]);
        assert!(filled(0, 2).page(0, 10).items.is_empty());
    }

    #[test]
    fn pages_are_parts_of_the_list() {
        let store = filled(10, 5);
        assert_eq!(ids(&store, 0, 2), [5, 4]);
        assert_eq!(ids(&store, 2, 2), [3, 2]);
        assert_eq!(ids(&store, 4, 2), [1]);
        assert!(ids(&store, 5, 2).is_empty());
        assert!(ids(&store, u64::MAX, u64::MAX).is_empty());
    }

    #[test]
    fn records_are_found_while_they_are_kept() {
        let store = filled(3, 5);
        for id in 0..8 {
            let found = store.find(id).map(|record| record.id);
            assert_eq!(found, (3..=5).contains(&id).then_some(id));
        }
        assert!(store.find(u64::MAX).is_none());
        assert!(filled(3, 0).find(1).is_none());
    }
}
