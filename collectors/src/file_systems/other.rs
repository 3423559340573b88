//! The file systems as sysinfo shows them.

use std::time::Duration;

use sysinfo::Disks;

use super::{Figures, FileSystem, MAX_FILE_SYSTEMS, Sizes};
use crate::label::path_label;

#[derive(Debug, Default)]
pub(super) struct Source;

impl Source {
    /// The time limit is the collector's.
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn read(&self, _: Duration) -> Figures {
        let Ok(disks) = Disks::new_with_refreshed_list() else {
            return Figures::default();
        };
        let shown = disks.iter().map(|disk| FileSystem {
            mount: path_label(disk.mount_point()).into_owned(),
            sizes: Some(Sizes {
                total: disk.total_space(),
                available: disk.available_space(),
            }),
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by(|one, other| one.mount.cmp(&other.mount));
        let dropped = shown.len().saturating_sub(MAX_FILE_SYSTEMS);
        shown.truncate(MAX_FILE_SYSTEMS);
        Figures {
            shown,
            dropped: Some(dropped as u64),
        }
    }
}
