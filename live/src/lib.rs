//! A page in the process that shows its metrics as they change: rate, errors and latencies, a heat map, the endpoints,
//! the last errors, the process, your own metrics, and findings in sentences.
//!
//! [`Live`] answers requests, from an [`http::Request`] to an [`http::Response`]. The package for your framework mounts
//! it: `tallied-salvo` has a handler.
//!
//! # Where to mount it
//!
//! The page shows routes, totals and whatever your labels hold, to whoever reaches it. It asks for no password, and has no
//! cookies. So mount it where the metrics are: on a listener of its own, on loopback, or behind what guards your
//! administration. It is only where you mount it.
//!
//! Mount it on one path, such as `/live`. Mounted on that path with `.json` behind it, too, it answers scripts; so does
//! `?format=json`.
//!
//! # What it costs
//!
//! While nobody looks, nothing: no snapshot is taken, and no thread wakes. While somebody does, a snapshot a second, on a
//! blocking thread: some ten nanoseconds a series and recording thread. Viewers share it. What it keeps takes at most 32 MiB, whatever the
//! number of series; ten minutes after the last viewer it is freed. Requests do not wait for it.
//!
//! # What it needs
//!
//! A tokio runtime with its timer, for as long as it is used. The HTTP sections show the metrics of
//! [`tallied_http::HttpMetrics`], found in the registry by name and labels; [`LiveBuilder::http`] adds the last errors and the slowest
//! requests. The process's sections show those of `tallied-collectors`.
//!
//! ```
//! use tallied::Registry;
//! use tallied_http::HttpMetrics;
//! use tallied_live::Live;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::default();
//! let http = HttpMetrics::register(&registry)?;
//! let live = Live::builder().http(http).name("shop", "1.2.0").register(&registry)?;
//! let request = http::Request::get("/live").body(())?;
//! let page = live.respond(&request, None).await;
//! assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod body;
mod builder;
mod document;
mod endpoints;
mod events;
mod json;
mod log;
mod model;
mod quantile;
mod respond;
mod sampler;
mod scrapes;
mod series;
mod text;
mod view;
mod viewers;

/// Counts what tests allocate.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: tallied::heap::CountingAllocator = tallied::heap::CountingAllocator::SYSTEM;

pub use body::LiveBody;
pub use builder::LiveBuilder;
pub use respond::Live;
