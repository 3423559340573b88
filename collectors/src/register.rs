//! All collectors, registered with one call.

use std::time::Duration;

use tallied::{RegisterError, Registry, heap};
use tokio::runtime::Handle;

use crate::reading::DEFAULT_MAX_AGE;
use crate::{
    CgroupCollector, FileSystemCollector, HostCollector, NetworkCollector, ProcessCollector,
    RuntimeCollector,
};

/// Registers all collectors of this crate, with their defaults, as [`Collectors::register`] does.
///
/// # Errors
/// As [`Collectors::register`].
pub fn register_all(registry: &Registry) -> Result<(), RegisterError> {
    Collectors::new().register(registry)
}

/// All collectors of this crate, and their options.
///
/// ```
/// use std::time::Duration;
/// use tallied::Registry;
/// use tallied_collectors::Collectors;
///
/// let registry = Registry::default();
/// Collectors::new()
///     .with_max_age(Duration::from_secs(1))
///     .register(&registry)?;
/// # Ok::<(), tallied::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Collectors {
    max_age: Duration,
    runtime: Option<Handle>,
}

impl Default for Collectors {
    fn default() -> Self {
        Self::new()
    }
}

impl Collectors {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            max_age: DEFAULT_MAX_AGE,
            runtime: None,
        }
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    ///
    /// The processors' usage is the share of a time that is at least as long, and at least 1 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The runtime whose metrics are shown. Default: the one that [`register`](Self::register) is
    /// called in, if it is called in one.
    #[must_use]
    pub fn with_runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Registers the collectors. It opens files of `/proc`; it looks at no file system, so one that
    /// does not answer does not make it hang.
    ///
    /// The heap's metrics are registered if [`heap::CountingAllocator`] is the global allocator.
    ///
    /// # Errors
    /// When the registry holds a metric of one of their names already, or adds a label of one of
    /// their label names; the collectors that were registered before it stay.
    pub fn register(self, registry: &Registry) -> Result<(), RegisterError> {
        let Self { max_age, runtime } = self;
        ProcessCollector::new()
            .with_max_age(max_age)
            .register(registry)?;
        CgroupCollector::new()
            .with_max_age(max_age)
            .register(registry)?;
        if heap::allocations() > 0 {
            heap::register(registry)?;
        }
        HostCollector::new()
            .with_max_age(max_age)
            .register(registry)?;
        NetworkCollector::new()
            .with_max_age(max_age)
            .register(registry)?;
        FileSystemCollector::new()
            .with_max_age(max_age)
            .register(registry)?;
        if let Some(runtime) = runtime.or_else(|| Handle::try_current().ok()) {
            RuntimeCollector::new(runtime).register(registry)?;
        }
        Ok(())
    }
}
