//! Families whose number of labels is known when the options are: two or three of ours, and those of the application.

use std::fmt;
use std::sync::Arc;

use tallied::{Family, Metric, RegisterError, Registry, Unit};

/// The most labels of the application's own.
pub(crate) const MAX_OWN_LABELS: usize = 4;

/// A family of `M`, whatever the number of its labels.
pub(crate) trait Labelled<M>: fmt::Debug + Send + Sync {
    /// A handle to the series of these values, as many as there are names; made by `make` if there is none.
    fn series(&self, values: &[&str], make: &dyn Fn() -> M) -> M;
}

impl<M: Clone + fmt::Debug + Send + Sync + 'static, const N: usize> Labelled<M> for Family<M, N> {
    fn series(&self, values: &[&str], make: &dyn Fn() -> M) -> M {
        let values: &[&str; N] = values.try_into().expect("a value for each label name");
        M::clone(&self.get_or_create_with(values, make))
    }
}

/// Registers a family with these label names, of which there are at most [`MAX_OWN_LABELS`] and three.
pub(crate) fn register<M>(
    registry: &Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    labels: &[&str],
) -> Result<Arc<dyn Labelled<M>>, RegisterError>
where
    M: tallied::Instrument + Clone + fmt::Debug,
{
    macro_rules! register {
        ($($n:literal)*) => {
            match labels.len() {
                $($n => {
                    let names: [&str; $n] = labels.try_into().expect("as many as are matched");
                    let family = Family::<M, $n>::new_with_constructor(names, || {
                        unreachable!("each series is made by `series`")
                    });
                    put(registry, name, help, unit, family.clone())?;
                    Ok(Arc::new(family))
                })*
                n => unreachable!("{n} labels"),
            }
        };
    }
    register!(1 2 3 4 5 6 7)
}

/// Registers a metric, with its unit if it has one.
pub(crate) fn put(
    registry: &Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    metric: impl Metric,
) -> Result<(), RegisterError> {
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, metric),
        None => registry.register(name, help, metric),
    }?;
    Ok(())
}
