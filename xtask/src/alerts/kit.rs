//! The operators' files, read: rules, their tests, dashboards, the runbook, and where limits are set.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::grafana::{self, Dashboard};
use super::rule_tests::{self, TestFile};
use super::rules::{self, Kind, RuleFile};
use super::runbook::Runbook;
use super::yaml;

#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) folder: PathBuf,
    /// The folder as a person would name it.
    pub(crate) shown: String,
    pub(crate) rules: Vec<RuleFile>,
    pub(crate) tests: Vec<TestFile>,
    pub(crate) dashboards: Vec<Dashboard>,
    pub(crate) runbook: Runbook,
}

impl Kit {
    pub(crate) fn read(folder: &Path, shown: &str) -> Result<Self> {
        let runbook = yaml::read_text(&folder.join("RUNBOOK.md"))?;
        Ok(Self {
            runbook: Runbook::parse(&format!("{shown}/RUNBOOK.md"), &runbook),
            ..Self::read_rendered(folder, shown)?
        })
    }

    /// Of a folder that has rules, tests and dashboards alone.
    pub(crate) fn read_rendered(folder: &Path, shown: &str) -> Result<Self> {
        let rules = rules::read_all(
            &folder.join("prometheus/rules"),
            &format!("{shown}/prometheus/rules"),
        )?;
        let tests = rule_tests::read_all(
            &folder.join("prometheus/tests"),
            &format!("{shown}/prometheus/tests"),
        )?;
        let dashboards = grafana::read_all(&folder.join("grafana"), &format!("{shown}/grafana"))?;
        Ok(Self {
            folder: folder.to_owned(),
            shown: shown.to_owned(),
            rules,
            tests,
            dashboards,
            ..Self::empty()
        })
    }

    pub(crate) fn empty() -> Self {
        Self {
            folder: PathBuf::new(),
            shown: String::new(),
            rules: Vec::new(),
            tests: Vec::new(),
            dashboards: Vec::new(),
            runbook: Runbook::parse("", ""),
        }
    }

    pub(crate) fn prometheus_config(&self) -> PathBuf {
        self.folder.join("prometheus/prometheus.yml")
    }

    pub(crate) fn alertmanager_config(&self) -> PathBuf {
        self.folder.join("alertmanager/alertmanager.yml")
    }

    pub(crate) fn alerts(&self) -> BTreeSet<&str> {
        let rules = self.rules.iter().flat_map(RuleFile::rules);
        let alerts = rules.filter(|rule| rule.kind == Kind::Alert);
        alerts.map(|rule| rule.name.as_str()).collect()
    }
}
