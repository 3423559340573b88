//! The command line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::scenario::Arrival;
use crate::slo::Slo;

/// No machine of today keeps more, with one request at a time on each connection.
pub(crate) const HIGHEST_RATE: f64 = 2_000_000.0;
/// The longest load.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// An open-loop load test that holds the server's own metrics against what its clients saw
///
/// Requests are sent when they are due, whatever the server makes of the earlier ones, and their latency counts from then. After
/// the load, the server's /metrics must agree with the clients' books to the last request, byte and bucket.
#[derive(Parser, Debug)]
#[command(
    name = "tallied-loadtest",
    bin_name = "tallied-loadtest",
    version,
    after_help = "Examples:
  tallied-loadtest --target http://127.0.0.1:8000 --scenario mixed --rate 2000 --duration 30s --slo 'p99<250ms'
  tallied-loadtest --target http://127.0.0.1:8000 --scenario ./mine.toml --seed 7 --report mine
  tallied-loadtest --server ./tallied-server --find-max --slo 'p99<50ms'
  tallied-loadtest --server ./tallied-server --report old --keep-server, and with a newer one: --compare old/report.json

In a checkout of Tallied, `cargo xtask loadtest` builds this program and the server, and takes the same options.

Scenarios: smoke (everything, small), mixed (the default), scanner, aborts (clients that leave), spike,
soak, attack (random requests, and bytes that are no HTTP); or a TOML file: tools/loadtest/scenarios/mixed.toml in the
repository shows every key.

Exit status, the first that holds:
  2    an option or the scenario is wrong
  1    anything else that kept the run from its end
  5    the server's metrics and the clients' books differ
  130  interrupted; what was sent is reconciled, and reported
  4    the run is invalid: the generator fell behind
  3    an objective was missed
  0    all held"
)]
pub(crate) struct Cli {
    /// A built-in scenario, or the path of a file [default: mixed]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// Requests a second [default: the scenario's]
    #[arg(long, value_name = "R", allow_hyphen_values = true, value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Search for the highest rate that meets the objectives; --rate is where the search begins
    #[arg(long)]
    pub(crate) find_max: bool,
    /// How long requests are due: 30s, 5m [default: the scenario's; 5s a step with --find-max]
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = time_above_0)]
    pub(crate) duration: Option<Duration>,
    /// How long the same load runs before that; it is reconciled, but not measured [default: 1s]
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = time)]
    pub(crate) warm_up: Option<Duration>,
    /// The most requests in flight, each on a connection of its own [default: 256]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = whole(1..=u16::MAX))]
    pub(crate) connections: Option<u16>,
    /// Threads that send [default: half of the processors]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = whole(1..=256_u16))]
    pub(crate) threads: Option<u16>,
    /// How requests are spaced in time [default: the scenario's]
    #[arg(long, value_name = "HOW", value_parser = PossibleValuesParser::new(Arrival::NAMES))]
    pub(crate) arrival: Option<String>,
    /// How long a request may wait for a connection, and for its answer [default: 10s]
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = time_above_0)]
    pub(crate) timeout: Option<Duration>,
    /// Send the requests of an earlier run again
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = whole(0..=u64::MAX))]
    pub(crate) seed: Option<u64>,
    /// Scrapes a second during the load; 0 for only those before and after it [default: 1]
    #[arg(long, value_name = "HZ", allow_hyphen_values = true, value_parser = scrapes)]
    pub(crate) scrapes_per_second: Option<f64>,
    /// An objective (repeatable): p99<250ms, p95<50ms, max<1s, mean<20ms, errors<0.1%; for one kind of request, by its name,
    /// list:p99<5ms; for the server, after the warm-up, heap-growth<16MB, new-series<1
    /// [default: errors<0.1%; p99<250ms, too, with --find-max]
    #[arg(long, value_name = "SLO", allow_hyphen_values = true, value_parser = |text: &str| Slo::parse(text).map_err(|error| format!("{error:#}")))]
    pub(crate) slo: Vec<Slo>,
    /// Test a server that runs already, instead of starting one
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    pub(crate) target: Option<String>,
    /// Start this server binary
    #[arg(long, value_name = "PATH", env = "LOADTEST_SERVER", hide_env = true)]
    pub(crate) server: Option<PathBuf>,
    /// Where the metrics are [default: /metrics of the server]
    #[arg(long, value_name = "URL")]
    pub(crate) metrics_url: Option<String>,
    /// Only measure: the server may have no metrics
    #[arg(long)]
    pub(crate) no_reconcile: bool,
    /// Do not measure the generator itself first
    #[arg(long)]
    pub(crate) no_calibration: bool,
    /// Where the report goes: report.json, report.html, latencies.hlog and seconds.csv
    #[arg(long, value_name = "DIR", env = "LOADTEST_REPORT", hide_env = true)]
    pub(crate) report: Option<PathBuf>,
    /// Run the load several times
    #[arg(long, value_name = "N", conflicts_with = "find_max", allow_hyphen_values = true, value_parser = whole(1..=32_u16))]
    pub(crate) repetitions: Option<u16>,
    /// Keep the server beside the report, so that --compare can measure it in turn with a newer one (some 55 MB)
    #[arg(long, requires = "report", conflicts_with = "target")]
    pub(crate) keep_server: bool,
    /// Run the load of an older report, and tell better and worse from noise; its server, if it was kept, is measured in
    /// turn [default of --repetitions: 8]
    #[arg(long, value_name = "OLD.json", conflicts_with = "find_max")]
    pub(crate) compare: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    let rate = rate.filter(|rate: &f64| *rate > 0.0 && *rate <= HIGHEST_RATE);
    rate.ok_or_else(|| format!("give requests a second, above 0 and at most {HIGHEST_RATE}"))
}

fn scrapes(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| *rate == 0.0 || (0.001..=100.0).contains(rate));
    rate.ok_or_else(|| "give scrapes a second: 0, or from 0.001 to 100".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let time = humantime::parse_duration(text)
        .ok()
        .filter(|time| *time <= LONGEST);
    time.ok_or_else(|| {
        "give 0, or a time with its unit, such as 30s or 5m, of at most a week".to_owned()
    })
}

fn time_above_0(text: &str) -> Result<Duration, String> {
    let time = time(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| {
        "give a time with its unit, such as 30s or 5m, above 0 and of at most a week".to_owned()
    })
}

/// Says the range of what is no number, too.
fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("give a whole number from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["x"], args].concat());
        assert!(
            parse(&[
                "--rate",
                "0.5",
                "--warm-up",
                "0",
                "--scrapes-per-second",
                "0"
            ])
            .is_ok()
        );
        for args in [
            ["--rate", "0"],
            ["--rate", "-1"],
            ["--rate", "inf"],
            ["--rate", "3e6"],
            ["--scrapes-per-second", "1e-20"],
            ["--duration", "0s"],
            ["--duration", "30"],
            ["--duration", "8d"],
            ["--connections", "0"],
            ["--scrapes-per-second", "101"],
            ["--slo", "p99"],
            ["--arrival", "never"],
            ["--repetitions", "0"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn each_number_that_cannot_be_is_named_with_its_flag_and_its_range() {
        for (flag, range) in [
            ("--rate", "above 0 and at most 2000000"),
            ("--duration", "above 0 and of at most a week"),
            ("--warm-up", "give 0, or a time"),
            ("--connections", "from 1 to 65535"),
            ("--threads", "from 1 to 256"),
            ("--timeout", "above 0 and of at most a week"),
            ("--seed", "from 0 to 18446744073709551615"),
            ("--scrapes-per-second", "0, or from 0.001 to 100"),
            ("--slo", "p99<250ms"),
            ("--repetitions", "from 1 to 32"),
        ] {
            for value in ["-5", "-5s", "x", "1e99", "-", "--find-max"] {
                let error = Cli::try_parse_from(["x", flag, value]).unwrap_err();
                let error = error.to_string();
                let says = |text: &str| error.contains(text);
                assert!(says(flag) && says(range), "{flag} {value}: {error}");
                assert!(says(&format!("'{value}'")), "{flag} {value}: {error}");
            }
        }
    }
}
