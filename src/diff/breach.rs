//! A state held against both sides at once.
//!
//! Owns: `breaches`, whole flows over every pod that could exist: what neither side lets through must not pass, and what both let
//! through must; and `changes`, what passes from one state to the next, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Access, nature};
use super::brief::Teller;
use super::cause::said;
use super::differing::Differing;
use super::entry::Entry;
use super::kind::kind;
use super::middle::{Former, Middle};
use super::programs::{Groups, STOPPED, grouped, key, sort};
use super::seeds::{Policies, Seed, sown};
use super::seen::seen;
use super::selected::acted_on;
use super::settled::{Moved, Settled};
use super::side::{Pair, Said, Which};
use super::walk::{Cell, FEW_KEYS, Open, Quota, Shows, Told, Wanted, walk_where};
use super::words::Words;
use crate::cluster::{Endpoint, Platform};
use crate::flow::{Flow, Peer, Symbol, Transport};
use crate::verify::{Way as End, transports};

/// Which flows a step may have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touched<'a> {
    /// Those from and to these namespaces.
    Namespaces(BTreeMap<Symbol, Touching<'a>>),
    /// All of them.
    Everything,
}

/// What has changed in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touching<'a> {
    /// These objects alone, each with all contents that it ever has. One of the two states that are compared has it.
    These(Vec<Vec<&'a str>>),
    /// More than objects, or others.
    Any,
}

impl Touched<'_> {
    fn seeds(&self, platform: &Platform) -> Vec<Seed> {
        let Self::Namespaces(names) = self else { return vec![Seed::Everything] };
        let narrow = |objects: &Touching<'_>| match objects {
            Touching::These(policies) => acted_on(policies, platform),
            Touching::Any => None,
        };
        let of = |(name, objects): (&Symbol, &Touching<'_>)| narrow(objects).unwrap_or_else(|| vec![Seed::Namespace(Symbol::clone(name))]);
        names.iter().flat_map(of).collect()
    }
}

/// In which way a state is against both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// It lets through what neither lets through.
    Opens,
    /// It stops what both let through.
    Drops,
}

/// A flow by which a state is against both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) way: Way,
    /// As the state sees its ends.
    pub(crate) flow: Flow,
}

/// What is against both sides in a state, and the flows that could not be judged. Flows that no step since a state that was
/// judged has touched are as they were there.
pub(crate) fn breaches(middle: &Middle<'_>, touched: &Touched<'_>, moved: &Moved, differing: &Differing<'_>) -> (Vec<Breach>, Vec<Flow>) {
    found(middle, touched, moved, differing, FEW_KEYS)
}

/// The same, where all pods are looked at that are told apart by so many labels.
fn found(middle: &Middle<'_>, touched: &Touched<'_>, moved: &Moved, differing: &Differing<'_>, keys: usize) -> (Vec<Breach>, Vec<Flow>) {
    let base = Former { sides: middle.sides };
    let pair = Pair::new(&base, middle);
    let seeds = touched.seeds(differing.platform);
    let are_narrow = seeds.iter().all(Seed::is_of_few_pods);
    let seeds = sown(seeds, None::<Policies<'_>>, &pair);
    let settled = Settled::new(&pair, Some(middle.sides), moved, keys);
    let wanted = Wanted {
        differ: |before, after| before.plaintext != after.plaintext || before.mtls != after.mtls,
        // Few pods are looked at in less time than it takes to find out of which it is not needed.
        settled: &|source, destination| !are_narrow && middle.is_steady && settled.between(source, destination),
        // Callers that are alike before and now may not be so on the head.
        told: Told::Apart,
        quota: Quota::LARGE,
        shows: Shows::Against(middle, differing),
        keys,
        doubts: Open::Dropped,
        ..Wanted::any()
    };
    let found = walk_where(&pair, None, &seeds, &wanted);
    let mut breaches: Vec<Breach> = found.cells.iter().filter_map(|cell| breach(middle.sides, cell)).collect();
    breaches.sort_unstable();
    breaches.dedup();
    (breaches, found.incomplete)
}

/// The flow of a class by which the state is against both sides.
fn breach(sides: &Pair<'_>, cell: &Cell) -> Option<Breach> {
    let head = access(sides, cell);
    let flow = |transport: Transport, at: usize| flow_of(cell, transport, at);
    for transport in [Transport::Mtls, Transport::Plaintext] {
        let Some(now) = cell.after.over(transport) else { continue };
        for (at, said) in now.iter().enumerate() {
            let [old, new] = [&cell.before, &head].map(|access| says(access, transport, at));
            // Who may send it in plaintext may as well prove who it is.
            let instead =
                transport == Transport::Mtls && [&cell.before, &head].iter().any(|access| access.best().get(at) != Some(&Said::Denied));
            if !instead && *said != Said::Denied && old == Said::Denied && new == Said::Denied {
                return Some(Breach { way: Way::Opens, flow: flow(transport, at) });
            }
            if *said != Said::Allowed && old == Said::Allowed && new == Said::Allowed {
                return Some(Breach { way: Way::Drops, flow: flow(transport, at) });
            }
        }
    }
    // Sides may agree that a connection passes and differ about its transport: it has to pass by some.
    let (old, now, new) = (cell.before.best(), cell.after.best(), head.best());
    let lost = |at: &usize| [&old, &new].iter().all(|said| said.get(*at) == Some(&Said::Allowed)) && now.get(*at) != Some(&Said::Allowed);
    let transport = if cell.after.mtls.is_some() { Transport::Mtls } else { Transport::Plaintext };
    (0..now.len()).find(lost).map(|at| Breach { way: Way::Drops, flow: flow(transport, at) })
}

/// What a side says over a transport; where that cannot occur on it, what it says over the one that does.
fn says(access: &Access, transport: Transport, at: usize) -> Said {
    let over = access.over(transport).map_or_else(|| access.best().get(at).copied(), |said| said.get(at).copied());
    over.unwrap_or(Said::Denied)
}

fn flow_of(cell: &Cell, transport: Transport, at: usize) -> Flow {
    Flow {
        source: cell.caller.of(Which::Head).clone(),
        destination: cell.target.of(Which::Head).clone(),
        protocol: cell.protocol,
        port: cell.port,
        transport,
        request: cell.requests.get(at).cloned().flatten(),
    }
}

/// What the head lets pass of a class. Of pods that it cannot hold nothing is said.
fn access(sides: &Pair<'_>, cell: &Cell) -> Access {
    let peers = [&cell.caller, &cell.target].map(|peer| seen(sides, peer.of(Which::Head)).map(Endpoint::from));
    let [Some(from), Some(to)] = &peers else { return Access::default() };
    let judge = sides.side(Which::Head).judge();
    let end = |near, way| matches!(Endpoint::clone(near).peer, Peer::Pod(_)).then(|| judge.end(near, way));
    let (out, into) = (end(from, End::Egress), end(to, End::Ingress));
    let mut flow = Flow { source: from.peer.clone(), destination: to.peer.clone(), ..flow_of(cell, Transport::Plaintext, 0) };
    let mut access = Access::default();
    for transport in transports(End::Ingress, &flow) {
        flow.transport = *transport;
        let mut said = Vec::with_capacity(cell.requests.len());
        for request in cell.requests.iter() {
            flow.request.clone_from(request);
            let left = out.as_ref().map_or(Said::Allowed, |end| Said::from(&end.verdict(&flow, to)));
            let entered = into.as_ref().map_or(Said::Allowed, |end| Said::from(&end.verdict(&flow, from)));
            said.push(left.min(entered));
        }
        access.set(*transport, said);
    }
    access
}

/// What passes in one state and not in another, and the other way round.
#[derive(Default)]
pub(crate) struct Changed {
    /// In the order of risk.
    pub(crate) entries: Vec<Entry>,
    /// Flows for those that were not compared.
    pub(crate) untold: Vec<Flow>,
    /// Whether only pods of few labels were looked at somewhere: of those that have more, other rules may decide.
    pub(crate) is_sampled: bool,
}

/// What passes in one state and not in another. `moved` are the namespaces whose objects the one has and the other has not.
pub(crate) fn changes(
    [before, after]: [&Middle<'_>; 2],
    touched: &Touched<'_>,
    moved: &Moved,
    differing: &Differing<'_>,
    words: &Words,
) -> Changed {
    let pair = Pair::new(before, after);
    let seeds = touched.seeds(differing.platform);
    let are_narrow = seeds.iter().all(Seed::is_of_few_pods);
    let seeds = sown(seeds, None::<Policies<'_>>, &pair);
    let settled = Settled::new(&pair, None, moved, FEW_KEYS);
    let is_steady = before.turned == after.turned;
    let shows = Shows::Step(differing);
    let wanted = Wanted {
        shows,
        settled: &|source, destination| !are_narrow && is_steady && settled.between(source, destination),
        told: Told::Together,
        quota: Quota::LARGE,
        doubts: Open::Dropped,
        ..Wanted::any()
    };
    let found = walk_where(&pair, None, &seeds, &wanted);
    let mut groups = Groups::new();
    for cell in found.cells {
        let kind = kind(&pair, &cell, &nature(&cell.before, &cell.after, &cell.requests));
        groups.entry(key(&pair, words, &cell, BTreeSet::new())).or_default().push((cell, kind));
    }
    let mut entries: Vec<Entry> = Vec::new();
    // A step is told in lines; what else there is in a region is not.
    let teller = Teller { pair: &pair, words, few: &found.few, keys: FEW_KEYS, asked: 0, shows };
    for (key, cells) in groups.iter().filter(|(key, _)| !(key.before.starts_with(STOPPED) && key.after.starts_with(STOPPED))) {
        entries.extend(grouped(teller, key, cells, &|_| said(String::new())));
    }
    sort(&mut entries);
    Changed { entries, untold: found.incomplete, is_sampled: !found.few.is_empty() }
}

#[cfg(test)]
mod tests;
