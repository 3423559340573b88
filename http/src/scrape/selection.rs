//! The families that `?name[]=` asks for.

use std::sync::Arc;

use tallied::Registry;

/// More than these names are refused: each family is held against each of them.
pub(super) const MAX_NAMES: usize = 256;

/// All families, or those of some names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Selection(Option<Arc<[String]>>);

impl Selection {
    /// Everything, or what these names select; `None` where they are too many.
    pub(super) fn of(names: Option<Vec<String>>) -> Option<Self> {
        let Some(mut names) = names else {
            return Some(Self(None));
        };
        if names.len() > MAX_NAMES {
            return None;
        }
        // In one order and once, so that scrapes which ask for the same can share a document.
        names.sort_unstable();
        names.dedup();
        Some(Self(Some(names.into())))
    }

    pub(super) fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a family is selected that `has_name` knows the names of.
    pub(super) fn selects(&self, has_name: impl Fn(&str) -> bool) -> bool {
        match &self.0 {
            None => true,
            Some(names) => names.iter().any(|name| has_name(name)),
        }
    }

    /// Whether there may be selected families outside of this registry.
    #[cfg_attr(
        not(feature = "prometheus-client"),
        expect(dead_code, reason = "there is nothing outside of it then")
    )]
    pub(super) fn reaches_beyond(&self, registry: &Registry) -> bool {
        let Some(names) = &self.0 else { return true };
        names.iter().any(|name| {
            !registry
                .metrics()
                .any(|metric| metric.descriptor().has_name(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAMES, Selection};

    #[test]
    fn the_order_of_names_makes_no_difference() {
        let of = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Selection::of(Some(names))
        };
        assert_eq!(of(&["b", "a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a"]), of(&["b"]));
        assert_ne!(of(&[]), Selection::of(None));
        assert!(of(&["a"; MAX_NAMES]).is_some());
        assert!(of(&["a"; MAX_NAMES + 1]).is_none());
    }
}
