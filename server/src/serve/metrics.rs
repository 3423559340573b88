//! What becomes of connections, as metrics.

use tallied::{Counter, Family, RegisterError, Registry, UpDownCounter};

/// The metrics of the connections, of all listeners together. The default is registered nowhere.
#[derive(Debug, Clone)]
pub struct ConnectionMetrics {
    pub(super) open: UpDownCounter,
    pub(super) refused: Counter,
    cut_off: Family<Counter, 1>,
}

/// Why the server ended a connection that its client would have kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// A request's head took too long.
    HeaderTimeout,
    /// No request came for too long.
    IdleTimeout,
    /// The client did not take its answer.
    WriteStall,
    /// It waited, and another client needed the room.
    Evicted,
}

impl CutOff {
    const ALL: [Self; 4] = [
        Self::HeaderTimeout,
        Self::IdleTimeout,
        Self::WriteStall,
        Self::Evicted,
    ];

    fn reason(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::WriteStall => "write_stall",
            Self::Evicted => "evicted",
        }
    }
}

impl Default for ConnectionMetrics {
    fn default() -> Self {
        let cut_off = Family::new(["reason"]);
        // At zero from the start: the first one is an increase, too.
        for why in CutOff::ALL {
            cut_off.get_or_create(&[why.reason()]);
        }
        Self {
            open: UpDownCounter::default(),
            refused: Counter::default(),
            cut_off,
        }
    }
}

impl ConnectionMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When the registry holds a metric of one of their names already.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let metrics = Self::default();
        registry.register(
            "tallied_connections",
            "Connections that are open",
            metrics.open.clone(),
        )?;
        registry.register(
            "tallied_connections_refused",
            "Connections that were closed at once, because too many were open",
            metrics.refused.clone(),
        )?;
        registry.register(
            "tallied_connections_cut_off",
            "Connections that the server ended, by reason",
            metrics.cut_off.clone(),
        )?;
        Ok(metrics)
    }

    pub(super) fn cut_off(&self, why: CutOff) {
        self.cut_off.get_or_create(&[why.reason()]).inc();
    }
}
