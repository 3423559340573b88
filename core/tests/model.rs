//! Whatever is done, in whichever order and by whichever threads: a reader finds what a plain
//! model says. Here each thread has cells of its own; `model_cap.rs` has too few for all.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod machine;

use proptest::prelude::*;

proptest! {
    #![proptest_config(machine::config())]

    #[test]
    fn readers_find_what_was_recorded(ops in machine::any_ops()) {
        machine::run(ops);
    }
}
