//! The sentence at the top.

use super::Look;
use super::wire::{Current, Finding, Level, Summary};
use crate::text::{amount, percent, seconds, thousands};

impl Look<'_> {
    /// What there is to say in one breath: the four figures, and the worst that was found.
    pub(super) fn summary(&self, current: &Current, findings: &[Finding]) -> Summary {
        // They come with the worst first.
        let worst = findings.first();
        let worst = worst.filter(|finding| finding.level >= Level::Warn);
        let figures = self.figures(current);
        let mut level = worst.map_or(Level::Ok, |finding| finding.level);
        let mut text = match (figures, self.model.has_window()) {
            (Some(figures), _) => figures,
            (None, true) => {
                if level == Level::Ok {
                    level = Level::Idle;
                }
                "No requests in the last 10 s.".to_owned()
            }
            (None, false) => {
                if level == Level::Ok {
                    level = Level::Idle;
                }
                "Looking …".to_owned()
            }
        };
        if self.draining {
            level = level.max(Level::Warn);
            text.push_str(" The server is stopping.");
        }
        match worst {
            Some(finding) => text = format!("{text} {}.", finding.text.trim_end_matches('.')),
            None if level <= Level::Ok && self.model.has_window() => {
                text.push_str(" Nothing is wrong.");
            }
            None => {}
        }
        Summary { text, level }
    }

    /// `412 requests/s, p99 38 ms, 0.02 % errors, 17 in flight.`
    fn figures(&self, current: &Current) -> Option<String> {
        let rate = current.rate.filter(|rate| rate.0 > 0.0)?;
        let mut parts = vec![format!("{} requests/s", amount(rate.0))];
        if let Some(p99) = current.p99 {
            parts.push(match p99.high {
                Some(_) => format!("p99 {}", seconds(p99.value.0)),
                None => format!("p99 above {}", seconds(p99.low.0)),
            });
        }
        if let Some(errors) = current.errors_ratio {
            parts.push(format!("{} errors", percent(errors.0)));
        }
        if let Some(in_flight) = current.in_flight {
            parts.push(format!(
                "{} in flight",
                thousands(in_flight.0.max(0.0) as u64)
            ));
        }
        Some(format!("{}.", parts.join(", ")))
    }
}
