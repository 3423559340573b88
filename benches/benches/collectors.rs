//! What a scrape costs of all collectors of `tallied-collectors`, when each reads anew and when it
//! uses its last reading again; and each collector alone. Median time of a document.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use tallied::{RegisterError, Registry};
use tallied_benches::report;
use tallied_collectors::{
    CgroupCollector, Collectors, FileSystemCollector, HostCollector, NetworkCollector,
    ProcessCollector,
};

type Register = fn(&Registry) -> Result<(), RegisterError>;

const NEW: Duration = Duration::ZERO;

const ROWS: [(&str, Register); 7] = [
    ("all, each reads anew", |registry| {
        Collectors::new().with_max_age(NEW).register(registry)
    }),
    ("all, read in the last 10 s", |registry| {
        Collectors::new().register(registry)
    }),
    ("process", |registry| {
        let collector = ProcessCollector::new().with_max_age(NEW);
        collector.register(registry).map(drop)
    }),
    ("cgroup", |registry| {
        let collector = CgroupCollector::new().with_max_age(NEW);
        collector.register(registry).map(drop)
    }),
    ("host", |registry| {
        let collector = HostCollector::new().with_max_age(NEW);
        collector.register(registry).map(drop)
    }),
    ("network", |registry| {
        let collector = NetworkCollector::new().with_max_age(NEW);
        collector.register(registry).map(drop)
    }),
    ("file systems", |registry| {
        let collector = FileSystemCollector::new().with_max_age(NEW);
        collector.register(registry).map(drop)
    }),
];

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> io::Result<()> {
    let arguments = report::arguments("collectors");
    if !arguments.measure {
        return Ok(());
    }
    let scrapes = if arguments.quick { 100 } else { 2_000 };
    println!("µs a document");
    let mut rows = Vec::new();
    for (row, register) in ROWS {
        let registry = Registry::default();
        register(&registry).expect("the names are different and valid");
        // The processors' usage takes that long.
        std::thread::sleep(Duration::from_millis(250));
        black_box(registry.text());
        let mut times: Vec<f64> = (0..scrapes)
            .map(|_| {
                let began = Instant::now();
                black_box(registry.text());
                began.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        println!("{row}: {median:.0}");
        rows.push((row.to_owned(), vec![median]));
    }
    report::leave("collectors", &["µs a document"], &rows)
}
