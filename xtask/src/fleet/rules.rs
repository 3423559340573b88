//! The recording rules, asked and recorded: what Prometheus gives for their expressions at a time, and what its rule
//! engine has written at the times of its own.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use promql_parser::parser::Expr;

use super::arithmetic::Extrapolation;
use super::comparison::{Seen, Tally, compare};
use super::expand::{Recorded, expand};
use super::figures::{self, Figures, JOB_RATIO, JOB_REQUESTS, RECORDED, Scraped, WINDOW_SECONDS};
use super::member::Member;
use super::series::{NAME, SCRAPES, of, with_plain_bound};
use crate::alerts::rules::{Kind, RuleFile};
use crate::prometheus::api::{Api, Labels, Stream};

/// A sample has the time at which its scrape began, and is there when the scrape has ended and a little later. An
/// evaluation in between may or may not have seen it, and is not looked at.
const STORED_AFTER: i64 = 100;
/// Of each rule, so many are looked at, or it is an error.
const EVALUATIONS: usize = 2;

/// Of each server, the times of the scrapes that it has answered, in milliseconds.
pub(super) type Scrapes = BTreeMap<String, Vec<i64>>;

pub(super) fn scrapes(api: &Api, now: i64) -> Result<Scrapes> {
    let selector = format!("up{{job=\"tallied\"}}[{WINDOW_SECONDS}s]");
    let streams = api.stored(&selector, now)?.into_iter();
    let times = streams.map(|stream| {
        let answered = stream.samples.iter().filter(|(_, up)| *up == 1.0);
        let times = answered.map(|(time, _)| *time).collect();
        (of(&stream.labels, "instance").to_owned(), times)
    });
    Ok(times.collect())
}

/// From when until when it is not certain whether a scrape's samples are there, in milliseconds.
fn on_their_way(api: &Api, now: i64) -> Result<Vec<(i64, i64)>> {
    let selector = format!("scrape_duration_seconds{{job=\"tallied\"}}[{WINDOW_SECONDS}s]");
    let streams = api.stored(&selector, now)?;
    let scrapes = streams.iter().flat_map(|stream| &stream.samples);
    let times = scrapes.map(|&(at, took)| (at, at + (took * 1000.0) as i64 + STORED_AFTER));
    Ok(times.collect())
}

pub(super) struct Rules<'a> {
    recorded: Recorded<'a>,
    extrapolation: Extrapolation,
}

impl<'a> Rules<'a> {
    pub(super) fn new(files: &'a [RuleFile], extrapolation: Extrapolation) -> Result<Self> {
        let all = files.iter().flat_map(RuleFile::rules);
        let recorded = all.filter(|rule| rule.kind == Kind::Record);
        let recorded: Recorded<'_> = recorded
            .map(|rule| (rule.name.as_str(), &rule.expr))
            .collect();
        for name in RECORDED {
            ensure!(
                recorded.contains_key(name),
                "no rule records {name}: change xtask/src/fleet/figures.rs with the rules"
            );
        }
        Ok(Self {
            recorded,
            extrapolation,
        })
    }

    /// What the servers' expositions give.
    pub(super) fn expected(
        &self,
        members: &[Member],
        scrapes: &Scrapes,
        at: i64,
    ) -> Result<Figures> {
        let scraped = members.iter().map(|member| {
            let times = scrapes.get(&member.instance);
            Ok(Scraped {
                first: &member.first,
                last: &member.last,
                times: times.with_context(|| format!("{} was never scraped", member.name))?,
            })
        });
        figures::at(
            &scraped.collect::<Result<Vec<_>>>()?,
            at,
            self.extrapolation,
        )
    }

    /// Asks Prometheus for each rule's expression at this time, out of the servers' series alone.
    pub(super) fn asked(&self, api: &Api, at: i64) -> Result<Seen> {
        let mut seen = Seen::new();
        for name in RECORDED {
            let rule: &Expr = self.recorded[name];
            let query = expand(rule, &self.recorded).to_string();
            for sample in api.instant(&query, at)? {
                if let Some(labels) = figure(name, sample.labels) {
                    seen.insert(labels, sample.value);
                }
            }
        }
        Ok(seen)
    }

    /// What the rule engine has recorded since then, each evaluation at its own time. Returns those that were looked at.
    pub(super) fn check_recorded(
        &self,
        api: &Api,
        members: &[Member],
        since: i64,
        now: i64,
    ) -> Result<(Vec<Evaluation>, Tally)> {
        let scrapes = scrapes(api, now)?;
        let on_their_way = on_their_way(api, now)?;
        let is_certain = |at: i64| {
            let mut times = on_their_way.iter();
            !times.any(|&(from, to)| from <= at && at <= to)
        };
        let seconds = (now - since) / 1000 + 1;
        let names = RECORDED.join("|");
        let streams = api.stored(&format!("{{__name__=~\"{names}\"}}[{seconds}s]"), now)?;
        let mut tally = Tally::default();
        let evaluations = evaluations(&streams, since);
        let certain: Vec<_> = evaluations
            .into_iter()
            // What is looked at is read while it is written: of the newest, some may be missing.
            .filter(|evaluation| evaluation.at < now - 1000)
            .filter(|evaluation| is_certain(evaluation.at) && is_certain(evaluation.inputs))
            .collect();
        for evaluation in &certain {
            let mut expected = self.expected(members, &scrapes, evaluation.inputs)?;
            expected.retain(|labels, _| evaluation.names.contains(&of(labels, NAME)));
            let what = format!("recorded at {}", evaluation.at);
            tally.add(compare(&what, &expected, &evaluation.seen)?);
        }
        for name in RECORDED {
            let of_it = |evaluation: &&Evaluation| evaluation.names.contains(&name);
            let count = certain.iter().filter(of_it).count();
            ensure!(
                count >= EVALUATIONS,
                "{count} evaluations of {name} were far enough from a scrape: too few; is the machine busy?"
            );
        }
        Ok((certain, tally))
    }
}

/// What one group of rules has recorded at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluation {
    pub(super) at: i64,
    /// When what it read was evaluated: itself, but for the ratio of the job, which is in a group that comes later.
    pub(super) inputs: i64,
    pub(super) names: Vec<&'static str>,
    pub(super) seen: Seen,
}

fn evaluations(streams: &[Stream], since: i64) -> Vec<Evaluation> {
    let of_inputs = streams
        .iter()
        .find(|stream| of(&stream.labels, NAME) == JOB_REQUESTS);
    let of_inputs: Vec<i64> = of_inputs
        .map(|stream| stream.samples.iter().map(|(at, _)| *at).collect())
        .unwrap_or_default();
    // By the time, and by the time of what was read.
    let mut found: BTreeMap<(i64, i64), Evaluation> = BTreeMap::new();
    for stream in streams {
        let Some(name) = RECORDED
            .into_iter()
            .find(|name| *name == of(&stream.labels, NAME))
        else {
            continue;
        };
        let Some(labels) = figure(name, stream.labels.clone()) else {
            continue;
        };
        for &(at, value) in &stream.samples {
            let inputs = if name == JOB_RATIO {
                of_inputs.iter().copied().filter(|&time| time <= at).max()
            } else {
                Some(at)
            };
            let Some(inputs) = inputs.filter(|&inputs| inputs >= since) else {
                continue;
            };
            let evaluation = found.entry((at, inputs)).or_insert_with(|| Evaluation {
                at,
                inputs,
                names: Vec::new(),
                seen: Seen::new(),
            });
            if !evaluation.names.contains(&name) {
                evaluation.names.push(name);
            }
            evaluation.seen.insert(labels.clone(), value);
        }
    }
    found.into_values().collect()
}

/// The labels that the figure has, or none for one that a look at the servers changes.
fn figure(name: &str, mut labels: Labels) -> Option<Labels> {
    // What the configuration adds to all that is sent on.
    labels.retain(|label, _| !matches!(label.as_str(), "cluster" | "replica"));
    labels.insert(NAME.to_owned(), name.to_owned());
    let labels = with_plain_bound(labels);
    (of(&labels, "endpoint") != SCRAPES).then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_the_evaluation_before_it() {
        let stream = |name: &str, times: &[i64]| Stream {
            labels: Labels::from([(NAME.to_owned(), name.to_owned())]),
            samples: times.iter().map(|&time| (time, 1.0)).collect(),
        };
        let streams = [
            stream(JOB_REQUESTS, &[1000, 2000, 3000]),
            stream(JOB_RATIO, &[1100, 2900, 3100]),
        ];
        let found = evaluations(&streams, 2000);
        let times: Vec<_> = found.iter().map(|e| (e.at, e.inputs, e.names[0])).collect();
        assert_eq!(
            times,
            [
                (2000, 2000, JOB_REQUESTS),
                (2900, 2000, JOB_RATIO),
                (3000, 3000, JOB_REQUESTS),
                (3100, 3000, JOB_RATIO),
            ]
        );
    }

    #[test]
    fn the_rules_that_are_deployed_are_those_that_are_calculated() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/rules");
        let files = crate::alerts::rules::read_all(&folder, "rules").unwrap();
        let rules = Rules::new(&files, Extrapolation::ZeroLast).unwrap();
        let p95 = expand(rules.recorded[figures::P95], &rules.recorded).to_string();
        assert_eq!(
            p95,
            "histogram_quantile(0.95, (sum by (job, endpoint, le) \
             (rate(http_request_duration_seconds_bucket{job=\"tallied\"}[5m]))))"
        );
        let error = Rules::new(&files[..1], Extrapolation::ZeroLast)
            .err()
            .unwrap();
        assert!(error.to_string().contains("no rule records"), "{error}");
    }
}
