//! The file that a scenario is written in.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use fastrand::Rng;
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde::Deserialize;

use crate::cli::LONGEST;
use crate::endpoint;

use super::kind::{Body, Conduct, Fails, Kind, UNMATCHED, label_of};
use super::shape::{Shape, Stage};
use super::text::Text;
use super::{Arrival, Scenario};

/// What the server counts of a body that it does not read, if its Content-Length says so.
const MOST_BODY: u64 = 1 << 20;
/// More is larger than that.
const MOST_VALUES: u32 = 100_000;
const DEFAULT_RATE: f64 = 200.0;
const DEFAULT_SECONDS: u64 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    rate: Option<f64>,
    duration: Option<String>,
    arrival: Option<String>,
    #[serde(default)]
    stage: Vec<StageEntry>,
    #[serde(default)]
    request: Vec<RequestEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageEntry {
    #[serde(default = "one")]
    share: f64,
    rate: Factor,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a factor, or two of them for a ramp")]
enum Factor {
    Hold(f64),
    Ramp([f64; 2]),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestEntry {
    name: String,
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

fn one<T: From<u8>>() -> T {
    T::from(1)
}

fn get() -> String {
    "GET".to_owned()
}

/// # Errors
/// In one line: where, what, and how to mend it.
pub(super) fn parse(name: &str, text: &str) -> Result<Scenario> {
    let file: File = toml::from_str(text).map_err(|error| on_one_line(text, &error))?;
    let rate = file.rate.unwrap_or(DEFAULT_RATE);
    ensure!(
        rate.is_finite() && rate > 0.0,
        "rate = {rate}; give requests a second, above 0"
    );
    let duration = match &file.duration {
        None => Duration::from_secs(DEFAULT_SECONDS),
        Some(text) => humantime::parse_duration(text)
            .ok()
            .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
            .with_context(|| {
                format!("duration = \"{text}\"; give a time such as \"30s\" or \"5m\", of at most a week")
            })?,
    };
    let arrival = file.arrival.as_deref().unwrap_or("poisson");
    let arrival = Arrival::from_name(arrival).with_context(|| {
        format!(
            "arrival = \"{arrival}\"; give one of {}",
            Arrival::NAMES.join(", ")
        )
    })?;
    let shape = match file.stage.is_empty() {
        true => Shape::constant(),
        false => Shape::new(file.stage.iter().map(stage).collect())?,
    };
    ensure!(
        !file.request.is_empty(),
        "it has no requests; add a [[request]] with name, path and status"
    );
    let mut kinds: Vec<Kind> = Vec::new();
    for entry in file.request {
        let name = entry.name.clone();
        ensure!(
            kinds.iter().all(|kind| kind.name != name),
            "two requests are called {name}; give them different names"
        );
        kinds.push(kind(entry).with_context(|| format!("request {name}"))?);
    }
    ensure!(
        kinds.iter().any(|kind| kind.weight > 0),
        "all requests have a weight of 0; give one of them another"
    );
    Ok(Scenario {
        name: name.to_owned(),
        description: file.description,
        rate,
        duration,
        arrival,
        shape,
        kinds,
    })
}

fn on_one_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            anyhow!("line {line}: {message}")
        }
        None => anyhow!("{message}"),
    }
}

fn stage(entry: &StageEntry) -> Stage {
    let (from, to) = match entry.rate {
        Factor::Hold(factor) => (factor, factor),
        Factor::Ramp([from, to]) => (from, to),
    };
    Stage {
        share: entry.share,
        from,
        to,
    }
}

fn kind(entry: RequestEntry) -> Result<Kind> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_request(keys: &str) -> Result<Scenario> {
        parse(
            "x",
            &format!("description = 'x'\n[[request]]\nname = 'r'\n{keys}"),
        )
    }

    #[test]
    fn a_request_needs_a_path_and_a_status() {
        let scenario = parse_request("path = '/data?limit={1..5}'\nstatus = 200").unwrap();
        let kind = &scenario.kinds[0];
        assert_eq!(
            (kind.endpoint.as_str(), kind.method_label()),
            ("/data", "GET")
        );
        assert_eq!(kind.conduct, Conduct::Reads);
        assert_eq!((scenario.rate, scenario.duration.as_secs()), (200.0, 10));
    }

    #[test]
    fn the_endpoint_of_a_path_is_what_the_server_labels_it() {
        let endpoint = |keys: &str| {
            let parsed = parse_request(&format!("{keys}\nstatus = 200"));
            parsed.map(|scenario| scenario.kinds[0].endpoint.clone())
        };
        for (path, label) in [
            ("/health/", "/health"),
            ("//health//live/?x={1..3}", "/health/live"),
            ("/he%61lth", "/health"),
            ("//?a=b/", "/"),
            ("/{{x", "/{x"),
        ] {
            assert_eq!(endpoint(&format!("path = '{path}'")).unwrap(), label);
        }
        for given in ["unmatched", "/data/{id}", "/files/{**rest}", "/"] {
            let keys = format!("path = '/x'\nendpoint = '{given}'");
            assert_eq!(endpoint(&keys).unwrap(), given);
        }
        for (given, remedy) in [("health", "/health"), ("/data/{id}/", "/data/{id}")] {
            let keys = format!("path = '/x'\nendpoint = '{given}'");
            let error = format!("{:#}", endpoint(&keys).unwrap_err());
            assert!(error.contains(&format!("\"{remedy}\"")), "{error}");
        }
    }

    #[test]
    fn what_begins_late_ends_late() {
        let least = |keys: &str| {
            let scenario = parse_request(&format!("path = '/'\nstatus = 200\n{keys}")).unwrap();
            let kind = &scenario.kinds[0];
            (kind.least_start_seconds, kind.least_seconds)
        };
        assert_eq!(least(""), (0.0, 0.0));
        assert_eq!(least("server_seconds_at_least = 0.5"), (0.0, 0.5));
        assert_eq!(least("head_seconds_at_least = 0.5"), (0.5, 0.5));
        assert_eq!(
            least("head_seconds_at_least = 0.5\nserver_seconds_at_least = 2.0"),
            (0.5, 2.0)
        );
    }

    #[test]
    fn an_answer_is_held_between_its_head_and_its_end() {
        let held = |status: u16, keys: &str| {
            let keys = format!("path = '/'\nstatus = 200\nserver_seconds_at_least = 2.0\n{keys}");
            parse_request(&keys).unwrap().kinds[0].held_for(status)
        };
        assert_eq!(held(200, ""), Some(Duration::from_secs(2)));
        assert_eq!(
            held(200, "reads_bytes_per_second = 5.0").map(|held| held.as_secs()),
            Some(2)
        );
        // An error may come at once.
        assert_eq!(held(500, ""), None);
        for keys in [
            "head_seconds_at_least = 2.0",
            "fails = 'body-error'",
            "leaves = { in = 'answer', after_bytes = 1 }",
        ] {
            assert_eq!(held(200, keys), None, "{keys}");
        }
    }

    #[test]
    fn methods_have_the_labels_that_the_server_gives_them() {
        for (method, label) in [
            ("PUT", "PUT"),
            ("get", "OTHER"),
            ("PURGE", "OTHER"),
            ("X{token}", "OTHER"),
        ] {
            let keys = format!("path = '/'\nstatus = 405\nmethod = '{method}'");
            assert_eq!(parse_request(&keys).unwrap().kinds[0].method_label(), label);
        }
    }

    #[test]
    fn what_the_server_may_count_of_a_body_depends_on_the_client() {
        let bytes = |keys: &str| {
            let keys = format!("method = 'POST'\nstatus = 200\nbody.bytes = [900]\n{keys}");
            parse_request(&keys).unwrap().kinds[0].request_bytes(900)
        };
        assert_eq!(bytes("path = '/data'"), (900, 900));
        assert_eq!(bytes("path = '/data'\nstreamed = true"), (900, 900));
        let unmatched = "path = '/x'\nendpoint = 'unmatched'";
        assert_eq!(bytes(unmatched), (900, 900));
        assert_eq!(bytes(&format!("{unmatched}\nstreamed = true")), (0, 900));
        let upload = "path = '/x'\nleaves = { in = 'upload', after_bytes = 100 }";
        assert_eq!(bytes(upload), (0, 100));
    }

    #[test]
    fn mistakes_are_one_line_with_a_remedy() {
        let good = "path = '/'\nstatus = 200\n";
        for (keys, says) in [
            ("status = 200", "missing field `path`"),
            ("path = '/'", "missing field `status`"),
            ("path = '/d/{1..3}'\nstatus = 200", "endpoint ="),
            ("path = 'd'\nstatus = 200", "slash"),
            ("path = '/a b'\nstatus = 200", "percent-encode"),
            ("path = '/{1..}'\nstatus = 200", "write {1..100}"),
            ("path = '/'\nstatus = 99", "from 200 to 599"),
            ("path = '/'\nstatus = []", "from 200 to 599"),
            (
                &format!("{good}methd = 'x'"),
                "line 6: unknown field `methd`",
            ),
            (&format!("{good}method = 'G T'"), "token such as GET"),
            (&format!("{good}method = 'CONNECT'"), "not CONNECT"),
            (&format!("{good}method = '{{GET|PUT}}'"), "make several"),
            (&format!("{good}raw = ['x']"), "the endpoint unmatched"),
            (&format!("{good}body.bytes = []"), "give a size"),
            (&format!("{good}body.bytes = [1048577]"), "at most 1048576"),
            (&format!("{good}headers = {{ 'a b' = 'c' }}"), "no header"),
            (&format!("{good}reads_bytes_per_second = 0.0"), "1 or more"),
            (
                &format!("{good}body.bytes = [5]\nleaves = {{ in = 'upload', after_bytes = 5 }}"),
                "before the end",
            ),
            (
                &format!("{good}leaves = {{ in = 'waiting', after_seconds = -1.0 }}"),
                "0 or more",
            ),
            (
                &format!("{good}leaves = {{ in = 'a-huff' }}"),
                "unknown variant",
            ),
            (
                &format!("{good}fails = 'panic'\nreads_bytes_per_second = 5.0"),
                "do not go together",
            ),
            (
                &format!("{good}server_seconds_at_least = -1.0"),
                "0 or more",
            ),
            (
                &format!("{good}head_seconds_at_least = inf"),
                "head_seconds_at_least = inf",
            ),
            (&format!("{good}weight = 0"), "weight of 0"),
            ("path = '/#x'\nstatus = 200", "fragment"),
            ("path = '/?x={a|b c}'\nstatus = 200", "percent-encode"),
            (
                &format!("{good}headers = {{ content-length = '5' }}"),
                "made from the body",
            ),
            (
                &format!("{good}body.submission = [100001]"),
                "at most 100000",
            ),
            (
                &format!(
                    "{good}endpoint = 'unmatched'\nbody.bytes = [5]\nleaves = {{ in = 'upload', after_bytes = 1 }}"
                ),
                "reads it",
            ),
        ] {
            let error = format!("{:#}", parse_request(keys).unwrap_err());
            assert!(error.contains(says), "{keys}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn mistakes_of_the_whole_file_are_named_too() {
        let request = "[[request]]\nname = 'r'\npath = '/'\nstatus = 200\n";
        for (head, says) in [
            ("rate = 0.0", "above 0"),
            ("rate = inf", "above 0"),
            ("duration = 'soon'", "such as \"30s\""),
            ("duration = '8d'", "at most a week"),
            ("duration = '0s'", "such as \"30s\""),
            ("arrival = 'never'", "poisson, constant"),
            ("[[stage]]\nrate = [0.0, 0.0]", "rate of 0"),
            ("[[stage]]\nrate = 'x'", "a factor, or two of them"),
            ("[[", "line 2"),
        ] {
            let text = format!("description = 'x'\n{head}\n{request}");
            let error = format!("{:#}", parse("x", &text).unwrap_err());
            assert!(error.contains(says), "{head}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let twice = format!("description = 'x'\n{request}{request}");
        assert!(
            parse("x", &twice)
                .unwrap_err()
                .to_string()
                .contains("two requests")
        );
        assert!(
            parse("x", "description = 'x'")
                .unwrap_err()
                .to_string()
                .contains("[[request]]")
        );
    }
}
