//! Figures of two scrapes, held against ranges.

use super::Mismatch;
use crate::envelope::Range;
use crate::exposition::{Document, Series};

/// Sums of seconds are added up in another order by the server than by the client.
const ROUNDING: f64 = 1e-9;

pub(crate) struct Compared<'a> {
    before: &'a Document,
    after: &'a Document,
    pub(super) count: usize,
    pub(super) mismatches: Vec<Mismatch>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(before: &'a Document, after: &'a Document) -> Self {
        Self {
            before,
            after,
            count: 0,
            mismatches: Vec::new(),
        }
    }

    /// By how much a series has grown; `None` where there is no such series.
    pub(super) fn grown(&self, series: &Series) -> Option<f64> {
        let after = self.after.value(series)?;
        Some(after - self.before.value(series).unwrap_or(0.0))
    }

    /// By how much it has grown, held against the client's range. One that is not there has not.
    pub(super) fn series(&mut self, series: &Series, client: Range) -> f64 {
        let server = self.grown(series).unwrap_or(0.0);
        self.figure(|| series.to_string(), server, client);
        server
    }

    pub(super) fn figure(&mut self, series: impl FnOnce() -> String, server: f64, client: Range) {
        self.count += 1;
        let slack = Range {
            least: client.least - client.least.abs() * ROUNDING,
            most: client.most + client.most.abs() * ROUNDING,
        };
        // Whole numbers below 2⁵³ are exact, and so is what is compared of them.
        let exact = client.least.fract() == 0.0 && client.most.fract() == 0.0;
        let holds = if exact {
            client.contains(server)
        } else {
            slack.contains(server)
        };
        if !holds {
            self.mismatches.push(Mismatch {
                series: series(),
                server,
                client,
            });
        }
    }
}
