//! The process as sysinfo shows it.

use std::sync::{Mutex, PoisonError};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::Figures;

/// `None` where the platform tells nothing.
#[derive(Debug)]
pub(super) struct Source(Option<Mutex<(System, Pid)>>);

impl Default for Source {
    fn default() -> Self {
        let system = System::new().ok();
        let pid = sysinfo::get_current_pid().ok();
        Self(system.zip(pid).map(Mutex::new))
    }
}

impl Source {
    pub(super) fn read(&self) -> Figures {
        let mut figures = Figures::default();
        #[cfg(unix)]
        {
            use rustix::process::Resource;

            figures.cpu_seconds = Some(super::cpu_seconds());
            figures.max_fds = Some(super::limit(Resource::Nofile));
            figures.max_virtual_bytes = Some(super::limit(Resource::As));
        }
        let Some(source) = &self.0 else {
            return figures;
        };
        let (system, pid) = &mut *source.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), false, kind);
        let Some(process) = system.process(*pid) else {
            return figures;
        };
        #[cfg(not(unix))]
        {
            figures.cpu_seconds = Some(process.accumulated_cpu_time() as f64 / 1_000.0);
        }
        figures.resident_bytes = Some(process.memory());
        figures.virtual_bytes = Some(process.virtual_memory());
        figures.start_time_seconds = Some(process.start_time() as f64);
        figures.open_fds = process.open_files().map(|open| open as u64);
        figures
    }
}
