//! What is there, what should be, and what can be done.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::sample::Index;
use tallied::{Registry, SeriesSnapshot};

use super::THREADS;
use super::expected::Expected;
use super::instruments::{
    BOUNDS, Held, HeldFamily, LABELS, Step, What, any_step, any_what, family, instrument,
};

/// What is done. An [`Index`] chooses among what there is at that time.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// An instrument of its own; registered, too, or only held.
    Make(What, bool),
    MakeFamily(What, bool),
    Step(Index, Step),
    /// So many times, so that a thread on the shared cells asks for its own again.
    StepOften(Index, Step, u16),
    /// Through a family's series, which is made if need be.
    StepSeries(Index, usize, Step),
    /// Keeps the instrument of a family's series, which is made if need be.
    KeepSeries(Index, usize),
    /// Likewise, with bounds that may not be the family's.
    KeepSeriesWith(Index, usize, usize),
    /// Likewise, handed out by the family.
    KeepSeriesOwned(Index, usize),
    RemoveSeries(Index, usize),
    RemoveAllSeries(Index),
    LookUp(Index, usize),
    CloneHandle(Index),
    DropHandle(Index),
    /// Drops every handle of an instrument.
    DropInstrument(Index),
    CloneFamily(Index),
    DropFamily(Index),
    /// Drops the registry, and with it what only it held.
    NewRegistry,
    /// Does the step when the thread ends.
    AtEnd(Index, Step),
    Compare,
    End,
}

/// What is there, and what should be.
pub(crate) struct World {
    /// By number, in the order of creation; never forgotten.
    expected: Vec<Expected>,
    /// Each with the number of its instrument.
    handles: Vec<(Box<dyn Held>, usize)>,
    /// By number, in the order of creation; never forgotten.
    expected_families: Vec<ExpectedFamily>,
    families: Vec<(Box<dyn HeldFamily>, usize)>,
    registry: Registry,
    registered: Vec<Registered>,
    /// What each thread will do at its end.
    at_end: [Vec<(usize, Step)>; THREADS],
}

struct ExpectedFamily {
    what: What,
    /// Label values and instrument, in the order of creation; those that were removed are not here.
    series: Vec<(usize, usize)>,
}

enum Registered {
    Instrument(usize),
    Family(usize),
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            expected: Vec::new(),
            handles: Vec::new(),
            expected_families: Vec::new(),
            families: Vec::new(),
            registry: Registry::default(),
            registered: Vec::new(),
            at_end: Default::default(),
        }
    }

    fn expect(&mut self, what: What) -> usize {
        self.expected.push(Expected::new(what));
        self.expected.len() - 1
    }

    /// The number of a series' instrument, which is made, as `what`, if need be.
    fn expect_series(&mut self, family: usize, labels: usize, what: Option<What>) -> usize {
        let known = &self.expected_families[family];
        let found = known.series.iter().find(|(of, _)| *of == labels);
        if let Some((_, instrument)) = found {
            return *instrument;
        }
        let instrument = self.expect(what.unwrap_or(known.what));
        self.expected_families[family]
            .series
            .push((labels, instrument));
        instrument
    }

    /// Does an operation on the calling thread, which has this number.
    pub(crate) fn apply(&mut self, op: &Op, thread: usize) {
        // Most operations need something to be done on.
        let handle = |index: &Index| -> Option<usize> {
            (!self.handles.is_empty()).then(|| index.index(self.handles.len()))
        };
        let family_of = |index: &Index| -> Option<usize> {
            (!self.families.is_empty()).then(|| index.index(self.families.len()))
        };
        match *op {
            Op::Make(what, registered) => {
                let number = self.expect(what);
                let made = instrument(what);
                if registered {
                    made.register(&self.registry, &format!("m{}", self.registered.len()));
                    self.registered.push(Registered::Instrument(number));
                }
                self.handles.push((made, number));
            }
            Op::MakeFamily(what, registered) => {
                let number = self.expected_families.len();
                let series = Vec::new();
                self.expected_families.push(ExpectedFamily { what, series });
                let made = family(what);
                if registered {
                    made.register(&self.registry, &format!("m{}", self.registered.len()));
                    self.registered.push(Registered::Family(number));
                }
                self.families.push((made, number));
            }
            Op::Step(ref index, step) => self.step(handle(index), step, 1),
            Op::StepOften(ref index, step, times) => self.step(handle(index), step, times),
            Op::StepSeries(ref index, labels, step) => {
                let Some(at) = family_of(index) else { return };
                let number = self.expect_series(self.families[at].1, labels, None);
                self.families[at].0.step(labels, step);
                self.expected[number].step(step);
            }
            Op::KeepSeries(ref index, labels) => {
                let Some(at) = family_of(index) else { return };
                let number = self.expect_series(self.families[at].1, labels, None);
                self.handles
                    .push((self.families[at].0.keep(labels), number));
            }
            Op::KeepSeriesWith(ref index, labels, bounds) => {
                let Some(at) = family_of(index) else { return };
                let family = self.families[at].1;
                let what = match self.expected_families[family].what {
                    What::Histogram(_) => What::Histogram(bounds),
                    what => what,
                };
                let number = self.expect_series(family, labels, Some(what));
                let kept = self.families[at].0.keep_with(labels, what);
                self.handles.push((kept, number));
            }
            Op::KeepSeriesOwned(ref index, labels) => {
                let Some(at) = family_of(index) else { return };
                let number = self.expect_series(self.families[at].1, labels, None);
                let kept = self.families[at].0.keep_owned(labels);
                self.handles.push((kept, number));
            }
            Op::RemoveSeries(ref index, labels) => {
                let Some(at) = family_of(index) else { return };
                let (family, number) = &self.families[at];
                let series = &mut self.expected_families[*number].series;
                let known = series.iter().position(|(of, _)| *of == labels);
                // Its handles, if there are any, go on; made again, it is another instrument.
                known.map(|known| series.remove(known));
                assert_eq!(
                    family.remove(labels),
                    known.is_some(),
                    "{:?}",
                    LABELS[labels]
                );
            }
            Op::RemoveAllSeries(ref index) => {
                let Some(at) = family_of(index) else { return };
                let (family, number) = &self.families[at];
                self.expected_families[*number].series.clear();
                family.clear();
            }
            Op::LookUp(ref index, labels) => {
                let Some(at) = family_of(index) else { return };
                let (family, number) = &self.families[at];
                let series = &self.expected_families[*number].series;
                let known = series.iter().find(|(of, _)| *of == labels);
                let found = family.value(labels);
                assert_eq!(found.is_some(), known.is_some(), "{:?}", LABELS[labels]);
                if let (Some(found), Some((_, instrument))) = (found, known) {
                    self.expected[*instrument].assert_is(&found);
                }
            }
            Op::CloneHandle(ref index) => {
                let Some(at) = handle(index) else { return };
                let (held, number) = &self.handles[at];
                let clone = (held.another(), *number);
                self.handles.push(clone);
            }
            Op::DropHandle(ref index) => {
                let Some(at) = handle(index) else { return };
                self.handles.swap_remove(at);
            }
            Op::DropInstrument(ref index) => {
                let Some(at) = handle(index) else { return };
                let dropped = self.handles[at].1;
                self.handles.retain(|(_, number)| *number != dropped);
            }
            Op::CloneFamily(ref index) => {
                let Some(at) = family_of(index) else { return };
                let (family, number) = &self.families[at];
                let clone = (family.another(), *number);
                self.families.push(clone);
            }
            Op::DropFamily(ref index) => {
                let Some(at) = family_of(index) else { return };
                self.families.swap_remove(at);
            }
            Op::NewRegistry => {
                self.registry = Registry::default();
                self.registered.clear();
            }
            Op::AtEnd(ref index, step) => {
                let Some(at) = handle(index) else { return };
                let (held, number) = &self.handles[at];
                let held = held.another();
                AT_END.with(|at_end| at_end.borrow_mut().push(AtEnd { held, step }));
                self.at_end[thread].push((*number, step));
            }
            Op::Compare => self.compare(),
            Op::End => unreachable!("is done to a thread, not by it"),
        }
    }

    /// The thread of this number has ended.
    pub(crate) fn ended(&mut self, thread: usize) {
        for (instrument, step) in self.at_end[thread].drain(..) {
            self.expected[instrument].step(step);
        }
    }

    fn step(&mut self, handle: Option<usize>, step: Step, times: u16) {
        let Some(at) = handle else { return };
        let (held, number) = &self.handles[at];
        for _ in 0..times {
            held.step(step);
            self.expected[*number].step(step);
        }
    }

    /// Reads all that can be reached, in every way that it can be reached.
    pub(crate) fn compare(&self) {
        for (held, number) in &self.handles {
            self.expected[*number].assert_is(&held.value());
        }
        for (family, number) in &self.families {
            assert_eq!(
                family.len(),
                self.expected_families[*number].series.len(),
                "series"
            );
            self.compare_family(*number, &family.series());
        }
        let snapshot = self.registry.snapshot();
        assert_eq!(snapshot.families.len(), self.registered.len());
        for (i, (found, registered)) in snapshot.families.iter().zip(&self.registered).enumerate() {
            assert_eq!(found.descriptor.name(), format!("m{i}"));
            match registered {
                Registered::Instrument(number) => {
                    assert_eq!(found.series.len(), 1);
                    self.expected[*number].assert_is(&found.series[0].value);
                }
                Registered::Family(number) => self.compare_family(*number, &found.series),
            }
        }
    }

    fn compare_family(&self, number: usize, found: &[SeriesSnapshot]) {
        let expected = &self.expected_families[number].series;
        let labels = found.iter().map(|series| series.labels.values().collect());
        let expected_labels = expected.iter().map(|(labels, _)| LABELS[*labels].to_vec());
        assert_eq!(
            labels.collect::<Vec<Vec<_>>>(),
            expected_labels.collect::<Vec<_>>(),
            "the series, in the order of creation"
        );
        for (found, (_, instrument)) in found.iter().zip(expected) {
            self.expected[*instrument].assert_is(&found.value);
        }
    }
}

thread_local! {
    /// Destroyed before the thread returns its cells or after, depending on which of the two it
    /// used first.
    static AT_END: RefCell<Vec<AtEnd>> = const { RefCell::new(Vec::new()) };
}

/// Does a step when it is dropped.
struct AtEnd {
    held: Box<dyn Held>,
    step: Step,
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.held.step(self.step);
    }
}

pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    let labels = || 0..LABELS.len();
    prop_oneof![
        6 => (any_what(), any::<bool>()).prop_map(|(what, registered)| Op::Make(what, registered)),
        3 => (any_what(), any::<bool>()).prop_map(|(what, registered)| Op::MakeFamily(what, registered)),
        20 => (index(), any_step()).prop_map(|(at, step)| Op::Step(at, step)),
        2 => (index(), any_step(), 500_u16..1_500).prop_map(|(at, step, n)| Op::StepOften(at, step, n)),
        12 => (index(), labels(), any_step()).prop_map(|(at, labels, step)| Op::StepSeries(at, labels, step)),
        4 => (index(), labels()).prop_map(|(at, labels)| Op::KeepSeries(at, labels)),
        2 => (index(), labels(), 0..BOUNDS).prop_map(|(at, labels, bounds)| Op::KeepSeriesWith(at, labels, bounds)),
        2 => (index(), labels()).prop_map(|(at, labels)| Op::KeepSeriesOwned(at, labels)),
        6 => (index(), labels()).prop_map(|(at, labels)| Op::RemoveSeries(at, labels)),
        1 => index().prop_map(Op::RemoveAllSeries),
        3 => (index(), labels()).prop_map(|(at, labels)| Op::LookUp(at, labels)),
        3 => index().prop_map(Op::CloneHandle),
        4 => index().prop_map(Op::DropHandle),
        3 => index().prop_map(Op::DropInstrument),
        2 => index().prop_map(Op::CloneFamily),
        2 => index().prop_map(Op::DropFamily),
        1 => Just(Op::NewRegistry),
        4 => (index(), any_step()).prop_map(|(at, step)| Op::AtEnd(at, step)),
        3 => Just(Op::Compare),
        5 => Just(Op::End),
    ]
}
