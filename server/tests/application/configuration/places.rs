//! Which place wins, and what is printed of it.

use std::process::Command;

use tallied_server::config::KEYS;

use super::{assert_line, binary, folder, printed};

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let folder = folder("precedence");
    let file = "metric_prefix = 'file'\ndrain_seconds = 1\n[log]\nlevel = 'warn'\n";
    std::fs::write(folder.join("tallied.toml"), file).unwrap();
    let shown = printed(
        &binary(&folder)
            .args(["--print-config", "--metric-prefix", "flag"])
            .env("TALLIED_METRIC_PREFIX", "variable")
            .env("TALLIED_DRAIN_SECONDS", "2")
            .output()
            .unwrap(),
    );
    for line in [
        r#"metric_prefix = "flag" # flag --metric-prefix"#,
        "drain_seconds = 2 # environment variable TALLIED_DRAIN_SECONDS",
        r#"level = "warn" # file tallied.toml, line 4"#,
        r#"format = "human" # default"#,
        r#"listen = "127.0.0.1:8000" # default"#,
    ] {
        assert_line(&shown, line);
    }
}

#[test]
fn the_file_is_the_flags_or_the_variables_or_the_one_that_lies_there() {
    let folder = folder("files");
    for name in ["tallied.toml", "variable.toml", "flag.toml"] {
        let prefix = name.split('.').next().unwrap();
        std::fs::write(folder.join(name), format!("metric_prefix = '{prefix}'")).unwrap();
    }
    let shown = |command: &mut Command| printed(&command.arg("--print-config").output().unwrap());
    let line =
        |name: &str, file: &str| format!(r#"metric_prefix = "{name}" # file {file}, line 1"#);

    assert_line(
        &shown(&mut binary(&folder)),
        &line("tallied", "tallied.toml"),
    );
    let mut variable = binary(&folder);
    variable.env("TALLIED_CONFIG", "variable.toml");
    assert_line(&shown(&mut variable), &line("variable", "variable.toml"));
    let mut flag = binary(&folder);
    flag.env("TALLIED_CONFIG", "variable.toml");
    flag.args(["--config", "flag.toml"]);
    assert_line(&shown(&mut flag), &line("flag", "flag.toml"));
}

#[test]
fn what_is_printed_is_a_file_of_the_same_configuration() {
    let folder = folder("round-trip");
    let file = "[http.endpoints.\"/data\"]\nduration_buckets = [0.1, 1, inf]\n";
    std::fs::write(folder.join("tallied.toml"), file).unwrap();
    let first = printed(
        &binary(&folder)
            .args([
                "--print-config",
                "--listen",
                "[::1]:0",
                "--drain-seconds",
                "0.125",
            ])
            .args(["--constant-labels", "env=prod,path=C:\\x \"y\""])
            .env("TALLIED_HTTP_REQUEST_SIZE_BUCKETS", "1e-7,1,1e21,inf")
            .output()
            .unwrap(),
    );
    assert_line(
        &first,
        "duration_buckets = [0.1, 1] # file tallied.toml, line 2",
    );
    std::fs::write(folder.join("again.toml"), &first).unwrap();
    let again = printed(
        &binary(&folder)
            .args(["--config", "again.toml", "--print-config"])
            .output()
            .unwrap(),
    );
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                line.rsplit_once(" # ")
                    .map_or(line, |(value, _)| value)
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(values(&first), values(&again));
    assert!(again.contains("# file again.toml, line "), "{again}");
    assert!(
        !again.contains("# default"),
        "every key is printed: {again}"
    );
}

#[test]
fn the_help_lists_every_variable() {
    let folder = folder("help");
    let help = binary(&folder).arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    let shown = printed(&binary(&folder).arg("--print-config").output().unwrap());
    let mut section = String::new();
    let mut keys = 0;
    for line in shown.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}_", name.trim_end_matches(']'));
        } else if let Some((name, _)) = line.split_once(" = ") {
            let variable = format!("TALLIED_{section}{name}").to_uppercase();
            assert!(help.contains(&variable), "no {variable} in\n{help}");
            keys += 1;
        }
    }
    assert_eq!(keys, KEYS.len());
    assert!(
        help.contains("TALLIED_CONFIG") && help.contains("Examples:"),
        "{help}"
    );
}
