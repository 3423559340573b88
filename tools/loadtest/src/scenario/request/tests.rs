//! What a request of the file becomes, and what a mistake in it says.

use std::time::Duration;

use anyhow::Result;

use crate::scenario::file::parse;
use crate::scenario::{Conduct, Scenario};

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
