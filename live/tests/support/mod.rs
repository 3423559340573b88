//! Requests, and streams that are read.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tallied_live::{Live, LiveBody};

/// No event takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn get(path: &str, accept: &str) -> Request<()> {
    Request::get(path)
        .header("accept", accept)
        .body(())
        .unwrap()
}

/// Status, Content-Type and body.
pub(crate) async fn answer(live: &Live, request: Request<()>) -> (u16, String, String) {
    let response = live.respond(&request, None).await;
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    // A stream where none is expected would have no end.
    let body = tokio::time::timeout(DEADLINE, response.into_body().collect());
    let body = body.await.unwrap().unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) async fn json(live: &Live, path: &str) -> Value {
    let (status, kind, body) = answer(live, get(path, "*/*")).await;
    assert_eq!((status, &*kind), (200, "application/json"), "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A viewer's.
pub(crate) struct Stream {
    pub(crate) body: LiveBody,
    text: String,
}

impl Stream {
    pub(crate) async fn open(live: &Live) -> Self {
        Self::try_open(live).await.unwrap()
    }

    /// The status where there is no stream.
    pub(crate) async fn try_open(live: &Live) -> Result<Self, u16> {
        let response = live.respond(&get("/live", "text/event-stream"), None).await;
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self {
            body: response.into_body(),
            text: String::new(),
        })
    }

    /// The next event; `None` at the end.
    pub(crate) async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let Some(event) = event.strip_prefix("event: ") else {
                    assert!(event.starts_with("retry: "), "{event}");
                    continue;
                };
                let (name, data) = event.split_once("\ndata: ").unwrap();
                return Some((name.to_owned(), serde_json::from_str(data).unwrap()));
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame())
                .await
                .unwrap()?;
            let data = frame.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// The next event, which has this name.
    pub(crate) async fn next(&mut self, name: &str) -> Value {
        let (found, data) = self.event().await.unwrap();
        assert_eq!(found, name, "{data}");
        data
    }
}
