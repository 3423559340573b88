//! The overview: whether all is well, and if not, where to look.
//!
//! From top to bottom: one line of numbers, what fires, the endpoints, the requests as a whole, the budget, the servers; and
//! below rows that are opened when they are needed, the process, its host, and what measures them.

mod budget;
mod host;
mod now;
mod process;
mod requests;
mod saturation;
mod scrapes;

use super::model::{Annotation, Dashboard, Variable, color};

pub(crate) const UID: &str = "tallied-overview";

/// What users asked for, as in `rules/recording.yml`: without scrapes, probes, and what no route took.
const USERS: &str = r#"endpoint!~"unmatched|/metrics|/health(/.*)?""#;
/// Of a metric that the server exposes: the servers that are chosen.
const SERVERS: &str = r#"job="$job",instance=~"$instance""#;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        uid: UID,
        title: "Tallied: overview",
        description: "Requests, errors and durations by endpoint, the error budget, what the servers are full of, the process \
                      and its host. Made by cargo xtask dashboards: change the code, not the file.",
        variables: variables(),
        annotations: vec![starts()],
        sections: vec![
            now::section(),
            requests::section(),
            budget::section(),
            saturation::section(),
            process::section(),
            host::section(),
            scrapes::section(),
        ],
    }
}

pub(super) fn variables() -> Vec<Variable> {
    vec![
        Variable::single(
            "job",
            "Job",
            "The job in Prometheus. The recorded series are of all servers of a job.",
            "label_values(tallied_build_info, job)",
            "tallied",
        ),
        Variable::several(
            "instance",
            "Server",
            "The servers. Panels of recorded series show all of the job, and say so.",
            r#"label_values(up{job="$job"}, instance)"#,
        ),
    ]
}

/// Lines over all graphs where a process began: a deployment, or a crash.
pub(super) fn starts() -> Annotation {
    Annotation {
        name: "Starts",
        color: color::PURPLE,
        expr: r#"changes(process_start_time_seconds{job="$job",instance=~"$instance"}[$__rate_interval]) > 0"#,
        title: "{{instance}} was started anew",
    }
}

/// `name{job="$job",instance=~"$instance"}`, with further matchers.
fn of_servers(name: &str, matchers: &str) -> String {
    match matchers {
        "" => format!("{name}{{{SERVERS}}}"),
        _ => format!("{name}{{{SERVERS},{matchers}}}"),
    }
}

/// The rate of a counter, added up by labels.
fn rate_by(labels: &str, name: &str, matchers: &str) -> String {
    let counter = of_servers(name, matchers);
    format!("sum by ({labels}) (rate({counter}[$__rate_interval]))")
}
