//! What a series costs in memory, and what it costs once more for each further thread that records
//! in it: histograms with the eleven bounds and counters, each with two labels.
//!
//! Each library and shape has a process of its own, and what is counted is the process's anonymous
//! resident memory: an allocator that counts would not see the cells of tallied, which come from
//! the system's allocator whatever the global one is. The label values are made one at a time and
//! dropped.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use tallied_benches::library::{Library, Measured, Metrics, Prometheus, PrometheusClient, Tallied};
use tallied_benches::report;
use tallied_benches::workload::{endpoint, values};

const FURTHER_THREADS: usize = 3;

/// In front of the arguments of the process that measures one library.
const CHILD: &str = "--measure-one";

type Make = fn() -> Box<dyn Library>;

const LIBRARIES: [(&str, Make); 5] = [
    ("tallied", || Box::<Tallied>::default()),
    ("prometheus-client", || Box::<PrometheusClient>::default()),
    ("prometheus", || Box::<Prometheus>::default()),
    ("metrics", || Box::<Metrics>::default()),
    ("measured", || Box::<Measured>::default()),
];

const SHAPES: [&str; 2] = ["histogram", "counter"];

/// The process's anonymous resident memory. From the page tables: what `status` says instead is
/// exact to some pages a thread only.
fn resident_bytes() -> io::Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("smaps_rollup has no line Anonymous:"))
}

/// Records once in every series.
fn record(library: &dyn Library, shape: &str, series: usize) {
    let mut name = String::new();
    for (number, value) in (0..series).zip(values().iter().cycle()) {
        endpoint(&mut name, number);
        if shape == "histogram" {
            library.observe("GET", &name, *value);
        } else {
            library.count("GET", &name);
        }
        if number % 4096 == 0 {
            library.upkeep();
        }
    }
    library.upkeep();
}

/// Bytes of one thread's recording, and of all threads'.
fn measure(library: &str, shape: &str, series: usize) -> io::Result<[u64; 2]> {
    let (_, make) = LIBRARIES
        .iter()
        .find(|(name, _)| *name == library)
        .ok_or_else(|| io::Error::other(format!("there is no library `{library}`")))?;
    let before = resident_bytes()?;
    let library = &*make();
    record(library, shape, series);
    let one = resident_bytes()?;
    // Once when all have recorded, once when they may end.
    let barrier = Barrier::new(FURTHER_THREADS + 1);
    let all = std::thread::scope(|scope| {
        for _ in 0..FURTHER_THREADS {
            scope.spawn(|| {
                record(library, shape, series);
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let all = resident_bytes();
        barrier.wait();
        all
    })?;
    Ok([one.saturating_sub(before), all.saturating_sub(before)])
}

/// Measures in a process of its own.
fn measure_apart(library: &str, shape: &str, series: usize) -> io::Result<[f64; 2]> {
    let output = Command::new(std::env::current_exe()?)
        .args([CHILD, library, shape, &series.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let mut figures = answer.split_whitespace().map(str::parse::<f64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(one)), Some(Ok(all))) if output.status.success() => Ok([one, all]),
        _ => Err(io::Error::other(format!(
            "{library} could not be measured ({}): {answer}",
            output.status
        ))),
    }
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> io::Result<()> {
    let child: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, library, shape, series] = &*child
        && flag == CHILD
    {
        let series = series.parse().map_err(io::Error::other)?;
        let [one, all] = measure(library, shape, series)?;
        println!("{one} {all}");
        return Ok(());
    }
    let arguments = report::arguments("memory");
    if !arguments.measure {
        return Ok(());
    }
    let series = if arguments.quick { 20_000 } else { 100_000 };
    println!("bytes a series of {series}, with one recording thread, and for each further one");
    let mut rows = Vec::new();
    for shape in SHAPES {
        for (library, _) in LIBRARIES {
            let [one, all] = measure_apart(library, shape, series)?;
            let first = one / series as f64;
            let further = (all - one) / series as f64 / FURTHER_THREADS as f64;
            println!("{shape}, {library}: {first:.0}, {further:.0}");
            rows.push((
                format!("{shape}, {library}"),
                vec![series as f64, first, further],
            ));
        }
    }
    let head = [
        "series",
        "with one recording thread",
        "for each further thread",
    ];
    report::leave("memory", &head, &rows)
}
