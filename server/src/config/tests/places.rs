//! What a file, a variable and a flag set, and what is printed of it.

use std::time::Duration;

use super::{EXAMPLE, from_flag, from_toml, from_variable, key, values};
use crate::config::{Format, Level};
use crate::limits::ConnectionLimits;

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
handler_polls = true
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
    assert!(http.handler_polls);
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
        "file tallied.toml, line 19"
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
        ("live", "auto", "live = 'auto'"),
        ("live", "true", "live = true"),
        ("live", "false", "live = false"),
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
        ("http.handler_polls", "true", "http.handler_polls = true"),
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
