//! What the server exposes of itself, from scrape to scrape: memory, descriptors, series, processor time.
//!
//! A metric that it does not expose is left out. No more than [`MOST`] scrapes are kept: of a longer run every second one, then every
//! fourth, and so on. The largest figures are of all scrapes.

use std::time::{Duration, Instant};

use crate::exposition::Document;
use crate::report::data::{Server, ServerFigures, ServerSample};
use crate::rows::Names;

/// Scrapes of an hour, at one a second.
const MOST: usize = 3_600;
/// Processor time is compared over so many seconds, or between two of the server's own readings, if it makes them less often.
const WINDOW: f64 = 1.0;

pub(crate) struct ServerHistory {
    begin: Instant,
    kept: Vec<ServerSample>,
    last: Option<ServerSample>,
    most: ServerFigures,
    /// When the processor time was last seen to be another one, and what it was.
    refreshed: Option<(f64, f64)>,
    cores: Option<f64>,
    noted: usize,
    /// Which are kept: one of so many.
    stride: usize,
}

impl ServerHistory {
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            kept: Vec::new(),
            last: None,
            most: ServerFigures::default(),
            refreshed: None,
            cores: None,
            noted: 0,
            stride: 1,
        }
    }

    pub(crate) fn note(&mut self, document: &Document, names: &Names) {
        self.add(self.begin.elapsed(), figures(document, names));
    }

    fn add(&mut self, since_begin: Duration, mut figures: ServerFigures) {
        let at = since_begin.as_secs_f64();
        figures.cores = self.cores(at, &figures);
        self.most = self.most.most(&figures);
        let sample = ServerSample { at, figures };
        self.last = Some(sample);
        if self.noted.is_multiple_of(self.stride) {
            self.kept.push(sample);
        }
        self.noted += 1;
        if self.kept.len() > MOST {
            let mut index = 0..;
            self.kept.retain(|_| {
                index
                    .next()
                    .is_some_and(|index: usize| index.is_multiple_of(2))
            });
            self.stride *= 2;
        }
    }

    /// Between the last two readings: a figure that stands still says nothing of the time since.
    fn cores(&mut self, at: f64, now: &ServerFigures) -> Option<f64> {
        let used = now.cpu_seconds?;
        let before = self.last.and_then(|last| last.figures.cpu_seconds);
        if before.is_some_and(|before| used != before) {
            match self.refreshed {
                Some((then, _)) if at - then < WINDOW => {}
                Some((then, had)) => {
                    self.cores = (used >= had).then(|| (used - had) / (at - then));
                    self.refreshed = Some((at, used));
                }
                None => self.refreshed = Some((at, used)),
            }
        }
        self.cores
    }

    /// With times from the end of the warm-up.
    pub(crate) fn report(&self, measured_from: Instant) -> Server {
        let warm_up = measured_from.saturating_duration_since(self.begin);
        let last = self.last.filter(|last| {
            let kept = self.kept.last();
            kept.is_some_and(|kept| kept.at < last.at)
        });
        let samples = self.kept.iter().copied().chain(last);
        Server {
            samples: samples
                .map(|sample| ServerSample {
                    at: sample.at - warm_up.as_secs_f64(),
                    ..sample
                })
                .collect(),
            most: self.most,
        }
    }
}

impl ServerFigures {
    /// The larger of each.
    fn most(&self, other: &Self) -> Self {
        // None is less than any.
        let most = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => one.or(other),
        };
        Self {
            series: self.series.max(other.series),
            heap_live_bytes: most(self.heap_live_bytes, other.heap_live_bytes),
            resident_memory_bytes: most(self.resident_memory_bytes, other.resident_memory_bytes),
            open_fds: most(self.open_fds, other.open_fds),
            cpu_seconds: most(self.cpu_seconds, other.cpu_seconds),
            cores: most(self.cores, other.cores),
        }
    }
}

fn figures(document: &Document, names: &Names) -> ServerFigures {
    // Of two series nobody knows which is the server's.
    let only = |name: &str| {
        let mut all = document.named(name);
        let (_, value) = all.next()?;
        (all.next().is_none() && value.is_finite()).then_some(value)
    };
    let value = |name: &str| only(name).or_else(|| only(&names.of(name)));
    ServerFigures {
        series: document.len(),
        heap_live_bytes: value("rust_heap_live_bytes"),
        resident_memory_bytes: value("process_resident_memory_bytes"),
        open_fds: value("process_open_fds"),
        cpu_seconds: value("process_cpu_seconds_total"),
        cores: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cpu_seconds: f64) -> ServerFigures {
        ServerFigures {
            cpu_seconds: Some(cpu_seconds),
            ..ServerFigures::default()
        }
    }

    #[test]
    fn what_is_not_exposed_is_left_out() {
        let read = |more: &str| {
            let text = format!(
                "p_http_requests_total{{method=\"GET\",endpoint=\"/\",status_code=\"200\"}} 1\n{more}"
            );
            let document = Document::parse(&text, false).unwrap();
            figures(&document, &Names::find(&document).unwrap())
        };
        assert_eq!(
            read(""),
            ServerFigures {
                series: 1,
                ..ServerFigures::default()
            }
        );
        let some = read(
            "rust_heap_live_bytes 5\np_process_open_fds{x=\"y\"} 7\n\
             process_resident_memory_bytes{pid=\"1\"} 8\nprocess_resident_memory_bytes{pid=\"2\"} 9\n\
             process_cpu_seconds_total NaN\n",
        );
        assert_eq!(
            some,
            ServerFigures {
                series: 6,
                heap_live_bytes: Some(5.0),
                open_fds: Some(7.0),
                ..ServerFigures::default()
            }
        );
        let json = serde_json::to_string(&some).unwrap();
        assert_eq!(json, r#"{"series":6,"heap_live_bytes":5.0,"open_fds":7.0}"#);
    }

    #[test]
    fn processors_are_those_between_two_refreshes() {
        let mut history = ServerHistory::new();
        // A scrape a second; the server looks every four seconds, used half a processor up to the ninth second, and then two.
        for second in 0..20_u32 {
            let looked = f64::from(second + 3 - (second + 3) % 4) - 3.0;
            let cpu = looked * 0.5 + (looked - 9.0).max(0.0) * 1.5;
            history.add(Duration::from_secs(second.into()), used(cpu));
        }
        let report = history.report(history.begin + Duration::from_secs(2));
        assert_eq!(report.samples[0].at, -2.0);
        let cores = |at: usize| report.samples[at].figures.cores;
        // The first change is of a time whose begin nobody knows.
        assert_eq!([cores(0), cores(1), cores(4)], [None; 3]);
        assert_eq!([cores(5), cores(8), cores(9)], [Some(0.5); 3]);
        assert_eq!([cores(13), cores(19)], [Some(2.0); 2]);
        assert_eq!(report.most.cores, Some(2.0));
    }

    #[test]
    fn of_a_long_run_some_are_kept_and_the_largest_of_all() {
        let mut history = ServerHistory::new();
        let all = 5 * MOST + 1;
        for index in 0..all {
            let figures = ServerFigures {
                series: if index == 4_321 { 9 } else { 1 },
                ..used(0.0)
            };
            history.add(Duration::from_secs(index as u64), figures);
        }
        let report = history.report(history.begin);
        assert!((MOST / 2..=MOST + 1).contains(&report.samples.len()));
        assert_eq!(report.samples.last().unwrap().at, (all - 1) as f64);
        assert_eq!(report.most.series, 9);
    }
}
