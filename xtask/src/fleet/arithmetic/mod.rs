//! What Prometheus calculates, written a second time: `rate`, `sum` and `histogram_quantile`, in 64-bit floating point.
//!
//! Each operation is Prometheus's own, in its order, so its result is the same to the bit, with one exception: PromQL does
//! not say in which order `sum` adds, and releases differ in how (2.42 plainly, 3.5 with compensation). So a result is a
//! [`Range`]: all that some order of additions can give. Nothing else widens it, and a sum of two has one value.

mod quantile;
mod range;
mod rate;

pub(super) use self::quantile::quantile;
pub(super) use self::range::{Range, ulps_apart};
pub(super) use self::rate::{Extrapolation, rate};
