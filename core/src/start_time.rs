//! When a series began to count.

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a series began to count, to the millisecond, rounded down: what OpenMetrics calls created.
///
/// With it, Prometheus knows that a counter which it first sees at 50 was at 0 before. An instrument that counts
/// here began when it was made; a series that is removed and made again, when it was made again. For what is
/// counted elsewhere the application says it: [`ObservedCounter::since`](crate::ObservedCounter::since),
/// [`CounterFn::since`](crate::CounterFn::since), [`Description::since`](crate::Description::since).
///
/// [Protobuf](crate::exposition::protobuf) has it always, [OpenMetrics](crate::exposition::openmetrics::Options) on
/// request, text 0.0.4 never.
///
/// It is what the system's clock said then, and stays when the clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StartTime(
    /// Milliseconds of Unix time; not zero, so that an `Option` has the same size.
    NonZeroU64,
);

impl StartTime {
    pub(crate) fn now() -> Self {
        SystemTime::now().into()
    }

    pub(crate) fn unix_milliseconds(self) -> u64 {
        self.0.get()
    }
}

impl From<SystemTime> for StartTime {
    /// What lies before 1970 is 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(milliseconds).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<StartTime> for SystemTime {
    fn from(start: StartTime) -> Self {
        let since = Duration::from_millis(start.unix_milliseconds());
        // A time that the system cannot tell came from none that it told.
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::StartTime;

    #[test]
    fn is_rounded_down_to_the_millisecond() {
        let of = |micros| StartTime::from(UNIX_EPOCH + Duration::from_micros(micros));
        assert_eq!(
            of(1_700_000_000_123_999).unix_milliseconds(),
            1_700_000_000_123
        );
        assert_eq!(of(0), of(1_999));
        assert_eq!(StartTime::from(UNIX_EPOCH - Duration::from_secs(1)), of(0));
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        assert_eq!(SystemTime::from(StartTime::from(time)), time);
        assert!(StartTime::now() >= of(1_700_000_000_123_999));
    }
}
