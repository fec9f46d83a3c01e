//! Callers of whom another one has been looked at.
//!
//! Owns: `Looked`. To most callers' own ends a class of pods that is called is one of many, and they do with it what others do. What the
//! end that is called tells apart it has told apart before; so what was found of one of them is what there is of all.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::memo::{Caller, Manner};
use super::{Cell, Found, Into, LeftOpen, Piece};

/// A caller that was looked at, and what was found of it.
struct One {
    manner: Rc<Manner>,
    /// Which of the seeds have flows from it.
    seeds: Vec<bool>,
    /// The places of the cells.
    cells: Range<usize>,
    /// The places of what is left open.
    open: Range<usize>,
    looks: usize,
}

/// Callers that were looked at, all of which the end that they call takes for one class.
#[derive(Default)]
pub(super) struct Looked(Vec<One>);

impl Into<'_> {
    /// One class of callers, unless it is like one that was looked at: then what was found of that one is told of it, too.
    pub(super) fn reach_alike(&self, caller: &Piece, known: &Caller, looked: &mut Looked, found: &mut Found) {
        let manner = (!self.may_hold(known)).then(|| known.manner(self.walk, self.target));
        let seeds: Vec<bool> =
            self.seeds.iter().map(|seed| seed.has_ends(self.walk.policies, &caller.example, &self.target.example)).collect();
        let is_like = |one: &&One| Some(&one.manner) == manner.as_ref() && one.seeds == seeds;
        if let Some(one) = looked.0.iter().find(is_like) {
            self.walk.looks.set(self.walk.looks.get() + one.looks);
            found.repeat(one, caller);
            return;
        }
        let (first, open, incomplete, looks) = (found.cells.len(), found.left_open.len(), found.incomplete.len(), self.walk.looks.get());
        self.reach_by(caller, &known.own.cuts, found);
        // Flows that cannot be compared are told with their callers.
        if let Some(manner) = manner.filter(|_| found.incomplete.len() == incomplete) {
            let (cells, open) = (first..found.cells.len(), open..found.left_open.len());
            looked.0.push(One { manner, seeds, cells, open, looks: self.walk.looks.get() - looks });
        }
    }
}

impl Found {
    /// What was found of a caller once more, as of another one. By which policies its own end leaves flows open may be another matter.
    fn repeat(&mut self, one: &One, caller: &Piece) {
        let of_caller = |cell: &Cell| Cell { source: Arc::clone(&caller.peers), caller: caller.example.clone(), ..cell.clone() };
        let again: Vec<Cell> = self.cells.get(one.cells.clone()).unwrap_or_default().iter().map(of_caller).collect();
        self.cells.extend(again);
        let of_caller = |open: &LeftOpen| {
            let [_, target] = open.workloads.clone();
            LeftOpen { caller: caller.example.clone(), workloads: [caller.workload.clone(), target], ..open.clone() }
        };
        let again: Vec<LeftOpen> = self.left_open.get(one.open.clone()).unwrap_or_default().iter().map(of_caller).collect();
        for open in again {
            self.leave_open(open);
        }
    }
}
