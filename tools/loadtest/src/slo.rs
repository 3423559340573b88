//! What the latencies and errors of a run are to be, and by how much the server may grow: `p99<250ms`, `errors<0.1%`, `list:p50<5ms`,
//! `heap-growth<16MB`, `new-series<1`.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::latency;
use crate::load::Part;
use crate::report::data::{Server, Slo as Checked};
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
    /// Live bytes from the end of the warm-up to the end; resident memory, where the server does not expose its heap.
    HeapGrowth,
    /// From the end of the warm-up to the end.
    NewSeries,
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
                "`{text}` is no objective; write p99<250ms, p95<50ms, max<1s, mean<20ms, errors<0.1%, heap-growth<16MB or new-series<1, for one kind of request list:p99<250ms"
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
            "heap-growth" => (Figure::HeapGrowth, bytes(limit).with_context(form)?),
            "new-series" => {
                let limit: u32 = limit.parse().ok().with_context(form)?;
                (Figure::NewSeries, f64::from(limit))
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
        let this = Self {
            text: text.to_owned(),
            kind,
            figure,
            limit,
        };
        ensure!(this.kind.is_none() || !this.is_of_server(), form());
        Ok(this)
    }

    /// Whether it takes scrapes to know.
    pub(crate) fn is_of_server(&self) -> bool {
        matches!(self.figure, Figure::HeapGrowth | Figure::NewSeries)
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
    pub(crate) fn check(
        &self,
        scenario: &Scenario,
        total: &Part,
        kinds: &[Part],
        server: Option<&Server>,
    ) -> Checked {
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
            // What is not known is not met.
            Figure::HeapGrowth => server.and_then(Server::heap_growth).unwrap_or(f64::MAX),
            Figure::NewSeries => server.and_then(Server::new_series).unwrap_or(f64::MAX),
        };
        let unit = match self.figure {
            Figure::Quantile(_) | Figure::Mean => "seconds",
            Figure::Errors => "ratio",
            Figure::HeapGrowth => "bytes",
            Figure::NewSeries => "series",
        };
        // No errors are fewer than 0 %, too.
        let met = value < self.limit || (self.is_of_errors() && value == 0.0);
        Checked {
            slo: self.text.clone(),
            value,
            limit: self.limit,
            is_ratio: self.is_of_errors(),
            unit: unit.to_owned(),
            met,
        }
    }
}

/// `16MB`, `500 kB`, `1B`.
fn bytes(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[digits.len()..] {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    let number: f64 = digits.trim().parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::{ServerFigures, ServerSample};

    #[test]
    fn reads_what_is_an_objective() {
        let of = |text: &str| Slo::parse(text).unwrap();
        assert_eq!(of("p99<250ms").figure, Figure::Quantile(0.99));
        assert_eq!(of("p95<50ms").figure, Figure::Quantile(0.95));
        assert_eq!(of("p99.9 < 1s").limit, 1.0);
        assert_eq!(of("max<2s").figure, Figure::Quantile(1.0));
        assert_eq!(of("a:b:mean<5ms").kind.as_deref(), Some("a:b"));
        assert_eq!(of("errors<0.1%").limit, 0.001);
        assert_eq!(of("heap-growth < 1.5 MB").limit, 1.5e6);
        assert_eq!(of("new-series<1").figure, Figure::NewSeries);
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
            "heap-growth<5",
            "heap-growth<0MB",
            "new-series<x",
            "list:new-series<1",
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
        let met = |text: &str| {
            Slo::parse(text)
                .unwrap()
                .check(&mixed, &part, &[], None)
                .met
        };
        assert!(met("p50<25ms") && met("max<301ms") && met("errors<0.2%"));
        assert!(!met("p99<250ms") && !met("mean<100ms") && !met("errors<0.1%"));
        part.counts.broken = 0;
        let none = Slo::parse("errors<0%")
            .unwrap()
            .check(&mixed, &part, &[], None);
        assert!(none.met);
        assert_eq!(none.to_string(), "errors<0%: met, with 0\u{a0}%");
    }

    #[test]
    fn a_server_grows_from_the_end_of_the_warm_up() {
        let sample = |at: f64, heap: f64, series: usize| ServerSample {
            at,
            figures: ServerFigures {
                series,
                heap_live_bytes: Some(heap),
                ..ServerFigures::default()
            },
        };
        let mut server = Server {
            samples: vec![
                sample(-1.0, 1e6, 10),
                sample(0.5, 4e6, 20),
                sample(9.0, 4.9e6, 20),
            ],
            ..Server::default()
        };
        let mixed = Scenario::find("mixed").unwrap();
        let met = |text: &str, server: Option<&Server>| {
            let slo = Slo::parse(text).unwrap();
            slo.check(&mixed, &Part::new(), &[], server).met
        };
        assert!(met("heap-growth<1MB", Some(&server)) && met("new-series<1", Some(&server)));
        assert!(!met("heap-growth<1MB", None) && !met("new-series<1", None));
        server.samples.push(sample(10.0, 5.1e6, 21));
        assert!(!met("heap-growth<1MB", Some(&server)) && !met("new-series<1", Some(&server)));
    }
}
