//! What workloads show besides what classes of pods do.
//!
//! Owns: `with_news`. Cells are looked up by the namespaces of their ends, as there may be many of either kind.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Turn, turns};
use super::side::Which;
use super::walk::Cell;
use crate::flow::{Peer, Peers, PortSet, Symbol};

/// The namespaces of a cell's ends, source and destination; none for addresses, and for pods of more namespaces than are named.
type Place = [Option<Symbol>; 2];

/// The cells, and those of others that show something else.
pub(super) fn with_news(mut cells: Vec<Cell>, others: Vec<Cell>) -> Vec<Cell> {
    let known: Vec<_> = cells.iter().map(turns_of).collect();
    let places = places(&cells);
    let is_news = |other: &Cell| {
        let wanted = turns_of(other);
        let near = looked_up(other).into_iter().filter_map(|place| places.get(&place)).flatten();
        let alike = near.filter_map(|at| Some((cells.get(*at)?, known.get(*at)?)));
        let alike = alike.filter(|(cell, own)| own.is_superset(&wanted) && holds(cell, other));
        let ports = alike.fold(PortSet::none(), |sum, (cell, _)| sum.union(&cell.ports));
        !other.ports.is_subset(&ports)
    };
    let news: Vec<Cell> = others.into_iter().filter(|other| is_news(other)).collect();
    cells.extend(news);
    cells
}

fn turns_of(cell: &Cell) -> BTreeSet<Turn> {
    turns(&cell.before, &cell.after, &cell.requests)
}

/// Whether the ends of another cell are among those of a class, on both sides, on some of its ports.
fn holds(cell: &Cell, other: &Cell) -> bool {
    let ends = |which: Which| cell.source.contains(other.caller.of(which)) && cell.destination.contains(other.target.of(which));
    cell.ports.overlaps(&other.ports) && [Which::Base, Which::Head].into_iter().all(ends)
}

/// The cells by all places where they may hold ends.
fn places(cells: &[Cell]) -> BTreeMap<Place, Vec<usize>> {
    let mut places: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for (at, cell) in cells.iter().enumerate() {
        let destinations = namespaces(&cell.destination);
        for source in namespaces(&cell.source) {
            for destination in &destinations {
                places.entry([source.clone(), destination.clone()]).or_default().push(at);
            }
        }
    }
    places
}

/// The namespaces that a set of peers names; none stands for all that it does not.
fn namespaces(peers: &Peers) -> BTreeSet<Option<Symbol>> {
    let of_cubes = peers.pods.cubes().iter().flat_map(|cube| match cube.namespace_names() {
        Some(names) => names.iter().cloned().map(Some).collect(),
        None => vec![None],
    });
    of_cubes.chain((!peers.addresses.is_empty()).then_some(None)).collect()
}

/// The places of cells that may hold the ends of this one.
fn looked_up(cell: &Cell) -> BTreeSet<Place> {
    let of = |peer: &Peer| match peer {
        Peer::Pod(pod) => vec![Some(Symbol::clone(&pod.namespace)), None],
        Peer::Address(_) => vec![None],
    };
    let [sources, destinations] = [&cell.caller, &cell.target].map(|both| of(both.of(Which::Head)));
    sources.iter().flat_map(|source| destinations.iter().map(|destination| [source.clone(), destination.clone()])).collect()
}
