//! The chores' HTTP client: plain, blocking, with timeouts, and without a proxy, since it talks to loopback.

use std::time::Duration;

use anyhow::{Context, Result};
use ureq::Agent;
use ureq::config::AutoHeaderValue;

/// More than any answer that the chores ask for: all samples of a few servers over a minute are some ten megabytes.
const BODY_BYTES: u64 = 256 * 1024 * 1024;

pub(crate) struct Client {
    agent: Agent,
}

pub(crate) struct Answer {
    /// Any status: a 404 is an answer, and what is asked for decides whether it is a good one.
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            // A request without an Accept header is one of the cases to test.
            .accept(AutoHeaderValue::None)
            .build();
        Self {
            agent: config.into(),
        }
    }

    pub(crate) fn get(&self, url: &str) -> Result<Answer> {
        self.get_with(url, &[], &[])
    }

    /// The query's values are percent-encoded here.
    pub(crate) fn get_with(
        &self,
        url: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut request = self.agent.get(url).query_pairs(query.iter().copied());
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        answer(request.call()).with_context(|| format!("GET {url} failed"))
    }

    pub(crate) fn delete(&self, url: &str) -> Result<Answer> {
        answer(self.agent.delete(url).call()).with_context(|| format!("DELETE {url} failed"))
    }

    pub(crate) fn post_json(&self, url: &str, body: &str) -> Result<Answer> {
        let request = self.agent.post(url).content_type("application/json");
        answer(request.send(body)).with_context(|| format!("POST {url} failed"))
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
    let mut response = response?;
    let content_type = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    Ok(Answer {
        status: response.status().as_u16(),
        content_type,
        body: response
            .body_mut()
            .with_config()
            .limit(BODY_BYTES)
            .read_to_string()?,
    })
}
