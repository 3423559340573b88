//! GET and POST /data, GET /data/{id}: sample data, kept in memory.

mod query;
mod statistics;
mod store;
mod submission;

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{HeaderValue, LOCATION};
use salvo::writing::Json;
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use self::query::Window;
pub(super) use self::query::{DEFAULT_LIMIT, MAX_LIMIT};
use self::statistics::Statistics;
use self::store::{Record, Store};
use super::body_budget::BodyBudget;
use super::limits::Limits;
use super::problem::Problem;

/// The records and their limits; clones share the records.
#[derive(Clone)]
pub(super) struct Data {
    store: Arc<Store>,
    limits: Limits,
    budget: BodyBudget,
}

impl Data {
    pub(super) fn new(limits: Limits, budget: BodyBudget) -> Self {
        Self {
            store: Arc::new(Store::new(limits.records)),
            limits,
            budget,
        }
    }

    async fn submit(&self, req: &mut Request) -> Result<Arc<Record>, Problem> {
        let submission = submission::read(req, &self.limits, &self.budget).await?;
        match Statistics::of(submission.values) {
            Some(statistics) => Ok(self.store.keep(submission.name, statistics)),
            // A submission has values, and JSON has finite numbers only.
            None => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the statistics are not finite",
            )
            .at("values")),
        }
    }

    fn find(&self, req: &Request) -> Result<Arc<Record>, Problem> {
        let id = query::id(req)?;
        self.store.find(id).ok_or_else(|| {
            let detail = format!(
                "no record has the id {id}; the newest {} are kept",
                self.limits.records
            );
            Problem::new(StatusCode::NOT_FOUND, detail).at("id")
        })
    }
}

/// GET /data
#[derive(Clone)]
pub(super) struct List(pub(super) Data);

#[salvo::async_trait]
impl Handler for List {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        match Window::of(req) {
            Ok(Window { offset, limit }) => res.render(Json(self.0.store.page(offset, limit))),
            Err(problem) => problem.write(res),
        }
    }
}

/// GET /data/{id}
#[derive(Clone)]
pub(super) struct Show(pub(super) Data);

#[salvo::async_trait]
impl Handler for Show {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        match self.0.find(req) {
            Ok(record) => res.render(Json(&*record)),
            Err(problem) => problem.write(res),
        }
    }
}

/// POST /data
#[derive(Clone)]
pub(super) struct Submit(pub(super) Data);

#[salvo::async_trait]
impl Handler for Submit {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        match self.0.submit(req).await {
            Ok(record) => {
                // Digits are valid in a header.
                if let Ok(location) = HeaderValue::from_str(&format!("/data/{}", record.id)) {
                    res.headers_mut().insert(LOCATION, location);
                }
                res.status_code(StatusCode::CREATED);
                res.render(Json(&*record));
            }
            Err(problem) => problem.write(res),
        }
    }
}
