//! A plain GET, as the scrapes are.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use tokio::time::timeout;

use super::connection::Connection;
use super::upload::Upload;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// From the sending to the head.
    pub(crate) head: Duration,
    /// From the sending to the last byte.
    pub(crate) time: Duration,
}

/// On a connection of its own. Must be called on a `LocalSet`.
pub(crate) async fn get(
    address: SocketAddr,
    host: &HeaderValue,
    path: &str,
    accept: &'static str,
    limit: Duration,
) -> Result<Answer> {
    timeout(limit, answer(address, host, path, accept))
        .await
        .with_context(|| format!("no answer within {limit:?}"))?
}

async fn answer(
    address: SocketAddr,
    host: &HeaderValue,
    path: &str,
    accept: &'static str,
) -> Result<Answer> {
    let mut connection = Connection::open(address).await?;
    let mut request = Request::new(Upload::None);
    *request.uri_mut() = path.parse().context("this is no path of a URL")?;
    let headers = request.headers_mut();
    headers.insert(HOST, host.clone());
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    let sent = Instant::now();
    let response = connection.sender.send_request(request).await?;
    let head = sent.elapsed();
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let body = response.into_body().collect().await?.to_bytes();
    let time = sent.elapsed();
    connection.close().await;
    Ok(Answer {
        status,
        content_type: content_type
            .and_then(|value| value.to_str().ok().map(str::to_owned))
            .unwrap_or_default(),
        body,
        head,
        time,
    })
}
