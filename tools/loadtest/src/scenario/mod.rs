//! What is asked of a server: a weighted mix of kinds of requests, and the shape of the load.
//!
//! A scenario is a small TOML file. The built-in ones are such files, too, in `scenarios/`; `mixed.toml` shows every key.

mod file;
mod kind;
mod request;
mod shape;
mod text;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fastrand::Rng;

pub(crate) use self::kind::{Conduct, Fails, Kind, Prepared};
pub(crate) use self::shape::Shape;

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Requests a second where the shape's factor is 1.
    pub(crate) rate: f64,
    pub(crate) duration: Duration,
    pub(crate) arrival: Arrival,
    pub(crate) shape: Shape,
    /// At least one, with a weight of at least 1.
    pub(crate) kinds: Vec<Kind>,
}

/// How the times of the requests lie in a stretch of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// As of many clients that know nothing of each other: the gaps are exponential.
    Poisson,
    /// Evenly.
    Constant,
}

impl Arrival {
    pub(crate) const NAMES: [&str; 2] = ["poisson", "constant"];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "poisson" => Some(Self::Poisson),
            "constant" => Some(Self::Constant),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
        }
    }
}

macro_rules! built_in {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

/// Name and file.
pub(crate) const BUILT_IN: [(&str, &str); 7] = built_in![
    "smoke", "mixed", "scanner", "aborts", "spike", "soak", "attack"
];

impl Scenario {
    /// A built-in one by its name, or a file: what has a dot or a slash is a path.
    pub(crate) fn find(name: &str) -> Result<Self> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text)
                .with_context(|| format!("the built-in scenario {name}"));
        }
        if !name.contains(['.', '/']) {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            bail!(
                "there is no scenario `{name}`; give one of {}, or the path of a file (./{name}.toml)",
                names.join(", ")
            );
        }
        let text = fs::read_to_string(name).map_err(|error| {
            anyhow::anyhow!("cannot read the scenario {name} ({error}); give the path of a TOML file, or the name of a built-in scenario")
        })?;
        let stem = Path::new(name).file_stem().unwrap_or_default();
        Self::parse(&stem.to_string_lossy(), &text).with_context(|| name.to_owned())
    }

    /// What the null responder is asked.
    pub(crate) fn null() -> Self {
        let text =
            "description = 'nothing'\n[[request]]\nname = 'null'\npath = '/'\nstatus = 200\n";
        Self::parse("null", text).expect("a test parses it")
    }

    /// Whether it asks for the fault route.
    pub(crate) fn needs_faults(&self) -> bool {
        self.kinds
            .iter()
            .any(|kind| kind.endpoint.starts_with("/fault"))
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        file::parse(name, text)
    }

    /// The index of a kind, as often as its weight says.
    pub(crate) fn pick(&self, rng: &mut Rng) -> usize {
        let weights = || self.kinds.iter().map(|kind| u64::from(kind.weight));
        let total: u64 = weights().sum();
        let mut ticket = rng.u64(..total);
        for (index, weight) in weights().enumerate() {
            match ticket.checked_sub(weight) {
                Some(rest) => ticket = rest,
                None => return index,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenarios_are_valid() {
        assert_eq!(Scenario::null().kinds.len(), 1);
        for (name, _) in BUILT_IN {
            let scenario = Scenario::find(name).unwrap();
            assert_eq!(scenario.name, name);
            assert!(!scenario.description.is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_from_a_path() {
        let error = Scenario::find("smok").unwrap_err().to_string();
        assert!(
            error.contains("smoke, mixed") && error.contains("./smok.toml"),
            "{error}"
        );
        let error = Scenario::find("./none.toml").unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }

    #[test]
    fn kinds_are_picked_by_their_weight() {
        let text = "description='x'\n[[request]]\nname='a'\npath='/a'\nstatus=200\nweight=3\n\
                    [[request]]\nname='b'\npath='/b'\nstatus=200\n";
        let scenario = Scenario::parse("x", text).unwrap();
        let mut rng = Rng::with_seed(1);
        let first = (0..4_000).filter(|_| scenario.pick(&mut rng) == 0).count();
        assert!((2_800..3_200).contains(&first), "{first}");
    }
}
