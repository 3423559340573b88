//! The process as Linux shows it, through files that are kept open.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, fstat, open, seek};
use rustix::process::Resource;
use rustix::time::{ClockId, clock_gettime};

use super::{Figures, cpu_seconds, limit, stat};
use crate::held_file::HeldFile;

#[derive(Debug)]
pub(super) struct Source {
    stat: HeldFile,
    descriptors: Mutex<Option<OwnedFd>>,
    start_time_seconds: OnceLock<f64>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            stat: HeldFile::new("/proc/self/stat"),
            descriptors: Mutex::new(open_descriptors()),
            start_time_seconds: OnceLock::new(),
        }
    }
}

impl Source {
    pub(super) fn read(&self) -> Figures {
        let stat = self.stat.read(stat::parse);
        let page_size = rustix::param::page_size() as u64;
        Figures {
            cpu_seconds: Some(cpu_seconds()),
            resident_bytes: stat.map(|stat| stat.resident_pages.saturating_mul(page_size)),
            virtual_bytes: stat.map(|stat| stat.virtual_bytes),
            start_time_seconds: stat.map(|stat| {
                *self
                    .start_time_seconds
                    .get_or_init(|| start_time_seconds(stat.start_ticks))
            }),
            open_fds: self.open_fds(),
            threads: stat.map(|stat| stat.threads),
            max_fds: Some(limit(Resource::Nofile)),
            max_virtual_bytes: Some(limit(Resource::As)),
        }
    }

    fn open_fds(&self) -> Option<u64> {
        let mut held = self
            .descriptors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = open_descriptors();
        }
        let folder = held.as_ref()?;
        // Since Linux 6.2 the folder's size is the number of descriptors.
        match u64::try_from(fstat(folder).ok()?.st_size) {
            Ok(count @ 1..) => Some(count),
            _ => count_entries(folder),
        }
    }
}

fn open_descriptors() -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open("/proc/self/fd", flags, Mode::empty()).ok()
}

fn count_entries(folder: &OwnedFd) -> Option<u64> {
    seek(folder, SeekFrom::Start(0)).ok()?;
    let mut buffer = [MaybeUninit::uninit(); 8 << 10];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut count = 0;
    while let Some(entry) = entries.next() {
        let name = entry.ok()?;
        count += u64::from(name.file_name().to_bytes().first() != Some(&b'.'));
    }
    Some(count)
}

/// From the clock ticks between boot and start; rounded to ticks of 10 ms.
fn start_time_seconds(start_ticks: u64) -> f64 {
    let seconds = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let booted = seconds(ClockId::Realtime) - seconds(ClockId::Boottime);
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let started = booted + start_ticks as f64 / ticks_per_second;
    (started * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn descriptors_are_counted_in_both_ways() {
        let source = Source::default();
        let folder = open_descriptors().unwrap();
        // Other tests open and close files meanwhile.
        let agree = (0..1_000).any(|_| {
            let counted = count_entries(&folder);
            counted.is_some() && counted == source.open_fds()
        });
        assert!(agree);
        let before = count_entries(&folder).unwrap();
        let files: Vec<_> = (0..200)
            .map(|_| File::open("/proc/self/stat").unwrap())
            .collect();
        let after = count_entries(&folder).unwrap();
        assert!(after.abs_diff(before + 200) < 100, "{before} {after}");
        drop(files);
    }
}
