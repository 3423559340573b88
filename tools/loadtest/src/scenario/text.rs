//! Text with places that are filled in anew for each request.
//!
//! `{1..100}` is a whole number, both ends included; `{a|b|c}`, one of these; `{token}`, 1 to 16 characters that may
//! stand in a path; `{any}`, what a segment of a path may be, long and with any bytes now and then; `{host}`, a host, some with a port;
//! and `{{`, a brace.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

const TOKEN: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_.~";
/// What a path segment may hold besides percent-encoded bytes (RFC 3986, section 3.3).
const SEGMENT: &[u8] =
    b"-._~!$&'()*+,;=:@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HOST: &[u8] = b"-.0123456789abcdefghijklmnopqrstuvwxyz";
/// One in so many is long.
const LONG_EVERY: usize = 100;
const LONG: usize = 1_500;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Plain(String),
    Number(u64, u64),
    OneOf(Vec<String>),
    Token,
    Any,
    Host,
}

impl Text {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((plain, behind)) = rest.split_once('{') {
            pieces.push(Piece::Plain(plain.to_owned()));
            if let Some(behind) = behind.strip_prefix('{') {
                pieces.push(Piece::Plain("{".to_owned()));
                rest = behind;
                continue;
            }
            let (inside, behind) = behind
                .split_once('}')
                .with_context(|| format!("`{text}` has a {{ without its }}"))?;
            pieces.push(piece(inside).with_context(|| format!("`{text}`"))?);
            rest = behind;
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        Ok(Self(pieces))
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Plain(_)))
    }

    /// What comes before this character, if that is the same for each request.
    pub(crate) fn fixed_before(&self, end: char) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            let Piece::Plain(plain) = piece else {
                return None;
            };
            match plain.split_once(end) {
                Some((before, _)) => return Some(text + before),
                None => text.push_str(plain),
            }
        }
        Some(text)
    }

    /// With each alternative once.
    pub(crate) fn alternatives(&self) -> Vec<String> {
        let choices = |piece: &Piece| match piece {
            Piece::OneOf(choices) => choices.len(),
            _ => 1,
        };
        let most = self.0.iter().map(choices).max().unwrap_or(1);
        (0..most).map(|which| self.with(which)).collect()
    }

    fn with(&self, which: usize) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(plain) => plain.clone(),
            Piece::OneOf(choices) => choices[which % choices.len()].clone(),
            Piece::Number(least, _) => least.to_string(),
            Piece::Token | Piece::Any | Piece::Host => "x".to_owned(),
        };
        self.0.iter().map(piece).collect()
    }

    pub(crate) fn fill(&self, rng: &mut Rng) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::OneOf(choices) => text.push_str(&choices[rng.usize(..choices.len())]),
                Piece::Number(least, most) => {
                    // Writing to a String does not fail.
                    let _ = write!(text, "{}", rng.u64(least..=most));
                }
                Piece::Token => random(rng, TOKEN, 16, &mut text),
                Piece::Any => {
                    let most = longest(rng);
                    random(rng, SEGMENT, most, &mut text);
                    for _ in 0..rng.u8(..3) {
                        // It need not be UTF-8.
                        let _ = write!(text, "%{:02x}", rng.u8(..));
                    }
                }
                Piece::Host => {
                    let most = longest(rng);
                    random(rng, HOST, most, &mut text);
                    if rng.bool() {
                        let _ = write!(text, ":{}", rng.u16(1..));
                    }
                }
            }
        }
        text
    }
}

fn longest(rng: &mut Rng) -> usize {
    if rng.usize(..LONG_EVERY) == 0 {
        LONG
    } else {
        30
    }
}

/// From 1 to so many characters.
fn random(rng: &mut Rng, alphabet: &[u8], most: usize, text: &mut String) {
    let length = rng.usize(1..=most);
    text.extend((0..length).map(|_| alphabet[rng.usize(..alphabet.len())] as char));
}

fn piece(inside: &str) -> Result<Piece> {
    match inside {
        "token" => return Ok(Piece::Token),
        "any" => return Ok(Piece::Any),
        "host" => return Ok(Piece::Host),
        _ => {}
    }
    if inside.contains('|') {
        return Ok(Piece::OneOf(inside.split('|').map(str::to_owned).collect()));
    }
    let number = |text: &str| text.parse().ok();
    let (least, most) = inside
        .split_once("..")
        .and_then(|(least, most)| Some((number(least)?, number(most)?)))
        .with_context(|| {
            format!("{{{inside}}} means nothing; write {{1..100}}, {{a|b}}, {{token}}, {{any}} or {{host}}")
        })?;
    ensure!(
        least <= most,
        "{{{inside}}} is empty; write the smaller number first"
    );
    Ok(Piece::Number(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in() {
        let mut rng = Rng::with_seed(3);
        let text = Text::parse("/d/{3..5}?x={a|bc}&y={token}").unwrap();
        assert_eq!(text.fixed_before('?'), None);
        let behind = Text::parse("/{{d?x={a|bc}&y={token}").unwrap();
        assert_eq!(behind.fixed_before('?').as_deref(), Some("/{d"));
        for _ in 0..200 {
            let filled = text.fill(&mut rng);
            let (number, rest) = filled
                .strip_prefix("/d/")
                .unwrap()
                .split_once("?x=")
                .unwrap();
            assert!((3..=5).contains(&number.parse::<u64>().unwrap()));
            let (choice, token) = rest.split_once("&y=").unwrap();
            assert!(["a", "bc"].contains(&choice));
            assert!((1..=16).contains(&token.len()));
        }
        let alternatives = Text::parse("/{a|b|c}/{1..9}/{d|e}").unwrap().alternatives();
        assert_eq!(alternatives, ["/a/1/d", "/b/1/e", "/c/1/d"]);
        let fixed = Text::parse("/{{data}").unwrap();
        assert_eq!(fixed.fixed_before('?').as_deref(), Some("/{data}"));
        assert_eq!(fixed.fill(&mut rng), "/{data}");
    }

    #[test]
    fn what_means_nothing_is_an_error() {
        for text in ["{x", "/{x}", "{5..3}", "{..3}", "{1..}", "{}", "{-1..3}"] {
            assert!(Text::parse(text).is_err(), "{text}");
        }
    }
}
