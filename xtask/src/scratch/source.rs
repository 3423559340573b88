//! A Rust file as far as mutants need to know it: what is code, what is a test, where a function
//! begins. A lexer and not a parser: it knows comments, strings and brackets.

use std::ops::Range;

/// A source file, and the part of it that ships.
pub(crate) struct Source {
    pub(crate) text: String,
    /// The shipped part, with comments and the insides of literals blanked out; the same offsets.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(text: String) -> Self {
        let mut code = blanked(&text);
        code.truncate(tests_begin(&text));
        Self { text, code }
    }

    /// The words of the code, with their places.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words(&self.code)
    }

    pub(crate) fn line(&self, offset: usize) -> usize {
        1 + self.text[..offset].matches('\n').count()
    }

    /// The function that a place is in, if it is in one.
    pub(crate) fn function(&self, offset: usize) -> Option<&str> {
        let mut known = None;
        let mut previous = "";
        for (_, word) in self.words().take_while(|(at, _)| *at <= offset) {
            if previous == "fn" {
                known = Some(word);
            }
            previous = word;
        }
        known
    }

    /// The name of the call whose parentheses a place stands in.
    pub(crate) fn enclosing_call(&self, offset: usize) -> Option<&str> {
        let before = &self.code[..offset];
        let mut open = 0_usize;
        for (at, c) in before.char_indices().rev() {
            match c {
                ')' | ']' | '}' => open += 1,
                '(' | '[' | '{' if open > 0 => open -= 1,
                '(' => return words(&before[..at]).last().map(|(_, word)| word),
                '[' | '{' => return None,
                _ => {}
            }
        }
        None
    }

    /// The whole of a call whose name stands at `name`: its path, its name and its arguments.
    pub(crate) fn call(&self, name: Range<usize>) -> Option<Range<usize>> {
        let mut start = name.start;
        while let Some(before) = self.code[..start].strip_suffix("::") {
            start = words(before).last()?.0;
        }
        let arguments = &self.code[name.end..];
        let mut open = 0_usize;
        for (at, c) in arguments.char_indices() {
            match c {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' if open == 1 => return Some(start..name.end + at + 1),
                ')' | ']' | '}' => open = open.checked_sub(1)?,
                _ if open == 0 => return None,
                _ => {}
            }
        }
        None
    }
}

/// The names of the modules that a file declares for its tests alone: `#[cfg(all(test, …))] mod x;`.
pub(crate) fn test_modules(text: &str) -> Vec<String> {
    test_items(text)
        .filter_map(|(_, item)| Some(item.strip_suffix(';')?.to_owned()))
        .collect()
}

/// Where the first of the modules of tests begins, which stand at the end of a file.
fn tests_begin(text: &str) -> usize {
    test_items(text)
        .find(|(_, item)| item.ends_with('{'))
        .map_or(text.len(), |(at, _)| at)
}

/// Modules under `#[cfg(test)]` or `#[cfg(all(test, …))]`: where the attribute stands, and what comes
/// after `mod`.
fn test_items(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    let mut attribute = None;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        if line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test") {
            attribute = Some(start);
            return None;
        }
        // Other attributes, and the lines of one, may stand between.
        let item = line.trim_end();
        match item.strip_prefix("mod ") {
            Some(module) => attribute.take().map(|attribute| (attribute, module)),
            None => {
                if !line.starts_with(['#', ' ', ')', ']']) {
                    attribute = None;
                }
                None
            }
        }
    })
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_word)?;
        let end = code[start..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |length| start + length);
        rest = end;
        Some((start, &code[start..end]))
    })
}

/// The text with every byte of a comment, and of what stands in a literal, made a space; newlines stay.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + skipped(&text[at..], at.checked_sub(1).map(|before| bytes[before]));
        if end == at {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(code).expect("whole characters became spaces")
}

/// The length of the comment or literal that `text` begins with; 0 where it begins with code.
fn skipped(text: &str, before: Option<u8>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let quoted = text.trim_start_matches(['b', 'c']);
    if !in_word && quoted.starts_with('r') {
        let hashes = quoted[1..].len() - quoted[1..].trim_start_matches('#').len();
        if quoted[1 + hashes..].starts_with('"') {
            let opening = text.len() - quoted.len() + hashes + 2;
            let closing = format!("\"{}", "#".repeat(hashes));
            let inside = text[opening..].find(&closing);
            return inside.map_or(text.len(), |inside| opening + inside + closing.len());
        }
    }
    if text.starts_with('"') {
        return literal(text, '"').unwrap_or(text.len());
    }
    // A character, or the beginning of a lifetime.
    if let Some(rest) = text.strip_prefix('\'') {
        let mut characters = rest.chars();
        let first = characters.next();
        if first == Some('\\') || characters.next() == Some('\'') {
            return literal(text, '\'').unwrap_or(text.len());
        }
    }
    0
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a literal between quotes in which a backslash escapes.
fn literal(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text =
            "a // b\nc /* d /* e */ f */ g \"h\\\" i\" 'j' '\\'' <'k> r#\"l\" m\"# b\"n\" o\u{e4}r";
        let code = blanked(text);
        assert_eq!(code.len(), text.len());
        let words: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(words, ["a", "c", "g", "k", "b", "o\u{e4}r"]);
    }

    #[test]
    fn tests_are_left_out() {
        let source = Source::new(
            "#[cfg(all(test, loom))]\nuse a;\nfn f() {}\n\n#[cfg(all(test, loom))]\nmod loom {\n  g\n}\n"
                .to_owned(),
        );
        assert!(source.code.ends_with("fn f() {}\n\n"), "{:?}", source.code);
        let declared = "mod a;\n#[cfg(all(test, loom))]\nmod model;\n#[cfg(unix)]\nmod b;\n";
        assert_eq!(test_modules(declared), ["model"]);
    }

    #[test]
    fn places_have_a_line_a_function_and_a_call() {
        let text =
            "fn f() {\n    a.store(g(1), X)\n}\nfn h() { crate::sync::fence(Y { z: 1 }); }\n";
        let source = Source::new(text.to_owned());
        let x = text.find('X').unwrap();
        assert_eq!((source.line(x), source.function(x)), (2, Some("f")));
        assert_eq!(source.enclosing_call(x), Some("store"));
        assert_eq!(source.enclosing_call(text.find('1').unwrap()), Some("g"));
        let fence = text.find("fence").unwrap();
        assert_eq!(source.function(fence), Some("h"));
        assert_eq!(source.enclosing_call(fence), None);
        let call = source.call(fence..fence + 5).unwrap();
        assert_eq!(&text[call], "crate::sync::fence(Y { z: 1 })");
        assert_eq!(source.call(x..x + 1), None);
    }
}
