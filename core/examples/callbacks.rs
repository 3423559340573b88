//! Values that exist already, read when they are scraped: the size of a pool and the length of a
//! queue by callbacks, the statistics of a sharded cache by a collector.
//!
//! `cargo run -p tallied --example callbacks`

#![expect(clippy::print_stdout, reason = "it shows the document")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tallied::{Collector, CounterFn, Description, GaugeFn, RegisterError, Registry, Samples};

/// A cache whose shards have a lock each.
struct Cache {
    shards: Vec<Shard>,
}

#[derive(Default)]
struct Shard {
    entries: Mutex<HashMap<u64, String>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Cache {
    fn get_or_insert(&self, key: u64) -> String {
        let shard = &self.shards[key as usize % self.shards.len()];
        let mut entries = shard.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = entries.get(&key) {
            shard.hits.fetch_add(1, Ordering::Relaxed);
            return value.clone();
        }
        shard.misses.fetch_add(1, Ordering::Relaxed);
        entries.entry(key).or_insert(format!("value {key}")).clone()
    }
}

/// Shows the cache: families that belong together, from one look at each shard.
struct CacheCollector(Arc<Cache>);

impl Collector for CacheCollector {
    fn describe(&self) -> Vec<Description> {
        vec![
            Description::gauge("cache_entries", "Entries in the shard").with_labels(["shard"]),
            Description::counter("cache_lookups", "Lookups, by their result")
                .with_labels(["shard", "result"]),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        for (number, shard) in self.0.shards.iter().enumerate() {
            let number = &*number.to_string();
            let entries = shard.entries.lock().unwrap_or_else(PoisonError::into_inner);
            samples.gauge("cache_entries", &[number], entries.len() as u64);
            for (result, count) in [("hit", &shard.hits), ("miss", &shard.misses)] {
                let count = count.load(Ordering::Relaxed);
                samples.counter("cache_lookups", &[number, result], count);
            }
        }
    }
}

fn main() -> Result<(), RegisterError> {
    let registry = Registry::default();

    let pool = Arc::new(Mutex::new(vec!["connection"; 5]));
    let queue = Arc::new(Mutex::new(vec!["a job", "another"]));
    let (in_pool, in_queue) = (Arc::clone(&pool), Arc::clone(&queue));
    registry.register(
        "pool_connections",
        "Connections that are open",
        GaugeFn::new(move || in_pool.lock().map_or(0, |pool| pool.len()) as u64),
    )?;
    registry.register(
        "queue_length",
        "Jobs that wait; no sample while the queue is locked",
        GaugeFn::optional(move || in_queue.try_lock().ok().map(|queue| queue.len() as u64)),
    )?;
    static EVICTIONS: AtomicU64 = AtomicU64::new(3);
    registry.register(
        "cache_evictions",
        "Entries that made room",
        CounterFn::new(|| EVICTIONS.load(Ordering::Relaxed)),
    )?;

    let cache = Arc::new(Cache {
        shards: std::iter::repeat_with(Shard::default).take(2).collect(),
    });
    let shown = registry.register_collector("cache", CacheCollector(Arc::clone(&cache)))?;
    for key in [1, 2, 1, 1, 3] {
        cache.get_or_insert(key);
    }
    print!("{}", registry.text());

    // Until the guard is dropped, the cache is shown.
    let guard = shown.unregister_on_drop();
    drop(guard);
    println!("--- without the cache:");
    print!("{}", registry.text());
    Ok(())
}
