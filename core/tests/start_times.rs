//! When series began to count, and which formats say so.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tallied::exposition::openmetrics;
use tallied::{
    Collector, Counter, CounterFn, Description, Family, Gauge, Histogram, ObservedCounter,
    Registry, Samples, StartTime, UpDownCounter,
};

fn now() -> StartTime {
    SystemTime::now().into()
}

/// Until the clock shows another millisecond.
fn pass_a_millisecond() {
    let before = now();
    while now() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn start_times(registry: &Registry) -> Vec<Option<StartTime>> {
    let families = registry.snapshot().families.into_iter();
    let series = families.flat_map(|family| family.series);
    series.map(|series| series.start_time).collect()
}

#[test]
fn a_series_began_when_its_instrument_was_made() {
    let registry = Registry::default();
    let before = now();
    let counter = Counter::default();
    let histogram = Histogram::new([1.0]).unwrap();
    let after = now();
    pass_a_millisecond();
    registry.register("c", "", counter.clone()).unwrap();
    registry.register("h", "", histogram).unwrap();
    drop(counter);
    for start in start_times(&registry) {
        let start = start.unwrap();
        assert!(before <= start && start <= after, "{start:?}");
    }
}

#[test]
fn a_series_that_is_made_again_began_again() {
    let family = Family::<Counter, 1>::new(["l"]);
    let registry = Registry::default();
    registry.register("c", "", family.clone()).unwrap();
    let kept = family.get_or_create_owned(&["a"]);
    family.get_or_create(&["b"]);
    let before = start_times(&registry);
    pass_a_millisecond();
    // Neither recording nor reading moves it.
    kept.inc();
    assert_eq!(start_times(&registry), before);
    family.remove(&["a"]);
    family.get_or_create(&["a"]);
    let after = start_times(&registry);
    assert_eq!(after[0], before[1]);
    assert!(after[1] > before[0], "{before:?} {after:?}");
}

/// What is kept elsewhere began when the application says.
struct Elsewhere(Option<SystemTime>);

impl Collector for Elsewhere {
    fn describe(&self) -> Vec<Description> {
        let since = |description: Description| match self.0 {
            Some(time) => description.since(time),
            None => description,
        };
        vec![
            since(Description::counter("collected", "")),
            since(Description::gauge("collected_gauge", "")),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        samples.counter("collected", &[], 1_u64);
        samples.gauge("collected_gauge", &[], 1_u64);
    }
}

#[test]
fn what_is_counted_elsewhere_has_the_start_that_it_is_given() {
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_040);
    for since in [None, Some(time)] {
        let registry = Registry::default();
        let mut observed = ObservedCounter::default();
        let mut function = CounterFn::new(|| 1_u64);
        if let Some(time) = since {
            observed = observed.since(time);
            function = function.since(time);
        }
        registry.register("observed", "", observed).unwrap();
        registry.register("function", "", function).unwrap();
        registry
            .register_collector("elsewhere", Elsewhere(since))
            .unwrap();
        let expected = since.map(StartTime::from);
        assert_eq!(start_times(&registry), [expected, expected, expected, None]);
    }
}

#[test]
fn openmetrics_has_them_on_request_and_text_never() {
    let registry = Registry::with_labels([("z", "1")]).unwrap();
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_040);
    let jobs = Family::<CounterFn, 1>::new_with_constructor(["q"], move || {
        CounterFn::new(|| 2_u64).since(time)
    });
    jobs.get_or_create(&["a"]);
    registry.register("jobs", "", jobs).unwrap();
    registry
        .register("set", "", Gauge::<u64>::default())
        .unwrap();
    registry
        .register("open", "", UpDownCounter::default())
        .unwrap();
    registry
        .register("unknown", "", ObservedCounter::default())
        .unwrap();
    registry
        .register("h", "", Histogram::new([1.0]).unwrap())
        .unwrap();
    let mut with_created = String::new();
    let options = openmetrics::Options::default().with_created(true);
    options.encode_registry(&mut with_created, &registry);
    let snapshot = registry.snapshot();
    let mut of_snapshot = String::new();
    options.encode(&mut of_snapshot, &snapshot);
    assert_eq!(of_snapshot, with_created);
    let mut of_metrics = String::new();
    for metric in registry.metrics() {
        options.encode_metric(&mut of_metrics, &metric).unwrap();
    }
    assert_eq!(of_metrics + "# EOF\n", with_created);

    let histogram = snapshot.families[4].series[0].start_time.unwrap();
    let since = SystemTime::from(histogram).duration_since(UNIX_EPOCH);
    let created: Vec<_> = with_created
        .lines()
        .filter(|line| line.contains("_created"))
        .collect();
    assert_eq!(
        created,
        [
            "jobs_created{z=\"1\",q=\"a\"} 1700000000.040".to_owned(),
            format!("h_created{{z=\"1\"}} {:.3}", since.unwrap().as_secs_f64()),
        ]
    );
    let rest = with_created
        .lines()
        .filter(|line| !line.contains("_created"));
    assert!(rest.eq(registry.openmetrics().lines()));
    assert!(!registry.text().contains("_created"));
    openmetrics_parser::openmetrics::parse_openmetrics(&with_created).unwrap();
}
