//! Known requests, which the counts in Prometheus are compared with.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};

use crate::http::Client;
use crate::poll;

/// Requests of one kind, and the labels they are to be counted under.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Sent by POST if there is one.
    pub(crate) body: Option<&'static str>,
    /// With the query.
    pub(crate) path: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
    pub(crate) count: u32,
}

impl Kind {
    pub(crate) const fn method(&self) -> &'static str {
        match self.body {
            Some(_) => "POST",
            None => "GET",
        }
    }
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind {
        name: "GET /data",
        body: None,
        path: "/data",
        endpoint: "/data",
        status: 200,
        count: 42,
    },
    Kind {
        name: "POST /data",
        body: Some(r#"{"name":"x","values":[1,2,3]}"#),
        path: "/data",
        endpoint: "/data",
        status: 201,
        count: 7,
    },
    Kind {
        name: "POST /data with malformed JSON",
        body: Some(r#"{"name":"x","values":[1,2"#),
        path: "/data",
        endpoint: "/data",
        status: 400,
        count: 3,
    },
    Kind {
        name: "GET /no-such-path",
        body: None,
        path: "/no-such-path",
        endpoint: "unmatched",
        status: 404,
        count: 5,
    },
    Kind {
        name: "GET /health",
        body: None,
        path: "/health",
        endpoint: "/health",
        status: 200,
        count: 11,
    },
];

/// How many requests go to an endpoint with a method.
pub(crate) fn count(endpoint: &str, method: &str) -> u32 {
    KINDS
        .iter()
        .filter(|kind| kind.endpoint == endpoint && kind.method() == method)
        .map(|kind| kind.count)
        .sum()
}

/// The index of the kind of each request in turn: every kind evenly over the whole time, so that a
/// rate over a part of it sees all of them.
fn schedule(kinds: &[Kind]) -> Vec<usize> {
    let mut all: Vec<(f64, usize)> = Vec::new();
    for (index, kind) in kinds.iter().enumerate() {
        let places = (0..kind.count).map(|i| (f64::from(i) + 0.5) / f64::from(kind.count));
        all.extend(places.map(|place| (place, index)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, index)| index).collect()
}

/// Makes the requests, spread over `duration`, and checks each answer's status. Returns when the last
/// answer had come.
pub(crate) fn run(
    client: &Client,
    server: &str,
    kinds: &[Kind],
    duration: Duration,
) -> Result<SystemTime> {
    let schedule = schedule(kinds);
    let pause = duration / u32::try_from(schedule.len())?;
    let mut next = Instant::now();
    for index in schedule {
        request(client, server, &kinds[index])?;
        next += pause;
        poll::sleep_until(next)?;
    }
    Ok(SystemTime::now())
}

/// One request of this kind.
pub(crate) fn request(client: &Client, server: &str, kind: &Kind) -> Result<()> {
    let url = format!("{server}{}", kind.path);
    let answer = match kind.body {
        Some(body) => client.post_json(&url, body)?,
        None => client.get(&url)?,
    };
    ensure!(
        answer.status == kind.status,
        "{}: expected {}, the server answered {}: {}",
        kind.name,
        kind.status,
        answer.status,
        answer.body
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_in_the_schedule() {
        let schedule = schedule(&KINDS);
        for (index, kind) in KINDS.iter().enumerate() {
            let scheduled = schedule.iter().filter(|&&i| i == index).count();
            assert_eq!(scheduled, kind.count as usize, "{}", kind.name);
        }
        // Evenly: half of the time has half of the requests.
        let first_half = &schedule[..schedule.len() / 2];
        let gets = first_half.iter().filter(|&&i| i == 0).count();
        assert!((19..=23).contains(&gets), "{gets}");
    }

    #[test]
    fn adds_up_what_differs_in_status_only() {
        assert_eq!(count("/data", "POST"), 10);
        assert_eq!(count("/data", "GET"), 42);
    }
}
