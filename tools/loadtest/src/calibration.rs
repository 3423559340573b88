//! What the generator can do on this machine, measured against a server that does nothing.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tallied_processes::interrupt;
use tallied_processes::server_process::ServerProcess;

use crate::cli::HIGHEST_RATE;
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

/// Takes some seconds: the longer, the more the generator keeps.
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
    let mut rate = how.rate;
    let mut kept = keeps(&at_rate);
    loop {
        let step = Load {
            rate,
            duration: A_STEP,
            ..load.clone()
        };
        // Once more where it was not kept, for machines have hiccups.
        if !kept && !keeps(&send(&step)?) {
            calibration.loses = Some(rate);
            return Ok(calibration);
        }
        calibration.keeps = rate;
        rate *= 2.0;
        if rate > HIGHEST_RATE || interrupt::is_set() {
            return Ok(calibration);
        }
        kept = keeps(&send(&Load { rate, ..step })?);
    }
}

fn send(load: &Load) -> Result<Measured> {
    let live = Arc::new(Live::new(&load.rows));
    load::run(load, &live, |_, _| Ok(()))
}

impl Calibration {
    /// Whether a server that seems to keep so much may keep more: the generator kept no more alone, where it was tried.
    pub(crate) fn may_be_the_limit(&self, found: Option<f64>) -> bool {
        // Each step of the calibration is twice the one before.
        self.loses.is_some() && found.is_some_and(|found| found * 2.0 >= self.keeps)
    }
}

fn keeps(measured: &Measured) -> bool {
    let total = &measured.total;
    // Nobody else is there to be waited for.
    let waits = latency::at(&total.latencies.intended, 0.99) > load::LATE.as_secs_f64();
    !waits && total.counts.errors() == 0 && validity::invalid(total).is_none()
}
