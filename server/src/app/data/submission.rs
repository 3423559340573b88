//! A submission: read from a request, checked, or refused with a problem.

use salvo::Request;
use salvo::http::{Mime, StatusCode};
use serde::Deserialize;

use super::super::body;
use super::super::limits::Limits;
use super::super::problem::Problem;

/// What was submitted, found good: a name and at least one value, all finite, within the limits.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// The fields are optional so that a missing one is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: Option<String>,
    values: Option<Vec<f64>>,
}

/// The submission in a request, or what is wrong with it.
pub(super) async fn read(req: &mut Request, limits: &Limits) -> Result<Submission, Problem> {
    let is_json = req.content_type().is_some_and(|mime| is_json(&mime));
    // Also where it is not JSON: the client is to read why.
    let body = body::read(req, limits).await?;
    if !is_json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send JSON, and say so with the header Content-Type: application/json",
        )
        .at("Content-Type"));
    }
    parse(&body, limits)
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
        let limits = Limits {
            values: 3,
            ..Limits::default()
        };
        let problem = parse(body.as_bytes(), &limits).unwrap_err();
        let problem = serde_json::to_value(problem).unwrap();
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
