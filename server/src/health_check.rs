//! `tallied-server --health-check`: asks the server that listens where a configuration says whether it is ready.
//!
//! It is for containers without a shell or a client. It is a request as any other: the server counts it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::config::Config;

/// For everything: to connect, to ask and to hear the status.
const LIMIT: Duration = Duration::from_secs(2);

/// The longest status line that is read, in bytes.
const LONGEST: usize = 1_024;

const REQUEST: &[u8] =
    b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Whether the server of this configuration is ready.
///
/// # Errors
/// A line that says why it is not, and what to do.
pub fn health_check(config: &Config) -> Result<(), String> {
    let (listen, origin) = (config.listen, config.origin("listen"));
    let Some(address) = target(listen) else {
        return Err(format!(
            "listen = \"{listen}\" ({origin}): with port 0 the server took a free port, which cannot be known here; give the one that it printed, for example with --listen 127.0.0.1:8000"
        ));
    };
    let server = format!("{address} (listen, {origin})");
    let elsewhere =
        "give the address that the server listens on, for example with --listen HOST:PORT";
    Err(match ask(address) {
        Ok(200) => return Ok(()),
        Ok(503) => format!(
            "{server} answers 503, it is not ready: it drains; wait for its end, then start it again"
        ),
        Ok(status) => {
            format!("{server} answers /health/ready with {status} and not with 200; {elsewhere}")
        }
        Err(error) => match error.kind() {
            // What a read that takes too long ends with depends on the system.
            ErrorKind::TimedOut | ErrorKind::WouldBlock => format!(
                "{server} gives no answer within {} seconds; see the server's log, or {elsewhere}",
                LIMIT.as_secs()
            ),
            ErrorKind::InvalidData => {
                format!("{server} does not answer as HTTP/1 does; {elsewhere}")
            }
            ErrorKind::UnexpectedEof => format!(
                "{server} closes the connection without an answer; see the server's log, or {elsewhere}"
            ),
            _ => format!("cannot ask {server}: {error}; start the server, or {elsewhere}"),
        },
    })
}

/// Where a server that listens here is reached from this machine, if the port says so.
fn target(listen: SocketAddr) -> Option<SocketAddr> {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(match listen {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    (listen.port() != 0).then_some(address)
}

/// The status that is answered.
fn ask(address: SocketAddr) -> io::Result<u16> {
    let deadline = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(REQUEST)?;
    let mut answer = [0; LONGEST];
    let mut length = 0;
    loop {
        // What is left of the time, not the same again for each part of the line.
        stream.set_read_timeout(Some(left(deadline)?))?;
        let read = match stream.read(&mut answer[length..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        length += read;
        if let Some(end) = answer[..length].iter().position(|byte| *byte == b'\n') {
            return status(&answer[..end]).ok_or_else(|| ErrorKind::InvalidData.into());
        }
        if length == LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What is left until then, which is never nothing.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// The status in the first line of an answer, given without its line feed, if that is one of HTTP/1.
fn status(line: &[u8]) -> Option<u16> {
    let [b'0'..=b'9', b' ', rest @ ..] = line.strip_prefix(b"HTTP/1.")? else {
        return None;
    };
    let mut words = rest.split(|byte| matches!(byte, b' ' | b'\r'));
    let code = words.next()?;
    let [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] = code else {
        return None;
    };
    std::str::from_utf8(code).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{status, target};

    #[test]
    fn an_unspecified_address_is_asked_on_loopback() {
        for (listen, asked) in [
            ("127.0.0.1:8000", Some("127.0.0.1:8000")),
            ("192.0.2.7:80", Some("192.0.2.7:80")),
            ("0.0.0.0:9000", Some("127.0.0.1:9000")),
            ("[::]:9000", Some("[::1]:9000")),
            ("[fe80::1%3]:9000", Some("[fe80::1%3]:9000")),
            ("127.0.0.1:0", None),
            ("0.0.0.0:0", None),
            ("[::]:0", None),
        ] {
            let asked = asked.map(|address| address.parse().unwrap());
            assert_eq!(target(listen.parse().unwrap()), asked, "{listen}");
        }
    }

    #[test]
    fn a_status_is_that_of_http_1() {
        for (line, is) in [
            (&b"HTTP/1.1 200 OK\r"[..], Some(200)),
            (b"HTTP/1.0 200 OK\r", Some(200)),
            (b"HTTP/1.1 200\r", Some(200)),
            (b"HTTP/1.1 200", Some(200)),
            (b"HTTP/1.1 200 \xe4\r", Some(200)),
            (b"HTTP/1.1 503 Service Unavailable\r", Some(503)),
            (b"HTTP/1.1 2000 OK\r", None),
            (b"HTTP/1.1 20 OK\r", None),
            (b"HTTP/1.1 020 OK\r", None),
            (b"HTTP/1.1 +20 OK\r", None),
            (b"HTTP/1.1  200 OK\r", None),
            (b"HTTP/1.1200 OK\r", None),
            (b"HTTP/2 200\r", None),
            (b"http/1.1 200 OK\r", None),
            (b"SSH-2.0-OpenSSH_9.2\r", None),
            (b"\r", None),
            (b"", None),
        ] {
            assert_eq!(status(line), is, "{}", line.escape_ascii());
        }
    }
}
