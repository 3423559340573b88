//! prometheus-client's example of a custom metric, on this crate: a value that is made up when it
//! is asked for.
//!
//! There a type implements `EncodeMetric` and calls an encoder; here a function returns the value.
//! It runs apart, so that a slow one, or one that panics, costs the scrape nothing but itself.
//!
//! `cargo run -p tallied --example custom_metric`

#![expect(clippy::print_stdout, reason = "it shows the document")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use tallied::{CounterFn, RegisterError, Registry};

fn main() -> Result<(), RegisterError> {
    let registry = Registry::default();
    registry.register(
        "my_custom_metric",
        "Custom metric returning a random number on each scrape",
        CounterFn::new(|| RandomState::new().build_hasher().finish()),
    )?;
    print!("{}", registry.openmetrics());
    Ok(())
}
