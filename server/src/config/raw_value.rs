//! A value as somebody wrote it, in TOML or as text, and what can be read out of it.
//!
//! Each reader's error says what is wrong and what to write instead.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::time::Duration;

use tallied::{Buckets, RegisterError, Registry};
use toml::de::DeValue;

use super::suggestion::nearest;

/// A value before it is checked.
pub(super) enum RawValue<'a> {
    /// In the file.
    Toml(&'a DeValue<'a>),
    /// In a variable or a flag: text without quotes, and lists with commas.
    Text(&'a str),
}

impl RawValue<'_> {
    /// Text; anything in a variable or a flag is.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Toml(value) => value
                .as_str()
                .ok_or_else(|| format!("{}; give a string, in quotes", kind(value))),
        }
    }

    /// One of some words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, String> {
        let text = self.text()?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meant);
        }
        let known = || words.iter().map(|(word, _)| (*word).to_owned());
        let hint = nearest(text, known())
            .map(|near| format!(" (did you mean {near}?)"))
            .unwrap_or_default();
        let known = known().collect::<Vec<_>>().join(", ");
        Err(format!("unknown{hint}; give one of {known}"))
    }

    /// A port, and an IP address or a host name. A name is looked up: its first IPv4 address, or
    /// else its first address.
    pub(super) fn address(&self) -> Result<SocketAddr, String> {
        const WANTED: &str = "give an IP address or a host name, and a port, for example 127.0.0.1:8000, localhost:8000 or [::1]:8000";
        let text = self.text()?.trim();
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        let (host, port) = text
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .filter(|(host, _)| is_host_name(host))
            .ok_or(WANTED)?;
        let addresses: Vec<_> = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("cannot look up {host}: {error}; {WANTED}"))?
            .collect();
        let mut preferred = addresses.iter().filter(|address| address.is_ipv4());
        let address = preferred.next().or(addresses.first()).copied();
        address.ok_or_else(|| format!("{host} has no address; {WANTED}"))
    }

    /// Yes or no.
    pub(super) fn flag(&self) -> Result<bool, String> {
        match self {
            Self::Text(text) => text
                .trim()
                .parse()
                .map_err(|_| "give true or false".to_owned()),
            Self::Toml(value) => value
                .as_bool()
                .ok_or_else(|| "give true or false, without quotes".to_owned()),
        }
    }

    /// Yes or no, or `None` for a word.
    pub(super) fn flag_or(&self, word: &str) -> Result<Option<bool>, String> {
        let wrong = || format!("give true, false or {word:?}");
        let text = match self {
            Self::Text(text) => text.trim(),
            Self::Toml(value) => match value.as_bool() {
                Some(flag) => return Ok(Some(flag)),
                // A string in the place of a flag would be taken for one.
                None => {
                    return value
                        .as_str()
                        .filter(|text| *text == word)
                        .map(|_| None)
                        .ok_or_else(wrong);
                }
            },
        };
        if text == word {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, range: RangeInclusive<usize>) -> Result<usize, String> {
        let number = match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(DeValue::Integer(integer)) => {
                usize::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            Self::Toml(_) => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                format!("give a whole number from {least} to {most}")
            })
    }

    /// A time in seconds, a fraction perhaps, in a range.
    pub(super) fn seconds(&self, range: RangeInclusive<f64>) -> Result<Duration, String> {
        let wanted = format!(
            "give seconds, from {} to {}; a fraction is allowed",
            range.start(),
            range.end()
        );
        let seconds = match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(value) => number(value).and_then(Result::ok),
        };
        seconds
            .filter(|seconds| range.contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or(wanted)
    }

    /// Bounds of a histogram of durations or sizes.
    pub(super) fn buckets(&self) -> Result<Buckets, String> {
        let bounds: Vec<f64> = match self {
            Self::Text(text) if text.trim().is_empty() => Vec::new(),
            Self::Text(text) => text
                .split(',')
                .map(|part| {
                    let part = part.trim();
                    float(part).ok_or_else(|| {
                        format!(
                            "{part:?} is not a number; give numbers with commas, as in 0.1,0.5,1"
                        )
                    })?
                })
                .collect::<Result<_, _>>()?,
            Self::Toml(DeValue::Array(array)) => array
                .iter()
                .map(|bound| {
                    let bound = bound.get_ref();
                    number(bound)
                        .ok_or_else(|| format!("{} among the bounds; give numbers", kind(bound)))?
                })
                .collect::<Result<_, _>>()?,
            Self::Toml(value) => {
                return Err(format!(
                    "{}; give a list of numbers, as in [0.1, 0.5, 1]",
                    kind(value)
                ));
            }
        };
        let buckets = Buckets::new(bounds).map_err(|error| error.to_string())?;
        match buckets.bounds().first() {
            Some(least) if *least < 0.0 => Err(format!(
                "bucket bound {least} is negative; durations and sizes never are, so give bounds from 0 on"
            )),
            _ => Ok(buckets),
        }
    }

    /// Labels and their values.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>, String> {
        let pairs: Vec<(String, String)> = match self {
            Self::Text(text) if text.trim().is_empty() => Vec::new(),
            Self::Text(text) => text
                .split(',')
                .map(|pair| {
                    let (label, value) = pair.split_once('=').ok_or_else(|| {
                        format!(
                            "{pair:?} has no `=`; give LABEL=VALUE with commas, as in env=prod,region=eu"
                        )
                    })?;
                    Ok((label.trim().to_owned(), value.trim().to_owned()))
                })
                .collect::<Result<_, String>>()?,
            Self::Toml(DeValue::Table(table)) => table
                .iter()
                .map(|(label, value)| {
                    let label = label.get_ref().as_ref();
                    match value.get_ref().as_str() {
                        Some(value) => Ok((label.to_owned(), value.to_owned())),
                        None => Err(format!(
                            "{} as the value of {label:?}; give a string, in quotes",
                            kind(value.get_ref())
                        )),
                    }
                })
                .collect::<Result<_, _>>()?,
            Self::Toml(value) => {
                return Err(format!(
                    "{}; give a table, as in {{ env = \"prod\" }}",
                    kind(value)
                ));
            }
        };
        let borrowed = pairs.iter().map(|(label, value)| (&**label, &**value));
        Registry::with_labels(borrowed).map_err(|error| match error {
            RegisterError::TargetLabel { label } => format!(
                "Prometheus sets {label:?} itself, and would rename yours to exported_{label}; choose another name"
            ),
            error => error.to_string(),
        })?;
        Ok(pairs.into_iter().collect())
    }
}

/// Whether this can be a host's name. What ends in a number is a mistyped IP address.
fn is_host_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let last = text.rsplit('.').next().unwrap_or_default();
    !text.is_empty() && text.bytes().all(allowed) && last.parse::<u128>().is_err()
}

/// A number; `None` for what is none, an error for one that no float can hold. Infinity has to be written out.
fn float(text: &str) -> Option<Result<f64, String>> {
    let number: f64 = text.parse().ok()?;
    let spelled = || text.to_ascii_lowercase().contains("inf");
    Some(if number.is_infinite() && !spelled() {
        Err(format!(
            "{text} is too large; give a smaller number, or inf at the end"
        ))
    } else {
        Ok(number)
    })
}

/// A TOML number, as [`float`].
fn number(value: &DeValue<'_>) -> Option<Result<f64, String>> {
    match value {
        DeValue::Integer(integer) if integer.radix() == 10 => float(integer.as_str()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(|whole| Ok(whole as f64)),
        DeValue::Float(number) => float(number.as_str()),
        _ => None,
    }
}

/// What a value is, for those who gave another than they should.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "this is a string",
        DeValue::Integer(_) => "this is a whole number",
        DeValue::Float(_) => "this is a number",
        DeValue::Boolean(_) => "this is true or false",
        DeValue::Datetime(_) => "this is a date or time",
        DeValue::Array(_) => "this is a list",
        DeValue::Table(_) => "this is a table",
    }
}
