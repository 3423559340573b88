//! Reads parameters of a query, strictly: what is not understood is a mistake to tell.

use salvo::Request;
use salvo::http::StatusCode;

use super::problem::Problem;

/// The value of a parameter. Given twice, it is not clear which is meant.
pub(super) fn only<'a>(req: &'a Request, name: &str) -> Result<Option<&'a str>, Problem> {
    match req.queries().get_vec(name).map_or(&[][..], Vec::as_slice) {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "give it once").at(name)),
    }
}

/// A number in decimal digits, and nothing else. One that is too large is as good as the largest:
/// nothing is there either.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
