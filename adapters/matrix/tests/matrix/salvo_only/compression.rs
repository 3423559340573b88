//! Compressed answers: inside of the hoop what is counted is what is sent; outside of it, what the
//! handler wrote, because the hoop never sees the rest.

use salvo::prelude::*;
use salvo_compression::{Compression, CompressionLevel};
use tallied_matrix::{Conversation, Protocol, Record, Served};
use tallied_salvo::Instrument;

use crate::salvo::{serve_service, start};
use crate::subject::Subject;

over! { salvo [http1, http2]
    a_whole_body_inside: |on, protocol| inside(on, protocol, Router::new().get(whole));
    a_stream_inside: |on, protocol| inside(on, protocol, Router::new().get(streamed));
}

over! { salvo_observed [http1, http2]
    a_whole_body_outside: |_, protocol| outside(protocol, Router::new().get(whole));
    a_stream_outside: |_, protocol| outside(protocol, Router::new().get(streamed));
}

const LINES: usize = 100;
const LINE: &str = "twenty bytes a line\n";

#[handler]
async fn whole(res: &mut Response) {
    res.render(Text::Plain(LINE.repeat(LINES)));
}

#[handler]
async fn streamed(res: &mut Response) {
    res.headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    res.stream(async_stream::stream! {
        for _ in 0..LINES {
            yield Ok::<_, std::io::Error>(LINE);
            tokio::task::yield_now().await;
        }
    });
}

fn gzip() -> Compression {
    Compression::new().enable_gzip(CompressionLevel::Default)
}

fn inside(on: Subject, protocol: Protocol, router: Router) {
    let server = serve_service(on, Service::new(router).hoop(gzip()));
    let sent = sent(protocol, &server);
    let record = [Record::get("/", 200, sent)];
    server.holds(&record);
    server.ends_with(&record);
}

fn outside(protocol: Protocol, router: Router) {
    let service = Service::new(router).hoop(gzip());
    let server = start(|metrics| service.hoop(metrics.hoop()));
    sent(protocol, &server);
    let written = LINES * LINE.len();
    let record = [Record::get("/", 200, written as u64)];
    server.holds(&record);
    server.ends_with(&record);
}

/// Asks for the compressed answer: its size.
fn sent(protocol: Protocol, server: &Served) -> u64 {
    let accept = "accept-encoding: gzip\r\n";
    let mut conversation = Conversation::get(protocol, server.address, "/", accept);
    assert_eq!(conversation.status(), Some(200));
    let mut received = Vec::new();
    loop {
        let piece = conversation.piece().unwrap();
        if piece.is_empty() {
            break;
        }
        received.extend(piece);
    }
    assert!(received.starts_with(b"\x1f\x8b"), "is not gzip");
    assert!(received.len() < LINES * LINE.len() / 2);
    received.len() as u64
}
