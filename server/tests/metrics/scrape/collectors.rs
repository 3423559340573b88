//! Collectors that misbehave.

use std::fmt::Error;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;

use crate::support::DEADLINE;

/// A prometheus-client registry with one collector, which runs this after it has written the
/// first of its families.
pub(crate) fn running(
    run: impl Fn(&mut DescriptorEncoder) -> Result<(), Error> + Send + Sync + 'static,
) -> Arc<Registry> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Running(Box::new(run))));
    Arc::new(registry)
}

/// Writes a family.
pub(crate) fn family(encoder: &mut DescriptorEncoder, name: &str) -> Result<(), Error> {
    let encoder = encoder.encode_descriptor(name, "A family", None, MetricType::Counter)?;
    ConstCounter::new(1_u64).encode(encoder)
}

type Run = Box<dyn Fn(&mut DescriptorEncoder) -> Result<(), Error> + Send + Sync>;

struct Running(Run);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

impl Collector for Running {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        family(&mut encoder, "collected")?;
        (self.0)(&mut encoder)
    }
}

/// What a collector waits at.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: usize,
    open: bool,
}

impl Gate {
    /// Waits until it is open.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        self.changed.notify_all();
        self.wait(state, |state| state.open);
    }

    /// Waits until so many have arrived, passed ones included.
    pub(crate) fn wait_for(&self, arrived: usize) {
        let state = self.state.lock().unwrap();
        self.wait(state, |state| state.arrived >= arrived);
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    /// How many have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.state.lock().unwrap().arrived
    }

    fn wait(&self, state: std::sync::MutexGuard<'_, State>, ready: impl Fn(&State) -> bool) {
        let left: Duration = 2 * DEADLINE;
        let waited = self
            .changed
            .wait_timeout_while(state, left, |state| !ready(state));
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "{state:?}");
    }
}
