//! GET /docs: the API's documentation, a Swagger UI over /openapi.json.
//!
//! The page is ours, its script and style are those of swagger-ui-redist, which is a part of the binary. Nothing comes from
//! elsewhere, and the page's Content-Security-Policy has the browser see to that.

use std::sync::LazyLock;

use bytes::Bytes;
use salvo::http::StatusCode;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use swagger_ui_redist::{SwaggerUi, SwaggerUiStaticFile};

use super::problem::Problem;
use super::validated::Validated;

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

/// The contents of the assets, with their tags.
static CONTENTS: LazyLock<[Option<Validated>; ASSETS.len()]> =
    LazyLock::new(|| ASSETS.map(|(name, _)| content(name).map(Validated::new)));

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
        let policy = HeaderValue::from_static(POLICY);
        res.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        Validated::new(page.into()).send("text/html; charset=utf-8", req, res);
    }
}

#[derive(Clone)]
pub(super) struct Asset;

#[salvo::async_trait]
impl Handler for Asset {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let name = req.params().get("file").map_or("", String::as_str);
        let mut assets = ASSETS.iter().zip(&*CONTENTS);
        match assets
            .find_map(|(asset, content)| (asset.0 == name).then_some((asset.1, content.as_ref()?)))
        {
            Some((kind, content)) => content.send(kind, req, res),
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
    let file = match name {
        START => return Some(Bytes::from_static(START_SCRIPT.as_bytes())),
        "swagger-ui-bundle.js" => SwaggerUiStaticFile::Js,
        _ => SwaggerUiStaticFile::Css,
    };
    let mut files = SwaggerUi::static_files().iter();
    let content = files.find(|(known, _)| *known == file)?.1;
    Some(Bytes::from_static(content))
}
