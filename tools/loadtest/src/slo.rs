//! What the latencies and errors of a run are to be: `p99<250ms`, `errors<0.1%`, `list:p50<5ms`.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::latency;
use crate::load::Part;
use crate::report::data::Slo as Checked;
use crate::scenario::Scenario;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slo {
    text: String,
    /// Of one kind of request alone.
    kind: Option<String>,
    figure: Figure,
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    /// Of the time since a request was due, in seconds.
    Quantile(f64),
    Mean,
    /// As a part of the requests that were due.
    Errors,
}

impl Slo {
    /// So that a run in which nothing works is no success.
    pub(crate) fn few_errors() -> Self {
        Self {
            text: "errors<0.1%".to_owned(),
            kind: None,
            figure: Figure::Errors,
            limit: 0.001,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let form = || {
            format!(
                "`{text}` is no objective; write p99<250ms, p95<50ms, max<1s, mean<20ms or errors<0.1%, for one kind of request list:p99<250ms"
            )
        };
        let (kind, rest) = match text.rsplit_once(':') {
            Some((kind, rest)) => (Some(kind.trim().to_owned()), rest),
            None => (None, text),
        };
        let (figure, limit) = rest.split_once('<').with_context(form)?;
        let (figure, limit) = (figure.trim(), limit.trim());
        let time = || {
            let time = humantime::parse_duration(limit).ok();
            let time = time.filter(|time| *time > Duration::ZERO);
            time.map(|time| time.as_secs_f64()).with_context(form)
        };
        let (figure, limit) = match figure {
            "errors" => {
                let percent = limit.strip_suffix('%').with_context(form)?;
                let percent: f64 = percent.trim().parse().ok().with_context(form)?;
                ensure!((0.0..=100.0).contains(&percent), form());
                (Figure::Errors, percent / 100.0)
            }
            "max" => (Figure::Quantile(1.0), time()?),
            "mean" => (Figure::Mean, time()?),
            _ => {
                let percent = figure.strip_prefix('p').with_context(form)?;
                let percent: f64 = percent.parse().ok().with_context(form)?;
                ensure!((0.0..100.0).contains(&percent), form());
                (Figure::Quantile(percent / 100.0), time()?)
            }
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
            figure,
            limit,
        })
    }

    /// That the kind it names is one of the scenario's, and has latencies.
    pub(crate) fn check_kind(&self, scenario: &Scenario) -> Result<()> {
        let Some(name) = &self.kind else {
            return Ok(());
        };
        let Some(kind) = scenario.kinds.iter().find(|kind| kind.name == *name) else {
            let names: Vec<&str> = scenario
                .kinds
                .iter()
                .map(|kind| kind.name.as_str())
                .collect();
            bail!(
                "`{}`: the scenario {} has no request `{name}`; give one of {}",
                self.text,
                scenario.name,
                names.join(", ")
            );
        };
        ensure!(
            kind.is_timed() || self.figure == Figure::Errors,
            "`{}`: what {name} takes is its client's own doing, and is not measured; give an objective for its errors",
            self.text
        );
        Ok(())
    }

    pub(crate) fn is_of_errors(&self) -> bool {
        self.figure == Figure::Errors
    }

    /// `kinds` are in the scenario's order.
    pub(crate) fn check(&self, scenario: &Scenario, total: &Part, kinds: &[Part]) -> Checked {
        let named = |name: &String| {
            let index = scenario.kinds.iter().position(|kind| kind.name == *name);
            index.and_then(|index| kinds.get(index))
        };
        let part = self.kind.as_ref().and_then(named).unwrap_or(total);
        let times = &part.latencies.intended;
        let value = match self.figure {
            Figure::Quantile(quantile) => latency::at(times, quantile),
            Figure::Mean => times.mean() / 1e6,
            Figure::Errors => part.counts.errors() as f64 / part.counts.due.max(1) as f64,
        };
        // No errors are fewer than 0 %, too.
        let met = value < self.limit || (self.is_of_errors() && value == 0.0);
        Checked {
            slo: self.text.clone(),
            value,
            limit: self.limit,
            is_ratio: self.is_of_errors(),
            met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_an_objective() {
        let of = |text: &str| Slo::parse(text).unwrap();
        assert_eq!(of("p99<250ms").figure, Figure::Quantile(0.99));
        assert_eq!(of("p95<50ms").figure, Figure::Quantile(0.95));
        assert_eq!(of("p99.9 < 1s").limit, 1.0);
        assert_eq!(of("max<2s").figure, Figure::Quantile(1.0));
        assert_eq!(of("a:b:mean<5ms").kind.as_deref(), Some("a:b"));
        assert_eq!(of("errors<0.1%").limit, 0.001);
        for text in [
            "",
            "p99",
            "p99>1s",
            "p100<1s",
            "p<1s",
            "p99<250",
            "p99<0s",
            "errors<5",
            "errors<101%",
            "p50<-1s",
        ] {
            let error = Slo::parse(text).unwrap_err().to_string();
            assert!(error.contains("p99<250ms"), "{text}: {error}");
        }
    }

    #[test]
    fn the_kind_must_be_there_and_have_latencies() {
        let mixed = Scenario::find("mixed").unwrap();
        let check = |text: &str| Slo::parse(text).unwrap().check_kind(&mixed);
        check("list:p99<1s").unwrap();
        check("panic:errors<1%").unwrap();
        assert!(
            check("lits:p99<1s")
                .unwrap_err()
                .to_string()
                .contains("list, show")
        );
        assert!(check("panic:p99<1s").is_err());
    }

    #[test]
    fn is_met_below_the_limit() {
        let mixed = Scenario::find("mixed").unwrap();
        let mut part = Part::new();
        for millis in [10, 20, 300] {
            latency::record(&mut part.latencies.intended, Duration::from_millis(millis));
        }
        part.counts.due = 1_000;
        part.counts.broken = 1;
        let met = |text: &str| Slo::parse(text).unwrap().check(&mixed, &part, &[]).met;
        assert!(met("p50<25ms") && met("max<301ms") && met("errors<0.2%"));
        assert!(!met("p99<250ms") && !met("mean<100ms") && !met("errors<0.1%"));
        part.counts.broken = 0;
        let none = Slo::parse("errors<0%").unwrap().check(&mixed, &part, &[]);
        assert!(none.met);
        assert_eq!(none.to_string(), "errors<0%: met, with 0.000 %");
    }
}
