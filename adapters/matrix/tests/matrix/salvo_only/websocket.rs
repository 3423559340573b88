//! A WebSocket is recorded as its handshake.

use salvo::prelude::*;
use salvo::websocket::WebSocket;
use tallied_matrix::{Protocol, Record, Served, ends, get};

use crate::answers::Sent::Whatever;
use crate::answers::answered;
use crate::salvo::serve_service;
use crate::subject::Subject;

over! { salvo [http1] is_its_handshake }

over! { salvo [http1, http2] without_upgrade }

fn served(on: Subject) -> Served {
    serve_service(on, Service::new(Router::with_path("echo").get(echoes)))
}

fn without_upgrade(on: Subject, protocol: Protocol) {
    answered(served(on), protocol, get("/echo"), ("/echo", 400, Whatever));
}

#[handler]
async fn echoes(req: &mut Request, res: &mut Response) -> Result<(), StatusError> {
    let upgrade = WebSocketUpgrade::new();
    let echo = async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    };
    upgrade.upgrade(req, res, echo).await
}

fn is_its_handshake(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    client.send(
        "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    assert_eq!(client.head().status, 101);
    let records = [Record::get("/echo", 101, 0)];
    server.holds(&records);
    // "hi" as text, masked with zeros; it comes back unmasked.
    client.send(b"\x81\x82\0\0\0\0hi");
    assert_eq!(client.take(4), b"\x81\x02hi");
    // Whatever goes through the tunnel, and its end, is no part of the request.
    client.send(b"\x88\x80\0\0\0\0");
    assert!(ends(&client.stream));
    server.holds(&records);
    server.ends_with(&records);
}
