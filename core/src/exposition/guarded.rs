//! A metric that panics costs itself, not the document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{ReadError, panic_message};
use crate::registry::Registered;

/// Runs what encodes `metric`; where it fails or panics, takes back what it had written.
pub(super) fn guarded(
    into: &mut String,
    metric: &Registered,
    encode: impl FnOnce(&mut String) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
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
