//! Which path goes where.

use std::time::Instant;

use salvo::catcher::Catcher;
use salvo::{Handler, Router};

use super::health::{Health, Live, Readiness, Ready};
use super::limits::Limits;
use super::{data, docs, openapi, problem, welcome};
use crate::Scrape;

/// The routes. What a client can send is in the document that [`openapi`] writes; a test there
/// compares the two.
pub(super) fn router(scrape: Scrape, readiness: Readiness, limits: Limits) -> Router {
    let records = data::Data::new(limits);
    let health = Health {
        started: Instant::now(),
    };
    read(Router::new(), welcome::Welcome)
        .push(
            read(Router::with_path("health"), health)
                .push(read(Router::with_path("live"), Live))
                .push(read(Router::with_path("ready"), Ready(readiness))),
        )
        .push(read(Router::with_path("metrics"), scrape))
        .push(
            read(Router::with_path("data"), data::List(records.clone()))
                .post(data::Submit(records.clone()))
                .push(read(Router::with_path("{id}"), data::Show(records))),
        )
        .push(read(
            Router::with_path("openapi.json"),
            openapi::Document::new(limits),
        ))
        .push(
            read(Router::with_path("docs"), docs::Page)
                .push(read(Router::with_path("{file}"), docs::Asset)),
        )
}

/// What answers where no route does.
pub(super) fn catcher() -> Catcher {
    Catcher::new(problem::Catch)
}

/// HEAD is answered where GET is; Salvo drops the body.
fn read(router: Router, handler: impl Handler + Clone) -> Router {
    router.get(handler.clone()).head(handler)
}
