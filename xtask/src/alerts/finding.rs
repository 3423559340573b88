//! What is wrong with the operators' files: where, what, and what to do. All of it is printed before the chore fails.

use std::fmt;

use anyhow::{Result, bail};

use crate::report::ok;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// As a person would name it: `deploy/prometheus/rules/recording.yml`.
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    pub(crate) line: u64,
    /// The rule, the panel, the section.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn new(file: &str, line: u64, name: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            name: name.to_owned(),
        }
    }

    pub(crate) fn finding(&self, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding {
            place: self.clone(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.name.is_empty() {
            write!(f, ": {}", self.name)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.what, self.remedy)
    }
}

/// Says that all is well, or prints everything that is not and fails.
pub(crate) fn settle(checked: impl fmt::Display, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        ok(checked);
        return Ok(());
    }
    for finding in findings {
        eprintln!("error: {finding}");
    }
    bail!(
        "{} to correct, listed above; looked at: {checked}",
        match findings.len() {
            1 => "1 thing".to_owned(),
            count => format!("{count} things"),
        }
    )
}

/// The known name that was probably meant, as the middle of a sentence.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_rule_and_remedy() {
        let place = Place::new("rules/a.yml", 7, "TalliedX");
        let finding = place.finding("there is no metric x", "did you mean y?");
        assert_eq!(
            finding.to_string(),
            "rules/a.yml:7: TalliedX: there is no metric x: did you mean y?"
        );
        assert_eq!(Place::new("a.yml", 0, "").to_string(), "a.yml");
    }

    #[test]
    fn any_finding_fails() {
        let place = Place::new("a.yml", 1, "");
        assert!(settle("nothing", &[]).is_ok());
        let error = settle("one rule", &[place.finding("a", "b")]).unwrap_err();
        assert!(error.to_string().starts_with("1 thing to correct"));
    }

    #[test]
    fn what_was_meant_is_near() {
        let known = ["http_requests_total", "process_open_fds"];
        assert_eq!(
            nearest("http_request_total", known),
            Some("http_requests_total")
        );
        assert_eq!(nearest("zebra", known), None);
    }
}
