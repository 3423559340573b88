//! The command line of `tallied-server`.

use std::net::SocketAddr;

use clap::Parser;

/// HTTP and process metrics for Prometheus.
///
/// Serves GET /, /health, /metrics and /data, and POST /data. Stop it with Ctrl-C or SIGTERM:
/// it finishes the requests in progress, for at most 10 seconds, and exits with 0.
#[derive(Debug, Parser)]
#[command(
    name = "tallied-server",
    version,
    after_help = "Examples:
  tallied-server                            listen on 127.0.0.1:8000
  tallied-server --listen 0.0.0.0:9000      listen on every interface, port 9000
  tallied-server --listen [::1]:8000        listen on IPv6
  tallied-server --listen 127.0.0.1:0       take a free port, and print it

Exit status: 0 after a stop that was asked for, 1 when serving fails, 2 for a wrong
command line or an address that cannot be listened on."
)]
pub struct Cli {
    /// IP address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8000",
        value_parser = address
    )]
    pub listen: SocketAddr,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let wanted = "give an IP address and a port, for example 127.0.0.1:8000 or [::1]:8000";
    text.parse().map_err(|_| wanted)
}

/// The result of parsing a command line.
#[derive(Debug)]
pub enum Parsed {
    /// Run with this.
    Run(Cli),
    /// Print this and exit with 0.
    Help(String),
    /// Print this line to standard error and exit with 2.
    Wrong(String),
}

/// Parses a command line, the program's name first.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Parsed {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Parsed::Run(cli),
        Err(error) if error.use_stderr() => {
            // clap's first paragraph says what is wrong, the hints follow; an argument with a
            // line feed in it is no reason for a second line.
            let text = error.to_string();
            let first = text
                .split("\n\n")
                .next()
                .unwrap_or_default()
                .replace('\n', " ");
            Parsed::Wrong(format!("{}; see tallied-server --help", first.trim_end()))
        }
        Err(help) => Parsed::Help(help.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, Parsed, parse};

    fn parsed(arguments: &[&str]) -> Parsed {
        parse(["tallied-server"].iter().chain(arguments).map(Into::into))
    }

    #[test]
    fn the_command_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_line_is_one_line_with_a_remedy() {
        for (arguments, names) in [
            (&["--lisen", "127.0.0.1:1"][..], "--lisen"),
            (&["--listen", "localhost"], "localhost"),
            (&["--listen"], "--listen"),
            (&["extra"], "extra"),
            (&["two\nlines"], "lines"),
        ] {
            let Parsed::Wrong(line) = parsed(arguments) else {
                panic!("{arguments:?} was accepted");
            };
            assert!(line.contains(names) && line.contains("--help"), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
        assert!(matches!(parsed(&["--help"]), Parsed::Help(text) if text.contains("Examples")));
    }
}
