//! GET /docs: the API's documentation, a Swagger UI over /openapi.json.
//!
//! The page is ours, its script and style come out of salvo-oapi: embedded in a release build,
//! read from cargo's registry in a debug build. Nothing comes from elsewhere, and the page's
//! Content-Security-Policy has the browser see to that.

use std::borrow::Cow;

use bytes::Bytes;
use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use salvo::http::{ResBody, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use salvo_oapi::swagger_ui::{self, Config};

use super::problem::Problem;

/// The files below /docs: name and Content-Type.
pub(super) const ASSETS: [(&str, &str); 3] = [
    (START, "text/javascript; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
];

const START: &str = "start.js";

/// Paths are relative, so that the page also works below a proxy's prefix.
const START_SCRIPT: &str = "\
window.ui = SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: document.getElementById('swagger-ui').dataset.document,
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
});
";

/// Swagger UI sets style attributes, and its style sheet has images in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");
const SECURITY: HeaderName = HeaderName::from_static("content-security-policy");

#[derive(Clone)]
pub(super) struct Page;

#[salvo::async_trait]
impl Handler for Page {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let (files, root) = if req.uri().path().ends_with('/') {
            ("", "../")
        } else {
            ("docs/", "")
        };
        let page = format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tallied: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{files}swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript; <a href="{root}openapi.json">the OpenAPI document</a> does not.</noscript>
<div id="swagger-ui" data-document="{root}openapi.json"></div>
<script src="{files}swagger-ui-bundle.js"></script>
<script src="{files}{START}"></script>
</body>
</html>
"#
        );
        let headers = res.headers_mut();
        headers.insert(SECURITY, HeaderValue::from_static(POLICY));
        send(res, "text/html; charset=utf-8", page.into());
    }
}

#[derive(Clone)]
pub(super) struct Asset;

#[salvo::async_trait]
impl Handler for Asset {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let name = req.params().get("file").map_or("", String::as_str);
        let asset = ASSETS.iter().find(|asset| asset.0 == name);
        match asset.and_then(|(name, kind)| Some((*kind, content(name)?))) {
            Some((kind, content)) => send(res, kind, content),
            None => {
                let detail = "the page has no such file";
                Problem::new(StatusCode::NOT_FOUND, detail)
                    .at("file")
                    .write(res);
            }
        }
    }
}

fn content(name: &str) -> Option<Bytes> {
    if name == START {
        return Some(Bytes::from_static(START_SCRIPT.as_bytes()));
    }
    // The title, the configuration and so on are for the page of salvo-oapi.
    let config: Config<'static> = Config::default();
    let file = swagger_ui::serve(name, "", "", "", &config).ok()??;
    Some(match file.bytes {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => read.into(),
    })
}

fn send(res: &mut Response, kind: &'static str, content: Bytes) {
    let headers = res.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(NOSNIFF, HeaderValue::from_static("nosniff"));
    // They change with the server's version, and their names do not.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    res.replace_body(ResBody::Once(content));
}
