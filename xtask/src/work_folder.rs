//! A temporary folder for the configurations, the logs and the data of what a chore starts.

use std::path::Path;

use anyhow::{Context, Result};

/// Does the work in a new folder, which is removed on every way out, a panic included; or kept, and then said where.
pub(crate) fn within(
    prefix: &str,
    keep: bool,
    work: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let mut folder = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .context("cannot create a temporary folder")?;
    folder.disable_cleanup(keep);
    let outcome = work(folder.path());
    if keep {
        println!("kept: {}", folder.path().display());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn it_is_gone_afterwards_unless_it_is_kept() {
        for keep in [false, true] {
            let mut seen = PathBuf::new();
            within("tallied-test-", keep, |folder| {
                folder.clone_into(&mut seen);
                fs::write(folder.join("a"), "")?;
                Ok(())
            })
            .unwrap();
            assert_eq!(seen.exists(), keep);
            if keep {
                fs::remove_dir_all(seen).unwrap();
            }
        }
    }
}
