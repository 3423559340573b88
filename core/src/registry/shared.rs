//! The list that all handles to a registry share, and which names it writes.

use std::collections::HashMap;

use parking_lot::RwLock;

use super::losses::CollectorLosses;
use super::registered::{Registered, Source};
use crate::error::RegisterError;
use crate::kind::Kind;
use crate::snapshot::Descriptor;
use crate::sync::Arc;

/// What all handles to a registry share.
#[derive(Default)]
pub(super) struct Shared {
    metrics: RwLock<Metrics>,
    pub(super) losses: CollectorLosses,
}

#[derive(Default)]
struct Metrics {
    /// Copied on registration while somebody reads the old list, so that reading it needs no lock.
    registered: Arc<Vec<Registered>>,
    /// Which metric writes samples, or metadata, of a name.
    taken: HashMap<String, Box<str>>,
}

impl Shared {
    /// All that is registered now, in the order of registration.
    pub(super) fn registered(&self) -> Arc<Vec<Registered>> {
        Arc::clone(&self.metrics.read().registered)
    }

    /// Registers them all, or none.
    pub(super) fn insert(&self, entries: Vec<Registered>) -> Result<(), RegisterError> {
        let mut metrics = self.metrics.write();
        let mut taken: Vec<(String, Box<str>)> = Vec::new();
        for entry in &entries {
            let name = entry.descriptor.name();
            for written in names_written(&entry.descriptor) {
                let existing = metrics.taken.get(&written).or_else(|| {
                    let same = taken.iter().find(|(earlier, _)| *earlier == written);
                    same.map(|(_, existing)| existing)
                });
                if let Some(existing) = existing {
                    return Err(RegisterError::Duplicate {
                        name: name.to_owned(),
                        existing: existing.to_string(),
                        sample: written,
                    });
                }
                // The names of one metric are different; a later entry is held against them.
                taken.push((written, name.into()));
            }
        }
        metrics.taken.extend(taken);
        Arc::make_mut(&mut metrics.registered).extend(entries);
        Ok(())
    }

    /// Removes the entries that `goes` holds of; says whether there was one.
    pub(super) fn remove(&self, goes: impl Fn(&Registered) -> bool) -> bool {
        let mut metrics = self.metrics.write();
        let all = metrics.registered.iter().cloned();
        let (removed, staying): (Vec<_>, Vec<_>) = all.partition(goes);
        for entry in &removed {
            for name in names_written(&entry.descriptor) {
                metrics.taken.remove(&name);
            }
        }
        let before = std::mem::replace(&mut metrics.registered, Arc::new(staying));
        // What is dropped from here on may be the application's, and use the registry.
        drop(metrics);
        drop(before);
        for entry in &removed {
            if let Source::Computed { computed, .. } = &entry.source {
                self.losses.end(computed.name());
            }
        }
        !removed.is_empty()
    }
}

/// Every name that a metric writes in some format: of its samples, and of its metadata.
fn names_written(descriptor: &Descriptor) -> Vec<String> {
    let kind = descriptor.kind;
    // `_created` is OpenMetrics', and reserved even where it is not written.
    let created = (kind != Kind::Gauge).then_some("_created");
    [""].iter()
        .chain(kind.sample_suffixes())
        .chain(&created)
        .map(|suffix| format!("{}{suffix}", descriptor.name))
        .collect()
}
