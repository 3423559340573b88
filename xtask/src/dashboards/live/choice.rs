//! What a person has chosen, put into a query as Grafana does.

use std::time::Duration;

use crate::alerts::grafana::interpolated;

/// The time range that is looked at, up to now.
pub(super) const RANGE: Duration = Duration::from_secs(60);
/// A point a second: a narrow range on a wide screen.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// The job of the rules.
pub(super) const JOB: &str = "tallied";

#[derive(Debug)]
pub(super) struct Choice {
    instance: String,
    endpoint: String,
    method: String,
    rate_interval: Duration,
}

impl Choice {
    /// `All` everywhere: the variables' allValue.
    pub(super) fn all(scrape_interval: Duration) -> Self {
        Self {
            instance: ".+".to_owned(),
            endpoint: ".+".to_owned(),
            method: ".+".to_owned(),
            rate_interval: rate_interval(scrape_interval),
        }
    }

    /// One value of each.
    pub(super) fn one(scrape_interval: Duration, instance: &str, endpoint: &str) -> Self {
        Self {
            instance: in_a_string(instance),
            endpoint: in_a_string(endpoint),
            method: "GET".to_owned(),
            ..Self::all(scrape_interval)
        }
    }

    pub(super) fn put_into(&self, query: &str) -> String {
        interpolated(query, |name| match name {
            "job" => JOB.to_owned(),
            "instance" => self.instance.clone(),
            "endpoint" => self.endpoint.clone(),
            "method" => self.method.clone(),
            "__rate_interval" => promql(self.rate_interval),
            "__interval" => promql(STEP),
            "__range" => promql(RANGE),
            // Prometheus refuses it, and says which.
            other => format!("${other}"),
        })
    }
}

/// Four scrapes, or a step and a scrape, whichever is more.
fn rate_interval(scrape_interval: Duration) -> Duration {
    (STEP + scrape_interval).max(4 * scrape_interval)
}

fn promql(duration: Duration) -> String {
    promql_parser::util::display_duration(&duration)
}

/// A value of a variable of several: a regular expression that matches it alone, inside of a string.
fn in_a_string(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        match c {
            // The string's own escape, and the expression's.
            '\\' => text.push_str(r"\\\\"),
            '$' | '^' | '*' | '{' | '}' | '[' | ']' | '\'' | '+' | '?' | '.' | '(' | ')' | '|' => {
                text.push_str(r"\\");
                text.push(c);
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = r#"rate(x{job="$job",endpoint=~"$endpoint"}[$__rate_interval])"#;

    #[test]
    fn all_is_everything() {
        let choice = Choice::all(Duration::from_secs(15));
        assert_eq!(
            choice.put_into(QUERY),
            r#"rate(x{job="tallied",endpoint=~".+"}[1m])"#
        );
        let choice = Choice::all(Duration::from_millis(300));
        assert_eq!(choice.put_into("[$__rate_interval]"), "[1s300ms]");
    }

    #[test]
    fn a_value_matches_itself_alone() {
        let choice = Choice::one(STEP, "127.0.0.1:80", "/data/{id}");
        let query = choice.put_into(QUERY);
        assert_eq!(
            query,
            r#"rate(x{job="tallied",endpoint=~"/data/\\{id\\}"}[4s])"#
        );
        crate::alerts::promql::parse(&query).unwrap();
    }
}
