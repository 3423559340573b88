//! Numbers that stand in two places, and must be the same in both: a limit where it is set and in the alert that warns
//! before it, an interval in Prometheus and in Grafana, a version here and in the container's file.
//!
//! What is to be the same is listed in [`ties`], and what must fit into what in [`stops`]; [`warnings`] has the alerts.

mod place;
mod sources;
mod stops;
mod ties;
mod warnings;

pub(super) use self::sources::Sources;
pub(super) use self::stops::check as check_stops;
pub(super) use self::ties::{check as check_ties, check_defaults};
pub(super) use self::warnings::check as check_warnings;
