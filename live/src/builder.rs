//! What a page is about, and its options.

use std::sync::Arc;
use std::time::SystemTime;

use tallied::{RegisterError, Registry, UpDownCounter};
use tallied_http::HttpMetrics;

use crate::respond::Live;
use crate::sampler::Sampler;
use crate::view::wire::{Build, ConfigurationRow};
use crate::view::{About, unix_millis};

/// The options of a [`Live`], from [`Live::builder`].
#[derive(Debug, Clone)]
pub struct LiveBuilder {
    http: Option<HttpMetrics>,
    about: About,
    always_on: bool,
}

impl Live {
    /// The page of this registry, with no options.
    ///
    /// # Errors
    /// As [`LiveBuilder::register`].
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::builder().register(registry)
    }

    /// Options: the HTTP metrics, what the page says of the program, and whether it is always on.
    pub fn builder() -> LiveBuilder {
        LiveBuilder::default()
    }
}

impl Default for LiveBuilder {
    fn default() -> Self {
        let processors = std::thread::available_parallelism();
        Self {
            http: None,
            about: About {
                build: Build {
                    name: String::new(),
                    version: String::new(),
                    started: unix_millis(SystemTime::now()),
                    rows: Vec::new(),
                },
                configuration: Vec::new(),
                processors: processors.ok().map(|processors| processors.get() as f64),
            },
            always_on: false,
        }
    }
}

impl LiveBuilder {
    /// Shows the last errors and the slowest requests of these metrics, which are in the registry that the page shows.
    #[must_use]
    pub fn http(mut self, metrics: HttpMetrics) -> Self {
        self.http = Some(metrics);
        self
    }

    /// What runs, in the title and at the end of the page. Without a version give an empty one.
    #[must_use]
    pub fn name(mut self, name: &str, version: &str) -> Self {
        name.clone_into(&mut self.about.build.name);
        version.clone_into(&mut self.about.build.version);
        self
    }

    /// Another line about the build: a commit, a profile, a feature.
    #[must_use]
    pub fn build_fact(mut self, name: &str, value: &str) -> Self {
        let fact = (name.to_owned(), value.to_owned());
        self.about.build.rows.push(fact);
        self
    }

    /// A line of the configuration: key, value in force, and where it came from. Leave secrets out: whoever sees the page sees
    /// it.
    #[must_use]
    pub fn configuration(mut self, key: &str, value: &str, origin: &str) -> Self {
        self.about.configuration.push(ConfigurationRow {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: origin.to_owned(),
        });
        self
    }

    /// Takes snapshots also while nobody looks, so that the page opens with the last ten minutes. From
    /// [`register`](Self::register) on if that is called in a runtime, and otherwise from the first request on.
    #[must_use]
    pub fn always_on(mut self) -> Self {
        self.always_on = true;
        self
    }

    /// The page of this registry. Registers `tallied_live_viewers`: how many look.
    ///
    /// # Errors
    /// When the registry holds a metric of that name already.
    pub fn register(self, registry: &Registry) -> Result<Live, RegisterError> {
        let viewers = UpDownCounter::default();
        registry.register(
            "tallied_live_viewers",
            "Browsers that have the live page open",
            viewers.clone(),
        )?;
        let sampler = Arc::new(Sampler::new(
            registry.clone(),
            self.http,
            self.about,
            self.always_on,
            viewers,
        ));
        if self.always_on {
            sampler.start_if_in_runtime();
        }
        Ok(Live::new(sampler))
    }
}
