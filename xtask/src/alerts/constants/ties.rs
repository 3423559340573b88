//! What must be the same wherever it stands: a list of places for each number.

use anyhow::Result;

use super::place::{Place, Unit, between, cargo, server, yaml};
use super::sources::Sources;
use crate::alerts::finding::{self, Finding};

/// The same in all places; the first is the one that the others are held against.
struct Tie {
    what: &'static str,
    places: &'static [Place],
}

const PROMETHEUS: &str = "deploy/prometheus/prometheus.yml";
const FLEET: &str = "deploy/fleet/prometheus.yml";
const POD_MONITOR: &str = "deploy/kubernetes/podmonitor.yaml";
const DATA_SOURCE: &str = "deploy/grafana/provisioning/datasources/prometheus.yaml";
const DEPLOYMENT: &str = "deploy/kubernetes/tallied-server.yaml";
const COMPOSE: &str = "compose.yaml";
const DOCKERFILE: &str = "Dockerfile";
const RUNBOOK: &str = "deploy/RUNBOOK.md";
const README: &str = "deploy/README.md";

const TIES: [Tie; 11] = [
    Tie {
        what: "how many samples a scrape may have",
        places: &[
            yaml(
                PROMETHEUS,
                "scrape_configs[job_name=tallied].sample_limit",
                Unit::Plain,
            ),
            yaml(
                FLEET,
                "scrape_configs[job_name=tallied].sample_limit",
                Unit::Plain,
            ),
            yaml(POD_MONITOR, "spec.sampleLimit", Unit::Plain),
        ],
    },
    Tie {
        what: "how large a scrape may be",
        places: &[
            yaml(
                PROMETHEUS,
                "scrape_configs[job_name=tallied].body_size_limit",
                Unit::Bytes,
            ),
            yaml(
                FLEET,
                "scrape_configs[job_name=tallied].body_size_limit",
                Unit::Bytes,
            ),
            yaml(POD_MONITOR, "spec.bodySizeLimit", Unit::Bytes),
        ],
    },
    Tie {
        what: "how long a label's name may be",
        places: &[
            yaml(
                PROMETHEUS,
                "scrape_configs[job_name=tallied].label_name_length_limit",
                Unit::Plain,
            ),
            yaml(
                FLEET,
                "scrape_configs[job_name=tallied].label_name_length_limit",
                Unit::Plain,
            ),
            yaml(POD_MONITOR, "spec.labelNameLengthLimit", Unit::Plain),
        ],
    },
    Tie {
        what: "how long a label's value may be",
        places: &[
            yaml(
                PROMETHEUS,
                "scrape_configs[job_name=tallied].label_value_length_limit",
                Unit::Plain,
            ),
            yaml(
                FLEET,
                "scrape_configs[job_name=tallied].label_value_length_limit",
                Unit::Plain,
            ),
            yaml(POD_MONITOR, "spec.labelValueLengthLimit", Unit::Plain),
        ],
    },
    Tie {
        what: "how often it is scraped",
        places: &[
            yaml(PROMETHEUS, "global.scrape_interval", Unit::Seconds),
            yaml(FLEET, "global.scrape_interval", Unit::Seconds),
            yaml(
                POD_MONITOR,
                "spec.podMetricsEndpoints[port=metrics].interval",
                Unit::Seconds,
            ),
            yaml(
                DATA_SOURCE,
                "datasources[uid=prometheus].jsonData.timeInterval",
                Unit::Seconds,
            ),
            between(
                "deploy/fleet/remote-write/victoriametrics.yml",
                "-dedup.minScrapeInterval=",
                ",",
                Unit::Seconds,
            ),
        ],
    },
    Tie {
        what: "how long a scrape may take",
        places: &[
            yaml(PROMETHEUS, "global.scrape_timeout", Unit::Seconds),
            yaml(FLEET, "global.scrape_timeout", Unit::Seconds),
            yaml(
                POD_MONITOR,
                "spec.podMetricsEndpoints[port=metrics].scrapeTimeout",
                Unit::Seconds,
            ),
        ],
    },
    Tie {
        what: "how much memory the server may have",
        places: &[
            yaml(COMPOSE, "services.tallied-server.mem_limit", Unit::Bytes),
            yaml(
                DEPLOYMENT,
                "[kind=Deployment].spec.template.spec.containers[name=tallied-server].resources.limits.memory",
                Unit::Quantity,
            ),
            between(README, "The server's ", " are what", Unit::Bytes),
            between(RUNBOOK, "more than 80 % of ", " for", Unit::Bytes),
            between(RUNBOOK, "At ", " a container with that limit", Unit::Bytes),
        ],
    },
    Tie {
        what: "how long Docker waits for a stop",
        places: &[
            yaml(
                COMPOSE,
                "services.tallied-server.stop_grace_period",
                Unit::Seconds,
            ),
            between(DOCKERFILE, "docker stop -t ", ",", Unit::Seconds),
        ],
    },
    Tie {
        what: "the version",
        places: &[
            cargo("version", Unit::Plain),
            between(DOCKERFILE, "ARG VERSION=", "", Unit::Plain),
            between(
                DEPLOYMENT,
                "image: registry.example.com/tallied-server:",
                "",
                Unit::Plain,
            ),
            between(
                DEPLOYMENT,
                "docker build -t registry.example.com/tallied-server:",
                " ",
                Unit::Plain,
            ),
        ],
    },
    Tie {
        what: "the release of Rust",
        places: &[
            cargo("rust-version", Unit::Release),
            between(DOCKERFILE, "FROM rust:", "-", Unit::Release),
            between(
                DOCKERFILE,
                "# ",
                " is what Cargo.toml asks for",
                Unit::Release,
            ),
        ],
    },
    Tie {
        what: "how long a pod has to end",
        places: &[
            yaml(
                DEPLOYMENT,
                "[kind=Deployment].spec.template.spec.terminationGracePeriodSeconds",
                Unit::Seconds,
            ),
            between(DEPLOYMENT, "# ", " is to spare", Unit::Seconds),
        ],
    },
];

/// What is the server's default, and is repeated elsewhere.
const DEFAULTS: [Tie; 1] = [Tie {
    what: "how long a stop waits for requests",
    places: &[
        server("drain_seconds", Unit::Seconds),
        between(COMPOSE, "# More than drain_seconds, ", ";", Unit::Seconds),
        between(
            DOCKERFILE,
            "the drain: ",
            " seconds (drain_seconds)",
            Unit::Seconds,
        ),
        between(DEPLOYMENT, "drain_seconds, ", ",", Unit::Seconds),
        between(RUNBOOK, "`drain_seconds` (", ")", Unit::Seconds),
    ],
}];

pub(super) fn files() -> impl Iterator<Item = &'static str> {
    let ties = TIES.iter().chain(&DEFAULTS);
    ties.flat_map(|tie| tie.places).map(|place| place.file)
}

/// How many places were compared, and those that differ.
pub(crate) fn check(sources: &Sources) -> Result<(usize, Vec<Finding>)> {
    checked(&TIES, sources)
}

/// The same for what a server says of itself.
pub(crate) fn check_defaults(sources: &Sources) -> Result<(usize, Vec<Finding>)> {
    checked(&DEFAULTS, sources)
}

fn checked(ties: &[Tie], sources: &Sources) -> Result<(usize, Vec<Finding>)> {
    let (mut count, mut findings) = (0, Vec::new());
    for tie in ties {
        let (first, others) = tie.places.split_first().expect("a tie has places");
        let expected = first.value(sources)?;
        if expected.is_none() {
            findings.push(missing(tie, first));
            continue;
        }
        for place in others {
            count += 1;
            let value = place.value(sources)?;
            if value.is_none() {
                findings.push(missing(tie, place));
            } else if value != expected {
                findings.push(differing(tie, first, place, sources)?);
            }
        }
    }
    Ok((count, findings))
}

fn differing(tie: &Tie, first: &Place, place: &Place, sources: &Sources) -> Result<Finding> {
    let written =
        |place: &Place| Ok::<_, anyhow::Error>(place.written(sources)?.unwrap_or_default());
    let what = format!(
        "{} is {}, and {}: {} is {}",
        tie.what,
        written(place)?,
        first.file,
        first.name(),
        written(first)?
    );
    let remedy = format!(
        "make it the same in both files, {} and {}",
        place.file, first.file
    );
    Ok(finding::Place::new(place.file, 0, &place.name()).finding(what, remedy))
}

fn missing(tie: &Tie, place: &Place) -> Finding {
    let what = format!("it is not there, and should say {}", tie.what);
    let remedy = "write it, or change the list in xtask/src/alerts/constants/ties.rs";
    finding::Place::new(place.file, 0, &place.name()).finding(what, remedy)
}

#[cfg(test)]
mod tests {
    use super::super::sources::{CARGO, SERVER, tests_sources};
    use super::*;

    fn found(sources: &Sources) -> Vec<String> {
        let ties = TIES.iter().chain(&DEFAULTS);
        let findings = ties.map(|tie| checked(std::slice::from_ref(tie), sources).unwrap().1);
        findings
            .flatten()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn what_is_deployed_agrees() {
        assert_eq!(found(&tests_sources()), [""; 0]);
    }

    /// One mistake each, in every file of every tie.
    const MISTAKES: [(&str, &str, &str); 36] = [
        (PROMETHEUS, "sample_limit: 700000", "sample_limit: 70000"),
        (FLEET, "sample_limit: 700000", "sample_limit: 70000"),
        (POD_MONITOR, "sampleLimit: 700000", "sampleLimit: 70000"),
        (
            PROMETHEUS,
            "body_size_limit: 128MB",
            "body_size_limit: 128KB",
        ),
        (FLEET, "body_size_limit: 128MB", "body_size_limit: 64MB"),
        (POD_MONITOR, "bodySizeLimit: 128MB", "bodySizeLimit: 64MB"),
        (
            FLEET,
            "label_name_length_limit: 64",
            "label_name_length_limit: 65",
        ),
        (
            POD_MONITOR,
            "labelNameLengthLimit: 64",
            "labelNameLengthLimit: 65",
        ),
        (
            FLEET,
            "label_value_length_limit: 512",
            "label_value_length_limit: 513",
        ),
        (
            POD_MONITOR,
            "labelValueLengthLimit: 512",
            "labelValueLengthLimit: 513",
        ),
        (PROMETHEUS, "scrape_interval: 15s", "scrape_interval: 30s"),
        (FLEET, "scrape_interval: 15s", "scrape_interval: 30s"),
        (POD_MONITOR, "interval: 15s", "interval: 30s"),
        (DATA_SOURCE, "timeInterval: 15s", "timeInterval: 30s"),
        (
            "deploy/fleet/remote-write/victoriametrics.yml",
            "minScrapeInterval=15s",
            "minScrapeInterval=30s",
        ),
        (PROMETHEUS, "scrape_timeout: 10s", "scrape_timeout: 9s"),
        (FLEET, "scrape_timeout: 10s", "scrape_timeout: 9s"),
        (POD_MONITOR, "scrapeTimeout: 10s", "scrapeTimeout: 9s"),
        (COMPOSE, "mem_limit: 512m", "mem_limit: 1g"),
        (DEPLOYMENT, "memory: 512Mi", "memory: 512M"),
        (README, "The server's 512 MiB", "The server's 256 MiB"),
        (RUNBOOK, "80 % of 512 MiB", "80 % of 256 MiB"),
        (RUNBOOK, "At 512 MiB a", "At 256 MiB a"),
        (COMPOSE, "stop_grace_period: 20s", "stop_grace_period: 21s"),
        (DOCKERFILE, "docker stop -t 20", "docker stop -t 10"),
        (CARGO, "version = 0.1.0", "version = 0.2.0"),
        (DOCKERFILE, "ARG VERSION=0.1.0", "ARG VERSION=0.2.0"),
        (
            DEPLOYMENT,
            "  image: registry.example.com/tallied-server:0.1.0",
            "  image: registry.example.com/tallied-server:latest",
        ),
        (CARGO, "rust-version = 1.95", "rust-version = 1.96"),
        (DOCKERFILE, "FROM rust:1.95.0", "FROM rust:1.94.0"),
        (DEPLOYMENT, "PeriodSeconds: 30", "PeriodSeconds: 25"),
        (SERVER, "drain_seconds = 10", "drain_seconds = 15"),
        (COMPOSE, "drain_seconds, 10;", "drain_seconds, 15;"),
        (DOCKERFILE, "10 seconds (drain", "15 seconds (drain"),
        (DEPLOYMENT, "drain_seconds, 10,", "drain_seconds, 15,"),
        (RUNBOOK, "`drain_seconds` (10)", "`drain_seconds` (15)"),
    ];

    #[test]
    fn each_mistake_is_found_and_both_places_are_named() {
        for (file, from, to) in MISTAKES {
            let mut sources = tests_sources();
            sources.replace(file, from, to);
            let found = found(&sources);
            assert!(!found.is_empty(), "{file}: {to}");
            for finding in &found {
                assert!(finding.contains(file), "{finding}");
                assert!(
                    finding.contains("make it the same in both files"),
                    "{finding}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut sources = tests_sources();
        sources.replace(FLEET, "sample_limit: 700000", "target_limit: 7");
        let found = found(&sources);
        assert_eq!(
            found,
            [
                "deploy/fleet/prometheus.yml: scrape_configs[job_name=tallied].sample_limit: it is not there, and should \
              say how many samples a scrape may have: write it, or change the list in xtask/src/alerts/constants/ties.rs"
            ]
        );
    }

    #[test]
    fn a_finding_says_what_is_written() {
        let mut sources = tests_sources();
        sources.replace(DATA_SOURCE, "timeInterval: 15s", "timeInterval: 1m");
        assert_eq!(
            found(&sources),
            [
                "deploy/grafana/provisioning/datasources/prometheus.yaml: datasources[uid=prometheus].jsonData.timeInterval: \
              how often it is scraped is 1m, and deploy/prometheus/prometheus.yml: global.scrape_interval is 15s: make it \
              the same in both files, deploy/grafana/provisioning/datasources/prometheus.yaml and \
              deploy/prometheus/prometheus.yml"
            ]
        );
    }
}
