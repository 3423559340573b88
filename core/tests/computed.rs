//! What the application computes at a scrape: callbacks and collectors, and what they may do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tallied::exposition::text;
use tallied::{
    Buckets, Collector, Counter, CounterFn, Description, Family, GaugeFn, HistogramSnapshot,
    ReadError, ReadLimits, RegisterError, Registry, Samples, Unit,
};

/// Longer than any of these tests takes.
const NEVER: Duration = Duration::from_secs(600);

/// A collector of functions.
struct Functions<C> {
    families: Vec<Description>,
    collect: C,
    time_limit: Duration,
    max_samples: usize,
}

impl<C: Fn(&mut Samples<'_>) + Send + Sync + 'static> Functions<C> {
    fn new(families: Vec<Description>, collect: C) -> Self {
        Self {
            families,
            collect,
            time_limit: NEVER,
            max_samples: 1_000,
        }
    }
}

impl<C: Fn(&mut Samples<'_>) + Send + Sync + 'static> Collector for Functions<C> {
    fn describe(&self) -> Vec<Description> {
        self.families.clone()
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        (self.collect)(samples);
    }

    fn time_limit(&self) -> Duration {
        self.time_limit
    }

    fn max_samples(&self) -> usize {
        self.max_samples
    }
}

fn gauge(name: &str) -> Description {
    Description::gauge(name, "G")
}

/// What is written, without comments.
fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// A call that hangs until it is let go, and tells when it began.
struct Hang {
    began: Receiver<()>,
    let_go: Option<Sender<()>>,
}

/// Something to call that hangs; it returns at once when it was let go.
fn hang() -> (Hang, impl Fn() + Send + Sync + 'static) {
    let (begin, began) = channel();
    let (let_go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let call = move || {
        begin.send(()).ok();
        wait.lock().expect("nobody panics with it").recv().ok();
    };
    let hang = Hang {
        began,
        let_go: Some(let_go),
    };
    (hang, call)
}

#[test]
fn functions_are_read_at_each_scrape() {
    let registry = Registry::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = move || counted.fetch_add(1, Ordering::Relaxed) as u64;
    registry
        .register_with_unit("hits", "H", Unit::Bytes, CounterFn::new(count))
        .unwrap();
    registry
        .register("level", "L", GaugeFn::new(|| -1.5))
        .unwrap();
    registry
        .register("unknown", "U", GaugeFn::optional(|| None::<u64>))
        .unwrap();
    registry
        .register("negative", "N", CounterFn::new(|| -1.0))
        .unwrap();
    assert_eq!(
        registry.text(),
        "# HELP hits_bytes_total H\n# TYPE hits_bytes_total counter\nhits_bytes_total 0\n\
         # HELP level L\n# TYPE level gauge\nlevel -1.5\n"
    );
    assert!(registry.openmetrics().contains("hits_bytes_total 1\n"));
    // What nobody asked for is not read.
    let level = |descriptor: &tallied::Descriptor| descriptor.has_name("level");
    assert_eq!(registry.collect(level, ReadLimits::default()).len(), 1);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn each_series_of_a_family_can_have_a_function() {
    let registry = Registry::default();
    let sizes = Family::new_with_constructor(["pool"], || GaugeFn::optional(|| None::<u64>));
    sizes.get_or_create_with(&["a"], || GaugeFn::new(|| 1_u64));
    sizes.get_or_create(&["b"]);
    registry.register("pool_size", "P", sizes).unwrap();
    assert_eq!(samples(&registry.text()), ["pool_size{pool=\"a\"} 1"]);
}

#[test]
fn a_collector_is_read_once_and_its_samples_stand_by_family() {
    let registry = Registry::with_prefix_and_labels("shop", [("zone", "eu")]).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let families = vec![
        gauge("size").with_labels(["queue"]),
        Description::counter("waits_total", "W")
            .with_unit(Unit::Seconds)
            .with_labels(["queue"]),
        Description::histogram("length", "L"),
    ];
    let buckets = Buckets::new([1.0]).unwrap();
    let collector = Functions::new(families, move |samples| {
        counted.fetch_add(1, Ordering::Relaxed);
        for (queue, size) in [("a", 1_i64), ("b\"", -2)] {
            samples.gauge("size", &[queue], size);
            samples.counter("waits_total", &[queue], 0.5);
        }
        let snapshot = HistogramSnapshot::new(buckets.clone(), vec![2, 1], 7.5).unwrap();
        samples.histogram("length", &[], snapshot);
    });
    registry.register_collector("queues", collector).unwrap();
    assert_eq!(
        registry.text(),
        "# HELP shop_size G\n# TYPE shop_size gauge\n\
         shop_size{zone=\"eu\",queue=\"a\"} 1\nshop_size{zone=\"eu\",queue=\"b\\\"\"} -2\n\
         # HELP shop_waits_seconds_total W\n# TYPE shop_waits_seconds_total counter\n\
         shop_waits_seconds_total{zone=\"eu\",queue=\"a\"} 0.5\n\
         shop_waits_seconds_total{zone=\"eu\",queue=\"b\\\"\"} 0.5\n\
         # HELP shop_length L\n# TYPE shop_length histogram\n\
         shop_length_bucket{zone=\"eu\",le=\"1\"} 2\nshop_length_bucket{zone=\"eu\",le=\"+Inf\"} 3\n\
         shop_length_sum{zone=\"eu\"} 7.5\nshop_length_count{zone=\"eu\"} 3\n"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let two = registry.collect(
        |descriptor| descriptor.name() != "shop_size",
        ReadLimits::default(),
    );
    assert_eq!(two.len(), 2);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let snapshot = registry.snapshot();
    let series: Vec<_> = snapshot.families.iter().map(|f| f.series.len()).collect();
    assert_eq!(series, [2, 2, 1]);
    // One that is written alone is read for it.
    let mut document = String::new();
    for metric in registry.metrics() {
        text::encode_metric(&mut document, &metric).unwrap();
    }
    assert_eq!(document, registry.text());
}

#[test]
fn a_collector_hears_how_old_its_figures_may_be() {
    let registry = Registry::default();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&asked);
    let collector = Functions::new(vec![gauge("age")], move |samples| {
        hears.lock().unwrap().push(samples.max_age());
    });
    registry.register_collector("age", collector).unwrap();
    let second = Duration::from_secs(1);
    registry.collect(|_| true, ReadLimits::default().with_max_age(second));
    registry.text();
    assert_eq!(*asked.lock().unwrap(), [Some(second), None]);
}

#[test]
fn all_families_of_a_collector_are_registered_or_none() {
    let registry = Registry::default();
    registry.register("taken", "T", Counter::default()).unwrap();
    let nothing = |_: &mut Samples<'_>| {};
    for (families, is_expected) in [
        (
            vec![gauge("free"), gauge("taken_total")],
            (|error| matches!(error, RegisterError::Duplicate { .. })) as fn(&_) -> bool,
        ),
        (vec![gauge("free"), gauge("free")], |error| {
            matches!(error, RegisterError::Duplicate { .. })
        }),
        (
            vec![
                gauge("free"),
                Description::counter("free_too", "C").with_labels(["a", "a"]),
            ],
            |error| matches!(error, RegisterError::DuplicateLabel { .. }),
        ),
        (vec![gauge("free"), gauge("0")], |error| {
            matches!(error, RegisterError::InvalidName { .. })
        }),
    ] {
        let error = registry
            .register_collector("c", Functions::new(families, nothing))
            .unwrap_err();
        assert!(is_expected(&error), "{error}");
        assert_eq!(registry.metrics().count(), 1);
    }
    registry
        .register_collector("c", Functions::new(vec![gauge("free")], nothing))
        .unwrap();
}

#[test]
fn a_panic_costs_the_collector_alone_and_is_reported_once() {
    let registry = Registry::default();
    let families = vec![gauge("half"), gauge("other")];
    let broken = Functions::new(families, |samples| {
        samples.gauge("half", &[], 1_u64);
        panic!("no {}", "luck");
    });
    registry.register_collector("broken", broken).unwrap();
    registry
        .register(
            "worse",
            "W",
            GaugeFn::new(|| -> u64 { panic!("on purpose") }),
        )
        .unwrap();
    registry
        .register("well", "W", GaugeFn::new(|| 1_u64))
        .unwrap();
    assert_eq!(samples(&registry.text()), ["well 1"]);
    let mut document = String::new();
    let errors: Vec<_> = registry
        .collect(|_| true, ReadLimits::default())
        .iter()
        .filter_map(|metric| text::encode_metric(&mut document, metric).err())
        .collect();
    assert_eq!(samples(&document), ["well 1"]);
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "reading broken panicked, so it was left out: no luck",
            "reading worse panicked, so it was left out: on purpose"
        ]
    );
}

#[test]
fn samples_that_were_not_described_say_so() {
    for (give, message) in [
        (
            (|samples| samples.gauge("b", &[], 1_u64)) as fn(&mut Samples<'_>),
            "\"b\" was not described: add it to what Collector::describe returns",
        ),
        (
            |samples| samples.counter("a", &["x"], 1_u64),
            "\"a\" was described as a gauge, and a counter was given",
        ),
        (
            |samples| samples.gauge("a", &[], 1_u64),
            "\"a\" has 1 labels, and 0 values were given",
        ),
    ] {
        let registry = Registry::default();
        let families = vec![gauge("a").with_labels(["l"])];
        registry
            .register_collector("c", Functions::new(families, give))
            .unwrap();
        let metric = &registry.collect(|_| true, ReadLimits::default())[0];
        let error = text::encode_metric(&mut String::new(), metric).unwrap_err();
        let ReadError::Panicked { message: said, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(&*said, message);
    }
}

#[test]
fn what_is_beyond_the_limit_or_no_sample_is_dropped_and_counted() {
    let registry = Registry::default();
    let families = vec![
        gauge("many").with_labels(["n"]),
        Description::counter("total", "T"),
    ];
    let many = Functions::new(families, |samples| {
        samples.counter("total", &[], f64::NAN);
        samples.counter("total", &[], -1.0);
        samples.counter("total", &[], 1_u64);
        samples.counter("total", &[], 2_u64);
        for n in 0..1_000_000 {
            samples.gauge("many", &[&(n / 2).to_string()], n as u64);
        }
    });
    registry.register_collector("many", many).unwrap();
    let losses = registry.collector_losses();
    let dropped = losses.dropped_samples();
    assert_eq!(dropped.get_or_create(&["many"]).get(), 0);
    let text = registry.text();
    let samples = samples(&text);
    assert_eq!(samples.len(), 1_000);
    assert_eq!(samples[998], "many{n=\"998\"} 1996");
    assert_eq!(samples[999], "total_total 1");
    assert_eq!(dropped.get_or_create(&["many"]).get(), 1_000_004 - 1_000);
    assert!(losses.timeouts().get(&["many"]).is_some());
}

#[test]
fn one_that_hangs_costs_itself_once_and_is_read_again_when_it_has_returned() {
    let registry = Registry::default();
    let (mut hang, call) = hang();
    let slow = Functions {
        time_limit: Duration::from_millis(50),
        ..Functions::new(vec![gauge("slow"), gauge("slow_too")], move |samples| {
            call();
            samples.gauge("slow", &[], 1_u64);
        })
    };
    registry
        .register("before", "B", GaugeFn::new(|| 1_u64))
        .unwrap();
    registry.register_collector("slow", slow).unwrap();
    registry
        .register("after", "A", GaugeFn::new(|| 2_u64))
        .unwrap();
    let timeouts = registry.collector_losses().timeouts();
    assert_eq!(timeouts.get_or_create(&["slow"]).get(), 0);
    assert_eq!(samples(&registry.text()), ["before 1", "after 2"]);
    assert_eq!(timeouts.get_or_create(&["slow"]).get(), 1);
    // It is not called again, whoever reads: one call began.
    for _ in 0..20 {
        assert_eq!(samples(&registry.text()), ["before 1", "after 2"]);
    }
    assert_eq!(hang.began.try_iter().count(), 1);
    assert_eq!(timeouts.get_or_create(&["slow"]).get(), 21);
    // It returns: what it gives then is dropped, and the next reading calls it.
    hang.let_go = None;
    let began = Instant::now();
    while samples(&registry.text()).len() == 2 {
        assert!(began.elapsed() < NEVER, "it is never read again");
        std::thread::yield_now();
    }
    assert_eq!(samples(&registry.text()), ["before 1", "slow 1", "after 2"]);
}

#[test]
fn those_that_hang_together_are_waited_for_together() {
    // Each waits until all have begun: called one after the other, they would be late one by one.
    const TOGETHER: usize = 20;
    let registry = Registry::default();
    let begun = Arc::new((Mutex::new(0), Condvar::new()));
    for n in 0..TOGETHER {
        let begun = Arc::clone(&begun);
        let families = vec![gauge(&format!("stuck_{n}"))];
        let collector = Functions::new(families, move |samples| {
            let (count, changed) = &*begun;
            let mut count = count.lock().unwrap();
            *count += 1;
            changed.notify_all();
            let (_count, timeout) = changed
                .wait_timeout_while(count, Duration::from_secs(60), |count| *count < TOGETHER)
                .unwrap();
            assert!(!timeout.timed_out());
            samples.gauge(&format!("stuck_{n}"), &[], 1_u64);
        });
        registry
            .register_collector(&format!("stuck_{n}"), collector)
            .unwrap();
    }
    assert_eq!(samples(&registry.text()).len(), TOGETHER);
}

#[test]
fn no_more_than_some_threads_are_stuck() {
    // In a process of its own: the limit is the process's.
    let name = "stuck_threads";
    if std::env::var_os(name).is_none() {
        let test = "no_more_than_some_threads_are_stuck";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(name, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let registry = Registry::default();
    let stuck = Arc::new(Mutex::new(()));
    let held = stuck.lock().unwrap();
    let began = Arc::new(AtomicUsize::new(0));
    for n in 0..200 {
        let (stuck, began) = (Arc::clone(&stuck), Arc::clone(&began));
        let read = move || {
            began.fetch_add(1, Ordering::Relaxed);
            let _guard = stuck.lock();
            1_u64
        };
        registry
            .register(&format!("stuck_{n}"), "S", GaugeFn::new(read))
            .unwrap();
    }
    registry.register("after", "A", Counter::default()).unwrap();
    for _ in 0..10 {
        assert_eq!(samples(&registry.text()), ["after_total 0"]);
    }
    assert_eq!(began.load(Ordering::Relaxed), 64);
    drop(held);
    // All return some day; then all are read.
    let start = Instant::now();
    while samples(&registry.text()).len() < 201 {
        assert!(start.elapsed() < NEVER, "not all are read again");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn nobody_is_waited_for_after_the_deadline() {
    let registry = Registry::default();
    let (mut hang, call) = hang();
    let slow = Functions::new(vec![gauge("slow")], move |_| call());
    registry.register_collector("slow", slow).unwrap();
    registry
        .register("behind", "B", Counter::default())
        .unwrap();
    let deadline = Instant::now() + Duration::from_millis(30);
    let metrics = registry.collect(|_| true, ReadLimits::default().with_deadline(deadline));
    let mut document = String::new();
    let error = text::encode_metric(&mut document, &metrics[0]).unwrap_err();
    assert!(matches!(error, ReadError::TimedOut { .. }), "{error}");
    text::encode_metric(&mut document, &metrics[1]).unwrap();
    assert_eq!(samples(&document), ["behind_total 0"]);
    hang.let_go = None;
}

#[test]
fn a_collector_may_register_and_unregister_and_read() {
    let registry = Registry::default();
    let handle = registry.clone();
    let round = AtomicUsize::new(0);
    let restless = Functions::new(vec![gauge("own")], move |samples| {
        let round = round.fetch_add(1, Ordering::Relaxed);
        handle
            .register(&format!("made_{round}"), "M", Counter::default())
            .unwrap();
        if round == 2 {
            assert!(handle.unregister("made_0"));
            assert!(handle.unregister("own"));
        }
        // It sees instruments, and nothing that is computed.
        let seen = handle.text();
        assert!(seen.contains("plain_total"), "{seen}");
        assert!(!seen.contains("own") && !seen.contains("level"), "{seen}");
        samples.gauge("own", &[], round as u64);
    });
    registry.register("plain", "P", Counter::default()).unwrap();
    registry.register_collector("restless", restless).unwrap();
    registry
        .register("level", "L", GaugeFn::new(|| 1_u64))
        .unwrap();
    assert_eq!(
        samples(&registry.text()),
        ["plain_total 0", "own 0", "level 1"]
    );
    assert_eq!(
        samples(&registry.text()),
        ["plain_total 0", "own 1", "level 1", "made_0_total 0"]
    );
    let mut third = registry.text();
    third.retain(|c| c != '\r');
    assert!(third.contains("own 2"), "{third}");
    assert_eq!(
        samples(&registry.text()),
        [
            "plain_total 0",
            "level 1",
            "made_1_total 0",
            "made_2_total 0"
        ]
    );
}

#[test]
fn unregistering_frees_the_names_and_the_function() {
    let registry = Registry::with_prefix("p").unwrap();
    let held = Arc::new(());
    let kept = Arc::clone(&held);
    let size = GaugeFn::new(move || Arc::strong_count(&kept) as u64);
    let size = registry.register("size", "S", size).unwrap();
    let families = vec![gauge("a"), gauge("b"), gauge("c")];
    registry
        .register_collector("abc", Functions::new(families, |_| {}))
        .unwrap();
    registry.register("last", "L", Counter::default()).unwrap();
    assert!(registry.text().contains("p_size 2"));
    let names: Vec<_> = size.descriptors().map(|d| d.name().to_owned()).collect();
    assert_eq!(names, ["p_size"]);
    assert!(size.unregister());
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(
        registry
            .collector_losses()
            .timeouts()
            .get(&["abc"])
            .is_some()
    );
    // Any of its families takes the collector with it.
    assert!(registry.unregister("p_b"));
    assert!(!registry.unregister("p_a"));
    assert!(
        registry
            .collector_losses()
            .timeouts()
            .get(&["abc"])
            .is_none()
    );
    assert!(!registry.unregister("last"), "the name has a prefix");
    assert_eq!(samples(&registry.text()), ["p_last_total 0"]);
    for name in ["size", "a", "b", "c"] {
        registry.register(name, "N", Counter::default()).unwrap();
    }
}

#[test]
fn one_that_hangs_keeps_nothing_of_the_others() {
    let registry = Registry::default();
    let (mut hang, call) = hang();
    let slow = Functions {
        time_limit: Duration::from_millis(50),
        ..Functions::new(vec![gauge("slow")], move |_| call())
    };
    registry.register_collector("slow", slow).unwrap();
    let held = Arc::new(());
    let kept = Arc::clone(&held);
    let size = GaugeFn::new(move || Arc::strong_count(&kept) as u64);
    let size = registry.register("size", "S", size).unwrap();
    assert_eq!(samples(&registry.text()), ["size 2"]);
    assert!(size.unregister());
    assert_eq!(Arc::strong_count(&held), 1);
    hang.let_go = None;
}

#[test]
fn what_is_dropped_with_a_metric_may_use_the_registry() {
    struct Farewell(Registry);
    impl Drop for Farewell {
        fn drop(&mut self) {
            let farewell = Counter::default();
            self.0.register("farewell", "F", farewell).unwrap();
        }
    }
    let registry = Registry::default();
    let farewell = Farewell(registry.clone());
    let age = GaugeFn::new(move || u64::from(farewell.0.text().is_empty()));
    let age = registry.register("age", "A", age).unwrap();
    assert!(age.unregister());
    assert_eq!(samples(&registry.text()), ["farewell_total 0"]);
}

#[test]
fn a_guard_unregisters_its_own_and_nothing_of_the_same_name() {
    let registry = Registry::default();
    let guard = registry
        .register("session", "S", Counter::default())
        .unwrap()
        .unregister_on_drop();
    assert!(registry.unregister("session"));
    registry
        .register("session", "Another", Counter::default())
        .unwrap();
    drop(guard);
    assert_eq!(registry.metrics().count(), 1);
    let orphan = {
        let gone = Registry::default();
        gone.register("x", "X", Counter::default()).unwrap()
    };
    assert!(!orphan.unregister());
}

#[test]
fn readers_and_registrations_do_not_wait_for_each_other() {
    let registry = Registry::default();
    let (mut hang, call) = hang();
    let hangs = Functions {
        time_limit: NEVER,
        ..Functions::new(vec![gauge("hangs")], move |samples| {
            call();
            samples.gauge("hangs", &[], 1_u64);
        })
    };
    registry.register_collector("hangs", hangs).unwrap();
    let reader = std::thread::spawn({
        let registry = registry.clone();
        move || registry.text()
    });
    hang.began.recv().unwrap();
    // While it is read:
    let made = registry.register("made", "M", Counter::default()).unwrap();
    let only_made = |descriptor: &tallied::Descriptor| descriptor.has_name("made");
    assert_eq!(registry.collect(only_made, ReadLimits::default()).len(), 1);
    assert!(made.unregister());
    assert!(registry.unregister("hangs"));
    assert_eq!(registry.text(), "");
    hang.let_go = None;
    assert_eq!(samples(&reader.join().unwrap()), ["hangs 1"]);
}
