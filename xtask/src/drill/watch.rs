//! Every alert's way: pending, firing, delivered, resolved, and the resolution delivered.
//!
//! Prometheus is asked ten times a second, and the webhook says when something arrived. Each step is printed when it is
//! seen, with the time since the drill began. An alert that fires and that none of the faults so far explains is kept: the
//! drill fails by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::mpsc::Receiver as Channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::faults::{ALWAYS, Fault};
use super::receiver::Delivered;
use crate::poll::{self, Try};
use crate::prometheus_api::{Api, Labels};

const PAUSE: Duration = Duration::from_millis(100);

/// One step of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Pending,
    Firing,
    Delivered,
    Resolved,
    ResolutionDelivered,
}

/// One alert with its labels, and what became of it. A step may come again.
#[derive(Debug, Default, Clone)]
pub(super) struct Alert {
    pub(super) steps: Vec<(Step, Instant)>,
    pub(super) receivers: BTreeSet<String>,
}

impl Alert {
    fn last(&self) -> Option<Step> {
        // Deliveries come between the others, and late.
        let own = |step: &&(Step, Instant)| {
            !matches!(step.0, Step::Delivered | Step::ResolutionDelivered)
        };
        self.steps.iter().rev().find(own).map(|(step, _)| *step)
    }

    fn is_active(&self) -> bool {
        matches!(self.last(), Some(Step::Pending | Step::Firing))
    }

    /// The first time that it came, not before `begin`.
    pub(super) fn since(&self, step: Step, begin: Instant) -> Option<Instant> {
        let mut steps = self.steps.iter();
        let found = steps.find(|(own, at)| *own == step && *at >= begin);
        found.map(|(_, at)| *at)
    }

    /// Nothing is to come: what was delivered is delivered as resolved, too.
    fn is_settled(&self) -> bool {
        let delivered = self
            .steps
            .iter()
            .rev()
            .find(|(step, _)| matches!(step, Step::Delivered | Step::ResolutionDelivered));
        !self.is_active() && delivered.is_none_or(|(step, _)| *step == Step::ResolutionDelivered)
    }
}

/// When a fault was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) begin: Instant,
    pub(super) end: Option<Instant>,
}

#[derive(Default)]
struct State {
    alerts: BTreeMap<Labels, Alert>,
    faults: BTreeMap<&'static str, Time>,
    /// What may fire.
    explained: BTreeSet<&'static str>,
    unexplained: BTreeSet<String>,
    wrong: BTreeSet<String>,
    always_delivered: Vec<Instant>,
    /// Since when an alert needs a fault that explains it.
    begun: bool,
    /// The drill has failed already: nothing is worth waiting for.
    given_up: bool,
}

pub(super) struct Watch {
    start: Instant,
    /// What to call an address.
    instances: BTreeMap<String, &'static str>,
    state: Mutex<State>,
}

impl Watch {
    pub(super) fn new(instances: BTreeMap<String, &'static str>) -> Self {
        Self {
            start: Instant::now(),
            instances,
            state: Mutex::default(),
        }
    }

    /// `TalliedTargetDown instance=far`: without what all have.
    fn shown(&self, labels: &Labels) -> String {
        let mut text = name(labels).to_owned();
        for (label, value) in labels {
            let value = match self.instances.get(value) {
                Some(instance) if label == "instance" => instance,
                _ => value.as_str(),
            };
            if !matches!(label.as_str(), "alertname" | "severity" | "job") {
                text.push_str(&format!(" {label}={value}"));
            }
        }
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of the timeline.
    pub(super) fn say(&self, what: impl Display) {
        println!("{}  {what}", clock(self.start.elapsed()));
    }

    /// From now on, what fires needs a fault that explains it. Before, Prometheus has seen no target.
    pub(super) fn begin_to_judge(&self) {
        self.state().begun = true;
    }

    /// What is expected to fire from now on.
    pub(super) fn begin(&self, fault: &'static Fault) {
        self.say(format_args!("FAULT {}: {}", fault.name, fault.what));
        let begin = Instant::now();
        let mut state = self.state();
        state.explained.extend(fault.raises);
        state.explained.extend(fault.may_raise);
        state.faults.insert(fault.name, Time { begin, end: None });
    }

    pub(super) fn end(&self, fault: &'static Fault) {
        self.say(format_args!("OVER  {}", fault.name));
        let mut state = self.state();
        if let Some(time) = state.faults.get_mut(fault.name) {
            time.end = Some(Instant::now());
        }
    }

    /// Asks and listens until `is_over`.
    pub(super) fn observe(
        &self,
        api: &Api,
        delivered: &Channel<Delivered>,
        is_over: impl Fn() -> bool,
    ) -> Result<()> {
        while !is_over() {
            // First, so that nothing is delivered before it is seen to fire.
            let arrived: Vec<Delivered> = delivered.try_iter().collect();
            match api.alerts() {
                Ok(alerts) => self.compare(alerts),
                Err(error) => {
                    self.give_up();
                    return Err(error);
                }
            }
            arrived.into_iter().for_each(|one| self.deliver(one));
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Whoever waits fails now.
    pub(super) fn give_up(&self) {
        self.state().given_up = true;
    }

    /// Without a Prometheus to ask.
    pub(super) fn listen(&self, delivered: &Channel<Delivered>) {
        delivered.try_iter().for_each(|one| self.deliver(one));
    }

    fn compare(&self, now: Vec<crate::prometheus_api::ActiveAlert>) {
        let at = Instant::now();
        let mut lines = Vec::new();
        let mut state = self.state();
        let mut active = BTreeSet::new();
        for alert in now {
            let step = match alert.state.as_str() {
                "pending" => Step::Pending,
                _ => Step::Firing,
            };
            active.insert(alert.labels.clone());
            if step == Step::Firing && !explained(&state, &alert.labels) {
                state.unexplained.insert(self.shown(&alert.labels));
            }
            let known = state.alerts.entry(alert.labels.clone()).or_default();
            if known.last() != Some(step) {
                known.steps.push((step, at));
                lines.push((alert.labels, step));
            }
        }
        for (labels, alert) in &mut state.alerts {
            if alert.is_active() && !active.contains(labels) {
                alert.steps.push((Step::Resolved, at));
                lines.push((labels.clone(), Step::Resolved));
            }
        }
        drop(state);
        for (labels, step) in lines {
            self.say_step(&labels, step, "");
        }
    }

    fn deliver(&self, delivered: Delivered) {
        let Delivered {
            at,
            receiver,
            alert,
        } = delivered;
        let labels = alert.labels;
        let step = match alert.status.as_str() {
            "resolved" => Step::ResolutionDelivered,
            _ => Step::Delivered,
        };
        let summary = alert.annotations.get("summary");
        let summary = summary.map_or("(no summary)", String::as_str);
        let mut state = self.state();
        for problem in problems(&alert.annotations) {
            state
                .wrong
                .insert(format!("{}: {problem}", self.shown(&labels)));
        }
        if name(&labels) == ALWAYS {
            state.always_delivered.push(at);
        }
        let known = state.alerts.entry(labels.clone()).or_default();
        known.receivers.insert(receiver.clone());
        let again = known
            .steps
            .iter()
            .rev()
            .find(|(step, _)| matches!(step, Step::Delivered | Step::ResolutionDelivered));
        if again.is_some_and(|(last, _)| *last == step) {
            // A reminder.
            return;
        }
        known.steps.push((step, at));
        drop(state);
        let more = match step {
            // With what was known when it fired.
            Step::ResolutionDelivered => format!(" to {receiver}"),
            _ => format!(" to {receiver}: {summary}"),
        };
        self.say_step(&labels, step, &more);
    }

    fn say_step(&self, labels: &Labels, step: Step, more: &str) {
        let step = match step {
            Step::Pending => "pending",
            Step::Firing => "FIRING",
            Step::Delivered => "delivered",
            Step::Resolved => "resolved",
            Step::ResolutionDelivered => "delivered as resolved",
        };
        self.say(format_args!("      {}  {step}{more}", self.shown(labels)));
    }

    /// Until each alert that the fault raises fires, and somebody was told.
    pub(super) fn wait_until_delivered(&self, fault: &'static Fault) -> Result<()> {
        let what = format!("the alerts of {}", fault.name);
        poll::until(&what, fault.within, || {
            let state = self.state();
            ensure!(!state.given_up, "given up, for something else failed");
            let begin = state.faults[fault.name].begin;
            let missing = fault.raises.iter().find(|&&raised| {
                !state.alerts.iter().any(|(labels, alert)| {
                    let delivered =
                        |&(step, at): &(Step, Instant)| step == Step::Delivered && at >= begin;
                    name(labels) == raised && alert.steps.iter().any(delivered)
                })
            });
            Ok(match missing {
                None => Try::Done(()),
                Some(missing) => Try::NotYet(format!(
                    "{missing} was not delivered; it is {}",
                    seen(&state, missing)
                )),
            })
        })
    }

    /// Until nothing is active but what always is, and all resolutions are delivered.
    pub(super) fn wait_until_settled(&self, within: Duration) -> Result<()> {
        self.wait_until_gone("all alerts", |alert| alert != ALWAYS, within)
    }

    /// The same of what these faults raise.
    pub(super) fn wait_until_over(&self, faults: &[&Fault], within: Duration) -> Result<()> {
        let raised = |alert: &str| faults.iter().any(|fault| fault.raises.contains(&alert));
        self.wait_until_gone("the alerts of faults that are over", raised, within)
    }

    fn wait_until_gone(
        &self,
        what: &str,
        is_meant: impl Fn(&str) -> bool,
        within: Duration,
    ) -> Result<()> {
        poll::until(&format!("{what} to be resolved"), within, || {
            let state = self.state();
            ensure!(!state.given_up, "given up, for something else failed");
            // Without it nothing was seen yet.
            if !state.alerts.keys().any(|labels| name(labels) == ALWAYS) {
                return Ok(Try::NotYet(format!("not even {ALWAYS}")));
            }
            let mut meant = state.alerts.iter().filter(|(own, _)| is_meant(name(own)));
            let open = meant.find(|(_, alert)| !alert.is_settled());
            Ok(match open {
                None => Try::Done(()),
                Some((labels, alert)) => {
                    Try::NotYet(format!("{}: {:?}", self.shown(labels), alert.last()))
                }
            })
        })
    }

    /// The names of alerts that are pending or firing, but for the one that always is.
    pub(super) fn active(&self) -> BTreeSet<String> {
        let state = self.state();
        let active = state.alerts.iter().filter(|(_, alert)| alert.is_active());
        let names = active.map(|(labels, _)| name(labels).to_owned());
        names.filter(|name| name != ALWAYS).collect()
    }

    pub(super) fn always_delivered(&self) -> Vec<Instant> {
        self.state().always_delivered.clone()
    }

    /// What fired without a reason, and what was wrong in what was delivered.
    pub(super) fn complaints(&self) -> Vec<String> {
        let state = self.state();
        let unexplained = state.unexplained.iter();
        let unexplained =
            unexplained.map(|alert| format!("{alert} fired, and no fault explains it"));
        unexplained.chain(state.wrong.iter().cloned()).collect()
    }

    /// Whether a fault was played.
    pub(super) fn has_begun(&self) -> bool {
        !self.state().faults.is_empty()
    }

    /// The fault's time, and of each alert of a name all that was seen.
    pub(super) fn outcome(&self, fault: &'static Fault, alert: &str) -> Option<(Time, Vec<Alert>)> {
        let state = self.state();
        let time = *state.faults.get(fault.name)?;
        let of_name = state
            .alerts
            .iter()
            .filter(|(labels, _)| name(labels) == alert);
        Some((time, of_name.map(|(_, alert)| alert.clone()).collect()))
    }
}

fn explained(state: &State, labels: &Labels) -> bool {
    let name = name(labels);
    !state.begun || name == ALWAYS || state.explained.contains(name)
}

fn seen(state: &State, alert: &str) -> String {
    let of_name = state
        .alerts
        .iter()
        .filter(|(labels, _)| name(labels) == alert);
    let steps: Vec<_> = of_name.filter_map(|(_, alert)| alert.last()).collect();
    match steps.is_empty() {
        true => "not even pending".to_owned(),
        false => format!("{steps:?}"),
    }
}

/// What a person could not use.
fn problems(annotations: &Labels) -> Vec<String> {
    let mut problems = Vec::new();
    for key in ["summary", "description", "runbook_url"] {
        match annotations.get(key).map(String::as_str) {
            None | Some("") => problems.push(format!("it was delivered without a {key}")),
            Some(text) => {
                let odd = ["<no value>", "{{", "NaN", "Inf", "error "];
                if odd.iter().any(|odd| text.contains(odd)) {
                    problems.push(format!("its {key} was delivered as \"{text}\""));
                }
            }
        }
    }
    problems
}

pub(super) fn name(labels: &Labels) -> &str {
    labels.get("alertname").map_or("", String::as_str)
}

/// Minutes, seconds and a tenth.
pub(super) fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!(
        "{:02}:{:02}.{}",
        tenths / 600,
        tenths / 10 % 60,
        tenths % 10
    )
}
