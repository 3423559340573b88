//! Tables and figures as Markdown.

/// A table; the first column is text, the others are figures.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let mut text = line(&head);
    let rule: Vec<&str> = (0..head.len())
        .map(|column| if column == 0 { "---" } else { "---:" })
        .collect();
    text.push_str(&format!("| {} |\n", rule.join(" | ")));
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// A figure with three digits that mean something, or a dash where there is none.
pub(crate) fn figure(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let decimals = match value.abs() {
        below if below < 1.0 => 3,
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0123, 0.5, 1.234, 12.34, 123.4, 12345.6].map(|v| figure(Some(v)));
        assert_eq!(shown, ["0.012", "0.500", "1.23", "12.3", "123", "12346"]);
        assert_eq!(figure(None), "–");
    }

    #[test]
    fn a_table_has_a_rule_below_its_head() {
        let rows = [vec!["x".to_owned(), "1".to_owned()]];
        assert_eq!(
            table(&["a", "b"], &rows),
            "| a | b |\n| --- | ---: |\n| x | 1 |\n"
        );
    }
}
