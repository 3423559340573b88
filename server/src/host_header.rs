//! Refuses a request over HTTP/1.1 without a Host, or with two of them, or with one that names no host.
//!
//! Of two, a proxy or a cache in front may go by the other one.
//!
//! Source: RFC 9112, section 3.2.

use salvo::http::header::HOST;
use salvo::http::uri::Authority;
use salvo::http::{HeaderValue, StatusCode, Version};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use super::problem::Problem;

/// To stand inside of the metrics' hoop, so that what it refuses is counted.
pub(super) struct HostRequired;

#[salvo::async_trait]
impl Handler for HostRequired {
    async fn handle(
        &self,
        req: &mut Request,
        _: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        if req.version() != Version::HTTP_11 {
            return;
        }
        let mut hosts = req.headers().get_all(HOST).iter();
        let detail = match (hosts.next(), hosts.next()) {
            (Some(host), None) if names_a_host(host) => return,
            (Some(_), None) => "the Host header names no host; send that of the URL",
            (None, _) => "a request over HTTP/1.1 needs a Host header",
            (Some(_), Some(_)) => "there are several Host headers; send one",
        };
        Problem::new(StatusCode::BAD_REQUEST, detail).write(res);
        ctrl.skip_rest();
    }
}

/// Whether the value is a host with an optional port, or empty, as the specification allows.
fn names_a_host(host: &HeaderValue) -> bool {
    let Ok(text) = host.to_str() else {
        return false;
    };
    // The URI type takes no percent encoding, which RFC 3986 allows.
    let Ok(authority) = Authority::try_from(text.replace('%', "-")) else {
        return text.is_empty();
    };
    let port = authority.as_str().strip_prefix(authority.host());
    let digits = port.and_then(|port| port.strip_prefix(':').or(port.is_empty().then_some("")));
    let is_port = |digits: &str| digits.is_empty() || digits.parse::<u16>().is_ok();
    !authority.host().is_empty() && digits.is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;

    use super::names_a_host;

    #[test]
    fn hosts_and_others() {
        let names = |host: &[u8]| names_a_host(&HeaderValue::from_bytes(host).unwrap());
        for host in [
            "x",
            "example.org:80",
            "127.0.0.1:8000",
            "[::1]:8000",
            "a%20b",
            "x:",
            "",
        ] {
            assert!(names(host.as_bytes()), "{host}");
        }
        for host in [
            "a b", "user@x", "x/y", "a, b", "http://x", "[::1", "x:y:z", "x:y", "x:99999", ":80",
        ] {
            assert!(!names(host.as_bytes()), "{host}");
        }
        assert!(!names(b"x\xff"));
    }
}
