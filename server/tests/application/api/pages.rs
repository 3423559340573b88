//! What browsers get: pages, and what they may do.

use super::{json, start};

#[test]
fn pages_for_who_prefers_them() {
    let server = start();
    let mut client = server.connect();
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let page = client.request("GET", "/", browser, "");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("vary"), Some("Accept"));
    assert!(
        page.text().contains("<a href=\"/docs\">"),
        "{}",
        page.text()
    );
    let welcome = client.get("/");
    assert!(
        json(&welcome)["message"]
            .as_str()
            .unwrap()
            .contains("Welcome")
    );
    // Each link leads somewhere.
    for link in json(&welcome)["links"].as_object().unwrap().values() {
        let path = link.as_str().unwrap();
        assert_eq!(client.get(path).status, 200, "{path}");
        assert!(page.text().contains(&format!("href=\"{path}\"")), "{path}");
    }
    let missing = client.request("GET", "/nowhere", browser, "");
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let refused = client.request("PUT", "/data", browser, "");
    assert_eq!(refused.status, 405);
    let mut allowed: Vec<&str> = refused.header("allow").unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn what_browsers_are_told_about_every_answer() {
    let server = start();
    let mut client = server.connect();
    let page = "Accept: text/html\r\n";
    for (method, path, accept) in [
        ("GET", "/", ""),
        ("GET", "/", page),
        ("HEAD", "/", page),
        ("GET", "/nowhere", ""),
        ("GET", "/nowhere", page),
        ("DELETE", "/data", page),
        ("GET", "/data", ""),
        ("GET", "/data/x", ""),
        ("GET", "/docs", ""),
        ("GET", "/docs/start.js", ""),
        ("GET", "/metrics", ""),
        ("GET", "/health", ""),
        ("GET", "/openapi.json", ""),
    ] {
        let answer = client.request(method, path, accept, "");
        let sniff = answer.header("x-content-type-options");
        assert_eq!(sniff, Some("nosniff"), "{method} {path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let is_page = answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html");
        assert_eq!(
            is_page,
            accept == page || path == "/docs",
            "{method} {path}"
        );
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert_eq!(policy.contains(part), is_page, "{method} {path}: {policy}");
        }
        let scripts = policy.contains("script-src 'self'");
        assert_eq!(scripts, path == "/docs", "{method} {path}: {policy}");
    }
}
