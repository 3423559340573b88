//! /docs and /openapi.json.

use super::{json, start};

#[test]
fn a_browser_that_has_the_documentation_is_not_sent_it_again() {
    let server = start();
    let mut client = server.connect();
    for path in [
        "/docs",
        "/docs/",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/openapi.json",
    ] {
        let first = client.get(path);
        assert_eq!(first.status, 200);
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let tag = first.header("etag").unwrap().to_owned();
        // Also from another process of the same version.
        let other =
            start()
                .connect()
                .request("GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        assert_eq!(other.status, 304, "{path}");
        for (method, tags, status) in [
            ("GET", tag.clone(), 304),
            ("HEAD", tag.clone(), 304),
            ("GET", format!("W/{tag}"), 304),
            ("GET", format!("\"x\", {tag}"), 304),
            ("GET", "*".to_owned(), 304),
            ("GET", "\"x\"".to_owned(), 200),
        ] {
            let asked = format!("If-None-Match: {tags}\r\n");
            let again = client.request(method, path, &asked, "");
            assert_eq!(again.status, status, "{method} {path} {tags}");
            assert_eq!(again.header("etag"), Some(&*tag));
            assert_eq!(again.header("cache-control"), Some("no-cache"));
            assert!(again.body.is_empty() || status == 200);
        }
    }
    // A tag belongs to one content.
    let tag = client.get("/docs").header("etag").unwrap().to_owned();
    let other = client.request(
        "GET",
        "/docs/start.js",
        &format!("If-None-Match: {tag}\r\n"),
        "",
    );
    assert_eq!(other.status, 200);
}

#[test]
fn the_documentation_brings_all_it_needs() {
    let server = start();
    let mut client = server.connect();
    for (page, base) in [("/docs", "/"), ("/docs/", "/docs/")] {
        let page = client.get(page);
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        let mut files = 0;
        for attribute in ["href=\"", "src=\"", "data-document=\""] {
            for part in page.text().split(attribute).skip(1) {
                let link = part.split('"').next().unwrap();
                if link == "data:," {
                    continue;
                }
                assert!(!link.contains(':') && !link.starts_with('/'), "{link}");
                let path = match link.strip_prefix("../") {
                    Some(up) => format!("/{up}"),
                    None => format!("{base}{link}"),
                };
                let file = client.get(&path);
                assert_eq!(file.status, 200, "{path}");
                assert!(!file.body.is_empty() && file.header("content-type").is_some());
                files += 1;
            }
        }
        // Style, two scripts, and the document twice.
        assert_eq!(files, 5);
    }
    let document = json(&client.get("/openapi.json"));
    assert_eq!(document["openapi"], "3.1.0");
}
