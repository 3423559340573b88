//! Bytes that are no HTTP, on a connection of their own: the server answers 400 or nothing, and closes it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{End, NotSent, Outcome};

const REFUSED: u16 = 400;

pub(crate) async fn raw(address: SocketAddr, bytes: Bytes, limit: Duration) -> Outcome {
    let sent = Instant::now();
    let end = match timeout(limit, answer(address, &bytes)).await {
        Ok(Ok(answer)) if answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 ") => {
            End::Answered(REFUSED)
        }
        Ok(_) => End::Broken { status: None },
        Err(_) => End::TimedOut { status: None },
    };
    Outcome {
        sent: Some(sent),
        end,
        request_bytes: bytes.len() as u64,
        ..Outcome::not_sent(NotSent::Refused)
    }
}

/// All of it, until the server closes.
async fn answer(address: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer).await {
        // It closed with something of ours unread.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
        _ => Ok(answer),
    }
}
