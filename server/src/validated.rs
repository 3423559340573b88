//! Cacheable content with an ETag, which clients revalidate before each use.
//!
//! Source: RFC 9110, sections 8.8.3 and 13.1.2.

use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;
use salvo::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use salvo::http::{ResBody, StatusCode};
use salvo::{Request, Response};

/// Content and its entity tag. The tag is made of the content, so that it is the same in each process.
#[derive(Debug, Clone)]
pub(super) struct Validated {
    content: Bytes,
    tag: HeaderValue,
}

impl Validated {
    pub(super) fn new(content: Bytes) -> Self {
        let mut hash = DefaultHasher::new();
        hash.write(&content);
        let tag = format!("\"{:x}-{:016x}\"", content.len(), hash.finish());
        Self {
            content,
            // Digits and quotes are valid in a header.
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// Answers with the content, or with 304 where the client has it already.
    pub(super) fn send(&self, kind: &'static str, req: &Request, res: &mut Response) {
        let headers = res.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        // It changes with the server's version, and its path does not: to be asked about each time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.is_known(req.headers()) {
            res.status_code(StatusCode::NOT_MODIFIED);
            return;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        res.replace_body(ResBody::Once(self.content.clone()));
    }

    /// Whether the client names this content's tag. There is no comma in ours.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(IF_NONE_MATCH).into_iter();
        let mut tags = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        tags.any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.tag.as_bytes()
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use salvo::http::header::{HeaderMap, IF_NONE_MATCH};

    use super::Validated;

    #[test]
    fn which_tags_are_known() {
        let content = Validated::new(Bytes::from_static(b"abc"));
        let tag = content.tag.to_str().unwrap();
        for (known, sent) in [
            (true, tag.to_owned()),
            (true, format!("W/{tag}")),
            (true, format!("\"x\", W/\"y\" ,{tag}")),
            (true, "*".to_owned()),
            (false, String::new()),
            (false, tag.trim_matches('"').to_owned()),
            (false, "\"x\"".to_owned()),
            (false, format!("w/{tag}")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, sent.parse().unwrap());
            assert_eq!(content.is_known(&headers), known, "{sent}");
            headers.append(IF_NONE_MATCH, tag.parse().unwrap());
            assert!(
                content.is_known(&headers),
                "{sent}, and on a line of its own"
            );
        }
        assert!(!content.is_known(&HeaderMap::new()));
        let other = Validated::new(Bytes::from_static(b"abd"));
        assert_ne!(content.tag, other.tag);
    }
}
