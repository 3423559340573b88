//! The mutants that follow from the source: every ordering weakened, every fence left out. Nobody has to
//! think of them, so none is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::mistakes::Patch;

const KERNEL: &str = "core/src/shard";
const ORDERINGS: [&str; 4] = ["Release", "Acquire", "AcqRel", "SeqCst"];

/// Files that are tests alone.
const TESTS: [&str; 3] = ["model.rs", "loom.rs", "tests.rs"];

/// What each ordering is weakened to.
fn weaker(ordering: &str, in_fence: bool) -> &'static [&'static str] {
    match (ordering, in_fence) {
        // A relaxed fence panics, which would pass for a kill; leaving the fence out says the same.
        ("SeqCst", true) => &["AcqRel"],
        (_, true) => &[],
        ("AcqRel", _) => &["Acquire", "Release", "Relaxed"],
        // Not to AcqRel: loom takes SeqCst for that, but on a fence.
        _ => &["Relaxed"],
    }
}

/// All of them for the kernel below `root`, in the order of the files.
pub(super) fn mutants(root: &Path) -> Result<Vec<Patch>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(KERNEL)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder))
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = folder.join(entry?.file_name());
            if root.join(&path).is_dir() {
                folders.push(path);
            } else if !TESTS.iter().any(|test| path.ends_with(test)) {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    let mut mutants = Vec::new();
    for file in files {
        let text = fs::read_to_string(root.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        mutants.extend(of_file(&file.to_string_lossy(), &text)?);
    }
    Ok(mutants)
}

fn of_file(file: &str, text: &str) -> Result<Vec<Patch>> {
    let lines: Vec<&str> = text.lines().collect();
    let name = file.rsplit('/').next().unwrap_or(file);
    let mut found = Vec::new();
    for (index, &line) in lines.iter().enumerate() {
        if begins_tests(line, lines.get(index + 1)) {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        // It orders what the compiler does. Loom runs what the compiler has made, one instruction after the
        // other, so that no model could notice.
        if code.contains("compiler_fence(") {
            continue;
        }
        let number = index + 1;
        let mut push = |mutation: String, new: &str| {
            let name = format!("{name}:{number} {mutation}");
            found.push(Patch::of_line(name, file, number, line, new));
        };
        let in_fence = code.contains("fence(");
        if in_fence {
            let call = code.trim();
            let path = call.split('(').next().unwrap_or_default();
            ensure!(
                call.ends_with(");") && (path == "fence" || path.ends_with("::fence")),
                "{file}:{number}: no mutant is made of this fence; make it a statement on a line of its own: {call}"
            );
            push("fence() left out".to_owned(), &code.replace(call, "();"));
        }
        for ordering in ORDERINGS {
            for (at, _) in code.match_indices(ordering) {
                let (before, after) = (&code[..at], &code[at + ordering.len()..]);
                let is_letter = |c: char| c.is_alphanumeric() || c == '_';
                if before.ends_with(is_letter) || after.starts_with(is_letter) {
                    continue;
                }
                ensure!(
                    before.ends_with("Ordering::"),
                    "{file}:{number}: `{ordering}` without `Ordering::` before it, so that no mutant is made of it; \
                     write `Ordering::{ordering}` where it is used"
                );
                for weaker in weaker(ordering, in_fence) {
                    push(
                        format!("{ordering} → {weaker}"),
                        &format!("{before}{weaker}{after}"),
                    );
                }
            }
        }
    }
    Ok(found)
}

/// Modules of tests stand at the end of a file.
fn begins_tests(line: &str, next: Option<&&str>) -> bool {
    (line.starts_with("#[cfg(test)") || line.starts_with("#[cfg(all(test,"))
        && next.is_some_and(|next| next.contains("mod ") && next.ends_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let mutants = of_file("core/src/shard/x.rs", text).unwrap();
        mutants.into_iter().map(|mutant| mutant.name).collect()
    }

    #[test]
    fn every_ordering_is_weakened() {
        let text = "fn f() {\n  // Ordering::Release\n  a.store(1, Ordering::Release);\n  \
                    a.swap(1, Ordering::AcqRel);\n  a.load(Ordering::Relaxed);\n}\n\
                    #[cfg(all(test, loom))]\npub(crate) mod tests {\n  Ordering::Release\n}\n";
        assert_eq!(
            names(text),
            [
                "x.rs:3 Release → Relaxed",
                "x.rs:4 AcqRel → Acquire",
                "x.rs:4 AcqRel → Release",
                "x.rs:4 AcqRel → Relaxed",
            ]
        );
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
    }

    #[test]
    fn what_would_be_overlooked_is_refused() {
        let refused = |text| of_file("x.rs", text).unwrap_err().to_string();
        assert!(refused("fn f() { a.load(Acquire) }").contains("x.rs:1: `Acquire` without"));
        assert!(refused("fn f() { a.fence(); }").contains("x.rs:1: no mutant is made"));
    }
}
