//! `tallied-server --health-check`, as Docker runs it: silent and 0, or one line and 1.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Server, ends, finish_upload, upload};

/// A folder of a test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("health-check-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A check in a folder, with none of the caller's configuration.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
    command.current_dir(folder).arg("--health-check");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TALLIED_") {
            command.env_remove(name);
        }
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A check of this address.
fn asking(listen: &impl ToString) -> Command {
    let mut command = command(Path::new(env!("CARGO_TARGET_TMPDIR")));
    command.args(["--listen", &listen.to_string()]);
    command
}

/// What a check ends with, and says. One that goes on has no limit, or serves.
fn outcome(mut child: Child) -> (Option<i32>, String) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > DEADLINE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn healthy(command: &mut Command) {
    let outcome = outcome(command.spawn().unwrap());
    assert_eq!(outcome, (Some(0), String::new()));
}

/// The one line of a check that fails with 1, which has these words.
fn unhealthy(child: Child, words: &[&str]) {
    let (status, line) = outcome(child);
    assert_eq!(status, Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: "), "{line}");
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

#[test]
fn a_ready_server_is_healthy_wherever_its_address_is_set() {
    let server = Server::start();
    let address = server.address.to_string();
    healthy(&mut asking(&address));

    let folder = folder("places");
    healthy(command(&folder).env("TALLIED_LISTEN", &address));
    std::fs::write(folder.join("other.toml"), format!("listen = '{address}'")).unwrap();
    healthy(command(&folder).args(["--config", "other.toml"]));
    std::fs::rename(folder.join("other.toml"), folder.join("tallied.toml")).unwrap();
    healthy(&mut command(&folder));

    // One request each, for what says whether it is ready.
    let series = r#"http_requests_total{method="GET",endpoint="/health/ready",status_code="200"}"#;
    server.wait_for(series, 4.0);
}

#[test]
fn a_server_on_every_interface_is_asked_on_loopback() {
    for (every, loopback) in [("0.0.0.0:0", "127.0.0.1:0"), ("[::]:0", "[::1]:0")] {
        if TcpListener::bind(loopback).is_err() {
            // A machine without IPv6.
            continue;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
        let server = Server::spawn(command.args(["--listen", every]));
        assert!(server.address.ip().is_unspecified());
        healthy(&mut asking(&server.address));
    }
}

#[cfg(unix)]
#[test]
fn nobody_there_is_unhealthy() {
    // Taken, so that nobody else listens there, but not listened on.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    unhealthy(
        asking(&address).spawn().unwrap(),
        &[
            &format!("cannot ask {address} (listen, flag --listen)"),
            "start the server",
        ],
    );
}

#[test]
fn a_mistake_is_unhealthy_and_not_what_docker_keeps_2_for() {
    let folder = folder("mistakes");
    for (arguments, words) in [
        (&["--listen=nonsense"][..], &["listen", "flag --listen"][..]),
        (&["--log-level=inof"], &["did you mean info?"]),
        (&["--config=none.toml"], &["none.toml"]),
        (&["--lisen=127.0.0.1:1"], &["--lisen", "--help"]),
        (&["--print-config"], &["--print-config", "--help"]),
        (
            &["--listen=127.0.0.1:0"],
            &["flag --listen", "port 0", "--listen 127.0.0.1:8000"],
        ),
        (&["--listen=[::]:0"], &["port 0"]),
    ] {
        unhealthy(command(&folder).args(arguments).spawn().unwrap(), words);
    }
    let mut unknown = command(&folder);
    let unknown = unknown.env("TALLIED_LISTN", "127.0.0.1:8000").spawn();
    unhealthy(unknown.unwrap(), &["TALLIED_LISTN"]);
}

#[cfg(unix)]
#[test]
fn a_server_that_accepts_no_connections_any_more_is_unhealthy() {
    let mut server = Server::with(&["--drain-seconds=60"]);
    let mut upload = upload(&server, 0);
    server.signal("-TERM");
    let began = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(began.elapsed() < DEADLINE, "it still listens");
    }
    unhealthy(
        asking(&server.address).spawn().unwrap(),
        &["cannot ask", "start the server"],
    );
    finish_upload(&mut upload);
    assert_eq!(server.exit(), Some(0));
}

/// A check whose connection was there before the drain: it goes through this test, which holds
/// the end of its head back.
#[cfg(unix)]
#[test]
fn a_draining_server_is_unhealthy() {
    // A request whose head has begun to arrive when the drain begins is answered. Nothing tells
    // when its first bytes were read, so this gives them more time where they were not.
    let drained = (1..=5).find_map(|attempt| {
        let server = Server::with(&["--drain-seconds=60"]);
        let mut idle = server.connect();
        idle.get("/health/live");
        let between = TcpListener::bind("127.0.0.1:0").unwrap();
        let check = asking(&between.local_addr().unwrap()).spawn().unwrap();
        let mut check_side = accept(&between);
        let head = request(&check_side);
        let (first, last) = head.split_at(head.len() - 4);
        let mut late = server.connect();
        late.send(first);
        std::thread::sleep(Duration::from_millis(50 * attempt));
        server.signal("-TERM");
        // An idle connection is closed when the drain begins.
        assert!(idle.is_closed());
        let mut answer = Vec::new();
        let sent = late.stream.write_all(last.as_bytes());
        let read = sent.and_then(|()| late.stream.read_to_end(&mut answer));
        if read.is_err() || answer.is_empty() {
            drop(check_side);
            outcome(check);
            return None;
        }
        check_side.write_all(&answer).unwrap();
        Some((check, check_side))
    });
    let (check, _open) = drained.expect("an answer during the drain");
    unhealthy(check, &["answers 503", "it drains"]);
}

/// The connection of a check.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let began = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                return stream;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(began.elapsed() < DEADLINE, "it does not ask");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The request of a check, to the end of its head.
fn request(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// A check of a server that takes the request and does this.
fn check_of(serve: impl FnOnce(TcpStream)) -> Child {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let check = asking(&listener.local_addr().unwrap()).spawn().unwrap();
    let stream = accept(&listener);
    let head = request(&stream);
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("GET /health/ready HTTP/1.1"));
    let fields: Vec<_> = lines.collect();
    assert!(fields.contains(&"Connection: close"), "{head}");
    assert!(fields.iter().any(|field| field.starts_with("Host: ")));
    serve(stream);
    check
}

#[test]
fn only_the_status_line_counts() {
    // Nothing comes behind it, and the connection stays open.
    for line in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 200\r\n"] {
        let mut open = None;
        let check = check_of(|mut stream| {
            stream.write_all(line.as_bytes()).unwrap();
            open = Some(stream);
        });
        assert_eq!(outcome(check), (Some(0), String::new()), "{line}");
    }
    for (answer, word) in [
        ("HTTP/1.1 503 Service Unavailable\r\n", "answers 503"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "with 404"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "with 204"),
        ("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "with 301"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "as HTTP/1 does"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "as HTTP/1 does"),
        ("HTTP/1.1 404 Not Found\r\nHTTP/1.1 200 OK\r\n", "with 404"),
        // Cut off in the middle of the line.
        ("HTTP/1.1 200 O", "closes the connection"),
        ("", "closes the connection"),
    ] {
        let check = check_of(|mut stream| stream.write_all(answer.as_bytes()).unwrap());
        unhealthy(check, &[word]);
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let mut open = None;
    let check = check_of(|stream| open = Some(stream));
    unhealthy(check, &["no answer within 2 seconds"]);
    // It was the check that ended it.
    assert!(ends(&open.unwrap()));
}

#[test]
fn a_server_that_drips_is_given_up_at_the_same_time() {
    let mut dripping = None;
    let check = check_of(|mut stream| {
        dripping = Some(std::thread::spawn(move || {
            // Each byte comes in time, and all of them would take a minute and more.
            stream.write_all(b"HTTP/1.1 200 ").unwrap();
            while stream.write_all(b"O").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        }));
    });
    unhealthy(check, &["no answer within 2 seconds"]);
    dripping.unwrap().join().unwrap();
}

#[test]
fn a_line_without_an_end_is_not_read_to_its_end() {
    let check = check_of(|mut stream| {
        std::thread::spawn(move || {
            stream.write_all(b"HTTP/1.1 200 ").unwrap();
            while stream.write_all(&[b'O'; 4_096]).is_ok() {}
        });
    });
    unhealthy(check, &["as HTTP/1 does"]);
}

/// Linux leaves a client alone whose connection has no room in the queue.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_does_not_come_about_is_given_up() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    loop {
        assert!(queue.len() < 1_000, "the queue has no end");
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => queue.push(stream),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                break;
            }
        }
    }
    unhealthy(
        asking(&address).spawn().unwrap(),
        &["no answer within 2 seconds"],
    );
}

#[test]
fn the_help_says_what_it_cannot_see() {
    let output = Command::new(env!("CARGO_BIN_EXE_tallied-server"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let example = "\n  tallied-server --listen 127.0.0.1:9000 --health-check\n";
    assert!(help.contains(example), "{help}");
    assert!(help.contains("--health-check cannot see the flags of the other process"));
}
