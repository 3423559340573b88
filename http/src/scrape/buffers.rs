//! Memory of documents that is kept for the next ones.
//!
//! Where a document is large, the system takes nearly as long to make its pages as we take to write
//! it. So what a document was written into is kept: at most [`MAX_BUFFERS`] buffers of together
//! [`MAX_BYTES`], none much larger than recent documents needed, and none once nobody has
//! scraped for [`IDLE`]. What is more is freed.
//!
//! A buffer is moved out of here and back, so two documents never have the same one.

use std::cmp::Reverse;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

/// One for the text and one for what it is compressed into, or for the documents of two scrapers.
const MAX_BUFFERS: usize = 2;

/// Capacity of all kept buffers together. It is up to twice what was written, so not every document of
/// more than half of it finds its memory again.
const MAX_BYTES: usize = 256 << 20;

/// Longer than a minute, which is Prometheus' default interval.
const IDLE: Duration = Duration::from_secs(90);

/// How many of the last uses tell which size is still needed.
const RECENT: usize = 16;

/// A buffer of more than this many times the largest recent use is freed. A `Vec` that grows
/// doubles, so that less than twice is nothing unusual.
const MUCH_LARGER: usize = 4;

/// The kept buffers of a handler and its clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The largest first.
    kept: Vec<Vec<u8>>,
    /// Bytes of the last uses, in a ring.
    recent: [usize; RECENT],
    next: usize,
    /// When one was last taken or given.
    touched: Option<Instant>,
    /// There is an [`IdleTimer`].
    timed: bool,
}

impl Buffers {
    /// An empty buffer: the largest that is kept, or a new one.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut state = lock(&self.0);
        state.touched = Some(Instant::now());
        if state.kept.is_empty() {
            return Vec::new();
        }
        state.kept.remove(0)
    }

    /// Keeps a buffer that so many bytes were needed of, or frees it. Outside of a runtime, which
    /// would have a timer, none is kept.
    pub(super) fn give(&self, mut buffer: Vec<u8>, needed: usize) {
        buffer.clear();
        let mut state = lock(&self.0);
        state.touched = Some(Instant::now());
        let next = state.next;
        state.recent[next] = needed;
        state.next = (next + 1) % RECENT;
        state.kept.push(buffer);
        let excess = state.take_excess();
        let untimed = !state.kept.is_empty() && !state.timed;
        state.timed |= untimed;
        drop(state);
        // Without the lock: that takes the system a while.
        drop(excess);
        if untimed {
            let timer = IdleTimer(Arc::downgrade(&self.0));
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(timer.run());
            }
        }
    }
}

impl State {
    /// Takes out what is not to be kept.
    fn take_excess(&mut self) -> Vec<Vec<u8>> {
        let needed = self.recent.into_iter().max().unwrap_or_default();
        let largest = needed.saturating_mul(MUCH_LARGER);
        let mut all = std::mem::take(&mut self.kept);
        all.sort_unstable_by_key(|buffer| Reverse(buffer.capacity()));
        let (mut count, mut bytes) = (0, 0);
        let (kept, excess) = all.into_iter().partition(|buffer| {
            let size = buffer.capacity();
            let keep =
                (1..=largest).contains(&size) && count < MAX_BUFFERS && bytes + size <= MAX_BYTES;
            if keep {
                count += 1;
                bytes += size;
            }
            keep
        });
        self.kept = kept;
        excess
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nobody panics while holding it.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Empties the buffers when they are idle, and whenever it ends, as with its runtime. It keeps
/// neither them nor the runtime.
struct IdleTimer(Weak<Mutex<State>>);

impl IdleTimer {
    async fn run(self) {
        while let Some(until) = self.idle_at() {
            if until <= Instant::now() {
                break;
            }
            sleep_until(until).await;
        }
    }

    /// `None` when the handler is gone.
    fn idle_at(&self) -> Option<Instant> {
        let state = self.0.upgrade()?;
        let touched = lock(&state).touched?;
        Some(touched + IDLE)
    }
}

impl Drop for IdleTimer {
    fn drop(&mut self) {
        let Some(state) = self.0.upgrade() else {
            return;
        };
        let mut state = lock(&state);
        state.timed = false;
        let kept = std::mem::take(&mut state.kept);
        drop(state);
        drop(kept);
    }
}

/// The bytes of a document. When they are dropped, their memory goes back where it belongs.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// `None` where it is just freed.
    home: Option<Buffers>,
}

impl Buffer {
    pub(super) fn new(bytes: Vec<u8>, home: Option<Buffers>) -> Self {
        Self { bytes, home }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let bytes = std::mem::take(&mut self.bytes);
            let needed = bytes.len();
            home.give(bytes, needed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::time::Duration;

    use http::Request;
    use http_body::Body;
    use tallied::{Counter, Registry};
    use tokio::time::{advance, sleep};

    use super::{Buffers, IDLE, MAX_BUFFERS, MAX_BYTES, MUCH_LARGER, RECENT, lock};
    use crate::{Scrape, ScrapeBody};

    /// What was used to its end, and where it is.
    fn used(size: usize) -> (Vec<u8>, *const u8) {
        let buffer = vec![b'x'; size];
        let memory = buffer.as_ptr();
        (buffer, memory)
    }

    fn kept(buffers: &Buffers) -> Vec<usize> {
        lock(&buffers.0).kept.iter().map(Vec::capacity).collect()
    }

    #[tokio::test]
    async fn memory_is_used_again_the_largest_first_and_by_one_at_a_time() {
        let buffers = Buffers::default();
        let (small, small_memory) = used(1_000);
        let (large, large_memory) = used(2_000);
        buffers.give(small, 1_000);
        buffers.give(large, 2_000);
        let [first, second, third] = [(); 3].map(|()| buffers.take());
        assert_eq!(first.as_ptr(), large_memory);
        assert_eq!(second.as_ptr(), small_memory);
        assert!(first.is_empty() && second.is_empty());
        assert_eq!(third.capacity(), 0);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_in_number_and_size() {
        let buffers = Buffers::default();
        for size in [1_000, 3_000, 2_000, 1_500] {
            buffers.give(used(size).0, size);
        }
        assert_eq!(kept(&buffers), [3_000, 2_000]);
        assert_eq!(MAX_BUFFERS, 2);
        // Their pages are never touched.
        for size in [MAX_BYTES, 1, MAX_BYTES + 1] {
            buffers.give(Vec::with_capacity(size), size);
            assert!(kept(&buffers).iter().sum::<usize>() <= MAX_BYTES);
        }
        assert_eq!(kept(&buffers), [MAX_BYTES]);
        buffers.take();
        buffers.give(Vec::new(), 0);
        assert!(kept(&buffers).is_empty());
    }

    #[tokio::test]
    async fn what_recent_documents_did_not_need_is_freed() {
        let buffers = Buffers::default();
        let large = MUCH_LARGER * 1_000 + 1;
        buffers.give(Vec::with_capacity(large), 2_000);
        for _ in 0..RECENT - 1 {
            buffers.give(Vec::with_capacity(1_000), 1_000);
            assert_eq!(kept(&buffers), [large, 1_000]);
        }
        buffers.give(Vec::new(), 1_000);
        assert_eq!(kept(&buffers), [1_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_idle_is_given_back_once_and_again() {
        let buffers = Buffers::default();
        for _ in 0..2 {
            buffers.give(used(1_000).0, 1_000);
            for _ in 0..3 {
                sleep(IDLE - Duration::from_secs(1)).await;
                assert_eq!(kept(&buffers), [1_000]);
                let buffer = buffers.take();
                buffers.give(buffer, 1_000);
            }
            // One timer, whatever was given.
            let runtime = tokio::runtime::Handle::current();
            assert_eq!(runtime.metrics().num_alive_tasks(), 1);
            sleep(IDLE + Duration::from_secs(1)).await;
            assert!(kept(&buffers).is_empty());
            assert_eq!(runtime.metrics().num_alive_tasks(), 0);
        }
        // The timer does not keep them.
        buffers.give(used(1_000).0, 1_000);
        let state = std::sync::Arc::downgrade(&buffers.0);
        drop(buffers);
        assert!(state.upgrade().is_none());
    }

    #[test]
    fn nothing_is_kept_that_no_timer_would_free() {
        let buffers = Buffers::default();
        buffers.give(used(1_000).0, 1_000);
        assert!(kept(&buffers).is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async { buffers.give(used(1_000).0, 1_000) });
        assert_eq!(kept(&buffers), [1_000]);
        drop(runtime);
        assert!(kept(&buffers).is_empty());
    }

    async fn scrape(scrape: &Scrape, query: &str) -> ScrapeBody {
        let request = Request::get(format!("/metrics?format=text{query}"));
        let request = request.header("accept-encoding", "identity").body(());
        scrape.respond(&request.unwrap(), None).await.into_body()
    }

    async fn read(mut body: ScrapeBody) -> String {
        let mut all = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            all.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        String::from_utf8(all).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn documents_give_their_memory_back_however_they_end() {
        let registry = Registry::default();
        let counter = Counter::default();
        registry.register("jobs", "", counter.clone()).unwrap();
        let handler = Scrape::new(registry.clone());
        let before = registry.text();
        let first = scrape(&handler, "").await;
        counter.inc();
        let second = scrape(&handler.clone(), "").await;
        assert!(kept(&handler.buffers).is_empty(), "both are on their way");
        assert_eq!(read(first).await, before);
        assert_eq!(kept(&handler.buffers).len(), 1);
        // The next has the memory of the first, beside the second.
        let memory = lock(&handler.buffers.0).kept[0].as_ptr();
        counter.inc();
        let third = scrape(&handler, "").await;
        assert!(kept(&handler.buffers).is_empty());
        assert!(read(second).await.contains("jobs_total 1\n"));
        assert!(read(third).await.contains("jobs_total 2\n"));
        let addresses: Vec<_> = lock(&handler.buffers.0)
            .kept
            .iter()
            .map(|buffer| buffer.as_ptr())
            .collect();
        assert_eq!(addresses.len(), 2);
        assert!(addresses.contains(&memory));
        // A body that is dropped, and one that is cut off.
        drop(scrape(&handler, "").await);
        assert_eq!(kept(&handler.buffers).len(), 2);
        let stalled = scrape(&handler, "").await;
        assert_eq!(kept(&handler.buffers).len(), 1);
        advance(super::super::WRITE_TIMEOUT).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(kept(&handler.buffers).len(), 2);
        drop(stalled);
        assert_eq!(kept(&handler.buffers).len(), 2);
        // A selection is small: it takes no memory that a whole document would need.
        let selection = scrape(&handler, "&name[]=jobs").await;
        assert_eq!(kept(&handler.buffers).len(), 2);
        drop(selection);
        assert_eq!(kept(&handler.buffers).len(), 2);
    }

    #[tokio::test]
    async fn compressed_documents_give_back_what_they_were_compressed_from_too() {
        let registry = Registry::default();
        let help = "x".repeat(1_000);
        registry
            .register("jobs", &help, Counter::default())
            .unwrap();
        let handler = Scrape::new(registry);
        let request = Request::get("/metrics?format=text").header("accept-encoding", "gzip");
        let request = request.body(()).unwrap();
        let mut memory = Vec::new();
        for _ in 0..2 {
            let body = handler.respond(&request, None).await.into_body();
            assert_eq!(kept(&handler.buffers).len(), 1);
            drop(body);
            let state = lock(&handler.buffers.0);
            memory.push(Vec::from_iter(state.kept.iter().map(|kept| kept.as_ptr())));
        }
        memory
            .iter_mut()
            .for_each(|addresses| addresses.sort_unstable());
        assert_eq!(memory[0].len(), 2);
        assert_eq!(memory[0], memory[1]);
    }
}
