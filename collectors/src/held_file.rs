//! A file of the kernel's that is kept open, and read from its beginning each time.
//!
//! It can be read when the process has used all its file descriptors, which is when its figures
//! matter most. It costs one descriptor.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct HeldFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<File>,
    content: Vec<u8>,
}

impl HeldFile {
    /// Opens the file. If that fails, each reading tries again.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let state = State {
            file: File::open(&path).ok(),
            content: Vec::new(),
        };
        Self {
            path,
            state: Mutex::new(state),
        }
    }

    /// What `parse` makes of the content; `None` if the file cannot be read.
    pub(crate) fn read<T>(&self, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { file, content } = &mut *state;
        let held = file.as_mut().is_some_and(|file| fill(file, content));
        if !held {
            *file = File::open(&self.path).ok();
            if !fill(file.as_mut()?, content) {
                return None;
            }
        }
        parse(content)
    }
}

/// Reads all of the file; says whether it could.
fn fill(file: &mut File, content: &mut Vec<u8>) -> bool {
    content.clear();
    file.seek(SeekFrom::Start(0)).is_ok() && file.read_to_end(content).is_ok()
}
