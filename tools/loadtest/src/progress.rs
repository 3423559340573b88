//! What goes on, while it goes on: one line that is written over on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::latency;
use crate::live::{Live, Seen};
use crate::load::Part;
use crate::report::units;

/// Between two lines where they stay.
const PLAIN: Duration = Duration::from_secs(5);
/// What the rate is of.
const WINDOW: Duration = Duration::from_secs(1);

pub(crate) struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    what: String,
    start: Instant,
    whole: Duration,
    printed: Instant,
    /// The counts at the beginning of the window, and the rate of the one before it.
    window: (Instant, u64),
    rate: f64,
}

impl Progress {
    /// `whole` is how long it will take.
    pub(crate) fn new(what: &str, whole: Duration, live_ended: u64) -> Self {
        let now = Instant::now();
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(whole.as_millis() as u64),
                ProgressDrawTarget::stderr_with_hz(4),
            );
            let style = ProgressStyle::with_template("{prefix} {bar:20} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(what.to_owned());
            bar
        });
        Self {
            bar,
            what: what.to_owned(),
            start: now,
            whole,
            printed: now,
            window: (now, live_ended),
            rate: 0.0,
        }
    }

    /// `last` is the last second that is over.
    pub(crate) fn look(&mut self, live: &Live, last: Option<&Part>) {
        let (now, seen) = (Instant::now(), live.seen());
        let passed = now - self.window.0;
        if passed >= WINDOW {
            self.rate = (seen.ended - self.window.1) as f64 / passed.as_secs_f64();
            self.window = (now, seen.ended);
        }
        let elapsed = now - self.start;
        match &self.bar {
            Some(bar) => {
                bar.set_position(elapsed.min(self.whole).as_millis() as u64);
                bar.set_message(self.line(elapsed, &seen, last));
            }
            None if now - self.printed >= PLAIN => {
                self.printed = now;
                eprintln!("{}: {}", self.what, self.line(elapsed, &seen, last));
            }
            None => {}
        }
    }

    fn line(&self, elapsed: Duration, seen: &Seen, last: Option<&Part>) -> String {
        let (p50, p99) = match last {
            Some(part) if !part.latencies.intended.is_empty() => {
                let of = |quantile| units::time(latency::at(&part.latencies.intended, quantile));
                (of(0.5), of(0.99))
            }
            _ => ("-".to_owned(), "-".to_owned()),
        };
        format!(
            "{:.0} of {:.0} s, {:.0}/s, p50 {p50}, p99 {p99}, {} in flight, {} errors, {} late",
            elapsed.as_secs_f64(),
            self.whole.as_secs_f64(),
            self.rate,
            seen.in_flight,
            seen.errors,
            seen.late
        )
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
