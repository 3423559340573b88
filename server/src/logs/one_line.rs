//! Keeps each event on one line, whatever clients have put into it.
//!
//! The formatters escape some control characters and not others: JSON's leaves DEL, C1 and the separators
//! U+2028 and U+2029 as they are, that for people the ends of lines in a message. A terminal, an editor or a reader of
//! lines takes them for more than text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::config::Format;

/// A writer of whole events, each with the end of its line.
pub(super) struct OneLine<W> {
    pub(super) inner: W,
    pub(super) format: Format,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        let mut line = escaped(line, self.format);
        if !end.is_empty() {
            line.to_mut().push_str(end);
        }
        // In one piece: other threads write, too.
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn is_special(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// The line without control characters and separators. In JSON they can stand in strings only.
fn escaped(line: &str, format: Format) -> Cow<'_, str> {
    if !line.contains(is_special) {
        return line.into();
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        match format {
            _ if !is_special(character) => escaped.push(character),
            Format::Human => escaped.extend(character.escape_default()),
            Format::Json => {
                // Writing to a string does not fail. Each of them has four digits.
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::super::events;
    use super::{Format, OneLine, is_special};

    /// What an event with this text as its message and as a field is written as.
    fn written(text: &str, format: Format) -> String {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let shared = Shared::default();
        let writer = shared.clone();
        let subscriber = events(format, move || OneLine {
            inner: writer.clone(),
            format,
        });
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(field = text, shown = %text, "{text}");
        });
        String::from_utf8(shared.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_event_is_a_line_whatever_is_in_it() {
        let special = (0..=0x2029)
            .filter_map(char::from_u32)
            .filter(|c| is_special(*c));
        let special: String = special.collect();
        assert_eq!(special.chars().count(), 32 + 33 + 2);
        let text = format!("a{special}\"\\é");
        for format in [Format::Human, Format::Json] {
            let written = written(&text, format);
            let line = written.strip_suffix('\n').unwrap();
            assert!(!line.contains(is_special), "{line:?}");
            if format == Format::Json {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                for field in ["message", "field", "shown"] {
                    assert_eq!(line[field], text, "{field}");
                }
            }
        }
        assert!(written("two\nlines", Format::Human).contains(r"two\nlines"));
    }
}
