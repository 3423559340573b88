//! The `method` label, which clients would fill with any word.

use http::Method;

/// The methods of RFC 9110 and RFC 5789.
static STANDARD: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// What stands for all others.
const OTHER: &str = "OTHER";

/// The default value of the `method` label: one of the nine methods of RFC 9110 and RFC 5789, or `OTHER`. The option
/// [`methods`](crate::HttpMetricsBuilder::methods) does not change it.
pub fn standard_method(method: &Method) -> &'static str {
    let known = STANDARD.iter().find(|known| *known == method);
    known.map_or(OTHER, Method::as_str)
}

/// The methods that have a label value of their own.
#[derive(Debug)]
pub(crate) struct Methods {
    known: Box<[(Method, &'static str)]>,
}

/// A label value, and its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodLabel {
    pub(crate) index: usize,
    pub(crate) name: &'static str,
}

impl Methods {
    /// These have one. The names live as long as the process, as the series do.
    pub(crate) fn new(known: impl IntoIterator<Item = Method>) -> Self {
        let named = |method: Method| {
            let name: &'static str = Box::leak(method.as_str().into());
            (method, name)
        };
        let known = known.into_iter().map(named).collect();
        Self { known }
    }

    pub(crate) fn label(&self, method: &Method) -> MethodLabel {
        let index = self.known.iter().position(|(known, _)| method == known);
        let index = index.unwrap_or(self.known.len());
        let name = self.known.get(index).map_or(OTHER, |(_, name)| name);
        MethodLabel { index, name }
    }

    /// All of them, `OTHER` last.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &'static str> {
        let known = self.known.iter().map(|(_, name)| *name);
        known.chain([OTHER])
    }
}

impl Default for Methods {
    /// The standard ones.
    fn default() -> Self {
        Self::new(STANDARD.clone())
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Methods, STANDARD};

    #[test]
    fn methods_are_bounded() {
        let methods = Methods::default();
        for (index, method) in STANDARD.iter().enumerate() {
            let label = methods.label(method);
            assert_eq!((label.index, label.name), (index, method.as_str()));
        }
        for made_up in ["get", "PROPFIND", "A", "GETT", "OTHER"] {
            let label = methods.label(&made_up.parse().unwrap());
            assert_eq!((label.index, label.name), (STANDARD.len(), "OTHER"));
        }
        assert_eq!(methods.labels().count(), STANDARD.len() + 1);
    }

    #[test]
    fn others_can_be_known() {
        let webdav = Method::from_bytes(b"PROPFIND").unwrap();
        let methods = Methods::new([Method::GET, webdav.clone()]);
        assert_eq!(methods.label(&webdav).name, "PROPFIND");
        assert_eq!(methods.label(&Method::POST).name, "OTHER");
        assert!(methods.labels().eq(["GET", "PROPFIND", "OTHER"]));
    }
}
