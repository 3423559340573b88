//! What only Salvo has: hoops inside and outside of ours, catchers, its own bodies and routes.

/// Why these are no cases of the others.
pub(crate) const BECAUSE: &str = "## Salvo only\n\nHoops inside and outside of ours, catchers, CORS, time limits, compression, events and WebSockets as Salvo makes them.";

mod answers;
mod before_the_last_byte;
mod compression;
mod ends;
mod two_metrics;
mod websocket;
