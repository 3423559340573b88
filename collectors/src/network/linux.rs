//! The interfaces of `/proc/self/net/dev`, those that matter first.

use std::path::Path;

use super::{Interface, MAX_INTERFACES};
use crate::held_file::HeldFile;
use crate::label::label;

#[derive(Debug)]
pub(super) struct Source(HeldFile);

impl Default for Source {
    fn default() -> Self {
        Self(HeldFile::new("/proc/self/net/dev"))
    }
}

impl Source {
    pub(super) fn read(&self) -> Vec<Interface> {
        let mut interfaces = self.0.read(|content| Some(parse(content)));
        let interfaces = interfaces.get_or_insert_default();
        // Whether one has hardware is only asked where it decides something.
        let all_shown = interfaces.len() <= MAX_INTERFACES;
        sort(interfaces, |name| {
            !all_shown
                && Path::new("/sys/class/net")
                    .join(name)
                    .join("device")
                    .exists()
        });
        std::mem::take(interfaces)
    }
}

fn sort(interfaces: &mut [Interface], has_hardware: impl Fn(&str) -> bool) {
    interfaces.sort_by_cached_key(|interface| {
        let name = &*interface.name;
        (rank(name, &has_hardware), name.to_owned())
    });
}

/// The lower, the more it matters.
fn rank(name: &str, has_hardware: impl Fn(&str) -> bool) -> u8 {
    const ATTACHED: [&str; 5] = ["veth", "cali", "lxc", "tap", "vnet"];
    if name == "lo" || has_hardware(name) {
        0
    } else if ATTACHED.iter().any(|prefix| name.starts_with(prefix)) {
        2
    } else {
        1
    }
}

/// The interfaces; lines that make no sense, as the two of the heading, are left out.
fn parse(content: &[u8]) -> Vec<Interface> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Interface> {
    // A name holds no colon and no space.
    let colon = line.iter().position(|byte| *byte == b':')?;
    let figures = std::str::from_utf8(&line[colon + 1..]).ok()?;
    let mut figures = figures.split_ascii_whitespace().map(str::parse);
    Some(Interface {
        name: label(line[..colon].trim_ascii_start()).into_owned(),
        received: figures.next()?.ok()?,
        transmitted: figures.nth(7)?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, received: u64, transmitted: u64) -> Interface {
        Interface {
            name: name.to_owned(),
            received,
            transmitted,
        }
    }

    #[test]
    fn interfaces_are_read_with_both_counts() {
        let content = b"Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
            lo:  2776770   11307    0    0    0     0          0         0  5776770   11307    0    0    0     0       0          0\n\
            \xff0:1 2 3 4 5 6 7 8 18446744073709551615 10 11 12 13 14 15 16\n\
            broken: 1 2\n";
        let expected = [
            interface("lo", 2_776_770, 5_776_770),
            interface(r"\xff0", 1, u64::MAX),
        ];
        assert_eq!(parse(content), expected);
    }

    #[test]
    fn those_that_matter_come_first() {
        let names = [
            "veth0", "wg0", "eth1", "caliab", "lo", "br-1", "eth0", "veth-a",
        ];
        for rotation in 0..names.len() {
            let mut interfaces = names.map(|name| interface(name, 0, 0));
            interfaces.rotate_left(rotation);
            sort(&mut interfaces, |name| name.starts_with("eth"));
            let sorted = interfaces.map(|interface| interface.name);
            assert_eq!(
                sorted,
                [
                    "eth0", "eth1", "lo", "br-1", "wg0", "caliab", "veth-a", "veth0"
                ]
            );
        }
    }
}
