//! The servers and their Prometheus in the course of the test, with a line for each thing that was seen, and when.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::arithmetic::Range;
use super::comparison::{Seen, Tally, compare, difference};
use super::figures::{Figures, JOB_RATIO, JOB_REQUESTS, P95};
use super::load::FAULT;
use super::member::{self, Member};
use super::rules::{self, Evaluation, Rules};
use super::series::{NAME, Settled, of, shown};
use super::stored::{Kept, Passed, check_exposed};
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus::api::{Api, Labels};

/// Scrapes come every second; the rest is a busy machine.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);
/// Prometheus may move a scrape's time by 2 ms to where it was due.
const MOVED: i64 = 10;

/// The figures that are printed each time.
pub(super) const HEADLINES: [(&str, &str); 3] = [
    ("p95 of /fault", P95),
    ("error ratio", JOB_RATIO),
    ("requests a second", JOB_REQUESTS),
];

pub(super) struct Stage<'a> {
    pub(super) client: &'a Client,
    pub(super) api: Api<'a>,
    /// Those that were ever scraped; their samples count for as long as they are in the window.
    pub(super) members: Vec<Member>,
    pub(super) rules: Rules<'a>,
    pub(super) start: Instant,
    /// The same in milliseconds since 1970.
    pub(super) begin: i64,
    pub(super) asked: Cell<Tally>,
    pub(super) recorded: Cell<Tally>,
}

/// In milliseconds since 1970.
pub(super) fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.map_or(0, |time| {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    })
}

impl Stage<'_> {
    pub(super) fn told(&self, what: impl Display) {
        println!("ok  {:5.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    /// Waits until each server that runs was scraped twice after this time. Returns when the last of them was for the first
    /// time, and is known to be stored.
    pub(super) fn wait_for_scrapes(&mut self, after: i64) -> Result<i64> {
        poll::until("two scrapes of each server", SCRAPE_TIMEOUT, || {
            let mut since = 0;
            let scrapes = rules::scrapes(&self.api, now())?;
            for member in self.members.iter_mut().filter(|member| member.is_running()) {
                member.check_alive()?;
                let times = scrapes.get(&member.instance).into_iter().flatten();
                let mut times = times.filter(|&&time| time > after + MOVED);
                match (times.next(), times.next()) {
                    (Some(&first), Some(_)) => since = since.max(first),
                    (seen, _) => {
                        let seen = if seen.is_some() { "once" } else { "not" };
                        return Ok(Try::NotYet(format!(
                            "{} was scraped {seen}; {}",
                            member.name,
                            errors(&self.api)?
                        )));
                    }
                }
            }
            Ok(Try::Done(since))
        })
    }

    /// Sends these servers their loads, at the same time.
    pub(super) fn load(&mut self, members: &[usize], duration: Duration) -> Result<()> {
        let all = self.members.iter_mut().enumerate();
        let chosen = all.filter(|(index, _)| members.contains(index));
        let mut chosen: Vec<&mut Member> = chosen.map(|(_, member)| member).collect();
        let counts = member::load(self.client, &mut chosen, duration)?;
        let counts = chosen
            .iter()
            .zip(counts)
            .map(|(member, count)| format!("{} {count}", member.name));
        let counts: Vec<String> = counts.collect();
        self.told(format_args!(
            "requests answered and counted: {}",
            counts.join(", ")
        ));
        Ok(())
    }

    /// That Prometheus has each sample of the servers that run, now.
    pub(super) fn check_samples(
        &self,
        what: &str,
        exposed: impl Fn(&Member) -> &Settled,
    ) -> Result<()> {
        let what = format!("in Prometheus {what}");
        self.check_samples_in(&self.api, &what, now(), Kept::ToTheBit, exposed)
    }

    pub(super) fn check_samples_in(
        &self,
        database: &Api<'_>,
        what: &str,
        at: i64,
        kept: Kept,
        exposed: impl Fn(&Member) -> &Settled,
    ) -> Result<()> {
        let mut all = Passed::default();
        for member in self.members.iter().filter(|member| member.is_running()) {
            all.add(check_exposed(
                what,
                database,
                member,
                exposed(member),
                at,
                kept,
            )?);
        }
        self.told(format_args!("{what}: what the servers expose: {all}"));
        Ok(())
    }

    /// The rules' expressions, asked at a time when no server is asked for anything.
    pub(super) fn compare_asked(&self, what: &str, at: i64) -> Result<()> {
        // A scrape that had begun by then is stored a little later.
        let stored = at + 500 - now();
        if let Ok(wait) = u64::try_from(stored) {
            poll::sleep_until(Instant::now() + Duration::from_millis(wait))?;
        }
        let scrapes = rules::scrapes(&self.api, now())?;
        let expected = self.rules.expected(&self.members, &scrapes, at)?;
        let seen = self.rules.asked(&self.api, at)?;
        let tally = compare(what, &expected, &seen)?;
        add(&self.asked, tally);
        self.told(format_args!("asked {what}: {tally}"));
        print_headlines(&expected, &seen);
        Ok(())
    }

    /// What the rule engine has written since then, when no server was asked for anything. Returns the last evaluation of
    /// each of [`HEADLINES`].
    pub(super) fn compare_recorded(&self, since: i64) -> Result<Vec<Evaluation>> {
        let now = now();
        let (evaluations, tally) =
            self.rules
                .check_recorded(&self.api, &self.members, since, now)?;
        add(&self.recorded, tally);
        self.told(format_args!(
            "recorded, {} evaluations: {tally}",
            evaluations.len()
        ));
        let scrapes = rules::scrapes(&self.api, now)?;
        let mut last = Vec::new();
        for (_, name) in HEADLINES {
            let mut of_it = evaluations.iter().rev();
            let evaluation = of_it.find(|evaluation| evaluation.names.contains(&name));
            let evaluation = evaluation.with_context(|| format!("{name} was not recorded"))?;
            let expected = self
                .rules
                .expected(&self.members, &scrapes, evaluation.inputs)?;
            print_headlines(&expected, &evaluation.seen);
            last.push(evaluation.clone());
        }
        Ok(last)
    }

    /// That the servers that run expose what they exposed: nobody else has asked them for anything.
    pub(super) fn check_undisturbed(&self) -> Result<()> {
        for member in self.members.iter().filter(|member| member.is_running()) {
            let now = member.exposed(self.client)?;
            let changed = now
                .iter()
                .find(|(labels, value)| member.last.get(*labels) != Some(value));
            ensure!(
                changed.is_none() && now.len() == member.last.len(),
                "{} was asked for something meanwhile: {:?}",
                member.name,
                changed.map(|(labels, value)| format!("{} {value}", shown(labels)))
            );
        }
        self.told("the servers expose what they did before: nobody else asked them");
        Ok(())
    }

    /// The value of a query that has one.
    pub(super) fn one(&self, promql: &str) -> Result<Option<f64>> {
        let samples = self.api.query(promql)?;
        ensure!(
            samples.len() <= 1,
            "{promql}: one series was expected; seen: {samples:?}"
        );
        Ok(samples.first().map(|sample| sample.value))
    }

    pub(super) fn expect(&self, promql: &str, expected: f64) -> Result<()> {
        let seen = self
            .one(promql)?
            .with_context(|| format!("{promql}: there is none"))?;
        ensure!(
            seen == expected,
            "{promql}: expected {expected}; seen: {seen}"
        );
        self.told(format_args!("{promql} == {seen}"));
        Ok(())
    }
}

fn add(all: &Cell<Tally>, tally: Tally) {
    let mut sum = all.get();
    sum.add(tally);
    all.set(sum);
}

/// Why scrapes fail, from Prometheus itself.
fn errors(api: &Api<'_>) -> Result<String> {
    let targets = api.targets()?;
    let each = targets
        .iter()
        .map(|target| match target.last_error.as_str() {
            "" => format!("{}: no error", target.instance),
            error => format!("{}: {error}", target.instance),
        });
    Ok(format!("targets: {:?}", each.collect::<Vec<_>>()))
}

pub(super) fn is_headline(labels: &Labels, name: &str) -> bool {
    of(labels, NAME) == name && matches!(of(labels, "endpoint"), "" | FAULT)
}

pub(super) fn headline(figures: &Figures, name: &str) -> Option<Range> {
    let mut all = figures.iter();
    all.find_map(|(labels, range)| is_headline(labels, name).then_some(*range))
}

fn print_headlines(expected: &Figures, seen: &Seen) {
    for (what, name) in HEADLINES {
        let seen = seen.iter().find(|(labels, _)| is_headline(labels, name));
        if let (Some(range), Some((_, seen))) = (headline(expected, name), seen) {
            println!("    {what}: {}", difference(range, *seen));
        }
    }
}
