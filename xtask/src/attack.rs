//! The attack: random requests, and bytes that are no HTTP, on a real server, which must stay as large as it was. It is the load
//! test's scenario `attack`, with objectives for what may grow.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use crate::loadtest;
use crate::workspace::Workspace;

/// A second: what the generator keeps on a small machine.
const RATE: u64 = 2_000;
/// 10,000 requests: enough for every series that there can be, and for as many records as are kept.
const WARM_UP: &str = "5s";
/// Requests wait as long for a slow machine: how fast it is, is no objective.
const TIMEOUT: &str = "120s";

pub(crate) fn run(
    workspace: &Workspace,
    requests: u64,
    seed: Option<u64>,
    server: Option<&Path>,
) -> Result<()> {
    let mut args = arguments(WARM_UP, requests.div_ceil(RATE));
    args.extend(["--slo", "errors<0%", "--slo", "heap-growth<16MB"].map(OsString::from));
    args.extend(["--slo", "new-series<1"].map(OsString::from));
    if let Some(seed) = seed {
        args.extend(["--seed".into(), seed.to_string().into()]);
    }
    if let Some(server) = server {
        args.extend(["--server".into(), server.into()]);
    }
    loadtest::checked(workspace, "attack", args)
}

fn arguments(warm_up: &str, seconds: u64) -> Vec<OsString> {
    let (rate, duration) = (RATE.to_string(), format!("{seconds}s"));
    let args = [
        "--scenario",
        "attack",
        "--no-calibration",
        "--rate",
        &rate,
        "--timeout",
        TIMEOUT,
        "--warm-up",
        warm_up,
        "--duration",
        &duration,
    ];
    args.map(OsString::from).to_vec()
}
