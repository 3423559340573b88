//! The mutants that follow from the source: every ordering weakened, every fence left out. Nobody has to
//! think of them, so none is forgotten.

use std::path::Path;

use anyhow::{Result, ensure};

use super::mutant::Mutant;
use crate::scratch::{Edit, Source};

/// Calls that order and do nothing else: each is left out, once. To be extended with the facade's.
const FENCES: [&str; 1] = ["fence"];

/// These order what the compiler does. Loom runs what the compiler has made, one instruction after the
/// other, so that no model could notice.
const COMPILER_FENCES: [&str; 1] = ["compiler_fence"];

/// What each ordering is weakened to.
fn weaker(ordering: &str, in_fence: bool) -> &'static [&'static str] {
    match (ordering, in_fence) {
        // A relaxed fence panics, which would pass for a kill; leaving the fence out says the same.
        ("SeqCst", true) => &["AcqRel"],
        (_, true) => &[],
        ("AcqRel", _) => &["Acquire", "Release", "Relaxed"],
        // Not to AcqRel: loom takes SeqCst for that, but on a fence.
        ("Release" | "Acquire" | "SeqCst", _) => &["Relaxed"],
        _ => &[],
    }
}

/// All of them for one file of the kernel; `file` is its path from the root of the workspace.
pub(super) fn mutants(file: &Path, source: &Source) -> Result<Vec<Mutant>> {
    let mut found = Vec::new();
    for (at, word) in source.words() {
        let range = at..at + word.len();
        let before = &source.code[..at];
        let place = || format!("{}:{}", file.display(), source.line(at));
        if ["Release", "Acquire", "AcqRel", "SeqCst"].contains(&word) {
            ensure!(
                before.ends_with("Ordering::"),
                "{}: `{word}` without `Ordering::` before it, so that no mutant is made of it; \
                 write `Ordering::{word}` where it is used",
                place()
            );
            let call = source.enclosing_call(at);
            if call.is_some_and(|call| COMPILER_FENCES.contains(&call)) {
                continue;
            }
            let in_fence = call.is_some_and(|call| FENCES.contains(&call));
            for weaker in weaker(word, in_fence) {
                let mutation = format!("{word} → {weaker}");
                found.push((range.clone(), mutation, (*weaker).to_owned()));
            }
        } else if FENCES.contains(&word) && !before.trim_end().ends_with("fn") {
            // The name of a function that is imported or passed on is no call.
            let Some(call) = source.call(range) else {
                continue;
            };
            ensure!(
                !before.ends_with('.'),
                "{}: `.{word}()` is a method, so that no mutant is made of it; make it a function",
                place()
            );
            found.push((call, format!("{word}() left out"), "()".to_owned()));
        }
    }
    Ok(found
        .into_iter()
        .map(|(range, mutation, with)| {
            let line = source.line(range.start);
            let function = source.function(range.start).unwrap_or("no function");
            let name = file.file_name().unwrap_or_default().display();
            Mutant {
                name: format!("{name}:{line} {mutation}"),
                site: format!("{}:{line} ({function})", file.display()),
                mutation,
                edits: vec![Edit {
                    file: file.to_owned(),
                    range,
                    with,
                }],
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Mutant>> {
        mutants(
            Path::new("core/src/shard/x.rs"),
            &Source::new(text.to_owned()),
        )
    }

    fn names(text: &str) -> Vec<String> {
        let mutants = of(text).unwrap();
        mutants.into_iter().map(|mutant| mutant.name).collect()
    }

    #[test]
    fn every_ordering_is_weakened() {
        let text = "fn f() {\n  // Ordering::Release\n  a.store(1, Ordering::Release);\n  \
                    a.swap(1, Ordering::AcqRel);\n  a.load(Ordering::Relaxed);\n}\n\
                    #[cfg(test)]\nmod tests {\n  Ordering::Release\n}\n";
        assert_eq!(
            names(text),
            [
                "x.rs:3 Release → Relaxed",
                "x.rs:4 AcqRel → Acquire",
                "x.rs:4 AcqRel → Release",
                "x.rs:4 AcqRel → Relaxed",
            ]
        );
        assert_eq!(of(text).unwrap()[0].site, "core/src/shard/x.rs:3 (f)");
    }

    #[test]
    fn every_fence_is_left_out() {
        let text = "use crate::sync::fence;\nfn light() {\n  fence(Ordering::SeqCst);\n}\n\
                    fn g() {\n  compiler_fence(Ordering::SeqCst);\n  sync::fence(Ordering::Release);\n}\n";
        assert_eq!(
            names(text),
            [
                "x.rs:3 fence() left out",
                "x.rs:3 SeqCst → AcqRel",
                "x.rs:7 fence() left out"
            ]
        );
        let last = of(text).unwrap().pop().unwrap();
        assert_eq!(
            &text[last.edits[0].range.clone()],
            "sync::fence(Ordering::Release)"
        );
    }

    #[test]
    fn what_would_be_overlooked_is_refused() {
        let refused = |text| of(text).err().unwrap().to_string();
        assert!(refused("fn f() { a.load(Acquire) }").contains("x.rs:1: `Acquire` without"));
        assert!(refused("fn f() { a.fence() }").contains("is a method"));
    }
}
