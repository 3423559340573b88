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
/// compares the two. /metrics and /live are among them unless they have a listener of their own. The fault route
/// is no part of the API, and in no document.
pub(super) fn router(
    scrape: Scrape,
    live: Option<tallied_salvo::Live>,
    readiness: Readiness,
    budget: BodyBudget,
    config: &Config,
) -> Router {
    let limits = config.limits;
    let with_metrics = config.metrics_listen.is_none();
    let with_live = with_metrics && live.is_some();
    let records = data::Data::new(limits, budget.clone());
    let health = Health {
        started: Instant::now(),
    };
    let mut router = read(
        Router::new(),
        welcome::Welcome::new(with_metrics, with_live),
    )
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
        openapi::Document::new(limits, with_metrics, with_live),
    ))
    .push(
        read(Router::with_path("docs"), docs::Page)
            .push(read(Router::with_path("{file}"), docs::Asset)),
    );
    if with_metrics {
        router = router.push(metrics(scrape, live));
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

/// /metrics, and /live where there is one.
pub(super) fn metrics(scrape: Scrape, live: Option<tallied_salvo::Live>) -> Router {
    let router = Router::new().push(read(Router::with_path("metrics"), scrape));
    match live {
        Some(live) => router
            .push(read(Router::with_path("live"), live.clone()))
            .push(read(Router::with_path("live.json"), live)),
        None => router,
    }
}

/// The routes, with what answers where none of them does.
pub(super) fn service(router: Router) -> Service {
    Service::new(router).hoop(CompleteAnswer)
}

/// HEAD is answered where GET is; Salvo drops the body.
fn read(router: Router, handler: impl Handler + Clone) -> Router {
    router.get(handler.clone()).head(handler)
}
