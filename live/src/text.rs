//! Numbers and words as sentences have them, and texts that cannot grow.

use std::borrow::Cow;

/// The most bytes of a label's, a route's or a help text that are shown.
pub(crate) const MAX_TEXT: usize = 200;

/// The text, or its beginning and an ellipsis.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let mut end = MAX_TEXT - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// `12,345`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `412`, `1.2`, `0.05`: to two digits below ten.
pub(crate) fn amount(number: f64) -> String {
    if !number.is_finite() {
        return "?".to_owned();
    }
    let size = number.abs();
    if size >= 9.95 {
        return thousands(number.round().max(0.0) as u64);
    }
    let decimals = match size {
        s if s >= 0.995 => 1,
        s if s >= 0.0995 => 2,
        s if s >= 0.00995 => 3,
        _ => 4,
    };
    let text = format!("{number:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// `0.02 %`, `98 %`; what is nearly all is not all.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 99.0 && percent < 100.0 {
        // Rounded down.
        let floor = (percent * 100.0).floor() / 100.0;
        return format!("{} %", amount_exact(floor));
    }
    format!("{} %", amount(percent))
}

fn amount_exact(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `38 ms`, `1.2 s`, `3 min`.
pub(crate) fn seconds(time: f64) -> String {
    match time {
        t if !t.is_finite() => "?".to_owned(),
        t if t >= 5400.0 => format!("{} h", amount(t / 3600.0)),
        t if t >= 90.0 => format!("{:.0} min", t / 60.0),
        t if t >= 0.9995 => format!("{} s", amount(t)),
        t if t >= 0.000_999_5 => format!("{} ms", amount(t * 1e3)),
        t if t > 0.0 => format!("{} µs", amount(t * 1e6)),
        _ => "0 s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TEXT, amount, cut, percent, seconds, thousands};

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        for (number, text) in [
            (0.0, "0"),
            (412.3, "412"),
            (1.25, "1.2"),
            (2.0, "2"),
            (9.97, "10"),
            (0.02, "0.02"),
            (-0.0, "0"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(amount(number), text, "{number}");
        }
        for (ratio, text) in [
            (0.0, "0 %"),
            (0.0002, "0.02 %"),
            (0.064, "6.4 %"),
            (0.98, "98 %"),
            (0.999_999, "99.99 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(ratio), text, "{ratio}");
        }
        for (time, text) in [
            (0.0, "0 s"),
            (0.000_45, "450 µs"),
            (0.0382, "38 ms"),
            (0.999_9, "1 s"),
            (40.0, "40 s"),
            (180.0, "3 min"),
            (7200.0, "2 h"),
        ] {
            assert_eq!(seconds(time), text, "{time}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let exact = "x".repeat(MAX_TEXT);
        assert_eq!(cut(&exact), exact);
        for start in ["", "x", "xx", "xxx"] {
            let long = format!("{start}{}", "ü€𝄞<b>".repeat(20_000));
            let cut = cut(&long);
            assert!(
                cut.len() <= MAX_TEXT && cut.len() > MAX_TEXT - 8,
                "{}",
                cut.len()
            );
            assert!(cut.ends_with('…') && long.starts_with(cut.trim_end_matches('…')));
        }
    }
}
