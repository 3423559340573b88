//! The webhook that Alertmanager tells of alerts: where a pager would be.
//!
//! Alertmanager is the only client: it sends a body with its length, and needs no more than `200`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Channel, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::prometheus::api::Labels;

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_HEADERS: usize = 32;
const MOST_BYTES: usize = 1 << 20;

/// One alert in a notification, or why there is none.
pub(super) type Arrived = Result<Notice, String>;

/// What a notification says of an alert.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) at: Instant,
    /// Of the receiver in alertmanager.yml, by the path of its URL.
    pub(super) receiver: String,
    /// `firing` or `resolved`.
    pub(super) status: String,
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
}

/// Alertmanager's webhook format, version 4, as far as it matters.
#[derive(Deserialize)]
struct Notification {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    status: String,
    labels: Labels,
    annotations: Labels,
}

/// Listens on a free port of loopback until the chore ends. Returns the address, and what arrives.
pub(super) fn listen() -> Result<(String, Channel<Arrived>)> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port on loopback")?;
    let address = listener.local_addr()?.to_string();
    let (sender, channel) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                if let Err(error) = take(stream, &sender) {
                    // Nobody listens at the end of the drill.
                    let _ = sender.send(Err(format!("the webhook: {error:#}")));
                }
            });
        }
    });
    Ok((address, channel))
}

fn take(mut stream: TcpStream, sender: &Sender<Arrived>) -> Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let (path, body) = request(&mut stream)?;
    let at = Instant::now();
    let notification: Notification =
        serde_json::from_slice(&body).context("a notification is not as expected")?;
    let receiver = path.trim_start_matches('/');
    for alert in notification.alerts {
        let _ = sender.send(Ok(Notice {
            at,
            receiver: receiver.to_owned(),
            status: alert.status,
            labels: alert.labels,
            annotations: alert.annotations,
        }));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(())
}

/// The path and the body.
fn request(stream: &mut impl Read) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(&bytes).context("it sends no HTTP")?;
        if let httparse::Status::Complete(head) = parsed {
            let path = request.path.unwrap_or_default().to_owned();
            let length = length(request.headers)?;
            while bytes.len() < head + length {
                more(stream, &mut bytes)?;
            }
            bytes.drain(..head);
            return Ok((path, bytes));
        }
        more(stream, &mut bytes)?;
    }
}

fn length(headers: &[httparse::Header]) -> Result<usize> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let value = header
        .context("a notification has no content-length")?
        .value;
    let length = std::str::from_utf8(value)?.trim().parse()?;
    ensure!(length <= MOST_BYTES, "a notification has {length} bytes");
    Ok(length)
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<()> {
    let mut buffer = [0; 8192];
    match stream.read(&mut buffer).context("it stopped sending")? {
        0 => bail!("it closed the connection within a notification"),
        length => bytes.extend_from_slice(&buffer[..length]),
    }
    ensure!(bytes.len() <= 2 * MOST_BYTES, "a notification is too large");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_gives_each_of_its_alerts() {
        let (address, channel) = listen().unwrap();
        let body = r#"{"version":"4","status":"firing","alerts":[
            {"status":"firing","labels":{"alertname":"A"},"annotations":{"summary":"s"},"startsAt":"x"},
            {"status":"resolved","labels":{"alertname":"B"},"annotations":{}}]}"#;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // In two pieces.
        stream.write_all(&body.as_bytes()[..20]).unwrap();
        thread::sleep(Duration::from_millis(20));
        stream.write_all(&body.as_bytes()[20..]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let seen: Result<Vec<Notice>, String> = channel.try_iter().collect();
        let seen = seen.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].receiver, "page");
        assert_eq!(seen[0].annotations["summary"], "s");
        assert_eq!(seen[1].status, "resolved");
        assert_eq!(seen[1].labels["alertname"], "B");
    }

    #[test]
    fn what_is_no_notification_is_told() {
        let (address, channel) = listen().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"POST /page HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]")
            .unwrap();
        let told = channel.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(told.unwrap_err().contains("not as expected"));
    }

    #[test]
    fn what_breaks_off_is_an_error() {
        for text in [
            "POST / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
            "POST / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n",
        ] {
            assert!(request(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
