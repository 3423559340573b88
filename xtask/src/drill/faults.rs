//! What is done to the servers, and which alerts it must raise; and the alerts that nothing here can raise, with why.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};

#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Each must fire, and be delivered.
    pub(super) raises: &'static [Raised],
    /// What it may raise besides.
    pub(super) may_raise: &'static [Raised],
    /// The longest that it may take until all are delivered.
    pub(super) within: Duration,
}

/// An alert, and which of those with its name.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) alert: &'static str,
    /// A label and its value; an instance by the name that the drill gives it.
    pub(super) on: Option<(&'static str, &'static str)>,
}

/// Of the whole job: it has neither endpoint nor instance.
const fn job(alert: &'static str) -> Raised {
    Raised { alert, on: None }
}

const fn endpoint(alert: &'static str, endpoint: &'static str) -> Raised {
    let on = Some(("endpoint", endpoint));
    Raised { alert, on }
}

const fn instance(alert: &'static str, instance: &'static str) -> Raised {
    let on = Some(("instance", instance));
    Raised { alert, on }
}

/// The servers: one that visitors use, one behind a relay that is killed and frozen, one that is crowded.
pub(super) const VISITED: &str = "visited";
pub(super) const FAR: &str = "far";
pub(super) const CROWDED: &str = "crowded";

const FAULT: &str = "/fault";

/// A window and a `for` of up to 15 s each, and Alertmanager's waits of up to 15 s; and a machine that has something else to do.
const WITHIN: Duration = Duration::from_secs(90);

/// Always fires, so no fault raises it.
pub(super) const ALWAYS: &str = "TalliedWatchdog";

pub(super) const ERRORS: Fault = Fault {
    name: "errors",
    what: "10 requests a second are answered with 500, beside 50 that are well",
    raises: &[
        job("TalliedErrorBurn1h"),
        job("TalliedErrorBurn6h"),
        job("TalliedErrorBurn1d"),
        job("TalliedErrorBurn3d"),
        endpoint("TalliedEndpointErrors", FAULT),
    ],
    may_raise: &[],
    // The slowest waits for 3 hours, which are 3 minutes.
    within: Duration::from_secs(420),
};

pub(super) const SLOW: Fault = Fault {
    name: "slow answers",
    what: "50 clients ask for answers that take 1.5 s",
    raises: &[
        job("TalliedLatencyBurn1h"),
        job("TalliedLatencyBurn6h"),
        endpoint("TalliedHighLatencyP99", FAULT),
    ],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const BLOCKED: Fault = Fault {
    name: "blocking handler",
    what: "a handler blocks a worker for 150 ms, once a second",
    raises: &[endpoint("TalliedHandlerBlocksRuntime", FAULT)],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const CANCELLED: Fault = Fault {
    name: "impatient clients",
    what: "clients leave after 50 ms, before they have an answer",
    raises: &[endpoint("TalliedManyCancelled", FAULT)],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const BROKEN: Fault = Fault {
    name: "broken answers",
    what: "streamed answers break off in the middle",
    raises: &[endpoint("TalliedBrokenAnswers", FAULT)],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const HAMMERED: Fault = Fault {
    name: "greedy scrapers",
    what: "2 clients ask for /metrics as fast as they are answered",
    raises: &[instance("TalliedHighCpu", VISITED)],
    // With two processors for all of this.
    may_raise: &[
        instance("TalliedScrapeSlow", VISITED),
        instance("TalliedScrapesFailing", VISITED),
        instance("TalliedTargetDown", VISITED),
        endpoint("TalliedHandlerBlocksRuntime", "/data"),
        endpoint("TalliedHandlerBlocksRuntime", "/metrics"),
    ],
    within: WITHIN,
};

pub(super) const SLOW_LINK: Fault = Fault {
    name: "slow network",
    what: "scrapes of one server take a quarter of a second longer",
    raises: &[instance("TalliedScrapeSlow", FAR)],
    may_raise: &[
        instance("TalliedScrapesFailing", FAR),
        instance("TalliedTargetDown", FAR),
    ],
    within: WITHIN,
};

pub(super) const FREEZES: Fault = Fault {
    name: "frozen process",
    what: "a process stands still for a second, again and again (SIGSTOP, SIGCONT)",
    raises: &[instance("TalliedScrapesFailing", FAR)],
    may_raise: &[
        instance("TalliedScrapeSlow", FAR),
        instance("TalliedTargetDown", FAR),
    ],
    within: WITHIN,
};

pub(super) const OVERFLOW: Fault = Fault {
    name: "many endpoints",
    what: "a server that has series for one endpoint is asked for others",
    raises: &[instance("TalliedEndpointOverflow", FAR)],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const RESTARTS: Fault = Fault {
    name: "crash loop",
    what: "a process is killed with SIGKILL and started anew, four times",
    raises: &[instance("TalliedRestarts", FAR)],
    may_raise: &[
        instance("TalliedScrapesFailing", FAR),
        instance("TalliedTargetDown", FAR),
    ],
    within: WITHIN,
};

pub(super) const DOWN: Fault = Fault {
    name: "dead server",
    what: "the process is killed with SIGKILL, and stays away",
    raises: &[instance("TalliedTargetDown", FAR)],
    may_raise: &[instance("TalliedScrapesFailing", FAR)],
    within: WITHIN,
};

pub(super) const CROWD: Fault = Fault {
    name: "crowd",
    what: "all connections of a server are taken by handlers that do not end and uploads that stop, and others knock",
    raises: &[
        instance("TalliedFileDescriptors", CROWDED),
        instance("TalliedConnectionsRefused", CROWDED),
        instance("TalliedInFlightStuck", CROWDED),
        instance("TalliedHighMemory", CROWDED),
    ],
    // When the clients leave, all that waited was slow, and cancelled.
    may_raise: &[
        job("TalliedLatencyBurn1h"),
        job("TalliedLatencyBurn6h"),
        endpoint("TalliedHighLatencyP99", FAULT),
        endpoint("TalliedHighLatencyP99", "/data"),
        endpoint("TalliedManyCancelled", FAULT),
        endpoint("TalliedManyCancelled", "/data"),
    ],
    within: WITHIN,
};

pub(super) const SILENCE: Fault = Fault {
    name: "no visitors",
    what: "all clients stay away; yesterday they did not",
    raises: &[job("TalliedTrafficDrop")],
    may_raise: &[],
    within: WITHIN,
};

pub(super) const ABSENT: Fault = Fault {
    name: "no targets",
    what: "service discovery finds no server any more",
    raises: &[job("TalliedJobAbsent")],
    may_raise: &[],
    within: WITHIN,
};

/// In the order of the report.
pub(super) const ALL: [&Fault; 14] = [
    &ERRORS, &SLOW, &BLOCKED, &CANCELLED, &BROKEN, &HAMMERED, &SLOW_LINK, &FREEZES, &OVERFLOW,
    &RESTARTS, &DOWN, &CROWD, &SILENCE, &ABSENT,
];

/// What the drill cannot raise, and why.
pub(super) const CANNOT: [(&str, &str); 6] = [
    (
        "TalliedNearSampleLimit",
        "needs 560,000 samples in a scrape; this server has the series of its own ten routes, some 1,400, whoever asks \
         for what. An application with a thousand routes can come there.",
    ),
    (
        "TalliedNearMemoryLimit",
        "needs a cgroup with a limit, which takes root, or a container; collectors/tests/faults/cgroups.rs has one.",
    ),
    (
        "TalliedCpuThrottled",
        "needs a cgroup with a limit, which takes root, or a container; collectors/tests/faults/cgroups.rs has one.",
    ),
    (
        "TalliedCollectorTimeouts",
        "needs a collector that hangs; those of this server have their figures from memory, or give up what hangs. An \
         application's own may.",
    ),
    (
        "TalliedDiskError",
        "needs a file system that does not answer, which takes root to mount; collectors/tests/faults/hung.rs has one.",
    ),
    (
        "TalliedScrapeIncomplete",
        "needs a collector that panics or fails; this server registers none that can. An application that brings its \
         own registry may.",
    ),
];

/// Each alert of the kit is raised by one fault, is the one that always fires, or is said to be out of reach.
pub(super) fn check_complete(alerts: &BTreeSet<&str>) -> Result<()> {
    let raised = ALL.iter().flat_map(|fault| fault.raises);
    let raised = raised.map(|raised| raised.alert);
    let cannot = CANNOT.iter().map(|(alert, _)| *alert);
    let mut known = BTreeSet::new();
    for alert in raised.chain(cannot).chain([ALWAYS]) {
        ensure!(
            known.insert(alert),
            "{alert} is in xtask/src/drill/faults.rs twice"
        );
    }
    let missing: Vec<_> = alerts.difference(&known).collect();
    ensure!(
        missing.is_empty(),
        "no fault in xtask/src/drill/faults.rs raises {missing:?}, and none says why: add them"
    );
    let gone: Vec<_> = known.difference(alerts).collect();
    ensure!(
        gone.is_empty(),
        "xtask/src/drill/faults.rs names {gone:?}, which no rule has: take them out"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_that_is_nowhere_or_is_gone_is_named() {
        let raised = ALL.iter().flat_map(|fault| fault.raises);
        let raised = raised.map(|raised| raised.alert);
        let cannot = CANNOT.iter().map(|(alert, _)| *alert);
        let mut alerts: BTreeSet<&str> = raised.chain(cannot).chain([ALWAYS]).collect();
        check_complete(&alerts).unwrap();
        alerts.insert("TalliedNew");
        let error = check_complete(&alerts).unwrap_err().to_string();
        assert!(error.contains("TalliedNew"), "{error}");
        alerts.remove("TalliedNew");
        alerts.remove("TalliedHighCpu");
        let error = check_complete(&alerts).unwrap_err().to_string();
        assert!(error.contains("TalliedHighCpu"), "{error}");
    }
}
