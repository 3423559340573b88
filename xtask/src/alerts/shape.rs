//! The shape of a PromQL expression's answer: which labels its series have, with which values, and how high the values can get.

use std::collections::BTreeMap;

use super::exposed::Known;
use super::finding::nearest;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Any,
    Of(Known),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) labels: BTreeMap<String, Values>,
    /// There may be more labels than those.
    pub(crate) open: bool,
    /// The highest finite bound, for what is a quantile.
    pub(crate) ceiling: Option<f64>,
}

impl Shape {
    /// Of what is not known.
    pub(crate) fn unknown() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    /// Which of the labels was meant by one that is not there, or else what there is.
    pub(crate) fn meant(&self, label: &str) -> String {
        match nearest(label, self.labels.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are: {}", self.names()),
        }
    }

    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.labels.keys().map(String::as_str).collect();
        names.join(", ")
    }

    pub(crate) fn kept(&self, labels: &[String]) -> Self {
        let of = |label: &String| self.labels.get(label).cloned().unwrap_or(Values::Any);
        Self {
            labels: labels.iter().map(|l| (l.clone(), of(l))).collect(),
            open: false,
            ceiling: self.ceiling,
        }
    }

    pub(crate) fn without(&self, labels: &[String]) -> Self {
        let mut shape = self.clone();
        shape.labels.retain(|label, _| !labels.contains(label));
        shape
    }

    pub(crate) fn with(mut self, extra: &[String], other: &Self) -> Self {
        self.labels.extend(other.kept(extra).labels);
        self.ceiling = None;
        self
    }

    pub(crate) fn or(mut self, other: Self, same: bool) -> Self {
        for (label, values) in other.labels {
            let merged = match (self.labels.remove(&label), values) {
                (Some(Values::Of(mut mine)), Values::Of(theirs)) => {
                    mine.text.extend(theirs.text);
                    mine.openmetrics.extend(theirs.openmetrics);
                    Values::Of(mine)
                }
                (None, values) => values,
                _ => Values::Any,
            };
            self.labels.insert(label, merged);
        }
        self.open |= other.open || !same;
        self.ceiling = self.ceiling.zip(other.ceiling).map(|(a, b)| a.max(b));
        self
    }

    /// What is left when the value stays as it is, or does not.
    pub(crate) fn through(mut self, keeps_the_value: bool) -> Self {
        if !keeps_the_value {
            self.ceiling = None;
        }
        self
    }
}

pub(crate) fn highest_finite(bounds: &Values) -> Option<f64> {
    let Values::Of(known) = bounds else {
        return None;
    };
    let numbers = known
        .text
        .iter()
        .filter_map(|bound| bound.parse::<f64>().ok());
    numbers
        .filter(|bound| bound.is_finite())
        .max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(labels: &[(&str, Option<&str>)]) -> Shape {
        let values = |value: &Option<&str>| match value {
            None => Values::Any,
            Some(value) => Values::Of(Known::only(value)),
        };
        let labels = labels
            .iter()
            .map(|(l, value)| ((*l).to_owned(), values(value)));
        Shape {
            labels: labels.collect(),
            ..Shape::default()
        }
    }

    #[test]
    fn either_of_two_has_the_labels_and_values_of_both() {
        let a = shape(&[("job", None), ("code", Some("200"))]);
        let b = shape(&[("job", Some("x")), ("code", Some("500"))]);
        let both = a.clone().or(b, true);
        let mut codes = Known::only("200");
        codes.text.insert("500".to_owned());
        codes.openmetrics.insert("500".to_owned());
        assert_eq!(both.labels["code"], Values::Of(codes));
        assert_eq!(both.labels["job"], Values::Any);
        assert!(!both.open && a.or(shape(&[]), false).open);
    }

    #[test]
    fn a_label_that_is_kept_though_not_there_may_be_anything() {
        let kept = shape(&[("a", Some("1"))]).kept(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(kept.names(), "a, b");
        assert_eq!(kept.labels["b"], Values::Any);
        assert_eq!(kept.without(&["a".to_owned()]).names(), "b");
    }

    #[test]
    fn the_highest_bound_is_a_number() {
        let mut bounds = Known::only("+Inf");
        bounds.text.extend(["0.5", "10", "2.5"].map(str::to_owned));
        assert_eq!(highest_finite(&Values::Of(bounds)), Some(10.0));
        assert_eq!(highest_finite(&Values::Any), None);
    }
}
