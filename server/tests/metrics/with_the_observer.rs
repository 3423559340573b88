//! The hoop is put first by hand: then it does not know that nothing is outside of it, and leaves the record to the
//! observer of the response.

const INSTRUMENTED: bool = false;

#[path = "matrix/mod.rs"]
mod matrix;
