//! The one list of keys: what each is called, how it is read, and how it is shown.

use std::ops::RangeInclusive;
use std::time::Duration;

use tallied::{Buckets, Registry};

use super::raw_value::RawValue;
use super::{Config, EndpointBuckets, Format, Level, Live};

/// Something that can be set: in the file under its name, by its variable, by its flag.
pub struct Key {
    /// The name in the file, with its sections: `log.level`.
    pub name: &'static str,
    /// What a value is called in the help.
    pub value_name: &'static str,
    /// What it means, in a line.
    pub meaning: &'static str,
    pub(super) set: fn(&mut Config, &RawValue<'_>) -> Result<(), String>,
    /// The value in force, as TOML.
    pub(super) show: fn(&Config) -> String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}

impl Key {
    /// The environment variable: `TALLIED_LOG_LEVEL`.
    pub fn variable(&self) -> String {
        format!("TALLIED_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// The flag without its dashes: `log-level`.
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// Whether it is on or off; the flag alone means on.
    pub fn is_switch(&self) -> bool {
        matches!(&*self.default_value(), "true" | "false")
    }

    /// The value that it has when nobody sets it, as TOML.
    pub fn default_value(&self) -> String {
        (self.show)(&Config::default())
    }
}

/// Every key, in the order of the file: those without a section first, a section's together.
pub static KEYS: &[Key] = &[
    Key {
        name: "listen",
        value_name: "HOST:PORT",
        meaning: "IP address or host name, and port, to listen on; port 0 takes a free one",
        set: |config, written| {
            config.listen = written.address()?;
            Ok(())
        },
        show: |config| quoted(&config.listen.to_string()),
    },
    Key {
        name: "metrics_listen",
        value_name: "HOST:PORT",
        meaning: "address for /metrics, and /live where there is one, which are then only there; empty for none",
        set: |config, written| {
            config.metrics_listen = match written.text()?.trim() {
                "" => None,
                _ => Some(written.address()?),
            };
            Ok(())
        },
        show: |config| {
            let address = config.metrics_listen;
            quoted(&address.map_or(String::new(), |address| address.to_string()))
        },
    },
    Key {
        name: "live",
        value_name: "auto|true|false",
        meaning: "whether there is /live, a page that shows the metrics as they change, beside /metrics; auto: if that listens on loopback",
        set: |config, written| {
            config.live = match written.flag_or("auto")? {
                None => Live::Auto,
                Some(true) => Live::On,
                Some(false) => Live::Off,
            };
            Ok(())
        },
        show: |config| match config.live {
            Live::Auto => quoted("auto"),
            Live::On => "true".to_owned(),
            Live::Off => "false".to_owned(),
        },
    },
    Key {
        name: "metric_prefix",
        value_name: "PREFIX",
        meaning: "put before every metric's name, with a `_`; empty for none",
        set: |config, written| {
            let prefix = written.text()?;
            Registry::with_prefix(prefix).map_err(|error| error.to_string())?;
            prefix.clone_into(&mut config.metric_prefix);
            Ok(())
        },
        show: |config| quoted(&config.metric_prefix),
    },
    Key {
        name: "constant_labels",
        value_name: "LABEL=VALUE,…",
        meaning: "labels that every series gets; job and instance are Prometheus's own",
        set: |config, written| {
            config.constant_labels = written.labels()?;
            Ok(())
        },
        show: |config| {
            let labels = config.constant_labels.iter();
            let labels: Vec<_> = labels
                .map(|(label, value)| format!("{label} = {}", quoted(value)))
                .collect();
            if labels.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", labels.join(", "))
            }
        },
    },
    Key {
        name: "system_metrics_interval_seconds",
        value_name: "SECONDS",
        meaning: "how long a figure of the process and the host is used again by later scrapes; 0.001 to 3600",
        set: |config, written| {
            config.system_metrics_interval = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.system_metrics_interval),
    },
    Key {
        name: "drain_seconds",
        value_name: "SECONDS",
        meaning: "how long a stop waits for the requests in progress; 0 to 3600",
        set: |config, written| {
            config.drain = written.seconds(0.0..=3_600.0)?;
            Ok(())
        },
        show: |config| seconds(config.drain),
    },
    Key {
        name: "last_scrape_seconds",
        value_name: "SECONDS",
        meaning: "with metrics_listen: how long a stop that cut requests off then waits for a scrape that sees them, and the limit for scrapes in progress; 0 to 3600",
        set: |config, written| {
            config.last_scrape = written.seconds(0.0..=3_600.0)?;
            Ok(())
        },
        show: |config| seconds(config.last_scrape),
    },
    Key {
        name: "faults",
        value_name: "true|false",
        meaning: "whether GET and POST /fault delay, fail, panic and stream on request; for load tests, not for production",
        set: |config, written| {
            config.faults = written.flag()?;
            Ok(())
        },
        show: |config| config.faults.to_string(),
    },
    Key {
        name: "http.duration_buckets",
        value_name: "SECONDS,…",
        meaning: "bucket bounds of http_request_duration_seconds and http_response_start_seconds, increasing, none negative; inf may stand at the end",
        set: |config, written| {
            config.http.duration_buckets = written.buckets()?;
            Ok(())
        },
        show: |config| bounds(&config.http.duration_buckets),
    },
    Key {
        name: "http.request_size_buckets",
        value_name: "BYTES,…",
        meaning: "bucket bounds of http_request_size_bytes",
        set: |config, written| {
            config.http.request_size_buckets = written.buckets()?;
            Ok(())
        },
        show: |config| bounds(&config.http.request_size_buckets),
    },
    Key {
        name: "http.response_size_buckets",
        value_name: "BYTES,…",
        meaning: "bucket bounds of http_response_size_bytes",
        set: |config, written| {
            config.http.response_size_buckets = written.buckets()?;
            Ok(())
        },
        show: |config| bounds(&config.http.response_size_buckets),
    },
    Key {
        name: "http.max_endpoints",
        value_name: "COUNT",
        meaning: "the most route patterns with series of their own, 1 to 100000; later ones are endpoint=\"overflow\"",
        set: |config, written| {
            config.http.max_endpoints = written.whole(1..=100_000)?;
            Ok(())
        },
        show: |config| config.http.max_endpoints.to_string(),
    },
    Key {
        name: "http.handler_polls",
        value_name: "true|false",
        meaning: "whether there is http_handler_poll_seconds, which shows handlers that block a worker of the runtime",
        set: |config, written| {
            config.http.handler_polls = written.flag()?;
            Ok(())
        },
        show: |config| config.http.handler_polls.to_string(),
    },
    Key {
        name: "log.level",
        value_name: "LEVEL",
        meaning: "error, warn, info, debug (a line a request) or trace",
        set: |config, written| {
            config.log.level = written.one_of(LEVELS)?;
            Ok(())
        },
        show: |config| quoted(word(LEVELS, &config.log.level)),
    },
    Key {
        name: "log.format",
        value_name: "FORMAT",
        meaning: "human, or json: an object a line",
        set: |config, written| {
            config.log.format = written.one_of(FORMATS)?;
            Ok(())
        },
        show: |config| quoted(word(FORMATS, &config.log.format)),
    },
    Key {
        name: "limits.body_bytes",
        value_name: "BYTES",
        meaning: "the largest request body that is read, 1 to 1073741824",
        set: |config, written| {
            config.limits.body_bytes = written.whole(1..=1 << 30)?;
            Ok(())
        },
        show: |config| config.limits.body_bytes.to_string(),
    },
    Key {
        name: "limits.bodies_bytes",
        value_name: "BYTES",
        meaning: "the most memory that all request bodies in progress take, limits.body_bytes to 1099511627776; beyond it, 503",
        set: |config, written| {
            config.limits.bodies_bytes = written.whole(1..=1 << 40)?;
            Ok(())
        },
        show: |config| config.limits.bodies_bytes.to_string(),
    },
    Key {
        name: "limits.values",
        value_name: "COUNT",
        meaning: "the most values of a record, 1 to 10000000",
        set: |config, written| {
            config.limits.values = written.whole(1..=10_000_000)?;
            Ok(())
        },
        show: |config| config.limits.values.to_string(),
    },
    Key {
        name: "limits.name_characters",
        value_name: "COUNT",
        meaning: "the longest name of a record, 1 to 10000",
        set: |config, written| {
            config.limits.name_characters = written.whole(1..=10_000)?;
            Ok(())
        },
        show: |config| config.limits.name_characters.to_string(),
    },
    Key {
        name: "limits.records",
        value_name: "COUNT",
        meaning: "the most records that are kept, 1 to 1000000; the oldest make room",
        set: |config, written| {
            config.limits.records = written.whole(1..=1_000_000)?;
            Ok(())
        },
        show: |config| config.limits.records.to_string(),
    },
    Key {
        name: "limits.body_seconds",
        value_name: "SECONDS",
        meaning: "the longest that a request body may take to arrive, 0.001 to 3600; beyond it, 408",
        set: |config, written| {
            config.limits.body_time = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.limits.body_time),
    },
    Key {
        name: "connections.max",
        value_name: "COUNT",
        meaning: "the most open connections, 1 to 1000000; beyond them, those that wait for their client make room",
        set: |config, written| {
            config.connections.connections = written.whole(1..=1_000_000)?;
            Ok(())
        },
        show: |config| config.connections.connections.to_string(),
    },
    Key {
        name: "connections.header_seconds",
        value_name: "SECONDS",
        meaning: "the longest that a request's head may take, 0.001 to 3600",
        set: |config, written| {
            config.connections.header = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.connections.header),
    },
    Key {
        name: "connections.idle_seconds",
        value_name: "SECONDS",
        meaning: "the longest that a connection is kept between two requests, 0.001 to 3600",
        set: |config, written| {
            config.connections.idle = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.connections.idle),
    },
    Key {
        name: "connections.body_gap_seconds",
        value_name: "SECONDS",
        meaning: "the longest pause in a request body, 0.001 to 3600; beyond it, 408",
        set: |config, written| {
            config.connections.body_gap = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.connections.body_gap),
    },
    Key {
        name: "connections.write_stall_seconds",
        value_name: "SECONDS",
        meaning: "the longest that a client may take nothing of its answer, 0.001 to 3600",
        set: |config, written| {
            config.connections.write_stall = written.seconds(LIMIT_SECONDS)?;
            Ok(())
        },
        show: |config| seconds(config.connections.write_stall),
    },
    Key {
        name: "connections.header_bytes",
        value_name: "BYTES",
        meaning: "the largest head of a request, 8192 to 1048576; beyond it, 431",
        set: |config, written| {
            config.connections.header_bytes = written.whole(8_192..=1 << 20)?;
            Ok(())
        },
        show: |config| config.connections.header_bytes.to_string(),
    },
    Key {
        name: "connections.http2_streams",
        value_name: "COUNT",
        meaning: "the most requests at a time on an HTTP/2 connection, 1 to 10000",
        set: |config, written| {
            config.connections.http2_streams = written.whole(1..=10_000)?;
            Ok(())
        },
        show: |config| config.connections.http2_streams.to_string(),
    },
];

/// What a limit on time may be. A millisecond is what the runtime's timers can tell apart.
const LIMIT_SECONDS: RangeInclusive<f64> = 0.001..=3_600.0;

/// The key of this name.
pub(super) fn named(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The section of the endpoints that have bounds of their own. It can be set in the file only:
/// a pattern is no part of a variable's name.
pub(super) const ENDPOINTS: &str = "http.endpoints";

/// What an endpoint can have of its own.
pub(super) struct EndpointKey {
    pub(super) name: &'static str,
    pub(super) of: fn(&mut EndpointBuckets) -> &mut Option<Buckets>,
}

pub(super) static ENDPOINT_KEYS: &[EndpointKey] = &[
    EndpointKey {
        name: "duration_buckets",
        of: |endpoint| &mut endpoint.duration,
    },
    EndpointKey {
        name: "request_size_buckets",
        of: |endpoint| &mut endpoint.request_size,
    },
    EndpointKey {
        name: "response_size_buckets",
        of: |endpoint| &mut endpoint.response_size,
    },
];

/// The full name of an endpoint's key.
pub(super) fn endpoint_key(pattern: &str, key: &str) -> String {
    format!("{ENDPOINTS}.{}.{key}", quoted(pattern))
}

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

const FORMATS: &[(&str, Format)] = &[("human", Format::Human), ("json", Format::Json)];

fn word<T: PartialEq>(words: &[(&'static str, T)], meant: &T) -> &'static str {
    let found = words.iter().find(|(_, known)| known == meant);
    found.map_or("", |(word, _)| word)
}

fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

pub(super) fn bounds(buckets: &Buckets) -> String {
    let bounds: Vec<_> = buckets
        .bounds()
        .iter()
        .map(|bound| {
            // As people write them, where TOML's integers are large enough.
            if bound.fract() == 0.0 && bound.abs() < 1e15 {
                format!("{bound:.0}")
            } else {
                format!("{bound:?}")
            }
        })
        .collect();
    format!("[{}]", bounds.join(", "))
}

/// A TOML string on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
