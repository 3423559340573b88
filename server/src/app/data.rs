//! GET and POST /data: sample data, kept in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use salvo::http::{ParseError, StatusCode};
use salvo::writing::Json;
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::problem::Problem;

/// The largest body that is read.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The most values in a record.
const MAX_VALUES: usize = 10_000;
/// The longest name, in characters.
const MAX_NAME: usize = 100;
/// How many records are kept; the oldest make room.
const KEPT: usize = 1_000;
/// How many records a list shows.
const LISTED: usize = 100;

/// The records; clones share them.
#[derive(Clone, Default)]
pub(super) struct Data(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    newest_last: VecDeque<Record>,
    submitted: u64,
}

/// What a client submits. The fields are optional so that a missing one is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: Option<String>,
    values: Option<Vec<f64>>,
}

/// A [`Body`] that was found good.
#[derive(Debug)]
struct Submission {
    name: String,
    values: Vec<f64>,
}

/// What is kept of it.
#[derive(Debug, Clone, Serialize)]
struct Record {
    id: u64,
    name: String,
    count: usize,
    min: f64,
    max: f64,
    mean: f64,
}

impl Data {
    pub(super) fn list(&self) -> impl Handler {
        List(self.clone())
    }

    pub(super) fn submit(&self) -> impl Handler {
        Submit(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn keep(&mut self, submission: Submission) -> Record {
        self.submitted += 1;
        let values = &submission.values;
        let record = Record {
            id: self.submitted,
            count: values.len(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: mean(values),
            name: submission.name,
        };
        if self.newest_last.len() == KEPT {
            self.newest_last.pop_front();
        }
        self.newest_last.push_back(record.clone());
        record
    }
}

/// The mean, by Welford's update, which cannot overflow where the values do not.
fn mean(values: &[f64]) -> f64 {
    let mut mean = 0.0;
    for (i, value) in values.iter().enumerate() {
        let n = (i + 1) as f64;
        mean += value / n - mean / n;
    }
    mean
}

struct List(Data);

#[salvo::async_trait]
impl Handler for List {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let store = self.0.lock();
        let newest: Vec<&Record> = store.newest_last.iter().rev().take(LISTED).collect();
        res.render(Json(
            json!({ "submitted": store.submitted, "items": newest }),
        ));
    }
}

struct Submit(Data);

#[salvo::async_trait]
impl Handler for Submit {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        match read(req).await {
            Ok(submission) => {
                let record = self.0.lock().keep(submission);
                res.status_code(StatusCode::CREATED);
                res.render(Json(record));
            }
            Err(problem) => problem.write(res),
        }
    }
}

/// The submission in a request's body, or what is wrong with it.
async fn read(req: &mut Request) -> Result<Submission, Problem> {
    let body = req
        .payload_with_max_size(MAX_BODY_BYTES)
        .await
        .map_err(|error| match error {
            ParseError::PayloadTooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "the body is larger than {MAX_BODY_BYTES} bytes; split it into several requests"
                ),
            ),
            error => Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body could not be read: {error}"),
            ),
        })?;
    parse(body)
}

fn parse(body: &[u8]) -> Result<Submission, Problem> {
    let unprocessable = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    // Left to itself, serde would take an array for the fields in turn.
    if body.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|e| malformed(&e))?;
        return Err(unprocessable("the body has to be a JSON object".to_owned()));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let Body { name, values } = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        // 1e999 is JSON, and no number that can be computed with.
        if error.is_data() || error.to_string().starts_with("number out of range") {
            unprocessable(error.to_string()).at(field)
        } else {
            malformed(&error)
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;

    let missing = |field: &str| unprocessable("the field is missing".to_owned()).at(field);
    let name = name.ok_or_else(|| missing("name"))?;
    let values = values.ok_or_else(|| missing("values"))?;
    let characters = name.chars().count();
    if characters == 0 || characters > MAX_NAME {
        let detail = format!("{characters} characters; give 1 to {MAX_NAME}");
        return Err(unprocessable(detail).at("name"));
    }
    if values.is_empty() || values.len() > MAX_VALUES {
        let detail = format!("{} numbers; give 1 to {MAX_VALUES}", values.len());
        return Err(unprocessable(detail).at("values"));
    }
    Ok(Submission { name, values })
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        format!("the body is not JSON: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Store, mean, parse};

    fn refused(body: &str) -> (u16, Option<String>) {
        let problem = serde_json::to_value(parse(body.as_bytes()).unwrap_err()).unwrap();
        let field = problem
            .get("field")
            .map(|field| field.as_str().unwrap().to_owned());
        (problem["status"].as_u64().unwrap() as u16, field)
    }

    #[test]
    fn problems_name_the_field() {
        let field = |name: &str| Some(name.to_owned());
        assert_eq!(refused(""), (400, None));
        assert_eq!(refused("{"), (400, None));
        assert_eq!(refused(r#"{"name":"a","values":[1]} x"#), (400, None));
        assert_eq!(refused(r#"{"name":"a","values":[NaN]}"#), (400, None));
        assert_eq!(refused("[]"), (422, None));
        assert_eq!(refused(r#" ["a",[1]]"#), (422, None));
        assert_eq!(refused("[1"), (400, None));
        assert_eq!(refused(r#"{"name":"a"}"#), (422, field("values")));
        assert_eq!(refused(r#"{"values":[1]}"#), (422, field("name")));
        assert_eq!(
            refused(r#"{"name":"a","values":[0,1e999]}"#),
            (422, field("values[1]"))
        );
        assert_eq!(refused(r#"{"name":7,"values":[1]}"#), (422, field("name")));
        assert_eq!(
            refused(r#"{"name":"a","values":[1,"2"]}"#),
            (422, field("values[1]"))
        );
        assert_eq!(
            refused(r#"{"name":"a","values":{}}"#),
            (422, field("values"))
        );
        assert_eq!(refused(r#"{"name":"","values":[1]}"#), (422, field("name")));
        assert_eq!(
            refused(r#"{"name":"a","values":[]}"#),
            (422, field("values"))
        );
        assert_eq!(
            refused(r#"{"name":"a","values":[1],"x":1}"#),
            (422, field("x"))
        );
        let long = format!(r#"{{"name":"{}","values":[1]}}"#, "é".repeat(101));
        assert_eq!(refused(&long), (422, field("name")));
    }

    #[test]
    fn statistics_are_those_of_the_values() {
        let mut store = Store::default();
        let record = store.keep(parse(br#"{"name":"a","values":[3,1,2.5]}"#).unwrap());
        assert_eq!(
            (record.id, record.count, record.min, record.max),
            (1, 3, 1.0, 3.0)
        );
        assert!((record.mean - 6.5 / 3.0).abs() < 1e-12);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut store = Store::default();
        for _ in 0..KEPT + 5 {
            store.keep(parse(br#"{"name":"a","values":[1]}"#).unwrap());
        }
        assert_eq!(store.newest_last.len(), KEPT);
        assert_eq!(store.newest_last[0].id, 6);
    }
}
