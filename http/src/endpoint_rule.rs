//! The application's own say in what a request's endpoint is called.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::head::RequestHead;

/// What a [rule](crate::HttpMetricsBuilder::endpoint_rule) makes of a request's endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointRule<'a> {
    /// The route's pattern, as without a rule.
    Keep,
    /// This name, under the same limit as the patterns; it gets a leading slash if it has none. `unmatched` is that of requests without a
    /// route.
    Name(Cow<'a, str>),
    /// The request is in no metric, not even in flight.
    LeaveOut,
}

pub(crate) type RuleFn = dyn for<'a> Fn(&RequestHead<'a>) -> EndpointRule<'a> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Rule(pub(crate) Arc<RuleFn>);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").finish_non_exhaustive()
    }
}
