//! The services that `cargo xtask endtoend` puts under load: the same two routes on Salvo and on axum,
//! bare and with the metrics of each.
//!
//! One program, so that all of them are built alike: with the runtime's defaults, the system's
//! allocator, HTTP/1 alone, and TCP_NODELAY. `tallied-services CONTESTANT` takes a free port of
//! loopback, says which, and runs until it is ended.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever started it reads where it listens"
)]

mod on_axum;
mod on_salvo;

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;

use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};

/// What `GET /users/{id}` answers.
#[derive(Serialize)]
struct User {
    id: u64,
    name: &'static str,
}

/// What `POST /users` answers, once it has read the body.
#[derive(Serialize)]
struct Received {
    bytes: usize,
}

/// As many as the kernel queues while none is accepted.
const BACKLOG: i32 = 1_024;

/// Neither framework turns Nagle's algorithm off by itself; accepted connections inherit this.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn run(contestant: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = listen()?;
        println!("listening on http://{}", listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        match contestant {
            "salvo" => on_salvo::bare(listener).await,
            "salvo-tallied" => on_salvo::tallied(listener).await,
            "salvo-otel" => on_salvo::otel(listener).await,
            "axum" => on_axum::bare(listener).await,
            "axum-tallied" => on_axum::tallied(listener).await,
            "axum-prometheus" => on_axum::prometheus(listener).await,
            other => Err(format!(
                "there is no {other}: give one of salvo, salvo-tallied, salvo-otel, axum, axum-tallied, axum-prometheus"
            )
            .into()),
        }
    })
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(contestant), None) = (arguments.next(), arguments.next()) else {
        eprintln!("error: one argument is needed, the contestant: for example `salvo`");
        return ExitCode::from(2);
    };
    match run(&contestant) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
