//! The samples of a scrape, in either text format.

use anyhow::{Context, Result};

/// One line: a series and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample<'a> {
    /// Name and labels as they stand there.
    pub(crate) series: &'a str,
    pub(crate) value: f64,
}

impl Sample<'_> {
    /// The name, with the suffix that the kind of metric gives it.
    pub(crate) fn name(&self) -> &str {
        self.series.split('{').next().unwrap_or_default()
    }
}

/// # Errors
/// When a line is neither a comment nor a sample.
pub(crate) fn parse(document: &str) -> Result<Vec<Sample<'_>>> {
    let lines = document.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| sample(line).with_context(|| format!("a scrape has the line `{line}`")))
        .collect()
}

fn sample(line: &str) -> Option<Sample<'_>> {
    // A label value may hold a space; the value comes after the last brace.
    let end = match line.contains('{') {
        true => line.rfind('}')? + 1,
        false => line.find(' ')?,
    };
    let (series, value) = line.split_at_checked(end)?;
    // `+Inf` and `NaN` are values, too.
    let value = value.strip_prefix(' ')?.parse().ok()?;
    Some(Sample { series, value })
}

/// The sum over all series of this name that have this text among their labels.
pub(crate) fn sum(samples: &[Sample<'_>], name: &str, among_labels: &str) -> f64 {
    let of_it =
        |sample: &&Sample<'_>| sample.name() == name && sample.series.contains(among_labels);
    let values = samples.iter().filter(of_it).map(|sample| sample.value);
    // The sum of nothing is -0.
    values.sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_labels_and_values() {
        let document =
            "# TYPE a counter\na{x=\"1 } 2\",y=\"/u/{id}\"} 3\na{x=\"2\"} 4\nab +Inf\n# EOF\n";
        let samples = parse(document).unwrap();
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].series, "a{x=\"1 } 2\",y=\"/u/{id}\"}");
        assert_eq!(samples[2].value, f64::INFINITY);
        assert_eq!(sum(&samples, "a", ""), 7.0);
        assert_eq!(sum(&samples, "a", "\"/u/{id}\""), 3.0);
        assert_eq!(sum(&samples, "none", "").to_string(), "0");
    }

    #[test]
    fn a_line_that_is_cut_off_is_an_error() {
        for document in ["a", "a ", "a{x=\"1\"}", "a{x=\"1\" 3\n", "a x"] {
            assert!(parse(document).is_err(), "{document}");
        }
    }
}
