//! What a client may make the application hold.

/// The limits of `/data`. A request beyond one of them is answered with a problem that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body that is read, in bytes; beyond it, 413.
    pub body_bytes: usize,
    /// The most values in a record; beyond it, 422.
    pub values: usize,
    /// The longest name of a record, in characters; beyond it, 422.
    pub name_characters: usize,
    /// How many records are kept; the oldest make room. Zero keeps none.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            values: 10_000,
            name_characters: 100,
            records: 1_000,
        }
    }
}
