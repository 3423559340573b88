//! The rows of the endpoints.

use serde_json::value::RawValue;

use super::wire::{EndpointRow, Pairs, Statuses};
use super::{Look, Sent, hash, raw};
use crate::endpoints::{Endpoint, SPARK};
use crate::json::Number;
use crate::model::{Column, QUANTILES};
use crate::quantile::quantile;

impl Look<'_> {
    /// All of them, or those that have changed.
    pub(super) fn endpoint_rows(&self, whole: bool, sent: &mut Sent) -> Vec<Box<RawValue>> {
        let window = self.model.window();
        let (mut seconds, mut requests) = (0.0, 0.0);
        for column in window {
            seconds += column.seconds;
            requests += column.happened.requests;
        }
        let spark_from = self.model.columns.len().saturating_sub(SPARK);
        let sparks: Vec<&Column> = self.model.columns.range(spark_from..).collect();
        let mut rows = Vec::new();
        for (id, endpoint) in self.model.endpoints.all.iter().enumerate() {
            let mut row = self.endpoint_row(id, endpoint, seconds, requests);
            let last = sparks.last().map_or(0.0, |last| spark(endpoint, last));
            row.spark_last = Some(Number::rounded(last));
            let changed = raw(&row);
            let hash = hash(&changed);
            if whole {
                row.spark_last = None;
                let sparks = sparks.iter().map(|column| spark(endpoint, column));
                row.spark = Some(sparks.map(Number::rounded).collect());
                rows.push(raw(&row));
                sent.endpoints.push((id, hash));
            } else if hash != endpoint.row {
                rows.push(changed);
                sent.endpoints.push((id, hash));
            }
        }
        rows
    }

    fn endpoint_row<'a>(
        &self,
        id: usize,
        endpoint: &'a Endpoint,
        seconds: f64,
        requests: f64,
    ) -> EndpointRow<'a> {
        let happened = endpoint.in_window();
        let bounds = endpoint.bounds.as_ref().map_or(&[][..], |b| b.bounds());
        let mut counts = vec![0; bounds.len() + 1];
        for (bucket, count) in &happened.buckets.0 {
            if let Some(cell) = counts.get_mut(*bucket as usize) {
                *cell += count;
            }
        }
        if endpoint.is_blind(self.model.last_tick()) {
            counts.fill(0);
        }
        let [p50, p95, p99] = QUANTILES
            .map(|q| quantile(q, bounds, &counts).map(|quantile| Number::rounded(quantile.value)));
        let own_bounds = endpoint.bounds.is_some() && endpoint.bounds != self.model.heat_bounds;
        EndpointRow {
            id,
            method: &endpoint.method,
            route: &endpoint.route,
            rate: (seconds > 0.0).then(|| Number::rounded(happened.requests / seconds)),
            share: (requests > 0.0).then(|| Number::rounded(happened.requests / requests)),
            p50,
            p95,
            p99,
            errors: Number(endpoint.errors()),
            aborted: Pairs(&endpoint.aborted),
            statuses: Statuses(&endpoint.statuses),
            requests: Number(endpoint.requests()),
            bytes_in: Number(endpoint.bytes_in),
            bytes_out: Number(endpoint.bytes_out),
            histogram: &endpoint.ten_minutes,
            bounds: own_bounds.then(|| bounds.iter().copied().map(Number).collect()),
            spark: None,
            spark_last: None,
        }
    }
}

fn spark(endpoint: &Endpoint, column: &Column) -> f64 {
    f64::from(endpoint.spark_at(column.tick)) / column.seconds
}
