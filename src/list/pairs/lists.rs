//! What the join found.
//!
//! Owns: `Lists`, each thing in it once, and `Found`, what groups of addresses hear. It must not ask anybody.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::flow::AddressSet;
use crate::list::answer::{Answer, Doubt, Passage};
use crate::list::bits::Bits;
use crate::list::{DoubtRow, Party, Row, Side};

/// What was found so far, each thing once.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) rows: Vec<Row>,
    pub(super) answers: Vec<Rc<Vec<Passage>>>,
    pub(super) places: BTreeMap<Rc<Vec<Passage>>, usize>,
    pub(super) outside: BTreeMap<AddressSet, usize>,
    /// For each doubt and set of sources, the destinations.
    doubts: BTreeMap<(Doubt, Sources), Bits>,
    /// For each doubt about addresses that are called, the sources.
    outward: BTreeMap<(Doubt, AddressSet), Bits>,
}

/// Sources of connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sources {
    Workloads(Bits),
    Outside(AddressSet),
}

impl Lists {
    /// Makes one row of those of one pair.
    pub(super) fn merge(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_unstable_by_key(|row| (row.source, row.destination, row.answer));
        for pair in rows.chunk_by(|left, right| (left.source, left.destination) == (right.source, right.destination)) {
            let Some(first) = pair.first() else { continue };
            // Rows with addresses are apart by what passes.
            if pair.len() == 1 || !matches!((first.source, first.destination), (Side::Peer(_), Side::Peer(_))) {
                self.rows.extend(pair);
                continue;
            }
            let passages = pair.iter().filter_map(|row| self.answers.get(row.answer)).flat_map(|answer| answer.iter().cloned());
            let mut passages: Vec<Passage> = passages.collect();
            passages.sort_unstable();
            // Two Services may lead over one waypoint.
            passages.dedup();
            let answer = self.place(&passages);
            self.rows.push(Row { answer, ..*first });
        }
    }

    /// The place of what passes.
    pub(super) fn place(&mut self, passages: &[Passage]) -> usize {
        let passages = Rc::new(passages.to_vec());
        let next = self.answers.len();
        let place = *self.places.entry(Rc::clone(&passages)).or_insert(next);
        if place == next {
            self.answers.push(passages);
        }
        place
    }

    /// The side that these addresses are.
    pub(super) fn outside(&mut self, addresses: AddressSet) -> Side {
        Side::Outside(self.set(addresses))
    }

    fn set(&mut self, addresses: AddressSet) -> usize {
        let next = self.outside.len();
        *self.outside.entry(addresses).or_insert(next)
    }

    /// A doubt about connections with one workload.
    pub(super) fn doubt(&mut self, doubt: Doubt, sources: Sources, destination: usize) {
        let sum = self.doubts.entry((doubt, sources)).or_default();
        *sum = sum.union(&std::iter::once(destination).collect());
    }

    /// A doubt about connections of one workload with addresses.
    pub(super) fn doubt_outward(&mut self, doubt: Doubt, addresses: AddressSet, source: usize) {
        let sum = self.outward.entry((doubt, addresses)).or_default();
        *sum = sum.union(&std::iter::once(source).collect());
    }

    /// The doubts, a row for each set of sources.
    pub(super) fn doubts(&mut self) -> Vec<DoubtRow> {
        let mut rows = Vec::new();
        for ((doubt, sources), destinations) in std::mem::take(&mut self.doubts) {
            let sources = match sources {
                Sources::Workloads(bits) => Party::Peers(bits.iter().collect()),
                Sources::Outside(addresses) => Party::Outside(self.set(addresses)),
            };
            rows.push(DoubtRow { sources, destinations: Party::Peers(destinations.iter().collect()), doubt });
        }
        for ((doubt, addresses), sources) in std::mem::take(&mut self.outward) {
            let destinations = Party::Outside(self.set(addresses));
            rows.push(DoubtRow { sources: Party::Peers(sources.iter().collect()), destinations, doubt });
        }
        rows
    }
}

/// What is said to groups of addresses, those that hear the same together.
#[derive(Default)]
pub(super) struct Found {
    pub(super) passing: BTreeMap<usize, AddressSet>,
    pub(super) doubted: BTreeMap<Doubt, AddressSet>,
}

impl Found {
    pub(super) fn add(&mut self, addresses: &AddressSet, place: Option<usize>, answer: &Answer) {
        if let Some(place) = place {
            let sum = self.passing.entry(place).or_default();
            *sum = sum.union(addresses);
        }
        for doubt in &answer.doubts {
            let sum = self.doubted.entry(doubt.clone()).or_default();
            *sum = sum.union(addresses);
        }
    }
}
