//! Streamed bodies that end in ways that only Salvo has.

use std::future::poll_fn;
use std::pin::Pin;

use http_body::Body;
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{HeaderMap, HeaderValue, ResBody};
use salvo::prelude::*;
use tallied_matrix::behaviours::streams;
use tallied_matrix::{Protocol, route};
use tallied_salvo::Instrument;

use crate::ends::{answered, pieces};
use crate::salvo::{router, serve_service, start};
use crate::subject::Subject;

over! { salvo [http1, http2] by_the_trailers_of_a_channel }

over! { salvo_observed [http1, http2]
    by_a_length_that_is_set_outside,
    before_the_head_was_final,
}

fn by_the_trailers_of_a_channel(on: Subject, protocol: Protocol) {
    #[handler]
    async fn tells(res: &mut Response) {
        let (mut sender, body) = ResBody::channel();
        res.headers_mut()
            .insert("trailer", HeaderValue::from_static("x-sum"));
        res.replace_body(body);
        tokio::spawn(async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("1"));
            sender.send_data("hello").await.unwrap();
            sender.send_trailers(trailers).await.unwrap();
        });
    }
    answered(
        protocol,
        serve_service(on, Service::new(Router::new().get(tells))),
        5,
    );
}

/// A stream, with another hoop outside of ours.
fn outside(protocol: Protocol, hoop: impl Handler) {
    let routes = vec![route("GET", "/", streams(pieces()))];
    let service = Service::new(router(routes)).hoop(hoop);
    answered(protocol, start(|metrics| service.hoop(metrics.hoop())), 5);
}

/// Sets the length of an answer, when the hoop is through with it.
struct Length;

#[async_trait]
impl Handler for Length {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
        let length = HeaderValue::from_static("5");
        res.headers_mut().insert(CONTENT_LENGTH, length);
    }
}

fn by_a_length_that_is_set_outside(_: Subject, protocol: Protocol) {
    outside(protocol, Length);
}

fn before_the_head_was_final(_: Subject, protocol: Protocol) {
    /// Outside of the hoop: takes all of a body, and puts it back whole.
    struct Collects;

    #[async_trait]
    impl Handler for Collects {
        async fn handle(
            &self,
            req: &mut Request,
            depot: &mut Depot,
            res: &mut Response,
            ctrl: &mut FlowCtrl,
        ) {
            ctrl.call_next(req, depot, res).await;
            let mut all = Vec::new();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut res.body).poll_frame(cx)).await {
                all.extend(frame.unwrap().into_data().unwrap());
            }
            // The body that was read is kept for ever.
            std::mem::forget(res.take_body());
            res.body(all);
        }
    }
    outside(protocol, Collects);
}
