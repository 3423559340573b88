//! The command line of `tallied-server`.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, value_parser};

use super::config::{KEYS, Key, nearest};

/// What a command line asks for.
#[derive(Debug)]
pub struct Arguments {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// To print the configuration, and not to serve.
    pub print_config: bool,
    /// To ask the server of the configuration whether it is ready, and not to serve.
    pub health_check: bool,
    /// The keys that are set, with their text, which is not checked yet.
    pub flags: Vec<(&'static Key, String)>,
}

/// The result of parsing a command line.
#[derive(Debug)]
pub enum Parsed {
    /// Run with this.
    Run(Arguments),
    /// Print this and exit with 0.
    Help(String),
    /// Print this line to standard error and exit with this status.
    Wrong {
        /// What is wrong, and where to look.
        line: String,
        /// 2; of a health check 1, since its caller may take 2 for something else, as Docker does.
        status: u8,
    },
}

const ABOUT: &str = "HTTP and process metrics for Prometheus

Serves /, /health, /metrics, /data and, with its documentation, /docs. Stop it with Ctrl-C, SIGTERM or SIGHUP:
it finishes the requests in progress, for at most 10 seconds (drain_seconds), and exits with 0.";

const AFTER: &str =
    "Configuration: defaults, then the file, then environment variables, then flags; a later
place replaces the value of an earlier one. Lists are written with commas. Buckets of single
endpoints are set in the file: [http.endpoints.\"/data\"].

Examples:
  tallied-server                            listen on 127.0.0.1:8000
  tallied-server --listen 0.0.0.0:9000      listen on every interface, port 9000
  tallied-server --listen [::1]:8000        listen on IPv6
  tallied-server --listen localhost:8000    listen on the IPv4 address of a name, or else on its first
  tallied-server --listen 127.0.0.1:0       take a free port, and print it
  tallied-server --log-level debug --log-format json
                                            log each request, as JSON
  tallied-server --http-duration-buckets 0.1,0.5,1 --constant-labels env=prod,region=eu
  TALLIED_METRIC_PREFIX=shop tallied-server
                                            shop_http_requests_total and so on
  tallied-server --metrics-listen 127.0.0.1:9000
                                            serve /metrics there, and only there
  tallied-server --config tallied.toml --print-config
                                            check a file, and print what is in force
  tallied-server --listen 127.0.0.1:9000 --health-check
                                            ask the server that was started with this --listen

--health-check cannot see the flags of the other process: give it the same --listen or --config,
or set both processes up by variables or the file.

Exit status: 0 after a stop that was asked for, 1 when serving fails, 2 for a wrong
command line or configuration, or an address that cannot be listened on. Of --health-check: 0 when
the server is ready, 1 for everything else.";

const HEALTH_CHECK: &str = "health-check";

fn command() -> Command {
    let keys = KEYS.iter().map(|key| {
        let (meaning, variable) = (key.meaning, key.variable());
        // As it would be written after the flag.
        let default = match key.default_value().trim_matches(['"', '[', ']', '{', '}']) {
            "" => "none".to_owned(),
            value => value.replace(", ", ","),
        };
        let arg = Arg::new(key.name);
        let arg = if key.is_switch() {
            // With a value only behind `=`, or it would eat what follows.
            arg.num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
        } else {
            arg
        };
        arg.long(key.flag())
            .value_name(key.value_name)
            // `-1` is a value that is wrong, and no flag that is unknown.
            .allow_negative_numbers(true)
            .help(format!("{meaning} [env: {variable}] [default: {default}]"))
    });
    Command::new("tallied-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help(
                    "configuration file in TOML [env: TALLIED_CONFIG] [default: tallied.toml, if there is one here]",
                ),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("print the configuration in force, with the place of each value, and exit"),
        )
        .arg(
            Arg::new(HEALTH_CHECK)
                .long(HEALTH_CHECK)
                .action(ArgAction::SetTrue)
                .conflicts_with("print-config")
                .help("ask the server that listens at --listen for /health/ready, for 2 seconds at most, and exit with 0 if it is ready, or else with 1"),
        )
        .args(keys)
        .after_help(AFTER)
}

/// Parses a command line, the program's name first.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Parsed {
    let arguments: Vec<_> = arguments.into_iter().collect();
    // Also where the rest of the line is wrong, or this is what is wrong with it.
    let mut texts = arguments.iter().map(|argument| argument.to_string_lossy());
    let health_check = texts.any(|text| {
        let flag = text.strip_prefix("--");
        flag.is_some_and(|flag| flag.starts_with(HEALTH_CHECK))
    });
    match command().try_get_matches_from(&arguments) {
        Ok(mut matches) => Parsed::Run(Arguments {
            config: matches.remove_one("config"),
            print_config: matches.get_flag("print-config"),
            health_check: matches.get_flag(HEALTH_CHECK),
            flags: KEYS
                .iter()
                .filter_map(|key| Some((key, matches.remove_one(key.name)?)))
                .collect(),
        }),
        Err(error) if error.use_stderr() => {
            // clap's first paragraph says what is wrong, the hints follow; an argument with a
            // line feed in it is no reason for a second line.
            let text = error.to_string();
            let first = text
                .split("\n\n")
                .next()
                .unwrap_or_default()
                .replace('\n', " ");
            let remedy = remedy(&error, &arguments).unwrap_or_default();
            Parsed::Wrong {
                line: format!("{}; {remedy}see tallied-server --help", first.trim_end()),
                status: if health_check { 1 } else { 2 },
            }
        }
        Err(help) => Parsed::Help(help.to_string()),
    }
}

/// What was probably meant by an argument that is unknown.
fn remedy(error: &clap::Error, arguments: &[std::ffi::OsString]) -> Option<String> {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let mut switches = KEYS.iter().filter(|key| key.is_switch());
    if let Some(switch) = switches.find(|key| {
        let flag = format!("--{}", key.flag());
        let mut pairs = arguments.windows(2);
        pairs.any(|pair| *pair[0] == *flag && *pair[1] == **unknown)
    }) {
        let flag = switch.flag();
        return Some(format!("write --{flag}=true or --{flag}=false, "));
    }
    let command = command();
    let flags = command.get_arguments().filter_map(Arg::get_long);
    let name = unknown.strip_prefix("--")?;
    let near = nearest(name, flags.map(str::to_owned))?;
    Some(format!("did you mean --{near}? Or "))
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Parsed, command, parse};

    fn parsed(arguments: &[&str]) -> Parsed {
        parse(["tallied-server"].iter().chain(arguments).map(Into::into))
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_wrong_line_is_one_line_with_a_remedy() {
        for (arguments, names) in [
            (&["--lisen", "127.0.0.1:1"][..], "--lisen"),
            (&["--listen"], "--listen"),
            (
                &["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"],
                "--listen",
            ),
            (&["extra"], "extra"),
            (&["two\nlines"], "lines"),
        ] {
            let Parsed::Wrong { line, status } = parsed(arguments) else {
                panic!("{arguments:?} was accepted");
            };
            assert_eq!(status, 2, "{line}");
            assert!(line.contains(names) && line.contains("--help"), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn an_unknown_argument_gets_a_suggestion() {
        for (arguments, remedy) in [
            (&["--lisen", "127.0.0.1:1"][..], "did you mean --listen?"),
            (&["--lisen=127.0.0.1:1"], "did you mean --listen?"),
            (&["--confg", "x"], "did you mean --config?"),
            (
                &["--http-duration-bucket", "1"],
                "did you mean --http-duration-buckets?",
            ),
            (
                &["--faults", "maybe"],
                "write --faults=true or --faults=false",
            ),
        ] {
            let Parsed::Wrong { line, .. } = parsed(arguments) else {
                panic!("{arguments:?} was accepted");
            };
            assert!(line.contains(remedy), "{line}");
        }
        let Parsed::Wrong { line, .. } = parsed(&["--zzz"]) else {
            panic!("--zzz was accepted");
        };
        assert!(!line.contains("did you mean"), "{line}");
    }

    #[test]
    fn a_wrong_line_of_a_health_check_ends_with_1() {
        for arguments in [
            &["--health-check", "--lisen", "127.0.0.1:1"][..],
            &["--listen", "--health-check"],
            &["--health-check", "--print-config"],
            &["--health-check=5"],
            &["--health-checks"],
        ] {
            let Parsed::Wrong { line, status } = parsed(arguments) else {
                panic!("{arguments:?} was accepted");
            };
            assert_eq!(status, 1, "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn every_key_has_a_flag_and_stands_in_the_help() {
        let Parsed::Help(help) = parsed(&["--help"]) else {
            panic!("no help");
        };
        assert!(help.contains("Examples"), "{help}");
        for key in KEYS {
            let flag = format!("--{}", key.flag());
            assert!(help.contains(&flag), "no {flag} in\n{help}");
            assert!(help.contains(&key.variable()), "{help}");
            // A negative number reaches the key, which knows what is wrong with it.
            for value in ["", "-1", "a b"] {
                let joined = format!("{flag}={value}");
                let arguments = match key.is_switch() {
                    true => &[&*joined][..],
                    false => &[&flag, value],
                };
                let Parsed::Run(run) = parsed(arguments) else {
                    panic!("{flag} {value:?} was not taken");
                };
                assert_eq!(run.flags.len(), 1);
                assert_eq!((run.flags[0].0.name, &*run.flags[0].1), (key.name, value));
            }
        }
    }

    #[test]
    fn a_switch_alone_is_on() {
        for (arguments, value) in [(&["--faults"][..], "true"), (&["--faults=false"], "false")] {
            let Parsed::Run(run) = parsed(arguments) else {
                panic!("{arguments:?} was not taken");
            };
            assert_eq!((run.flags[0].0.name, &*run.flags[0].1), ("faults", value));
        }
        assert!(matches!(
            parsed(&["--faults", "true"]),
            Parsed::Wrong { .. }
        ));
    }
}
