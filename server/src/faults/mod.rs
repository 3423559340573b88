//! GET and POST /fault: what is wrong on request, for load tests and drills. /fault/aborts is the same, under an
//! endpoint of its own.
//!
//! It exists only if the configuration says so (`faults`), and is in no document of the API. The
//! parameters say what happens, in this order: the body of the request is read, the answer is
//! delayed, a worker of the runtime is blocked, then there is a panic, or an answer with a status, whole or in chunks. Pages of other origins get none of it.

mod chunks;
mod origin;
mod parameters;

use std::time::Duration;

use bytes::Bytes;
use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use salvo::http::{Method, ResBody};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use self::chunks::Chunks;
use self::parameters::Parameters;
use super::body;
use super::body_budget::BodyBudget;
use super::health::Readiness;
use super::limits::Limits;
use super::problem::Problem;

#[derive(Clone)]
pub(super) struct Fault {
    readiness: Readiness,
    limits: Limits,
    budget: BodyBudget,
}

impl Fault {
    pub(super) fn new(readiness: Readiness, limits: Limits, budget: BodyBudget) -> Self {
        Self {
            readiness,
            limits,
            budget,
        }
    }

    async fn answer(&self, req: &mut Request, res: &mut Response) -> Result<(), Problem> {
        origin::check(req)?;
        let parameters = Parameters::of(req)?;
        if req.method() == Method::POST {
            body::read(req, &self.limits, &self.budget).await?;
        }
        if parameters.delay > Duration::ZERO {
            tokio::time::sleep(parameters.delay).await;
        }
        // No `tokio::time::sleep`: that blocks nobody.
        std::thread::sleep(parameters.block);
        assert!(!parameters.panic, "a panic that /fault was asked for");
        res.status_code(parameters.status);
        let headers = res.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let body = match parameters.chunks {
            Some(plan) => ResBody::Boxed(Box::pin(Chunks::new(plan, self.readiness.draining()))),
            None => ResBody::Once(Bytes::from(format!("{}\n", parameters.status))),
        };
        res.replace_body(body);
        Ok(())
    }
}

#[salvo::async_trait]
impl Handler for Fault {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        if let Err(problem) = self.answer(req, res).await {
            problem.write(res);
        }
    }
}
