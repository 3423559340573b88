//! The page: one document, with its style and its script in it, and the policy that lets a browser run those alone.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

const INDEX: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/style.css");
const SCRIPTS: [&str; 4] = [
    include_str!("../page/format.js"),
    include_str!("../page/draw.js"),
    include_str!("../page/view.js"),
    include_str!("../page/live.js"),
];

/// The page.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) html: Bytes,
    /// Content-Security-Policy.
    pub(crate) policy: String,
}

pub(crate) static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let script = lean(&SCRIPTS.concat());
    let style = lean(STYLE);
    let html = lean(INDEX).replacen("/*STYLE*/", &style, 1);
    let html = html.replacen("/*SCRIPT*/", &script, 1);
    // The icon is a data: URL that follows the state. Styles are otherwise set through the CSSOM, which needs no
    // permission.
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(&script),
        source(&style)
    );
    Document {
        html: html.into(),
        policy,
    }
});

/// Without what only the reader of these files needs: indentation, empty lines, and lines that are a comment. No text of the
/// page runs over several lines.
fn lean(source: &str) -> String {
    let mut lean = String::with_capacity(source.len());
    for line in source.lines() {
        let line = line.trim();
        let is_comment = line.starts_with("//") || line.starts_with("/**") && line.ends_with("*/");
        if !line.is_empty() && !is_comment {
            lean.push_str(line);
            lean.push('\n');
        }
    }
    lean
}

/// As a policy names what stands in the document.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENT, SCRIPTS, lean, source};

    /// What stands between two tags that are there once.
    fn between<'a>(html: &'a str, open: &str, close: &str) -> &'a str {
        assert_eq!(html.matches(open).count(), 1, "{open}");
        assert_eq!(html.matches(close).count(), 1, "{close}");
        let (_, rest) = html.split_once(open).unwrap();
        rest.split_once(close).unwrap().0
    }

    #[test]
    fn the_policy_names_what_the_document_has() {
        let html = std::str::from_utf8(&DOCUMENT.html).unwrap();
        let script = between(html, "<script>", "</script>");
        let style = between(html, "<style>", "</style>");
        let policy = &DOCUMENT.policy;
        assert!(policy.contains(&format!("script-src '{}';", source(script))));
        assert!(policy.contains(&format!("style-src '{}';", source(style))));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(script.len() > 50_000 && style.len() > 5_000);
        // The policy allows neither, so that a browser would drop it.
        assert!(!html.contains(" style=\"") && !html.contains(" onclick="));
    }

    #[test]
    fn comments_and_indentation_stay_here() {
        assert_eq!(
            lean("a {\n  b;\n\n  // why\n  /** what */\n  c; // d\n}\n"),
            "a {\nb;\nc; // d\n}\n"
        );
        // A text over several lines would lose its indentation.
        for line in SCRIPTS.concat().lines() {
            assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        }
    }

    #[test]
    fn the_document_is_one_and_small() {
        let html = std::str::from_utf8(&DOCUMENT.html).unwrap();
        assert!(html.len() <= 100_000, "{}", html.len());
        for elsewhere in [
            "https://", "//cdn", "@import", "url(", "src=", "import(", "<iframe", "<base",
        ] {
            assert!(!html.contains(elsewhere), "{elsewhere}");
        }
        let namespaces = html.matches("http://").count();
        assert_eq!(
            namespaces,
            html.matches("http://www.w3.org/2000/svg").count()
        );
        assert!(!html.contains("innerHTML") && !html.contains("document.write"));
    }
}
