//! A way to a server that can become slow: a TCP relay on loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How soon a new connection is seen, and that the relay ends.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Relay {
    address: String,
    state: Arc<State>,
}

struct State {
    /// Where everything goes.
    target: String,
    /// What each piece that a client sends waits for.
    delay_millis: AtomicU64,
    ended: AtomicBool,
}

impl Relay {
    pub(super) fn to(target: &str) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").context("there is no free port on loopback")?;
        let address = listener.local_addr()?.to_string();
        listener.set_nonblocking(true)?;
        let state = Arc::new(State {
            target: target.to_owned(),
            delay_millis: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while !shared.ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => relay(client, &shared),
                    // Nobody comes; or no file descriptor is left, and one may be soon.
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        });
        Ok(Self { address, state })
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// From now on a request arrives so much later.
    pub(super) fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay_millis.store(millis, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

/// A client whose server is not there finds its connection closed.
fn relay(client: TcpStream, state: &Arc<State>) {
    let Ok(server) = TcpStream::connect(&state.target) else {
        return;
    };
    let there = client.try_clone().and_then(|client| {
        client.set_nonblocking(false)?;
        Ok((client, server.try_clone()?))
    });
    let Ok((from_client, to_server)) = there else {
        return;
    };
    let delaying = Arc::clone(state);
    thread::spawn(move || {
        copy(from_client, to_server, || {
            let millis = delaying.delay_millis.load(Ordering::Relaxed);
            thread::sleep(Duration::from_millis(millis));
        });
    });
    thread::spawn(move || copy(server, client, || {}));
}

/// Until one side ends, which ends the other.
fn copy(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            break;
        }
        before();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use super::*;

    /// What does not come is an error, and no test that hangs.
    fn connected(relay: &Relay) -> TcpStream {
        let client = TcpStream::connect(relay.address()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        client
    }

    #[test]
    fn passes_on_both_ways_and_waits_when_told() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::to(&server.local_addr().unwrap().to_string()).unwrap();
        let mut client = connected(&relay);
        let (mut there, _) = server.accept().unwrap();
        let mut buffer = [0; 4];
        client.write_all(b"ping").unwrap();
        there.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"ping");
        there.write_all(b"pong").unwrap();
        client.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"pong");

        let delay = Duration::from_millis(50);
        relay.delay(delay);
        let start = Instant::now();
        client.write_all(b"ping").unwrap();
        there.read_exact(&mut buffer).unwrap();
        assert!(start.elapsed() >= delay);
        drop(there);
        assert_eq!(client.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_server_that_is_not_there_closes_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let relay = Relay::to(&address).unwrap();
        let mut client = connected(&relay);
        // Or the reset of one that had sent something.
        match client.read(&mut [0; 4]) {
            Ok(length) => assert_eq!(length, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}
