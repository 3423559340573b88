//! Better, worse or noise: the figures of a new server beside those of an older report.
//!
//! Where the older report has its server beside it, both are measured in turn, so that each pair of figures had the machine in the same mood.
//! Otherwise the repetitions that the report has are all that is known of the old one.

mod statistics;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::statistics::{Ratio, holm, paired, unpaired};
use crate::report::data::{Compared, Comparison, Figures, Repetition, Report, SCHEMA};
use crate::report::{SERVER, assemble};

/// A difference is one, and no noise, where the chance of it without a cause is below this for all figures together.
const CHANCE: f64 = 0.05;

pub(crate) const OLD: &str = "old";
pub(crate) const NEW: &str = "new";

/// An older report.
#[derive(Debug)]
pub(crate) struct Old {
    path: PathBuf,
    pub(crate) report: Report,
    /// What it measured, if that is kept beside it.
    pub(crate) server: Option<PathBuf>,
}

impl Old {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| {
            format!("cannot read {shown}; give the report.json of an earlier run")
        })?;
        let value: serde_json::Value = serde_json::from_str(&text).ok().with_context(|| {
            format!("{shown} is no JSON; give the report.json of an earlier run")
        })?;
        ensure!(
            value["schema"] == SCHEMA,
            "{shown} has the schema {}, and this is {SCHEMA}; make it again with this version",
            value["schema"]
        );
        let report: Report = serde_json::from_value(value)
            .with_context(|| format!("{shown} is not a whole report; make it again"))?;
        ensure!(
            report.find_max.is_none(),
            "{shown} is of a search; compare the report of a load"
        );
        let server = path.with_file_name(SERVER);
        let old = Self {
            path: path.to_owned(),
            server: server.is_file().then_some(server),
            report,
        };
        ensure!(
            old.server.is_some() || old.figures().len() > 1,
            "{shown} has no server beside it, and one run does not tell better from noise; make it again with --repetitions 8"
        );
        Ok(old)
    }

    /// Those of its new server.
    fn figures(&self) -> Vec<Figures> {
        let repetitions = self.report.repetitions.iter();
        let new = repetitions.filter(|repetition| repetition.server == NEW);
        new.map(|repetition| repetition.figures.clone()).collect()
    }

    /// `repetitions` are those of now, of both servers where there are two.
    pub(crate) fn compare(&self, repetitions: &[Repetition]) -> Comparison {
        let of = |server: &str| -> Vec<Figures> {
            let all = repetitions.iter().filter(|one| one.server == server);
            all.map(|one| one.figures.clone()).collect()
        };
        let (mut old, new) = (of(OLD), of(NEW));
        let interleaved = !old.is_empty();
        if !interleaved {
            old = self.figures();
        }
        let pairs = old.len().min(new.len());
        let of_all: Vec<_> = FIGURES
            .iter()
            .filter_map(|figure| figure.ratio(&old, &new, interleaved))
            .collect();
        let chances: Vec<f64> = of_all.iter().map(|(_, ratio)| ratio.p).collect();
        let figures = of_all.iter().zip(holm(&chances));
        Comparison {
            old: self.path.display().to_string(),
            interleaved,
            pairs,
            figures: figures
                .map(|((figure, ratio), p)| figure.compared(&old, &new, ratio, p))
                .collect(),
        }
    }
}

/// A figure of a run that can be better or worse.
struct Figure {
    name: &'static str,
    unit: &'static str,
    of: fn(&Figures) -> Option<f64>,
    more_is_better: bool,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "p50, due → done",
        unit: "seconds",
        of: |figures| Some(figures.intended.p50),
        more_is_better: false,
    },
    Figure {
        name: "p95, due → done",
        unit: "seconds",
        // An older report has none.
        of: |figures| Some(figures.intended.p95).filter(|p95| *p95 > 0.0),
        more_is_better: false,
    },
    Figure {
        name: "p99, due → done",
        unit: "seconds",
        of: |figures| Some(figures.intended.p99),
        more_is_better: false,
    },
    Figure {
        name: "p50, sent → done",
        unit: "seconds",
        of: |figures| Some(figures.service.p50),
        more_is_better: false,
    },
    Figure {
        name: "processor time a request",
        unit: "seconds",
        of: |figures| figures.server_cpu_seconds,
        more_is_better: false,
    },
    Figure {
        name: "good answers",
        unit: "per second",
        of: |figures| Some(figures.per_second),
        more_is_better: true,
    },
];

impl Figure {
    /// `None` where it is not known of all runs.
    fn ratio(&self, old: &[Figures], new: &[Figures], interleaved: bool) -> Option<(&Self, Ratio)> {
        let (old, new) = (self.values(old)?, self.values(new)?);
        let ratio = match interleaved {
            true => paired(&old, &new),
            false => unpaired(&old, &new),
        };
        Some((self, ratio))
    }

    fn values(&self, figures: &[Figures]) -> Option<Vec<f64>> {
        figures.iter().map(self.of).collect()
    }

    fn compared(&self, old: &[Figures], new: &[Figures], ratio: &Ratio, p: f64) -> Compared {
        let median =
            |figures: &[Figures]| assemble::median(&self.values(figures).unwrap_or_default());
        let verdict = match (p < CHANCE, (ratio.mean > 1.0) == self.more_is_better) {
            (false, _) => "noise",
            (true, true) => "better",
            (true, false) => "worse",
        };
        Compared {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            old: median(old),
            new: median(new),
            ratio: ratio.mean,
            ratio_low: ratio.low,
            ratio_high: ratio.high,
            p_value: p,
            verdict: verdict.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Quantiles;

    fn repetition(server: &str, p50: f64, per_second: f64) -> Repetition {
        let times = Quantiles {
            p50,
            p95: p50,
            p99: 1.0,
            ..Quantiles::default()
        };
        Repetition {
            server: server.to_owned(),
            figures: Figures {
                per_second,
                intended: times,
                service: times,
                ..Figures::default()
            },
        }
    }

    #[test]
    fn what_is_better_depends_on_the_figure() {
        let mut repetitions = Vec::new();
        for mood in [1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 1.0, 1.05] {
            repetitions.push(repetition(OLD, mood, 100.0 / mood));
            repetitions.push(repetition(NEW, mood * 1.1, 110.0 / mood));
        }
        let old = Old {
            path: "old.json".into(),
            report: Report::default(),
            server: None,
        };
        let comparison = old.compare(&repetitions);
        assert!(comparison.interleaved && comparison.pairs == 8);
        let verdicts: Vec<_> = comparison
            .figures
            .iter()
            .map(|figure| (figure.name.as_str(), figure.verdict.as_str()))
            .collect();
        // The processor time is not known.
        assert_eq!(
            verdicts,
            [
                ("p50, due → done", "worse"),
                ("p95, due → done", "worse"),
                ("p99, due → done", "noise"),
                ("p50, sent → done", "worse"),
                ("good answers", "better"),
            ]
        );
    }

    #[test]
    fn the_repetitions_of_a_report_are_the_old_ones_where_it_has_no_server() {
        let repetitions = [1.0, 1.1, 0.9, 1.0, 1.0, 1.05, 0.95, 1.0];
        let report = Report {
            repetitions: repetitions.map(|p50| repetition(NEW, p50, 5.0)).to_vec(),
            ..Report::default()
        };
        let old = Old {
            path: "old.json".into(),
            report,
            server: None,
        };
        let new: Vec<_> = (0..8).map(|_| repetition(NEW, 2.0, 5.0)).collect();
        let comparison = old.compare(&new);
        assert!(!comparison.interleaved);
        assert_eq!(comparison.figures[0].verdict, "worse");
        assert_eq!(comparison.figures[4].verdict, "noise");
    }
}
