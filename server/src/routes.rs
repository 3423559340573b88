//! Which path goes where.

use std::time::Instant;

use salvo::{Handler, Router, Service};
use tallied_salvo::Scrape;

use super::body_budget::BodyBudget;
use super::complete_answer::CompleteAnswer;
use super::config::Config;
use super::health::{Health, Live, Readiness, Ready};
use super::{data, docs, faults, openapi, welcome};

/// The routes. What a client can send is in the document that [`openapi`] writes; a test there
/// compares the two. /metrics is among them unless it has a listener of its own. The fault route
/// is no part of the API, and in no document.
pub(super) fn router(
    scrape: Scrape,
    readiness: Readiness,
    budget: BodyBudget,
    config: &Config,
) -> Router {
    let limits = config.limits;
    let with_metrics = config.metrics_listen.is_none();
    let records = data::Data::new(limits, budget.clone());
    let health = Health {
        started: Instant::now(),
    };
    let mut router = read(Router::new(), welcome::Welcome { with_metrics })
        .push(
            read(Router::with_path("health"), health)
                .push(read(Router::with_path("live"), Live))
                .push(read(Router::with_path("ready"), Ready(readiness.clone()))),
        )
        .push(
            read(Router::with_path("data"), data::List(records.clone()))
                .post(data::Submit(records.clone()))
                .push(read(Router::with_path("{id}"), data::Show(records))),
        )
        .push(read(
            Router::with_path("openapi.json"),
            openapi::Document::new(limits, with_metrics),
        ))
        .push(
            read(Router::with_path("docs"), docs::Page)
                .push(read(Router::with_path("{file}"), docs::Asset)),
        );
    if with_metrics {
        router = router.push(metrics(scrape));
    }
    if config.faults {
        let fault = faults::Fault::new(readiness, limits, budget);
        // The same under an endpoint of its own: what is left in the middle there blurs no sizes here.
        let aborts = read(Router::with_path("aborts"), fault.clone()).post(fault.clone());
        router = router.push(
            read(Router::with_path("fault"), fault.clone())
                .post(fault)
                .push(aborts),
        );
    }
    router
}

/// /metrics.
pub(super) fn metrics(scrape: Scrape) -> Router {
    read(Router::with_path("metrics"), scrape)
}

/// The routes, with what answers where none of them does.
pub(super) fn service(router: Router) -> Service {
    Service::new(router).hoop(CompleteAnswer)
}

/// HEAD is answered where GET is; Salvo drops the body.
fn read(router: Router, handler: impl Handler + Clone) -> Router {
    router.get(handler.clone()).head(handler)
}
