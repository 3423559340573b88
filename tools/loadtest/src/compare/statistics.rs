//! Whether two servers differ, or the machine was in another mood.
//!
//! Latencies are compared by their ratios, so on a logarithmic scale. The tests are permutation tests: they ask how
//! often a difference as large as the one that was seen comes out when old and new are told apart by a coin, and assume nothing of
//! how the figures are spread (Fisher, "The Design of Experiments", 1935, section 21). Where several figures are looked at, one of
//! them differs by chance more often than each alone; Holm's correction (Scand. J. Statist. 6, 1979) takes that out.

use fastrand::Rng;

/// Beyond so many permutations, as many random ones are looked at.
const MOST_PERMUTATIONS: u64 = 100_000;

/// Two-sided 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom.
const T: [f64; 31] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042, 2.040,
];

/// New over old.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratio {
    /// The geometric mean.
    pub(super) mean: f64,
    /// The ends of an interval that holds it in 95 of 100 such comparisons.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The chance of such a difference without a cause.
    pub(super) p: f64,
}

/// Of old and new that were measured in turn: each pair had the same mood of the machine.
pub(super) fn paired(old: &[f64], new: &[f64]) -> Ratio {
    let differences: Vec<f64> = old
        .iter()
        .zip(new)
        .map(|(old, new)| difference(*old, *new))
        .collect();
    let (mean, error) = mean_and_error(&differences);
    let spread = error * t(differences.len().saturating_sub(1));
    Ratio::of(mean, spread, signs(&differences))
}

/// Of old and new that were measured one after the other.
pub(super) fn unpaired(old: &[f64], new: &[f64]) -> Ratio {
    let logs = |values: &[f64]| values.iter().map(|value| difference(1.0, *value)).collect();
    let (old, new): (Vec<f64>, Vec<f64>) = (logs(old), logs(new));
    let (old_mean, old_error) = mean_and_error(&old);
    let (new_mean, new_error) = mean_and_error(&new);
    // Of both; the fewer of the two say how wide it is.
    let spread = old_error.hypot(new_error) * t(old.len().min(new.len()).saturating_sub(1));
    Ratio::of(new_mean - old_mean, spread, splits(&old, &new))
}

/// Chances that hold for all figures together: the smallest is multiplied by their number, and so on.
pub(super) fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[a].total_cmp(&chances[b]));
    let mut adjusted = vec![0.0; chances.len()];
    let mut so_far: f64 = 0.0;
    for (place, index) in order.into_iter().enumerate() {
        so_far = so_far
            .max(chances[index] * (chances.len() - place) as f64)
            .min(1.0);
        adjusted[index] = so_far;
    }
    adjusted
}

impl Ratio {
    fn of(log: f64, spread: f64, p: f64) -> Self {
        Self {
            mean: log.exp(),
            low: (log - spread).exp(),
            high: (log + spread).exp(),
            p,
        }
    }
}

/// Of the logarithms. What is 0 has none; a figure of 0 is as good as the smallest.
fn difference(old: f64, new: f64) -> f64 {
    const SMALLEST: f64 = 1e-9;
    (new.max(SMALLEST) / old.max(SMALLEST)).ln()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean, and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let (mean, count) = (mean(values), values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (
        mean,
        (squares / (count - 1.0).max(1.0) / count.max(1.0)).sqrt(),
    )
}

fn t(degrees: usize) -> f64 {
    match degrees {
        // One value says nothing of its spread.
        0 => f64::INFINITY,
        _ => T[degrees.min(T.len()) - 1],
    }
}

/// How often the mean is as far from 0 when each difference has the sign of a coin.
fn signs(differences: &[f64]) -> f64 {
    let seen = mean(differences).abs();
    let of = |signs: u64| {
        let signed = differences.iter().enumerate();
        let signed = signed.map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d });
        signed.sum::<f64>().abs() / differences.len().max(1) as f64
    };
    let all = 1 << differences.len().min(63);
    chance(all, seen, of, |rng| rng.u64(..))
}

/// How often the means are as far apart when the values are dealt out at random.
fn splits(old: &[f64], new: &[f64]) -> f64 {
    let seen = (mean(new) - mean(old)).abs();
    let all: Vec<f64> = old.iter().chain(new).copied().collect();
    let mut rng = Rng::with_seed(0);
    let mut shuffled = all;
    let far = (0..MOST_PERMUTATIONS).filter(|_| {
        rng.shuffle(&mut shuffled);
        let (old, new) = shuffled.split_at(old.len());
        is_as_far((mean(new) - mean(old)).abs(), seen)
    });
    // The one that was seen is one of them.
    (far.count() as f64 + 1.0) / (MOST_PERMUTATIONS as f64 + 1.0)
}

fn chance(all: u64, seen: f64, of: impl Fn(u64) -> f64, random: impl Fn(&mut Rng) -> u64) -> f64 {
    if all <= MOST_PERMUTATIONS {
        let far = (0..all).filter(|&which| is_as_far(of(which), seen)).count();
        return far as f64 / all as f64;
    }
    let mut rng = Rng::with_seed(0);
    let far = (0..MOST_PERMUTATIONS).filter(|_| is_as_far(of(random(&mut rng)), seen));
    (far.count() as f64 + 1.0) / (MOST_PERMUTATIONS as f64 + 1.0)
}

/// The same sum in another order may differ in its last digits.
fn is_as_far(value: f64, seen: f64) -> bool {
    value >= seen * (1.0 - 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_pairs_that_agree_are_no_chance() {
        let old = [1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 1.1];
        let new = old.map(|value| value * 1.05);
        let ratio = paired(&old, &new);
        assert!((ratio.mean - 1.05).abs() < 1e-9 && (ratio.p - 2.0 / 256.0).abs() < 1e-12);
        assert!(ratio.low <= 1.05 + 1e-9 && ratio.high >= 1.05 - 1e-9);
        // The mood of the machine is larger than the difference: unpaired, it hides it.
        assert!(unpaired(&old, &new).p > 0.2);
    }

    #[test]
    fn equal_ones_and_scattered_ones_are_noise() {
        let old = [1.0, 2.0, 3.0, 4.0];
        let same = paired(&old, &old);
        assert_eq!((same.mean, same.p), (1.0, 1.0));
        let scattered = paired(&[1.0; 8], &[1.1, 0.9, 1.05, 0.95, 1.2, 0.8, 1.0, 1.01]);
        assert!(scattered.p > 0.5 && scattered.low < 1.0 && scattered.high > 1.0);
    }

    #[test]
    fn far_apart_is_seen_unpaired_too() {
        let ratio = unpaired(
            &[1.0, 1.1, 0.9, 1.0, 1.05, 0.95],
            &[2.0, 2.1, 1.9, 2.0, 2.05, 1.95],
        );
        assert!(ratio.p < 0.01 && (1.9..2.1).contains(&ratio.mean));
        assert!(ratio.low > 1.5 && ratio.high < 2.5);
    }

    #[test]
    fn many_pairs_are_sampled() {
        let old = [1.0; 20];
        let new = [1.1; 20];
        assert!(paired(&old, &new).p < 0.001);
    }

    #[test]
    fn several_looks_need_smaller_chances() {
        let adjusted = holm(&[0.04, 0.01, 0.5]);
        assert_eq!(adjusted, [0.08, 0.03, 0.5]);
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert_eq!(holm(&[0.02, 0.021]), [0.04, 0.04]);
    }
}
