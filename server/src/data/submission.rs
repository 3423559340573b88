//! A submission: read from a request, checked, or refused with a problem.

use std::fmt;

use salvo::Request;
use salvo::http::{Mime, StatusCode};
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::body;
use super::super::body_budget::BodyBudget;
use super::super::limits::Limits;
use super::super::problem::Problem;

/// What was submitted, found good: a name and at least one value, all finite, within the limits.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// The fields of a submission, those that are there. Read by hand because of what a derived implementation refuses as a
/// whole: a field that is given twice.
#[derive(Debug, Default)]
struct Body {
    name: Option<String>,
    values: Option<Vec<f64>>,
}

#[derive(Clone, Copy)]
enum Field {
    Name,
    Values,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::default();
        while let Some(field) = map.next_key_seed(NewField(&body))? {
            match field {
                Field::Name => body.name = Some(map.next_value()?),
                Field::Values => body.values = Some(map.next_value()?),
            }
        }
        Ok(body)
    }
}

/// Reads the name of a field that was not read yet. What is wrong with it is wrong at this name's path.
struct NewField<'a>(&'a Body);

impl<'de> DeserializeSeed<'de> for NewField<'_> {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NewField<'_> {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        let (field, is_new) = match name {
            "name" => (Field::Name, self.0.name.is_none()),
            "values" => (Field::Values, self.0.values.is_none()),
            _ => return Err(E::custom("the field is unknown; there are name and values")),
        };
        if is_new {
            Ok(field)
        } else {
            Err(E::custom("the field is given twice"))
        }
    }
}

/// The submission in a request, or what is wrong with it.
pub(super) async fn read(
    req: &mut Request,
    limits: &Limits,
    budget: &BodyBudget,
) -> Result<Submission, Problem> {
    let is_json = req.content_type().is_some_and(|mime| is_json(&mime));
    // Also where it is not JSON: the client is to read why.
    let body = body::read(req, limits, budget).await?;
    if !is_json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send JSON, and say so with the header Content-Type: application/json",
        )
        .at("Content-Type"));
    }
    parse(&body.bytes, limits)
}

/// `application/json` and `application/…+json`. JSON is UTF-8 (RFC 8259), so no other charset.
fn is_json(mime: &Mime) -> bool {
    let json = mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json");
    let charset = mime.get_param("charset");
    mime.type_() == "application" && json && charset.is_none_or(|charset| charset == "utf-8")
}

fn parse(body: &[u8], limits: &Limits) -> Result<Submission, Problem> {
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
    if characters == 0 || characters > limits.name_characters {
        let detail = format!(
            "{characters} characters; give 1 to {}",
            limits.name_characters
        );
        return Err(unprocessable(detail).at("name"));
    }
    if values.is_empty() || values.len() > limits.values {
        let detail = format!("{} numbers; give 1 to {}", values.len(), limits.values);
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
    use super::{Limits, is_json, parse};

    fn refused(body: &str) -> (u16, Option<String>) {
        let (status, field, _) = problem(body);
        (status, field)
    }

    fn problem(body: &str) -> (u16, Option<String>, String) {
        let limits = Limits {
            values: 3,
            ..Limits::default()
        };
        let problem = parse(body.as_bytes(), &limits).unwrap_err();
        let problem = serde_json::to_value(problem).unwrap();
        let field = problem
            .get("field")
            .map(|field| field.as_str().unwrap().to_owned());
        let detail = problem["detail"].as_str().unwrap().to_owned();
        (problem["status"].as_u64().unwrap() as u16, field, detail)
    }

    #[test]
    fn problems_say_what_is_wrong_with_the_field() {
        for (body, field, detail) in [
            (
                r#"{"name":"a","name":"b","values":[1]}"#,
                "name",
                "given twice",
            ),
            (
                r#"{"values":[1],"name":"a","values":[2]}"#,
                "values",
                "given twice",
            ),
            (
                r#"{"n\u0061me":"a","name":"b","values":[1]}"#,
                "name",
                "given twice",
            ),
            (
                r#"{"name":"a","values":null}"#,
                "values",
                "invalid type: null, expected a sequence",
            ),
            (
                r#"{"name":null,"values":[1]}"#,
                "name",
                "invalid type: null, expected a string",
            ),
            (
                r#"{"name":null,"name":"b","values":[1]}"#,
                "name",
                "invalid type: null",
            ),
            (
                r#"{"name":["a"],"values":[1]}"#,
                "name",
                "invalid type: sequence, expected a string",
            ),
            (
                r#"{"name":{"name":1},"values":[1]}"#,
                "name",
                "invalid type: map, expected a string",
            ),
            (
                r#"{"name":"a","values":[1,null]}"#,
                "values[1]",
                "invalid type: null, expected f64",
            ),
            (
                r#"{"name":"a","values":[[1]]}"#,
                "values[0]",
                "invalid type: sequence, expected f64",
            ),
            (
                r#"{"name":"a","values":[1,{"name":2}]}"#,
                "values[1]",
                "invalid type: map, expected f64",
            ),
            (
                r#"{"name":"a","values":true}"#,
                "values",
                "invalid type: boolean `true`, expected a sequence",
            ),
            (
                r#"{"name":"a","values":[1,-1e400]}"#,
                "values[1]",
                "number out of range",
            ),
            (r#"{"name":"a"}"#, "values", "is missing"),
            (r#"{}"#, "name", "is missing"),
            (
                r#"{"name":"a","values":[1],"Name":"b"}"#,
                "Name",
                "is unknown",
            ),
            (r#"{"":1,"name":"a","values":[1]}"#, "", "is unknown"),
            (r#"{"name.values":1}"#, "name.values", "is unknown"),
        ] {
            let problem = problem(body);
            assert_eq!(
                (problem.0, problem.1.as_deref()),
                (422, Some(field)),
                "{body}"
            );
            assert!(problem.2.contains(detail), "{body}: {}", problem.2);
        }
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
            refused(r#"{"name":"a","values":[1,2,3,4]}"#),
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
    fn the_limits_themselves_are_allowed() {
        let body = format!(r#"{{"name":"{}","values":[1,2,3]}}"#, "é".repeat(100));
        let limits = Limits {
            values: 3,
            ..Limits::default()
        };
        assert_eq!(parse(body.as_bytes(), &limits).unwrap().values.len(), 3);
    }

    #[test]
    fn numbers_are_read_to_the_last_digit() {
        // Found wrong by one unit in the last place without serde_json's float_roundtrip.
        let number = "51.248178375505404";
        let body = format!(r#"{{"name":"a","values":[{number}]}}"#);
        let read = parse(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(read.values, [number.parse::<f64>().unwrap()]);
    }

    #[test]
    fn which_types_are_json() {
        for (json, mime) in [
            (true, "application/json"),
            (true, "Application/JSON"),
            (true, "application/json; charset=utf-8"),
            (true, "application/json;charset=\"UTF-8\""),
            (true, "application/vnd.example.v2+json"),
            (false, "application/json; charset=latin1"),
            (false, "application/x-www-form-urlencoded"),
            (false, "text/json"),
            (false, "application/jsonp"),
            (false, "application/*"),
        ] {
            assert_eq!(is_json(&mime.parse().unwrap()), json, "{mime}");
        }
    }
}
