//! What the clients of the drill do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::load::Load;
use crate::http::Client;
use crate::server_process::ServerProcess;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Of an upload: the most that the server takes by default.
const UPLOAD_BYTES: usize = 1 << 20;

/// 50 requests a second.
pub(super) fn visitors(server: &ServerProcess) -> Load {
    let url = format!("{}/data?limit=10", server.url());
    expecting(2, Duration::from_millis(38), url, 200)
}

pub(super) fn scanner(server: &ServerProcess) -> Load {
    let url = server.url().to_owned();
    Load::start(2, Duration::from_millis(18), move || {
        let (client, url) = (Client::new(), url.clone());
        let mut count = 0;
        move || {
            count += 1;
            let answer = client.get(&format!("{url}/wp-admin/{count}.php"))?;
            ensure!(answer.status == 404, "a scanner got {}", answer.status);
            Ok(())
        }
    })
}

/// Clients that ask for one thing, and get this status.
pub(super) fn expecting(threads: usize, pause: Duration, url: String, status: u16) -> Load {
    Load::start(threads, pause, move || {
        let (client, url) = (Client::new(), url.clone());
        move || {
            let answer = client.get(&url)?;
            ensure!(answer.status == status, "GET {url}: {}", answer.status);
            Ok(())
        }
    })
}

/// They leave before they have their answer.
pub(super) fn impatient(address: &str) -> Load {
    Load::start(4, Duration::from_millis(50), || {
        let address = address.to_owned();
        move || {
            let _stream = asked(&address, "/fault?delay_seconds=30")?;
            thread::sleep(Duration::from_millis(50));
            Ok(())
        }
    })
}

/// They get an answer that breaks off.
pub(super) fn broken_off(address: &str) -> Load {
    Load::start(1, Duration::from_millis(500), || {
        let address = address.to_owned();
        move || {
            let mut stream = asked(&address, "/fault?chunks=4&pace_seconds=0.05&fail_at=2")?;
            // Whatever comes until it breaks off.
            let _ = stream.read_to_end(&mut Vec::new());
            Ok(())
        }
    })
}

/// They connect, and are sent away.
pub(super) fn knocking(address: &str) -> Load {
    Load::start(1, Duration::from_millis(200), || {
        let address = address.to_owned();
        move || {
            // Closed at once.
            let _ = connection(&address)?.read(&mut [0; 1]);
            Ok(())
        }
    })
}

/// They ask for `/metrics` as fast as it is answered.
pub(super) fn greedy(address: &str) -> Load {
    Load::start(2, Duration::ZERO, || {
        let address = address.to_owned();
        let mut greedy = None;
        move || match &mut greedy {
            None => {
                greedy = Some(Greedy::connect(&address)?);
                Ok(())
            }
            Some(greedy) => greedy.ask(),
        }
    })
}

/// What it gets is read and dropped, so that it costs the server more than
/// us.
struct Greedy(TcpStream);

impl Greedy {
    fn connect(address: &str) -> Result<Self> {
        let stream = connection(address)?;
        let mut answers = stream.try_clone()?;
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 18];
            while answers.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
        Ok(Self(stream))
    }

    /// Before the last ones are answered.
    fn ask(&mut self) -> Result<()> {
        let request = "GET /metrics HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n";
        let requests = self.0.write_all(request.repeat(10).as_bytes());
        requests.context("cannot ask for /metrics")
    }
}

impl Drop for Greedy {
    fn drop(&mut self) {
        // For the thread that reads.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn connection(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).context("cannot connect to the server")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// A request whose answer is not waited for.
pub(super) fn asked(address: &str, path: &str) -> Result<TcpStream> {
    let mut stream = connection(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").context("cannot send a request")?;
    Ok(stream)
}

/// An upload of all but its last byte.
pub(super) fn stopped_upload(address: &str) -> Result<TcpStream> {
    let mut stream = connection(address)?;
    write!(
        stream,
        "POST /data HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {UPLOAD_BYTES}\r\n\r\n"
    )?;
    stream
        .write_all(&vec![b' '; UPLOAD_BYTES - 1])
        .context("cannot send an upload")?;
    Ok(stream)
}
