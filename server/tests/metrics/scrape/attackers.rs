//! Scrapers that ask and do not take what they get.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use salvo::http::StatusCode;
use salvo::hyper::Request;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::Client;

/// How many scrapes an attacker has at a time: as many as there are documents.
pub(crate) const SCRAPES: usize = 8;

/// What an attacker does with its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attack {
    /// HTTP/2, and no window is ever opened; every half a second it is another connection.
    NoWindow,
    /// HTTP/2, and each answer has 16 KiB taken of it every half a second.
    Sips,
    /// HTTP/1, and a byte of each answer is taken every 50 ms.
    Drips,
}

/// An attack that goes on until this is dropped.
pub(crate) struct Attacker {
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attacker {
    /// Attacks a path; what is appended to it for each scrape makes documents of them that nobody shares.
    /// Returns when all answers have begun.
    pub(crate) fn start(attack: Attack, address: SocketAddr, path: &'static str) -> Self {
        let (stop, stopped) = watch::channel(());
        let (begun, begins) = mpsc::channel();
        let thread = std::thread::spawn(move || match attack {
            Attack::Drips => drip(address, path, &begun, &stopped),
            Attack::NoWindow | Attack::Sips => {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().unwrap();
                let sips = matches!(attack, Attack::Sips);
                let mut stopped = stopped;
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped.changed() => {}
                        () = over_http2(sips, address, path, &begun) => {}
                    }
                });
            }
        });
        begins.recv_timeout(crate::support::DEADLINE).unwrap();
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.stop = None;
        let ended = self.thread.take().unwrap().join();
        assert!(
            ended.is_ok() || std::thread::panicking(),
            "the attacker failed"
        );
    }
}

fn paths(path: &'static str) -> impl Iterator<Item = String> {
    (0..SCRAPES).map(move |number| format!("{path}{number}"))
}

fn drip(
    address: SocketAddr,
    path: &'static str,
    begun: &mpsc::Sender<()>,
    stopped: &watch::Receiver<()>,
) {
    let scrape = |path: &str| loop {
        let mut client = Client::connect_with_buffer(address, 4_096);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        // On a slow machine it may be refused, or cut off before it has anything.
        let begun = client.try_head().is_some_and(|head| head.status == 200);
        if begun || stopped.has_changed().is_err() {
            break client;
        }
    };
    let paths: Vec<_> = paths(path).collect();
    let mut clients: Vec<_> = paths.iter().map(|path| scrape(path)).collect();
    begun.send(()).unwrap();
    while stopped.has_changed().is_ok() {
        for (client, path) in clients.iter_mut().zip(&paths) {
            // Cut off? Then it comes back.
            if !matches!(client.stream.read(&mut [0]), Ok(1)) {
                *client = scrape(path);
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

async fn over_http2(sips: bool, address: SocketAddr, path: &'static str, begun: &mpsc::Sender<()>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let mut streams = Vec::new();
    loop {
        tick.tick().await;
        if sips {
            for stream in &mut streams {
                if !sip(stream).await {
                    streams = Vec::new();
                    break;
                }
            }
        }
        if !sips || streams.is_empty() {
            let window = if sips { SIP } else { 0 };
            let mut client = connect(address, window).await;
            // What was there before ends with its connection.
            streams.clear();
            let asked: Vec<_> = paths(path)
                .map(|path| ask(&mut client, address, &path))
                .collect();
            for answer in asked {
                // Where it is refused, or cut off already, there is room for others.
                if let Ok(answer) = answer.await
                    && answer.status() == StatusCode::OK
                {
                    streams.push(answer.into_body());
                }
            }
            let _ = begun.send(());
        }
    }
}

const SIP: u32 = 16_384;

/// A connection whose streams have this window; it goes on until all of its streams are gone.
pub(crate) async fn connect(address: SocketAddr, window: u32) -> SendRequest<bytes::Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Takes a part of an answer, and so opens its window again; whether there was one.
async fn sip(stream: &mut RecvStream) -> bool {
    let mut left = SIP as usize;
    while left > 0 {
        let Some(Ok(data)) = stream.data().await else {
            return false;
        };
        left = left.saturating_sub(data.len());
        if stream.flow_control().release_capacity(data.len()).is_err() {
            return false;
        }
    }
    true
}

/// Begins a request.
pub(crate) fn ask(
    client: &mut SendRequest<bytes::Bytes>,
    address: SocketAddr,
    path: &str,
) -> ResponseFuture {
    let request = Request::get(format!("http://{address}{path}"));
    let request = request.body(()).unwrap();
    client.send_request(request, true).unwrap().0
}
