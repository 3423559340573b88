//! Polls that block a worker of the runtime.

use tallied::{Buckets, Family, Histogram, Registry};

use super::{findings, state};
use crate::model::tests::Watched;

#[test]
fn what_blocks_a_worker_is_said_for_ten_seconds() {
    let registry = Registry::default();
    let bounds = [1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 1.0];
    let bounds = Buckets::new(bounds).unwrap();
    let polls =
        Family::new_with_constructor(["endpoint"], move || Histogram::with_buckets(&bounds));
    registry
        .register("http_handler_poll_seconds", "Polls", polls.clone())
        .unwrap();
    let poll = |endpoint: &str, seconds: f64| polls.get_or_create(&[endpoint]).observe(seconds);
    let mut watched = Watched::new(&registry);
    poll("/before", 2.0);
    watched.read();
    watched.read();
    let shown = state(&watched);
    assert!(findings(&shown).is_empty(), "{:?}", findings(&shown));
    for seconds in [0.000_05, 0.05, 0.051, 0.06, 0.1, 0.3] {
        poll("/report", seconds);
    }
    poll("/once", 0.06);
    poll("/long", 7.0);
    // As long as it may be.
    poll("/well", 0.05);
    watched.read();
    poll("/long", 0.06);
    watched.read();
    let shown = state(&watched);
    let remedy = "move blocking work to spawn_blocking";
    let said = |endpoint: &str, times: &str, longest: &str| {
        format!(
            "{endpoint} blocked a worker of the runtime {times} for more than 50 ms, at the longest {longest}: {remedy}"
        )
    };
    assert_eq!(
        findings(&shown),
        [
            said("/report", "4 times", "between 100 ms and 1 s"),
            said("/long", "2 times", "more than 1 s"),
            said("/once", "once", "between 50 ms and 100 ms"),
        ]
    );
    let found = &shown["findings"][0];
    assert_eq!(found["link"], "#http_handler_poll_seconds");
    assert_eq!(found["level"], "warn");
    let queries = shown["promql"]["process"].as_array().unwrap();
    assert!(
        queries.iter().any(|query| query[1]
            .as_str()
            .unwrap()
            .contains("http_handler_poll_seconds_bucket{le=\"0.05\"}")),
        "{queries:?}"
    );
    for _ in 0..8 {
        watched.read();
        assert_eq!(findings(&state(&watched)).len(), 3);
    }
    watched.read();
    // What came a second later goes a second later.
    let later = said("/long", "once", "between 50 ms and 100 ms");
    assert_eq!(findings(&state(&watched)), [later]);
    watched.read();
    assert!(findings(&state(&watched)).is_empty());
}
