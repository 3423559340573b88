//! Escaping, as the text formats want it.

use std::borrow::Cow;

/// Appends a label value: `\`, `"` and the line feed are escaped.
pub(crate) fn escape_label_value(into: &mut String, value: &str) {
    escape(into, value, |c| matches!(c, '\\' | '"' | '\n'));
}

/// Appends a help text: `\` and the line feed are escaped.
pub(crate) fn escape_help(into: &mut String, help: &str) {
    escape(into, help, |c| matches!(c, '\\' | '\n'));
}

fn escape(into: &mut String, text: &str, special: impl Fn(char) -> bool) {
    let mut rest = text;
    while let Some(at) = rest.find(&special) {
        let (plain, from) = rest.split_at(at);
        into.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('\n') => into.push_str("\\n"),
            Some(c) => {
                into.push('\\');
                into.push(c);
            }
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

/// Undoes [`escape_label_value`]. A backslash that makes no such escape stays.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some(escaped @ ('\\' | '"')) => plain.push(escaped),
            other => {
                plain.push('\\');
                plain.extend(other);
            }
        }
    }
    Cow::Owned(plain)
}
