//! Takes a snapshot a second while somebody looks, and tells those who do.
//!
//! One task, which begins with the first who looks. While nobody does it waits, without a timer but the one that frees what was kept after
//! ten minutes, and then it ends.
//!
//! Guarantees: a reading that takes long takes no more than half of the time; a collector that hangs is waited for
//! [`READING_LIMIT`] at most. No lock is held while the registry is read, and none that a request of the application takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tallied::{ReadLimits, Registry, UpDownCounter};
use tallied_http::HttpMetrics;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::model::{Model, SHOWN};
use crate::view::{About, Look, unix_millis};
use crate::viewers::{Bye, MAX_VIEWERS, Viewer, event};

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_secs(1);

/// A figure that a collector gave a scrape is used again for so long; the last snapshot's is not.
const FIGURE_AGE: Duration = Duration::from_millis(900);

/// Collectors that take longer are left out.
const READING_LIMIT: Duration = Duration::from_millis(700);

/// So long after the last one left it goes on: who reloads the page finds no gap.
const LINGER: Duration = Duration::from_secs(4);

/// How often those who wait for a reading hear that the process is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The most requests for a JSON at a time.
const MAX_GLANCES: usize = 16;

/// How long a request for a JSON waits for figures.
const PATIENCE: Duration = Duration::from_millis(2500);

/// What takes snapshots of a registry.
#[derive(Debug)]
pub(crate) struct Sampler {
    registry: Registry,
    http: Option<HttpMetrics>,
    about: About,
    always_on: bool,
    viewers: UpDownCounter,
    /// `None` before the first reading, and long after the last. Locked on blocking threads alone, and before `watch`.
    model: Mutex<Option<Box<Model>>>,
    watch: Mutex<Watch>,
    /// Somebody came.
    wake: Notify,
    readings: watch::Sender<Option<Taken>>,
}

/// A reading that was taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    at: Instant,
    /// There is another one a second before it.
    has_window: bool,
}

/// Who looks.
#[derive(Debug, Default)]
struct Watch {
    viewers: Vec<Arc<Viewer>>,
    /// Those that were let go, and may be connected still.
    let_go: Vec<Arc<Viewer>>,
    /// Requests for a JSON in progress.
    glances: usize,
    /// When one of them left last.
    left: Option<Instant>,
    task: Option<JoinHandle<()>>,
    is_draining: bool,
    is_closed: bool,
}

/// Why nobody more can look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    TooMany,
    Draining,
}

/// What a script asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    State,
    Brief,
    Endpoint(usize),
    Family(String),
}

impl Sampler {
    pub(crate) fn new(
        registry: Registry,
        http: Option<HttpMetrics>,
        about: About,
        always_on: bool,
        viewers: UpDownCounter,
    ) -> Self {
        Self {
            registry,
            http,
            about,
            always_on,
            viewers,
            model: Mutex::default(),
            watch: Mutex::default(),
            wake: Notify::new(),
            readings: watch::Sender::new(None),
        }
    }

    /// Begins at once, if it can.
    pub(crate) fn start_if_in_runtime(self: &Arc<Self>) {
        if tokio::runtime::Handle::try_current().is_ok() {
            self.start(&mut self.lock());
        }
    }

    /// Somebody comes to look. Needs a runtime.
    pub(crate) fn enter(self: &Arc<Self>, viewer: Viewer) -> Result<Arc<Viewer>, Refused> {
        let viewer = Arc::new(viewer);
        let mut watch = self.lock();
        if watch.is_draining {
            return Err(Refused::Draining);
        }
        if watch.viewers.len() == MAX_VIEWERS {
            return Err(Refused::TooMany);
        }
        watch.viewers.push(Arc::clone(&viewer));
        self.viewers.inc();
        self.start(&mut watch);
        Ok(viewer)
    }

    /// A viewer's stream ended.
    pub(crate) fn left(&self, viewer: &Arc<Viewer>) {
        let mut watch = self.lock();
        watch.let_go.retain(|other| !Arc::ptr_eq(other, viewer));
        let before = watch.viewers.len();
        watch.viewers.retain(|other| !Arc::ptr_eq(other, viewer));
        if watch.viewers.len() < before {
            self.viewers.dec();
            watch.left = Some(Instant::now());
        }
    }

    /// A JSON; `None` where there is no such thing. Needs a runtime.
    pub(crate) async fn answer(self: &Arc<Self>, asked: Asked) -> Result<Option<String>, Refused> {
        let _glance = self.glance()?;
        if matches!(asked, Asked::State | Asked::Brief) {
            let mut readings = self.readings.subscribe();
            let ready = readings.wait_for(|taken| {
                let has_window = taken.as_ref().filter(|taken| taken.has_window);
                has_window.is_some_and(|taken| taken.at.elapsed() < LINGER)
            });
            // What there is by then says that there are no figures yet.
            let _ = tokio::time::timeout(PATIENCE, ready).await;
        }
        let sampler = Arc::clone(self);
        let rendered = tokio::task::spawn_blocking(move || sampler.render(&asked));
        Ok(rendered.await.unwrap_or_default())
    }

    fn render(&self, asked: &Asked) -> Option<String> {
        let mut model = self.model();
        if model.is_none() && matches!(asked, Asked::State | Asked::Brief) {
            // No reading came in time.
            *model = Some(Box::new(self.new_model()));
        }
        let model = model.as_mut()?;
        let look = self.look(model);
        match asked {
            // Viewers have heard of these rows already.
            Asked::State => Some(look.state().0),
            Asked::Brief => Some(look.brief()),
            Asked::Endpoint(id) => look.endpoint_detail(*id),
            Asked::Family(name) => look.family_detail(name),
        }
    }

    fn glance(self: &Arc<Self>) -> Result<Glance, Refused> {
        let mut watch = self.lock();
        if watch.glances == MAX_GLANCES {
            return Err(Refused::TooMany);
        }
        watch.glances += 1;
        self.start(&mut watch);
        Ok(Glance(Arc::clone(self)))
    }

    /// The server stops: ends the streams, and lets nobody in any more.
    pub(crate) fn drain(&self) {
        let mut watch = self.lock();
        watch.is_draining = true;
        self.end_streams(watch);
    }

    /// Nobody can come any more.
    pub(crate) fn close(&self) {
        let mut watch = self.lock();
        watch.is_draining = true;
        watch.is_closed = true;
        self.end_streams(watch);
        self.wake.notify_one();
    }

    fn end_streams(&self, mut watch: MutexGuard<'_, Watch>) {
        let viewers = std::mem::take(&mut watch.viewers);
        watch.left = Some(Instant::now());
        drop(watch);
        self.viewers.dec_by(viewers.len() as u64);
        let now = Instant::now();
        for viewer in viewers {
            viewer.end(Bye::Drain, now);
        }
    }

    /// Starts the task, or wakes it.
    fn start(self: &Arc<Self>, watch: &mut Watch) {
        // One that has ended may have done so with its runtime.
        if watch.task.as_ref().is_none_or(JoinHandle::is_finished) && !watch.is_closed {
            watch.task = Some(tokio::spawn(Arc::clone(self).run()));
        }
        self.wake.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut next = tokio::time::Instant::now();
        loop {
            match self.is_watched() {
                None => return,
                Some(true) => {}
                Some(false) => {
                    let woken = tokio::time::timeout(SHOWN, self.wake.notified()).await;
                    if woken.is_err() && self.retire().await {
                        return;
                    }
                    next = tokio::time::Instant::now();
                    continue;
                }
            }
            if tokio::time::timeout_at(next, self.wake.notified())
                .await
                .is_ok()
            {
                if self.anybody_needs_state() {
                    self.on_blocking_thread(Self::greet).await;
                }
                continue;
            }
            self.on_blocking_thread(Self::sample).await;
            let now = tokio::time::Instant::now();
            let took = now.saturating_duration_since(next);
            next = (next + INTERVAL).max(now + took.min(10 * INTERVAL));
        }
    }

    /// `None` when it is over.
    fn is_watched(&self) -> Option<bool> {
        let watch = self.lock();
        let lingers = watch.left.is_some_and(|left| left.elapsed() < LINGER);
        let anybody = !watch.viewers.is_empty() || !watch.let_go.is_empty() || watch.glances > 0;
        (!watch.is_closed).then_some(self.always_on || anybody || lingers)
    }

    /// Nobody has looked for so long that nothing of what is kept would be shown: frees it. Says whether the task is over.
    async fn retire(self: &Arc<Self>) -> bool {
        let sampler = Arc::clone(self);
        let freed = tokio::task::spawn_blocking(move || *sampler.model() = None);
        let _ = freed.await;
        if self.is_watched() == Some(true) {
            return false;
        }
        let mut watch = self.lock();
        let is_over = watch.viewers.is_empty() && watch.glances == 0;
        if is_over {
            // Whoever comes now starts another one.
            watch.task = None;
        }
        is_over
    }

    /// Runs it there, and lets viewers know meanwhile that the process lives.
    async fn on_blocking_thread(self: &Arc<Self>, work: fn(&Self)) {
        let sampler = Arc::clone(self);
        let mut working = tokio::task::spawn_blocking(move || work(&sampler));
        let began = Instant::now();
        loop {
            match tokio::time::timeout(HEARTBEAT, &mut working).await {
                Ok(Ok(())) => return,
                Ok(Err(_)) => {
                    // It panicked: what it left behind may contradict itself.
                    *self.model() = None;
                    return;
                }
                Err(_) => self.heartbeat(began),
            }
        }
    }

    /// A reading takes long.
    fn heartbeat(&self, began: Instant) {
        let seconds = began.elapsed().as_secs();
        let tick = format!(
            "{{\"now\":{},\"problem\":\"No metrics were read for {seconds} s: blocking threads are busy, or a metric takes long.\"}}",
            unix_millis(SystemTime::now())
        );
        self.send_to_all(&event("tick", &tick));
    }

    fn send_to_all(&self, event: &Bytes) {
        let now = Instant::now();
        for viewer in self.current_viewers() {
            viewer.send(event.clone(), now);
        }
        self.let_go_of_stalled(now);
    }

    fn current_viewers(&self) -> Vec<Arc<Viewer>> {
        self.lock().viewers.clone()
    }

    fn anybody_needs_state(&self) -> bool {
        self.current_viewers()
            .iter()
            .any(|viewer| viewer.needs_state())
    }

    /// Sends the state as it is to those who came since the last reading.
    fn greet(&self) {
        let now = Instant::now();
        let mut model = self.model();
        let Some(model) = model.as_mut().filter(|model| model.is_current(now)) else {
            // The next reading is due.
            return;
        };
        self.send_state(model, |viewer| viewer.needs_state());
    }

    fn send_state(&self, model: &mut Model, to: impl Fn(&Viewer) -> bool) {
        let viewers = self.current_viewers();
        if !viewers.iter().any(|viewer| to(viewer)) {
            return;
        }
        let (state, sent) = self.look(model).state();
        sent.keep(model);
        let (state, now) = (event("state", &state), Instant::now());
        for viewer in viewers.iter().filter(|viewer| to(viewer)) {
            viewer.send_state(state.clone(), now);
        }
    }

    /// Takes a snapshot, and tells viewers what has changed.
    fn sample(&self) {
        let began = Instant::now();
        let limits = ReadLimits::default()
            .with_deadline(began + READING_LIMIT)
            .with_max_age(FIGURE_AGE);
        let metrics = self.registry.collect(|_| true, limits);
        let mut model = self.model();
        let model = model.get_or_insert_with(|| Box::new(self.new_model()));
        let now = Instant::now();
        let has_column = model.read(&metrics, now, SystemTime::now());
        drop(metrics);
        model.reading_took = began.elapsed();
        // A whole state also where a gap ends: what went away meanwhile is then in no tick.
        let restate = std::mem::take(&mut model.restate) || !has_column;
        if restate {
            self.send_state(model, |_| true);
        } else {
            if let Some((tick, sent)) = self.look(model).tick() {
                sent.keep(model);
                self.send_to_all(&event("tick", &tick));
            }
            self.send_state(model, Viewer::needs_state);
        }
        model.families_gone.clear();
        self.let_go_of_stalled(now);
        self.readings.send_replace(Some(Taken {
            at: now,
            has_window: model.has_window(),
        }));
    }

    fn let_go_of_stalled(&self, now: Instant) {
        let mut watch = self.lock();
        let viewers = std::mem::take(&mut watch.viewers);
        let (stalled, reading): (Vec<_>, Vec<_>) = viewers
            .into_iter()
            .partition(|viewer| viewer.has_stalled(now));
        watch.viewers = reading;
        let due = std::mem::take(&mut watch.let_go);
        watch.let_go.extend(stalled.iter().cloned());
        drop(watch);
        self.viewers.dec_by(stalled.len() as u64);
        for viewer in stalled {
            viewer.end(Bye::Stalled, now);
        }
        let waiting: Vec<_> = due
            .into_iter()
            .filter(|viewer| !viewer.is_cut_off(now))
            .collect();
        self.lock().let_go.extend(waiting);
    }

    fn new_model(&self) -> Model {
        Model::new(self.http.map(|http| http.name_prefix().into()))
    }

    fn look<'a>(&'a self, model: &'a Model) -> Look<'a> {
        let watch = self.lock();
        let (viewers, draining) = (watch.viewers.len(), watch.is_draining);
        drop(watch);
        Look {
            model,
            about: &self.about,
            now: Instant::now(),
            clock: SystemTime::now(),
            recent: self.http.map(|http| http.recent()).unwrap_or_default(),
            endpoint_places: self.http.map(|http| http.endpoint_places()),
            viewers,
            max_viewers: MAX_VIEWERS,
            draining,
        }
    }

    fn model(&self) -> MutexGuard<'_, Option<Box<Model>>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request for a JSON in progress.
struct Glance(Arc<Sampler>);

impl Drop for Glance {
    fn drop(&mut self) {
        let mut watch = self.0.lock();
        watch.glances -= 1;
        watch.left = Some(Instant::now());
    }
}
