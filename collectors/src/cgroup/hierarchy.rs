//! Where the files of the process's cgroup and of its ancestors are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::mountinfo::Mount;

/// The folders of a cgroup and its ancestors, as far as they are mounted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) version: Version,
    /// The process's own first.
    pub(super) folders: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// Looks for the cgroup of a controller in `/proc/self/cgroup`, and for its folder among the mounts.
/// `None` where it cannot be seen.
///
/// A controller that a v1 hierarchy has is in no v2 one.
pub(super) fn find(cgroups: &[u8], mounts: &[Mount], controller: &str) -> Option<Levels> {
    let has = |list: &[u8]| {
        let mut names = list.split(|byte| *byte == b',');
        names.any(|name| name == controller.as_bytes())
    };
    let lines = || cgroups.split(|byte| *byte == b'\n').filter_map(parse_line);
    let v1 = lines().find(|(_, controllers, _)| has(controllers));
    let (version, path) = match v1 {
        Some((_, _, path)) => (Version::V1, path),
        None => {
            let (_, _, path) = lines()
                .find(|(hierarchy, controllers, _)| *hierarchy == b"0" && controllers.is_empty())?;
            (Version::V2, path)
        }
    };
    let is_mounted = |mount: &&Mount| match version {
        Version::V1 => mount.file_system == b"cgroup" && has(&mount.super_options),
        Version::V2 => mount.file_system == b"cgroup2",
    };
    let folders = mounts
        .iter()
        .filter(is_mounted)
        .find_map(|mount| folders(mount, path))?;
    Some(Levels { version, folders })
}

/// Hierarchy, controllers and path.
fn parse_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // The path may hold colons.
    let mut fields = line.splitn(3, |byte| *byte == b':');
    Some((fields.next()?, fields.next()?, fields.next()?))
}

/// `None` where the mount does not show this cgroup.
fn folders(mount: &Mount, path: &[u8]) -> Option<Vec<PathBuf>> {
    let path = Path::new(OsStr::from_bytes(path));
    let root = Path::new(OsStr::from_bytes(&mount.root));
    // A cgroup outside of the cgroup namespace begins with `/..`.
    let is_outside = |path: &Path| path.components().any(|part| part.as_os_str() == "..");
    let below = path.strip_prefix(root).ok()?;
    if is_outside(path) {
        return None;
    }
    let levels = below.ancestors();
    Some(levels.map(|level| mount.path().join(level)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    fn found(cgroups: &str, mounts: &str, controller: &str) -> Option<(Version, Vec<String>)> {
        let levels = find(cgroups.as_bytes(), &parse(mounts.as_bytes()), controller)?;
        let folders = levels.folders.iter();
        let folders = folders.map(|folder| folder.to_str().unwrap().trim_end_matches('/'));
        Some((levels.version, folders.map(str::to_owned).collect()))
    }

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        32 30 0:28 /docker/ab /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    #[test]
    fn of_version_2_all_controllers_are_in_one_place() {
        let folders = [
            "/sys/fs/cgroup/a.slice/b",
            "/sys/fs/cgroup/a.slice",
            "/sys/fs/cgroup",
        ];
        let expected = (Version::V2, folders.map(str::to_owned).to_vec());
        assert_eq!(
            found("0::/a.slice/b\n", V2, "memory"),
            Some(expected.clone())
        );
        assert_eq!(found("0::/a.slice/b\n", V2, "cpu"), Some(expected));
        let own = (Version::V2, vec!["/sys/fs/cgroup".to_owned()]);
        assert_eq!(found("0::/\n", V2, "cpu"), Some(own));
    }

    #[test]
    fn of_version_1_each_controller_has_its_own() {
        let cgroups = "4:memory:/docker/ab/c:d\n3:cpuset:/\n2:cpu,cpuacct:/docker/ab\n0::/x\n";
        let mounts = format!("{V2}{V1}");
        let folders = vec![
            "/sys/fs/cgroup/memory/c:d".to_owned(),
            "/sys/fs/cgroup/memory".to_owned(),
        ];
        let memory = found(cgroups, &mounts, "memory");
        assert_eq!(memory, Some((Version::V1, folders)));
        let folders = ["docker/ab", "docker", ""];
        let folders = folders.map(|folder| format!("/sys/fs/cgroup/cpu,cpuacct/{folder}"));
        let folders = folders.map(|folder| folder.trim_end_matches('/').to_owned());
        let cpu = found(cgroups, &mounts, "cpu");
        assert_eq!(cpu, Some((Version::V1, folders.to_vec())));
    }

    #[test]
    fn what_is_not_mounted_is_not_found() {
        assert_eq!(found("0::/a\n", "", "memory"), None);
        assert_eq!(found("", V2, "memory"), None);
        assert_eq!(found("0::/../b\n", V2, "memory"), None);
        assert_eq!(found("4:memory:/elsewhere\n", V1, "memory"), None);
    }
}
