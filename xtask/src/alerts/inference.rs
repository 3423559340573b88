//! What a PromQL expression gives, found out from its tree, from what the server exposes and from the recording rules,
//! without evaluating anything.
//!
//! On the way, everything is noted that can never match: a metric, a label or a value that does not exist, a bound that
//! the histogram does not have, two sides without a label in common, a threshold that a quantile never reaches.
//! What cannot be known (labels of other programs' metrics) is taken as right.

use std::collections::BTreeMap;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};

use super::exposed::{Exposed, Known, Origin, TARGET_LABELS, origin};
use super::finding::{Finding, Place, nearest};
use super::functions;
use super::matching::{self, Strictness};
use super::promql;
use super::rules::{Kind, Rule, RuleFile};
use super::shape::{Shape, Values};

pub(crate) struct Shapes<'a> {
    exposed: &'a Exposed,
    recorded: BTreeMap<&'a str, &'a Rule>,
    known: BTreeMap<String, Shape>,
}

impl<'a> Shapes<'a> {
    pub(crate) fn new(exposed: &'a Exposed, files: &'a [RuleFile]) -> Self {
        let rules = files.iter().flat_map(RuleFile::rules);
        let recorded = rules.filter(|rule| rule.kind == Kind::Record);
        Self {
            exposed,
            recorded: recorded.map(|rule| (rule.name.as_str(), rule)).collect(),
            known: BTreeMap::new(),
        }
    }

    /// What is wrong with an expression.
    pub(crate) fn check(
        &mut self,
        place: &Place,
        expr: &Expr,
        strictness: Strictness,
    ) -> Vec<Finding> {
        let mut walk = Walk {
            shapes: self,
            place,
            strictness,
            findings: Vec::new(),
        };
        walk.shape(expr);
        walk.findings
    }

    /// Of what a recording rule writes. What is wrong there is found where that rule itself is checked.
    fn of_recorded(&mut self, name: &str) -> Option<Shape> {
        if let Some(shape) = self.known.get(name) {
            return Some(shape.clone());
        }
        let rule = *self.recorded.get(name)?;
        // A rule that reads itself ends here.
        self.known.insert(name.to_owned(), Shape::unknown());
        let mut walk = Walk {
            shapes: self,
            place: &rule.place,
            strictness: Strictness::Names,
            findings: Vec::new(),
        };
        let mut shape = walk.shape(&rule.expr);
        for (label, value) in &rule.labels {
            let only = Values::Of(Known::only(value));
            shape.labels.insert(label.clone(), only);
        }
        self.known.insert(name.to_owned(), shape.clone());
        Some(shape)
    }
}

struct Walk<'w, 'a> {
    shapes: &'w mut Shapes<'a>,
    place: &'w Place,
    strictness: Strictness,
    findings: Vec<Finding>,
}

impl Walk<'_, '_> {
    fn note(&mut self, what: String, remedy: impl Into<String>) {
        self.findings.push(self.place.finding(what, remedy));
    }

    fn shape(&mut self, expr: &Expr) -> Shape {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Paren(paren) => self.shape(&paren.expr),
            Expr::Unary(unary) => self.shape(&unary.expr),
            Expr::Subquery(subquery) => self.shape(&subquery.expr),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {
                Shape::default()
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> Shape {
        let matchers = &selector.matchers.matchers;
        let named = |m: &&Matcher| m.name == "__name__" && m.op == MatchOp::Equal;
        let by_matcher = || matchers.iter().find(named).map(|m| m.value.clone());
        let Some(name) = selector.name.clone().or_else(by_matcher) else {
            return Shape::unknown();
        };
        let shape = self.named(&name);
        for matcher in matchers.iter().filter(|m| m.name != "__name__") {
            let strictness = self.strictness;
            for (what, remedy) in matching::check(&name, &shape, matcher, strictness) {
                self.note(what, remedy);
            }
        }
        shape
    }

    fn named(&mut self, name: &str) -> Shape {
        let of_a_target = || TARGET_LABELS.map(|label| (label.to_owned(), Values::Any));
        let mut shape = Shape::default();
        match origin(name) {
            Origin::Others => shape.open = true,
            Origin::Scrape => shape.labels.extend(of_a_target()),
            Origin::Recorded => match self.shapes.of_recorded(name) {
                Some(recorded) => shape = recorded,
                None => {
                    let known = self.shapes.recorded.keys().copied();
                    let remedy = meant(name, known, "a recording rule must make it");
                    self.note(format!("no rule records `{name}`"), remedy);
                    shape.open = true;
                }
            },
            Origin::Server => match self.shapes.exposed.labels(name) {
                Some(labels) => {
                    let known = |(label, known): (&String, &Known)| {
                        (label.clone(), Values::Of(known.clone()))
                    };
                    shape.labels.extend(labels.iter().map(known));
                    shape.labels.extend(of_a_target());
                }
                None => {
                    let known = self.shapes.exposed.names();
                    let remedy = meant(name, known, "/metrics of a running server has the names");
                    self.note(format!("the server exposes no `{name}`"), remedy);
                    shape.open = true;
                }
            },
        }
        shape
    }

    /// Labels that an aggregation or a match names must be there.
    fn expect_labels(&mut self, what: &str, labels: &[String], shape: &Shape) {
        for label in labels {
            if !shape.open && !shape.labels.contains_key(label) {
                let what = format!("{what} `{label}`, which is not there");
                self.note(what, shape.meant(label));
            }
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Shape {
        let inner = self.shape(&aggregate.expr);
        let op = aggregate.op.to_string();
        let ceiling = match op.as_str() {
            "sum" | "count" | "group" | "count_values" => None,
            _ => inner.ceiling,
        };
        let chooses = matches!(op.as_str(), "topk" | "bottomk" | "limitk" | "limit_ratio");
        let mut shape = match &aggregate.modifier {
            Some(LabelModifier::Include(by)) => {
                self.expect_labels(&format!("{op} by"), &by.labels, &inner);
                inner.kept(&by.labels)
            }
            Some(LabelModifier::Exclude(without)) => {
                self.expect_labels(&format!("{op} without"), &without.labels, &inner);
                inner.without(&without.labels)
            }
            None => Shape::default(),
        };
        if chooses {
            // They leave the series as they are.
            shape = inner;
        }
        if let Some(Expr::StringLiteral(label)) = aggregate.param.as_deref() {
            shape.labels.insert(label.val.clone(), Values::Any);
        }
        shape.ceiling = ceiling;
        shape
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Shape {
        let (left, right) = (self.shape(&binary.lhs), self.shape(&binary.rhs));
        self.threshold(binary, &left, &right);
        let is_scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
        match (is_scalar(&binary.lhs), is_scalar(&binary.rhs)) {
            (true, true) => return Shape::default(),
            (true, false) => return right.through(promql::is_comparison(binary)),
            (false, true) => return left.through(promql::is_comparison(binary)),
            (false, false) => {}
        }
        let modifier = binary.modifier.clone().unwrap_or_default();
        let (left_matched, right_matched) = match &modifier.matching {
            Some(LabelModifier::Include(on)) => {
                for side in [&left, &right] {
                    self.expect_labels(&format!("{} on", binary.op), &on.labels, side);
                }
                (left.kept(&on.labels), right.kept(&on.labels))
            }
            Some(LabelModifier::Exclude(ignoring)) => {
                let mut both = left.clone();
                both.labels.extend(right.labels.clone());
                both.open |= right.open;
                self.expect_labels(&format!("{} ignoring", binary.op), &ignoring.labels, &both);
                (
                    left.without(&ignoring.labels),
                    right.without(&ignoring.labels),
                )
            }
            None => (left.clone(), right.clone()),
        };
        let same = left_matched.labels.keys().eq(right_matched.labels.keys());
        let is_sure = !left_matched.open && !right_matched.open;
        let op = binary.op.id();
        if is_sure && !same && op != T_LOR {
            let what = format!(
                "the sides of `{}` have different labels, {{{}}} and {{{}}}, so no two series match",
                binary.op,
                left_matched.names(),
                right_matched.names()
            );
            self.note(
                what,
                "name the common ones with on (…), or the others with ignoring (…)",
            );
        }
        match op {
            T_LAND | T_LUNLESS => left,
            T_LOR => left.or(right, same),
            _ => match &modifier.card {
                VectorMatchCardinality::ManyToOne(extra) => left.with(&extra.labels, &right),
                VectorMatchCardinality::OneToMany(extra) => right.with(&extra.labels, &left),
                _ => left_matched.through(promql::is_comparison(binary)),
            },
        }
    }

    /// In the bucket of +Inf a quantile is the highest finite bound, and never more.
    fn threshold(&mut self, binary: &BinaryExpr, left: &Shape, right: &Shape) {
        if !promql::is_comparison(binary) {
            return;
        }
        let sides = [
            (left.ceiling, promql::constant(&binary.rhs)),
            (right.ceiling, promql::constant(&binary.lhs)),
        ];
        for (ceiling, constant) in sides {
            let Some((ceiling, constant)) = ceiling.zip(constant) else {
                continue;
            };
            if constant >= ceiling {
                let what = format!(
                    "a quantile is compared with {constant}, and is never above {ceiling}, the highest \
                     finite bound"
                );
                self.note(what, "lower it, or give the histogram more bounds");
            }
        }
    }

    fn call(&mut self, call: &Call) -> Shape {
        let arguments = call.args.args.iter().map(|a| self.shape(a)).collect();
        functions::shape(call, arguments).unwrap_or_else(|what| {
            self.note(what.to_owned(), "keep it: sum by (le, …)");
            Shape::unknown()
        })
    }
}

fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposed::tests::exposed;
    use super::*;
    use crate::alerts::matching::CHOSEN;

    const RULES: &str = r#"
groups:
  - name: g
    rules:
      - record: e:requests:rate5m
        expr: sum by (endpoint) (rate(http_requests_total[5m]))
      - record: e_le:t_seconds_bucket:rate5m
        expr: sum by (endpoint, le) (rate(t_seconds_bucket[5m]))
      - record: e:t_seconds:p99
        expr: histogram_quantile(0.99, e_le:t_seconds_bucket:rate5m)
"#;

    fn findings(expr: &str, strictness: Strictness) -> Vec<String> {
        let exposed = exposed();
        let files = [RuleFile::parse("a.yml", "a.yml", RULES).unwrap()];
        let place = Place::new("a.yml", 3, "Rule");
        let expr = promql::parse(expr).unwrap();
        let found = Shapes::new(&exposed, &files).check(&place, &expr, strictness);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_right_is_not_found() {
        for expr in [
            "plain{job=\"x\"} > 3",
            "sum by (job, status_code) (http_requests_total{status_code=~\"5..|200\"})",
            "e:requests:rate5m{endpoint!=\"/data\"} > 0.5 and e:t_seconds:p99 > 0.9",
            "e_le:t_seconds_bucket:rate5m{le=\"+Inf\"} - ignoring (le) e_le:t_seconds_bucket:rate5m{le=\"0.5\"}",
            "absent(up{job=\"x\"}) or vector(1)",
            "up == 0 and on (job) sum by (job) (plain)",
            "prometheus_tsdb_head_series{anything=\"x\"}",
            "topk(5, e:requests:rate5m * on (endpoint) group_left (le) t_seconds_bucket)",
            "1 < 2 * e:t_seconds:p99",
            "plain{job=\"\"} or http_requests_total",
        ] {
            assert_eq!(findings(expr, Strictness::Values), [""; 0], "{expr}");
        }
    }

    #[test]
    fn what_can_never_match_is_named() {
        for (expr, says) in [
            (
                "rate(http_request_total[5m]) > 1",
                "a.yml:3: Rule: the server exposes no `http_request_total`: did you mean `http_requests_total`?",
            ),
            (
                "e:requests:rate6m",
                "no rule records `e:requests:rate6m`: did you mean `e:requests:rate5m`?",
            ),
            (
                "http_requests_total{status=\"500\"}",
                "`http_requests_total` has no label `status`: did you mean `status_code`?",
            ),
            (
                "http_requests_total{status_code=~\"200|4..\"}",
                "no `http_requests_total` has status_code=\"4..\"",
            ),
            (
                "sum by (path) (http_requests_total)",
                "sum by `path`, which is not there: there are: endpoint, instance, job, status_code",
            ),
            (
                "e:requests:rate5m > 1 and plain > 1",
                "the sides of `and` have different labels, {endpoint} and {instance, job}",
            ),
            (
                "histogram_quantile(0.9, sum by (endpoint) (rate(t_seconds_bucket[5m])))",
                "without the label `le`: keep it",
            ),
        ] {
            let found = findings(expr, Strictness::Values);
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{expr}: {found:?}"
            );
        }
    }

    #[test]
    fn a_bound_is_one_that_both_formats_write_alike() {
        let found = findings("t_seconds_bucket{le=\"1\"}", Strictness::Values);
        assert!(
            found[0].contains("in another way in OpenMetrics"),
            "{found:?}"
        );
        assert!(
            found[0].ends_with("alike in both formats: +Inf, 0.5"),
            "{found:?}"
        );
        let found = findings(
            "e_le:t_seconds_bucket:rate5m{le=\"0.7\"}",
            Strictness::Values,
        );
        assert!(found[0].contains("no `e_le:t_seconds_bucket:rate5m` has le=\"0.7\""));
    }

    #[test]
    fn a_threshold_lies_below_the_highest_bound() {
        for expr in [
            "e:t_seconds:p99 > 1",
            "2 < max by (endpoint) (e:t_seconds:p99)",
            "(histogram_quantile(0.9, t_seconds_bucket) > 0.5) > 10",
        ] {
            let found = findings(expr, Strictness::Values);
            assert!(
                found.len() == 1 && found[0].contains("is never above 1, the highest"),
                "{expr}: {found:?}"
            );
        }
        assert_eq!(
            findings("e:t_seconds:p99 * 1000 > 10", Strictness::Values),
            [""; 0]
        );
    }

    #[test]
    fn a_test_may_make_up_values_but_no_labels() {
        let names = |expr| findings(expr, Strictness::Names);
        assert_eq!(names("http_requests_total{endpoint=\"/made-up\"}"), [""; 0]);
        assert_eq!(names("http_requests_total{path=\"/data\"}").len(), 1);
    }

    #[test]
    fn what_a_person_chooses_is_right() {
        let expr = format!("http_requests_total{{endpoint=\"{CHOSEN}\"}}");
        assert_eq!(findings(&expr, Strictness::Values), [""; 0]);
    }
}
