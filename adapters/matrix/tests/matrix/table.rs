//! `MATRIX.md`: which case runs on which subject. A test compares it with the tests that there are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::subject::{Difference, Subject};

/// The columns: a subject, and its name in tests.
const SUBJECTS: [(Subject, &str); 4] = [
    (Subject::SalvoInstrumented, "salvo_instrumented"),
    (Subject::SalvoObserved, "salvo_observed"),
    (Subject::Axum, "axum"),
    (Subject::Hyper, "hyper"),
];

/// What only some frameworks have, and why.
const ONLY: [(&str, &str); 3] = [
    ("salvo_only", crate::salvo_only::BECAUSE),
    ("axum_only", crate::axum_only::BECAUSE),
    ("hyper_only", crate::hyper_only::BECAUSE),
];

const HEAD: &str = "# What is recorded of a request, by adapter

Each case runs on each adapter, over HTTP/1 (1) and HTTP/2 (2), or in each way in which a client may leave, and asks for all
`http_…` series of a scrape. A letter in brackets is a note at the end: something else is recorded there, and the case asks
for that.

| subject | is |
| --- | --- |
| salvo_instrumented | the hoop, put around a service by `instrument` |
| salvo_observed | the hoop, put first by hand: the response's observer sees the final answer |
| axum | the layer for axum's routers |
| hyper | the layer for any service, around one that is no framework |

This file is made: `cargo test -p tallied-matrix -- --ignored write`.
";

/// The ways in which a case runs on each subject.
type Ways = [Vec<String>; SUBJECTS.len()];

/// The cases, as this binary lists them.
fn cases() -> BTreeMap<String, Ways> {
    let mut binary = Command::new(std::env::current_exe().unwrap());
    let listed = binary.args(["--list", "--format", "terse"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let mut cases: BTreeMap<_, Ways> = BTreeMap::new();
    for line in listed.lines() {
        let name = line.strip_suffix(": test").unwrap();
        let (name, way) = name.rsplit_once("::").unwrap();
        let (case, subject) = name.rsplit_once("::").unwrap_or_default();
        let column = SUBJECTS.iter().position(|(_, name)| *name == subject);
        // This file's own tests have no subject.
        if let Some(column) = column {
            let way = way.replace("http", "").replace('_', " ");
            cases.entry(case.to_owned()).or_default()[column].push(way);
        }
    }
    cases
}

/// What is otherwise, by case.
fn differences() -> BTreeMap<String, Difference> {
    let groups = [
        ("answers", crate::answers::differences()),
        ("lengths", crate::lengths::DIFFERENCES.to_vec()),
        ("axum_only", crate::axum_only::DIFFERENCES.to_vec()),
    ];
    let mut all = BTreeMap::new();
    for (group, differences) in groups {
        for difference in differences {
            all.insert(format!("{group}::{}", difference.case), difference);
        }
    }
    all
}

fn table() -> String {
    let mut cases = cases();
    let mut differences = differences();
    let mut notes = Vec::new();
    let tests = |column: usize| cases.values().map(|ways| ways[column].len()).sum();
    let tests: [usize; SUBJECTS.len()] = std::array::from_fn(tests);
    let mut table = String::from(HEAD);
    let mut section = |title: &str, cases: BTreeMap<String, Ways>| {
        let subjects = SUBJECTS.map(|(_, name)| name).join(" | ");
        write!(table, "\n{title}\n\n| case | {subjects} |\n").unwrap();
        table.push_str("| --- | --- | --- | --- | --- |\n");
        for (case, ways) in cases {
            let difference = differences.remove(&case);
            let note = difference.map(|difference| letter(&mut notes, difference.because));
            let cells = SUBJECTS.iter().zip(ways).map(|((subject, _), ways)| {
                let ways = if ways.is_empty() {
                    "–".to_owned()
                } else {
                    ways.join(" · ")
                };
                let otherwise = difference.is_some_and(|its| its.on.contains(subject));
                match note.filter(|_| otherwise) {
                    Some(note) => format!("{ways} ({note})"),
                    None => ways,
                }
            });
            let cells: Vec<_> = cells.collect();
            writeln!(table, "| {case} | {} |", cells.join(" | ")).unwrap();
        }
    };
    let only = ONLY.map(|(group, because)| {
        let is_of_it = |case: &String, _: &mut Ways| case.starts_with(group);
        (because, cases.extract_if(.., is_of_it).collect())
    });
    for (case, ways) in &cases {
        let everywhere = ways.iter().all(|its| *its == ways[0]);
        assert!(everywhere, "{case} does not run everywhere: {ways:?}");
    }
    section("## Whatever the framework", cases);
    for (because, cases) in only {
        section(because, cases);
    }
    assert!(differences.is_empty(), "of no case: {differences:?}");
    table.push_str("\n## Notes\n\n");
    for (letter, note) in ('a'..).zip(notes) {
        writeln!(table, "- ({letter}) {note}").unwrap();
    }
    let [instrumented, observed, axum, hyper] = tests;
    writeln!(
        table,
        "\n{instrumented} and {observed} tests of Salvo, {axum} of axum, {hyper} of hyper."
    )
    .unwrap();
    table
}

/// The letter of a note.
fn letter(notes: &mut Vec<&'static str>, note: &'static str) -> char {
    if !notes.contains(&note) {
        notes.push(note);
    }
    let place = notes.iter().position(|known| *known == note);
    ('a'..).nth(place.unwrap()).unwrap()
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("MATRIX.md")
}

#[test]
fn the_table_is_true() {
    let is = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        is == table(),
        "MATRIX.md is out of date: cargo test -p tallied-matrix -- --ignored write"
    );
}

#[test]
#[ignore = "writes MATRIX.md, which the test above compares: cargo test -p tallied-matrix -- --ignored write"]
fn write_the_table() {
    std::fs::write(path(), table()).unwrap();
}
