//! Asks each question, now and over a range, until all have an answer or the time is over.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use super::choice::{Choice, RANGE, STEP};
use super::question::{Kind, Question};
use crate::alerts::finding::Finding;
use crate::interrupt;
use crate::prometheus::api::{Api, Labels};

/// How many series, or values of labels, came; and what did not until the time was over. `meanwhile` is to fail when there is
/// no use in going on.
pub(super) fn all(
    api: &Api<'_>,
    questions: &[Question],
    choice: &Choice,
    timeout: Duration,
    mut meanwhile: impl FnMut() -> Result<()>,
) -> Result<(usize, Vec<Finding>)> {
    let deadline = Instant::now() + timeout;
    let mut open: Vec<&Question> = questions.iter().collect();
    let mut answered = 0;
    loop {
        meanwhile()?;
        let (mut still, mut findings) = (Vec::new(), Vec::new());
        for question in open {
            interrupt::check()?;
            match ask(api, question, choice)? {
                Answer::Data(count) => answered += count,
                Answer::Lacks(what) => {
                    let query = choice.put_into(&question.expr);
                    let remedy =
                        "correct it, or provoke what it shows in xtask/src/dashboards/live";
                    let finding = question.place.finding(format!("{what}: {query}"), remedy);
                    findings.push(finding);
                    still.push(question);
                }
            }
        }
        if still.is_empty() || Instant::now() >= deadline {
            return Ok((answered, findings));
        }
        open = still;
        thread::sleep(PAUSE);
    }
}

enum Answer {
    /// So many series.
    Data(usize),
    /// And why it is none.
    Lacks(String),
}

fn ask(api: &Api<'_>, question: &Question, choice: &Choice) -> Result<Answer> {
    let promql = choice.put_into(&question.expr);
    if question.kind == Kind::Variable {
        let mut count = 0;
        for label in &question.labels {
            let values = api.label_values(label, &promql)?;
            if values.iter().all(String::is_empty) {
                return Ok(Answer::Lacks(format!("no values of {label}")));
            }
            count += values.len();
        }
        return Ok(Answer::Data(count));
    }
    let now = SystemTime::now();
    if !question.of_moments {
        let now = api.query(&promql)?;
        let now = now
            .iter()
            .map(|sample| (&sample.labels, std::slice::from_ref(&sample.value)));
        if let Some(what) = lacks(&now.collect::<Vec<_>>(), question) {
            return Ok(Answer::Lacks(format!("{what} now")));
        }
    }
    let range = api.query_range(&promql, now - RANGE, now, STEP)?;
    let series: Vec<_> = range
        .iter()
        .map(|series| (&series.labels, series.values.as_slice()))
        .collect();
    let count = series.len();
    Ok(match lacks(&series, question) {
        Some(what) => Answer::Lacks(format!("{what} over the time range")),
        None => Answer::Data(count),
    })
}

/// Less than Prometheus takes to see something new.
const PAUSE: Duration = Duration::from_millis(200);

/// Labels and values.
type Series<'a> = (&'a Labels, &'a [f64]);

/// Why these are no data: none, no number among them, or one without a label that is to be shown.
fn lacks(series: &[Series<'_>], question: &Question) -> Option<String> {
    if series.is_empty() {
        return Some("no series".to_owned());
    }
    for label in &question.labels {
        let has_it = |labels: &Labels| labels.get(label).is_some_and(|value| !value.is_empty());
        if !series.iter().all(|(labels, _)| has_it(labels)) {
            return Some(format!("a series without the label {label}"));
        }
    }
    let mut values = series.iter().flat_map(|(_, values)| values.iter());
    values
        .all(|value| value.is_nan())
        .then(|| "no number in any series".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::alerts::finding::Place;

    type Written = (&'static [(&'static str, &'static str)], &'static [f64]);

    fn lacking(all: &[Written]) -> Option<String> {
        let question = Question {
            kind: Kind::Panel,
            place: Place::new("a.json", 0, "P"),
            expr: String::new(),
            labels: BTreeSet::from(["endpoint".to_owned()]),
            of_moments: false,
        };
        let labels: Vec<Labels> = all
            .iter()
            .map(|(labels, _)| {
                labels
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect()
            })
            .collect();
        let values = all.iter().map(|(_, values)| *values);
        lacks(&labels.iter().zip(values).collect::<Vec<_>>(), &question)
    }

    #[test]
    fn data_is_a_number_with_the_labels_that_are_shown() {
        let right: Written = (&[("endpoint", "/")], &[f64::NAN, 0.0]);
        assert_eq!(lacking(&[right]), None);
        assert_eq!(lacking(&[]).unwrap(), "no series");
        let nan: Written = (&[("endpoint", "/")], &[f64::NAN]);
        assert_eq!(lacking(&[nan]).unwrap(), "no number in any series");
        assert_eq!(lacking(&[nan, right]), None);
        let without: Written = (&[("job", "x")], &[1.0]);
        assert_eq!(
            lacking(&[right, without]).unwrap(),
            "a series without the label endpoint"
        );
    }
}
