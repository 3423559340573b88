//! From a final head to a record, or to the body that makes it.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, SizeHint};

use crate::aborted::Aborted;
use crate::exchange::{Exchange, Unrecorded};
use crate::response_body::{Count, CountedResponseBody, Framing, Handover};

/// A response as it passed the middleware: something outside may still change it.
#[derive(Debug)]
pub struct ResponseInProgress {
    /// Its body.
    pub body: BodyInProgress,
    /// How its body ends on the wire.
    pub framing: Framing,
    /// Whether it answers a HEAD, and so is sent without a body.
    pub to_head: bool,
}

/// The body of a [`ResponseInProgress`].
#[derive(Debug)]
pub enum BodyInProgress {
    /// Counted while it is sent.
    Streamed(Handover),
    /// Whole in memory, of so many bytes.
    Whole(u64),
}

/// A response that nothing will change any more.
#[derive(Debug)]
pub struct FinalResponse<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its [Content-Length](content_length).
    pub content_length: Option<u64>,
    /// The size of its body in bytes, where that is whole in memory; `None` for a stream.
    pub whole: Option<u64>,
    /// What its body says of its size.
    pub size_hint: SizeHint,
    /// Whether its body has ended.
    pub is_end_stream: bool,
    /// Whether its body is the [`CountedResponseBody`](crate::adapter::CountedResponseBody) itself: false where something
    /// outside has wrapped or replaced it.
    pub body_is_own: bool,
}

impl FinalResponse<'_> {
    /// The size of its body, if it is known.
    fn size(&self) -> Option<u64> {
        self.whole.or_else(|| self.size_hint.exact())
    }

    /// So many bytes the connection sends of its body, and then drops it.
    fn length(&self) -> Option<u64> {
        self.content_length.or_else(|| self.size_hint.exact())
    }

    /// Whether the connection will drop the body without asking it for anything.
    fn has_ended(&self, framing: Framing) -> bool {
        self.is_end_stream || framing == Framing::Length && self.content_length == Some(0)
    }

    /// Whether a whole body has another size than its Content-Length: then the client waits for the rest, or takes
    /// what is too much for the next answer, or refuses it. A middleware further out may have
    /// turned it into a stream of known size. hyper corrects the length of an empty one over HTTP/1.
    fn contradicts_its_length(&self, framing: Framing) -> bool {
        let (Some(declared), Some(size)) = (self.content_length, self.size()) else {
            return false;
        };
        declared != size && (size > 0 || framing == Framing::Frames)
    }
}

/// The Content-Length; `None` where it is missing or is no number. Of several the first counts.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Exchange {
    /// A response that nothing will change any more: records the request, or leaves that to the body that is given back.
    ///
    /// `to_head` says whether it answers a HEAD, and so is sent without a body. If reading the request's body showed that the
    /// client is gone or broke the protocol, that is recorded, whatever the response says. A response whose extensions hold
    /// [`Unrecorded`](crate::Unrecorded) leaves its request out.
    ///
    /// Costs no allocation, and for each frame of the body some additions.
    pub fn respond<B>(
        self,
        response: Response<B>,
        framing: Framing,
        to_head: bool,
    ) -> Response<CountedResponseBody<B>>
    where
        B: Body<Data = Bytes>,
    {
        if response.extensions().get::<Unrecorded>().is_some() {
            self.forget();
            return response.map(CountedResponseBody::uncounted);
        }
        let final_response = FinalResponse {
            status: response.status(),
            headers: response.headers(),
            content_length: content_length(response.headers()),
            whole: None,
            size_hint: response.body().size_hint(),
            is_end_stream: response.body().is_end_stream(),
            body_is_own: true,
        };
        let count = self.count(&final_response, framing, to_head);
        response.map(|body| CountedResponseBody::new(body, count))
    }

    /// As [`respond`](Self::respond), for a framework that has a response type of its own: gives the body to put in the place
    /// of `body`.
    pub fn count_body<B>(
        self,
        response: &FinalResponse<'_>,
        framing: Framing,
        to_head: bool,
        body: B,
    ) -> CountedResponseBody<B> {
        CountedResponseBody::new(body, self.count(response, framing, to_head))
    }

    fn count(mut self, response: &FinalResponse<'_>, framing: Framing, to_head: bool) -> Count {
        if self.settle_head(response, framing, to_head) {
            return Count::Nobody;
        }
        self.answered(response.status);
        Count::own(self, response.length(), framing)
    }

    /// The response is final: records the request, or leaves that to the streamed body.
    ///
    /// Call it once nothing changes the response any more. A streamed body records the request when it ends; if it has been
    /// read or dropped already, the request is recorded now. If reading the request's body showed that the client is gone or
    /// broke the protocol, that is recorded, whatever the response says.
    pub fn settle(mut self, passed: ResponseInProgress, response: &FinalResponse<'_>) {
        if self.settle_head(response, passed.framing, passed.to_head) {
            return;
        }
        let bytes = match passed.body {
            BodyInProgress::Streamed(handover) if handover.is_awaited() => {
                self.answered(response.status);
                return handover.give(self, response.length(), response.body_is_own);
            }
            // Something outside took the body away and put another in its place.
            BodyInProgress::Streamed(_) => response.whole.unwrap_or(0),
            // Where it is a stream now, something outside of the middleware encodes it.
            BodyInProgress::Whole(bytes) => response.whole.unwrap_or(bytes),
        };
        self.finish_with(response, passed.framing, bytes);
    }

    /// Records the request, unless the response has a body that the connection will ask for something. Says whether it did.
    fn settle_head(
        &mut self,
        response: &FinalResponse<'_>,
        framing: Framing,
        to_head: bool,
    ) -> bool {
        if let Some(fault) = self.request_body_fault() {
            self.abort(fault);
            return true;
        }
        self.see(response.headers, true);
        let status = response.status;
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            // An interim status in the place of a final one. Over HTTP/1 hyper answers 500 instead; over HTTP/2 it
            // is sent, and the client gets no final answer.
            let aborted = (framing == Framing::Frames).then_some(Aborted::BodyError);
            self.finish_whole(StatusCode::INTERNAL_SERVER_ERROR, 0, aborted);
            return true;
        }
        if !may_have_body(status) || to_head {
            self.finish_whole(status, 0, None);
            return true;
        }
        if response.has_ended(framing) {
            self.finish_with(response, framing, 0);
            return true;
        }
        false
    }

    /// The whole body has so many bytes.
    fn finish_with(&mut self, response: &FinalResponse<'_>, framing: Framing, bytes: u64) {
        let wrong = response.contradicts_its_length(framing);
        self.finish_whole(response.status, bytes, wrong.then_some(Aborted::BodyError));
    }
}

/// Whether a status lets a body follow the head (RFC 9110, section 6.4.1).
fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}
