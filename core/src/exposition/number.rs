//! Numbers, as the text formats write them.

pub(super) fn push_integer(into: &mut String, value: impl itoa::Integer) {
    into.push_str(itoa::Buffer::new().format(value));
}

/// A sample's value: the shortest text that reads back as the same number. A whole number ends in
/// `.0` where the format marks floats so.
pub(super) fn push_float(into: &mut String, value: f64, point_zero: bool) {
    if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let whole = text.strip_suffix(".0").filter(|_| !point_zero);
        into.push_str(whole.unwrap_or(text));
    } else {
        into.push_str(&go_float(value));
    }
}

/// A number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` prints it: the shortest digits,
/// in scientific notation where the exponent is below -4 or above 5.
///
/// Prometheus before 3.0 takes `le` as text, so it has to be the same text in every process.
pub(super) fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Shortest digits with an exponent: `d.ddde±x`.
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::go_float;

    /// Left: what Go 1.19's strconv.FormatFloat(v, 'g', -1, 64) prints.
    #[test]
    fn floats_are_printed_as_go_prints_them() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("1", 1.0),
            ("0.005", 0.005),
            ("2.5", 2.5),
            ("10", 10.0),
            ("1e+06", 1e6),
            ("123456", 123_456.0),
            ("1.234567e+06", 1_234_567.0),
            ("0.0001", 0.0001),
            ("1e-05", 0.00001),
            ("1.5e-07", 1.5e-7),
            ("1e+21", 1e21),
            ("1.7976931348623157e+308", f64::MAX),
            ("5e-324", 5e-324),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("NaN", f64::NAN),
        ] {
            assert_eq!(go_float(value), text);
        }
    }
}
