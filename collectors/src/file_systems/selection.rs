//! Which mounts are shown, and in which order.

use std::collections::HashMap;

use crate::mountinfo::Mount;

/// File systems that have no size of their own, or none that changes; and automounts, which a look
/// would mount.
const LEFT_OUT: [&[u8]; 24] = [
    b"autofs",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"efivarfs",
    b"fusectl",
    b"hugetlbfs",
    b"iso9660",
    b"mqueue",
    b"nsfs",
    b"proc",
    b"pstore",
    b"ramfs",
    b"rootfs",
    b"rpc_pipefs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
];

/// The mounts of each file system, first the one to show it at; the file systems that matter first.
pub(super) fn select(mounts: Vec<Mount>) -> Vec<Vec<Mount>> {
    let mut by_device: HashMap<Vec<u8>, Vec<Mount>> = HashMap::new();
    for mount in mounts.into_iter().filter(is_shown) {
        by_device
            .entry(mount.device.clone())
            .or_default()
            .push(mount);
    }
    let mut file_systems: Vec<_> = by_device.into_values().collect();
    for mounts in &mut file_systems {
        mounts.sort_by(|one, other| preference(one).cmp(&preference(other)));
    }
    file_systems.sort_by(|one, other| importance(&one[0]).cmp(&importance(&other[0])));
    file_systems
}

fn is_shown(mount: &Mount) -> bool {
    let lies_in = |folder: &[u8]| {
        let rest = mount.mount_point.strip_prefix(folder);
        rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    !LEFT_OUT.contains(&&*mount.file_system)
        && !mount.source.starts_with(b"sunrpc")
        && !lies_in(b"/sys")
        && !lies_in(b"/proc")
        && (!lies_in(b"/run") || lies_in(b"/run/media"))
}

/// Among the mounts of a file system the smallest is shown.
fn preference(mount: &Mount) -> (bool, usize, &[u8]) {
    let path = &*mount.mount_point;
    (mount.root != b"/", path.len(), path)
}

/// The smaller, the more it matters.
fn importance(mount: &Mount) -> (bool, bool, &[u8], &[u8]) {
    (
        mount.mount_point != b"/",
        !mount.source.starts_with(b"/dev/"),
        &mount.mount_point,
        // Two of the same path: one covers the other.
        &mount.device,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    /// The mount points of each file system.
    fn selected(content: &str) -> Vec<Vec<String>> {
        let points = |mounts: Vec<Mount>| {
            let points = mounts.into_iter();
            points
                .map(|mount| String::from_utf8(mount.mount_point).unwrap())
                .collect()
        };
        let file_systems = select(parse(content.as_bytes()));
        file_systems.into_iter().map(points).collect()
    }

    #[test]
    fn a_file_system_is_shown_once_at_its_root() {
        let content = "\
            1 0 8:1 /var/lib/docker/x /a rw - ext4 /dev/sda1 rw\n\
            2 0 8:1 / /mnt/long rw - ext4 /dev/sda1 rw\n\
            3 0 8:1 / /mnt/b rw - ext4 /dev/sda1 rw\n\
            4 0 8:1 / /mnt/a rw - ext4 /dev/sda1 rw\n";
        assert_eq!(selected(content), [["/mnt/a", "/mnt/b", "/mnt/long", "/a"]]);
    }

    #[test]
    fn those_that_matter_come_first() {
        let content = "\
            1 0 0:50 / /z rw - fuse.sshfs host: rw\n\
            2 0 8:3 / /var rw - xfs /dev/sdc rw\n\
            3 0 0:51 / / rw - overlay overlay rw\n\
            4 0 8:2 / /home rw - xfs /dev/sdb rw\n\
            5 0 0:52 / /backup rw - nfs4 host:/x rw\n";
        let shown = [["/"], ["/home"], ["/var"], ["/backup"], ["/z"]];
        assert_eq!(selected(content), shown);
    }

    #[test]
    fn what_has_no_size_is_left_out() {
        let content = "\
            1 0 0:1 / /proc rw - proc proc rw\n\
            2 0 0:2 / /dev rw - devtmpfs devtmpfs rw\n\
            3 0 0:3 / /tmp rw - tmpfs tmpfs rw\n\
            4 0 8:1 / /run/x rw - ext4 /dev/a rw\n\
            5 0 8:2 / /run/media/stick rw - ext4 /dev/b rw\n\
            6 0 8:3 / /runner rw - ext4 /dev/c rw\n\
            7 0 0:4 / /net rw - autofs systemd-1 rw\n\
            8 0 8:4 / /sys/fs/x rw - ext4 /dev/d rw\n";
        assert_eq!(selected(content), [["/run/media/stick"], ["/runner"]]);
    }
}
