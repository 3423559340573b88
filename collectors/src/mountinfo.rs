//! Reads `/proc/self/mountinfo`, byte by byte: paths need not be UTF-8.
//!
//! The format is that of proc_pid_mountinfo(5).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A mount of the process's mount namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) id: u64,
    /// `major:minor` of the file system.
    pub(crate) device: Vec<u8>,
    /// The path in the file system that is mounted: `/`, unless it is a bind mount, or a subvolume
    /// of btrfs.
    pub(crate) root: Vec<u8>,
    pub(crate) mount_point: Vec<u8>,
    pub(crate) file_system: Vec<u8>,
    /// What is mounted: a device's path, or anything.
    pub(crate) source: Vec<u8>,
    pub(crate) super_options: Vec<u8>,
}

impl Mount {
    pub(crate) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.mount_point))
    }
}

/// The mounts, in the file's order; lines that make no sense are left out.
pub(crate) fn parse(content: &[u8]) -> Vec<Mount> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let _parent = fields.next()?;
    let device = fields.next()?.to_vec();
    let root = unescape(fields.next()?);
    let mount_point = unescape(fields.next()?);
    let _options = fields.next()?;
    // Any number of optional fields, up to a single hyphen.
    fields.by_ref().find(|field| *field == b"-")?;
    Some(Mount {
        id,
        device,
        root,
        mount_point,
        file_system: unescape(fields.next()?),
        source: unescape(fields.next()?),
        super_options: unescape(fields.next().unwrap_or_default()),
    })
}

/// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        rest = match rest {
            [
                b'\\',
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                rest @ ..,
            ] => {
                bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
            [] => return bytes,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_mount() {
        let line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n";
        let mount = Mount {
            id: 36,
            device: b"98:0".to_vec(),
            root: b"/mnt1".to_vec(),
            mount_point: b"/mnt2".to_vec(),
            file_system: b"ext3".to_vec(),
            source: b"/dev/root".to_vec(),
            super_options: b"rw,errors=continue".to_vec(),
        };
        assert_eq!(parse(line), [mount]);
    }

    #[test]
    fn optional_fields_may_be_missing_and_sources_empty() {
        let mounts = parse(b"1 0 0:1 / / rw - tmpfs  rw\n");
        assert_eq!(mounts[0].source, b"");
        assert_eq!(mounts[0].super_options, b"rw");
    }

    #[test]
    fn escapes_are_read_once() {
        assert_eq!(unescape(br"/a\040b\011c\012d\134e"), b"/a b\tc\nd\\e");
        assert_eq!(unescape(br"/lit\134040eral"), br"/lit\040eral");
        assert_eq!(unescape(br"/x\04"), br"/x\04");
        assert_eq!(unescape(br"/x\777"), br"/x\777");
        assert_eq!(unescape(br"\"), br"\");
    }

    #[test]
    fn a_path_that_is_not_utf_8_costs_no_other_mount() {
        let content = b"1 0 0:1 / / rw - ext4 /dev/a rw\n\
            2 1 0:2 / /m/\xff\xfe rw - ext4 /dev/b rw\n\
            nonsense\n\
            3 1 0:3 / /z rw - ext4 /dev/c rw\n";
        let mounts = parse(content);
        let points: Vec<_> = mounts.iter().map(|mount| &*mount.mount_point).collect();
        assert_eq!(points, [&b"/"[..], b"/m/\xff\xfe", b"/z"]);
    }
}
