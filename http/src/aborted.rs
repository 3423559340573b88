//! The reasons of `http_requests_aborted_total`.

/// Why a request did not get its whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// The client left.
    ClientDisconnect,
    /// A handler, a middleware or a body panicked.
    Panic,
    /// The service failed without an answer.
    ServiceError,
    /// The response's body failed after the head was sent.
    BodyError,
    /// The server stopped before the answer was complete.
    Shutdown,
    /// The client broke HTTP/2, and its stream was reset.
    ProtocolError,
}

impl Aborted {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client_disconnect",
            Self::Panic => "panic",
            Self::ServiceError => "service_error",
            Self::BodyError => "body_error",
            Self::Shutdown => "shutdown",
            Self::ProtocolError => "protocol_error",
        }
    }
}
