//! /data: records are made, found and listed.

use super::{json, start};
use crate::support::{Client, JSON};

#[test]
fn a_record_is_made_found_and_listed() {
    let server = start();
    let mut client = server.connect();
    for (kind, name) in [
        (JSON, "a"),
        ("Content-Type: application/json; charset=utf-8\r\n", "b"),
        ("Content-Type: application/vnd.example+json\r\n", "c"),
    ] {
        let body = format!(r#"{{"name":"{name}","values":[4,2,4,5,4,5,7,9]}}"#);
        let made = client.request("POST", "/data", kind, &body);
        assert_eq!(made.status, 201, "{}", made.text());
        let record = json(&made);
        let wanted = serde_json::json!({
            "id": record["id"], "name": name, "count": 8, "min": 2.0, "max": 9.0, "mean": 5.0,
            "standard_deviation": 2.0, "p50": 4.5, "p95": record["p95"],
        });
        assert_eq!(record, wanted);
        assert!((record["p95"].as_f64().unwrap() - 8.3).abs() < 1e-12);
        let location = made.header("location").unwrap();
        assert_eq!(location, format!("/data/{}", record["id"]));
        assert_eq!(json(&client.get(location)), record);
    }
    let names = |client: &mut Client, query: &str| -> String {
        let page = json(&client.get(&format!("/data{query}")));
        assert_eq!((&page["submitted"], &page["kept"]), (&3.into(), &3.into()));
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names(&mut client, ""), "cba");
    assert_eq!(names(&mut client, "?limit=2"), "cb");
    assert_eq!(names(&mut client, "?limit=2&offset=1"), "ba");
    assert_eq!(names(&mut client, "?offset=3"), "");
}

#[test]
fn the_list_shows_a_hundred_unless_it_is_told() {
    let server = start();
    let mut client = server.connect();
    for _ in 0..101 {
        client.request("POST", "/data", JSON, r#"{"name":"a","values":[1]}"#);
    }
    let items = |client: &mut Client, path: &str| {
        json(&client.get(path))["items"].as_array().unwrap().len()
    };
    assert_eq!(items(&mut client, "/data"), 100);
    assert_eq!(items(&mut client, "/data?limit=1000"), 101);
}
