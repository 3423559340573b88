//! A hash map that only grows: what is in it lives as long as the process.
//!
//! Guarantees: a lookup takes no lock, writes nothing and allocates nothing; what was inserted before a lookup is found. There
//! are never two entries of one key, and never more than the inserting code lets in, because insertions take turns.
//!
//! Costs: a hash and a walk along a chain, which is short up to the expected number of entries. An entry is never freed.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;

pub(crate) struct AppendOnly<V: 'static> {
    hasher: RandomState,
    chains: Box<[Link<V>]>,
    len: AtomicUsize,
    insertion: Mutex<()>,
}

type Link<V> = OnceLock<&'static Node<V>>;

struct Node<V: 'static> {
    hash: u64,
    value: V,
    next: Link<V>,
}

impl<V> AppendOnly<V> {
    /// For about so many entries; more make lookups slower.
    pub(crate) fn new(expected: usize) -> Self {
        let chains = expected.clamp(8, 4_096).next_power_of_two();
        Self {
            hasher: RandomState::default(),
            chains: (0..chains).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            insertion: Mutex::new(()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        // Relaxed: a number to be shown, or read by the holder of the lock.
        self.len.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn get<K: Hash + Eq + ?Sized>(&self, key: &K) -> Option<&'static V>
    where
        V: Borrow<K>,
    {
        self.find(self.hasher.hash_one(key), key).ok()
    }

    /// The entry of a key. If there is none, `make` makes it, or refuses; it is told how many entries there are.
    #[cold]
    pub(crate) fn get_or_insert<K: Hash + Eq + ?Sized>(
        &self,
        key: &K,
        make: impl FnOnce(usize) -> Option<V>,
    ) -> Option<&'static V>
    where
        V: Borrow<K>,
    {
        let turn = self.insertion.lock();
        let _turn = turn.unwrap_or_else(PoisonError::into_inner);
        let hash = self.hasher.hash_one(key);
        let end = match self.find(hash, key) {
            Ok(found) => return Some(found),
            Err(end) => end,
        };
        let value = make(self.len())?;
        let node = Box::leak(Box::new(Node {
            hash,
            value,
            next: OnceLock::new(),
        }));
        self.len.fetch_add(1, Ordering::Relaxed);
        Some(&end.get_or_init(|| node).value)
    }

    /// The entry of a key, or the end of the chain where it would stand.
    #[inline]
    fn find<K: Eq + ?Sized>(&self, hash: u64, key: &K) -> Result<&'static V, &Link<V>>
    where
        V: Borrow<K>,
    {
        let mut link = &self.chains[hash as usize & (self.chains.len() - 1)];
        while let Some(node) = link.get() {
            if node.hash == hash && node.value.borrow() == key {
                return Ok(&node.value);
            }
            link = &node.next;
        }
        Err(link)
    }
}

impl<V> fmt::Debug for AppendOnly<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppendOnly")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::AppendOnly;

    #[test]
    fn threads_share_one_entry_a_key_and_never_exceed_the_limit() {
        const LIMIT: usize = 100;
        // Chains of a dozen.
        let map = AppendOnly::<String>::new(8);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..2 * LIMIT {
                        let key = i.to_string();
                        let room = |len| (len < LIMIT).then(|| key.clone());
                        let found = map.get_or_insert(&*key, room);
                        // What is refused is refused for good.
                        let again = map.get(&*key);
                        let address =
                            |found: Option<&'static String>| found.map(std::ptr::from_ref);
                        assert_eq!(address(found), address(again), "{key}");
                    }
                });
            }
        });
        assert_eq!(map.len(), LIMIT);
        let keys = (0..2 * LIMIT).map(|i| i.to_string());
        assert_eq!(keys.filter(|key| map.get(&**key).is_some()).count(), LIMIT);
    }
}
