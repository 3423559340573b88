//! Any sequence of operations on a registry and its families, beside a plain model of them: a snapshot, and
//! every handle, has what the model has.
#![no_main]

use std::cell::RefCell;
use std::rc::Rc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tallied::{
    Beyond, Counter, Family, FamilySnapshot, Gauge, Histogram, Instrument, Registry, SeriesLimit,
    UpDownCounter, Value, pool,
};

#[derive(Arbitrary, Debug)]
enum Operation {
    /// A family of its own kind and limit, registered.
    Register(Kind, Limit),
    /// How many threads may own cells: with few, the others share some.
    Cap(u8),
    /// On the family with this number; numbers go round.
    On(u8, OnFamily),
    /// On the handle with this number.
    RecordKept(u8, u16, Where),
    DropKept(u8),
    Snapshot,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Counter,
    UpDownCounter,
    Gauge,
    Histogram,
}

#[derive(Arbitrary, Debug)]
enum Limit {
    None,
    Series(u8),
    Detached(u8),
}

#[derive(Arbitrary, Debug)]
enum OnFamily {
    Record(Label, u16, Where),
    /// Looked up and not made.
    RecordIfThere(Label, u16),
    Keep(Label),
    Remove(Label),
    /// The lookup is held over the removal, and recorded in after it.
    RemoveUnderLookup(Label, u16),
    /// Those that were recorded in so often, or more often.
    RetainBusy(u8),
    Clear,
    /// The registry keeps it.
    DropFamily,
}

#[derive(Arbitrary, Debug)]
enum Where {
    Here,
    /// On a thread that comes and goes.
    Elsewhere,
}

#[derive(Arbitrary, Debug)]
enum Label {
    Known(u8),
    Any(String),
}

impl Label {
    fn text(&self) -> String {
        match self {
            Self::Known(n) => (n % 16).to_string(),
            Self::Any(text) => text.clone(),
        }
    }
}

const OTHER: &str = "other";

fuzz_target!(|operations: Vec<Operation>| {
    let mut world = World::default();
    for operation in &operations {
        world.apply(operation);
    }
    world.check();
});

/// All that was ever recorded in one instrument, in order.
type History = Rc<RefCell<Vec<u16>>>;

#[derive(Default)]
struct World {
    registry: Registry,
    families: Vec<Box<dyn Subject>>,
    kept: Vec<Box<dyn Kept>>,
}

impl World {
    fn apply(&mut self, operation: &Operation) {
        match operation {
            // Enough for any order of things, and not so many that all the time goes to snapshots.
            Operation::Register(kind, limit) if self.families.len() < 8 => {
                let name = format!("m{}", self.families.len());
                let family: Box<dyn Subject> = match kind {
                    Kind::Counter => Box::new(Tracked::<Counter>::new(limit)),
                    Kind::UpDownCounter => Box::new(Tracked::<UpDownCounter>::new(limit)),
                    Kind::Gauge => Box::new(Tracked::<Gauge>::new(limit)),
                    Kind::Histogram => Box::new(Tracked::<Histogram>::new(limit)),
                };
                family.register(&self.registry, &name);
                self.families.push(family);
            }
            Operation::Register(..) => {}
            Operation::Cap(cap) => pool::set_thread_cap(1 + usize::from(cap % 3)),
            Operation::On(number, operation) => {
                let families = self.families.len();
                if families > 0 {
                    let family = &mut self.families[usize::from(*number) % families];
                    self.kept.extend(family.apply(operation));
                }
            }
            Operation::RecordKept(number, amount, place) => {
                if !self.kept.is_empty() {
                    let number = usize::from(*number) % self.kept.len();
                    self.kept[number].record(*amount, place);
                }
            }
            Operation::DropKept(number) => {
                if !self.kept.is_empty() {
                    let number = usize::from(*number) % self.kept.len();
                    self.kept.swap_remove(number);
                }
            }
            Operation::Snapshot => self.check(),
        }
    }

    fn check(&self) {
        let snapshot = self.registry.snapshot();
        assert_eq!(snapshot.families.len(), self.families.len());
        for (family, seen) in self.families.iter().zip(&snapshot.families) {
            family.check(seen);
        }
        for kept in &self.kept {
            kept.check();
        }
        // What they contain is the target `exposition`'s.
        let (text, openmetrics) = (self.registry.text(), self.registry.openmetrics());
        assert!(text.is_empty() || text.ends_with('\n'));
        assert!(openmetrics.ends_with("# EOF\n"));
    }
}

/// An instrument, and what it is after a history.
trait Recorder: Instrument + Clone {
    fn make() -> Self;
    fn record(&self, amount: u16);
    fn assert_is(value: &Value, history: &[u16]);
}

fn total(history: &[u16]) -> u64 {
    history.iter().copied().map(u64::from).sum()
}

impl Recorder for Counter {
    fn make() -> Self {
        Self::default()
    }

    fn record(&self, amount: u16) {
        self.inc_by(amount.into());
    }

    fn assert_is(value: &Value, history: &[u16]) {
        assert_eq!(*value, Value::Counter(total(history)));
    }
}

impl Recorder for UpDownCounter {
    fn make() -> Self {
        Self::default()
    }

    /// Even amounts up, odd ones down.
    fn record(&self, amount: u16) {
        if amount.is_multiple_of(2) {
            self.inc_by(amount.into());
        } else {
            self.dec_by(amount.into());
        }
    }

    fn assert_is(value: &Value, history: &[u16]) {
        let steps = history.iter().map(|amount| {
            let step = i64::from(*amount);
            if step % 2 == 0 { step } else { -step }
        });
        assert_eq!(*value, Value::IntegerGauge(steps.sum()));
    }
}

impl Recorder for Gauge {
    fn make() -> Self {
        Self::default()
    }

    fn record(&self, amount: u16) {
        self.set(amount.into());
    }

    fn assert_is(value: &Value, history: &[u16]) {
        let last = history.last().copied().unwrap_or(0);
        assert_eq!(*value, Value::IntegerGauge(last.into()));
    }
}

const BOUNDS: [f64; 3] = [10.0, 1_000.0, 60_000.0];

impl Recorder for Histogram {
    fn make() -> Self {
        Self::new(BOUNDS).expect("the bounds increase")
    }

    fn record(&self, amount: u16) {
        self.observe(amount.into());
    }

    fn assert_is(value: &Value, history: &[u16]) {
        let Value::Histogram(seen) = value else {
            panic!("{value:?} is no histogram");
        };
        let mut buckets = [0; BOUNDS.len() + 1];
        for amount in history {
            let bucket = BOUNDS.iter().position(|bound| f64::from(*amount) <= *bound);
            buckets[bucket.unwrap_or(BOUNDS.len())] += 1;
        }
        assert_eq!(seen.buckets, buckets);
        assert_eq!(seen.count, history.len() as u64);
        // Whole numbers, so that the order in which threads are summed does not matter.
        assert_eq!(seen.sum, total(history) as f64);
    }
}

fn record<M: Recorder>(instrument: &M, history: &History, amount: u16, place: &Where) {
    match place {
        Where::Here => instrument.record(amount),
        Where::Elsewhere => std::thread::scope(|scope| {
            // Joined, for the end of the scope would not wait for the thread's cells to be returned.
            let thread = scope.spawn(|| instrument.record(amount));
            thread.join().expect("recording does not panic");
        }),
    }
    history.borrow_mut().push(amount);
}

/// A handle that was kept.
trait Kept {
    fn record(&self, amount: u16, place: &Where);
    fn check(&self);
}

impl<M: Recorder> Kept for (M, History) {
    fn record(&self, amount: u16, place: &Where) {
        record(&self.0, &self.1, amount, place);
    }

    fn check(&self) {
        M::assert_is(&self.0.read(), &self.1.borrow());
    }
}

/// A family of any kind.
trait Subject {
    fn register(&self, registry: &Registry, name: &str);
    fn apply(&mut self, operation: &OnFamily) -> Option<Box<dyn Kept>>;
    fn check(&self, seen: &FamilySnapshot);
}

/// A family, and its model.
struct Tracked<M> {
    /// `None` once it was dropped.
    family: Option<Family<M, 1>>,
    max: usize,
    /// Where what is beyond the limit goes, if that is a series.
    other: bool,
    /// In the order of creation.
    series: Vec<(String, History)>,
    detached: History,
    turned_away: u64,
}

impl<M: Recorder> Tracked<M> {
    fn new(limit: &Limit) -> Self {
        let (max, beyond) = match limit {
            Limit::None => (usize::MAX, None),
            Limit::Series(max) => (usize::from(max % 8), Some(Beyond::Series([OTHER]))),
            Limit::Detached(max) => (usize::from(max % 8), Some(Beyond::Detached)),
        };
        let other = matches!(beyond, Some(Beyond::Series(_)));
        let family = match beyond {
            None => Family::new_with_constructor(["label"], M::make),
            Some(beyond) => Family::with_limit(["label"], M::make, SeriesLimit { max, beyond }),
        };
        Self {
            family: Some(family),
            max,
            other,
            series: Vec::new(),
            detached: History::default(),
            turned_away: 0,
        }
    }

    fn find(&self, label: &str) -> Option<History> {
        let found = self.series.iter().find(|(known, _)| known == label);
        found.map(|(_, history)| Rc::clone(history))
    }

    fn make(&mut self, label: &str) -> History {
        let history = History::default();
        self.series.push((label.to_owned(), Rc::clone(&history)));
        history
    }

    /// What `get_or_create` answers with.
    fn find_or_make(&mut self, label: &str) -> History {
        if let Some(found) = self.find(label) {
            return found;
        }
        if self.series.len() < self.max {
            return self.make(label);
        }
        self.turned_away += 1;
        if !self.other {
            return Rc::clone(&self.detached);
        }
        self.find(OTHER).unwrap_or_else(|| self.make(OTHER))
    }

    fn remove(&mut self, label: &str) -> bool {
        let before = self.series.len();
        self.series.retain(|(known, _)| known != label);
        self.series.len() < before
    }
}

impl<M: Recorder> Subject for Tracked<M> {
    fn register(&self, registry: &Registry, name: &str) {
        let family = self.family.clone().expect("it was just made");
        let registered = registry.register(name, "A family", family.clone());
        registered.expect("the name is good and new");
        let twice = registry.register(name, "The same", family);
        assert!(twice.is_err(), "{name} was registered twice");
    }

    fn apply(&mut self, operation: &OnFamily) -> Option<Box<dyn Kept>> {
        // A clone, so that the model can be changed beside it.
        let family = self.family.clone()?;
        match operation {
            OnFamily::Record(label, amount, place) => {
                let label = label.text();
                let history = self.find_or_make(&label);
                record(&*family.get_or_create(&[&label]), &history, *amount, place);
            }
            OnFamily::RecordIfThere(label, amount) => {
                let label = label.text();
                let (found, history) = (family.get(&[&label]), self.find(&label));
                assert_eq!(found.is_some(), history.is_some(), "{label:?}");
                if let (Some(found), Some(history)) = (found, history) {
                    record(&*found, &history, *amount, &Where::Here);
                }
            }
            OnFamily::Keep(label) => {
                let label = label.text();
                let history = self.find_or_make(&label);
                let handle = M::clone(&family.get_or_create(&[&label]));
                return Some(Box::new((handle, history)));
            }
            OnFamily::Remove(label) => {
                let label = label.text();
                assert_eq!(family.remove(&[&label]), self.remove(&label), "{label:?}");
            }
            OnFamily::RemoveUnderLookup(label, amount) => {
                let label = label.text();
                let history = self.find_or_make(&label);
                let found = family.get_or_create(&[&label]);
                assert_eq!(family.remove(&[&label]), self.remove(&label), "{label:?}");
                record(&*found, &history, *amount, &Where::Here);
                M::assert_is(&found.read(), &history.borrow());
            }
            OnFamily::RetainBusy(least) => {
                let least = usize::from(*least);
                family.retain(|labels, instrument| {
                    let label = labels.values().next().expect("it has one label");
                    let history = self.find(&label).expect("the model has it too");
                    M::assert_is(&instrument.read(), &history.borrow());
                    history.borrow().len() >= least
                });
                self.series
                    .retain(|(_, history)| history.borrow().len() >= least);
            }
            OnFamily::Clear => {
                family.clear();
                self.series.clear();
            }
            OnFamily::DropFamily => self.family = None,
        }
        None
    }

    fn check(&self, seen: &FamilySnapshot) {
        if let Some(family) = &self.family {
            assert_eq!(family.len(), self.series.len());
            assert_eq!(family.is_empty(), self.series.is_empty());
            assert_eq!(family.turned_away().get(), self.turned_away);
        }
        let labels = seen.series.iter().map(|series| {
            let mut values = series.labels.values();
            let label = values.next().expect("it has one label").into_owned();
            assert!(values.next().is_none());
            label
        });
        let expected = self.series.iter().map(|(label, _)| label.clone());
        assert!(
            labels.eq(expected),
            "{:?} and not {:?}",
            seen.series,
            self.series
        );
        for (series, (_, history)) in seen.series.iter().zip(&self.series) {
            M::assert_is(&series.value, &history.borrow());
        }
    }
}
