//! A number that was calculated, and the least and the most that it can be when sums are added up in another order.
//!
//! Rounding is monotone: where an operation takes a larger number to a larger one, the rounded result for the largest is
//! the largest of the rounded results. So the bounds go through the same operations as the number, and nothing is added
//! but what [`Range::sum`] says.

/// So many are added up in every order: 720 of them.
const EVERY_ORDER: usize = 6;

/// Half of the distance from 1 to the next number: the relative error of one rounding.
const UNIT: f64 = f64::EPSILON / 2.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) value: f64,
    pub(crate) high: f64,
}

impl Range {
    pub(crate) const fn exact(value: f64) -> Self {
        Self {
            low: value,
            value,
            high: value,
        }
    }

    pub(crate) const NAN: Self = Self::exact(f64::NAN);

    /// Of numbers that are not negative, in any order, plainly or with compensation. Few are added up in every order.
    ///
    /// For many there is a bound: n numbers are added up with a relative error of at most (n - 1) u / (1 - (n - 1) u), where u
    /// is that of one rounding (Higham, Accuracy and Stability of Numerical Algorithms, 4.2).
    pub(crate) fn sum(terms: &[Self]) -> Self {
        // Adding 0 rounds nothing.
        let terms: Vec<&Self> = terms.iter().filter(|term| term.high != 0.0).collect();
        let of = |side: fn(&Self) -> f64| terms.iter().map(|term| side(term)).collect::<Vec<f64>>();
        let (lows, values, highs) = (of(|t| t.low), of(|t| t.value), of(|t| t.high));
        let value = Partial::default().plus_all(&values).compensated();
        if terms.len() <= EVERY_ORDER {
            return Self {
                low: Partial::default().in_every_order(&lows).0,
                value,
                high: Partial::default().in_every_order(&highs).1,
            };
        }
        let error = (terms.len() - 1) as f64 * UNIT;
        let error = error / (1.0 - error);
        let (low, high) = (
            Partial::default().plus_all(&lows).compensated(),
            Partial::default().plus_all(&highs).compensated(),
        );
        // One step more for the rounding here.
        Self {
            low: (low - low * error).next_down(),
            value,
            high: (high + high * error).next_up(),
        }
    }

    pub(crate) fn plus(self, number: f64) -> Self {
        self.each(|of| of + number)
    }

    /// `number` is not negative.
    pub(crate) fn times(self, number: f64) -> Self {
        self.each(|of| of * number)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            low: self.low - other.high,
            value: self.value - other.value,
            high: self.high - other.low,
        }
    }

    /// Neither is negative.
    pub(crate) fn over(self, other: Self) -> Self {
        Self {
            low: self.low / other.high,
            value: self.value / other.value,
            high: self.high / other.low,
        }
    }

    /// What is in either, with the number of the first.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            value: self.value,
            high: self.high.max(other.high),
        }
    }

    fn each(self, of: impl Fn(f64) -> f64) -> Self {
        Self {
            low: of(self.low),
            value: of(self.value),
            high: of(self.high),
        }
    }

    pub(crate) fn contains(self, seen: f64) -> bool {
        (self.value.is_nan() && seen.is_nan()) || (self.low <= seen && seen <= self.high)
    }

    /// How many steps from one number to the next there are in it.
    pub(crate) fn ulps(self) -> u64 {
        ulps_apart(self.low, self.high)
    }
}

/// A sum that is being added up, both ways.
#[derive(Debug, Clone, Copy, Default)]
struct Partial {
    plain: f64,
    /// What the roundings of `plain` have lost (Neumaier).
    lost: f64,
}

impl Partial {
    fn plus(self, term: f64) -> Self {
        let plain = self.plain + term;
        let lost = if self.plain >= term {
            (self.plain - plain) + term
        } else {
            (term - plain) + self.plain
        };
        Self {
            plain,
            lost: self.lost + lost,
        }
    }

    fn plus_all(self, terms: &[f64]) -> Self {
        terms.iter().fold(self, |sum, &term| sum.plus(term))
    }

    fn compensated(self) -> f64 {
        self.plain + self.lost
    }

    /// The least and the most that comes out, plainly or with compensation.
    fn in_every_order(self, terms: &[f64]) -> (f64, f64) {
        if terms.is_empty() {
            let compensated = self.compensated();
            return (self.plain.min(compensated), self.plain.max(compensated));
        }
        let next = terms.iter().enumerate().map(|(index, &term)| {
            let rest = [&terms[..index], &terms[index + 1..]].concat();
            self.plus(term).in_every_order(&rest)
        });
        next.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or_default()
    }
}

/// How many numbers lie between two, the second among them; 0 for two that are equal, or no numbers both.
pub(crate) fn ulps_apart(one: f64, other: f64) -> u64 {
    // The bits of a positive number count upwards with it, those of a negative one downwards.
    let place = |of: f64| {
        let bits = of.to_bits();
        let size = i128::from(bits & (u64::MAX >> 1));
        if of.is_sign_negative() { -size } else { size }
    };
    if one.is_nan() && other.is_nan() {
        return 0;
    }
    u64::try_from(place(one).abs_diff(place(other))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(terms: &[f64]) -> Range {
        let terms: Vec<Range> = terms.iter().copied().map(Range::exact).collect();
        Range::sum(&terms)
    }

    #[test]
    fn every_order_of_additions_is_in_it_and_nothing_else() {
        let of = sum(&[0.1, 0.2, 0.3]);
        // 0.6 is one order's, and the other number is another's.
        let (one, other) = (0.1 + (0.2 + 0.3), (0.1 + 0.2) + 0.3);
        assert!(one < other);
        assert_eq!((of.low, of.high, of.ulps()), (one, other, 1));
        // Compensation brings back what the plain sum forgets.
        let of = sum(&[1e16, 1.0, 1.0]);
        assert_eq!((of.low, of.value, of.high), (1e16, 1e16 + 2.0, 1e16 + 2.0));
    }

    #[test]
    fn many_numbers_have_a_bound_that_holds_every_order() {
        let terms: Vec<f64> = (1..=EVERY_ORDER + 1).map(|i| i as f64 / 11.0).collect();
        let of = sum(&terms);
        let mut forwards = Partial::default();
        let mut backwards = forwards;
        for index in 0..terms.len() {
            forwards = forwards.plus(terms[index]);
            backwards = backwards.plus(terms[terms.len() - 1 - index]);
        }
        assert_ne!(forwards.plain, backwards.plain);
        for one in [forwards.plain, backwards.plain, forwards.compensated()] {
            assert!(of.contains(one), "{of:?}");
        }
        assert!(of.ulps() <= 2 * (EVERY_ORDER as u64 + 2), "{of:?}");
        assert!(!of.contains(of.value * (1.0 + 1e-14)));
    }

    #[test]
    fn two_numbers_and_zeros_have_one_sum() {
        let terms = [0.0, 0.1, 0.0, 0.2, 0.0].map(Range::exact);
        assert_eq!(Range::sum(&terms), Range::exact(0.1 + 0.2));
        assert_eq!(Range::sum(&[]), Range::exact(0.0));
    }

    #[test]
    fn bounds_go_through_the_same_operations() {
        let of = |low: f64, value: f64, high: f64| Range { low, value, high };
        let (a, b) = (of(1.0, 2.0, 3.0), of(4.0, 5.0, 8.0));
        assert_eq!(b.minus(a), of(1.0, 3.0, 7.0));
        assert_eq!(a.over(b), of(0.125, 0.4, 0.75));
        assert_eq!(a.times(2.0).plus(1.0), of(3.0, 5.0, 7.0));
        assert_eq!(a.or(b), of(1.0, 2.0, 8.0));
    }

    #[test]
    fn steps_are_counted_across_zero_and_nan_is_nan() {
        assert_eq!(ulps_apart(1.0, 1.0_f64.next_up().next_up()), 2);
        assert_eq!(ulps_apart(0.0, -0.0), 0);
        assert_eq!(ulps_apart(f64::from_bits(1), -f64::from_bits(1)), 2);
        assert_eq!(ulps_apart(f64::NAN, f64::NAN), 0);
        assert!(ulps_apart(f64::NAN, 1.0) > 1 << 50);
        assert!(Range::NAN.contains(f64::NAN) && !Range::NAN.contains(0.0));
        assert!(!Range::exact(0.0).contains(f64::NAN));
    }
}
