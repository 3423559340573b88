//! A stream is recorded before its end is sent, and not when its body is dropped: over HTTP/2 that
//! is another task's, and can be later than the client's next scrape. Here it is.

use salvo::http::ResBody;
use salvo::prelude::*;
use tallied_matrix::behaviours::streams;
use tallied_matrix::kept::{Kept, Until, keep, recorded_while_kept};
use tallied_matrix::{Protocol, Step, route, stream};
use tallied_salvo::Instrument;

use crate::salvo::{router, start};
use crate::subject::Subject;

over! { salvo_observed [http2] a_stream_whose_body_is_still_there }

/// Outside of the hoop: keeps the body of an answer until the other end of the channel is dropped.
struct Keeps(Until);

#[async_trait]
impl Handler for Keeps {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
        let kept = Kept::new(res.take_body(), &self.0);
        res.body(ResBody::Boxed(Box::pin(kept)));
    }
}

fn a_stream_whose_body_is_still_there(_: Subject, _: Protocol) {
    let (release, until) = keep();
    let routes = vec![route("GET", "/", streams(stream([Step::Send("hello")])))];
    let service = Service::new(router(routes)).hoop(Keeps(until));
    let server = start(|metrics| service.hoop(metrics.hoop()));
    recorded_while_kept(server, release);
}
