//! Numbers as the page gets them.

use serde::{Serialize, Serializer};

/// A number: NaN and the infinities, which JSON has not, are the texts `"NaN"`, `"+Inf"` and `"-Inf"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

/// The largest integer below which a double holds each.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// To four digits: what is drawn needs no more, and a row that changes less is not sent.
    pub(crate) fn rounded(value: f64) -> Self {
        if value == 0.0 || !value.is_finite() {
            return Self(value);
        }
        let digits = 3 - value.abs().log10().floor() as i32;
        // Beyond these a power of ten is not exact, or not finite.
        if !(-18..=18).contains(&digits) {
            return Self(value);
        }
        let scale = 10_f64.powi(digits.abs());
        if digits >= 0 {
            Self((value * scale).round() / scale)
        } else {
            Self((value / scale).round() * scale)
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0;
        if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if value > 0.0 { "+Inf" } else { "-Inf" })
        } else if value.fract() == 0.0 && value.abs() < EXACT {
            // Shorter: 3, not 3.0.
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn every_number_has_a_json() {
        for (number, json) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"+Inf\""),
            (f64::NEG_INFINITY, "\"-Inf\""),
            (1e300, "1e+300"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ] {
            assert_eq!(serde_json::to_string(&Number(number)).unwrap(), json);
            let rounded = serde_json::to_string(&Number::rounded(number)).unwrap();
            assert_eq!(rounded, json, "{number}");
        }
        for (number, json) in [
            (1234.56, "1235"),
            (123_456.0, "123500"),
            (0.012_345_6, "0.01235"),
            (-9.999_96, "-10"),
        ] {
            let rounded = serde_json::to_string(&Number::rounded(number)).unwrap();
            assert_eq!(rounded, json, "{number}");
        }
    }
}
