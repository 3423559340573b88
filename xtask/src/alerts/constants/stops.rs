//! A stop must fit into the time that whoever stops the server gives it: after that it is killed, and requests are cut off
//! uncounted.

use anyhow::{Context, Result};

use super::place::{Place, Unit, seconds, server, yaml};
use super::sources::Sources;
use crate::alerts::finding::{self, Finding};

/// Who stops a server, and how long that may take.
struct Stop {
    given: Place,
    /// Before the server is told.
    before: Option<Place>,
    /// Where the server's own settings would stand in place of its defaults, as variables.
    drain: Place,
    metrics_listen: Place,
}

const COMPOSE: &str = "compose.yaml";
const DEPLOYMENT: &str = "deploy/kubernetes/tallied-server.yaml";

const DEFAULT_DRAIN: Place = server("drain_seconds", Unit::Seconds);
/// What a listener of its own gives the last scrape.
const DEFAULT_LAST_SCRAPE: Place = server("last_scrape_seconds", Unit::Seconds);

const STOPS: [Stop; 2] = [
    Stop {
        given: yaml(
            COMPOSE,
            "services.tallied-server.stop_grace_period",
            Unit::Seconds,
        ),
        before: None,
        drain: yaml(
            COMPOSE,
            "services.tallied-server.environment.TALLIED_DRAIN_SECONDS",
            Unit::Seconds,
        ),
        metrics_listen: yaml(
            COMPOSE,
            "services.tallied-server.environment.TALLIED_METRICS_LISTEN",
            Unit::Plain,
        ),
    },
    Stop {
        given: yaml(
            DEPLOYMENT,
            "[kind=Deployment].spec.template.spec.terminationGracePeriodSeconds",
            Unit::Seconds,
        ),
        before: Some(yaml(
            DEPLOYMENT,
            "[kind=Deployment].spec.template.spec.containers[name=tallied-server].lifecycle.preStop.sleep.seconds",
            Unit::Seconds,
        )),
        drain: yaml(
            DEPLOYMENT,
            "[kind=Deployment].spec.template.spec.containers[name=tallied-server].env[name=TALLIED_DRAIN_SECONDS].value",
            Unit::Seconds,
        ),
        metrics_listen: yaml(
            DEPLOYMENT,
            "[kind=Deployment].spec.template.spec.containers[name=tallied-server].env[name=TALLIED_METRICS_LISTEN].value",
            Unit::Plain,
        ),
    },
];

pub(super) fn files() -> impl Iterator<Item = &'static str> {
    [COMPOSE, DEPLOYMENT].into_iter()
}

/// How many ways to stop it there are, and those that are too short.
pub(crate) fn check(sources: &Sources) -> Result<(usize, Vec<Finding>)> {
    let of = |place: &Place| -> Result<Option<f64>> {
        let value = place.value(sources)?;
        value.map(|value| seconds(&value)).transpose()
    };
    let must = |place: &Place| {
        of(place)?.with_context(|| format!("{} has no {}", place.file, place.name()))
    };
    let mut findings = Vec::new();
    for stop in &STOPS {
        let given = must(&stop.given)?;
        let drain = match of(&stop.drain)? {
            Some(drain) => drain,
            None => must(&DEFAULT_DRAIN)?,
        };
        let before = stop.before.as_ref().map_or(Ok(0.0), must)?;
        let own_listener = stop.metrics_listen.value(sources)?;
        let scrapes = match own_listener.filter(|address| !address.is_empty()) {
            Some(_) => must(&DEFAULT_LAST_SCRAPE)?,
            None => 0.0,
        };
        // With something to spare: the process has to end, too.
        if before + drain + scrapes >= given {
            let what = format!(
                "{given} seconds are too short for a stop: {before} before the server is told, {drain} of \
                 drain_seconds ({}), {scrapes} of the last scrape",
                DEFAULT_DRAIN.file
            );
            let remedy = "raise it, or lower drain_seconds";
            let place = finding::Place::new(stop.given.file, 0, &stop.given.name());
            findings.push(place.finding(what, remedy));
        }
    }
    Ok((STOPS.len(), findings))
}

#[cfg(test)]
mod tests {
    use super::super::sources::{SERVER, tests_sources};
    use super::*;

    fn found(changes: &[(&str, &str, &str)]) -> Vec<String> {
        let mut sources = tests_sources();
        for (file, from, to) in changes {
            sources.replace(file, from, to);
        }
        let (_, found) = check(&sources).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_deployed_fits() {
        assert_eq!(found(&[]), [""; 0]);
    }

    #[test]
    fn a_drain_that_does_not_fit_is_found() {
        let one = |change| {
            let found = found(&[change]);
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].clone()
        };
        let short = one((COMPOSE, "stop_grace_period: 20s", "stop_grace_period: 10s"));
        assert!(
            short.starts_with(
                "compose.yaml: services.tallied-server.stop_grace_period: 10 seconds are"
            ),
            "{short}"
        );
        assert!(
            short.contains("10 of drain_seconds (tallied-server --print-config)"),
            "{short}"
        );
        // preStop 5, drain 10, last scrapes 5.
        let short = one((DEPLOYMENT, "PeriodSeconds: 30", "PeriodSeconds: 20"));
        assert!(short.contains("5 before the server is told"), "{short}");
        one((DEPLOYMENT, "seconds: 5\n", "seconds: 15\n"));
        one((
            SERVER,
            "last_scrape_seconds = 5",
            "last_scrape_seconds = 15",
        ));
        let variable = "TALLIED_DRAIN_SECONDS: 30\n      TALLIED_FAULTS:";
        one((COMPOSE, "TALLIED_FAULTS:", variable));
        let variable = "- name: TALLIED_DRAIN_SECONDS\n              value: \"25\"\n            - name: TALLIED_LOG_FORMAT";
        one((DEPLOYMENT, "- name: TALLIED_LOG_FORMAT", variable));
        let longer = found(&[(SERVER, "drain_seconds = 10", "drain_seconds = 40")]);
        assert_eq!(longer.len(), 2, "{longer:?}");
    }

    #[test]
    fn a_listener_of_its_own_needs_time_for_the_last_scrapes() {
        let fits = [(COMPOSE, "stop_grace_period: 20s", "stop_grace_period: 13s")];
        assert_eq!(found(&fits), [""; 0]);
        let listener = (
            COMPOSE,
            "TALLIED_FAULTS:",
            "TALLIED_METRICS_LISTEN: 0.0.0.0:8001\n      TALLIED_FAULTS:",
        );
        assert_eq!(found(&[fits[0], listener]).len(), 1);
    }
}
