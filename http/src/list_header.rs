//! The headers of a name as one list.
//!
//! Source: RFC 9110, section 5.3.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HeaderName;

/// All headers of a name, joined with commas; those that are no ASCII text are left out. Copies them if
/// there is more than one.
pub(crate) fn list(headers: &HeaderMap, name: HeaderName) -> Cow<'_, str> {
    let all = headers.get_all(name).into_iter();
    let mut all = all.filter_map(|value| value.to_str().ok());
    let mut list = Cow::Borrowed(all.next().unwrap_or_default());
    for more in all {
        let list = list.to_mut();
        list.push(',');
        list.push_str(more);
    }
    list
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::{ACCEPT, HeaderValue};

    use super::list;

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(list(&headers, ACCEPT), "");
        for value in [&b"a/b;q=0.5"[..], b"\xff", b"c/d, e/f"] {
            headers.append(ACCEPT, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(list(&headers, ACCEPT), "a/b;q=0.5,c/d, e/f");
    }
}
