//! Watches the alerts: asks Prometheus ten times a second, takes what the webhook got, prints each step of each alert with the
//! time since the drill began, and lets the faults wait for their alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::mpsc::Receiver as Channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::faults::{Fault, Raised};
use super::receiver::Arrived;
use super::record::{Record, Seen, Span, Step};
use crate::interrupt;
use crate::poll::{self, Try};
use crate::prometheus::api::{Api, Labels};

const PAUSE: Duration = Duration::from_millis(100);
/// How long somebody may wait without a word.
const STILL: Duration = Duration::from_secs(60);

pub(super) struct Watch {
    start: Instant,
    state: Mutex<State>,
}

struct State {
    record: Record,
    /// The drill has failed already: nothing is worth waiting for.
    given_up: bool,
}

impl Watch {
    /// `instances` is what to call an address.
    pub(super) fn new(instances: BTreeMap<String, &'static str>) -> Self {
        Self {
            start: Instant::now(),
            state: Mutex::new(State {
                record: Record::new(instances),
                given_up: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of the timeline.
    pub(super) fn say(&self, what: impl Display) {
        println!("{}  {what}", clock(self.start.elapsed()));
    }

    /// From now on, what fires needs a fault that explains it.
    pub(super) fn judge(&self) {
        self.state().record.judge();
    }

    pub(super) fn begin(&self, fault: &'static Fault) {
        self.say(format_args!("FAULT {}: {}", fault.name, fault.what));
        self.state().record.begin(fault, Instant::now());
    }

    pub(super) fn end(&self, fault: &'static Fault) {
        self.say(format_args!("OVER  {}", fault.name));
        self.state().record.end(fault, Instant::now());
    }

    /// Asks and listens until `is_over`. `check` fails when somebody who should be there is not.
    pub(super) fn observe(
        &self,
        api: &Api,
        arrived: &Channel<Arrived>,
        mut check: impl FnMut() -> Result<()>,
        is_over: impl Fn() -> bool,
    ) -> Result<()> {
        while !is_over() {
            let looked = self.look(api, arrived, &mut check);
            if looked.is_err() {
                self.give_up();
                return looked;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn look(
        &self,
        api: &Api,
        arrived: &Channel<Arrived>,
        check: &mut impl FnMut() -> Result<()>,
    ) -> Result<()> {
        // First: from a terminal, the others got the Ctrl-C, too.
        interrupt::check()?;
        check()?;
        // Taken before Prometheus is asked, so that nothing is delivered before it is seen to fire.
        let arrived: Vec<Arrived> = arrived.try_iter().collect();
        let alerts = api.alerts()?;
        let new = self.state().record.compare(alerts, Instant::now());
        for (labels, step) in new {
            self.say_step(&labels, step, "");
        }
        arrived.into_iter().for_each(|one| self.take(one));
        Ok(())
    }

    /// Without a Prometheus to ask.
    pub(super) fn listen(&self, arrived: &Channel<Arrived>) {
        arrived.try_iter().for_each(|one| self.take(one));
    }

    fn take(&self, arrived: Arrived) {
        let notice = match arrived {
            Ok(notice) => notice,
            Err(complaint) => return self.state().record.complain(complaint),
        };
        let step = self.state().record.deliver(&notice);
        let receiver = &notice.receiver;
        let summary = notice.annotations.get("summary").map_or("", String::as_str);
        match step {
            // A reminder.
            None => {}
            // Its text is of when it fired.
            Some(step @ Step::ResolutionDelivered) => {
                self.say_step(&notice.labels, step, &format!(" to {receiver}"));
            }
            Some(step) => {
                self.say_step(&notice.labels, step, &format!(" to {receiver}: {summary}"));
            }
        }
    }

    fn say_step(&self, labels: &Labels, step: Step, more: &str) {
        let step = match step {
            Step::Pending => "pending",
            Step::Firing => "FIRING",
            Step::Delivered => "delivered",
            Step::Resolved => "resolved",
            Step::ResolutionDelivered => "delivered as resolved",
        };
        let shown = self.state().record.shown(labels);
        self.say(format_args!("      {shown}  {step}{more}"));
    }

    /// Whoever waits fails now.
    pub(super) fn give_up(&self) {
        self.state().given_up = true;
    }

    /// Until each alert that the fault raises fires, and somebody was told.
    pub(super) fn wait_until_delivered(&self, fault: &'static Fault) -> Result<()> {
        let what = format!("the alerts of {}", fault.name);
        self.wait(&what, fault.within, |record| record.undelivered(fault))
    }

    /// Until nothing is active but what always is, and all resolutions are delivered.
    pub(super) fn wait_until_settled(&self, within: Duration) -> Result<()> {
        let what = "all alerts to be resolved";
        self.wait(what, within, |record| record.unsettled(None))
    }

    /// The same of what these faults raise.
    pub(super) fn wait_until_over(&self, faults: &[&Fault], within: Duration) -> Result<()> {
        let what = "the alerts of faults that are over to be resolved";
        self.wait(what, within, |record| record.unsettled(Some(faults)))
    }

    /// `missing` is what is still to come.
    fn wait(
        &self,
        what: &str,
        within: Duration,
        missing: impl Fn(&Record) -> Option<String>,
    ) -> Result<()> {
        let mut last_said = Instant::now();
        poll::until(what, within, || {
            let state = self.state();
            ensure!(!state.given_up, "given up, for something else failed");
            let missing = missing(&state.record);
            if let Some(missing) = &missing
                && last_said.elapsed() >= STILL
            {
                self.say(format_args!("      still waiting for {what}: {missing}"));
                last_said = Instant::now();
            }
            Ok(missing.map_or(Try::Done(()), Try::NotYet))
        })
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.state().record.complaints()
    }

    /// When the alert that always fires arrived, and at whom.
    pub(super) fn always(&self) -> (Vec<Instant>, BTreeSet<String>) {
        self.state().record.always()
    }

    /// When the fault was there, and the alert that it raised.
    pub(super) fn outcome(&self, fault: &Fault, raised: &Raised) -> Option<(Span, Option<Seen>)> {
        self.state().record.outcome(fault, raised)
    }

    /// Whether a fault was played.
    pub(super) fn has_begun(&self) -> bool {
        self.state().record.has_begun()
    }
}

/// Minutes, seconds and a tenth.
fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!(
        "{:02}:{:02}.{}",
        tenths / 600,
        tenths / 10 % 60,
        tenths % 10
    )
}
