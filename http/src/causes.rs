//! What an error wraps.

use std::error::Error;
use std::io;

/// An error, and what caused it, outermost first. What an [`io::Error`] wraps is among them, which its `source` leaves out.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        }
    })
}
