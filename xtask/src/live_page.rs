//! The live page, in a real browser without network: every section has data under load, its figures are those of the
//! exposition and of a real Prometheus, what a label says stays text, and the page comes back when the server does.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde_json::{Value, json};

use crate::child::ChildGuard;
use crate::docs_page::requests;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus::api::Api;
use crate::prometheus::process::PrometheusProcess;
use crate::report::ok;
use crate::server_process::ServerProcess;
use crate::webdriver::Browser;
use crate::workspace::Workspace;
use crate::{cargo, loadtest, samples, tools, work_folder};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The picture's load, longer than the minute that it shows.
const PICTURE_LOAD: &str = "90s";
const PICTURE_WAIT: Duration = Duration::from_secs(85);
const PICTURE_BYTES: usize = 150_000;
/// Bounds for a server that answers in less than a millisecond, …
const FINE: [&str; 2] = [
    "--http-duration-buckets",
    "0.0001,0.00025,0.0005,0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1",
];
/// … and a label that would be an element if anybody let it.
const HOSTILE: [&str; 2] = [
    "--constant-labels",
    "note=<img src=x onerror=document.title=1>",
];
/// Requests of the burst whose percentiles are compared: together they take less than the ten seconds of the page.
const BURST: usize = 40;

/// What each section has when it has data: a selector, and how many of it at least.
const SECTIONS: [(&str, &str, u64); 18] = [
    ("the sentence", "#sentence span", 1),
    ("figures", "#s-figures .value b:not(:empty)", 7),
    ("their lines", "#s-figures path.line[d^=M]", 5),
    ("endpoints", "#endpoints tbody tr:not(.silent)", 8),
    ("their histograms", "#endpoints .bars path[d^=M]", 8),
    ("their lines", "#endpoints .spark path[d^=M]", 6),
    ("endpoints without traffic", "#endpoints tr.silent", 5),
    ("last errors", "#errors tbody tr", 10),
    ("slowest requests", "#slowest tbody tr", 20),
    ("who left", "#left .reasons li", 2),
    ("the process", "#process .line[d^=M]", 5),
    ("workers", "#runtime .workers li", 1),
    ("metrics", "#families .card .series b:not(:empty)", 20),
    ("findings", "#findings li", 1),
    ("scrapes", "#scrapes dt", 6),
    ("the build", "#build .facts dt", 3),
    ("the configuration", "#build .configuration div", 10),
    ("queries to copy", "button.promql:not([hidden])", 12),
];

struct Stage<'a> {
    folder: &'a Path,
    binary: PathBuf,
    loadtest: PathBuf,
    client: Client,
    browser: Browser,
    server: ServerProcess,
}

pub(crate) fn run(
    workspace: &Workspace,
    server: Option<&Path>,
    loadtest: Option<&Path>,
    picture: Option<&Path>,
) -> Result<()> {
    let binary = cargo::server(workspace, server)?;
    let loadtest = loadtest::binary(workspace, loadtest)?;
    let tools = match picture {
        Some(_) => None,
        None => Some(tools::find(workspace)?),
    };
    work_folder::within("tallied-live-", false, |folder| {
        let more = if picture.is_some() { FINE } else { HOSTILE };
        let server = start(&binary, folder, "127.0.0.1:0", more)?;
        let mut stage = Stage {
            folder,
            binary,
            loadtest,
            client: Client::new(),
            browser: Browser::start()?,
            server,
        };
        let outcome = match (picture, &tools) {
            (Some(path), _) => stage.picture(path),
            (None, Some(tools)) => stage.check(&tools.prometheus),
            (None, None) => Ok(()),
        };
        if outcome.is_err() {
            stage.server.print_log();
        }
        outcome?;
        stage.server.stop().map(drop)
    })
}

fn start(binary: &Path, folder: &Path, listen: &str, more: [&str; 2]) -> Result<ServerProcess> {
    let mut command = Command::new(binary);
    command.args(["--faults", "--listen", listen]).args(more);
    ServerProcess::start_command(command, folder)
}

impl Stage<'_> {
    fn check(&mut self, prometheus: &Path) -> Result<()> {
        let config = self.folder.join("prometheus.yml");
        let address = self.server.address();
        let scraped = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: live\n    \
             static_configs: [{{ targets: ['{address}'] }}]\n"
        );
        fs::write(&config, scraped).context("cannot write prometheus.yml")?;
        let mut prometheus =
            PrometheusProcess::start(prometheus, &config, self.folder, &self.client)?;
        let api = Api::new(&self.client, prometheus.url());

        self.open(6000)?;
        self.quantile(&api)?;
        // The load test's books hold each scrape.
        prometheus.stop()?;
        let load = self.load("20s")?;
        self.sections()?;
        self.reconciled(load)?;
        self.counts()?;
        self.text()?;
        let asked = requests(&self.browser.log("performance")?, self.server.url())?;
        ok(format!(
            "{asked} requests, none failed and none went elsewhere"
        ));
        let console = self.browser.log("browser")?;
        ensure!(console.is_empty(), "the console says: {console:?}");
        ok("the console is empty");
        self.restart()
    }

    /// `height`: rows that are out of sight are not drawn.
    fn open(&self, height: u32) -> Result<()> {
        let screen =
            json!({ "width": 1440, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.browser
            .devtools("Emulation.setDeviceMetricsOverride", &screen)?;
        self.browser.open(&format!("{}/live", self.server.url()))?;
        self.says(&["Live"])
    }

    /// Waits until the page says one of these of its connection.
    fn says(&self, expected: &[&str]) -> Result<()> {
        poll::until("the page's connection", TIMEOUT, || {
            let script = "return document.getElementById('connection').textContent";
            let said = self.browser.run(script)?;
            let said = said.as_str().unwrap_or_default().to_owned();
            Ok(match expected.iter().any(|words| said.starts_with(words)) {
                true => Try::Done(()),
                false => Try::NotYet(said),
            })
        })
    }

    /// A burst, all of it in the page's ten seconds and in Prometheus: both must name the same p95, as far as the page's four
    /// digits go.
    fn quantile(&self, api: &Api<'_>) -> Result<()> {
        let series = "{method=\"GET\",endpoint=\"/fault\"}";
        let count = format!("http_request_duration_seconds_count{series}");
        poll::until("a first scrape", TIMEOUT, || {
            Ok(match api.query(&count)?.first() {
                Some(_) => Try::Done(()),
                None => Try::NotYet("none".to_owned()),
            })
        })?;
        for nth in 0..BURST {
            let delay = [0.001, 0.03, 0.06, 0.2, 0.3][if nth % 10 == 9 { nth / 10 + 1 } else { 0 }];
            let url = format!("{}/fault?delay_seconds={delay}", self.server.url());
            ensure!(self.client.get(&url)?.status == 200, "GET {url} failed");
        }
        let row =
            "const e = live.endpoints.find((e) => e.method === 'GET' && e.route === '/fault');
             return [e.requests, e.p50, e.p95, e.p99]";
        let (shown, recorded) = poll::until("the burst", Duration::from_secs(8), || {
            let shown = self.browser.run(row)?;
            let scraped = api.query(&count)?.first().map(|sample| sample.value);
            if shown[0] != json!(BURST) || scraped != Some(BURST as f64) {
                return Ok(Try::NotYet(format!("{shown} and {scraped:?}")));
            }
            let quantile = |q: f64| -> Result<f64> {
                let query = format!(
                    "histogram_quantile({q}, http_request_duration_seconds_bucket{series})"
                );
                let answer = api.query(&query)?;
                Ok(answer.first().context("no quantile")?.value)
            };
            Ok(Try::Done((
                shown,
                [quantile(0.5)?, quantile(0.95)?, quantile(0.99)?],
            )))
        })?;
        for (at, recorded) in recorded.into_iter().enumerate() {
            let shown = shown[at + 1].as_f64().unwrap_or(f64::NAN);
            ensure!(
                (shown / recorded - 1.0).abs() < 5e-4,
                "the page shows {shown} s where Prometheus says {recorded} s (a machine too busy for the burst?)"
            );
        }
        ok(format!("p50, p95 and p99 are Prometheus's: {recorded:?} s"));
        Ok(())
    }

    /// Starts the load test, which makes the only scrapes from now on.
    fn load(&self, duration: &str) -> Result<ChildGuard> {
        let log = File::create(self.folder.join("loadtest.log"));
        let mut command = Command::new(&self.loadtest);
        command
            .args(["--scenario", "mixed", "--rate", "200", "--no-calibration"])
            .args(["--duration", duration, "--target", self.server.url()])
            .arg("--report")
            .arg(self.folder.join("loadtest"))
            .stdin(Stdio::null())
            .stdout(log.context("cannot make the load test's log")?);
        ChildGuard::spawn("the load test", &mut command)
    }

    /// Waits for its end: it holds its own books against /metrics.
    fn reconciled(&self, mut load: ChildGuard) -> Result<()> {
        let status = load.wait()?;
        let report = fs::read_to_string(self.folder.join("loadtest/report.json"));
        let report: Value = serde_json::from_str(&report.context("the load test has no report")?)?;
        ensure!(
            report["verdict"]["reconciled"] == true,
            "the load test ended with {status}, and its books are not the server's:\n{}",
            fs::read_to_string(self.folder.join("loadtest.log")).unwrap_or_default()
        );
        ok("the load test's books and /metrics agree");
        Ok(())
    }

    fn sections(&self) -> Result<()> {
        poll::until("data in every section", TIMEOUT, || {
            let mut missing = Vec::new();
            for (name, selector, least) in SECTIONS {
                let script = format!(
                    "return document.querySelectorAll({}).length",
                    json!(selector)
                );
                let count = self.browser.run(&script)?.as_u64().unwrap_or_default();
                if count < least {
                    missing.push(format!("{name}: {count} of {least}"));
                }
            }
            if self
                .browser
                .run("return heat.highest > 20 && heat.seen[heat.slots - 1]")?
                != json!(1)
            {
                missing.push("the heat map".to_owned());
            }
            Ok(if missing.is_empty() {
                Try::Done(())
            } else {
                Try::NotYet(missing.join(", "))
            })
        })?;
        ok("every section has data");
        Ok(())
    }

    /// Requests of each endpoint: on the page, and in /metrics. Those that look are left out.
    fn counts(&self) -> Result<()> {
        let script = r#"return live.endpoints.filter((e) => e.route !== '/metrics' && e.route !== '/live')
            .map((e) => [`method="${e.method}",endpoint="${e.route}",`, e.requests])"#;
        let all = poll::until("the figures of /metrics", TIMEOUT, || {
            let metrics = self.client.get(&format!("{}/metrics", self.server.url()))?;
            let samples = samples::parse(&metrics.body)?;
            let exposed = |labels: &str| samples::sum(&samples, "http_requests_total", labels);
            let looking = exposed("endpoint=\"/metrics\"") + exposed("endpoint=\"/live\"");
            let rows = self.browser.run(script)?;
            let rows = rows.as_array().context("no endpoints")?;
            let mut shown = 0.0;
            for row in rows {
                let count = row[1].as_f64().unwrap_or_default();
                if exposed(row[0].as_str().unwrap_or_default()) != count {
                    return Ok(Try::NotYet(format!("the page has {row}")));
                }
                shown += count;
            }
            Ok(if shown > 0.0 && shown + looking == exposed("") {
                Try::Done(format!("{shown} requests of {} endpoints", rows.len()))
            } else {
                Try::NotYet(format!("the page has {shown} requests"))
            })
        })?;
        ok(format!("{all}, the same on the page and in /metrics"));
        Ok(())
    }

    fn text(&self) -> Result<()> {
        let script = "return [document.images.length, document.querySelectorAll('script').length,
             document.body.innerText.includes('<img src=x')]";
        let seen = self.browser.run(script)?;
        ensure!(
            seen == json!([0, 1, true]),
            "images, scripts, and whether the label is text: {seen}"
        );
        ok("a label with markup is text");
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        let address = self.server.address().to_owned();
        self.server.stop()?;
        self.says(&["Drained", "Disconnected"])?;
        self.server = start(&self.binary, self.folder, &address, HOSTILE)?;
        let begin = Instant::now();
        self.says(&["Live"])?;
        ok(format!(
            "it came back {:.1} s after the server",
            begin.elapsed().as_secs_f64()
        ));
        // What the browser itself says of the time without a server is not the page's.
        let mut console = self.browser.log("browser")?;
        console.retain(|entry| entry["source"] != "network");
        ensure!(console.is_empty(), "the console says: {console:?}");
        Ok(())
    }

    /// The README's: a minute of load, in the first screen.
    fn picture(&self, path: &Path) -> Result<()> {
        let hidden = json!({ "hidden": true });
        self.browser
            .devtools("Emulation.setScrollbarsHidden", &hidden)?;
        self.open(960)?;
        self.browser.run("setMinutes(1)")?;
        let load = self.load(PICTURE_LOAD)?;
        poll::sleep_until(Instant::now() + PICTURE_WAIT)?;
        let taken = self.browser.devtools(
            "Page.captureScreenshot",
            &json!({ "format": "webp", "quality": 90 }),
        )?;
        let picture = STANDARD.decode(taken["data"].as_str().unwrap_or_default())?;
        ensure!(
            picture.len() <= PICTURE_BYTES,
            "the picture has {} bytes, more than {PICTURE_BYTES}",
            picture.len()
        );
        fs::write(path, &picture).with_context(|| format!("cannot write {}", path.display()))?;
        ok(format!("{}: {} bytes", path.display(), picture.len()));
        self.reconciled(load)
    }
}
