#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
