//! A value that is set.
//!
//! One atomic word for all threads: a gauge holds the last value that anybody set, and "last"
//! has no meaning in cells that each thread owns. Steps (`inc`, `dec`) are read-modify-writes;
//! for a gauge that only ever moves by steps, [`UpDownCounter`](super::UpDownCounter) scales.

use std::marker::PhantomData;

use super::{Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::sync::{Arc, Ordering, Word};

/// The types a [`Gauge`] can hold: `i64`, `u64` and `f64`.
pub trait GaugeValue: Sealed + Copy + Send + Sync + std::fmt::Debug + 'static {
    #[doc(hidden)]
    const ONE: Self;
    #[doc(hidden)]
    fn to_bits(self) -> u64;
    #[doc(hidden)]
    fn of_bits(bits: u64) -> Self;
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    #[doc(hidden)]
    fn minus(self, other: Self) -> Self;
    #[doc(hidden)]
    fn value(self) -> Value;
}

impl Sealed for i64 {}
impl GaugeValue for i64 {
    const ONE: Self = 1;
    fn to_bits(self) -> u64 {
        self as u64
    }
    fn of_bits(bits: u64) -> Self {
        bits as Self
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    fn value(self) -> Value {
        Value::IntegerGauge(self)
    }
}

impl Sealed for u64 {}
impl GaugeValue for u64 {
    const ONE: Self = 1;
    fn to_bits(self) -> u64 {
        self
    }
    fn of_bits(bits: u64) -> Self {
        bits
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    fn value(self) -> Value {
        Value::UnsignedGauge(self)
    }
}

impl Sealed for f64 {}
impl GaugeValue for f64 {
    const ONE: Self = 1.0;
    fn to_bits(self) -> u64 {
        Self::to_bits(self)
    }
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn minus(self, other: Self) -> Self {
        self - other
    }
    fn value(self) -> Value {
        Value::FloatGauge(self)
    }
}

/// A value that is set, and may go up and down: a temperature, a queue's length, a limit.
///
/// Clones share the value. Setting costs one atomic store; a step, one compare-and-exchange.
/// Integer steps wrap.
///
/// ```
/// use tallied::Gauge;
///
/// let threads: Gauge = Gauge::default();
/// threads.set(8);
/// threads.dec();
/// assert_eq!(threads.get(), 7);
///
/// let load = Gauge::<f64>::default();
/// load.set(0.75);
/// assert_eq!(load.get(), 0.75);
/// ```
pub struct Gauge<N = i64> {
    bits: Arc<Word>,
    holds: PhantomData<N>,
}

impl<N> Clone for Gauge<N> {
    fn clone(&self) -> Self {
        Self {
            bits: Arc::clone(&self.bits),
            holds: PhantomData,
        }
    }
}

impl<N: GaugeValue> Default for Gauge<N> {
    /// A gauge at 0.
    fn default() -> Self {
        // The bits of 0 are 0 in every `GaugeValue`.
        Self {
            bits: Arc::new(Word::zero()),
            holds: PhantomData,
        }
    }
}

impl<N: GaugeValue> Gauge<N> {
    /// Sets the value.
    pub fn set(&self, value: N) {
        // Release: whoever sees the value sees what was done before it was set: who reads a gauge
        // and then a counter finds all that was counted before the gauge was set. Partner: `get`.
        self.bits.store(value.to_bits(), Ordering::Release);
    }

    /// The value now.
    pub fn get(&self) -> N {
        // Acquire: partner of the Release in `set` and `update`.
        N::of_bits(self.bits.load(Ordering::Acquire))
    }

    /// Adds 1.
    pub fn inc(&self) {
        self.inc_by(N::ONE);
    }

    /// Adds `n`.
    pub fn inc_by(&self, n: N) {
        self.update(|value| value.plus(n));
    }

    /// Subtracts 1.
    pub fn dec(&self) {
        self.dec_by(N::ONE);
    }

    /// Subtracts `n`.
    pub fn dec_by(&self, n: N) {
        self.update(|value| value.minus(n));
    }

    /// Replaces the value by what `change` makes of it, however many threads do so at once.
    pub(super) fn update(&self, change: impl Fn(N) -> N) {
        // Release on success: as in `set`. Relaxed on failure: the value is only tried again.
        self.bits
            .update(Ordering::Release, Ordering::Relaxed, |bits| {
                change(N::of_bits(bits)).to_bits()
            });
    }
}

impl<N: GaugeValue> std::fmt::Debug for Gauge<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}

impl<N> Sealed for Gauge<N> {}

impl<N: GaugeValue> Instrument for Gauge<N> {
    const KIND: Kind = Kind::Gauge;

    fn read(&self) -> Value {
        self.get().value()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Gauge;

    #[test]
    fn steps_of_many_threads_are_all_there() {
        let gauge = Gauge::<f64>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        gauge.inc_by(2.0);
                        gauge.dec();
                    }
                });
            }
        });
        assert_eq!(gauge.get(), 40_000.0);
    }

    #[test]
    fn clones_share_the_value() {
        let gauge: Gauge = Gauge::default();
        gauge.clone().set(-3);
        assert_eq!(gauge.get(), -3);
    }
}
