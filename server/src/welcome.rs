//! GET /: a welcome message and links.

use std::fmt::Write;

use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, VARY};
use salvo::writing::{Json, Text};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::{Map, json};

use super::accept::prefers_html;

const MESSAGE: &str = "Welcome to Tallied: HTTP and process metrics for Prometheus";

/// Name, path, and what is there.
const LINKS: [(&str, &str, &str); 6] = [
    ("live", "/live", "the metrics as they change"),
    ("docs", "/docs", "the API's documentation, to read and try"),
    ("openapi", "/openapi.json", "its OpenAPI document"),
    ("metrics", "/metrics", "the metrics, for Prometheus"),
    ("health", "/health", "version and uptime"),
    ("data", "/data", "sample data, to be measured"),
];

/// Where the sentence and the figures of /live come. Hidden until they do: without JavaScript the link is enough.
const FIGURES: &str = r#"<section id="live" aria-label="Now" hidden>
<p id="sentence"></p>
<dl id="figures"></dl>
<p><a href="/live">More, as it changes</a></p>
</section>
"#;

/// Asks for them while the page is seen. All of it is set as text.
const SCRIPT: &str = r#"
'use strict';
const byId = (id) => document.getElementById(id);
const written = (n) => Number(n.toPrecision(3)).toLocaleString('en-US');
const seconds = (q) => (q ? `${q.high === null ? '> ' : ''}${q.value < 1 ? `${written(q.value * 1000)} ms` : `${written(q.value)} s`}` : '–');
const share = (n) => (n === null ? '–' : `${written(n * 100)} %`);
async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch('/live?format=brief', { cache: 'no-store' });
    if (!answer.ok) throw new Error(answer.status);
    const { summary, current } = await answer.json();
    byId('sentence').textContent = summary.text;
    const figures = [
      ['Requests', current.rate === null ? '–' : `${written(current.rate)}/s`],
      ['Errors', `${share(current.errors_ratio)}, left early ${share(current.aborted_ratio)}`],
      ['p50, p95, p99', [current.p50, current.p95, current.p99].map(seconds).join(', ')],
      ['In flight', current.in_flight === null ? '–' : written(current.in_flight)],
    ];
    byId('figures').replaceChildren(...figures.flatMap((pair) => pair.map((words, i) => {
      const node = document.createElement(i ? 'dd' : 'dt');
      node.textContent = words;
      return node;
    })));
    byId('live').hidden = false;
  } catch { byId('live').hidden = true; }
}
look();
setInterval(look, 2000);
document.addEventListener('visibilitychange', look);
"#;

/// With the script's hash, which a test compares with the script.
const POLICY: &str = "default-src 'none'; \
    script-src 'sha256-tdlP7jvFvfX9Km98JMM9JbB+N5aSP/D744TnqYYB9zw='; \
    style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

#[derive(Clone)]
pub(super) struct Welcome {
    /// Whether /metrics is here, and not on a listener of its own.
    with_metrics: bool,
    /// Likewise.
    with_live: bool,
}

impl Welcome {
    pub(super) fn new(with_metrics: bool, with_live: bool) -> Self {
        Self {
            with_metrics,
            with_live,
        }
    }

    fn links(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let (with_metrics, with_live) = (self.with_metrics, self.with_live);
        LINKS.into_iter().filter(move |(name, ..)| match *name {
            "metrics" => with_metrics,
            "live" => with_live,
            _ => true,
        })
    }
}

#[salvo::async_trait]
impl Handler for Welcome {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.headers_mut()
            .insert(VARY, HeaderValue::from_static("Accept"));
        if prefers_html(req.headers()) {
            if self.with_live {
                let policy = HeaderValue::from_static(POLICY);
                res.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            }
            res.render(Text::Html(page(self.links(), self.with_live)));
        } else {
            let links = self.links();
            let links = links.map(|(name, path, _)| (name.to_owned(), json!(path)));
            res.render(Json(json!({
                "message": MESSAGE,
                "version": env!("CARGO_PKG_VERSION"),
                "links": Map::from_iter(links),
            })));
        }
    }
}

fn page(
    all: impl Iterator<Item = (&'static str, &'static str, &'static str)>,
    with_live: bool,
) -> String {
    let mut links = String::new();
    for (_, path, what) in all {
        // Writing to a string does not fail.
        let _ = writeln!(links, "<li><a href=\"{path}\">{path}</a>: {what}</li>");
    }
    let (figures, script) = match with_live {
        true => (FIGURES, format!("<script>{SCRIPT}</script>\n")),
        false => ("", String::new()),
    };
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tallied</title>
<style>body {{ font: 1em/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }} dl {{ display: grid; grid-template-columns: auto 1fr; gap: 0 1em }} dd {{ margin: 0; font-weight: bold }}</style>
</head>
<body>
<h1>Tallied</h1>
<p>{MESSAGE}.</p>
{figures}<ul>
{links}</ul>
<p>Version {version}</p>
{script}</body>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::{POLICY, SCRIPT};

    #[test]
    fn the_policy_allows_the_script() {
        let source = format!(
            "'sha256-{}'",
            BASE64_STANDARD.encode(Sha256::digest(SCRIPT))
        );
        assert!(POLICY.contains(&source), "{source}");
    }
}
