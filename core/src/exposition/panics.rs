//! A metric that panics while it is written costs itself.

use crate::exposition::{openmetrics, protobuf, text};
use crate::instrument::{Metric, Sealed, SeriesView, Value};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::{Counter, ReadError};

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

    fn visit(&self, scratch: &mut Value, each: &mut dyn FnMut(SeriesView<'_>)) {
        self.0.visit(scratch, each);
        panic!("its second series is {}", "broken");
    }
}

#[test]
fn what_panics_halfway_leaves_nothing() {
    type Encode = fn(&mut String, &Registered) -> Result<(), ReadError>;
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
        let messages: Vec<_> = panicked.iter().map(ReadError::to_string).collect();
        assert_eq!(
            messages,
            ["reading broken panicked, so it was left out: its second series is broken"]
        );
    }
    let mut document = Vec::new();
    let mut panicked = 0;
    for metric in registry.metrics() {
        panicked += usize::from(protobuf::encode_metric(&mut document, &metric).is_err());
    }
    assert_eq!(panicked, 1);
    assert!(registry.unregister("broken"));
    assert_eq!(document, registry.protobuf());
    // No lock is held or poisoned.
    registry.register("more", "M", Counter::default()).unwrap();
}
