//! A hold on what was registered.

use std::fmt;

use super::shared::Shared;
use crate::snapshot::Descriptor;
use crate::sync::{Arc, Weak};

/// What was registered, to be unregistered some day.
///
/// Dropping it does nothing: the metric stays. [`unregister_on_drop`](Self::unregister_on_drop)
/// makes a guard of it.
///
/// ```
/// use tallied::{GaugeFn, Registry};
///
/// let registry = Registry::default();
/// let session = registry.register("session_age", "Age", GaugeFn::new(|| 1_u64))?;
/// let session = session.unregister_on_drop();
/// assert!(registry.text().contains("session_age 1"));
/// drop(session);
/// assert_eq!(registry.text(), "");
/// # Ok::<(), tallied::RegisterError>(())
/// ```
pub struct Registration {
    registry: Weak<Shared>,
    descriptors: Box<[Arc<Descriptor>]>,
}

impl Registration {
    pub(super) fn new(registry: &Arc<Shared>, descriptors: Box<[Arc<Descriptor>]>) -> Self {
        Self {
            registry: Arc::downgrade(registry),
            descriptors,
        }
    }

    /// What was registered: one metric, or the families of a collector.
    pub fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.descriptors.iter().map(|descriptor| &**descriptor)
    }

    /// Takes it out of the exposition; says whether it was still there. A scrape that has begun may
    /// still read it.
    pub fn unregister(self) -> bool {
        self.remove()
    }

    /// A guard that unregisters when it is dropped.
    #[must_use = "dropping the guard unregisters at once"]
    pub fn unregister_on_drop(self) -> UnregisterOnDrop {
        UnregisterOnDrop(self)
    }

    fn remove(&self) -> bool {
        let Some(registry) = self.registry.upgrade() else {
            return false;
        };
        registry.remove(|entry| {
            let descriptors = &mut self.descriptors.iter();
            descriptors.any(|own| Arc::ptr_eq(own, &entry.descriptor))
        })
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.descriptors().map(Descriptor::name);
        f.debug_tuple("Registration")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

/// Unregisters when it is dropped; made by [`Registration::unregister_on_drop`].
///
/// A metric that records what lives for a while, such as a session, can so live with it.
#[derive(Debug)]
pub struct UnregisterOnDrop(Registration);

impl Drop for UnregisterOnDrop {
    fn drop(&mut self) {
        self.0.remove();
    }
}
