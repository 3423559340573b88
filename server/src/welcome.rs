//! GET /: a welcome message and links.

use std::fmt::Write;

use salvo::http::header::{HeaderValue, VARY};
use salvo::writing::{Json, Text};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::{Map, json};

use super::accept::prefers_html;

const MESSAGE: &str = "Welcome to Tallied: HTTP and process metrics for Prometheus";

/// Name, path, and what is there.
const LINKS: [(&str, &str, &str); 5] = [
    ("docs", "/docs", "the API's documentation, to read and try"),
    ("openapi", "/openapi.json", "its OpenAPI document"),
    ("metrics", "/metrics", "the metrics, for Prometheus"),
    ("health", "/health", "version and uptime"),
    ("data", "/data", "sample data, to be measured"),
];

#[derive(Clone)]
pub(super) struct Welcome {
    /// Whether /metrics is here, and not on a listener of its own.
    pub(super) with_metrics: bool,
}

impl Welcome {
    fn links(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let with_metrics = self.with_metrics;
        LINKS
            .into_iter()
            .filter(move |(name, ..)| with_metrics || *name != "metrics")
    }
}

#[salvo::async_trait]
impl Handler for Welcome {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.headers_mut()
            .insert(VARY, HeaderValue::from_static("Accept"));
        if prefers_html(req.headers()) {
            res.render(Text::Html(page(self.links())));
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

fn page(all: impl Iterator<Item = (&'static str, &'static str, &'static str)>) -> String {
    let mut links = String::new();
    for (_, path, what) in all {
        // Writing to a string does not fail.
        let _ = writeln!(links, "<li><a href=\"{path}\">{path}</a>: {what}</li>");
    }
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tallied</title>
<style>body {{ font: 1em/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }}</style>
</head>
<body>
<h1>Tallied</h1>
<p>{MESSAGE}.</p>
<ul>
{links}</ul>
<p>Version {version}</p>
</body>
</html>
"#
    )
}
