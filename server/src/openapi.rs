//! GET /openapi.json: every endpoint, and every status that it can answer.
//!
//! Written as the JSON that it is: attributes on the handlers could name neither the limits, which
//! are configured, nor the headers of the answers. Tests see to it that it is a document by
//! utoipa's types, and that it has the routes that the router has.
//!
//! Source: the OpenAPI Specification 3.1.

use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::{Value, json};
use tallied_http::Scrape;

use super::data::{DEFAULT_LIMIT, MAX_LIMIT};
use super::docs::ASSETS;
use super::limits::Limits;
use super::validated::Validated;

#[derive(Clone)]
pub(super) struct Document(Validated);

impl Document {
    /// `with_metrics` and `with_live`: whether they are here, and not on a listener of their own.
    pub(super) fn new(limits: Limits, with_metrics: bool, with_live: bool) -> Self {
        let mut document = document(limits);
        if !with_metrics {
            without(&mut document, "metrics", &["/metrics"]);
        }
        if !with_live {
            without(&mut document, "live", &["/live", "/live.json"]);
        }
        Self(Validated::new(document.to_string().into()))
    }
}

#[salvo::async_trait]
impl Handler for Document {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        self.0.send("application/json", req, res);
    }
}

fn document(limits: Limits) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tallied",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "HTTP and process metrics for Prometheus, and sample endpoints to be measured.\n\n\
                HEAD is answered wherever GET is. A path that is not listed here is answered with 404, and a method that is not \
                listed with 405 and `Allow`: a JSON problem (RFC 9457), or a small page where `Accept` prefers HTML.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "tags": [
            { "name": "data", "description": "Sample data: processed, kept in memory, listed" },
            { "name": "docs", "description": "The API's documentation" },
            { "name": "health", "description": "For load balancers and orchestrators" },
            { "name": "live", "description": "The metrics as they change" },
            { "name": "metrics", "description": "For Prometheus" },
        ],
        "paths": {
            "/": { "get": welcome() },
            "/data": { "get": list(), "post": submit(limits) },
            "/data/{id}": { "get": show() },
            "/docs": { "get": operation("docs", "docs_page", "This documentation", json!({
                "200": answer("The page", "text/html", json!({ "type": "string" })),
                "304": not_modified(),
            })) },
            "/docs/{file}": { "get": asset() },
            "/health": { "get": operation("health", "health", "Version and uptime", json!({
                "200": json_answer("The process answers", "Health"),
            })) },
            "/health/live": { "get": operation("health", "live", "Whether the process runs", json!({
                "200": json_answer("It does", "Status"),
            })) },
            "/health/ready": { "get": operation("health", "ready", "Whether the process wants requests", json!({
                "200": json_answer("It does", "Status"),
                "503": json_answer("It drains before it stops", "Status"),
            })) },
            "/live": { "get": live() },
            "/live.json": { "get": live_json() },
            "/metrics": { "get": metrics() },
            "/openapi.json": { "get": operation("docs", "openapi", "The OpenAPI document of this API", json!({
                "200": answer("The document", "application/json", json!({ "type": "object" })),
                "304": not_modified(),
            })) },
        },
        "components": { "schemas": schemas(limits) },
    })
}

fn without(document: &mut Value, gone: &str, its_paths: &[&str]) {
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, _| !its_paths.contains(&&**path));
    }
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.retain(|tag| tag["name"] != gone);
    }
}

fn operation(tag: &str, id: &str, summary: &str, responses: Value) -> Value {
    let operation = json!({ "tags": [tag], "operationId": id, "summary": summary });
    with(operation, "responses", responses)
}

/// An object with another field.
fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

fn answer(description: &str, media_type: &str, schema: Value) -> Value {
    let content = with(json!({}), media_type, with(json!({}), "schema", schema));
    with(json!({ "description": description }), "content", content)
}

fn json_answer(description: &str, schema: &str) -> Value {
    answer(description, "application/json", reference(schema))
}

fn problem(description: &str) -> Value {
    answer(
        description,
        "application/problem+json",
        reference("Problem"),
    )
}

fn not_modified() -> Value {
    json!({ "description": "It is what `If-None-Match` names" })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Value {
    let required = place == "path";
    let parameter =
        json!({ "name": name, "in": place, "required": required, "description": description });
    with(parameter, "schema", schema)
}

fn welcome() -> Value {
    operation(
        "docs",
        "welcome",
        "A welcome message and links",
        json!({ "200": {
            "description": "JSON, or a page where `Accept` prefers HTML",
            "content": {
                "application/json": { "schema": reference("Welcome") },
                "text/html": { "schema": { "type": "string" } },
            },
        } }),
    )
}

fn metrics() -> Value {
    let responses = json!({
        "200": {
            "description": "What the registry holds",
            "content": {
                "text/plain": { "schema": { "type": "string" } },
                "application/openmetrics-text": { "schema": { "type": "string" } },
                "application/vnd.google.protobuf": { "schema": { "type": "string", "format": "binary" } },
            },
        },
        "400": answer("Unknown `format` or `created`, or too many `name[]`", "text/plain", json!({ "type": "string" })),
        "500": answer("The exposition could not be rendered: a bug", "text/plain", json!({ "type": "string" })),
        "503": answer("Too many documents at once (with `Retry-After`), or no document in time", "text/plain", json!({ "type": "string" })),
    });
    let format = parameter(
        "query",
        "format",
        "Overrides the Accept header",
        json!({ "type": "string", "enum": ["text", "openmetrics", "protobuf"] }),
    );
    let created = parameter(
        "query",
        "created",
        "OpenMetrics with a sample `_created` for each counter and histogram whose start is known",
        json!({ "type": "boolean" }),
    );
    let names = parameter(
        "query",
        "name[]",
        "Only these metrics, by their names or those of their samples",
        json!({ "type": "array", "items": { "type": "string" }, "maxItems": Scrape::MAX_NAMES }),
    );
    with(
        operation("metrics", "metrics", "The exposition", responses),
        "parameters",
        json!([format, created, names]),
    )
}

fn live() -> Value {
    let text = || json!({ "schema": { "type": "string" } });
    let responses = json!({
        "200": {
            "description": "The page; or its stream, `state` and then `tick` a second, where `Accept` is text/event-stream",
            "content": {
                "text/html": text(),
                "text/event-stream": text(),
                "application/json": { "schema": { "type": "object" } },
            },
        },
        "400": answer("Unknown `format`", "text/plain", json!({ "type": "string" })),
        "404": answer("There is no such endpoint or family", "text/plain", json!({ "type": "string" })),
        "503": answer("Too many viewers (with `Retry-After`), or the server is stopping", "text/plain", json!({ "type": "string" })),
    });
    let format = parameter(
        "query",
        "format",
        "json: the state, as /live.json has it; brief: its sentence and four figures",
        json!({ "type": "string", "enum": ["html", "json", "brief"] }),
    );
    let endpoint = parameter(
        "query",
        "endpoint",
        "Ten minutes of this row, as JSON",
        json!({ "type": "integer", "minimum": 0 }),
    );
    let family = parameter(
        "query",
        "family",
        "Ten minutes of this metric, as JSON",
        json!({ "type": "string" }),
    );
    with(
        operation("live", "live_page", "The metrics as they change", responses),
        "parameters",
        json!([format, endpoint, family]),
    )
}

fn live_json() -> Value {
    let responses = json!({
        "200": answer("What the page shows", "application/json", json!({ "type": "object" })),
        "503": answer("Too many requests for it at once (with `Retry-After`)", "text/plain", json!({ "type": "string" })),
    });
    operation(
        "live",
        "live_state",
        "What the page shows, for scripts",
        responses,
    )
}

fn list() -> Value {
    let responses = json!({
        "200": json_answer("The records, newest first", "Page"),
        "400": problem("`limit` or `offset` is no number, or out of bounds"),
    });
    let parameters = json!([
        parameter(
            "query",
            "limit",
            "The most records to list",
            json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT }),
        ),
        parameter(
            "query",
            "offset",
            "How many of the newest to leave out",
            json!({ "type": "integer", "minimum": 0, "default": 0 }),
        ),
    ]);
    with(
        operation("data", "list", "The newest records", responses),
        "parameters",
        parameters,
    )
}

fn show() -> Value {
    let responses = json!({
        "200": json_answer("The record", "Record"),
        "400": problem("The id is no number"),
        "404": problem("No record with this id is kept"),
    });
    let id = parameter(
        "path",
        "id",
        "What POST /data answered",
        json!({ "type": "integer", "minimum": 0 }),
    );
    with(
        operation("data", "show", "One record", responses),
        "parameters",
        json!([id]),
    )
}

fn submit(limits: Limits) -> Value {
    let mut created = json_answer("The record, with its id and its statistics", "Record");
    created["headers"] = json!({ "Location": {
        "description": "Where the record is",
        "required": true,
        "schema": { "type": "string", "pattern": "^/data/[0-9]+$" },
    } });
    created["links"] = json!({ "show": {
        "operationId": "show",
        "parameters": { "id": "$response.body#/id" },
    } });
    let mut busy = problem("Too many bodies are being sent at once");
    busy["headers"] = json!({ "Retry-After": {
        "description": "Seconds",
        "required": true,
        "schema": { "type": "integer", "minimum": 0 },
    } });
    let responses = json!({
        "201": created,
        "400": problem("The body is not JSON"),
        "408": problem("The body came too slowly"),
        "413": problem(&format!("The body is larger than {} bytes", limits.body_bytes)),
        "415": problem("The Content-Type is neither application/json nor application/…+json"),
        "422": problem("JSON, but not a submission: `field` says where"),
        "503": busy,
    });
    let submission = json!({ "required": true, "content": { "application/json": {
        "schema": reference("Submission"),
        "example": { "name": "run 7", "values": [1, 2, 6] },
    } } });
    with(
        operation("data", "submit", "Process a list of numbers", responses),
        "requestBody",
        submission,
    )
}

fn asset() -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let responses = json!({
        "200": {
            "description": "The file",
            "content": { "text/javascript": text, "text/css": text },
        },
        "304": not_modified(),
        "404": problem("No such file"),
    });
    let file = parameter(
        "path",
        "file",
        "The file's name",
        json!({ "type": "string", "enum": ASSETS.map(|(name, _)| name) }),
    );
    with(
        operation("docs", "docs_file", "A file of the page", responses),
        "parameters",
        json!([file]),
    )
}

fn schemas(limits: Limits) -> Value {
    json!({
        "Health": object(json!({
            "status": { "type": "string", "enum": ["ok"] },
            "version": { "type": "string" },
            "uptime_seconds": { "type": "number", "minimum": 0 },
        })),
        "Page": object(json!({
            "submitted": { "type": "integer", "description": "How many records were ever submitted" },
            "kept": { "type": "integer", "maximum": limits.records, "description": "How many are kept" },
            "items": { "type": "array", "maxItems": MAX_LIMIT, "items": reference("Record") },
        })),
        "Problem": {
            "type": "object",
            "description": "RFC 9457; `type` is about:blank",
            "required": ["title", "status", "detail"],
            "properties": {
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "What is wrong, and the remedy" },
                "field": { "type": "string", "description": "The field, parameter or header that is wrong, as `values[3]`" },
            },
        },
        "Record": object(json!({
            "id": { "type": "integer", "minimum": 1, "description": "1 for the first record, and so on" },
            "name": { "type": "string" },
            "count": { "type": "integer", "minimum": 1 },
            "min": { "type": "number" },
            "max": { "type": "number" },
            "mean": { "type": "number" },
            "standard_deviation": {
                "type": "number", "minimum": 0,
                "description": "Of the values as a population: divided by their count",
            },
            "p50": { "type": "number", "description": "The median" },
            "p95": {
                "type": "number",
                "description": "The 95th percentile, interpolated linearly between the two values next to the place 0.95·(count - 1)",
            },
        })),
        "Status": object(json!({ "status": { "type": "string", "enum": ["ok", "draining"] } })),
        "Submission": with(
            object(json!({
                "name": { "type": "string", "minLength": 1, "maxLength": limits.name_characters },
                "values": {
                    "type": "array", "minItems": 1, "maxItems": limits.values,
                    "items": { "type": "number", "minimum": f64::MIN, "maximum": f64::MAX },
                },
            })),
            "additionalProperties",
            json!(false),
        ),
        "Welcome": object(json!({
            "message": { "type": "string" },
            "version": { "type": "string" },
            "links": { "type": "object", "additionalProperties": { "type": "string" } },
        })),
    })
}

/// An object that has each of its properties.
fn object(properties: Value) -> Value {
    let fields = properties.as_object().into_iter().flatten();
    let required: Vec<&String> = fields.map(|(name, _)| name).collect();
    let object = json!({ "type": "object", "required": required });
    with(object, "properties", properties)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use salvo::Router;
    use salvo::routing::FilterInfo;
    use serde_json::Value;

    use super::{Limits, document, without};
    use crate::App;
    use crate::config::{Config, Live};

    /// The paths and methods of a router, with a goal.
    fn routes(router: &Router, path: &str, method: &str, found: &mut BTreeSet<(String, String)>) {
        let (mut path, mut method) = (path.to_owned(), method.to_owned());
        for filter in &router.filters {
            match filter.info() {
                FilterInfo::Path(part) => path = format!("{path}/{part}"),
                FilterInfo::Method(name) => method = name.as_str().to_lowercase(),
                other => panic!("a filter that this test does not know: {other:?}"),
            }
        }
        if router.goal.is_some() {
            assert!(!method.is_empty(), "{path} takes any method");
            let path = if path.is_empty() { "/" } else { &path };
            found.insert((path.to_owned(), method.clone()));
        }
        for inner in &router.routers {
            routes(inner, &path, &method, found);
        }
    }

    /// What an application routes, and what its document has. HEAD goes with GET, which the
    /// document says once for all.
    fn compare(config: &Config, document: &Value) {
        let mut routed = BTreeSet::new();
        let app = App::new(config).unwrap();
        routes(&app.service.router, "", "", &mut routed);
        let (head, routed): (BTreeSet<_>, BTreeSet<_>) =
            routed.into_iter().partition(|(_, method)| method == "head");
        let paths = |routes: &BTreeSet<(String, String)>, method: &str| -> BTreeSet<String> {
            let with = routes.iter().filter(|route| route.1 == method);
            with.map(|route| route.0.clone()).collect()
        };
        assert_eq!(paths(&head, "head"), paths(&routed, "get"));

        let mut documented = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                documented.insert((path.clone(), method.clone()));
            }
        }
        assert_eq!(documented, routed);
        assert!(documented.len() >= 10, "{documented:?}");
    }

    #[test]
    fn the_document_has_the_routes_and_no_others() {
        let all = document(Limits::default());
        compare(&Config::default(), &all);
        let mut elsewhere = Config::default();
        elsewhere.metrics_listen = "127.0.0.1:0".parse().ok();
        let mut rest = all;
        without(&mut rest, "live", &["/live", "/live.json"]);
        let mut off = Config::default();
        off.live = Live::Off;
        compare(&off, &rest);
        without(&mut rest, "metrics", &["/metrics"]);
        compare(&elsewhere, &rest);
        let text = rest.to_string();
        assert!(!text.contains("For Prometheus") && !text.contains("/live.json"));
    }

    #[test]
    fn it_is_an_openapi_document() {
        let document = document(Limits::default());
        let parsed: utoipa::openapi::OpenApi = serde_json::from_value(document.clone()).unwrap();
        let back = serde_json::to_value(&parsed).unwrap();
        // What the types do not know is lost on the way, so this finds a misspelt key.
        let mut missing = Vec::new();
        lost(&document, &back, "", &mut missing);
        // utoipa 6 knows no links, and no headers that are required.
        missing.retain(|path| {
            !(path.ends_with("/links") || path.contains("/headers/") && path.ends_with("/required"))
        });
        assert!(missing.is_empty(), "{missing:#?}");
    }

    fn lost(from: &Value, to: &Value, path: &str, missing: &mut Vec<String>) {
        match from {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let path = format!("{path}/{key}");
                    match to.get(key) {
                        Some(kept) => lost(value, kept, &path, missing),
                        None => missing.push(path),
                    }
                }
            }
            Value::Array(items) => assert_eq!(items.len(), to.as_array().unwrap().len(), "{path}"),
            _ => assert_eq!(from.to_string(), to.to_string(), "{path}"),
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(Limits::default());
        let text = document.to_string();
        let references = text.split("\"#/components/schemas/").skip(1);
        let mut count = 0;
        for name in references.map(|rest| rest.split('"').next().unwrap()) {
            assert!(
                document["components"]["schemas"][name].is_object(),
                "{name}"
            );
            count += 1;
        }
        assert!(count > 5);
    }

    #[test]
    fn the_limits_are_the_configured_ones() {
        let limits = Limits {
            values: 12,
            name_characters: 34,
            ..Limits::default()
        };
        let submission = &document(limits)["components"]["schemas"]["Submission"];
        assert_eq!(submission["properties"]["values"]["maxItems"], 12);
        assert_eq!(submission["properties"]["name"]["maxLength"], 34);
    }
}
