//! The hoop is put around a service by `Instrument::instrument`, and so knows that it is outermost.

const INSTRUMENTED: bool = true;

#[path = "matrix/mod.rs"]
mod matrix;
