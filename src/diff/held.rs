//! What a line holds besides what it is told by.
//!
//! Owns: what is said of it, the flow that shows what is lost, and what entries about namespaces hold of the flows that they tell. Which
//! kinds a class of flows is of, `kind` says.

use std::collections::BTreeSet;

use super::access::{loses, nature};
use super::cause::shown;
use super::entry::{Entry, Example, Kind, also};
use super::kind::{is_wider, kinds};
use super::side::Which;
use super::walk::Cell;

/// What is said of a line of some kinds, of which a class is the riskiest. What was open before, for less, reads by its kind as if
/// nothing had been.
pub(super) fn besides(cell: &Cell, kind: Kind, kinds: &BTreeSet<Kind>) -> Vec<String> {
    let before = is_wider(cell, kind).then(|| "some of it passed before".to_owned());
    also(kind, kinds).chain(before).collect()
}

/// A flow of a class that passed and does not.
pub(super) fn lost(cell: &Cell) -> Option<Example> {
    if !loses(&cell.before, &cell.after) {
        return None;
    }
    let (base, head) = shown(cell, &nature(&cell.before, &cell.after, &cell.requests), Which::Base)?;
    Some(Example { base, head })
}

/// Makes the entries about namespaces hold what a class of flows holds that they tell.
pub(super) fn add(entries: &mut [Entry], cell: &Cell, kind: Kind) {
    let held = kinds(cell, kind);
    let holds = |entry: &&mut Entry| {
        let is_end = |which: Which| entry.source.contains(cell.caller.of(which)) && entry.destination.contains(cell.target.of(which));
        entry.kind.is_loss() == kind.is_loss() && (is_end(Which::Base) || is_end(Which::Head))
    };
    for entry in entries.iter_mut().filter(holds) {
        entry.kinds.extend(&held);
        entry.lost = entry.lost.take().or_else(|| lost(cell)).filter(|_| !entry.kind.is_loss());
    }
}

/// Makes the entries about namespaces say what they hold.
pub(super) fn say(entries: &mut [Entry]) {
    for entry in entries {
        entry.remarks.extend(also(entry.kind, &entry.kinds));
    }
}
