//! What an option may look at of a request.

use std::borrow::Cow;

use http::{Extensions, HeaderMap, Method, Uri, Version};

/// The head of a request, the same whatever the framework: for [labels of your own](crate::HttpMetricsBuilder::label) and
/// [rules for the endpoint](crate::HttpMetricsBuilder::endpoint_rule).
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    route: Option<&'a str>,
}

impl<'a> RequestHead<'a> {
    /// For adapters: the parts of a request, without a route.
    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        version: Version,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            method,
            uri,
            version,
            headers,
            extensions,
            route: None,
        }
    }

    /// The head of a request, without a route.
    pub fn of<B>(request: &'a http::Request<B>) -> Self {
        Self::new(
            request.method(),
            request.uri(),
            request.version(),
            request.headers(),
            request.extensions(),
        )
    }

    pub(crate) fn with_route(self, route: Option<&'a str>) -> Self {
        Self { route, ..self }
    }

    /// The method, as the client sent it.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The path, as the client sent it.
    pub fn path(&self) -> &'a str {
        self.uri.path()
    }

    /// The query, without its `?`.
    pub fn query(&self) -> Option<&'a str> {
        self.uri.query()
    }

    /// The whole target.
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The version of HTTP.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The first header of this name; `None` where it is missing, or holds anything but visible ASCII, spaces and tabs.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self.headers.get(name)?;
        value.to_str().ok().map(Cow::Borrowed)
    }

    /// All headers.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What the connection, or a middleware further out, put beside the request.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The pattern of the route that took the request, with its leading slash; `None` where no route did, or where the
    /// middleware stands before the router.
    pub fn route(&self) -> Option<&'a str> {
        self.route
    }
}
