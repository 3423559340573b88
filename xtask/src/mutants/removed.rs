//! The mutants that somebody has to think of: a required step left out, done twice or done too early.
//! Whoever changes the kernel adds what the change stands on. Orderings need no entry (`orderings.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mutant::Mutant;
use crate::scratch::{Replace, Source};

struct Removed {
    name: &'static str,
    edits: &'static [Replace],
}

const CELL: &str = "core/src/shard/cell.rs";
const GRACE: &str = "core/src/shard/grace.rs";
const LEASE: &str = "core/src/shard/lease.rs";
const OBSERVATION: &str = "core/src/shard/observation.rs";
const PUBLISHED: &str = "core/src/shard/published.rs";
const TABLE: &str = "core/src/shard/table.rs";

/// A store that no mutant of an ordering reaches alone, for `put` has several callers.
const WITH_PUT_RELAXED: Replace = Replace {
    file: CELL,
    find: "    /// The owner's store.\n",
    with: "    pub(crate) fn put_relaxed(&self, value: u64) {\n        \
           self.0.store(value, Ordering::Relaxed);\n    }\n\n    /// The owner's store.\n",
};

const REMOVED: &[Removed] = &[
    Removed {
        name: "cell: an add is not stored",
        edits: &[Replace {
            file: CELL,
            find: "self.put(self.0.owned_load().wrapping_add(n));",
            with: "self.put(self.0.owned_load());",
        }],
    },
    Removed {
        name: "cell: add_shared loads and stores",
        edits: &[Replace {
            file: CELL,
            find: "self.0.fetch_add(n, Ordering::Release);",
            with: "self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);",
        }],
    },
    Removed {
        name: "record: the sum is stored Relaxed",
        edits: &[
            WITH_PUT_RELAXED,
            Replace {
                file: OBSERVATION,
                find: "cells[sum_cell(next)].put(sum.to_bits());",
                with: "cells[sum_cell(next)].put_relaxed(sum.to_bits());",
            },
        ],
    },
    Removed {
        name: "record: the bucket is stored Relaxed",
        edits: &[
            WITH_PUT_RELAXED,
            Replace {
                file: OBSERVATION,
                find: "cells[HEADER + bucket].add(1);",
                with: "cells[HEADER + bucket].put_relaxed(cells[HEADER + bucket].owned() + 1);",
            },
        ],
    },
    Removed {
        name: "record: the count is stored Relaxed",
        edits: &[
            WITH_PUT_RELAXED,
            Replace {
                file: OBSERVATION,
                find: "cells[0].put(next);",
                with: "cells[0].put_relaxed(next);",
            },
        ],
    },
    Removed {
        name: "record: the bucket before the sum",
        edits: &[Replace {
            file: OBSERVATION,
            find: "    cells[sum_cell(next)].put(sum.to_bits());\n    cells[HEADER + bucket].add(1);\n",
            with: "    cells[HEADER + bucket].add(1);\n    cells[sum_cell(next)].put(sum.to_bits());\n",
        }],
    },
    Removed {
        name: "record: the count before the bucket",
        edits: &[Replace {
            file: OBSERVATION,
            find: "    cells[HEADER + bucket].add(1);\n    cells[0].put(next);\n",
            with: "    cells[0].put(next);\n    cells[HEADER + bucket].add(1);\n",
        }],
    },
    Removed {
        name: "record: the count first, the sum last",
        edits: &[
            Replace {
                file: OBSERVATION,
                find: "    cells[sum_cell(next)].put(sum.to_bits());\n",
                with: "    cells[0].put(next);\n",
            },
            Replace {
                file: OBSERVATION,
                find: "    cells[0].put(next);\n",
                with: "    cells[sum_cell(next)].put(sum.to_bits());\n",
            },
        ],
    },
    Removed {
        name: "record: one sum cell instead of two",
        edits: &[Replace {
            file: OBSERVATION,
            find: "    1 + (count & 1) as usize\n",
            with: "    1 + (count & 0) as usize\n",
        }],
    },
    Removed {
        name: "try_read: the count is loaded Relaxed",
        edits: &[Replace {
            file: OBSERVATION,
            find: "let before = cells[0].get();",
            with: "let before = cells[0].get_relaxed();",
        }],
    },
    Removed {
        name: "try_read: the buckets are loaded Relaxed",
        edits: &[Replace {
            file: OBSERVATION,
            find: "*bucket = cell.get();",
            with: "*bucket = cell.get_relaxed();",
        }],
    },
    Removed {
        name: "try_read: the sum is loaded Relaxed",
        edits: &[Replace {
            file: OBSERVATION,
            find: "cells[sum_cell(count)].get()",
            with: "cells[sum_cell(count)].get_relaxed()",
        }],
    },
    Removed {
        name: "try_read: the sum of the count, not of the buckets",
        edits: &[Replace {
            file: OBSERVATION,
            find: "cells[sum_cell(count)].get()",
            with: "cells[sum_cell(before)].get()",
        }],
    },
    Removed {
        name: "try_read: no second look at the count",
        edits: &[Replace {
            file: OBSERVATION,
            find: "if cells[0].get_relaxed() != before {",
            with: "if false {",
        }],
    },
    Removed {
        name: "published: the second publisher keeps its own",
        edits: &[
            Replace {
                file: PUBLISHED,
                find: "unsafe { free(made) };",
                with: "let _ = theirs;",
            },
            Replace {
                file: PUBLISHED,
                find: "unsafe { NonNull::new_unchecked(theirs) }",
                with: "made",
            },
        ],
    },
    Removed {
        name: "lease: the cap is ignored",
        edits: &[Replace {
            file: LEASE,
            find: "if in_use >= free.cap {",
            with: "if false {",
        }],
    },
    Removed {
        name: "lease: a leased shard stays on the free list",
        edits: &[Replace {
            file: LEASE,
            find: "free.shards.pop().unwrap_or_else(",
            with: "free.shards.last().copied().unwrap_or_else(",
        }],
    },
    Removed {
        name: "lease: every new lease gets the first shard",
        edits: &[Replace {
            file: LEASE,
            find: "            free.appended += 1;\n            free.appended - 1\n",
            with: "            free.appended = 1;\n            0\n",
        }],
    },
    Removed {
        name: "lease: not given back",
        edits: &[Replace {
            file: LEASE,
            find: "self.pool.free.lock().shards.push(self.number);",
            with: "",
        }],
    },
    Removed {
        name: "give_back: the cells are not zeroed",
        edits: &[Replace {
            file: LEASE,
            find: "cell.clear();",
            with: "let _ = cell;",
        }],
    },
    Removed {
        name: "give_back: the run is free before its cells are zeroed",
        edits: &[
            Replace {
                file: LEASE,
                find: "        for shard in self.shards() {\n            for cell",
                with: "        self.slots.lock().give_back(run);\n        \
                       for shard in self.shards() {\n            for cell",
            },
            Replace {
                file: LEASE,
                find: "        }\n        self.slots.lock().give_back(run);\n",
                with: "        }\n",
            },
        ],
    },
    Removed {
        name: "sum: the overflow shard is left out",
        edits: &[Replace {
            file: LEASE,
            find: ".chain(std::iter::once(&self.overflow))",
            with: "",
        }],
    },
    Removed {
        name: "observe_on_overflow: no mutex",
        edits: &[Replace {
            file: LEASE,
            find: "let _observer = self.overflow_observer.lock();",
            with: "",
        }],
    },
    Removed {
        name: "enter: not counted",
        edits: &[Replace {
            file: GRACE,
            find: "side.0.count(ENTERED);",
            with: "",
        }],
    },
    Removed {
        name: "enter: no light fence",
        edits: &[Replace {
            file: GRACE,
            find: "self.fence.light();",
            with: "",
        }],
    },
    Removed {
        name: "enter: the light fence before the count",
        edits: &[Replace {
            file: GRACE,
            find: "        side.0.count(ENTERED);\n        self.fence.light();\n",
            with: "        self.fence.light();\n        side.0.count(ENTERED);\n",
        }],
    },
    Removed {
        name: "reclaim: no heavy fence",
        edits: &[Replace {
            file: GRACE,
            find: "self.pending.is_empty() || !grace.fence.heavy()",
            with: "self.pending.is_empty()",
        }],
    },
    Removed {
        name: "reclaim: a new batch has the old one's empty sides",
        edits: &[Replace {
            file: GRACE,
            find: "                self.seen_empty = [false; 2];\n",
            with: "",
        }],
    },
    Removed {
        name: "reclaim: one empty side is enough",
        edits: &[Replace {
            file: GRACE,
            find: "if self.seen_empty != [true; 2] {",
            with: "if self.seen_empty == [false; 2] {",
        }],
    },
    Removed {
        name: "reclaim: the second side is taken to be empty",
        edits: &[Replace {
            file: GRACE,
            find: "                self.seen_empty = [false; 2];\n",
            with: "                self.seen_empty = [false, true];\n",
        }],
    },
    Removed {
        name: "retire: into the batch that is waiting",
        edits: &[Replace {
            file: GRACE,
            find: "self.pending.push(thing);",
            with: "self.waiting.push(thing);",
        }],
    },
    Removed {
        name: "is_empty: those who entered are summed first",
        edits: &[Replace {
            file: GRACE,
            find: "let left = self.0.sum(LEFT);\n        left == self.0.sum(ENTERED)",
            with: "let came = self.0.sum(ENTERED);\n        came == self.0.sum(LEFT)",
        }],
    },
    Removed {
        name: "look: new readers stay on their side",
        edits: &[Replace {
            file: GRACE,
            find: "grace.open.store(1 - open as u64, Ordering::Relaxed);",
            with: "",
        }],
    },
    Removed {
        name: "table: a probe ends at a removed entry",
        edits: &[Replace {
            file: TABLE,
            find: "                Content::Removed => {}\n                Content::Entry(entry) => {\n                    // SAFETY: it was in a slot after",
            with: "                Content::Removed => return None,\n                Content::Entry(entry) => {\n                    // SAFETY: it was in a slot after",
        }],
    },
    Removed {
        name: "table: a removed entry leaves an empty slot",
        edits: &[Replace {
            file: TABLE,
            find: "self.0.store(Self::removed(), Ordering::Release);",
            with: "self.0.store(std::ptr::null_mut(), Ordering::Release);",
        }],
    },
    Removed {
        name: "table: not looked for again under the lock",
        edits: &[Replace {
            file: TABLE,
            find: "if let Some((_, entry)) = self.owned_find(hash, |entry| is(&entry.value)) {",
            with: "if let Some((_, entry)) = self.owned_find(hash, |entry| is(&entry.value)).filter(|_| false) {",
        }],
    },
    Removed {
        name: "table: a removed entry is dropped at once",
        edits: &[Replace {
            file: TABLE,
            find: "turn.limbo.retire(Retired::Entry(entry));",
            with: "drop(Retired::Entry(entry));",
        }],
    },
    Removed {
        name: "table: no second look at the slots of a walk",
        edits: &[Replace {
            file: TABLE,
            find: "Content::Entry(now) if now == *entry)",
            with: "Content::Entry(_) | Content::Empty | Content::Removed)",
        }],
    },
    Removed {
        name: "look_before_inserting: no second look at the removals",
        edits: &[Replace {
            file: TABLE,
            find: "(full && self.removals.load(Ordering::Relaxed) == removals)",
            with: "full",
        }],
    },
    Removed {
        name: "look_before_inserting: the length after the lookup",
        edits: &[
            Replace {
                file: TABLE,
                find: "        let full =\n            matches!(room, Room::Below(max) if self.len.load(Ordering::Acquire) as usize >= max);\n",
                with: "",
            },
            Replace {
                file: TABLE,
                find: "        (full && self.removals.load(Ordering::Relaxed) == removals)",
                with: "        let full =\n            matches!(room, Room::Below(max) if self.len.load(Ordering::Acquire) as usize >= max);\n        (full && self.removals.load(Ordering::Relaxed) == removals)",
            },
        ],
    },
    Removed {
        name: "take_out: the removal is counted after the mark",
        edits: &[Replace {
            file: TABLE,
            find: "            self.removals.store(removals, Ordering::Release);\n            slot.mark_removed();\n",
            with: "            slot.mark_removed();\n            self.removals.store(removals, Ordering::Release);\n",
        }],
    },
    Removed {
        name: "look: new readers change sides although both have some",
        edits: &[Replace {
            file: GRACE,
            find: "if !self.seen_empty[open] && self.seen_empty[1 - open] {",
            with: "if !self.seen_empty[open] {",
        }],
    },
    Removed {
        name: "table: new slots without the old entries",
        edits: &[Replace {
            file: TABLE,
            find: "                place(&new, unsafe { entry.as_ref() }.hash, entry);\n",
            with: "",
        }],
    },
    Removed {
        name: "table: a lookup leaves before what it found is used",
        edits: &[Replace {
            file: TABLE,
            find: "                            _inside: inside,\n",
            with: "                            _inside: {\n                                drop(inside);\n                                self.grace.enter()\n                            },\n",
        }],
    },
    Removed {
        name: "table: old slots are freed at once",
        edits: &[Replace {
            file: TABLE,
            find: "turn.limbo.retire(Retired::Slots(old));",
            with: "drop(Retired::<T>::Slots(old));",
        }],
    },
];

/// All of them, as edits of the files in `sources`.
pub(super) fn mutants(sources: &BTreeMap<PathBuf, Source>) -> Result<Vec<Mutant>> {
    REMOVED
        .iter()
        .map(|removed| mutant(removed, sources))
        .collect()
}

fn mutant(removed: &Removed, sources: &BTreeMap<PathBuf, Source>) -> Result<Mutant> {
    let edits = removed.edits.iter().map(|replace| {
        let stale = || {
            format!(
                "the list is stale: `{}` is to be corrected in {}",
                removed.name,
                file!()
            )
        };
        let source = sources.get(Path::new(replace.file));
        source
            .with_context(|| format!("{} is no file of the kernel", replace.file))
            .and_then(|source| replace.edit(source))
            .with_context(stale)
    });
    let edits = edits.collect::<Result<Vec<_>>>()?;
    // The last edit is the one that the others make possible.
    let site = edits.last().map_or_else(String::new, |edit| {
        let source = &sources[&edit.file];
        let line = source.line(edit.range.start + indentation(&source.text[edit.range.clone()]));
        format!("{}:{line}", edit.file.display())
    });
    Ok(Mutant {
        name: removed.name.to_owned(),
        site,
        mutation: removed.name.to_owned(),
        edits,
    })
}

fn indentation(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "core/src/shard/x.rs";

    fn sources(text: &str) -> BTreeMap<PathBuf, Source> {
        BTreeMap::from([(FILE.into(), Source::new(text.to_owned()))])
    }

    fn of(find: &'static str, text: &str) -> Result<Mutant> {
        let edits = Box::leak(Box::new([Replace {
            file: FILE,
            find,
            with: "",
        }]));
        mutant(&Removed { name: "n", edits }, &sources(text))
    }

    #[test]
    fn a_site_is_the_line_that_is_changed() {
        let text = "fn f() {\n    step();\n}\n";
        let mutant = of("    step();\n", text).unwrap();
        assert_eq!(mutant.site, "core/src/shard/x.rs:2");
        assert_eq!(mutant.edits[0].range, 9..21);
    }

    #[test]
    fn a_stale_list_says_so() {
        let error = of("a", "b").err().unwrap();
        let error = format!("{error:#}");
        assert!(
            error.starts_with("the list is stale: `n`") && error.contains("stands 0 times"),
            "{error}"
        );
    }
}
