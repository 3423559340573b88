//! How long a scraper waits for its document.

use std::time::Duration;

use http::HeaderMap;

/// The header in which Prometheus sends its `scrape_timeout`, in seconds.
const HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// A shorter time would be over before anything is rendered.
const SHORTEST: Duration = Duration::from_millis(10);

/// The scraper's answer has to arrive while it still listens: so much of its time, at most, is kept
/// back for the way.
const ON_THE_WAY: Duration = Duration::from_millis(500);

/// The time that a scrape may take: what its header says, less a tenth and at most half a second,
/// from 10 ms up to `longest`; and `longest` where there is no header, or no positive number in it.
pub(super) fn time_limit(headers: &HeaderMap, longest: Duration) -> Duration {
    let seconds = headers.get(HEADER).and_then(|value| {
        let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
        (seconds > 0.0).then_some(seconds)
    });
    let Some(seconds) = seconds else {
        return longest;
    };
    // What is too long for a Duration is too long for anybody.
    let Ok(given) = Duration::try_from_secs_f64(seconds) else {
        return longest;
    };
    let given = given - (given / 10).min(ON_THE_WAY);
    given.max(SHORTEST).min(longest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::{HEADER, time_limit};

    #[test]
    fn what_the_header_says_within_bounds() {
        let longest = Duration::from_secs(60);
        for (header, milliseconds) in [
            ("10", 9_500),
            ("10.000000", 9_500),
            (" 1.5 ", 1_350),
            ("0.1", 90),
            ("0.001", 10),
            ("1e-300", 10),
            ("120", 60_000),
            ("1e300", 60_000),
            ("inf", 60_000),
            ("NaN", 60_000),
            ("0", 60_000),
            ("-1", 60_000),
            ("soon", 60_000),
            ("", 60_000),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, header.parse().unwrap());
            let limit = time_limit(&headers, longest);
            let rounded = (limit.as_secs_f64() * 1e3).round() as u64;
            assert_eq!(rounded, milliseconds, "{header:?}");
        }
        assert_eq!(time_limit(&HeaderMap::new(), longest), longest);
    }
}
