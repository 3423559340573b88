//! Tables that scroll inside of their own box, so that a wide one does not widen the page.

use maud::{Markup, html};

use crate::report::data::Quantiles;
use crate::report::units;

/// `label` says to those who hear the page what scrolls. A head that starts with `#` is of numbers, and so on the right.
pub(super) fn table(label: &str, heads: &[&str], body: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table {
                thead {
                    tr {
                        @for head in heads {
                            @match head.strip_prefix('#') {
                                Some(head) => th.number scope="col" { (head) },
                                None => th scope="col" { (head) },
                            }
                        }
                    }
                }
                (body)
            }
        }
    }
}

/// The heads of [`quantiles`].
pub(super) const QUANTILES: [&str; 6] = ["#p50", "#p90", "#p95", "#p99", "#p99.9", "#max"];

/// Six cells; without numbers where there is nothing that they could be of.
pub(super) fn quantiles(quantiles: &Quantiles) -> Markup {
    let Quantiles {
        p50,
        p90,
        p95,
        p99,
        p999,
        max,
        ..
    } = *quantiles;
    let measured = quantiles.count > 0;
    html! {
        @for value in [p50, p90, p95, p99, p999, max] {
            td.number { (if measured { units::time(value) } else { units::NONE.to_owned() }) }
        }
    }
}

/// One cell.
pub(super) fn p99(quantiles: &Quantiles) -> Markup {
    let measured = quantiles.count > 0;
    html! {
        td.number { (if measured { units::time(quantiles.p99) } else { units::NONE.to_owned() }) }
    }
}

/// A list that ends somewhere, with a line that says so.
pub(super) struct Limited<'a, T> {
    pub(super) shown: &'a [T],
    more: usize,
}

impl<'a, T> Limited<'a, T> {
    pub(super) fn new(all: &'a [T], most: usize) -> Self {
        let shown = &all[..all.len().min(most)];
        Self {
            shown,
            more: all.len() - shown.len(),
        }
    }

    pub(super) fn rest(&self, what: &str) -> Markup {
        html! {
            @if self.more > 0 {
                p.note { "And " (units::count(self.more as u64)) " more " (what) ", in " code { "report.json" } "." }
            }
        }
    }
}
