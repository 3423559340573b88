//! What each server is asked for: so many requests of known kinds, with delays, so that the servers' latencies and
//! failures differ, and the fleet's are none of theirs.

use crate::traffic::Kind;

const BODY: &str = r#"{"name":"x","values":[1,2,3]}"#;

const fn get(path: &'static str, endpoint: &'static str, status: u16, count: u32) -> Kind {
    Kind {
        name: path,
        body: None,
        path,
        endpoint,
        status,
        count,
    }
}

const fn fault(path: &'static str, status: u16, count: u32) -> Kind {
    get(path, FAULT, status, count)
}

const fn post(body: &'static str, status: u16, count: u32) -> Kind {
    Kind {
        name: "POST /data",
        body: Some(body),
        path: "/data",
        endpoint: "/data",
        status,
        count,
    }
}

/// The endpoint whose latency is looked at closely.
pub(super) const FAULT: &str = "/fault";

/// Many quick requests, few of which fail.
pub(super) const QUICK: [Kind; 6] = [
    fault("/fault?delay_seconds=0.006", 200, 150),
    fault("/fault?status=500", 500, 3),
    get("/data", "/data", 200, 40),
    post(BODY, 201, 10),
    get("/no-such-path", "unmatched", 404, 5),
    get("/health", "/health", 200, 4),
];

/// Ten times slower, and many fail.
pub(super) const FAILING: [Kind; 3] = [
    fault("/fault?delay_seconds=0.06", 200, 60),
    fault("/fault?status=503", 503, 12),
    get("/data?limit=1", "/data", 200, 20),
];

/// Few requests, and slow ones.
pub(super) const SLOW: [Kind; 4] = [
    fault("/fault?delay_seconds=0.3", 200, 20),
    fault("/fault?delay_seconds=0.03&status=500", 500, 1),
    get("/data", "/data", 200, 30),
    post("no JSON", 400, 6),
];

/// Of the server that is found later: slower than all others.
pub(super) const LATE: [Kind; 2] = [
    fault("/fault?delay_seconds=0.7", 200, 6),
    fault("/fault?status=502", 502, 9),
];
