//! A metric that panics costs itself, not the document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::MetricPanicked;
use crate::registry::Registered;

/// Runs what encodes `metric`; where it panics, takes back what it had written.
pub(super) fn guarded(
    into: &mut String,
    metric: &Registered,
    encode: impl FnOnce(&mut String),
) -> Result<(), MetricPanicked> {
    let begin = into.len();
    // Unwind safe: what is written is taken back, reading changes nothing in a metric, and the
    // kernel's locks and guards are let go of by their drops.
    catch_unwind(AssertUnwindSafe(|| encode(into))).map_err(|panic| {
        into.truncate(begin);
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(|text| &**text));
        MetricPanicked {
            name: metric.descriptor.name().into(),
            message: message.unwrap_or("no message").into(),
        }
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::exposition::{openmetrics, text};
    use crate::instrument::{Labels, Metric, Sealed, Value};
    use crate::kind::Kind;
    use crate::registry::{Registered, Registry};
    use crate::{Counter, MetricPanicked};

    /// Shows one series, and panics instead of the second.
    struct PanicsHalfway(Counter);

    impl Sealed for PanicsHalfway {}

    impl Metric for PanicsHalfway {
        fn kind(&self) -> Kind {
            Kind::Counter
        }

        fn label_names(&self) -> &[Box<str>] {
            &[]
        }

        fn is_empty(&self) -> bool {
            false
        }

        fn visit(&self, scratch: &mut Value, each: &mut dyn FnMut(&Labels, &Value)) {
            self.0.visit(scratch, each);
            panic!("its second series is {}", "broken");
        }
    }

    #[test]
    fn what_panics_halfway_leaves_nothing() {
        type Encode = fn(&mut String, &Registered) -> Result<(), MetricPanicked>;
        let registry = Registry::default();
        registry
            .register("before", "B", Counter::default())
            .unwrap();
        let broken = PanicsHalfway(Counter::default());
        registry.register("broken", "X", broken).unwrap();
        registry.register("after", "A", Counter::default()).unwrap();
        for (encode, expected) in [
            (
                text::encode_metric as Encode,
                "# HELP before_total B\n# TYPE before_total counter\nbefore_total 0\n\
                 # HELP after_total A\n# TYPE after_total counter\nafter_total 0\n",
            ),
            (
                openmetrics::encode_metric,
                "# HELP before B\n# TYPE before counter\nbefore_total 0\n\
                 # HELP after A\n# TYPE after counter\nafter_total 0\n",
            ),
        ] {
            let mut document = String::new();
            let mut panicked = Vec::new();
            for metric in registry.metrics() {
                panicked.extend(encode(&mut document, &metric).err());
            }
            assert_eq!(document, expected);
            let messages: Vec<_> = panicked.iter().map(MetricPanicked::to_string).collect();
            assert_eq!(
                messages,
                [
                    "reading broken panicked, so it was left out: its second series is broken; \
                     please report it"
                ]
            );
        }
        // No lock is held or poisoned.
        registry.register("more", "M", Counter::default()).unwrap();
    }
}
