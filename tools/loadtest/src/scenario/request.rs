//! A request of the file, which becomes a kind of request.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fastrand::Rng;
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde::Deserialize;

use super::kind::{Body, Conduct, Fails, Kind, UNMATCHED, label_of};
use super::text::Text;
use crate::endpoint;

/// What the server counts of a body that it does not read, if its Content-Length says so.
const MOST_BODY: u64 = 1 << 20;
/// More is larger than that.
const MOST_VALUES: u32 = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestEntry {
    pub(super) name: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default = "get")]
    method: String,
    path: String,
    endpoint: Option<String>,
    status: Statuses,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<BodyEntry>,
    #[serde(default)]
    streamed: bool,
    /// Bytes that are no HTTP.
    #[serde(default)]
    raw: Vec<String>,
    leaves: Option<Leaves>,
    reads_bytes_per_second: Option<f64>,
    fails: Option<FailsEntry>,
    #[serde(default)]
    server_seconds_at_least: f64,
    #[serde(default)]
    head_seconds_at_least: f64,
    response_bytes_at_most: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a status, or a list of statuses")]
enum Statuses {
    One(u16),
    Some(Vec<u16>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum BodyEntry {
    Submission(Vec<u32>),
    Bytes(Vec<u64>),
    Text(String),
}

#[derive(Deserialize)]
#[serde(tag = "in", deny_unknown_fields, rename_all = "kebab-case")]
enum Leaves {
    Upload {
        after_bytes: usize,
    },
    Answer {
        after_bytes: u64,
        #[serde(default)]
        rest_is_held_back: bool,
    },
    Waiting {
        after_seconds: f64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FailsEntry {
    Panic,
    BodyError,
    BodyPanic,
}

fn one() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}

pub(super) fn kind(entry: RequestEntry) -> Result<Kind> {
    let path = Text::parse(&entry.path)?;
    ensure!(
        !entry.path.contains('#'),
        "path = \"{}\"; a fragment is not sent to a server; leave it out",
        entry.path
    );
    ensure!(
        entry.path.starts_with('/'),
        "path = \"{}\"; it begins with a slash",
        entry.path
    );
    let endpoint = match entry.endpoint {
        Some(endpoint) => {
            ensure!(
                endpoint == UNMATCHED || endpoint == endpoint::of_path(&endpoint),
                "endpoint = \"{endpoint}\"; the server writes no such label: give {UNMATCHED}, or a route as in \"{}\"",
                endpoint::of_path(&endpoint)
            );
            endpoint
        }
        // What is filled in behind the question mark changes no endpoint.
        None => path.fixed_before('?').map(|path| endpoint::of_path(&path)).with_context(|| {
            format!(
                "path = \"{}\" is another one each time; say which endpoint the server counts it under, as in endpoint = \"/data/{{id}}\"",
                entry.path
            )
        })?,
    };
    let (method, method_label) = method(&entry.method)?;
    let statuses = match entry.status {
        Statuses::One(status) => vec![status],
        Statuses::Some(statuses) => statuses,
    };
    ensure!(
        !statuses.is_empty() && statuses.iter().all(|status| (200..600).contains(status)),
        "status = {statuses:?}; give one or more from 200 to 599"
    );
    let is_raw = !entry.raw.is_empty();
    ensure!(
        !is_raw || entry.body.is_none() && entry.leaves.is_none() && endpoint == UNMATCHED,
        "raw is all that is sent, and the server counts none of it: give it neither body nor leaves, and the endpoint {UNMATCHED}"
    );
    let body = match is_raw {
        true => Body::OneOf(entry.raw.into_iter().map(Bytes::from).collect()),
        false => body(entry.body)?,
    };
    let least_body = match &body {
        Body::OneOf(bodies) => bodies.iter().map(Bytes::len).min().unwrap_or(0),
        Body::None | Body::Text(_) => 0,
    };
    let conduct = match is_raw {
        true => Conduct::SendsRaw,
        false => conduct(
            entry.leaves,
            entry.reads_bytes_per_second,
            least_body,
            endpoint != UNMATCHED,
        )?,
    };
    let fails = entry.fails.map(|fails| match fails {
        FailsEntry::Panic => Fails::Panic,
        FailsEntry::BodyError => Fails::BodyError,
        FailsEntry::BodyPanic => Fails::BodyPanic,
    });
    ensure!(
        fails.is_none() || conduct == Conduct::Reads,
        "fails and leaves, or a slow reader, do not go together: which of them came first cannot be told; make two requests of it"
    );
    for (key, seconds) in [
        ("server_seconds_at_least", entry.server_seconds_at_least),
        ("head_seconds_at_least", entry.head_seconds_at_least),
    ] {
        ensure!(
            seconds.is_finite() && seconds >= 0.0,
            "{key} = {seconds}; give seconds, 0 or more"
        );
    }
    let (headers, filled_headers) = headers(&entry.headers)?;
    let kind = Kind {
        name: entry.name,
        weight: entry.weight,
        method,
        method_label,
        path,
        headers,
        filled_headers,
        body,
        streamed: entry.streamed,
        endpoint,
        statuses,
        conduct,
        fails,
        // What has begun late ends late.
        least_seconds: entry
            .server_seconds_at_least
            .max(entry.head_seconds_at_least),
        least_start_seconds: entry.head_seconds_at_least,
        most_response_bytes: entry.response_bytes_at_most,
    };
    for path in kind.path.alternatives() {
        kind.check_path(&path)?;
    }
    Ok(kind)
}

fn conduct(
    leaves: Option<Leaves>,
    slowly: Option<f64>,
    least_body: usize,
    reads_bodies: bool,
) -> Result<Conduct> {
    let conduct = match (leaves, slowly) {
        (None, None) => Conduct::Reads,
        (Some(_), Some(_)) => {
            anyhow::bail!("leaves and reads_bytes_per_second do not go together; leave one out")
        }
        (None, Some(rate)) => {
            ensure!(
                rate.is_finite() && rate >= 1.0,
                "reads_bytes_per_second = {rate}; give 1 or more"
            );
            Conduct::ReadsSlowly(rate)
        }
        (Some(Leaves::Upload { after_bytes }), None) => {
            ensure!(
                reads_bodies,
                "nobody reads the body of what no route takes, so it may be answered before its client has left; give an endpoint that reads it"
            );
            ensure!(
                after_bytes < least_body,
                "it leaves after {after_bytes} bytes of its body, which has {least_body}; let it leave before the end"
            );
            Conduct::LeavesInUpload(after_bytes)
        }
        (
            Some(Leaves::Answer {
                after_bytes,
                rest_is_held_back,
            }),
            None,
        ) => Conduct::LeavesInAnswer {
            after_bytes,
            rest_is_held_back,
        },
        (Some(Leaves::Waiting { after_seconds }), None) => {
            Conduct::LeavesWaiting(Duration::try_from_secs_f64(after_seconds).with_context(
                || format!("after_seconds = {after_seconds}; give seconds, 0 or more"),
            )?)
        }
    };
    Ok(conduct)
}

/// With its label: what is filled in has one for all.
fn method(text: &str) -> Result<(Text, &'static str)> {
    let method = Text::parse(text)?;
    let mut label = None;
    for one in method.alternatives() {
        let parsed = Method::from_bytes(one.as_bytes()).ok();
        ensure!(
            parsed.is_some_and(|parsed| parsed != Method::CONNECT),
            "method = \"{text}\"; give a token such as GET, and not CONNECT"
        );
        ensure!(
            *label.get_or_insert(label_of(&one)) == label_of(&one),
            "method = \"{text}\" is counted under another label each time; make several requests of it"
        );
    }
    Ok((method, label.unwrap_or_default()))
}

type Headers = (HeaderMap<HeaderValue>, Vec<(HeaderName, Text)>);

/// Those that are the same each time, and the others.
fn headers(entries: &BTreeMap<String, String>) -> Result<Headers> {
    let (mut headers, mut filled) = (HeaderMap::new(), Vec::new());
    for (name, value) in entries {
        let text = Text::parse(value)?;
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = HeaderValue::try_from(text.alternatives().join("")).ok();
        let (header, value) = header
            .zip(value)
            .with_context(|| format!("headers: {name} is no header, or its value none of one"))?;
        ensure!(
            header != CONTENT_LENGTH && header != TRANSFER_ENCODING,
            "headers: {name} is made from the body; leave it out (streamed = true sends no length)"
        );
        match text.is_fixed() {
            true => drop(headers.insert(header, value)),
            false => filled.push((header, text)),
        }
    }
    Ok((headers, filled))
}

fn body(entry: Option<BodyEntry>) -> Result<Body> {
    let one_of = |bodies: Vec<Bytes>| {
        let longest = bodies.iter().map(Bytes::len).max().unwrap_or(0) as u64;
        ensure!(!bodies.is_empty(), "body: the list is empty; give a size");
        ensure!(
            longest <= MOST_BODY,
            "body: {longest} bytes; give at most {MOST_BODY}, which a server counts unread"
        );
        Ok(Body::OneOf(bodies))
    };
    match entry {
        None => Ok(Body::None),
        Some(BodyEntry::Text(text)) => Ok(Body::Text(Text::parse(&text)?)),
        Some(BodyEntry::Submission(sizes)) => {
            let most = sizes.iter().copied().max().unwrap_or(0);
            ensure!(
                most <= MOST_VALUES,
                "body: a submission of {most} values; give at most {MOST_VALUES}"
            );
            one_of(sizes.into_iter().map(submission).collect())
        }
        Some(BodyEntry::Bytes(sizes)) => {
            let bytes = |size: u64| vec![b'x'; size.min(MOST_BODY + 1) as usize].into();
            one_of(sizes.into_iter().map(bytes).collect())
        }
    }
}

/// What POST /data takes, with so many values.
fn submission(values: u32) -> Bytes {
    let mut rng = Rng::with_seed(u64::from(values));
    let values: Vec<f64> = (0..values)
        .map(|_| (rng.f64() * 1e6).round() / 1e3)
        .collect();
    serde_json::json!({ "name": "load test", "values": values })
        .to_string()
        .into()
}
