//! Entries about workloads.
//!
//! Owns: the merging of equal changes between workloads, Services and classes of peers into as few lines as can be found. It must not
//! judge flows.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Item;
use super::entry::{Cause, Entry, Example, Kind};
use super::held::{besides, lost};
use super::kind::kinds;
use super::merge::{union, united, widened};
use super::programs::{Key, example, left_open};
use super::side::Pair;
use super::walk::Cell;
use super::words::{Words, port_words};
use crate::flow::{Peers, PortSet, Symbol};

/// One end of equal changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Party {
    /// Workloads and Services, as questions name them, with the pods of each.
    named: BTreeMap<Symbol, Peers>,
    /// Classes of peers.
    classes: Peers,
    /// The pods and addresses behind both.
    all: Peers,
}

/// Equal changes.
#[derive(Debug, Clone)]
struct Line {
    who: Party,
    whom: Party,
    ports: PortSet,
    /// The ports of the Services that are called; empty where pods are.
    on: BTreeSet<u16>,
    /// Why it is left open what passes, where it is.
    open: BTreeSet<String>,
    /// The riskiest kind of it, and a cell of that kind.
    kind: Kind,
    cell: Cell,
    /// Every kind of it.
    kinds: BTreeSet<Kind>,
    /// A flow of it that is lost.
    lost: Option<Example>,
}

/// The most workloads of one end that are named one by one.
const NAMED: usize = 4;

impl Party {
    fn new(pair: &Pair<'_>, named: Option<&Symbol>, peers: &Peers) -> Self {
        let all = pair.told(peers);
        let classes = if named.is_some() { Peers::none() } else { all.clone() };
        Self { named: named.into_iter().map(|name| (Symbol::clone(name), all.clone())).collect(), classes, all }
    }

    /// What tells it from others.
    fn told(&self) -> (BTreeSet<Symbol>, Peers) {
        (self.named.keys().cloned().collect(), self.classes.clone())
    }

    fn union<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut named: BTreeMap<Symbol, Peers> = BTreeMap::new();
        for (name, pods) in all.clone().flat_map(|party| &party.named) {
            let sum = named.entry(Symbol::clone(name)).or_insert_with(Peers::none);
            *sum = union([&*sum, pods].into_iter());
        }
        Self { named, classes: union(all.clone().map(|party| &party.classes)), all: union(all.map(|party| &party.all)) }
    }

    fn words(&self, pair: &Pair<'_>, words: &Words) -> String {
        let classes = widened(pair, self.classes.clone());
        let others: Vec<&Symbol> = self.named.iter().filter(|(_, pods)| !pods.is_subset(&classes)).map(|(name, _)| name).collect();
        let few = others.iter().take(NAMED).map(ToString::to_string);
        let more = others.len().saturating_sub(NAMED);
        let rest = (more > 0).then(|| format!("{more} more workloads"));
        let classes = (!classes.is_empty()).then(|| words.peers(&classes));
        few.chain(rest).chain(classes).collect::<Vec<_>>().join(" or ")
    }
}

impl Line {
    fn new(pair: &Pair<'_>, (cell, kind): &(Cell, Kind)) -> Self {
        let [client, target] = &cell.workloads;
        let service = cell.call.as_ref().and_then(|call| call.service.as_ref());
        let target = service.map(|(name, _)| name).or(target.as_ref());
        Self {
            who: Party::new(pair, client.as_ref(), &cell.source),
            whom: Party::new(pair, target, &cell.destination),
            ports: cell.ports.clone(),
            on: service.iter().map(|(_, port)| *port).collect(),
            open: cell.why.iter().cloned().collect(),
            kind: *kind,
            cell: cell.clone(),
            kinds: kinds(cell, *kind),
            lost: lost(cell),
        }
    }

    fn united(all: &[Self]) -> Option<Self> {
        let riskiest = all.iter().min_by_key(|line| line.kind)?;
        Some(Self {
            who: Party::union(all.iter().map(|line| &line.who)),
            whom: Party::union(all.iter().map(|line| &line.whom)),
            ports: all.iter().fold(PortSet::none(), |sum, line| sum.union(&line.ports)),
            on: all.iter().flat_map(|line| line.on.iter().copied()).collect(),
            open: all.iter().flat_map(|line| line.open.iter().cloned()).collect(),
            kinds: all.iter().flat_map(|line| line.kinds.iter().copied()).collect(),
            lost: all.iter().find_map(|line| line.lost.clone()),
            ..riskiest.clone()
        })
    }
}

/// The entries of equal changes about workloads.
pub(super) fn told(pair: &Pair<'_>, words: &Words, key: &Key, cells: &[(Cell, Kind)], cause: &dyn Fn(&Item) -> Cause) -> Vec<Entry> {
    let mut lines: Vec<Line> = cells.iter().map(|cell| Line::new(pair, cell)).collect();
    loop {
        let count = lines.len();
        lines = united(lines, |line| (line.who.told(), line.whom.told(), line.on.is_empty()), Line::united);
        lines = united(lines, |line| (line.whom.told(), line.ports.clone(), line.on.clone()), Line::united);
        lines = united(lines, |line| (line.who.told(), line.ports.clone(), line.on.clone()), Line::united);
        if lines.len() == count {
            break;
        }
    }
    let entry = |line: Line| Entry {
        kind: line.kind,
        who: line.who.words(pair, words),
        whom: line.whom.words(pair, words),
        on: if line.on.is_empty() { port_words(&line.ports) } else { service_ports(&line.on) },
        source: line.who.all,
        destination: line.whom.all,
        ports: line.ports,
        before: key.before.clone(),
        after: key.after.clone(),
        causes: key.items.iter().map(cause).collect(),
        remarks: besides(&line.cell, line.kind, &line.kinds).into_iter().chain(left_open(line.open.iter().collect())).collect(),
        kinds: line.kinds,
        partly: None,
        example: example(&line.cell),
        lost: line.lost.filter(|_| !line.kind.is_loss()),
        callers: Vec::new(),
        called: Vec::new(),
        accepted: None,
    };
    lines.into_iter().map(entry).collect()
}

fn service_ports(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join("|")
}
