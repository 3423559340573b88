//! What is kept of a registry that is read once a second, without waiting for the seconds.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use tallied::{Buckets, Counter, Family, Gauge, Histogram, ReadLimits, Registry};

use super::{BUDGET, CAPACITY, Model};
use crate::endpoints::MAX_ENDPOINTS;

/// The most that the page keeps.
const LIMIT: u64 = 32 << 20;

/// A model and its clocks.
pub(crate) struct Watched {
    pub(crate) registry: Registry,
    pub(crate) model: Model,
    pub(crate) now: Instant,
    pub(crate) clock: SystemTime,
}

impl Watched {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            model: Model::new(None),
            now: Instant::now(),
            clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }

    /// Reads after a time.
    pub(crate) fn read_after(&mut self, time: Duration) -> bool {
        self.now += time;
        self.clock += time;
        let metrics = self.registry.collect(|_| true, ReadLimits::default());
        self.model.read(&metrics, self.now, self.clock)
    }

    /// Reads a second later.
    pub(crate) fn read(&mut self) -> bool {
        self.read_after(Duration::from_secs(1))
    }
}

fn history(model: &Model, family: &str, nth: usize) -> Vec<Option<f64>> {
    let moments = model.moments();
    let family = model.families.iter().find(|f| *f.name == *family).unwrap();
    family.series[nth].history(&moments)
}

#[test]
fn columns_begin_with_the_second_reading_and_after_each_gap() {
    let registry = Registry::default();
    let jobs = Counter::default();
    registry.register("jobs", "Jobs", jobs.clone()).unwrap();
    jobs.inc_by(100);
    let mut watched = Watched::new(&registry);
    assert!(!watched.read(), "nothing is known of before");
    jobs.inc_by(3);
    assert!(watched.read());
    jobs.inc_by(40);
    assert!(
        !watched.read_after(Duration::from_secs(60)),
        "nobody looked"
    );
    assert!(watched.model.window().next().is_none());
    jobs.inc_by(5);
    assert!(watched.read());
    assert_eq!(history(&watched.model, "jobs", 0), [Some(3.0), Some(5.0)]);
    assert_eq!(watched.model.window().count(), 1);
    for _ in 0..2 * CAPACITY {
        jobs.inc();
        watched.read();
    }
    let history = history(&watched.model, "jobs", 0);
    assert_eq!(history, vec![Some(1.0); CAPACITY]);
    // A second that took two.
    jobs.inc_by(4);
    watched.read_after(Duration::from_secs(2));
    assert_eq!(
        self::history(&watched.model, "jobs", 0).last(),
        Some(&Some(2.0))
    );
}

#[test]
fn series_that_come_and_go_are_told_apart() {
    let registry = Registry::default();
    let family = Family::<Counter, 1>::new(["user"]);
    registry.register("jobs", "Jobs", family.clone()).unwrap();
    let mut watched = Watched::new(&registry);
    for user in ["a", "b", "c"] {
        family.get_or_create(&[user]).inc();
    }
    watched.read();
    family.get_or_create(&["b"]).inc_by(2);
    family.get_or_create(&["new"]).inc_by(7);
    watched.read();
    family.remove(&["a"]);
    family.get_or_create(&["c"]).inc_by(5);
    watched.read();
    let jobs = &watched.model.families[0];
    let labels: Vec<&str> = jobs.series.iter().map(|series| &*series.labels).collect();
    assert_eq!(labels, ["user=\"b\"", "user=\"c\"", "user=\"new\""]);
    let of = |nth| history(&watched.model, "jobs", nth);
    assert_eq!(of(0), [Some(2.0), Some(0.0)]);
    assert_eq!(of(1), [Some(0.0), Some(5.0)]);
    assert_eq!(
        of(2),
        [Some(7.0), Some(0.0)],
        "a new series grew from nothing"
    );
    registry.unregister("jobs");
    watched.read();
    assert!(watched.model.families.is_empty());
    assert_eq!(watched.model.families_gone, ["jobs".into()]);
}

#[test]
fn a_clock_that_jumps_is_said_and_moves_nothing() {
    let registry = Registry::default();
    let jobs = Counter::default();
    registry.register("jobs", "Jobs", jobs.clone()).unwrap();
    let mut watched = Watched::new(&registry);
    watched.read();
    for jump in [3600_i64, -7200, 0] {
        if jump < 0 {
            watched.clock -= Duration::from_secs(jump.unsigned_abs());
        } else {
            watched.clock += Duration::from_secs(jump.unsigned_abs());
        }
        watched.model.restate = false;
        jobs.inc_by(2);
        assert!(watched.read());
        assert_eq!(watched.model.restate, jump != 0);
        if jump != 0 {
            assert_eq!(watched.model.clock_jump, Some((watched.now, jump)));
        }
    }
    assert_eq!(history(&watched.model, "jobs", 0), [Some(2.0); 3]);
    // Before the epoch, and far from it.
    watched.clock = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
    assert!(watched.read());
    watched.clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert!(watched.read());
}

/// What the allocator counts is of all tests: those that look, and those that take much, one after the other.
static ALONE: Mutex<()> = Mutex::new(());

/// The bytes that a model takes.
fn size_of(watched: Watched) -> u64 {
    let Watched { model, .. } = watched;
    let with = tallied::heap::live_bytes();
    drop(model);
    with.saturating_sub(tallied::heap::live_bytes())
}

#[test]
fn a_hundred_thousand_busy_series_stay_below_the_limit() {
    let _alone = ALONE.lock();
    let registry = Registry::default();
    let family = Family::<Counter, 2>::new(["user", "kind"]);
    registry.register("jobs", "Jobs", family.clone()).unwrap();
    let counters: Vec<Counter> = (0..100_000)
        .map(|user| family.get_or_create_owned(&[&format!("user-{user}"), "sample"]))
        .collect();
    let mut watched = Watched::new(&registry);
    for _ in 0..40 {
        for (nth, counter) in counters.iter().enumerate() {
            // A few are much busier than others.
            counter.inc_by(if nth < 1000 { 1000 } else { 1 });
        }
        watched.read();
        assert!(watched.model.used() <= BUDGET, "{}", watched.model.used());
    }
    let thinned = watched.model.thinned;
    assert_eq!(thinned.series as u64 + thinned.untracked, 100_000);
    let thin = thinned.tens + thinned.minutes + thinned.last_only;
    assert!(thin > 1000, "{thinned:?}");
    // The busiest keep a value a second.
    let series = watched.model.families[0].series.iter();
    let busiest = series.take(1000).map(|series| series.step());
    assert!(busiest.into_iter().all(|step| step == 1));
    let kept = size_of(watched);
    assert!((8 << 20..LIMIT).contains(&kept), "{kept} bytes");
}

#[test]
fn a_series_that_finds_room_has_not_grown_out_of_nothing() {
    let _alone = ALONE.lock();
    let registry = Registry::default();
    let requests = Family::<Counter, 4>::new(["method", "endpoint", "status_code", "tenant"]);
    registry
        .register("http_requests", "Requests", requests.clone())
        .unwrap();
    let of = |tenant: u32| {
        let tenant = tenant.to_string();
        requests.get_or_create_owned(&["GET", "/a", "200", &tenant])
    };
    for tenant in 0..100_000 {
        of(tenant).inc_by(1000);
    }
    let mut watched = Watched::new(&registry);
    watched.read();
    assert!(watched.model.thinned.untracked > 1000);
    requests.retain(|labels, _| {
        let tenant = labels.values().nth(3).unwrap();
        tenant.parse::<u32>().unwrap() >= 50_000
    });
    watched.read();
    watched.read();
    assert_eq!(watched.model.thinned.untracked, 0);
    let rates = |watched: &Watched| -> Vec<f64> {
        let columns = watched.model.columns.iter();
        columns.map(|column| column.happened.requests).collect()
    };
    assert_eq!(rates(&watched), [0.0, 0.0]);
    // From then on one that is new has.
    of(100_000).inc_by(7);
    watched.read();
    assert_eq!(rates(&watched), [0.0, 0.0, 7.0]);
}

#[test]
fn thousands_of_endpoints_with_hundreds_of_buckets_stay_below_the_limit() {
    let _alone = ALONE.lock();
    let registry = Registry::default();
    let requests = Family::<Counter, 3>::new(["method", "endpoint", "status_code"]);
    registry
        .register("http_requests", "Requests", requests.clone())
        .unwrap();
    let bounds = Buckets::new((1..400).map(f64::from)).unwrap();
    let durations =
        Family::<Histogram, 2>::new_with_constructor(["method", "endpoint"], move || {
            Histogram::with_buckets(&bounds)
        });
    registry
        .register(
            "http_request_duration_seconds",
            "Durations",
            durations.clone(),
        )
        .unwrap();
    let routes: Vec<String> = (0..5000)
        .map(|n| format!("/a/route/of/some/length/{n}"))
        .collect();
    let mut watched = Watched::new(&registry);
    for second in 0..25 {
        for route in &routes {
            requests.get_or_create(&["GET", route, "200"]).inc();
            requests.get_or_create(&["GET", route, "500"]).inc();
            let durations = durations.get_or_create(&["GET", route]);
            for n in 0..40 {
                durations.observe(f64::from((second * 7 + n * 11) % 401));
            }
        }
        watched.read();
        assert!(watched.model.used() <= BUDGET, "{}", watched.model.used());
    }
    let endpoints = &watched.model.endpoints;
    assert_eq!(endpoints.all.len(), MAX_ENDPOINTS);
    assert!(
        endpoints.left_out > 0 && endpoints.blind > 0,
        "{}",
        endpoints.blind
    );
    assert!(!endpoints.all[0].is_blind(watched.model.last_tick()));
    let kept = size_of(watched);
    assert!((8 << 20..LIMIT).contains(&kept), "{kept} bytes");
}

#[test]
fn values_that_are_no_numbers_are_kept() {
    let registry = Registry::default();
    let gauge = Gauge::<f64>::default();
    registry
        .register("level", "A level", gauge.clone())
        .unwrap();
    let histogram = Histogram::with_buckets(&Buckets::new([1.0]).unwrap());
    registry
        .register("sizes", "Sizes", histogram.clone())
        .unwrap();
    let mut watched = Watched::new(&registry);
    watched.read();
    for level in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -0.0] {
        gauge.set(level);
        histogram.observe(level);
        watched.read();
    }
    let levels = history(&watched.model, "level", 0);
    assert!(levels[0].unwrap().is_nan());
    assert_eq!(levels[1..3], [Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
    assert_eq!(levels[4], Some(0.0));
}
