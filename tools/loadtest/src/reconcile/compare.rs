//! Figures of two scrapes, held against ranges.

use crate::envelope::Range;
use crate::exposition::{Document, Series};
use crate::report::data::{Figure, Mismatch};

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
        if !(Figure { server, client }).agrees() {
            self.mismatches.push(Mismatch {
                series: series(),
                server,
                client,
            });
        }
    }
}
