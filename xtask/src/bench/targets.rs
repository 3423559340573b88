//! What the project wants of the figures, and what it got.

use super::results::Results;

/// A ratio or a size that should not be exceeded, or reached.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) limit: Limit,
    /// `None` where it was not measured.
    pub(crate) measured: Option<f64>,
}

#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
}

impl Target {
    pub(crate) fn is_met(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.limit {
            Limit::AtMost(limit) => measured <= limit,
            Limit::AtLeast(limit) => measured >= limit,
            Limit::Below(limit) => measured < limit,
        })
    }
}

const OURS: &str = "tallied";
const CLIENT: &str = "prometheus-client";

pub(crate) fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    recording(results, &mut targets);
    encoding(results, &mut targets);
    memory(results, &mut targets);
    interference(results, &mut targets);
    hoop(results, &mut targets);
    targets
}

fn push(targets: &mut Vec<Target>, what: &'static str, limit: Limit, measured: Option<f64>) {
    targets.push(Target {
        what,
        limit,
        measured,
    });
}

/// The time of one contestant over another's, each at its number of threads.
fn ratio(results: &Results, group: &str, over: (&str, u64), under: (&str, u64)) -> Option<f64> {
    Some(results.ns(group, over.0, over.1)? / results.ns(group, under.0, under.1)?)
}

/// Ours over the fastest of the peers. `floor` and what one would build by hand are no peers.
fn to_fastest_peer(results: &Results, group: &str, threads: u64) -> Option<f64> {
    let ours = results.ns(group, OURS, threads)?;
    let peer = results
        .contestants(group, threads)
        .into_iter()
        .find(|name| ![OURS, "floor", "atomic", "striped"].contains(name))?;
    Some(ours / results.ns(group, peer, threads)?)
}

fn recording(results: &Results, targets: &mut Vec<Target>) {
    use Limit::{AtMost, Below};
    let to = |group, other, threads| ratio(results, group, (OURS, threads), (other, threads));
    let scaling = |group| ratio(results, group, (OURS, 2), (OURS, 1));
    for (what, limit, measured) in [
        (
            "counter, 1 thread, to prometheus-client",
            AtMost(0.27),
            to("counter", CLIENT, 1),
        ),
        (
            "counter, 2 threads, to prometheus-client",
            AtMost(0.07),
            to("counter", CLIENT, 2),
        ),
        (
            "counter, 1 thread, to the floor",
            AtMost(4.5),
            to("counter", "floor", 1),
        ),
        (
            "counter, 2 threads to 1, an operation",
            AtMost(1.1),
            scaling("counter"),
        ),
        (
            "histogram, 1 thread, to prometheus-client",
            AtMost(0.38),
            to("histogram", CLIENT, 1),
        ),
        (
            "histogram, 2 threads, to prometheus-client",
            AtMost(0.08),
            to("histogram", CLIENT, 2),
        ),
        (
            "histogram, 1 thread, to the fastest peer",
            Below(1.0),
            to_fastest_peer(results, "histogram", 1),
        ),
        (
            "histogram, 2 threads, to the fastest peer",
            Below(1.0),
            to_fastest_peer(results, "histogram", 2),
        ),
        (
            "lookup and increment, 1 thread, to prometheus-client's Family",
            AtMost(0.25),
            to("lookup", CLIENT, 1),
        ),
        (
            "lookup and increment, 1 thread, to prometheus' with_label_values",
            AtMost(1.0),
            to("lookup", "prometheus", 1),
        ),
        (
            "lookup and increment, 2 threads to 1, an operation",
            AtMost(1.1),
            scaling("lookup"),
        ),
    ] {
        push(targets, what, limit, measured);
    }
}

fn encoding(results: &Results, targets: &mut Vec<Target>) {
    let per_second = |contestant| {
        let figure = results.get("encoding", contestant, 10_000)?;
        Some(figure.bytes? as f64 / figure.ns)
    };
    let per_endpoint = |endpoints: u64| {
        Some(results.ns("encoding", "tallied-text", endpoints)? / endpoints as f64)
    };
    let throughput = per_second("tallied-text")
        .zip(per_second(CLIENT))
        .map(|(ours, theirs)| ours / theirs);
    push(
        targets,
        "text of 10,000 endpoints, bytes a second to prometheus-client's",
        Limit::AtLeast(5.0),
        throughput,
    );
    let linear = per_endpoint(100_000)
        .zip(per_endpoint(10_000))
        .map(|(many, few)| many / few);
    push(
        targets,
        "text, time a series at 100,000 endpoints to that at 10,000",
        Limit::AtMost(1.3),
        linear,
    );
    let openmetrics = ratio(
        results,
        "encoding",
        ("tallied-openmetrics", 10_000),
        (CLIENT, 10_000),
    );
    push(
        targets,
        "OpenMetrics of 10,000 endpoints, time to prometheus-client's own types",
        Limit::AtMost(1.0),
        openmetrics,
    );
}

fn memory(results: &Results, targets: &mut Vec<Target>) {
    let histogram = results.memory_of("histogram", OURS);
    let counter = results.memory_of("counter", OURS);
    push(
        targets,
        "bytes a histogram series, with one recording thread",
        Limit::AtMost(450.0),
        histogram.map(|memory| memory.first_bytes),
    );
    push(
        targets,
        "bytes a histogram series, for each further thread",
        Limit::AtMost(128.0),
        histogram.map(|memory| memory.further_bytes),
    );
    push(
        targets,
        "bytes a counter series, with one recording thread",
        Limit::AtMost(202.0),
        counter.map(|memory| memory.first_bytes),
    );
}

fn interference(results: &Results, targets: &mut Vec<Target>) {
    for (what, operation) in [
        ("counter, time beside a scraper to time alone", "counter"),
        (
            "histogram, time beside a scraper to time alone",
            "histogram",
        ),
    ] {
        let mut all = results.interference.iter();
        let ours = all.find(|row| row.contestant == OURS && row.operation == operation);
        push(
            targets,
            what,
            Limit::AtMost(1.05),
            ours.map(|row| row.ratio),
        );
    }
}

/// Of a request with a whole body; of a streamed one salvo-otel does not measure as much.
fn hoop(results: &Results, targets: &mut Vec<Target>) {
    let of = |contestant, threads| results.hoop_of("whole", contestant, threads);
    let (ours, bare) = (of(OURS, 1), of("bare", 1));
    let to = |under: Option<f64>| Some(ours?.added_ns / under?);
    let added_allocations = ours
        .zip(bare)
        .map(|(ours, bare)| ours.allocations - bare.allocations);
    let scaling = of(OURS, 2)
        .zip(ours)
        .map(|(two, one)| two.added_ns / one.added_ns);
    for (what, limit, measured) in [
        (
            "the hoop's time a request, to salvo-otel's",
            0.25,
            to(of("salvo-otel", 1).map(|peer| peer.added_ns)),
        ),
        (
            "the hoop's time a request, to that of the request without it",
            0.2,
            to(bare.map(|bare| bare.ns)),
        ),
        ("the hoop's allocations a request", 6.0, added_allocations),
        ("the hoop's time a request, 2 threads to 1", 1.2, scaling),
    ] {
        push(targets, what, Limit::AtMost(limit), measured);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(targets: &[Target], what: &str) -> Option<bool> {
        let target = targets.iter().find(|target| target.what == what).unwrap();
        target.is_met()
    }

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let results = Results::default()
            .with("counter", OURS, 1, 2.0)
            .with("counter", OURS, 2, 2.3)
            .with("counter", CLIENT, 1, 8.0);
        let targets = targets(&results);
        assert_eq!(
            find(&targets, "counter, 1 thread, to prometheus-client"),
            Some(true)
        );
        assert_eq!(
            find(&targets, "counter, 2 threads to 1, an operation"),
            Some(false)
        );
        assert_eq!(
            find(&targets, "counter, 2 threads, to prometheus-client"),
            None
        );
    }

    #[test]
    fn the_fastest_peer_is_neither_ours_nor_the_floor() {
        let results = Results::default()
            .with("histogram", OURS, 1, 2.0)
            .with("histogram", "floor", 1, 0.5)
            .with("histogram", "a", 1, 4.0)
            .with("histogram", "b", 1, 3.0);
        assert_eq!(to_fastest_peer(&results, "histogram", 1), Some(2.0 / 3.0));
    }

    #[test]
    fn throughput_should_be_high() {
        let target = Target {
            what: "x",
            limit: Limit::AtLeast(5.0),
            measured: Some(4.9),
        };
        assert_eq!(target.is_met(), Some(false));
    }
}
