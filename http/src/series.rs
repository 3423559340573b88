//! What is recorded of requests of one method and endpoint: the cells, found once and kept.
//!
//! They live as long as the process, so that a request holds a reference and counts no references.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::StatusCode;
use tallied::{Buckets, Counter, Family, Histogram, UpDownCounter};

use crate::append_only::AppendOnly;
use crate::bounds::EndpointBounds;
use crate::labelled::Labelled;
use crate::methods::MethodLabel;
use crate::own_labels::{OwnLabels, Values};

/// The statuses whose counters are kept at hand; others are looked up.
const FREQUENT: [u16; 16] = [
    200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 422, 429, 500, 503,
];

/// The classes of statuses, as a label has them.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// The families that the series belong to; `None` for what is switched off.
#[derive(Debug)]
pub(crate) struct EndpointFamilies {
    pub(crate) requests: Option<Arc<dyn Labelled<Counter>>>,
    pub(crate) aborted: Option<Arc<dyn Labelled<Counter>>>,
    pub(crate) in_flight: Option<Family<UpDownCounter, 1>>,
    pub(crate) duration_seconds: Option<Arc<dyn Labelled<Histogram>>>,
    pub(crate) response_start_seconds: Option<Arc<dyn Labelled<Histogram>>>,
    pub(crate) request_bytes: Option<Arc<dyn Labelled<Histogram>>>,
    pub(crate) response_bytes: Option<Arc<dyn Labelled<Histogram>>>,
    pub(crate) poll_seconds: Option<Family<Histogram, 1>>,
    pub(crate) grpc_requests: Option<Family<Counter, 2>>,
    /// Whether the durations have the class of the status among their labels.
    pub(crate) duration_by_class: bool,
    pub(crate) buckets: EndpointBounds,
    pub(crate) own_labels: OwnLabels,
}

/// A method and an endpoint.
#[derive(Debug)]
pub(crate) struct MethodSeries {
    pub(crate) method: MethodLabel,
    pub(crate) endpoint: &'static str,
    in_flight: Option<UpDownCounter>,
    /// Of each poll of the endpoint's futures.
    pub(crate) poll_seconds: Option<Histogram>,
    families: &'static EndpointFamilies,
    buckets: EndpointBounds,
    plain: OnceLock<Series>,
    /// … where there are labels of the application's own.
    labelled: Option<AppendOnly<LabelledSeries>>,
}

#[derive(Debug)]
struct LabelledSeries {
    values: Values,
    series: Series,
}

impl std::borrow::Borrow<Values> for LabelledSeries {
    fn borrow(&self) -> &Values {
        &self.values
    }
}

impl MethodSeries {
    pub(crate) fn new(
        families: &'static EndpointFamilies,
        buckets: EndpointBounds,
        method: MethodLabel,
        endpoint: &'static str,
    ) -> Self {
        let in_flight = families.in_flight.as_ref();
        let poll_seconds = families.poll_seconds.as_ref();
        Self {
            method,
            endpoint,
            in_flight: in_flight.map(|family| family.get_or_create_owned(&[method.name])),
            poll_seconds: poll_seconds.map(|family| family.get_or_create_owned(&[endpoint])),
            families,
            buckets,
            plain: OnceLock::new(),
            labelled: (!families.own_labels.is_empty()).then(|| AppendOnly::new(8)),
        }
    }

    /// The series of a request with these values of the labels of the application's own.
    #[inline]
    pub(crate) fn series(&'static self, values: &Values) -> &'static Series {
        match &self.labelled {
            None => self.plain.get_or_init(|| self.make(&Values::default())),
            Some(labelled) => match labelled.get(values) {
                Some(found) => &found.series,
                None => self.make_labelled(labelled, values),
            },
        }
    }

    #[cold]
    fn make_labelled(
        &'static self,
        labelled: &'static AppendOnly<LabelledSeries>,
        values: &Values,
    ) -> &'static Series {
        let made = labelled.get_or_insert(values, |_| {
            let series = self.make(values);
            let values = *values;
            Some(LabelledSeries { values, series })
        });
        &made.expect("it is not refused").series
    }

    fn make(&'static self, values: &Values) -> Series {
        let families = self.families;
        let own: Box<[&'static str]> = families.own_labels.texts(*values).collect();
        let histogram = |family: &Option<Arc<dyn Labelled<Histogram>>>, buckets: &Buckets| {
            let labels = labels([self.method.name, self.endpoint], &own);
            let family = family.as_ref()?;
            Some(family.series(&labels, &|| Histogram::with_buckets(buckets)))
        };
        let duration_seconds = match families.duration_by_class {
            true => None,
            false => histogram(&families.duration_seconds, &self.buckets.duration),
        };
        Series {
            method_series: self,
            duration_seconds,
            duration_by_class: Default::default(),
            response_start_seconds: histogram(
                &families.response_start_seconds,
                &self.buckets.duration,
            ),
            request_bytes: histogram(&families.request_bytes, &self.buckets.request_size),
            response_bytes: histogram(&families.response_bytes, &self.buckets.response_size),
            frequent: Default::default(),
            own,
        }
    }

    /// A request is in flight from now on.
    #[inline]
    pub(crate) fn enter(&self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.inc();
        }
    }

    /// … and is no longer.
    #[inline]
    pub(crate) fn leave(&self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.dec();
        }
    }

    /// Records how long a poll took that began then.
    pub(crate) fn polled(&self, began: Instant) {
        if let Some(histogram) = &self.poll_seconds {
            histogram.observe(began.elapsed().as_secs_f64());
        }
    }

    /// Makes the series of a status, at zero, so that the first request with it is an increase.
    pub(crate) fn initialize(&'static self, status: StatusCode) {
        let series = self.series(&Values::default());
        if let Some(requests) = &self.families.requests {
            series.counter(&**requests, status.as_str());
        }
        if self.families.duration_by_class {
            series.duration_of_class(status);
        }
    }

    /// Counts a gRPC call.
    pub(crate) fn count_grpc(&self, status: &'static str) {
        if let Some(family) = &self.families.grpc_requests {
            family.get_or_create(&[self.endpoint, status]).inc();
        }
    }
}

/// The cells that a request is recorded in; `None` for what is switched off.
#[derive(Debug)]
pub(crate) struct Series {
    method_series: &'static MethodSeries,
    duration_seconds: Option<Histogram>,
    /// … where the durations are told apart by the class of the status.
    duration_by_class: [OnceLock<Histogram>; CLASSES.len()],
    pub(crate) response_start_seconds: Option<Histogram>,
    pub(crate) request_bytes: Option<Histogram>,
    pub(crate) response_bytes: Option<Histogram>,
    frequent: [OnceLock<Counter>; FREQUENT.len()],
    /// The values of the labels of the application's own.
    own: Box<[&'static str]>,
}

impl Series {
    /// Counts a request.
    #[inline]
    pub(crate) fn count(&self, status: StatusCode) {
        let Some(requests) = &self.method_series.families.requests else {
            return;
        };
        match FREQUENT.iter().position(|code| *code == status.as_u16()) {
            Some(at) => self.frequent[at]
                .get_or_init(|| self.counter(&**requests, status.as_str()))
                .inc(),
            None => self.counter(&**requests, status.as_str()).inc(),
        }
    }

    /// Records how long a request took.
    #[inline]
    pub(crate) fn observe_duration(&self, seconds: f64, status: StatusCode) {
        if let Some(histogram) = &self.duration_seconds {
            histogram.observe(seconds);
        } else if let Some(histogram) = self.duration_of_class(status) {
            histogram.observe(seconds);
        }
    }

    fn duration_of_class(&self, status: StatusCode) -> Option<&Histogram> {
        let MethodSeries {
            method,
            endpoint,
            families,
            buckets,
            ..
        } = self.method_series;
        let family = families.duration_seconds.as_ref()?;
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        Some(self.duration_by_class[class].get_or_init(|| {
            let labels = labels([method.name, endpoint, CLASSES[class]], &self.own);
            family.series(&labels, &|| Histogram::with_buckets(&buckets.duration))
        }))
    }

    /// Counts a request that did not get its whole answer.
    pub(crate) fn count_aborted(&self, reason: &'static str) {
        if let Some(aborted) = &self.method_series.families.aborted {
            self.counter(&**aborted, reason).inc();
        }
    }

    fn counter(&self, family: &dyn Labelled<Counter>, third: &str) -> Counter {
        let MethodSeries {
            method, endpoint, ..
        } = self.method_series;
        let labels = labels([method.name, *endpoint, third], &self.own);
        family.series(&labels, &Counter::default)
    }
}

fn labels<'a, const N: usize>(first: [&'a str; N], own: &[&'a str]) -> Vec<&'a str> {
    first.iter().chain(own).copied().collect()
}
