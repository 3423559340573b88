//! What a registry and a histogram refuse, what they say about it, and what they leave as it was.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use tallied::{
    Buckets, BucketsError, Counter, Family, Gauge, Histogram, Kind, Metric, ObservedCounter,
    RegisterError, Registry, Unit, UpDownCounter,
};

/// Registers what must be refused, and checks that the registry is as it was.
#[track_caller]
fn refused(registry: &Registry, name: &str, metric: impl Metric) -> RegisterError {
    let before = (
        registry.text(),
        registry.openmetrics(),
        format!("{registry:?}"),
    );
    let error = registry.register(name, "Refused", metric).unwrap_err();
    let after = (
        registry.text(),
        registry.openmetrics(),
        format!("{registry:?}"),
    );
    assert_eq!(before, after, "a refused registration left something");
    error
}

#[track_caller]
fn says(error: &RegisterError, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

fn histogram() -> Histogram {
    Histogram::new([1.0]).unwrap()
}

/// The names of the samples and the metadata that a registry writes, in either format.
fn lines(registry: &Registry) -> Vec<String> {
    let samples = |document: String| -> Vec<String> {
        let plain = document.lines().filter(|line| !line.starts_with("# HELP"));
        plain.map(str::to_owned).collect()
    };
    [samples(registry.text()), samples(registry.openmetrics())].concat()
}

#[test]
fn names_have_to_be_metric_names() {
    let registry = Registry::default();
    registry
        .register("there", "There before", Counter::default())
        .unwrap();
    for name in [
        "",
        "1st",
        "with space",
        "dash-ed",
        "größe",
        "a.b",
        "x{",
        "_total",
        "new\nline",
    ] {
        let error = refused(&registry, name, Counter::default());
        assert!(
            matches!(error, RegisterError::InvalidName { .. }),
            "{error:?}"
        );
        says(
            &error,
            &["is not a metric name", "use letters, digits, `_` and `:`"],
        );
    }
    for name in ["a", "_a", ":a", "a1:b_C", "total"] {
        registry.register(name, "Good", Counter::default()).unwrap();
    }
    let error = Registry::with_prefix("1st").unwrap_err();
    assert_eq!(
        error,
        RegisterError::InvalidPrefix {
            prefix: "1st".to_owned()
        }
    );
    says(&error, &["\"1st\" cannot begin", "no digit at the start"]);
}

#[test]
fn a_prefix_is_part_of_the_name_that_is_checked() {
    let registry = Registry::with_prefix("app").unwrap();
    // With the prefix in front, a digit does not stand at the start.
    registry
        .register("1st", "First", Gauge::<i64>::default())
        .unwrap();
    assert!(registry.text().contains("\napp_1st 0\n"));
    let error = refused(&registry, "a-b", Counter::default());
    assert_eq!(
        error,
        RegisterError::InvalidName {
            name: "app_a-b".to_owned()
        }
    );
    let none = Registry::with_prefix("").unwrap();
    none.register("jobs", "Jobs", Counter::default()).unwrap();
    assert!(none.text().contains("\njobs_total 0\n"));
}

#[test]
fn labels_have_to_be_label_names() {
    let registry = Registry::default();
    for label in [
        "",
        "1st",
        "a:b",
        "a b",
        "größe",
        "__a",
        "a-b",
        "a\"",
        "new\nline",
    ] {
        let error = refused(&registry, "x", Family::<Counter, 1>::new([label]));
        let expected = RegisterError::InvalidLabel {
            name: "x".to_owned(),
            label: label.to_owned(),
        };
        assert_eq!(error, expected);
        says(
            &error,
            &[
                "of \"x\" is not a label name",
                "use letters, digits and `_`",
            ],
        );
        let error = Registry::with_labels([(label, "value")]).unwrap_err();
        let label = label.to_owned();
        says(&error, &["constant label", "use letters, digits and `_`"]);
        assert_eq!(error, RegisterError::InvalidConstantLabel { label });
    }
    for (i, label) in ["a", "_a", "a_1", "A"].into_iter().enumerate() {
        let family = Family::<Counter, 1>::new([label]);
        registry
            .register(&format!("good{i}"), "Good", family)
            .unwrap();
    }
}

#[test]
fn le_belongs_to_the_histogram() {
    let registry = Registry::default();
    let family = || Family::<Histogram, 2>::new_with_constructor(["method", "le"], histogram);
    let error = refused(&registry, "x", family());
    let expected = RegisterError::ReservedLabel {
        name: "x".to_owned(),
        label: "le".to_owned(),
        kind: Kind::Histogram,
    };
    assert_eq!(error, expected);
    says(&error, &["\"le\"", "histogram", "choose another name"]);
    // Of other kinds it is a label like any.
    registry
        .register("y", "Good", Family::<Counter, 1>::new(["le"]))
        .unwrap();

    let constant = Registry::with_labels([("le", "x")]).unwrap();
    let error = refused(&constant, "x", histogram());
    assert_eq!(error, expected);
    constant.register("x", "Good", Counter::default()).unwrap();
}

#[test]
fn a_label_is_given_once() {
    let constant = Registry::with_labels([("zone", "eu"), ("build", "7")]).unwrap();
    let error = refused(&constant, "x", Family::<Counter, 2>::new(["a", "zone"]));
    let expected = |name: &str, label: &str| RegisterError::DuplicateLabel {
        name: name.to_owned(),
        label: label.to_owned(),
    };
    assert_eq!(error, expected("x", "zone"));
    says(
        &error,
        &[
            "\"x\" has the label \"zone\" twice",
            "constant labels included",
            "remove one",
        ],
    );
    let error = refused(&constant, "x", Family::<Counter, 3>::new(["a", "b", "a"]));
    assert_eq!(error, expected("x", "a"));
    let error = Registry::with_labels([("a", "1"), ("b", "2"), ("a", "1")]).unwrap_err();
    let label = "a".to_owned();
    says(&error, &["constant label \"a\"", "twice", "remove one"]);
    assert_eq!(error, RegisterError::DuplicateConstantLabel { label });
}

/// Two metrics may not write samples, or metadata, of one name: each row is refused in either
/// order, and the second of it is named in the error with what would collide.
#[test]
fn names_do_not_collide() {
    let register = |registry: &Registry, (kind, name): (&str, &str)| match kind {
        "counter" => registry.register(name, "", Counter::default()),
        "observed" => registry.register(name, "", ObservedCounter::default()),
        "gauge" => registry.register(name, "", Gauge::<f64>::default()),
        "up_down" => registry.register(name, "", UpDownCounter::default()),
        "family" => registry.register(name, "", Family::<Counter, 1>::new(["a"])),
        "histogram" => registry.register(name, "", histogram()),
        _ => unreachable!(),
    };
    for (one, other, sample) in [
        (("counter", "x"), ("counter", "x"), "x"),
        (("counter", "x"), ("counter", "x_total"), "x"),
        (("counter", "x"), ("observed", "x"), "x"),
        (("counter", "x"), ("family", "x_total"), "x"),
        (("counter", "x"), ("gauge", "x"), "x"),
        (("counter", "x"), ("gauge", "x_total"), "x_total"),
        (("counter", "x"), ("gauge", "x_created"), "x_created"),
        (("counter", "x"), ("histogram", "x"), "x"),
        (("gauge", "x"), ("up_down", "x"), "x"),
        (("histogram", "x"), ("histogram", "x"), "x"),
        (("histogram", "x"), ("counter", "x_count"), "x_count"),
        (("histogram", "x"), ("counter", "x_sum"), "x_sum"),
        (("histogram", "x"), ("gauge", "x_bucket"), "x_bucket"),
        (("histogram", "x"), ("gauge", "x_created"), "x_created"),
        (
            ("histogram", "x_total"),
            ("gauge", "x_total_sum"),
            "x_total_sum",
        ),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let registry = Registry::default();
            register(&registry, first).unwrap();
            let before = registry.text();
            let error = register(&registry, second).unwrap_err();
            assert_eq!(registry.text(), before, "{first:?}, {second:?}");
            let name = |(kind, name): (&str, &str)| {
                let counter = matches!(kind, "counter" | "observed" | "family");
                let stem = counter.then(|| name.strip_suffix("_total")).flatten();
                stem.unwrap_or(name).to_owned()
            };
            let expected = RegisterError::Duplicate {
                name: name(second),
                sample: sample.to_owned(),
                existing: name(first),
            };
            assert_eq!(error, expected, "{first:?}, {second:?}");
            says(&error, &[sample, "choose another name"]);
            // What the refused metric would have been called is still to be had.
            registry.register("free", "", Counter::default()).unwrap();
        }
    }
    for (one, other) in [
        (("gauge", "x"), ("gauge", "x_total")),
        (("gauge", "x"), ("gauge", "x_count")),
        (("counter", "x"), ("counter", "x_count")),
        (("counter", "x"), ("gauge", "x_sum")),
        (("histogram", "x"), ("counter", "x_requests")),
    ] {
        let registry = Registry::default();
        register(&registry, one).unwrap();
        register(&registry, other).unwrap();
    }
}

#[test]
fn a_name_that_is_taken_says_by_what() {
    let registry = Registry::default();
    for name in ["jobs", "x_sum"] {
        registry
            .register(name, "", Gauge::<i64>::default())
            .unwrap();
    }
    for (name, message) in [
        (
            "jobs",
            "\"jobs\" is already registered; clone its handle, or choose another name",
        ),
        (
            "x",
            "\"x\" would write \"x_sum\", as \"x_sum\" does; choose another name",
        ),
    ] {
        let error = registry.register(name, "", histogram()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

/// Prometheus renames them to `exported_job` and `exported_instance`.
#[test]
fn the_labels_of_targets_are_taken_where_they_are_allowed() {
    let registry = Registry::with_prefix("app").unwrap();
    for label in ["job", "instance"] {
        let refusal = RegisterError::TargetLabel {
            label: label.to_owned(),
        };
        let family = || Family::<Counter, 2>::new(["a", label]);
        let error = refused(&registry, "x", family());
        assert_eq!(error, refusal);
        let exported = format!("exported_{label};");
        says(&error, &[&exported, "allow_target_labels", "honor_labels"]);
        let constant = || registry.sub_registry_with_prefix_and_labels("", [(label, "v")]);
        assert_eq!(constant().unwrap_err(), refusal);
        assert_eq!(Registry::with_labels([(label, "v")]).unwrap_err(), refusal);

        let allowed = registry.allow_target_labels();
        allowed.register(label, "", family()).unwrap();
        let constant = allowed
            .sub_registry_with_prefix_and_labels("of", [(label, "v")])
            .unwrap();
        constant.register(label, "", Counter::default()).unwrap();
        let series = format!("\napp_of_{label}_total{{{label}=\"v\"}} 0\n");
        assert!(registry.text().contains(&series), "{}", registry.text());
        // The registry that it was asked of still refuses them.
        refused(&registry, "x", family());
    }
    // As names of metrics, and in longer names, they are like any other.
    let family = Family::<Counter, 2>::new(["job_name", "exported_instance"]);
    registry.register("good", "", family).unwrap();
}

/// A refused registration takes none of its names, not even those that were free.
#[test]
fn a_refused_registration_takes_no_name() {
    let registry = Registry::default();
    registry
        .register("x_sum", "", Gauge::<i64>::default())
        .unwrap();
    let error = refused(&registry, "x", histogram());
    assert!(
        matches!(error, RegisterError::Duplicate { .. }),
        "{error:?}"
    );
    registry
        .register("x_count", "", Gauge::<i64>::default())
        .unwrap();
    registry
        .register("x_bucket", "", Gauge::<i64>::default())
        .unwrap();
    registry.register("x", "", Gauge::<i64>::default()).unwrap();
}

#[test]
fn total_is_appended_once() {
    for name in ["jobs", "jobs_total"] {
        let registry = Registry::default();
        registry.register(name, "Jobs", Counter::default()).unwrap();
        let expected = [
            "# TYPE jobs_total counter",
            "jobs_total 0",
            "# TYPE jobs counter",
        ];
        let lines = lines(&registry);
        assert_eq!(lines[..3], expected, "{name}");
        assert_eq!(lines[3..], ["jobs_total 0", "# EOF"]);
    }
    // To a gauge it is a name like any other.
    let registry = Registry::default();
    registry
        .register("memory_total", "", Gauge::<i64>::default())
        .unwrap();
    assert!(registry.text().contains("\nmemory_total 0\n"));
    assert!(
        registry
            .openmetrics()
            .contains("# TYPE memory_total gauge\n")
    );
}

#[test]
fn a_unit_is_appended_once() {
    let bytes = || Unit::Bytes;
    for name in ["size", "size_bytes"] {
        let registry = Registry::default();
        registry
            .register_with_unit(name, "Size", bytes(), Gauge::<i64>::default())
            .unwrap();
        let lines = lines(&registry);
        assert_eq!(lines[..2], ["# TYPE size_bytes gauge", "size_bytes 0"]);
        assert_eq!(
            lines[2..4],
            ["# TYPE size_bytes gauge", "# UNIT size_bytes bytes"]
        );
        assert_eq!(lines[4..], ["size_bytes 0", "# EOF"]);
    }
    for name in ["sent", "sent_total", "sent_bytes", "sent_bytes_total"] {
        let registry = Registry::default();
        registry
            .register_with_unit(name, "Sent", bytes(), Counter::default())
            .unwrap();
        let lines = lines(&registry);
        assert_eq!(
            lines[..2],
            ["# TYPE sent_bytes_total counter", "sent_bytes_total 0"]
        );
        assert_eq!(
            lines[2..4],
            ["# TYPE sent_bytes counter", "# UNIT sent_bytes bytes"]
        );
        assert_eq!(lines[4..], ["sent_bytes_total 0", "# EOF"]);
    }
    let registry = Registry::with_prefix("app").unwrap();
    registry
        .register_with_unit(
            "wait",
            "Waits",
            Unit::Other("fortnights".to_owned()),
            histogram(),
        )
        .unwrap();
    assert!(registry.text().contains("\napp_wait_fortnights_sum 0\n"));
    let unit = "\n# UNIT app_wait_fortnights fortnights\n";
    assert!(registry.openmetrics().contains(unit));

    // With and without the suffix it is the same name.
    let error = registry
        .register("wait_fortnights", "", Counter::default())
        .unwrap_err();
    assert!(
        matches!(error, RegisterError::Duplicate { .. }),
        "{error:?}"
    );
    let odd = Unit::Other("per cent".to_owned());
    let error = registry
        .register_with_unit("x", "", odd, Counter::default())
        .unwrap_err();
    assert_eq!(
        error,
        RegisterError::InvalidName {
            name: "app_x_per cent".to_owned()
        }
    );
}

#[test]
fn clones_are_one_registry() {
    let registry = Registry::default();
    registry
        .clone()
        .register("x", "", Counter::default())
        .unwrap();
    let error = registry.register("x", "", Counter::default()).unwrap_err();
    assert!(
        matches!(error, RegisterError::Duplicate { .. }),
        "{error:?}"
    );
}

#[test]
fn bounds_that_are_none_are_refused() {
    let check = |bounds: Vec<f64>, expected: BucketsError, words: &[&str]| {
        let error = Buckets::new(bounds.clone()).unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(Histogram::new(bounds).unwrap_err(), expected);
        let message = error.to_string();
        for word in words {
            assert!(message.contains(word), "{word:?} is not in {message:?}");
        }
    };
    check(
        vec![],
        BucketsError::Empty,
        &["at least one finite", "[0.1, 0.5, 1.0]"],
    );
    check(
        vec![f64::INFINITY],
        BucketsError::Empty,
        &["at least one finite"],
    );
    check(
        (0..=Buckets::MAX).map(|n| n as f64).collect(),
        BucketsError::TooMany {
            count: Buckets::MAX + 1,
            max: Buckets::MAX,
        },
        &["1001", "limit 1000"],
    );
    let not_finite = |index, bound| BucketsError::NotFinite { index, bound };
    check(
        vec![f64::NEG_INFINITY, 1.0],
        not_finite(0, f64::NEG_INFINITY),
        &["index 0", "-inf", "finite numbers"],
    );
    check(
        vec![1.0, f64::INFINITY, f64::INFINITY],
        not_finite(1, f64::INFINITY),
        &["index 1", "at most one +Inf, at the end"],
    );
    check(
        vec![1.0, 3.0, 2.0],
        BucketsError::Unsorted {
            index: 2,
            before: 3.0,
            bound: 2.0,
        },
        &["index 2", "is 2, below the previous 3", "sort"],
    );
    check(
        vec![1.0, 1.0],
        BucketsError::Duplicate {
            index: 1,
            bound: 1.0,
        },
        &["index 1", "repeats 1", "remove one"],
    );
    // NaN equals nothing, itself included.
    let error = Buckets::new([1.0, f64::NAN]).unwrap_err();
    assert!(matches!(error, BucketsError::NotFinite { index: 1, bound } if bound.is_nan()));
    assert!(error.to_string().contains("bound at index 1 is NaN"));

    let most = Histogram::new((0..Buckets::MAX).map(|n| n as f64)).unwrap();
    most.observe(1e9);
    assert_eq!(most.get().buckets[Buckets::MAX], 1);
}

#[test]
fn a_sub_registry_adds_to_the_prefix_and_the_labels_of_its_registry() {
    let registry = Registry::with_prefix_and_labels("app", [("env", "prod")]).unwrap();
    let shop = registry
        .sub_registry_with_prefix_and_labels("shop", [("region", "eu")])
        .unwrap();
    shop.register("orders", "Orders", Counter::default())
        .unwrap();
    let plain = registry
        .sub_registry_with_prefix_and_labels("", [])
        .unwrap();
    plain.register("jobs", "Jobs", Counter::default()).unwrap();

    // The metrics are those of the one registry, whichever handle is asked.
    let text = registry.text();
    assert_eq!(text, shop.text());
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            "app_shop_orders_total{env=\"prod\",region=\"eu\"} 0",
            "app_jobs_total{env=\"prod\"} 0"
        ]
    );
    // So are their names.
    let again = registry.register("shop_orders", "Orders", Counter::default());
    assert!(matches!(again, Err(RegisterError::Duplicate { .. })));
    let twice = registry.sub_registry_with_prefix_and_labels("", [("env", "test")]);
    assert!(matches!(
        twice,
        Err(RegisterError::DuplicateConstantLabel { label }) if label == "env"
    ));
    let wrong = registry.sub_registry_with_prefix_and_labels("a-b", []);
    assert!(matches!(wrong, Err(RegisterError::InvalidPrefix { .. })));
    let wrong = registry.sub_registry_with_prefix_and_labels("", [("__x", "")]);
    assert!(matches!(
        wrong,
        Err(RegisterError::InvalidConstantLabel { .. })
    ));
}
