//! What the page costs while nobody looks: nothing. Alone in its process, whose threads it watches.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use support::{Stream, get};
use tallied::{GaugeFn, Registry};
use tallied_live::Live;

/// How often each thread has been switched to.
fn switches() -> BTreeMap<String, u64> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let status = threads.filter_map(|thread| {
        let thread = thread.ok()?.file_name().into_string().ok()?;
        let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        let counts = lines.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok());
        Some((thread, counts.sum()))
    });
    status.collect()
}

#[test]
fn unwatched_nothing_is_read_and_no_thread_wakes() {
    let registry = Registry::default();
    let readings = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&readings);
    let gauge = GaugeFn::new(move || counted.fetch_add(1, Ordering::Relaxed));
    registry
        .register("readings", "How often it was read", gauge)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // The runtime's blocking threads end by themselves: while this waits, and not while it measures.
        .thread_keep_alive(Duration::from_millis(500))
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let live = Live::register(&registry).unwrap();
    let rest = |seconds| {
        let before = switches();
        let read = readings.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(seconds));
        let after = switches();
        // This thread's own sleep is none of the page's.
        let own = std::fs::read_link("/proc/thread-self").unwrap();
        let own = own.file_name().unwrap().to_str().unwrap().to_owned();
        let woken: Vec<String> = after
            .into_iter()
            .filter(|(thread, count)| *thread != own && before.get(thread) != Some(count))
            .map(|(thread, _)| thread)
            .collect();
        (readings.load(Ordering::Relaxed) - read, woken)
    };
    // A slow machine takes its time to come to rest; a page that did not would wake once a second.
    let comes_to_rest = |when| {
        let mut seen = Vec::new();
        for _ in 0..20 {
            match rest(3) {
                (0, woken) if woken.is_empty() => return,
                more => seen.push(more),
            }
        }
        panic!("{when}: {seen:?}");
    };
    comes_to_rest("before anybody looked");

    // Who loads the page looks only once its script asks for the stream.
    let page = runtime.block_on(live.respond(&get("/live", ""), None));
    assert_eq!(page.status(), 200);
    drop(page);
    comes_to_rest("behind the page alone");

    runtime.block_on(async {
        let mut stream = Stream::open(&live).await;
        stream.next("state").await;
        stream.next("tick").await;
    });
    let (read, woken) = rest(3);
    assert!(
        read >= 1,
        "it should go on reading for a viewer who reloads the page: {read}"
    );
    assert!(!woken.is_empty(), "this sees threads that wake");
    comes_to_rest("after the last one left");
}
