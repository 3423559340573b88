//! What a place sets, and what each mistake says.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::{Config, ConfigError, Format, KEYS, Key, Level, Origin, file};
use crate::limits::ConnectionLimits;

const EXAMPLE: &str = include_str!("../../tallied.example.toml");

fn from_toml(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    file::apply(&mut config, Path::new("tallied.toml"), text)?;
    Ok(config)
}

fn from_variable(name: &str, value: &str) -> Result<Config, ConfigError> {
    let environment = [(name.into(), value.into())];
    Config::load(None, &[], &environment, Path::new("no such folder"))
}

fn key(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap()
}

fn from_flag(name: &str, value: &str) -> Result<Config, ConfigError> {
    let flags = [(key(name), value.to_owned())];
    Config::load(None, &flags, &[], Path::new("no such folder"))
}

/// Without the places, which differ where the values are the same.
fn values(mut config: Config) -> Config {
    config.origins.clear();
    config
}

#[test]
fn names_are_plain_and_sections_stand_together() {
    let mut sections: Vec<&str> = Vec::new();
    for (i, key) in KEYS.iter().enumerate() {
        for other in &KEYS[..i] {
            assert_ne!(key.variable(), other.variable());
            assert_ne!(key.flag(), other.flag());
        }
        let section = key.name.rsplit_once('.').map_or("", |(section, _)| section);
        if sections.last() != Some(&section) {
            assert!(!sections.contains(&section), "{section} is torn apart");
            sections.push(section);
        }
    }
    assert_eq!(sections[0], "");
    assert_eq!(key("log.level").variable(), "TALLIED_LOG_LEVEL");
    assert_eq!(key("log.level").flag(), "log-level");
}

#[test]
fn the_example_names_every_key_at_its_default() {
    let config = from_toml(EXAMPLE).unwrap();
    for key in KEYS {
        assert!(
            matches!(config.origin(key.name), Origin::File { .. }),
            "the example lacks {}",
            key.name
        );
    }
    assert_eq!(values(config), Config::default());

    // What stands there as a comment is good, too.
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| !c.is_whitespace()) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = from_toml(&uncommented).unwrap();
    let data = &config.http.endpoints["/data"];
    assert_eq!(data.duration.as_ref().unwrap().bounds(), [0.001, 0.01, 0.1]);
    assert!(data.request_size.is_some() && data.response_size.is_some());
}

#[test]
fn the_defaults_of_the_help_are_those_in_force() {
    for key in KEYS {
        let section = key.name.rsplit_once('.');
        let (head, name) = section.map_or((String::new(), key.name), |(section, name)| {
            (format!("[{section}]\n"), name)
        });
        let toml = format!("{head}{name} = {}", key.default_value());
        let config = from_toml(&toml).unwrap_or_else(|error| panic!("{toml}: {error}"));
        assert_eq!(values(config), Config::default(), "{toml}");
    }
}

#[test]
fn the_readme_has_a_row_for_every_key() {
    let readme = include_str!("../../../README.md");
    for key in KEYS {
        let row = format!(
            "| `{}` | `{}` | `{}` | `--{}` | ",
            key.name,
            key.default_value(),
            key.variable(),
            key.flag()
        );
        assert!(
            readme.lines().any(|line| line.starts_with(&row)),
            "the README lacks: {row}"
        );
    }
}

/// Everything other than by default, by each of the places.
const EVERYTHING: &str = r#"
listen = "[::1]:9000"
metrics_listen = "[::1]:9001"
faults = true
metric_prefix = "shop"
system_metrics_interval_seconds = 0.25
drain_seconds = 0
last_scrape_seconds = 15
constant_labels = { env = "a \"b\" \\ \n c", region = "eu" }
[http]
duration_buckets = [0, 1e-7, 0.1, 1, 1e21, inf]
request_size_buckets = [0x10, 1_000]
response_size_buckets = [5]
max_endpoints = 7
endpoints."/a \"b\"/{id}".duration_buckets = [1, 2]
endpoints."/data" = { request_size_buckets = [3], response_size_buckets = [4.5] }
[log]
level = "trace"
format = "json"
[limits]
body_bytes = 1
values = 2
name_characters = 3
records = 4
body_seconds = 5
[connections]
max = 6
header_seconds = 0.25
idle_seconds = 0.5
body_gap_seconds = 0.75
write_stall_seconds = 1.25
header_bytes = 8192
http2_streams = 7
"#;

#[test]
fn a_file_sets_everything() {
    let config = from_toml(EVERYTHING).unwrap();
    assert_eq!(config.listen, "[::1]:9000".parse().unwrap());
    assert_eq!(config.metrics_listen, "[::1]:9001".parse().ok());
    assert!(config.faults);
    assert_eq!(config.metric_prefix, "shop");
    assert_eq!(config.constant_labels["env"], "a \"b\" \\ \n c");
    assert_eq!(config.constant_labels["region"], "eu");
    assert_eq!(config.system_metrics_interval, Duration::from_millis(250));
    assert_eq!(config.drain, Duration::ZERO);
    assert_eq!(config.last_scrape, Duration::from_secs(15));
    let http = &config.http;
    assert_eq!(http.duration_buckets.bounds(), [0.0, 1e-7, 0.1, 1.0, 1e21]);
    assert_eq!(http.request_size_buckets.bounds(), [16.0, 1000.0]);
    assert_eq!(http.response_size_buckets.bounds(), [5.0]);
    assert_eq!(http.max_endpoints, 7);
    let pattern = &http.endpoints["/a \"b\"/{id}"];
    assert_eq!(pattern.duration.as_ref().unwrap().bounds(), [1.0, 2.0]);
    assert_eq!(pattern.request_size, None);
    let data = &http.endpoints["/data"];
    assert_eq!(data.request_size.as_ref().unwrap().bounds(), [3.0]);
    assert_eq!(data.response_size.as_ref().unwrap().bounds(), [4.5]);
    assert_eq!(
        (config.log.level, config.log.format),
        (Level::Trace, Format::Json)
    );
    let limits = config.limits;
    assert_eq!((limits.body_bytes, limits.values), (1, 2));
    assert_eq!((limits.name_characters, limits.records), (3, 4));
    assert_eq!(limits.body_time, Duration::from_secs(5));
    let connections = ConnectionLimits {
        connections: 6,
        header: Duration::from_millis(250),
        idle: Duration::from_millis(500),
        body_gap: Duration::from_millis(750),
        write_stall: Duration::from_millis(1_250),
        header_bytes: 8_192,
        http2_streams: 7,
    };
    assert_eq!(config.connections, connections);
    assert_eq!(
        config.origin("log.level").to_string(),
        "file tallied.toml, line 18"
    );
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    for text in ["", EXAMPLE, EVERYTHING] {
        let config = from_toml(text).unwrap();
        let printed = config.to_toml();
        let again = from_toml(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(values(again), values(config), "{printed}");
        for line in printed.lines().filter(|line| line.contains(" = ")) {
            assert!(
                line.ends_with("# default") || line.contains("# file tallied.toml, line "),
                "{line}"
            );
        }
    }
}

#[test]
fn variables_and_flags_set_what_the_file_does() {
    for (name, text, toml) in [
        ("listen", "0.0.0.0:1", "listen = '0.0.0.0:1'"),
        ("metric_prefix", "shop", "metric_prefix = 'shop'"),
        ("metric_prefix", "", "metric_prefix = ''"),
        (
            "constant_labels",
            "env=prod, url=a=b",
            "constant_labels = { env = 'prod', url = 'a=b' }",
        ),
        ("constant_labels", "", "constant_labels = {}"),
        ("drain_seconds", "0.5", "drain_seconds = 0.5"),
        ("last_scrape_seconds", "60", "last_scrape_seconds = 60"),
        ("metrics_listen", "[::1]:9", "metrics_listen = '[::1]:9'"),
        ("metrics_listen", "", "metrics_listen = ''"),
        ("faults", "true", "faults = true"),
        ("faults", "false", "faults = false"),
        ("limits.body_seconds", "7", "limits.body_seconds = 7"),
        ("connections.max", "7", "connections.max = 7"),
        (
            "connections.header_seconds",
            "0.5",
            "connections.header_seconds = 0.5",
        ),
        (
            "connections.header_bytes",
            "8192",
            "connections.header_bytes = 8_192",
        ),
        (
            "http.duration_buckets",
            "0.1, 0.5,1,inf",
            "http.duration_buckets = [0.1, 0.5, 1]",
        ),
        ("http.max_endpoints", "5", "http.max_endpoints = 5"),
        ("log.level", "warn", "log.level = 'warn'"),
        ("log.format", "json", "log.format = 'json'"),
        ("limits.records", "5", "limits.records = 5"),
    ] {
        let expected = values(from_toml(toml).unwrap());
        let variable = key(name).variable();
        let config = from_variable(&variable, text).unwrap();
        let origin = format!("environment variable {variable}");
        assert_eq!(config.origin(name).to_string(), origin);
        assert_eq!(values(config), expected, "{name}");
        let config = from_flag(name, text).unwrap();
        let origin = format!("flag --{}", key(name).flag());
        assert_eq!(config.origin(name).to_string(), origin);
        assert_eq!(values(config), expected, "{name}");
    }
}

/// One line that holds every one of these words.
fn assert_says(error: &ConfigError, words: &[&str]) {
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

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
fn a_host_name_is_looked_up() {
    for name in ["listen", "metrics_listen"] {
        let config = from_flag(name, " localhost:8123 ").unwrap();
        let address = config.metrics_listen.unwrap_or(config.listen);
        assert!(address.ip().is_loopback(), "{address}");
        assert_eq!(address.port(), 8_123);
        // IPv4 goes first, so that it is the address of the default.
        assert!(address.is_ipv4(), "{address}");
    }
}

#[test]
fn the_two_listeners_have_addresses_of_their_own() {
    let load = |listen: &str, metrics: &str| {
        from_toml(&format!(
            "listen = '{listen}'\nmetrics_listen = '{metrics}'"
        ))
        .and_then(|config| config.same_address().map_or(Ok(()), Err))
    };
    for (listen, metrics) in [
        ("127.0.0.1:9", "127.0.0.1:9"),
        ("[::1]:9", "[::1]:9"),
        ("0.0.0.0:9", "127.0.0.1:9"),
        ("127.0.0.1:9", "0.0.0.0:9"),
        ("[::1]:9", "[::]:9"),
    ] {
        let error = load(listen, metrics).unwrap_err();
        let metrics = format!("metrics_listen = \"{metrics}\" (file tallied.toml, line 2): ");
        let listen = format!("listen is {listen} already (file tallied.toml, line 1)");
        assert_says(&error, &[&metrics, &listen, "choose another port"]);
    }
    for (listen, metrics) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:9", "127.0.0.1:8"),
        ("127.0.0.1:9", "127.0.0.2:9"),
        ("0.0.0.0:9", "[::1]:9"),
        ("127.0.0.1:9", ""),
    ] {
        load(listen, metrics).unwrap();
    }
    let flags = [("listen", "127.0.0.1:9"), ("metrics_listen", "127.0.0.1:9")];
    let flags = flags.map(|(name, value)| (key(name), value.to_owned()));
    let error = Config::load(None, &flags, &[], Path::new("no such folder")).unwrap_err();
    assert_says(&error, &["(flag --metrics-listen)", "(flag --listen)"]);
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
