//! Clients that speak HTTP/2, frame by frame.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use salvo::{Response, handler};
use tallied_server::limits::ConnectionLimits;

use super::{REFUSED, cut_off, serve};
use crate::support::{Server, ends, sample};

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The frames that come until the connection ends, or `enough` says so: kind and payload.
pub(crate) fn frames(stream: &mut TcpStream, enough: impl Fn(u8) -> bool) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).is_err() {
            break;
        }
        frames.push((head[3], payload));
        if enough(head[3]) {
            break;
        }
    }
    frames
}

/// Takes so many bytes of answers: DATA frames.
fn take_data(stream: &mut TcpStream, count: usize) {
    let mut head = [0; 9];
    let mut taken = 0;
    while taken < count {
        let read = stream.read_exact(&mut head);
        assert!(read.is_ok(), "{read:?} after {taken} bytes of {count}");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == DATA {
            taken += payload.len();
        }
    }
    assert_eq!(taken, count);
}

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// How far a window is open at first.
const WINDOW: usize = 65_535;

/// `GET /`, in the static table of HPACK; the last of its stream.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, 0x5, stream, &[0x82, 0x86, 0x84, 0x41, 0x01, b'x'])
}

/// `GET` of a path of less than 127 bytes.
fn get_path(stream: u32, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    let mut fields = vec![0x82, 0x86, 0x41, 0x01, b'x', 0x04, length];
    fields.extend(path.as_bytes());
    frame(HEADERS, 0x5, stream, &fields)
}

/// Opens the window of a stream, or that of the connection, which is 0.
fn open_window(client: &mut TcpStream, stream: u32, by: usize) {
    let by = u32::try_from(by).unwrap().to_be_bytes();
    let update = frame(WINDOW_UPDATE, 0, stream, &by);
    client.write_all(&update).unwrap();
}

fn http2(server: &Server) -> TcpStream {
    http2_with(server, &[])
}

fn http2_with(server: &Server, settings: &[u8]) -> TcpStream {
    let mut client = server.connect();
    client.send(PREFACE);
    client.send(frame(SETTINGS, 0, 0, settings));
    client.stream
}

#[test]
fn http2_has_the_configured_number_of_streams_and_ends_floods_of_resets() {
    let server = Server::with(&["--connections-http2-streams=7"]);
    let mut client = http2(&server);
    let settings = frames(&mut client, |kind| kind == SETTINGS)
        .pop()
        .unwrap()
        .1;
    // SETTINGS_MAX_CONCURRENT_STREAMS is 3.
    let concurrent = settings.chunks(6).find(|setting| setting[..2] == [0, 3]);
    assert_eq!(concurrent.unwrap()[2..], [0, 0, 0, 7]);
    // SETTINGS_INITIAL_WINDOW_SIZE, which is 4, bounds what is sent ahead of a handler: 256 KiB.
    let window = settings.chunks(6).find(|setting| setting[..2] == [0, 4]);
    assert_eq!(window.unwrap()[2..], [0, 4, 0, 0]);
    // All streams together may send as much: the window of the connection is opened so far, and not by each stream.
    let opened = frames(&mut client, |kind| kind == WINDOW_UPDATE).pop();
    let opened = u32::from_be_bytes(opened.unwrap().1.try_into().unwrap());
    assert_eq!(WINDOW + opened as usize, 262_144);
    let flood: Vec<u8> = (0..1_000)
        .flat_map(|i| {
            [
                get(2 * i + 1),
                frame(RST_STREAM, 0, 2 * i + 1, &[0, 0, 0, 8]),
            ]
        })
        .flatten()
        .collect();
    // The server may have closed before it has all.
    let _ = client.write_all(&flood);
    let goaway = frames(&mut client, |kind| kind == GOAWAY).pop().unwrap();
    assert_eq!(goaway.0, GOAWAY);
    // ENHANCE_YOUR_CALM
    assert_eq!(goaway.1[4..8], [0, 0, 0, 0xb]);
    assert_eq!(server.connect().get("/health").status, 200);
}

#[test]
fn an_idle_http2_connection_gets_a_goaway() {
    let server = Server::with(&[
        "--connections-idle-seconds=1",
        "--connections-header-seconds=2",
    ]);
    let mut client = http2(&server);
    client.write_all(&get(1)).unwrap();
    let frames = frames(&mut client, |kind| kind == GOAWAY);
    assert!(frames.iter().any(|(kind, _)| *kind == HEADERS), "an answer");
    let goaway = frames.last().unwrap();
    // NO_ERROR
    assert_eq!((goaway.0, &goaway.1[4..8]), (GOAWAY, &[0; 4][..]));
    // This client does not go by itself.
    assert!(ends(&client));
    assert_eq!(server.sample(&cut_off("idle_timeout")), Some(1.0));
    // One that never asks for anything has the time of a head.
    assert!(ends(&http2(&server)));
    assert_eq!(server.sample(&cut_off("header_timeout")), Some(1.0));
}

#[handler]
async fn four_windows(res: &mut Response) {
    res.body("x".repeat(4 * WINDOW));
}

#[test]
fn an_http2_answer_that_waits_for_its_window_is_in_progress_to_its_last_byte() {
    let limits = ConnectionLimits {
        connections: 1,
        idle: Duration::from_secs(1),
        ..ConnectionLimits::default()
    };
    let (server, registry) = serve(four_windows, limits);
    let mut client = server.connect();
    client.send(PREFACE);
    client.send(frame(SETTINGS, 0, 0, &[]));
    client.send(get(1));
    let mut client = client.stream;
    take_data(&mut client, WINDOW);
    open_window(&mut client, 0, 3 * WINDOW);
    for (refused, part) in [(1.0, 3 * WINDOW - 1), (2.0, 1)] {
        // Neither idle nor in the way of another one.
        std::thread::sleep(Duration::from_secs(2));
        assert!(ends(&server.connect().stream));
        let figures = registry.text();
        assert_eq!(sample(&figures, REFUSED), Some(refused), "{figures}");
        open_window(&mut client, 1, part);
        take_data(&mut client, part);
    }
    assert_eq!(sample(&registry.text(), &cut_off("evicted")), Some(0.0));
    // Then it is idle.
    let end = frames(&mut client, |kind| kind == GOAWAY).pop();
    assert_eq!(end.map(|(kind, _)| kind), Some(GOAWAY));
    assert_eq!(
        sample(&registry.text(), &cut_off("idle_timeout")),
        Some(1.0)
    );
}

/// An answer that is whole in the server's memory, and larger than a window.
const LARGE: &str = "/docs/swagger-ui-bundle.js";

#[test]
fn an_http2_client_that_opens_no_window_is_cut_off() {
    let server = Server::with(&[
        "--connections-write-stall-seconds=1",
        // No other limit has the server look in time.
        "--connections-header-seconds=600",
        "--connections-idle-seconds=600",
        "--faults",
    ]);
    // What has nothing to give yet does not wait for its client.
    let mut paced = http2(&server);
    let path = "/fault?chunks=2&pace_seconds=4";
    paced.write_all(&get_path(1, path)).unwrap();
    take_data(&mut paced, 1_024);
    // SETTINGS_INITIAL_WINDOW_SIZE, which is 4, is 0.
    let closed = [0, 4, 0, 0, 0, 0];
    let stalled = ["/fault?chunks=10", LARGE].map(|path| {
        let mut client = http2_with(&server, &closed);
        client.write_all(&get_path(1, path)).unwrap();
        client
    });
    server.wait_for(&cut_off("write_stall"), 2.0);
    assert!(stalled.iter().all(ends));
    take_data(&mut paced, 1_024);
    let fault = r#"method="GET",endpoint="/fault""#;
    let ended = |status| format!("http_requests_total{{{fault},status_code=\"{status}\"}}");
    server.wait_for(&ended(499), 1.0);
    server.wait_for(&ended(200), 1.0);
    server.wait_for(
        &format!("http_requests_aborted_total{{{fault},reason=\"client_disconnect\"}}"),
        1.0,
    );
    assert_eq!(server.sample(&cut_off("write_stall")), Some(2.0));
}

#[test]
fn an_http2_answer_that_is_taken_slowly_is_not_cut_off() {
    let server = Server::with(&["--connections-write-stall-seconds=5", "--faults"]);
    let whole = server.connect().get(LARGE).body.len();
    let chunk = 1 << 20;
    let streamed = format!("/fault?chunks=1&chunk_bytes={chunk}");
    let answers = [(LARGE, whole), (&streamed, chunk)].map(|(path, length)| {
        let mut client = http2(&server);
        client.write_all(&get_path(1, path)).unwrap();
        take_data(&mut client, WINDOW);
        (client, length - WINDOW)
    });
    std::thread::scope(|scope| {
        for (mut client, mut left) in answers {
            scope.spawn(move || {
                // In seven seconds.
                let step = left.div_ceil(70);
                while left > 0 {
                    std::thread::sleep(Duration::from_millis(100));
                    let part = step.min(left);
                    for stream in [0, 1] {
                        open_window(&mut client, stream, part);
                    }
                    take_data(&mut client, part);
                    left -= part;
                }
            });
        }
    });
    assert_eq!(server.sample(&cut_off("write_stall")), Some(0.0));
}

/// `POST /data` with a body of JSON that goes on.
fn post_data(stream: u32) -> Vec<u8> {
    let mut fields = vec![0x83, 0x86, 0x41, 0x01, b'x', 0x04, 5];
    fields.extend(b"/data");
    frame(HEADERS, 0x4, stream, &fields)
}

#[test]
fn the_uploads_of_one_http2_connection_share_the_budget() {
    let server = Server::with(&["--limits-bodies-bytes=1048576"]);
    let mut client = http2(&server);
    frames(&mut client, |kind| kind == SETTINGS);
    // The windows of the streams are the server's from here on.
    client.write_all(&frame(SETTINGS, 1, 0, &[])).unwrap();
    // The windows of 30 streams, as fast as that of the connection is opened again: 7 MiB.
    let mut reader = client.try_clone().unwrap();
    let (opened, windows) = std::sync::mpsc::channel();
    let updates = std::thread::spawn(move || {
        let mut head = [0; 9];
        while reader.read_exact(&mut head).is_ok() {
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if reader.read_exact(&mut payload).is_err() {
                break;
            }
            if head[3] == WINDOW_UPDATE && head[5..] == [0; 4] {
                let by = u32::from_be_bytes(payload.try_into().unwrap());
                let _ = opened.send(by as usize);
            }
        }
    });
    let mut window = WINDOW;
    for stream in (1..60).step_by(2) {
        client.write_all(&post_data(stream)).unwrap();
        for _ in 0..15 {
            while window < 16_384 {
                window += windows.recv_timeout(crate::support::DEADLINE).unwrap();
            }
            window -= 16_384;
            client
                .write_all(&frame(DATA, 0, stream, &[b' '; 16_384]))
                .unwrap();
        }
    }
    let scrape = server.scrape();
    let taken = sample(&scrape, "tallied_request_body_bytes").unwrap();
    assert!(taken > 0.0 && taken <= 1_048_576.0, "{scrape}");
    let refused = sample(&scrape, "tallied_request_bodies_refused_total").unwrap();
    assert!(refused >= 20.0, "{scrape}");
    client.shutdown(std::net::Shutdown::Both).unwrap();
    updates.join().unwrap();
    server.wait_for("tallied_request_body_bytes", 0.0);
}
