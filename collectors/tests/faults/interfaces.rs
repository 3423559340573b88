//! Interfaces that come and go, and many of them.

use std::net::UdpSocket;

use crate::namespace::{run, shell, skip, try_shell};
use crate::{registry, series, value};

/// Makes an interface of a kind that Linux has here.
fn add(name: &str, peer: &str) -> Result<(), String> {
    let dummy = try_shell(&format!("ip link add {name} type dummy"));
    dummy
        .or_else(|_| try_shell(&format!("ip link add {name} type veth peer name {peer}")))
        .map(drop)
}

#[test]
fn an_interface_that_is_made_again_counts_from_zero() {
    let name = "interfaces::an_interface_that_is_made_again_counts_from_zero";
    run(name, || {
        let registry = registry();
        let sent = "system_network_transmitted_bytes_total{interface=\"again\"}";
        assert_eq!(value(&registry.text(), sent), None);
        if let Err(why) = add("again", "peer") {
            return skip(name, &why);
        }
        assert_eq!(value(&registry.text(), sent), Some(0.0));
        shell("ip addr add 10.9.8.1/24 dev again && ip link set again up");
        // Without an error where it has no other end.
        let _ = try_shell("ip link set peer up");
        shell("ip neigh add 10.9.8.2 lladdr 02:00:00:00:00:02 dev again");
        let socket = UdpSocket::bind("10.9.8.1:0").unwrap();
        for _ in 0..100 {
            socket.send_to(&[0; 1_000], "10.9.8.2:9").unwrap();
        }
        let before = value(&registry.text(), sent).unwrap();
        assert!(before >= 100_000.0, "{before}");
        let statistics = "/sys/class/net/again/statistics/tx_bytes";
        assert!(shell(&format!("cat {statistics}")).parse::<f64>().unwrap() >= before);
        shell("ip link del again");
        add("again", "peer").unwrap();
        let after = value(&registry.text(), sent).unwrap();
        assert_eq!(after, 0.0, "it was {before}");
        shell("ip link del again");
        assert_eq!(value(&registry.text(), sent), None);
    });
}

#[test]
fn of_many_interfaces_those_that_matter_are_shown() {
    let name = "interfaces::of_many_interfaces_those_that_matter_are_shown";
    run(name, || {
        if let Err(why) = try_shell("ip link add zz0 type bridge && ip tuntap add eth7 mode tun") {
            return skip(name, &why);
        }
        shell("for i in $(seq 100 159); do ip link add veth$i type veth peer name cali$i; done");
        let registry = registry();
        let text = registry.text();
        let shown = series(&text, "system_network_received_bytes_total");
        assert_eq!(shown.len(), 100);
        for interface in ["lo", "zz0", "eth7", "cali100", "cali159", "veth100"] {
            let series =
                format!("system_network_received_bytes_total{{interface=\"{interface}\"}}");
            assert!(shown.contains(&&*series), "{interface}: {shown:?}");
        }
        assert!(!text.contains("veth159"));
        // Both samples of all others.
        let dropped = || {
            let losses = registry.collector_losses().dropped_samples();
            losses.get_or_create(&["network"]).get()
        };
        let (before, interfaces) = (dropped(), 123);
        assert_eq!(
            series(&registry.text(), "system_network_received_bytes_total"),
            shown
        );
        assert_eq!(dropped() - before, 2 * (interfaces - 100));
    });
}
