//! What metrics cost a request: the same service bare and with each kind of metrics, in turn, round by round.
//!
//! Each service is a process of its own, started anew in each round, so that what a start decides (addresses,
//! hash seeds) differs from round to round and is no contestant's luck. One contestant is the bare service
//! once more: what it seems to add is what the figures can say at best.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::{Spread, median};
use super::{CONNECTIONS, Placement};
use crate::http::Client;
use crate::kernel::CpuTimes;
use crate::poll;
use crate::processors;
use crate::report::seconds;
use crate::samples;
use crate::server_process::ServerProcess;
use crate::wrk::{Load, Wrk};

const ROUNDS: usize = 10;
const QUICK_ROUNDS: usize = 2;
/// wrk takes whole ones.
const SLICE_SECONDS: u64 = 1;
/// Requests before a slice, on one connection: what a server does once.
const WARM_UP: usize = 2_000;
/// After it the server is idle, and the kernel's figures are up to date.
const REST: Duration = Duration::from_millis(20);

/// A service.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    argument: &'static str,
    /// The index of the service that it is compared with: its own framework, bare.
    pub(super) bare: usize,
    /// What it counts its requests in.
    counter: Option<&'static str>,
}

const fn contestant(
    name: &'static str,
    argument: &'static str,
    bare: usize,
    counter: Option<&'static str>,
) -> Contestant {
    Contestant {
        name,
        argument,
        bare,
        counter,
    }
}

/// Ours, and the peer that it is compared with, on each framework.
pub(super) const PAIRS: [Pair; 2] = [
    Pair {
        framework: "Salvo",
        ours: 2,
        peer: 3,
        peer_name: "salvo-otel",
    },
    Pair {
        framework: "axum",
        ours: 5,
        peer: 6,
        peer_name: "axum-prometheus",
    },
];

pub(super) struct Pair {
    pub(super) framework: &'static str,
    pub(super) ours: usize,
    pub(super) peer: usize,
    pub(super) peer_name: &'static str,
}

pub(super) const CONTESTANTS: [Contestant; 7] = [
    contestant("salvo", "salvo", 0, None),
    contestant("salvo, once more", "salvo", 0, None),
    contestant("salvo + tallied", "salvo-tallied", 0, Some(OURS)),
    contestant(
        "salvo + salvo-otel",
        "salvo-otel",
        0,
        Some("http_server_request_duration_seconds_count"),
    ),
    contestant("axum", "axum", 4, None),
    contestant("axum + tallied", "axum-tallied", 4, Some(OURS)),
    contestant(
        "axum + axum-prometheus",
        "axum-prometheus",
        4,
        Some("axum_http_requests_total"),
    ),
];

/// What ours counts requests in.
const OURS: &str = "http_requests_total";

/// A kind of request.
pub(super) struct Shape {
    pub(super) name: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    /// The pattern of its route as all of them write it.
    route: &'static str,
}

const GET: Shape = Shape {
    name: "GET /users/{id}",
    path: "/users/42",
    body: None,
    route: "\"/users/{id}\"",
};
const POST: Shape = Shape {
    name: "POST /users",
    path: "/users",
    body: Some(
        r#"{"name":"Ada Lovelace","born":1815,"died":1852,"known_for":"the first published program"}"#,
    ),
    route: "\"/users\"",
};

pub(super) struct Setting {
    pub(super) shape: Shape,
    pub(super) placement: Placement,
}

pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        shape: GET,
        placement: Placement::OneEach,
    },
    Setting {
        shape: POST,
        placement: Placement::OneEach,
    },
    Setting {
        shape: GET,
        placement: Placement::Shared,
    },
];

/// One contestant in one setting for one slice.
#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    /// The server's processor time per request, in microseconds.
    cpu_us: f64,
    per_second: f64,
    /// How long the server was kept waiting for its processor, as a part of what it used.
    waited: f64,
}

/// By setting and contestant.
type Round = [[Slice; CONTESTANTS.len()]; SETTINGS.len()];

#[derive(Debug, Default)]
pub(super) struct Costs {
    rounds: Vec<Round>,
}

impl Costs {
    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// How many of the slices on a processor of the server's own were disturbed, and how many there are.
    /// Where processors are shared, waiting is in the nature of it.
    pub(super) fn disturbed(&self) -> (usize, usize) {
        let settings = || SETTINGS.iter().enumerate();
        let own = settings().filter(|(_, setting)| setting.placement == Placement::OneEach);
        let slices: Vec<Slice> = own
            .flat_map(|(index, _)| self.rounds.iter().flat_map(move |round| round[index]))
            .collect();
        let disturbed = slices.iter().filter(|slice| slice.waited > MUCH_WAITED);
        (disturbed.count(), slices.len())
    }

    pub(super) fn per_second(&self, setting: usize, contestant: usize) -> f64 {
        let rounds = self.rounds.iter();
        median(rounds.map(|round| round[setting][contestant].per_second))
    }

    pub(super) fn cpu_us(&self, setting: usize, contestant: usize) -> f64 {
        let rounds = self.rounds.iter();
        median(rounds.map(|round| round[setting][contestant].cpu_us))
    }

    /// What it has more than its bare service in the same round.
    pub(super) fn added_us(&self, setting: usize, contestant: usize) -> Spread {
        let bare = CONTESTANTS[contestant].bare;
        let added = |round: &Round| round[setting][contestant].cpu_us - round[setting][bare].cpu_us;
        Spread::of(self.rounds.iter().map(added))
    }

    /// … as a part of what its bare service has.
    pub(super) fn added_to_bare(&self, setting: usize, contestant: usize) -> f64 {
        let bare = CONTESTANTS[contestant].bare;
        let ratio = |round: &Round| {
            let bare = round[setting][bare].cpu_us;
            (round[setting][contestant].cpu_us - bare) / bare
        };
        median(self.rounds.iter().map(ratio))
    }
}

/// Beyond it, something else had a part of the processor.
const MUCH_WAITED: f64 = 0.05;

pub(super) fn measure(wrk: &Wrk, binary: &Path, folder: &Path, quick: bool) -> Result<Costs> {
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let client = Client::new();
    let mut costs = Costs::default();
    for index in 0..rounds {
        let start = Instant::now();
        let mut round = Round::default();
        // Who begins changes from round to round.
        for turn in 0..CONTESTANTS.len() {
            let contestant = (index + turn) % CONTESTANTS.len();
            for placement in Placement::ALL {
                let run = Run {
                    wrk,
                    client: &client,
                    contestant: &CONTESTANTS[contestant],
                    placement,
                };
                run.take(binary, folder, |setting, slice| {
                    round[setting][contestant] = slice;
                })
                .with_context(|| {
                    format!("{}, {}", CONTESTANTS[contestant].name, placement.name())
                })?;
            }
        }
        costs.rounds.push(round);
        println!(
            "cost: round {} of {rounds} … {}",
            index + 1,
            seconds(start.elapsed())
        );
    }
    Ok(costs)
}

/// A process of a contestant.
struct Run<'a> {
    wrk: &'a Wrk,
    client: &'a Client,
    contestant: &'a Contestant,
    placement: Placement,
}

impl Run<'_> {
    /// A slice of each setting of its placement; then it must have counted what was sent.
    fn take(
        &self,
        binary: &Path,
        folder: &Path,
        mut taken: impl FnMut(usize, Slice),
    ) -> Result<()> {
        let mut command = Command::new(binary);
        command.arg(self.contestant.argument);
        let start = || ServerProcess::start_command(command, folder);
        let mut server = match self.placement.server() {
            Some(processor) => processors::on_processor(processor, start)?,
            None => start()?,
        };
        for (index, setting) in SETTINGS.iter().enumerate() {
            if setting.placement == self.placement {
                let (slice, sent) = self.slice(&server, &setting.shape)?;
                taken(index, slice);
                self.check_count(&server, &setting.shape, sent)?;
            }
        }
        server.check_alive()
        // Dropped: it has nothing to finish.
    }

    fn slice(&self, server: &ServerProcess, shape: &Shape) -> Result<(Slice, u64)> {
        let url = format!("{}{}", server.url(), shape.path);
        for _ in 0..WARM_UP {
            let answer = match shape.body {
                None => self.client.get(&url)?,
                Some(body) => self.client.post_json(&url, body)?,
            };
            ensure!(
                answer.status == 200,
                "{} was answered {}",
                shape.name,
                answer.status
            );
        }
        poll::sleep_until(Instant::now() + REST)?;
        let before = CpuTimes::of(server.id())?;
        let counted = self.wrk.run(&Load {
            url: &url,
            body: shape.body,
            connections: CONNECTIONS,
            seconds: SLICE_SECONDS,
            processor: self.placement.load(),
        })?;
        poll::sleep_until(Instant::now() + REST)?;
        let time = CpuTimes::of(server.id())?.since(&before);
        let slice = Slice {
            cpu_us: time.used.as_secs_f64() * 1e6 / counted.requests as f64,
            per_second: counted.per_second(),
            waited: time.waited.as_secs_f64() / time.used.as_secs_f64(),
        };
        Ok((slice, counted.requests + WARM_UP as u64))
    }

    /// A layer of metrics that counts nothing would be the cheapest. At its end wrk leaves at most one
    /// request on each connection, which it does not count.
    fn check_count(&self, server: &ServerProcess, shape: &Shape, sent: u64) -> Result<()> {
        let Some(name) = self.contestant.counter else {
            return Ok(());
        };
        let answer = self.client.get(&format!("{}/metrics", server.url()))?;
        let counted = samples::sum(&samples::parse(&answer.body)?, name, shape.route);
        let range = sent as f64..=(sent + CONNECTIONS) as f64;
        ensure!(
            answer.status == 200 && range.contains(&counted),
            "{}: {sent} requests were answered, and it counts {counted} in {name}",
            shape.name
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Costs {
        /// One setting, with these microseconds.
        pub(in crate::endtoend) fn with(rounds: &[[f64; CONTESTANTS.len()]]) -> Self {
            let slice = |cpu_us| Slice {
                cpu_us,
                per_second: 1e6 / cpu_us,
                waited: 0.0,
            };
            let round = |cpu: &[f64; CONTESTANTS.len()]| [cpu.map(slice); SETTINGS.len()];
            Self {
                rounds: rounds.iter().map(round).collect(),
            }
        }
    }

    #[test]
    fn each_is_compared_with_its_own_bare_service_in_the_same_round() {
        // The machine is slower in the second round, for all alike.
        let costs = Costs::with(&[
            [10.0, 10.0, 11.0, 12.0, 8.0, 9.0, 10.0],
            [20.0, 20.0, 22.0, 24.0, 16.0, 18.0, 20.0],
            [10.0, 10.0, 11.0, 12.0, 8.0, 9.0, 10.0],
        ]);
        let [salvo, axum] = PAIRS;
        assert_eq!(costs.added_us(0, salvo.ours).median, 1.0);
        assert_eq!(costs.added_to_bare(0, salvo.ours), 0.1);
        assert_eq!(costs.added_us(0, axum.peer).median, 2.0);
        assert_eq!(costs.added_to_bare(0, axum.peer), 0.25);
        assert_eq!(costs.added_us(0, 1).median, 0.0);
        assert_eq!(costs.cpu_us(0, salvo.peer), 12.0);
    }

    #[test]
    fn a_server_that_had_to_wait_was_disturbed() {
        let mut costs = Costs::with(&[[10.0; CONTESTANTS.len()]]);
        assert_eq!(costs.disturbed(), (0, 14));
        // GET on a processor of its own, and GET where they are shared.
        costs.rounds[0][0][3].waited = 0.2;
        costs.rounds[0][2][3].waited = 0.2;
        assert_eq!(costs.disturbed(), (1, 14));
    }

    #[test]
    fn every_contestant_has_a_bare_service() {
        for contestant in CONTESTANTS {
            assert!(CONTESTANTS[contestant.bare].counter.is_none());
        }
        for pair in PAIRS {
            let (ours, peer) = (&CONTESTANTS[pair.ours], &CONTESTANTS[pair.peer]);
            assert_eq!(ours.counter, Some(OURS));
            assert_eq!(peer.argument, pair.peer_name);
            assert_eq!(ours.bare, peer.bare);
        }
    }
}
