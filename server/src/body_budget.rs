//! The memory that all request bodies in progress share.
//!
//! A body takes from the budget what its buffer allocates, as the buffer grows, and gives it back when it is dropped: when its
//! request ends, however it ends. Where the budget is used up, the oldest body makes room, once it is older than
//! [`ROOM_AFTER`]: its buffer is freed at once, whatever its client does. So slow clients, however many, hold off
//! the others for at most that long. If no body is old enough, the new one is refused.
//!
//! What hyper has read and not handed over yet is not in the budget; the listener bounds it for each connection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tallied::{Counter, RegisterError, Registry, Unit, UpDownCounter};

/// How long a body has its memory for certain.
const ROOM_AFTER: Duration = Duration::from_secs(2);

/// When a body that was refused may be tried again, in seconds: room is made by then, unless others were faster.
pub(super) const RETRY_AFTER: &str = "2";

/// The least that a buffer allocates at a time, unless the body is known to be smaller.
const MIN_CAPACITY: usize = 1_024;

/// Clones share the budget.
#[derive(Debug, Clone)]
pub(super) struct BodyBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    room_after: Duration,
    next: AtomicU64,
    bodies: Mutex<Bodies>,
    bytes: UpDownCounter,
    refused: Counter,
}

#[derive(Debug, Default)]
struct Bodies {
    /// What all of them have taken.
    taken: usize,
    /// Those that have taken something, in the order of their beginning.
    all: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    bytes: usize,
    since: Instant,
    buffer: Arc<Mutex<Option<Vec<u8>>>>,
}

/// There is no memory for more of this body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under one of these locks leaves nothing half done that matters.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BodyBudget {
    /// A budget of so many bytes, with its metrics.
    ///
    /// # Errors
    /// When the registry holds a metric of one of their names already.
    pub(super) fn register(limit: usize, registry: &Registry) -> Result<Self, RegisterError> {
        let budget = Self::new(limit, ROOM_AFTER);
        registry.register_with_unit(
            "tallied_request_body",
            "Memory that the request bodies in progress take",
            Unit::Bytes,
            budget.0.bytes.clone(),
        )?;
        registry.register(
            "tallied_request_bodies_refused",
            "Request bodies that were refused, or gave up their memory, because limits.bodies_bytes was used up",
            budget.0.refused.clone(),
        )?;
        Ok(budget)
    }

    fn new(limit: usize, room_after: Duration) -> Self {
        Self(Arc::new(Shared {
            limit,
            room_after,
            next: AtomicU64::new(0),
            bodies: Mutex::default(),
            bytes: UpDownCounter::default(),
            refused: Counter::default(),
        }))
    }

    /// A body that has taken nothing yet, and will take no more than `most` bytes.
    pub(super) fn body(&self, most: usize) -> KeptBody {
        KeptBody {
            // Relaxed: only that each is given once matters; the order is that of beginnings, or near it.
            id: self.0.next.fetch_add(1, Ordering::Relaxed),
            since: Instant::now(),
            most,
            capacity: 0,
            buffer: Arc::new(Mutex::new(Some(Vec::new()))),
            budget: self.clone(),
        }
    }
}

/// A body that is being kept.
#[derive(Debug)]
pub(super) struct KeptBody {
    id: u64,
    since: Instant,
    most: usize,
    /// What was taken for the buffer, and is its capacity.
    capacity: usize,
    /// `None` once it had to make room. Behind a lock, so that it can be freed for another body while its task waits.
    buffer: Arc<Mutex<Option<Vec<u8>>>>,
    budget: BodyBudget,
}

impl KeptBody {
    /// Appends a part. Where there is no memory for it, all that was kept is given back.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), Full> {
        let length = match &*lock(&self.buffer) {
            Some(buffer) => buffer.len() + part.len(),
            // It was refused when it made room.
            None => return Err(Full),
        };
        if length > self.capacity {
            let capacity = (2 * self.capacity)
                .max(MIN_CAPACITY)
                .min(self.most)
                .max(length);
            if !self.take(capacity) {
                self.give_back();
                self.budget.0.refused.inc();
                return Err(Full);
            }
        }
        match &mut *lock(&self.buffer) {
            Some(buffer) => {
                buffer.reserve_exact(self.capacity - buffer.len());
                buffer.extend_from_slice(part);
                Ok(())
            }
            None => Err(Full),
        }
    }

    /// The body, if it is still there. What it takes stays taken until `self` is dropped.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Full> {
        lock(&self.buffer).take().ok_or(Full)
    }

    /// Frees the buffer and gives its memory back.
    fn give_back(&mut self) {
        *lock(&self.buffer) = None;
        let mut bodies = lock(&self.budget.0.bodies);
        bodies.remove(self.id, &self.budget.0.bytes);
        self.capacity = 0;
    }

    /// Takes memory for a larger capacity, from the oldest bodies where there is no other.
    fn take(&mut self, capacity: usize) -> bool {
        let Shared {
            limit,
            room_after,
            bytes,
            refused,
            ..
        } = &*self.budget.0;
        let more = capacity - self.capacity;
        let mut bodies = lock(&self.budget.0.bodies);
        while bodies.taken.saturating_add(more) > *limit {
            match bodies.all.first_key_value() {
                Some((&oldest, other))
                    if oldest < self.id && other.since.elapsed() >= *room_after =>
                {
                    *lock(&other.buffer) = None;
                    bodies.remove(oldest, bytes);
                    refused.inc();
                }
                _ => return false,
            }
        }
        bodies.taken += more;
        bytes.inc_by(more as u64);
        let taken = bodies.all.entry(self.id).or_insert_with(|| Taken {
            bytes: 0,
            since: self.since,
            buffer: Arc::clone(&self.buffer),
        });
        taken.bytes += more;
        self.capacity = capacity;
        true
    }
}

impl Bodies {
    fn remove(&mut self, id: u64, bytes: &UpDownCounter) {
        if let Some(gone) = self.all.remove(&id) {
            self.taken -= gone.bytes;
            bytes.dec_by(gone.bytes as u64);
        }
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BodyBudget, Full, KeptBody};

    const KIB: &[u8] = &[b'x'; 1_024];

    /// What is taken, by the books and by the gauge, and how many bodies were refused.
    fn books(budget: &BodyBudget) -> (usize, i64, u64) {
        let taken = super::lock(&budget.0.bodies).taken;
        (taken, budget.0.bytes.get(), budget.0.refused.get())
    }

    fn capacity(body: &KeptBody) -> usize {
        super::lock(&body.buffer).as_ref().map_or(0, Vec::capacity)
    }

    #[test]
    fn what_is_taken_is_what_is_allocated_and_is_given_back() {
        let budget = BodyBudget::new(1 << 20, Duration::ZERO);
        let mut body = budget.body(100_000);
        for part in [1, 1_022, 1, 1, 50_000, 48_975] {
            body.push(&vec![b'x'; part]).unwrap();
            assert_eq!(books(&budget).0, capacity(&body), "after {part}");
        }
        assert_eq!(capacity(&body), 100_000, "no more than it will be");
        assert_eq!(body.bytes().unwrap().len(), 100_000);
        assert_eq!(books(&budget), (100_000, 100_000, 0), "until it is dropped");
        drop(body);
        assert_eq!(books(&budget), (0, 0, 0));
        // A body that is known to be small takes no more.
        let mut small = budget.body(10);
        small.push(b"12345").unwrap();
        assert_eq!((capacity(&small), books(&budget).0), (10, 10));
    }

    #[test]
    fn where_no_body_is_old_the_new_one_is_refused() {
        let budget = BodyBudget::new(2_048, Duration::MAX);
        let mut first = budget.body(1 << 20);
        first.push(KIB).unwrap();
        let mut second = budget.body(1 << 20);
        second.push(KIB).unwrap();
        assert_eq!(budget.body(1 << 20).push(b"x"), Err(Full));
        // Nor may one grow; what it had is free for the other.
        assert_eq!(second.push(b"x"), Err(Full));
        assert_eq!(books(&budget), (1_024, 1_024, 2));
        first.push(b"x").unwrap();
        assert_eq!(first.bytes().unwrap().len(), 1_025);
    }

    #[test]
    fn the_oldest_body_makes_room() {
        let budget = BodyBudget::new(2_048, Duration::ZERO);
        let mut bodies = [0, 1, 2].map(|_| budget.body(1 << 20));
        let [oldest, second, third] = &mut bodies;
        oldest.push(KIB).unwrap();
        second.push(KIB).unwrap();
        third.push(KIB).unwrap();
        assert_eq!(
            capacity(oldest),
            0,
            "freed at once, and not when its client sends again"
        );
        assert_eq!(oldest.push(b"x"), Err(Full));
        assert_eq!(books(&budget), (2_048, 2_048, 1), "counted once");
        // It does not get room from younger ones, however old.
        let mut late = budget.body(1 << 20);
        late.push(KIB).unwrap();
        assert_eq!(capacity(second), 0);
        assert_eq!(third.push(b"x"), Err(Full));
        assert_eq!(late.push(b"x"), Ok(()));
        drop(bodies);
        assert_eq!(books(&budget), (2_048, 2_048, 3));
    }
}
