//! The metrics of the endpoints, registered as the options ask for.

use tallied::{Buckets, Counter, Family, Histogram, RegisterError, Registry, Unit};

use crate::builder::{HttpMetric, HttpMetricsBuilder};
use crate::labelled::{self, put};
use crate::own_labels::OwnLabels;
use crate::series::EndpointFamilies;

/// Upper bounds of the times of polls, in seconds: a poll should take tens of microseconds.
const POLL_BUCKETS: [f64; 9] = [1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 1.0];

/// Registers all but those that are switched off.
pub(crate) fn register(
    options: &HttpMetricsBuilder,
    registry: &Registry,
) -> Result<EndpointFamilies, RegisterError> {
    let own: Vec<&str> = options
        .own_labels
        .iter()
        .map(|label| &*label.name)
        .collect();
    let with_own = |labels: &[&'static str]| [labels, &own].concat();
    let is_on = |metric| !options.off.contains(&metric);
    let counter = |metric, name, help, label| {
        let labels = with_own(&["method", "endpoint", label]);
        let register = || labelled::register(registry, name, help, None, &labels);
        is_on(metric).then(register).transpose()
    };
    let histogram = |metric, name, help, unit, labels: &[&'static str]| {
        let labels = with_own(labels);
        let register = || labelled::register(registry, name, help, Some(unit), &labels);
        is_on(metric).then(register).transpose()
    };
    let endpoint: &[&str] = &["method", "endpoint"];
    let duration = match options.duration_by_status_class {
        true => &["method", "endpoint", "status_class"],
        false => endpoint,
    };
    Ok(EndpointFamilies {
        requests: counter(
            HttpMetric::Requests,
            "http_requests",
            "Total HTTP requests",
            "status_code",
        )?,
        duration_seconds: histogram(
            HttpMetric::RequestDuration,
            "http_request_duration_seconds",
            "Time from the request's head to the end of the response",
            Unit::Seconds,
            duration,
        )?,
        response_start_seconds: histogram(
            HttpMetric::ResponseStart,
            "http_response_start_seconds",
            "Time from the request's head to the response's",
            Unit::Seconds,
            endpoint,
        )?,
        request_bytes: histogram(
            HttpMetric::RequestSize,
            "http_request_size_bytes",
            "Size of the request bodies",
            Unit::Bytes,
            endpoint,
        )?,
        response_bytes: histogram(
            HttpMetric::ResponseSize,
            "http_response_size_bytes",
            "Size of the response bodies",
            Unit::Bytes,
            endpoint,
        )?,
        in_flight: match is_on(HttpMetric::RequestsInFlight) {
            true => {
                let family = Family::new(["method"]);
                let help = "Requests that are being answered now";
                put(
                    registry,
                    "http_requests_in_flight",
                    help,
                    None,
                    family.clone(),
                )?;
                Some(family)
            }
            false => None,
        },
        aborted: counter(
            HttpMetric::RequestsAborted,
            "http_requests_aborted",
            "HTTP requests that did not get their whole answer, by reason",
            "reason",
        )?,
        poll_seconds: match options.handler_polls {
            true => Some(polls(registry)?),
            false => None,
        },
        grpc_requests: match options.grpc {
            true => {
                let family = Family::<Counter, 2>::new(["endpoint", "grpc_status"]);
                let help = "Total gRPC calls, by their status";
                put(registry, "grpc_requests", help, None, family.clone())?;
                Some(family)
            }
            false => None,
        },
        duration_by_class: options.duration_by_status_class,
        buckets: options.buckets.clone(),
        own_labels: own_labels(options, registry)?,
    })
}

fn polls(registry: &Registry) -> Result<Family<Histogram, 1>, RegisterError> {
    let buckets = Buckets::new(POLL_BUCKETS).expect("constant bounds, which increase");
    let family =
        Family::new_with_constructor(["endpoint"], move || Histogram::with_buckets(&buckets));
    let help = "Time of each poll of a request's future or body: what it keeps a worker of the runtime from all else";
    let unit = Some(Unit::Seconds);
    put(
        registry,
        "http_handler_poll_seconds",
        help,
        unit,
        family.clone(),
    )?;
    Ok(family)
}

fn own_labels(
    options: &HttpMetricsBuilder,
    registry: &Registry,
) -> Result<OwnLabels, RegisterError> {
    let overflowed = Family::<Counter, 1>::new(["label"]);
    if !options.own_labels.is_empty() {
        let help = "HTTP requests counted under the value \"other\" of a label, because it has too many values";
        put(
            registry,
            "http_requests_label_overflow",
            help,
            None,
            overflowed.clone(),
        )?;
    }
    let labels = options.own_labels.clone();
    Ok(OwnLabels::new(labels, |label| {
        overflowed.get_or_create_owned(&[label])
    }))
}
