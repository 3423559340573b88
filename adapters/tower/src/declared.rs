//! Endpoints that the application declares, because nobody can list the routes of a service.

use std::collections::BTreeSet;

use http::Method;
use tallied_http::adapter::KnownRoute;

/// Why endpoints cannot be [declared](crate::MetricsLayer::endpoints).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is neither a path nor a method and a path.
    #[error(
        "{endpoint:?} is no endpoint: write a path like \"/users/{{id}}\", or a method and a path like \"GET /users/{{id}}\""
    )]
    Invalid {
        /// What was given.
        endpoint: String,
    },
    /// It has a part that is no pattern, or matches what another one matches.
    #[error("{endpoint:?} cannot be declared: {reason}; change or remove one")]
    Refused {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The declared endpoints, by path. Leaked on purpose: axum clones its layers for each request, and counting references would
/// make all of them contend.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Declared(Option<&'static matchit::Router<Box<str>>>);

impl Declared {
    /// Adds endpoints, and says what routes they are.
    pub(crate) fn add<'a>(
        &mut self,
        endpoints: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<KnownRoute>, EndpointError> {
        let mut router = self.0.cloned().unwrap_or_default();
        let mut routes = BTreeSet::new();
        for endpoint in endpoints {
            let (method, path) = parsed(endpoint)?;
            // The same path with another method is the same endpoint.
            let known = router.at(path).is_ok_and(|found| **found.value == *path);
            if !known {
                router
                    .insert(path, path.into())
                    .map_err(|error| EndpointError::Refused {
                        endpoint: endpoint.to_owned(),
                        reason: error.to_string(),
                    })?;
            }
            routes.insert(KnownRoute {
                endpoint: path.to_owned(),
                method,
                exact: true,
            });
        }
        self.0 = Some(Box::leak(Box::new(router)));
        Ok(routes)
    }

    /// The one that matches a path.
    pub(crate) fn find(&self, path: &str) -> Option<&str> {
        let found = self.0?.at(path).ok()?;
        Some(found.value)
    }
}

fn parsed(endpoint: &str) -> Result<(Option<String>, &str), EndpointError> {
    let (method, path) = match endpoint.split_once(' ') {
        Some((method, path)) => (Some(method), path),
        None => (None, endpoint),
    };
    let is_method = |method: &str| Method::from_bytes(method.as_bytes()).is_ok();
    if !path.starts_with('/') || path.contains(' ') || !method.is_none_or(is_method) {
        let endpoint = endpoint.to_owned();
        return Err(EndpointError::Invalid { endpoint });
    }
    Ok((method.map(str::to_owned), path))
}
