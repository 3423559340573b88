//! Labels that the application adds to the series of its requests.
//!
//! Guarantees: each label has at most so many values as its limit says, and `none` and `other` beside them, so that the series
//! are bounded whatever clients send; totals over a label are those without it.
//!
//! Costs: without such labels nothing. A label of the head costs its function and one lock-free lookup a request. A label that
//! is set later also costs two or three allocations, for the handle.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;
use tallied::Counter;

use crate::append_only::AppendOnly;
use crate::head::RequestHead;
use crate::labelled::MAX_OWN_LABELS;

/// The value of a request that has none.
const NONE: &str = "none";
/// The value beyond the limit, and of values that are too long.
const OTHER: &str = "other";
/// The longest value, in bytes: a client may choose it.
const MAX_VALUE_BYTES: usize = 128;

pub(crate) type HeadFn = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync;

/// A label as the options have it.
#[derive(Clone)]
pub(crate) struct OwnLabel {
    pub(crate) name: String,
    /// `None` for one that is set later.
    pub(crate) of_head: Option<Arc<HeadFn>>,
    pub(crate) limit: usize,
}

impl fmt::Debug for OwnLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnLabel")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The numbers of the labels' values; 0 in the places of labels that are not declared.
pub(crate) type Values = [u32; MAX_OWN_LABELS];

/// The labels of one [`HttpMetrics`](crate::HttpMetrics), with the values that were seen.
#[derive(Debug)]
pub(crate) struct OwnLabels {
    labels: Box<[Known]>,
    any_set_later: bool,
}

#[derive(Debug)]
struct Known {
    label: OwnLabel,
    values: AppendOnly<Numbered>,
    /// By number, from [`FIRST_NUMBER`] on.
    texts: Mutex<Vec<&'static str>>,
    overflowed: Counter,
}

/// A value, and its number: that of `none` is 0, of `other` 1.
#[derive(Debug)]
struct Numbered {
    text: &'static str,
    number: u32,
}

impl Borrow<str> for Numbered {
    fn borrow(&self) -> &str {
        self.text
    }
}

const NUMBER_OF_NONE: u32 = 0;
const NUMBER_OF_OTHER: u32 = 1;
const FIRST_NUMBER: u32 = 2;

impl Known {
    fn new(label: OwnLabel, overflowed: Counter) -> Self {
        Self {
            values: AppendOnly::new(label.limit),
            texts: Mutex::default(),
            label,
            overflowed,
        }
    }

    fn number(&self, value: &str) -> u32 {
        match value {
            "" | NONE => return NUMBER_OF_NONE,
            OTHER => return NUMBER_OF_OTHER,
            _ => {}
        }
        match self.values.get(value).or_else(|| self.add(value)) {
            Some(value) => value.number,
            None => {
                self.overflowed.inc();
                NUMBER_OF_OTHER
            }
        }
    }

    #[cold]
    fn add(&self, value: &str) -> Option<&'static Numbered> {
        if value.len() > MAX_VALUE_BYTES {
            return None;
        }
        self.values.get_or_insert(value, |len| {
            (len < self.label.limit).then(|| {
                let text: &'static str = Box::leak(value.into());
                self.texts().push(text);
                let number = FIRST_NUMBER + len as u32;
                Numbered { text, number }
            })
        })
    }

    fn text(&self, number: u32) -> &'static str {
        match number {
            NUMBER_OF_NONE => NONE,
            NUMBER_OF_OTHER => OTHER,
            _ => self.texts()[(number - FIRST_NUMBER) as usize],
        }
    }

    fn texts(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OwnLabels {
    pub(crate) fn new(labels: Vec<OwnLabel>, overflowed: impl Fn(&str) -> Counter) -> Self {
        Self {
            any_set_later: labels.iter().any(|label| label.of_head.is_none()),
            labels: labels
                .into_iter()
                .map(|label| {
                    let overflowed = overflowed(&label.name);
                    Known::new(label, overflowed)
                })
                .collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// What the head says; the labels that are set later have no value yet.
    pub(crate) fn of_head(&self, head: &RequestHead<'_>) -> Values {
        let mut values = Values::default();
        for (known, value) in self.labels.iter().zip(&mut values) {
            if let Some(of_head) = known.label.of_head.as_deref() {
                // The request must not be lost with it.
                let text = catch_unwind(AssertUnwindSafe(|| of_head(head)));
                *value = match text {
                    Ok(text) => known.number(&text.unwrap_or_default()),
                    Err(_panic) => NUMBER_OF_OTHER,
                };
            }
        }
        values
    }

    /// The values as the labels have them, in the order of the options.
    pub(crate) fn texts(&self, values: Values) -> impl Iterator<Item = &'static str> {
        let labels = self.labels.iter().zip(values);
        labels.map(|(known, number)| known.text(number))
    }

    /// A handle through which values can be set later, if there are such labels.
    pub(crate) fn handle(&'static self, values: Values) -> Option<Arc<SetLater>> {
        self.any_set_later.then(|| {
            Arc::new(SetLater {
                labels: self,
                values: values.map(AtomicU32::new),
            })
        })
    }
}

/// The values of a request whose labels can still be set.
#[derive(Debug)]
pub(crate) struct SetLater {
    labels: &'static OwnLabels,
    /// Relaxed: each is a figure of its own, and what hands the request on orders them before its record.
    values: [AtomicU32; MAX_OWN_LABELS],
}

impl SetLater {
    pub(crate) fn values(&self) -> Values {
        std::array::from_fn(|at| self.values[at].load(Ordering::Relaxed))
    }

    fn set(&self, label: &str, value: &str) -> bool {
        let known = self.labels.labels.iter().zip(&self.values);
        let mut found = false;
        for (known, place) in known.filter(|(known, _)| known.label.name == label) {
            place.store(known.number(value), Ordering::Relaxed);
            found = true;
        }
        found
    }
}

/// Sets labels of a request that its head does not tell, such as the tenant that an authentication found out.
///
/// The middleware puts it into the request's extensions if the options have a
/// [`label_set_later`](crate::HttpMetricsBuilder::label_set_later). Clones are handles to the same request.
///
/// A value counts for all that is recorded after it was set: set it before the response's head is ready, or the request is recorded
/// without it. A request whose client leaves before that has what was set until then.
#[derive(Debug, Clone)]
pub struct RequestLabels {
    own: Arc<SetLater>,
    /// Those of metrics further out.
    outer: Option<Arc<RequestLabels>>,
}

impl RequestLabels {
    /// Puts a handle into a request's extensions, beside those of other metrics.
    pub(crate) fn put(own: &Arc<SetLater>, extensions: &mut Extensions) {
        let outer = extensions.remove::<Self>().map(Arc::new);
        let own = Arc::clone(own);
        extensions.insert(Self { own, outer });
    }

    /// Sets a label. If set twice, the last call wins, also over a value of the request's head. An empty value is `none`, and
    /// one beyond the label's limit, or longer than 128 bytes, is `other`.
    ///
    /// Costs a lock-free lookup; the first time of a value a lock and an allocation.
    ///
    /// # Errors
    /// When no option has a label of this name.
    pub fn set(&self, label: &str, value: &str) -> Result<(), UnknownLabel> {
        let mut found = self.own.set(label, value);
        let mut outer = self.outer.as_deref();
        while let Some(labels) = outer {
            found |= labels.own.set(label, value);
            outer = labels.outer.as_deref();
        }
        if found {
            return Ok(());
        }
        Err(UnknownLabel {
            label: label.to_owned(),
        })
    }
}

/// A label that no option has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLabel {
    label: String,
}

impl fmt::Display for UnknownLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = &self.label;
        write!(
            f,
            "the HTTP metrics have no label {label:?}; declare it with HttpMetrics::builder().label_set_later({label:?})"
        )
    }
}

impl std::error::Error for UnknownLabel {}
