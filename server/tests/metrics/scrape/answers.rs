//! Methods, formats, compression, headers.

use salvo::Service;
use salvo::prelude::*;
use salvo_compression::{Compression, CompressionLevel};
use tallied::{Counter, Family, Registry};
use tallied_salvo::{Scrape, ScrapeMetrics};

use super::{decoded, serve};
use crate::support::{Answer, TestServer};

/// A registry whose document is larger than what is compressed at a time.
fn registry() -> Registry {
    let registry = Registry::default();
    for name in ["large", "larger"] {
        let family = Family::<Counter, 1>::new(["number"]);
        for number in 0..3_000 {
            family.get_or_create(&[&number.to_string()]).inc();
        }
        registry.register(name, "Many series", family).unwrap();
    }
    let jobs = Counter::default();
    jobs.inc_by(3);
    registry.register("jobs", "Jobs", jobs).unwrap();
    registry
}

/// What every answer says.
fn assert_headers(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"));
}

#[test]
fn get_is_answered_with_a_document_and_head_with_its_headers() {
    let server = serve(Scrape::new(registry()));
    let mut client = server.connect();
    for headers in [
        "",
        "Accept-Encoding: gzip\r\n",
        "Accept: application/openmetrics-text\r\n",
    ] {
        let get = client.request("GET", "/metrics", headers, "");
        let head = client.request("HEAD", "/metrics", headers, "");
        assert_eq!((get.status, head.status), (200, 200));
        assert_headers(&get);
        assert_headers(&head);
        for header in ["content-type", "content-encoding"] {
            assert_eq!(head.header(header), get.header(header), "{header}");
        }
        let length = get.body.len().to_string();
        assert_eq!(get.header("content-length"), Some(&*length));
        assert!(decoded(&get).contains("jobs_total 3\n"));
        // Nothing is rendered for it, so nobody knows.
        assert_eq!(head.header("content-length"), None);
    }
}

#[test]
fn head_renders_nothing() {
    let registry = registry();
    let metrics = ScrapeMetrics::register(&registry).unwrap();
    let server = serve(Scrape::new(registry.clone()).with_metrics(metrics));
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.request("HEAD", "/metrics", "", "").status, 200);
    }
    let text = registry.text();
    assert!(
        text.contains("tallied_scrapes_total{result=\"ok\"} 0\n"),
        "{text}"
    );
    assert!(text.contains("tallied_scrape_samples 0\n"), "{text}");
}

#[test]
fn any_other_method_is_refused() {
    let server = serve(Scrape::new(registry()));
    let mut client = server.connect();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let answer = client.request(method, "/metrics", "", "x");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        assert!(answer.text().contains("use GET or HEAD"));
        assert_headers(&answer);
    }
}

#[test]
fn an_unknown_format_is_refused() {
    let server = serve(Scrape::new(registry()));
    let mut client = server.connect();
    for method in ["GET", "HEAD"] {
        let answer = client.request(
            method,
            "/metrics?format=json",
            "Accept-Encoding: gzip\r\n",
            "",
        );
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("content-encoding"), None);
        assert_headers(&answer);
    }
    assert!(
        client
            .get("/metrics?format=json")
            .text()
            .contains("format=openmetrics")
    );
}

#[test]
fn a_compressed_document_is_the_same_document() {
    let registry = registry();
    let server = serve(Scrape::new(registry.clone()));
    let mut client = server.connect();
    for (format, expected) in [
        ("text", registry.text()),
        ("openmetrics", registry.openmetrics()),
    ] {
        let path = format!("/metrics?format={format}");
        let plain = client.request("GET", &path, "Accept-Encoding: gzip;q=0\r\n", "");
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.text(), expected);
        let gzip = client.request("GET", &path, "Accept-Encoding: br, gzip\r\n", "");
        assert_eq!(gzip.header("content-encoding"), Some("gzip"));
        assert_eq!(decoded(&gzip), expected);
        assert!(gzip.body.len() * 4 < plain.body.len());
    }
}

#[test]
fn protobuf_is_for_who_names_it() {
    let registry = registry();
    let server = serve(Scrape::new(registry.clone()));
    let mut client = server.connect();
    let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1\r\n";
    let content_type = Some(tallied::exposition::protobuf::CONTENT_TYPE);
    for (path, headers) in [("/metrics", accept), ("/metrics?format=protobuf", "")] {
        let plain = client.request("GET", path, headers, "");
        assert_eq!(plain.header("content-type"), content_type);
        assert_eq!(plain.body, registry.protobuf());
        let headers = format!("{headers}Accept-Encoding: gzip\r\n");
        let gzip = client.request("GET", path, &headers, "");
        assert_eq!(gzip.header("content-encoding"), Some("gzip"));
        let mut bytes = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&*gzip.body);
        std::io::Read::read_to_end(&mut decoder, &mut bytes).unwrap();
        assert_eq!(bytes, registry.protobuf());
    }
    let text = client.request("GET", "/metrics?format=text", accept, "");
    assert_eq!(text.text(), registry.text());
}

#[test]
fn openmetrics_answers_the_escaping_scheme_and_created_on_request() {
    let registry = registry();
    let server = serve(Scrape::new(registry.clone()));
    let mut client = server.connect();
    let accept = "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8\r\n";
    let answer = client.request("GET", "/metrics", accept, "");
    let content_type =
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert_eq!(answer.text(), registry.openmetrics());
    let answer = client.request("GET", "/metrics?created=true", accept, "");
    let without: Vec<_> = answer
        .text()
        .lines()
        .filter(|line| !line.contains("_created"))
        .map(str::to_owned)
        .collect();
    assert!(
        registry
            .openmetrics()
            .lines()
            .eq(without.iter().map(|line| &**line))
    );
    assert!(answer.text().lines().count() > without.len());
}

#[test]
fn a_hoop_that_compresses_does_not_compress_again() {
    let registry = registry();
    let gzip = Compression::new().enable_gzip(CompressionLevel::Fastest);
    let router = Router::with_path("metrics").goal(Scrape::new(registry.clone()));
    let service = Service::new(router).hoop(gzip);
    let server = TestServer::start_service(service, std::time::Duration::from_millis(100));
    let mut client = server.connect();
    let answer = client.request("GET", "/metrics", "Accept-Encoding: gzip\r\n", "");
    assert_eq!(answer.head.matches("gzip").count(), 1, "{}", answer.head);
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(&*length));
    assert_eq!(decoded(&answer), registry.text());
}

#[test]
fn every_result_is_there_from_the_start_and_is_counted() {
    let registry = registry();
    let metrics = ScrapeMetrics::register(&registry).unwrap();
    let document = |ok, invalid| {
        format!(
            "# TYPE tallied_scrapes_total counter\n\
             tallied_scrapes_total{{result=\"ok\"}} {ok}\n\
             tallied_scrapes_total{{result=\"invalid\"}} {invalid}\n\
             tallied_scrapes_total{{result=\"refused\"}} 0\n\
             tallied_scrapes_total{{result=\"timeout\"}} 0\n\
             tallied_scrapes_total{{result=\"cancelled\"}} 0\n\
             tallied_scrapes_total{{result=\"error\"}} 0\n"
        )
    };
    let server = serve(Scrape::new(registry.clone()).with_metrics(metrics));
    let mut client = server.connect();
    let text = |answer: &Answer| decoded(answer);
    assert!(text(&client.get("/metrics")).contains(&document(0, 0)));
    client.get("/metrics?format=json");
    let gzip = client.request("GET", "/metrics", "Accept-Encoding: gzip\r\n", "");
    let second = text(&gzip);
    assert!(second.contains(&document(1, 1)), "{second}");
    // One of some of the families says nothing of how many samples there are.
    client.get("/metrics?name[]=jobs");
    let samples = second.lines().filter(|line| !line.starts_with('#')).count();
    let third = text(&client.get("/metrics"));
    assert!(third.contains(&document(3, 1)), "{third}");
    assert!(
        third.contains(&format!("tallied_scrape_samples {samples}\n")),
        "{third}"
    );
    assert!(
        third.contains("tallied_scrape_duration_seconds_count 3\n"),
        "{third}"
    );
    // Uncompressed: two of some 130 kB each, and one of 60 bytes.
    assert!(
        third.contains("tallied_scrape_size_bytes_bucket{le=\"1000\"} 1\n"),
        "{third}"
    );
    assert!(
        third.contains("tallied_scrape_size_bytes_bucket{le=\"100000\"} 1\n"),
        "{third}"
    );
    assert!(
        third.contains("tallied_scrape_size_bytes_bucket{le=\"1e+06\"} 3\n"),
        "{third}"
    );
}
