//! Requests that are answered to their last byte, and are then in the next scrape.

use Sent::{Is, Nothing, Whatever};
use tallied_matrix::behaviours::{answers, echo_length, hello};
use tallied_matrix::{
    Ask, Content, Protocol, Record, Route, Served, Step, ask, get, route, stream,
};

use crate::subject::{Difference, SALVO, Subject};

/// The body of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Sent {
    Nothing,
    Is(&'static str),
    /// Something that the framework writes, or nothing.
    Whatever,
}

/// What is asked for; the endpoint and the status that are recorded; the body.
struct Row {
    asked: Ask,
    expected: Expected,
    /// Where that is another, and why.
    except: Option<(&'static [Subject], Expected, &'static str)>,
}

pub(crate) type Expected = (&'static str, u16, Sent);

fn row(asked: Ask, endpoint: &'static str, status: u16, sent: Sent) -> Row {
    Row {
        asked,
        expected: (endpoint, status, sent),
        except: None,
    }
}

impl Row {
    fn except(self, on: &'static [Subject], expected: Expected, because: &'static str) -> Self {
        Self {
            except: Some((on, expected, because)),
            ..self
        }
    }
}

/// Makes a case of each row.
macro_rules! rows {
    ($all:ident, $ways:tt $($case:ident: $row:expr;)*) => {
        over! { $ways $($case: |on, protocol| check(on, protocol, &$row);)* }

        fn $all() -> Vec<(&'static str, Row)> {
            vec![$((stringify!($case), $row)),*]
        }
    };
}

rows! { over_both_protocols, [http1, http2]
    a_handler: row(get("/hello"), "/hello", 200, Is("hello"));
    the_root: row(get("/"), "/", 200, Is("hello"));
    a_query: row(get("/hello?x=1"), "/hello", 200, Is("hello"));
    a_parameter: row(get("/users/7/posts"), "/users/{id}/posts", 200, Is("hello"));
    a_wildcard: row(get("/files/a/b/c"), "/files/{*rest}", 200, Is("hello"));
    an_empty_wildcard: row(get("/files"), "unmatched", 404, Whatever)
        .except(SALVO, ("/files/{*rest}", 200, Is("hello")), "Salvo's wildcard takes an empty rest: it is 200 under the route.");
    no_route: row(get("/nowhere"), "unmatched", 404, Whatever);
    no_route_for_the_method: row(ask("DELETE", "/hello"), "/hello", 405, Whatever)
        .except(SALVO, ("unmatched", 405, Whatever), UNMATCHED);
    no_route_for_a_made_up_method: row(ask("FROBNICATE", "/nowhere"), "unmatched", 404, Whatever);

    head: row(ask("HEAD", "/both"), "/both", 200, Nothing);
    head_of_a_stream: row(ask("HEAD", "/stream"), "/stream", 200, Nothing);
    head_where_only_get_is: row(ask("HEAD", "/hello"), "/hello", 200, Nothing)
        .except(SALVO, ("unmatched", 405, Nothing), UNMATCHED);
    head_of_nothing: row(ask("HEAD", "/nowhere"), "unmatched", 404, Nothing);

    an_upload: row(ask("POST", "/length").body("12345"), "/length", 200, Is("5"));
    an_upload_without_length: row(ask("POST", "/length").in_parts("abc", "defg"), "/length", 200, Is("7"));
    an_empty_upload: row(ask("POST", "/length"), "/length", 200, Is("0"));
    an_upload_left_unread: row(ask("POST", "/hello").body("1234567"), "/hello", 200, Is("hello"));

    redirect: row(get("/redirect"), "/redirect", 303, Nothing);
    an_error_without_a_body: row(get("/broken"), "/broken", 502, Whatever);
    an_error_with_a_body: row(get("/gone"), "/gone", 404, Is("gone"));
    no_content: row(get("/nothing"), "/nothing", 204, Nothing);

    a_stream: row(get("/stream"), "/stream", 200, Is("onetwothree"));
    a_stream_of_a_known_length: row(get("/stream/known"), "/stream/known", 200, Is("onetwothree"));
    an_empty_stream: row(get("/stream/empty"), "/stream/empty", 200, Nothing);

    a_stream_that_has_ended: row(get("/unasked/ended"), "/unasked/ended", 201, Nothing);
}

// The connection does not ask for these bodies; over HTTP/2 hyper sends even what no status allows.
rows! { over_http1, [http1]
    a_stream_without_content: row(get("/unasked/204"), "/unasked/204", 204, Nothing);
    a_stream_that_is_not_modified: row(get("/unasked/304"), "/unasked/304", 304, Nothing);
    a_body_that_is_not_modified: row(get("/unasked/304/whole"), "/unasked/304/whole", 304, Nothing);
}

const UNMATCHED: &str = "Salvo knows of no route where none takes the method, and GET's do not take HEAD: it is 405 under \
    `unmatched`. axum answers HEAD by GET's handler, and its 405 is under the route, which it matches by the path alone; \
    declared endpoints are matched so, too.";

/// What subjects do otherwise.
pub(crate) fn differences() -> Vec<Difference> {
    let rows = over_both_protocols().into_iter().chain(over_http1());
    let except = |(case, row): (_, Row)| {
        let (on, _, because) = row.except?;
        Some(Difference { case, on, because })
    };
    rows.filter_map(except).collect()
}

fn service() -> Vec<Route> {
    let pieces = || {
        let pieces = ["one", "two", "three"].map(Step::Send);
        let pieces = pieces.into_iter().flat_map(|piece| [piece, Step::Pause]);
        Content::Stream(stream(pieces))
    };
    let whole = |text: &'static str| Content::Whole(text.into());
    let empty = || Content::Stream(stream([]));
    let ended = Content::Stream(stream([]).tells_end());
    vec![
        route("GET", "/", hello()),
        route("GET", "/hello", hello()),
        route("POST", "/hello", hello()),
        route("GET", "/both", hello()),
        route("HEAD", "/both", hello()),
        route("GET", "/users/{id}/posts", hello()),
        route("GET", "/files/{*rest}", hello()),
        route("POST", "/length", echo_length()),
        route(
            "GET",
            "/redirect",
            answers(303, &[("location", "/hello")], Content::Nothing),
        ),
        route("GET", "/broken", answers(502, &[], Content::Nothing)),
        route("GET", "/gone", answers(404, &[], whole("gone"))),
        route("GET", "/nothing", answers(204, &[], Content::Nothing)),
        route("GET", "/stream", answers(200, &[], pieces())),
        route("HEAD", "/stream", answers(200, &[], pieces())),
        route(
            "GET",
            "/stream/known",
            answers(200, &[("content-length", "11")], pieces()),
        ),
        route("GET", "/stream/empty", answers(200, &[], empty())),
        route("GET", "/unasked/204", answers(204, &[], pieces())),
        route("GET", "/unasked/304", answers(304, &[], pieces())),
        route(
            "GET",
            "/unasked/304/whole",
            answers(304, &[], whole("hello")),
        ),
        route("GET", "/unasked/ended", answers(201, &[], ended)),
    ]
}

fn check(on: Subject, protocol: Protocol, row: &Row) {
    let expected = match row.except {
        Some((subjects, expected, _)) if subjects.contains(&on) => expected,
        _ => row.expected,
    };
    answered(on.serve(service()), protocol, row.asked, expected);
}

/// Asks, and has it recorded.
pub(crate) fn answered(
    server: Served,
    protocol: Protocol,
    asked: Ask,
    (endpoint, status, sent): Expected,
) {
    let answer = asked.over(protocol, &server);
    assert_eq!(answer.status, status, "{answer:?}");
    match sent {
        Nothing => assert_eq!(answer.text(), ""),
        Is(text) => assert_eq!(answer.text(), text),
        Whatever => {}
    }
    let record = Record {
        method: match asked.method {
            "FROBNICATE" => "OTHER",
            known => known,
        },
        request_bytes: asked.bytes(),
        ..Record::get(endpoint, status, answer.body.len() as u64)
    };
    server.holds(&[record]);
    server.ends_with(&[record]);
}
