//! Numbers with their units, as people read them.
//!
//! A number and its unit stay in one line: what lies between them is a no-break space.

/// Where there is no number.
pub(crate) const NONE: &str = "–";

/// To three digits, and to a microsecond, which is as fine as latencies are measured.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = with_unit_of_time(seconds);
    let decimals = if unit == "µs" || value == 0.0 {
        0
    } else {
        decimals(value)
    };
    let value = format!("{value:.decimals$}");
    with_unit(&value, unit)
}

/// Without the zeros at the end: of what somebody has chosen, such as limits, bounds and ticks.
pub(crate) fn round_time(seconds: f64) -> String {
    let (value, unit) = with_unit_of_time(seconds);
    with_unit(&trimmed(value, 3), unit)
}

fn with_unit_of_time(seconds: f64) -> (f64, &'static str) {
    if seconds == 0.0 {
        return (0.0, "s");
    }
    // A step below the unit, so that nothing is rounded to 1,000 of the smaller one.
    match seconds.abs() {
        s if s < 0.000_999_5 => (seconds * 1e6, "µs"),
        s if s < 0.999_5 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    }
}

pub(crate) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes.abs() {
        b if b < 999.5 => return with_unit(&trimmed(bytes, 0), "B"),
        b if b < 999.5e3 => (bytes / 1e3, "kB"),
        b if b < 999.5e6 => (bytes / 1e6, "MB"),
        _ => (bytes / 1e9, "GB"),
    };
    let decimals = decimals(value);
    with_unit(&trimmed(value, decimals), unit)
}

pub(crate) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// All of its digits.
pub(crate) fn number(number: f64) -> String {
    match number.is_finite() {
        true => grouped(&number.to_string()),
        false => NONE.to_owned(),
    }
}

pub(crate) fn rate(per_second: f64) -> String {
    match per_second.is_finite() {
        true => format!("{}/s", grouped(&trimmed(per_second, decimals(per_second)))),
        false => NONE.to_owned(),
    }
}

/// A part of the whole, from 0 to 1. What is not nothing is not shown as nothing, and what is not all, not as all.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        p if p > 0.0 && p < 0.000_1 => with_unit("< 0.0001", "%"),
        p if p > 99.999_9 && p < 100.0 => with_unit("> 99.9999", "%"),
        p if p < 0.01 || (p > 99.9 && p < 100.0) => with_unit(&trimmed(percent, 4), "%"),
        p if p < 10.0 => with_unit(&trimmed(percent, 2), "%"),
        _ => with_unit(&trimmed(percent, 1), "%"),
    }
}

pub(crate) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => NONE.to_owned(),
        _ => percent(part as f64 / whole as f64),
    }
}

/// `99.9 %`, with as many nines as it has.
pub(crate) fn quantile(quantile: f64) -> String {
    with_unit(&trimmed(quantile * 100.0, 6), "%")
}

/// Decimals for three digits or so.
fn decimals(value: f64) -> usize {
    match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn with_unit(value: &str, unit: &str) -> String {
    match value.contains("NaN") || value.contains("inf") {
        true => NONE.to_owned(),
        false => format!("{}\u{a0}{unit}", grouped(value)),
    }
}

/// `1234567.5` as `1,234,567.5`.
fn grouped(text: &str) -> String {
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::with_capacity(text.len() + text.len() / 3);
    let mut before = None;
    for (index, digit) in text.char_indices() {
        let is_inside = index < whole && before.is_some_and(|before: char| before.is_ascii_digit());
        if is_inside && (whole - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
        before = Some(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace('\u{a0}', " ")
    }

    #[test]
    fn times_have_three_digits() {
        for (seconds, shown) in [
            (0.0, "0 s"),
            (0.000_062_4, "62 µs"),
            (0.000_999_6, "1.00 ms"),
            (0.001_5, "1.50 ms"),
            (0.012_345, "12.3 ms"),
            (0.25, "250 ms"),
            (0.999_7, "1.00 s"),
            (62.04, "62.0 s"),
            (3_600.0, "3,600 s"),
            (f64::NAN, NONE),
            (f64::INFINITY, NONE),
        ] {
            assert_eq!(plain(&time(seconds)), shown);
        }
    }

    #[test]
    fn chosen_times_have_no_zeros_at_the_end() {
        let shown = [0.005, 0.25, 2.5, 60.0, 0.000_1].map(|time| plain(&round_time(time)));
        assert_eq!(shown, ["5 ms", "250 ms", "2.5 s", "60 s", "100 µs"]);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(number(-1_234.5), "-1,234.5");
        assert_eq!(number(-123.0), "-123");
        assert_eq!(number(0.123_456_7), "0.1234567");
        assert_eq!(rate(1_999.83), "2,000/s");
        assert_eq!(rate(12.345), "12.3/s");
        assert_eq!(plain(&bytes(999.0)), "999 B");
        assert_eq!(plain(&bytes(12_345.0)), "12.3 kB");
        assert_eq!(plain(&bytes(2e12)), "2,000 GB");
    }

    #[test]
    fn few_is_not_shown_as_none_nor_most_as_all() {
        let shown =
            [0.0, 1e-9, 0.000_012, 0.001, 0.012_34, 0.5, 1.0].map(|ratio| plain(&percent(ratio)));
        assert_eq!(
            shown,
            [
                "0 %",
                "< 0.0001 %",
                "0.0012 %",
                "0.1 %",
                "1.23 %",
                "50 %",
                "100 %"
            ]
        );
        let shown = [0.999, 0.999_983, 0.999_999_999].map(|ratio| plain(&percent(ratio)));
        assert_eq!(shown, ["99.9 %", "99.9983 %", "> 99.9999 %"]);
        assert_eq!(share(1, 0), NONE);
        assert_eq!(plain(&quantile(0.999_9)), "99.99 %");
        assert_eq!(plain(&quantile(0.5)), "50 %");
    }
}
