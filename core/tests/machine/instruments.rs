//! Instruments of every kind behind one interface, and what can be recorded in each.

use proptest::prelude::*;
use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, Instrument, Metric, ObservedCounter, Registry,
    SeriesSnapshot, UpDownCounter, Value,
};

/// A kind of instrument; of histograms, with the bounds of this number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Counter,
    UpDown,
    Integer,
    Unsigned,
    Float,
    Observed,
    Histogram(usize),
}

/// Runs of cells of several lengths; the last is longer than a block of cells.
pub(crate) fn bounds(number: usize) -> Buckets {
    let bounds = match number {
        0 => vec![0.5],
        1 => vec![-4.0, -0.125, 0.0, 0.5, 1.0, 64.0],
        2 => (0..30).map(|n| f64::from(n) * 4.0 - 8.0).collect(),
        _ => (0..600).map(f64::from).collect(),
    };
    Buckets::new(bounds).unwrap()
}
pub(crate) const BOUNDS: usize = 4;

/// One recording, in words that every kind of instrument makes something of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) how: How,
    pub(crate) n: u64,
    pub(crate) value: f64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Up,
    Down,
    UpBy,
    DownBy,
    Set,
}

/// An instrument that a [`Step`] can be done on.
trait Recorded: Instrument + Clone {
    fn new(what: What) -> Self;
    fn step(&self, step: Step);
}

impl Recorded for Counter {
    fn new(_: What) -> Self {
        Self::default()
    }
    fn step(&self, step: Step) {
        match step.how {
            How::Up | How::Down => self.inc(),
            How::UpBy | How::DownBy | How::Set => self.inc_by(step.n),
        }
    }
}

impl Recorded for UpDownCounter {
    fn new(_: What) -> Self {
        Self::default()
    }
    fn step(&self, step: Step) {
        match step.how {
            How::Up => self.inc(),
            How::Down => self.dec(),
            How::UpBy | How::Set => self.inc_by(step.n),
            How::DownBy => self.dec_by(step.n),
        }
    }
}

macro_rules! recorded_gauge {
    ($holds:ty, $value:expr) => {
        impl Recorded for Gauge<$holds> {
            fn new(_: What) -> Self {
                Self::default()
            }
            fn step(&self, step: Step) {
                let value: fn(Step) -> $holds = $value;
                match step.how {
                    How::Up => self.inc(),
                    How::Down => self.dec(),
                    How::UpBy => self.inc_by(value(step)),
                    How::DownBy => self.dec_by(value(step)),
                    How::Set => self.set(value(step)),
                }
            }
        }
    };
}
recorded_gauge!(i64, |step| step.n as i64);
recorded_gauge!(u64, |step| step.n);
recorded_gauge!(f64, |step| step.value);

impl Recorded for ObservedCounter {
    fn new(_: What) -> Self {
        Self::default()
    }
    fn step(&self, step: Step) {
        self.observe_total(step.value);
    }
}

impl Recorded for Histogram {
    fn new(what: What) -> Self {
        let What::Histogram(number) = what else {
            panic!("{what:?} has no bounds")
        };
        Self::with_buckets(&bounds(number))
    }
    fn step(&self, step: Step) {
        self.observe(step.value);
    }
}

/// An instrument of any kind.
pub(crate) trait Held: Send {
    fn step(&self, step: Step);
    fn value(&self) -> Value;
    fn another(&self) -> Box<dyn Held>;
    fn register(&self, registry: &Registry, name: &str);
}

impl<M: Recorded> Held for M {
    fn step(&self, step: Step) {
        Recorded::step(self, step);
    }
    fn value(&self) -> Value {
        self.read()
    }
    fn another(&self) -> Box<dyn Held> {
        Box::new(self.clone())
    }
    fn register(&self, registry: &Registry, name: &str) {
        registry.register(name, "", self.clone()).unwrap();
    }
}

pub(crate) fn instrument(what: What) -> Box<dyn Held> {
    match what {
        What::Counter => Box::new(<Counter as Recorded>::new(what)),
        What::UpDown => Box::new(<UpDownCounter as Recorded>::new(what)),
        What::Integer => Box::new(<Gauge<i64> as Recorded>::new(what)),
        What::Unsigned => Box::new(<Gauge<u64> as Recorded>::new(what)),
        What::Float => Box::new(<Gauge<f64> as Recorded>::new(what)),
        What::Observed => Box::new(<ObservedCounter as Recorded>::new(what)),
        What::Histogram(_) => Box::new(<Histogram as Recorded>::new(what)),
    }
}

/// Label values, some of which are others put together differently.
pub(crate) const LABELS: [[&str; 2]; 12] = [
    ["a", "b"],
    ["ab", ""],
    ["", "ab"],
    ["b", "a"],
    ["", ""],
    ["a\"", "\n"],
    ["a", "\"\n"],
    ["é", "漢"],
    ["1", "1"],
    ["1", "2"],
    ["2", "1"],
    ["2", "2"],
];

/// A family of any kind; label values by their number.
pub(crate) trait HeldFamily: Send {
    fn step(&self, labels: usize, step: Step);
    fn keep(&self, labels: usize) -> Box<dyn Held>;
    fn keep_with(&self, labels: usize, what: What) -> Box<dyn Held>;
    fn keep_owned(&self, labels: usize) -> Box<dyn Held>;
    fn remove(&self, labels: usize) -> bool;
    fn clear(&self);
    fn value(&self, labels: usize) -> Option<Value>;
    fn len(&self) -> usize;
    fn series(&self) -> Vec<SeriesSnapshot>;
    fn another(&self) -> Box<dyn HeldFamily>;
    fn register(&self, registry: &Registry, name: &str);
}

impl<M: Recorded> HeldFamily for Family<M, 2> {
    fn step(&self, labels: usize, step: Step) {
        Recorded::step(&*self.get_or_create(&LABELS[labels]), step);
    }
    fn keep(&self, labels: usize) -> Box<dyn Held> {
        Box::new(self.get_or_create(&LABELS[labels]).clone())
    }
    fn keep_with(&self, labels: usize, what: What) -> Box<dyn Held> {
        let series = self.get_or_create_with(&LABELS[labels], || M::new(what));
        Box::new(series.clone())
    }
    fn keep_owned(&self, labels: usize) -> Box<dyn Held> {
        Box::new(self.get_or_create_owned(&LABELS[labels]))
    }
    fn remove(&self, labels: usize) -> bool {
        Self::remove(self, &LABELS[labels])
    }
    fn clear(&self) {
        Self::clear(self);
    }
    fn value(&self, labels: usize) -> Option<Value> {
        self.get(&LABELS[labels]).map(|series| series.read())
    }
    fn len(&self) -> usize {
        Self::len(self)
    }
    fn series(&self) -> Vec<SeriesSnapshot> {
        let mut series = Vec::new();
        self.collect(&mut series);
        series
    }
    fn another(&self) -> Box<dyn HeldFamily> {
        Box::new(self.clone())
    }
    fn register(&self, registry: &Registry, name: &str) {
        registry.register(name, "", self.clone()).unwrap();
    }
}

pub(crate) fn family(what: What) -> Box<dyn HeldFamily> {
    fn of<M: Recorded>(what: What) -> Box<dyn HeldFamily> {
        let labels = ["first", "second"];
        Box::new(Family::new_with_constructor(labels, move || M::new(what)))
    }
    match what {
        What::Counter => of::<Counter>(what),
        What::UpDown => of::<UpDownCounter>(what),
        What::Integer => of::<Gauge<i64>>(what),
        What::Unsigned => of::<Gauge<u64>>(what),
        What::Float => of::<Gauge<f64>>(what),
        What::Observed => of::<ObservedCounter>(what),
        What::Histogram(_) => of::<Histogram>(what),
    }
}

pub(crate) fn any_what() -> impl Strategy<Value = What> {
    prop_oneof![
        3 => Just(What::Counter),
        2 => Just(What::UpDown),
        1 => Just(What::Integer),
        1 => Just(What::Unsigned),
        1 => Just(What::Float),
        1 => Just(What::Observed),
        4 => (0..BOUNDS).prop_map(What::Histogram),
    ]
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    use How::{Down, DownBy, Set, Up, UpBy};
    let how = prop::sample::select(vec![Up, Down, UpBy, DownBy, Set]);
    let value = prop_oneof![
        80 => (-1_000_i32..8_000).prop_map(|n| f64::from(n) / 8.0),
        // What makes a sum infinite or a NaN leaves it so, and is rare for that.
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
        1 => Just(-0.0),
    ];
    let n = prop_oneof![3 => 0..100_u64, 1 => any::<u64>()];
    (how, n, value).prop_map(|(how, n, value)| Step { how, n, value })
}
