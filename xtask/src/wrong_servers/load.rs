//! The loads that the wrong servers are put under: each short, from a fixed seed, and enough for its faults to be certain to
//! show.

use std::path::Path;
use std::process::Command;

/// Sent again in every run, so that what a server got wrong it gets wrong again.
const SEED: u32 = 1;

/// A run of the load test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    /// One of the load test's own.
    pub(super) scenario: &'static str,
    /// Requests a second.
    pub(super) rate: u32,
    pub(super) seconds: u32,
    pub(super) scrapes_per_second: u32,
}

/// Something of everything, bodies whose sizes are bounds of buckets among it.
pub(super) const SMOKE: Load = Load {
    scenario: "smoke",
    rate: 400,
    seconds: 4,
    scrapes_per_second: 1,
};

/// Has streams that are known to take their time.
pub(super) const MIXED: Load = Load {
    scenario: "mixed",
    rate: 600,
    seconds: 4,
    scrapes_per_second: 1,
};

/// Clients that leave wherever they can.
pub(super) const ABORTS: Load = Load {
    scenario: "aborts",
    rate: 300,
    seconds: 4,
    scrapes_per_second: 1,
};

/// Some 48,000 requests, half of them to GET /data: of what goes wrong once in 10,000 times there are several.
pub(super) const MANY: Load = Load {
    scenario: "soak",
    rate: 4_000,
    seconds: 12,
    scrapes_per_second: 1,
};

/// For what only the scrapes in the middle of a load can tell.
pub(super) const SCRAPED: Load = Load {
    scenario: "mixed",
    rate: 1_000,
    seconds: 6,
    scrapes_per_second: 10,
};

impl Load {
    /// In a few words, for people.
    pub(super) fn text(self) -> String {
        let Self {
            scenario,
            rate,
            seconds,
            scrapes_per_second,
        } = self;
        format!("{scenario} at {rate}/s for {seconds} s, {scrapes_per_second} scrapes a second")
    }

    /// The load test with this load on this server.
    pub(super) fn command(self, load_test: &Path, server: &Path, report: &Path) -> Command {
        let mut command = Command::new(load_test);
        command
            .args(["--scenario", self.scenario])
            .args(["--rate", &self.rate.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .args(["--scrapes-per-second", &self.scrapes_per_second.to_string()])
            .args(["--seed", &SEED.to_string()])
            .args(["--warm-up", "0", "--no-calibration"])
            .arg("--server")
            .arg(server)
            .arg("--report")
            .arg(report);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_a_command_line() {
        let command = SMOKE.command(Path::new("/l"), Path::new("/s"), Path::new("/r"));
        let line: Vec<_> = command
            .get_args()
            .map(|arg| arg.to_string_lossy())
            .collect();
        assert_eq!(
            line.join(" "),
            "--scenario smoke --rate 400 --duration 4s --scrapes-per-second 1 --seed 1 --warm-up 0 --no-calibration \
             --server /s --report /r"
        );
        assert_eq!(SMOKE.text(), "smoke at 400/s for 4 s, 1 scrapes a second");
    }
}
