//! `?limit=` and `?offset=`, and the id in a path.

use salvo::Request;
use salvo::http::StatusCode;

use super::super::problem::Problem;
use super::super::query::{number, only};

/// How many records a list shows when it is not told.
pub(in super::super) const DEFAULT_LIMIT: u64 = 100;
/// The most that it can be told to show.
pub(in super::super) const MAX_LIMIT: u64 = 1_000;

/// The part of a list that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) offset: u64,
    pub(super) limit: u64,
}

impl Window {
    pub(super) fn of(req: &Request) -> Result<Self, Problem> {
        let bad = |name: &str, remedy: String| {
            Err(Problem::new(StatusCode::BAD_REQUEST, remedy).at(name))
        };
        let limit = match only(req, "limit")?.map(number) {
            None => DEFAULT_LIMIT,
            Some(Some(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
            _ => return bad("limit", format!("give a number from 1 to {MAX_LIMIT}")),
        };
        let offset = match only(req, "offset")?.map(number) {
            None => 0,
            Some(Some(offset)) => offset,
            _ => return bad("offset", "give a number from 0 on".to_owned()),
        };
        Ok(Self { offset, limit })
    }
}

/// The id in a request's path.
pub(super) fn id(req: &Request) -> Result<u64, Problem> {
    let text = req.params().get("id").map_or("", String::as_str);
    match number(text) {
        Some(id) => Ok(id),
        None => Err(Problem::new(StatusCode::BAD_REQUEST, "an id is a number").at("id")),
    }
}

#[cfg(test)]
mod tests {
    use salvo::Request;
    use salvo::test::TestClient;

    use super::Window;

    fn window(query: &str) -> Result<(u64, u64), String> {
        let url = format!("http://test/data?{query}");
        let request: Request = TestClient::get(url).build();
        match Window::of(&request) {
            Ok(window) => Ok((window.offset, window.limit)),
            Err(problem) => {
                let problem = serde_json::to_value(problem).unwrap();
                assert_eq!(problem["status"], 400);
                Err(problem["field"].as_str().unwrap().to_owned())
            }
        }
    }

    #[test]
    fn numbers_within_the_bounds() {
        assert_eq!(window(""), Ok((0, 100)));
        assert_eq!(window("limit=1&offset=0"), Ok((0, 1)));
        assert_eq!(window("limit=1000&offset=7&other=x"), Ok((7, 1000)));
        assert_eq!(window("offset=99999999999999999999"), Ok((u64::MAX, 100)));
        for bad in [
            "0",
            "1001",
            "-1",
            "+1",
            "1.0",
            "ten",
            "",
            "1e2",
            "99999999999999999999",
            "%31%20",
        ] {
            assert_eq!(
                window(&format!("limit={bad}")),
                Err("limit".to_owned()),
                "{bad}"
            );
        }
        for bad in ["-1", "x", "", "0x1", "%C2%B2"] {
            assert_eq!(
                window(&format!("offset={bad}")),
                Err("offset".to_owned()),
                "{bad}"
            );
        }
        assert_eq!(window("limit=1&limit=2"), Err("limit".to_owned()));
    }
}
