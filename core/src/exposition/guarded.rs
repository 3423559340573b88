//! A metric that panics costs itself, not the document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{ReadError, panic_message};
use crate::registry::Registered;

/// What a format is written to.
pub(super) trait Buffer {
    fn len(&self) -> usize;
    fn truncate(&mut self, len: usize);
}

impl Buffer for String {
    fn len(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

impl Buffer for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// Runs what encodes `metric`; where it fails or panics, takes back what it had written.
pub(super) fn guarded<B: Buffer, T>(
    into: &mut B,
    metric: &Registered,
    encode: impl FnOnce(&mut B) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let begin = into.len();
    // Unwind safe: what is written is taken back, reading changes nothing in a metric, and the
    // kernel's locks and guards are let go of by their drops.
    let encoded = catch_unwind(AssertUnwindSafe(|| encode(into))).unwrap_or_else(|panic| {
        Err(ReadError::Panicked {
            name: metric.descriptor().name().into(),
            message: panic_message(&*panic).into(),
        })
    });
    if encoded.is_err() {
        into.truncate(begin);
    }
    encoded
}
