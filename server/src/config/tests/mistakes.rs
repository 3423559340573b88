//! What each mistake says.

#[cfg(unix)]
use std::ffi::OsString;
use std::path::Path;

use super::{assert_says, from_flag, from_toml, from_variable, key};
use crate::config::Config;

#[test]
fn a_mistake_in_the_file_names_key_line_value_and_remedy() {
    for (toml, words) in [
        (
            "lisen = '127.0.0.1:1'",
            &[
                "lisen",
                "'127.0.0.1:1'",
                "line 1",
                "unknown key",
                "did you mean listen?",
            ][..],
        ),
        (
            "\n\n[htp]\nx = 1",
            &["htp", "line 3", "unknown section", "did you mean http?"],
        ),
        ("level = 'debug'", &["level", "did you mean log.level?"]),
        (
            "'log.level' = 'debug'",
            &["\"log.level\"", "unknown key", "did you mean log.level?"],
        ),
        ("zoo = 1", &["zoo = 1", "unknown key", "--print-config"]),
        ("log = 'debug'", &["log = 'debug'", "section", "[log]"]),
        (
            "listen = 8000",
            &["listen = 8000", "whole number", "give a string"],
        ),
        (
            "listen = 'localhost'",
            &[
                "listen = 'localhost'",
                "IP address or a host name, and a port",
            ],
        ),
        ("listen = '127.0.0.1'", &["listen", "127.0.0.1:8000"]),
        (
            "metric_prefix = '9x'",
            &[
                "metric_prefix = '9x'",
                "cannot begin metric names",
                "use letters",
            ],
        ),
        ("metric_prefix = 'a-b'", &["a-b", "use letters"]),
        ("metric_prefix = true", &["true", "give a string"]),
        (
            "constant_labels = { le-x = 'a' }",
            &["constant_labels", "le-x", "not a label name", "use letters"],
        ),
        (
            "[constant_labels]\n__a = 'b'",
            &["constant_labels", "line 1", "__a"],
        ),
        (
            "constant_labels = { a = 1 }",
            &["constant_labels", "\"a\"", "give a string"],
        ),
        (
            "constant_labels = 'a=b'",
            &["constant_labels = 'a=b'", "give a table"],
        ),
        (
            "[constant_labels]\na = 'b'\na = 'c'",
            &["constant_labels.a (file", "line 3", "set twice"],
        ),
        (
            "system_metrics_interval_seconds = 0",
            &["system_metrics_interval_seconds = 0", "from 0.001 to 3600"],
        ),
        (
            "system_metrics_interval_seconds = -1",
            &["= -1", "from 0.001 to 3600"],
        ),
        (
            "system_metrics_interval_seconds = 3600.5",
            &["3600.5", "to 3600"],
        ),
        ("system_metrics_interval_seconds = nan", &["nan", "to 3600"]),
        ("system_metrics_interval_seconds = inf", &["inf", "to 3600"]),
        (
            "system_metrics_interval_seconds = '10'",
            &["'10'", "give seconds"],
        ),
        (
            "drain_seconds = -0.1",
            &["drain_seconds = -0.1", "from 0 to 3600"],
        ),
        (
            "http.duration_buckets = []",
            &[
                "http.duration_buckets = []",
                "at least one",
                "[0.1, 0.5, 1.0]",
            ],
        ),
        ("http.duration_buckets = [inf]", &["[inf]", "at least one"]),
        (
            "http.duration_buckets = [0.5, 0.1]",
            &["[0.5, 0.1]", "sort"],
        ),
        (
            "http.duration_buckets = [0.1, 0.1]",
            &["[0.1, 0.1]", "remove one"],
        ),
        (
            "http.duration_buckets = [0.1, nan]",
            &["NaN", "give finite numbers"],
        ),
        ("http.duration_buckets = [inf, 1]", &["[inf, 1]", "sort"]),
        (
            "http.duration_buckets = [-inf, 1]",
            &["-inf", "give finite numbers"],
        ),
        (
            "http.duration_buckets = [1, 'x']",
            &["string", "give numbers"],
        ),
        (
            "http.duration_buckets = [1, [2]]",
            &["list", "give numbers"],
        ),
        (
            "http.duration_buckets = 1",
            &["= 1 ", "give a list of numbers"],
        ),
        (
            "[http]\nduration_buckets = [\n 2,\n 1,\n]",
            &["http.duration_buckets = [ 2, 1, ]", "line 2", "sort"],
        ),
        (
            "http.request_size_buckets = [2, 1]",
            &["http.request_size_buckets", "sort"],
        ),
        (
            "http.response_size_buckets = [2, 1]",
            &["http.response_size_buckets", "sort"],
        ),
        (
            "http.max_endpoints = 0",
            &["http.max_endpoints = 0", "from 1 to 100000"],
        ),
        ("http.max_endpoints = 1.5", &["1.5", "give a whole number"]),
        (
            "http.max_endpoints = 99999999999999999999999",
            &["give a whole number"],
        ),
        ("http.bucket = 1", &["http.bucket", "unknown key"]),
        ("http.endpoints = []", &["http.endpoints", "section"]),
        (
            "[http.endpoints]\ndata = {}",
            &["http.endpoints.\"data\"", "begins with `/`"],
        ),
        (
            "http.endpoints.'/d' = 3",
            &["http.endpoints.\"/d\" = 3", "section"],
        ),
        (
            "[http.endpoints.'/d']\nduration = [1]",
            &[
                "http.endpoints.\"/d\".duration",
                "line 2",
                "did you mean duration_buckets?",
            ],
        ),
        (
            "[http.endpoints.'/d']\nduration_buckets = [2, 1]",
            &[
                "http.endpoints.\"/d\".duration_buckets = [2, 1]",
                "line 2",
                "sort",
            ],
        ),
        (
            "log.level = 'inof'",
            &[
                "log.level = 'inof'",
                "did you mean info?",
                "give one of error, warn",
            ],
        ),
        ("log.level = 3", &["log.level = 3", "give a string"]),
        ("log.format = 'xml'", &["'xml'", "give one of human, json"]),
        (
            "limits.body_bytes = 0",
            &["limits.body_bytes = 0", "from 1 to 1073741824"],
        ),
        ("limits.values = -5", &["limits.values = -5", "from 1"]),
        (
            "limits.name_characters = '5'",
            &["limits.name_characters", "give a whole number"],
        ),
        (
            "limits.records = 1e9",
            &["limits.records = 1e9", "give a whole number"],
        ),
        (
            "metrics_listen = 'x'",
            &[
                "metrics_listen = 'x'",
                "IP address or a host name, and a port",
            ],
        ),
        ("metrics_listen = 9000", &["give a string"]),
        ("faults = 'yes'", &["faults = 'yes'", "give true or false"]),
        ("faults = 1", &["faults = 1", "give true or false"]),
        (
            "live = 'true'",
            &["live = 'true'", "give true, false or \"auto\""],
        ),
        ("live = 1", &["live = 1", "give true, false or \"auto\""]),
        (
            "[http]\nduration_buckets = [-0.5, 1]",
            &["line 2", "bound -0.5 is negative", "from 0 on"],
        ),
        (
            "[http]\nrequest_size_buckets = [-1]",
            &["line 2", "bound -1 is negative"],
        ),
        (
            "[http.endpoints.'/d']\nresponse_size_buckets = [-1, 0]",
            &["\"/d\".response_size_buckets", "bound -1 is negative"],
        ),
        (
            "http.duration_buckets = [1, 1e400]",
            &["1e400 is too large", "inf at the end"],
        ),
        (
            "constant_labels = { job = 'x' }",
            &["Prometheus sets \"job\" itself", "exported_job"],
        ),
        (
            "[htpp]\nmax_endpoints = 1",
            &["htpp", "line 1", "unknown section; did you mean http?"],
        ),
        (
            "[constant_label]\na = '1'",
            &["unknown section; did you mean constant_labels?"],
        ),
        (
            "listen = '127.0.0.1:1'\ndrain_seconds = 1\nlisten = '127.0.0.1:2'",
            &["listen (file", "line 3", "set twice; remove one"],
        ),
        (
            "[http]\nmax_endpoints = 1\n[log] # a comment\nlevel = 'info'\n level = 'warn'",
            &["log.level (file", "line 5", "set twice"],
        ),
        (
            "[http]\nendpoints.'/d'.duration_buckets = [1]\nendpoints.'/d'.duration_buckets = [1]",
            &[
                "http.endpoints.'/d'.duration_buckets (file",
                "line 3",
                "set twice",
            ],
        ),
        (
            "listen = '127.0.0.1:1'\n[http]\n[log]\n[http]",
            &["http (file", "line 4", "set twice"],
        ),
        (
            "constant_labels = { a = '1', a = '2' }",
            &["line 1", "set twice"],
        ),
        ("limits.body_seconds = 0", &["from 0.001 to 3600"]),
        ("connections.max = 0", &["from 1 to 1000000"]),
        ("connections.header_seconds = 0", &["from 0.001 to 3600"]),
        ("connections.idle_seconds = 3601", &["from 0.001 to 3600"]),
        ("connections.body_gap_seconds = 0", &["from 0.001 to 3600"]),
        ("connections.write_stall_seconds = -1", &["from 0.001"]),
        ("connections.header_bytes = 8191", &["from 8192 to 1048576"]),
        ("connections.http2_streams = 0", &["from 1 to 10000"]),
        ("listen = ", &["configuration file", "line 1", "not TOML"]),
        ("\n\nlisten 3", &["line 3", "not TOML"]),
    ] {
        match from_toml(toml) {
            Ok(_) => panic!("accepted: {toml}"),
            Err(error) => {
                assert_says(&error, words);
                assert_says(&error, &["(file tallied.toml, line "]);
            }
        }
    }
}

#[test]
fn a_mistake_in_a_variable_or_a_flag_names_it() {
    for (name, text, words) in [
        (
            "listen",
            "localhost",
            &["\"localhost\"", "give an IP address or a host name"][..],
        ),
        ("listen", ":8000", &["give an IP address or a host name"]),
        ("listen", "127.0.0.256:8000", &["give an IP address"]),
        ("listen", "localhost:65536", &["give an IP address"]),
        ("listen", "::1:8000", &["[::1]:8000"]),
        ("faults", "maybe", &["maybe", "give true or false"]),
        ("live", "maybe", &["maybe", "give true, false or \"auto\""]),
        ("constant_labels", "instance=a", &["exported_instance"]),
        ("http.duration_buckets", "-1,1", &["bound -1 is negative"]),
        (
            "http.duration_buckets",
            "1,1e400",
            &["1e400 is too large", "inf at the end"],
        ),
        ("listen", "", &["\"\"", "give an IP address"]),
        ("listen", "two\nlines", &["two\\nlines"]),
        ("metric_prefix", "9", &["cannot begin metric names"]),
        ("constant_labels", "env", &["has no `=`", "env=prod"]),
        (
            "constant_labels",
            "a=1,a=2",
            &["\"a\" is given twice", "remove one"],
        ),
        ("constant_labels", "a=1,", &["has no `=`"]),
        ("constant_labels", "=1", &["not a label name"]),
        ("system_metrics_interval_seconds", "0", &["from 0.001"]),
        ("system_metrics_interval_seconds", "nan", &["from 0.001"]),
        (
            "system_metrics_interval_seconds",
            "10s",
            &["10s", "give seconds"],
        ),
        ("drain_seconds", "-1", &["from 0 to 3600"]),
        ("http.duration_buckets", "", &["at least one"]),
        ("http.duration_buckets", "0.1;0.5", &["0.1;0.5", "commas"]),
        ("http.duration_buckets", "0.5,0.1", &["sort"]),
        ("http.duration_buckets", "0.1,0.1", &["remove one"]),
        ("http.duration_buckets", "NaN", &["NaN"]),
        ("http.max_endpoints", "0", &["from 1"]),
        (
            "http.max_endpoints",
            "many",
            &["many", "give a whole number"],
        ),
        ("log.level", "verbose", &["verbose", "give one of"]),
        ("limits.records", "1.5", &["give a whole number"]),
    ] {
        let variable = key(name).variable();
        let error = from_variable(&variable, text).unwrap_err();
        assert_says(&error, words);
        assert_says(&error, &[name, &format!("environment variable {variable}")]);
        let error = from_flag(name, text).unwrap_err();
        assert_says(&error, words);
        assert_says(&error, &[name, &format!("flag --{}", key(name).flag())]);
    }
    for (variable, words) in [
        (
            "TALLIED_LISTN",
            &["TALLIED_LISTN", "did you mean TALLIED_LISTEN?"][..],
        ),
        ("TALLIED_ZZZ_QQQ", &["TALLIED_ZZZ_QQQ", "unset it"]),
        ("TALLIED_HTTP_ENDPOINTS_DATA", &["in the file"]),
    ] {
        assert_says(&from_variable(variable, "1").unwrap_err(), words);
    }
    for not_ours in ["PATH", "TALLIED_SERVICE_HOST", "TALLIED"] {
        from_variable(not_ours, "1").unwrap();
    }
}

#[test]
fn the_first_mistake_of_a_file_is_told() {
    let error = from_toml("\nzeta = 1\nalpha = 2\n").unwrap_err();
    assert_says(&error, &["zeta = 1", "line 2"]);
}

#[test]
fn a_mistake_is_one_also_where_a_later_place_overrides_it() {
    let flags = [(key("log.level"), "debug".to_owned())];
    let environment = [("TALLIED_LOG_LEVEL".into(), "inof".into())];
    let error = Config::load(None, &flags, &environment, Path::new("no such folder")).unwrap_err();
    assert_says(&error, &["inof", "TALLIED_LOG_LEVEL"]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt;
    let broken = OsString::from_vec(b"\xff".to_vec());
    let environment = [("TALLIED_LOG_LEVEL".into(), broken)];
    let error = Config::load(None, &[], &environment, Path::new("no such folder")).unwrap_err();
    assert_says(&error, &["log.level", "TALLIED_LOG_LEVEL", "not UTF-8"]);
}
