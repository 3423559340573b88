//! The runbook: its headings, the links within it, and the queries that it tells people to ask.

use std::collections::BTreeSet;

use super::finding::{Finding, Place};

#[derive(Debug)]
pub(crate) struct Runbook {
    /// As a person would name it.
    pub(crate) shown: String,
    headings: Vec<(u64, String)>,
    links: Vec<(u64, String)>,
    /// Each with its line and the heading that it stands under.
    pub(crate) queries: Vec<(Place, String)>,
}

impl Runbook {
    pub(crate) fn parse(shown: &str, text: &str) -> Self {
        let mut runbook = Self {
            shown: shown.to_owned(),
            headings: Vec::new(),
            links: Vec::new(),
            queries: Vec::new(),
        };
        // The language of the block of code that a line is in.
        let mut block: Option<&str> = None;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                block = if block.is_some() {
                    None
                } else {
                    Some(language.trim())
                };
                continue;
            }
            match block {
                None => runbook.read_prose(number, line),
                // A query a line.
                Some("promql") if !line.trim().is_empty() => runbook.query(number, line),
                Some("sh") => {
                    for query in asked_in(line) {
                        runbook.query(number, query);
                    }
                }
                Some(_) => {}
            }
        }
        runbook
    }

    fn read_prose(&mut self, number: u64, line: &str) {
        if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim();
            self.headings.push((number, heading.to_owned()));
        }
        for piece in line.split("](#").skip(1) {
            let anchor = piece.split(')').next().unwrap_or_default();
            self.links.push((number, anchor.to_owned()));
        }
    }

    fn query(&mut self, number: u64, query: &str) {
        let under = self
            .headings
            .last()
            .map_or("", |(_, heading)| heading.as_str());
        let place = Place::new(&self.shown, number, under);
        self.queries.push((place, query.trim().to_owned()));
    }

    /// The anchors that links can name.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        self.headings
            .iter()
            .map(|(_, heading)| anchor(heading))
            .collect()
    }

    /// Links that lead nowhere, and sections of alerts that no rule has.
    pub(crate) fn check(&self, alerts: &BTreeSet<&str>) -> Vec<Finding> {
        let anchors = self.anchors();
        let mut findings = Vec::new();
        for (line, link) in &self.links {
            if !anchors.contains(link) {
                let place = Place::new(&self.shown, *line, "");
                let what = format!("the link #{link} leads to no heading");
                findings.push(place.finding(what, "correct it, or write the section"));
            }
        }
        for (line, heading) in &self.headings {
            let is_an_alerts = heading.starts_with("Tallied") && !heading.contains(' ');
            if is_an_alerts && !alerts.contains(heading.as_str()) {
                let place = Place::new(&self.shown, *line, heading);
                let remedy = "remove the section, or give it the alert's name";
                findings.push(place.finding("no rule has this alert", remedy));
            }
        }
        findings
    }
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .collect::<String>()
        .to_lowercase()
}

/// The queries in `q '…'`.
fn asked_in(line: &str) -> impl Iterator<Item = &str> {
    let line = if line.starts_with("q '") { line } else { "" };
    line.split("q '")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Runbook

## TalliedX

See [TalliedY](#talliedy).

```promql
rate(x[5m])
```

```sh
# no heading
q 'up'; q 'y > 1'   # both
curl -s '$S'
```

## `Two` words, here
";

    #[test]
    fn reads_headings_links_and_queries() {
        let runbook = Runbook::parse("R.md", TEXT);
        let anchors = ["runbook", "talliedx", "two-words-here"].map(str::to_owned);
        assert_eq!(runbook.anchors(), anchors.into());
        let queries: Vec<_> = runbook
            .queries
            .iter()
            .map(|(_, query)| query.as_str())
            .collect();
        assert_eq!(queries, ["rate(x[5m])", "up", "y > 1"]);
        assert_eq!(runbook.queries[0].0.to_string(), "R.md:8: TalliedX");
    }

    #[test]
    fn a_dead_link_and_a_forgotten_section_are_named() {
        let runbook = Runbook::parse("R.md", TEXT);
        let found: Vec<String> = runbook
            .check(&["TalliedZ"].into())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("R.md:5: the link #talliedy leads to no heading"));
        assert!(found[1].starts_with("R.md:3: TalliedX: no rule has this alert"));
    }
}
