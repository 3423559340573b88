//! As `model.rs`, with fewer cells than threads: some record in the shared ones, and get their
//! own when others end or the cap is raised.
//!
//! The cap belongs to the process, so this test has one to itself.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod machine;

use proptest::prelude::*;
use tallied::pool::{set_thread_cap, shards};

const LARGEST: usize = machine::THREADS - 1;

proptest! {
    #![proptest_config(machine::config())]

    #[test]
    fn readers_find_what_was_recorded_beyond_the_cap(cap in 1..=LARGEST, ops in machine::any_ops()) {
        set_thread_cap(cap);
        machine::run(ops);
        prop_assert!(shards() <= LARGEST, "{} shards", shards());
    }
}
