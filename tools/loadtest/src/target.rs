//! The server under test, and where its metrics are.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hyper::header::HeaderValue;

/// For how long each address of a host is tried.
const CONNECT: Duration = Duration::from_secs(2);

/// Where an `http://` URL leads.
#[derive(Debug, Clone)]
pub(crate) struct Url {
    /// As it was given.
    pub(crate) text: String,
    /// The one that is used; the first until [`Url::reached`] has tried them all.
    pub(crate) address: SocketAddr,
    /// All that the host's name stands for: `localhost` is often `::1` and `127.0.0.1`.
    addresses: Vec<SocketAddr>,
    pub(crate) host: HeaderValue,
    /// With its slash; `/` where there was none.
    pub(crate) path: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let rest = text.strip_prefix("http://").with_context(|| {
            format!("{text} does not begin with http://; give a URL such as http://127.0.0.1:8000 (TLS is not spoken)")
        })?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let with_port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => authority.to_owned(),
            _ => format!("{authority}:80"),
        };
        let addresses = with_port.to_socket_addrs().map_err(|error| {
            anyhow::anyhow!("{text} names no host and port that can be found ({error}); give a URL such as http://127.0.0.1:8000")
        })?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            address: *addresses
                .first()
                .with_context(|| format!("{text}: the host has no address"))?,
            addresses,
            host: HeaderValue::from_str(authority)
                .with_context(|| format!("{text}: its host is no header value"))?,
            path: path.to_owned(),
        })
    }

    /// One without a path.
    pub(crate) fn of_server(text: &str) -> Result<Self> {
        let url = Self::parse(text)?;
        ensure!(
            url.path == "/",
            "{text} has a path; leave it out, for the scenario has the paths"
        );
        Ok(url)
    }

    /// With the first of its addresses that takes a connection, for all that comes.
    ///
    /// # Errors
    /// When none does: with what each said.
    pub(crate) fn reached(mut self) -> Result<Self> {
        let mut said = Vec::new();
        for &address in &self.addresses {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(_) => {
                    self.address = address;
                    return Ok(self);
                }
                Err(error) => said.push(format!("{address}: {error}")),
            }
        }
        bail!("nothing answers at {} ({})", self.text, said.join("; "))
    }

    /// The same host, with another path.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        Self {
            text: format!("{}{path}", self.text),
            path: path.to_owned(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_an_address_a_host_and_a_path() {
        let url = Url::parse("http://127.0.0.1:8000").unwrap();
        assert_eq!((url.address.port(), url.path.as_str()), (8000, "/"));
        assert_eq!(url.host, "127.0.0.1:8000");
        let url = Url::parse("http://127.0.0.1/x/metrics?a=b").unwrap();
        assert_eq!(
            (url.address.port(), url.path.as_str()),
            (80, "/x/metrics?a=b")
        );
        let url = Url::of_server("http://[::1]:9/")
            .unwrap()
            .with_path("/metrics");
        assert_eq!(
            (url.address.port(), url.text.as_str()),
            (9, "http://[::1]:9/metrics")
        );
    }

    #[test]
    fn each_address_of_a_name_is_tried_and_the_one_that_answers_is_kept() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        // Bound and closed again: nobody else is on it for now.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let url = |addresses: &[SocketAddr]| Url {
            address: addresses[0],
            addresses: addresses.to_vec(),
            ..Url::parse("http://127.0.0.1:1").unwrap()
        };
        let reached = url(&[refused, good]).reached().unwrap();
        assert_eq!(reached.address, good);
        assert_eq!(reached.with_path("/metrics").address, good);
        let error = url(&[refused, refused]).reached().unwrap_err().to_string();
        assert_eq!(error.matches(&refused.to_string()).count(), 2, "{error}");
    }

    #[test]
    fn what_is_none_says_what_would_be() {
        for text in [
            "127.0.0.1:8000",
            "https://127.0.0.1",
            "http://",
            "http://127.0.0.1:x",
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8000"), "{error}");
        }
        assert!(Url::of_server("http://127.0.0.1:1/data").is_err());
    }
}
