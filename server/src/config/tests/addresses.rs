//! The addresses of the listeners.

use std::path::Path;

use super::{assert_says, from_flag, from_toml, key};
use crate::config::Config;

#[test]
fn a_host_name_is_looked_up() {
    for name in ["listen", "metrics_listen"] {
        let config = from_flag(name, " localhost:8123 ").unwrap();
        let address = config.metrics_listen.unwrap_or(config.listen);
        assert!(address.ip().is_loopback(), "{address}");
        assert_eq!(address.port(), 8_123);
        // IPv4 goes first, so that it is the address of the default.
        assert!(address.is_ipv4(), "{address}");
    }
}

#[test]
fn the_two_listeners_have_addresses_of_their_own() {
    let load = |listen: &str, metrics: &str| {
        from_toml(&format!(
            "listen = '{listen}'\nmetrics_listen = '{metrics}'"
        ))
        .and_then(|config| config.same_address().map_or(Ok(()), Err))
    };
    for (listen, metrics) in [
        ("127.0.0.1:9", "127.0.0.1:9"),
        ("[::1]:9", "[::1]:9"),
        ("0.0.0.0:9", "127.0.0.1:9"),
        ("127.0.0.1:9", "0.0.0.0:9"),
        ("[::1]:9", "[::]:9"),
    ] {
        let error = load(listen, metrics).unwrap_err();
        let metrics = format!("metrics_listen = \"{metrics}\" (file tallied.toml, line 2): ");
        let listen = format!("listen is {listen} already (file tallied.toml, line 1)");
        assert_says(&error, &[&metrics, &listen, "choose another port"]);
    }
    for (listen, metrics) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:9", "127.0.0.1:8"),
        ("127.0.0.1:9", "127.0.0.2:9"),
        ("0.0.0.0:9", "[::1]:9"),
        ("127.0.0.1:9", ""),
    ] {
        load(listen, metrics).unwrap();
    }
    let flags = [("listen", "127.0.0.1:9"), ("metrics_listen", "127.0.0.1:9")];
    let flags = flags.map(|(name, value)| (key(name), value.to_owned()));
    let error = Config::load(None, &flags, &[], Path::new("no such folder")).unwrap_err();
    assert_says(&error, &["(flag --metrics-listen)", "(flag --listen)"]);
}
