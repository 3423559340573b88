//! An HTTP/2 connection, by prior knowledge, for a test that waits for each step.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use tokio::runtime::Runtime;

use crate::{Answer, DEADLINE};

/// A client may take many small frames for an attack, but these are asked for.
const NO_LIMIT: usize = usize::MAX;

/// A connection; dropping it closes the socket.
pub struct Connection {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sender = wait(&runtime, async {
            let socket = tokio::net::TcpStream::connect(address).await.unwrap();
            let connecting = h2::client::Builder::new()
                .data_frame_budget(NO_LIMIT)
                .handshake(socket);
            let (sender, connection) = connecting.await.unwrap();
            tokio::spawn(async { drop(connection.await) });
            sender
        });
        Self { runtime, sender }
    }

    /// Begins a request: its head, with header lines as HTTP/1 has them.
    pub fn begin(&mut self, method: &str, path: &str, headers: &str, body_follows: bool) -> Stream {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://test{path}"));
        for line in headers.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let ready = wait(&self.runtime, self.sender.clone().ready());
        self.sender = ready.unwrap();
        let (answer, upload) = self.sender.send_request(request, !body_follows).unwrap();
        Stream {
            upload,
            answer: Some(answer),
            download: None,
        }
    }

    /// The status of the answer; an error where the stream was reset instead.
    pub fn head(&self, stream: &mut Stream) -> Result<(u16, String), h2::Error> {
        let answer = wait(&self.runtime, stream.answer.take().unwrap())?;
        let (head, body) = answer.into_parts();
        stream.download = Some(body);
        let lines = head.headers.iter();
        let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
        Ok((head.status.as_u16(), lines.collect()))
    }

    /// The next bytes of the answer's body; `None` at its end.
    pub fn piece(&self, stream: &mut Stream) -> Result<Option<Bytes>, h2::Error> {
        let download = stream.download.as_mut().unwrap();
        let Some(piece) = wait(&self.runtime, download.data()) else {
            return Ok(None);
        };
        let piece = piece?;
        download
            .flow_control()
            .release_capacity(piece.len())
            .unwrap();
        Ok(Some(piece))
    }

    /// An answer to its end.
    pub fn answer(&self, stream: &mut Stream) -> Answer {
        let (status, head) = self.head(stream).unwrap();
        let mut body = Vec::new();
        while let Some(piece) = self.piece(stream).unwrap() {
            body.extend(piece);
        }
        Answer { status, head, body }
    }
}

/// A request on a connection; dropping it resets the stream.
pub struct Stream {
    upload: SendStream<Bytes>,
    answer: Option<ResponseFuture>,
    download: Option<RecvStream>,
}

impl Stream {
    /// Sends bytes of the body, unless the server has answered already and wants none.
    pub fn send(&mut self, bytes: &'static str, last: bool) {
        let _ = self.upload.send_data(bytes.into(), last);
    }

    pub fn reset(mut self) {
        self.upload.send_reset(Reason::CANCEL);
    }
}

fn wait<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    let limited = async { tokio::time::timeout(DEADLINE, future).await };
    runtime.block_on(limited).unwrap()
}
