//! The file systems of `/proc/self/mountinfo`, each asked with statvfs(2).

use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statvfs, statx};
use rustix::io::Errno;

use super::probes::Probes;
use super::selection::select;
use super::{Figures, FileSystem, MAX_FILE_SYSTEMS, Sizes};
use crate::held_file::HeldFile;
use crate::label::label;
use crate::mountinfo::{self, Mount};

/// The most mounts of a file system that are tried for the one to show it at.
const MAX_MOUNTS: usize = 100;

#[derive(Debug)]
pub(super) struct Source {
    mountinfo: HeldFile,
    probes: Probes<Vec<u8>>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            mountinfo: HeldFile::new("/proc/self/mountinfo"),
            probes: Probes::default(),
        }
    }
}

/// What a file system answered.
enum Answer {
    Sizes {
        mount: String,
        sizes: Sizes,
    },
    Failed {
        mount: String,
    },
    /// There is nothing to show.
    Nothing,
}

impl Source {
    pub(super) fn read(&self, time_limit: Duration) -> Figures {
        let mounts = self.mountinfo.read(|content| {
            let mounts = mountinfo::parse(content);
            (!mounts.is_empty()).then_some(mounts)
        });
        let Some(mounts) = mounts else {
            return Figures::default();
        };
        let mut file_systems = select(mounts);
        let dropped = file_systems.len().saturating_sub(MAX_FILE_SYSTEMS);
        file_systems.truncate(MAX_FILE_SYSTEMS);
        let first = |mounts: &Vec<Mount>| label(&mounts[0].mount_point).into_owned();
        let labels: Vec<String> = file_systems.iter().map(first).collect();
        let jobs = file_systems.into_iter().map(|mut mounts| {
            mounts.truncate(MAX_MOUNTS);
            (mounts[0].device.clone(), mounts)
        });
        let answers = self.probes.ask(jobs.collect(), ask, time_limit);
        let Some(answers) = answers else {
            return Figures::default();
        };
        let shown = labels.into_iter().zip(answers);
        let shown = shown.filter_map(|(label, answer)| {
            let (mount, sizes) = match answer {
                Some(Answer::Sizes { mount, sizes }) => (mount, Some(sizes)),
                Some(Answer::Failed { mount }) => (mount, None),
                Some(Answer::Nothing) => return None,
                None => (label, None),
            };
            Some(FileSystem { mount, sizes })
        });
        Figures {
            shown: shown.collect(),
            dropped: Some(dropped as u64),
        }
    }
}

/// Asks at the first of these mounts that can be used. May hang.
fn ask(mounts: &Vec<Mount>) -> Answer {
    for mount in mounts {
        match sizes(mount) {
            Ok(Some(sizes)) => {
                let mount = label(&mount.mount_point).into_owned();
                return Answer::Sizes { mount, sizes };
            }
            Ok(None) => {}
            // It is not there any more, or it is not for this process to see.
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::NOTDIR) => {}
            Err(_) => {
                let mount = label(&mount.mount_point).into_owned();
                return Answer::Failed { mount };
            }
        }
    }
    Answer::Nothing
}

/// `None` where the mount shows nothing.
fn sizes(mount: &Mount) -> Result<Option<Sizes>, Errno> {
    let wanted = StatxFlags::TYPE | StatxFlags::MNT_ID;
    match statx(CWD, mount.path(), AtFlags::NO_AUTOMOUNT, wanted) {
        Ok(seen) => {
            let is_folder = FileType::from_raw_mode(seen.stx_mode.into()) == FileType::Directory;
            // Another id: another mount covers this one. Linux tells it since 5.8.
            let tells_id = seen.stx_mask & StatxFlags::MNT_ID.bits() != 0;
            if !is_folder || tells_id && seen.stx_mnt_id != mount.id {
                return Ok(None);
            }
        }
        Err(Errno::NOSYS) => {}
        Err(error) => return Err(error),
    }
    let seen = statvfs(mount.path())?;
    Ok((seen.f_blocks > 0).then(|| Sizes {
        total: seen.f_blocks.saturating_mul(seen.f_frsize),
        available: seen.f_bavail.saturating_mul(seen.f_frsize),
    }))
}
