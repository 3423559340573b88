//! What was seen of each alert, and whether a fault explains it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::faults::{ALWAYS, Fault, Raised};
use super::receiver::Notice;
use crate::prometheus::api::{ActiveAlert, Labels};

/// How long after its end a fault still explains an alert that begins to fire: windows of up to 15 s, and a `for` of 15 s.
const AFTERMATH: Duration = Duration::from_secs(45);

/// One step of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Pending,
    Firing,
    Delivered,
    Resolved,
    ResolutionDelivered,
}

impl Step {
    /// Whether Alertmanager made it, and not Prometheus.
    const fn is_delivery(self) -> bool {
        matches!(self, Self::Delivered | Self::ResolutionDelivered)
    }
}

/// One alert with its labels, and what became of it. A step may come again.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) steps: Vec<(Step, Instant)>,
    pub(super) receivers: BTreeSet<String>,
}

impl Seen {
    fn last(&self, is_delivery: bool) -> Option<Step> {
        let mut steps = self.steps.iter().rev().map(|(step, _)| *step);
        steps.find(|step| step.is_delivery() == is_delivery)
    }

    /// As Prometheus has it.
    pub(super) fn state(&self) -> Option<Step> {
        self.last(false)
    }

    fn is_active(&self) -> bool {
        matches!(self.state(), Some(Step::Pending | Step::Firing))
    }

    /// Nothing is to come: what was delivered is delivered as resolved, too.
    fn is_settled(&self) -> bool {
        !self.is_active() && self.last(true) != Some(Step::Delivered)
    }

    /// The first time that it came, not before `begin`.
    pub(super) fn since(&self, step: Step, begin: Instant) -> Option<Instant> {
        let mut steps = self.steps.iter();
        let found = steps.find(|(own, at)| *own == step && *at >= begin);
        found.map(|(_, at)| *at)
    }
}

/// From when to when a fault was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) begin: Instant,
    pub(super) end: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    /// What to call an instance.
    instances: BTreeMap<String, &'static str>,
    alerts: BTreeMap<Labels, Seen>,
    faults: Vec<(&'static Fault, Span)>,
    /// Whether an alert needs a fault that explains it: before, Prometheus has seen no target.
    judging: bool,
    complaints: BTreeSet<String>,
    always_delivered: Vec<Instant>,
}

impl Record {
    pub(super) fn new(instances: BTreeMap<String, &'static str>) -> Self {
        Self {
            instances,
            ..Self::default()
        }
    }

    /// From now on, an alert needs a fault that explains it.
    pub(super) fn judge(&mut self) {
        self.judging = true;
    }

    pub(super) fn begin(&mut self, fault: &'static Fault, now: Instant) {
        let span = Span {
            begin: now,
            end: None,
        };
        self.faults.push((fault, span));
    }

    pub(super) fn end(&mut self, fault: &'static Fault, now: Instant) {
        if let Some((_, span)) = self
            .faults
            .iter_mut()
            .find(|(own, _)| own.name == fault.name)
        {
            span.end = Some(now);
        }
    }

    /// What Prometheus has now; returns the steps that are new.
    pub(super) fn compare(
        &mut self,
        active: Vec<ActiveAlert>,
        now: Instant,
    ) -> Vec<(Labels, Step)> {
        let mut new = Vec::new();
        let mut there = BTreeSet::new();
        for alert in active {
            let step = match alert.state.as_str() {
                "pending" => Step::Pending,
                _ => Step::Firing,
            };
            let known = self.alerts.get(&alert.labels).and_then(Seen::state);
            if known != Some(step) {
                if step == Step::Firing && self.judging && !self.is_explained(&alert.labels, now) {
                    let complaint = format!(
                        "{} fired, and no fault explains it",
                        self.shown(&alert.labels)
                    );
                    self.complaints.insert(complaint);
                }
                new.push((alert.labels.clone(), step));
            }
            there.insert(alert.labels);
        }
        for (labels, seen) in &self.alerts {
            if seen.is_active() && !there.contains(labels) {
                new.push((labels.clone(), Step::Resolved));
            }
        }
        for (labels, step) in &new {
            let seen = self.alerts.entry(labels.clone()).or_default();
            seen.steps.push((*step, now));
        }
        new
    }

    /// What arrived; returns the step, if it is no reminder.
    pub(super) fn deliver(&mut self, notice: &Notice) -> Option<Step> {
        let labels = &notice.labels;
        let step = match notice.status.as_str() {
            "resolved" => Step::ResolutionDelivered,
            _ => Step::Delivered,
        };
        for problem in problems(&notice.annotations) {
            let complaint = format!("{}: {problem}", self.shown(labels));
            self.complaints.insert(complaint);
        }
        if name(labels) == ALWAYS && step == Step::Delivered {
            self.always_delivered.push(notice.at);
        }
        let seen = self.alerts.entry(labels.clone()).or_default();
        seen.receivers.insert(notice.receiver.clone());
        if seen.last(true) == Some(step) {
            return None;
        }
        seen.steps.push((step, notice.at));
        Some(step)
    }

    pub(super) fn complain(&mut self, complaint: String) {
        self.complaints.insert(complaint);
    }

    fn is_explained(&self, labels: &Labels, now: Instant) -> bool {
        let is_there = |span: &Span| span.end.is_none_or(|end| now < end + AFTERMATH);
        let mut there = self.faults.iter().filter(|(_, span)| is_there(span));
        name(labels) == ALWAYS
            || there.any(|(fault, _)| {
                let mut raised = fault.raises.iter().chain(fault.may_raise);
                raised.any(|raised| self.is(labels, raised))
            })
    }

    /// Whether these are the labels of what a fault raises.
    fn is(&self, labels: &Labels, raised: &Raised) -> bool {
        name(labels) == raised.alert
            && raised.on.is_none_or(|(label, value)| {
                labels
                    .get(label)
                    .is_some_and(|own| self.called(label, own) == value)
            })
    }

    /// The first of what the fault raises that was not delivered since it began, and what it is instead.
    pub(super) fn undelivered(&self, fault: &'static Fault) -> Option<String> {
        let (_, span) = self.faults.iter().find(|(own, _)| own.name == fault.name)?;
        let of = |raised| {
            self.alerts
                .iter()
                .filter(move |(labels, _)| self.is(labels, raised))
        };
        let missing = fault.raises.iter().find(|raised| {
            !of(raised).any(|(_, seen)| seen.since(Step::Delivered, span.begin).is_some())
        })?;
        let states: Vec<Step> = of(missing).filter_map(|(_, seen)| seen.state()).collect();
        let state = match states.is_empty() {
            true => "not even pending".to_owned(),
            false => format!("{states:?}"),
        };
        Some(format!(
            "{} was not delivered; it is {state}",
            missing.alert
        ))
    }

    /// An alert that is not over: of those that these faults raise, or of all.
    pub(super) fn unsettled(&self, faults: Option<&[&Fault]>) -> Option<String> {
        // Without it nothing was seen yet.
        if !self.alerts.keys().any(|labels| name(labels) == ALWAYS) {
            return Some(format!("not even {ALWAYS}"));
        }
        let is_meant = |labels: &Labels| match faults {
            None => name(labels) != ALWAYS,
            Some(faults) => faults.iter().any(|fault| {
                let mut raised = fault.raises.iter().chain(fault.may_raise);
                raised.any(|raised| self.is(labels, raised))
            }),
        };
        let mut meant = self.alerts.iter().filter(|(labels, _)| is_meant(labels));
        let (labels, seen) = meant.find(|(_, seen)| !seen.is_settled())?;
        Some(format!("{}: {:?}", self.shown(labels), seen.state()))
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.complaints.iter().cloned().collect()
    }

    /// When the alert that always fires arrived, and at whom.
    pub(super) fn always(&self) -> (Vec<Instant>, BTreeSet<String>) {
        let always = self
            .alerts
            .iter()
            .filter(|(labels, _)| name(labels) == ALWAYS);
        let receivers = always.flat_map(|(_, seen)| seen.receivers.iter().cloned());
        (self.always_delivered.clone(), receivers.collect())
    }

    /// When the fault was there, and the alert that it raised: the one that was delivered first.
    pub(super) fn outcome(&self, fault: &Fault, raised: &Raised) -> Option<(Span, Option<Seen>)> {
        let (_, span) = self.faults.iter().find(|(own, _)| own.name == fault.name)?;
        let delivered = |seen: &&Seen| seen.since(Step::Delivered, span.begin);
        let all = || {
            let all = self
                .alerts
                .iter()
                .filter(|(labels, _)| self.is(labels, raised));
            all.map(|(_, seen)| seen)
        };
        let first = all()
            .filter(|seen| delivered(seen).is_some())
            .min_by_key(delivered);
        Some((*span, first.or(all().next()).cloned()))
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.faults.is_empty()
    }

    fn called<'a>(&'a self, label: &str, value: &'a str) -> &'a str {
        match self.instances.get(value) {
            Some(instance) if label == "instance" => instance,
            _ => value,
        }
    }

    /// `TalliedTargetDown instance=far`: without what all have.
    pub(super) fn shown(&self, labels: &Labels) -> String {
        let mut text = name(labels).to_owned();
        for (label, value) in labels {
            if !matches!(label.as_str(), "alertname" | "severity" | "job") {
                text.push_str(&format!(" {label}={}", self.called(label, value)));
            }
        }
        text
    }
}

pub(super) fn name(labels: &Labels) -> &str {
    labels.get("alertname").map_or("", String::as_str)
}

/// What a person could not use.
fn problems(annotations: &Labels) -> Vec<String> {
    let mut problems = Vec::new();
    for key in ["summary", "description", "runbook_url"] {
        match annotations.get(key).map(String::as_str) {
            None | Some("") => problems.push(format!("it was delivered without a {key}")),
            Some(text) => {
                let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
                let is_odd = words.any(|word| matches!(word, "NaN" | "Inf"))
                    || ["<no value>", "<error expanding", "{{"]
                        .iter()
                        .any(|odd| text.contains(odd));
                if is_odd {
                    problems.push(format!("its {key} was delivered as \"{text}\""));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::faults::{DOWN, SLOW_LINK};
    use super::*;

    fn labels(alert: &str, instance: &str) -> Labels {
        let labels = [("alertname", alert), ("instance", instance)];
        labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn active(alert: &str, instance: &str, state: &str) -> ActiveAlert {
        ActiveAlert {
            labels: labels(alert, instance),
            state: state.to_owned(),
        }
    }

    fn notice(alert: &str, instance: &str, status: &str, at: Instant) -> Notice {
        let annotations = ["summary", "description", "runbook_url"];
        Notice {
            at,
            receiver: "page".to_owned(),
            status: status.to_owned(),
            labels: labels(alert, instance),
            annotations: annotations
                .map(|key| (key.to_owned(), "x".to_owned()))
                .into(),
        }
    }

    fn record() -> Record {
        let mut record = Record::new([("127.0.0.1:1".to_owned(), "far")].into());
        record.judge();
        record
    }

    fn steps(new: &[(Labels, Step)]) -> Vec<Step> {
        new.iter().map(|(_, step)| *step).collect()
    }

    const DOWN_ALERT: &str = "TalliedTargetDown";

    #[test]
    fn an_alert_goes_its_way_and_is_then_settled() {
        let (mut record, now) = (record(), Instant::now());
        record.compare(vec![active(ALWAYS, "", "firing")], now);
        record.begin(&DOWN, now);
        let seen = |record: &mut Record, state: &str| {
            let alerts = match state {
                "" => Vec::new(),
                state => vec![active(DOWN_ALERT, "127.0.0.1:1", state)],
            };
            let always = active(ALWAYS, "", "firing");
            steps(&record.compare([alerts, vec![always]].concat(), now))
        };
        assert_eq!(seen(&mut record, "pending"), [Step::Pending]);
        assert_eq!(seen(&mut record, "pending"), []);
        assert_eq!(seen(&mut record, "firing"), [Step::Firing]);
        assert_eq!(
            record.undelivered(&DOWN).unwrap(),
            "TalliedTargetDown was not delivered; it is [Firing]"
        );
        let told = |record: &mut Record, status| {
            record.deliver(&notice(DOWN_ALERT, "127.0.0.1:1", status, now))
        };
        assert_eq!(told(&mut record, "firing"), Some(Step::Delivered));
        // A reminder.
        assert_eq!(told(&mut record, "firing"), None);
        assert_eq!(record.undelivered(&DOWN), None);
        assert_eq!(seen(&mut record, ""), [Step::Resolved]);
        // That it was resolved was not told yet.
        assert_eq!(
            record.unsettled(None).unwrap(),
            "TalliedTargetDown instance=far: Some(Resolved)"
        );
        assert_eq!(
            told(&mut record, "resolved"),
            Some(Step::ResolutionDelivered)
        );
        assert_eq!(record.unsettled(None), None);
        assert_eq!(record.complaints(), [""; 0]);
    }

    #[test]
    fn an_alert_of_another_server_is_not_the_faults() {
        let (mut record, now) = (record(), Instant::now());
        record.begin(&DOWN, now);
        record.compare(vec![active(DOWN_ALERT, "127.0.0.1:2", "firing")], now);
        record.deliver(&notice(DOWN_ALERT, "127.0.0.1:2", "firing", now));
        assert!(record.undelivered(&DOWN).is_some());
        assert_eq!(
            record.complaints(),
            ["TalliedTargetDown instance=127.0.0.1:2 fired, and no fault explains it"]
        );
    }

    #[test]
    fn a_fault_explains_until_a_while_after_its_end() {
        let now = Instant::now();
        for (later, complaints) in [(AFTERMATH / 2, 0), (AFTERMATH, 1)] {
            let mut record = record();
            record.begin(&SLOW_LINK, now);
            record.end(&SLOW_LINK, now);
            let slow = active("TalliedScrapeSlow", "127.0.0.1:1", "firing");
            record.compare(vec![slow], now + later);
            assert_eq!(record.complaints().len(), complaints, "{later:?}");
        }
    }

    #[test]
    fn what_was_delivered_before_a_fault_is_not_of_it() {
        let (mut record, now) = (record(), Instant::now());
        record.deliver(&notice(DOWN_ALERT, "127.0.0.1:1", "firing", now));
        record.begin(&DOWN, now + Duration::from_secs(1));
        assert!(record.undelivered(&DOWN).is_some());
    }

    #[test]
    fn a_text_that_helps_nobody_is_told() {
        let (mut record, now) = (record(), Instant::now());
        for (text, complaints) in [
            ("Information about the error budget", 0),
            ("p99 is NaN", 1),
            ("p99 is +Inf", 1),
            ("<no value> fails", 1),
        ] {
            let mut notice = notice(ALWAYS, text, "firing", now);
            notice
                .annotations
                .insert("summary".to_owned(), text.to_owned());
            let before = record.complaints().len();
            record.deliver(&notice);
            assert_eq!(record.complaints().len() - before, complaints, "{text}");
        }
        let mut without = notice(ALWAYS, "", "firing", now);
        without.annotations.remove("runbook_url");
        record.deliver(&without);
        assert!(
            record
                .complaints()
                .iter()
                .any(|c| c.ends_with("without a runbook_url"))
        );
    }
}
