//! What the generator can do on this machine, measured against a server that does nothing.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tallied_processes::interrupt;
use tallied_processes::server_process::ServerProcess;

use crate::latency::{self, Latencies};
use crate::live::Live;
use crate::load::{self, Load, Measured};
use crate::null_responder;
use crate::rows::{Bounds, Rows};
use crate::scenario::{Arrival, Scenario, Shape};
use crate::target::Url;
use crate::validity;

const WARM_UP: Duration = Duration::from_millis(200);
/// At the run's own rate, whose latencies are reported.
const AT_RATE: Duration = Duration::from_secs(1);
/// At each higher rate that is tried.
const A_STEP: Duration = Duration::from_millis(500);
/// No machine of today keeps more with one connection a request.
const HIGHEST: f64 = 2_000_000.0;

#[derive(Debug)]
pub(crate) struct Calibration {
    pub(crate) at_rate: f64,
    pub(crate) latencies: Latencies,
    /// The highest rate that was tried and kept; 0 where none was.
    pub(crate) keeps: f64,
    pub(crate) loses: Option<f64>,
}

/// How the load is to be sent.
pub(crate) struct How {
    pub(crate) rate: f64,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) timeout: Duration,
}

/// Takes some three seconds.
pub(crate) fn calibrate(how: &How) -> Result<Calibration> {
    let folder = tempfile::Builder::new()
        .prefix("tallied-loadtest-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let ourselves = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(ourselves);
    command.arg(null_responder::ARGUMENT);
    let responder = ServerProcess::start_command(command, folder.path())?;
    let url = Url::of_server(responder.url())?;
    let scenario = Arc::new(Scenario::null());
    let rows = Arc::new(Rows::new(&scenario, None));
    let load = Load {
        shape: Shape::constant(),
        bounds: Arc::new(Bounds::none(&rows)),
        scenario,
        rows,
        address: url.address,
        host: url.host,
        rate: how.rate,
        arrival: Arrival::Poisson,
        warm_up: WARM_UP,
        duration: AT_RATE,
        connections: how.connections,
        threads: how.threads,
        timeout: how.timeout,
        seed: 0,
    };
    let at_rate = send(&load)?;
    let mut calibration = Calibration {
        at_rate: how.rate,
        keeps: 0.0,
        loses: None,
        latencies: at_rate.total.latencies.clone(),
    };
    calibration.note(how.rate, &at_rate);
    let mut rate = how.rate;
    while calibration.loses.is_none() && rate < HIGHEST && !interrupt::is_set() {
        rate *= 2.0;
        let step = send(&Load {
            rate,
            duration: A_STEP,
            ..load.clone()
        })?;
        calibration.note(rate, &step);
    }
    Ok(calibration)
}

fn send(load: &Load) -> Result<Measured> {
    let live = Arc::new(Live::new(&load.rows));
    load::run(load, &live, |_, _| Ok(()))
}

impl Calibration {
    fn note(&mut self, rate: f64, measured: &Measured) {
        let total = &measured.total;
        // Nobody else is there to be waited for.
        let waits = latency::at(&total.latencies.intended, 0.99) > load::LATE.as_secs_f64();
        let keeps = !waits && total.counts.errors() == 0 && validity::fell_behind(total).is_none();
        match keeps {
            true => self.keeps = rate,
            false => self.loses = Some(rate),
        }
    }
}
