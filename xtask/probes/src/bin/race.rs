//! A value handed to another thread, in the right order or in none: `cargo +nightly tsan-control`.
//!
//! `race ordered` is right. `race relaxed` is a data race on purpose; a sanitizer that does not report it
//! says nothing when it reports nothing elsewhere.

use std::cell::UnsafeCell;
use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

struct Shared {
    value: UnsafeCell<u64>,
    written: AtomicBool,
}

// SAFETY: written before `written` is set, read after: in order if it is set and read in order, and on
// purpose not otherwise.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    value: UnsafeCell::new(0),
    written: AtomicBool::new(false),
};

fn main() -> ExitCode {
    let (store, load) = match env::args().nth(1).as_deref() {
        Some("ordered") => (Ordering::Release, Ordering::Acquire),
        Some("relaxed") => (Ordering::Relaxed, Ordering::Relaxed),
        _ => return ExitCode::from(2),
    };
    let writer = thread::spawn(move || {
        // SAFETY: the reader waits for the store below; whether that is enough is the question.
        unsafe { *SHARED.value.get() = 7 };
        SHARED.written.store(true, store);
    });
    while !SHARED.written.load(load) {
        std::hint::spin_loop();
    }
    // SAFETY: as above.
    let value = unsafe { *SHARED.value.get() };
    let joined = writer.join().is_ok();
    if joined && value == 7 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
