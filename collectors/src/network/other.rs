//! The interfaces as sysinfo shows them.

use sysinfo::Networks;

use super::Interface;

#[derive(Debug, Default)]
pub(super) struct Source;

impl Source {
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn read(&self) -> Vec<Interface> {
        // A new list each time: an old one would keep the largest total of an interface that began again.
        let Ok(networks) = Networks::new_with_refreshed_list() else {
            return Vec::new();
        };
        let interfaces = networks.iter().map(|(name, data)| Interface {
            name: AsRef::<std::ffi::OsStr>::as_ref(name)
                .to_string_lossy()
                .into_owned(),
            received: data.total_received(),
            transmitted: data.total_transmitted(),
        });
        let mut interfaces: Vec<_> = interfaces.collect();
        interfaces.sort_by(|one, other| one.name.cmp(&other.name));
        interfaces
    }
}
