//! The processors' usage as sysinfo tells it: since its own last look.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sysinfo::System;

#[derive(Debug)]
pub(super) struct Processors {
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    system: Option<System>,
    looked_at: Instant,
    shares: Vec<(String, f64)>,
}

impl Processors {
    pub(super) fn new(window: Duration) -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        let state = State {
            system,
            looked_at: Instant::now(),
            shares: Vec::new(),
        };
        Self {
            window,
            state: Mutex::new(state),
        }
    }

    pub(super) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    pub(super) fn shares(&self) -> Vec<(String, f64)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            system,
            looked_at,
            shares,
        } = &mut *state;
        let Some(system) = system else {
            return Vec::new();
        };
        // Nothing is known before the second look.
        let window = match shares.is_empty() {
            true => sysinfo::MINIMUM_CPU_UPDATE_INTERVAL,
            false => self.window,
        };
        if looked_at.elapsed() >= window {
            *looked_at = Instant::now();
            system.refresh_cpu_usage();
            let ratio = |percent: f32| f64::from(percent) / 100.0;
            let total = ("total".to_owned(), ratio(system.global_cpu_usage()));
            let each = system.cpus().iter().enumerate();
            let each = each.map(|(number, cpu)| (number.to_string(), ratio(cpu.usage())));
            *shares = std::iter::once(total).chain(each).collect();
        }
        shares.clone()
    }
}
