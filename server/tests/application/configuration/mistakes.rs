//! What a mistake says.

use super::{binary, folder, refusal};

#[test]
fn a_mistake_exits_2_with_one_line_that_names_it() {
    let folder = folder("mistakes");
    std::fs::write(
        folder.join("unsorted.toml"),
        "[http]\nduration_buckets = [\n  2,\n  1,\n]\n",
    )
    .unwrap();
    std::fs::write(folder.join("binary.toml"), b"listen = \"\xff\"").unwrap();
    std::fs::write(folder.join("large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    std::fs::write(
        folder.join("label.toml"),
        "\n[constant_labels]\nmethod = 'x'\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("endpoint.toml"),
        "[http.endpoints.'/dta']\nduration_buckets = [1]\n",
    )
    .unwrap();
    std::fs::create_dir(folder.join("folder.toml")).unwrap();
    let remedy = "give the path of a TOML file that can be read";
    for (arguments, words) in [
        (
            &["--config", "unsorted.toml"][..],
            &[
                "http.duration_buckets = [ 2, 1, ]",
                "unsorted.toml, line 2",
                "sort",
            ][..],
        ),
        (
            &["--config", "none.toml"],
            &["\"none.toml\"", "flag --config", remedy],
        ),
        (&["--config", "folder.toml"], &["\"folder.toml\"", remedy]),
        (
            &["--config", "binary.toml"],
            &["\"binary.toml\"", "UTF-8", remedy],
        ),
        (
            &["--config", "large.toml"],
            &["\"large.toml\"", "larger than", remedy],
        ),
        (
            &["--config", "label.toml"],
            &[
                "constant_labels.method = \"x\"",
                "label.toml, line 2",
                "another name",
            ],
        ),
        (
            &["--config", "endpoint.toml"],
            &[
                "http.endpoints.\"/dta\"",
                "endpoint.toml, line 2",
                "did you mean /data?",
                "give one of /, ",
            ],
        ),
        (
            &["--constant-labels", "le=1"],
            &[
                "constant_labels.le",
                "flag --constant-labels",
                "another name",
            ],
        ),
        (
            &["--listen", "nonsense"],
            &["listen = \"nonsense\"", "flag --listen", "127.0.0.1:8000"],
        ),
        (&["--listen", "a\nb"], &["listen = \"a\\nb\""]),
        (
            &[
                "--listen",
                "127.0.0.1:9999",
                "--metrics-listen",
                "localhost:9999",
            ],
            &[
                "metrics_listen = \"127.0.0.1:9999\"",
                "flag --metrics-listen",
                "listen is 127.0.0.1:9999 already (flag --listen)",
            ],
        ),
        (
            &["--constant-labels", "job=x"],
            &["constant_labels = \"job=x\"", "exported_job"],
        ),
        (
            &["--faults=maybe"],
            &["faults = \"maybe\"", "give true or false"],
        ),
        (
            &["--faults", "maybe"],
            &["'maybe'", "write --faults=true or --faults=false"],
        ),
        (
            &["--system-metrics-interval-seconds", "0"],
            &["system_metrics_interval_seconds = \"0\"", "from 0.001"],
        ),
        (
            &["--system-metrics-interval-seconds", "-1"],
            &["system_metrics_interval_seconds = \"-1\"", "from 0.001"],
        ),
        (
            &["--limits-body-bytes", "100000000"],
            &[
                "limits.bodies_bytes = 67108864 (default)",
                "limits.body_bytes, 100000000 (flag --limits-body-bytes)",
                "raise",
            ],
        ),
        (
            &["--sistem-metrics-interval-seconds", "1"],
            &[
                "--sistem-metrics-interval-seconds",
                "did you mean --system-metrics-interval-seconds?",
                "--help",
            ],
        ),
    ] {
        // A mistake is one whether the configuration is for serving or for looking at.
        for more in [&[][..], &["--print-config"]] {
            let line = refusal(binary(&folder).args(arguments).args(more));
            for word in words {
                assert!(line.contains(word), "no {word:?} in: {line}");
            }
        }
    }
    for (name, value, words) in [
        (
            "TALLIED_CONFIG",
            "none.toml",
            &["none.toml", "environment variable TALLIED_CONFIG", remedy][..],
        ),
        (
            "TALLIED_CONFIG",
            "",
            &["environment variable TALLIED_CONFIG", remedy],
        ),
        (
            "TALLIED_LISTN",
            "127.0.0.1:0",
            &["TALLIED_LISTN", "did you mean TALLIED_LISTEN?"],
        ),
        (
            "TALLIED_METRIC_PREFIX",
            "9",
            &[
                "metric_prefix = \"9\"",
                "environment variable TALLIED_METRIC_PREFIX",
                "use letters",
            ],
        ),
        (
            "TALLIED_HTTP_DURATION_BUCKETS",
            "0.1,nan",
            &["http.duration_buckets", "NaN", "give finite numbers"],
        ),
    ] {
        let line = refusal(binary(&folder).env(name, value));
        for word in words {
            assert!(line.contains(word), "no {word:?} in: {line}");
        }
    }
    // What lies in the working directory and cannot be read is not passed over.
    std::fs::create_dir(folder.join("tallied.toml")).unwrap();
    assert!(refusal(&mut binary(&folder)).contains("\"tallied.toml\""));
}
