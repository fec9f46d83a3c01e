//! Two programs, compared.
//!
//! Owns: the way from classes of flows to entries: equal changes with one cause are one entry.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Mark, Stops, nature};
use super::brief::{Brief, Extent, Teller, briefly};
use super::cause::{Causes, Item, shown};
use super::coupled::accepted;
use super::entry::{Entry, Example, Kind};
use super::gates::guarded;
use super::held;
use super::intents::Intents;
use super::inventoried::Inventoried;
use super::kind::kind;
use super::meshed::{undeclared, with_turns};
use super::open::opened;
use super::otherwise::otherwise;
use super::ranked::Ranked;
use super::remarks::remark;
use super::seeds::{Policies, Region, Seed, Sown, Why, seeds, sown};
use super::side::{Pair, Which};
use super::walk::{Cell, walk};
use super::words::{Told, Words, port_words};
use crate::flow::{Flow, LabelCube, Peers, PodCube, PodSet, PortSet, Request, Symbol, Transport};
use crate::gates::Gates;
use crate::ir::Policy;

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Accesses {
    /// The differences, the riskiest first.
    pub entries: Vec<Entry>,
    /// Flows whose pods or requests fall into too many classes to be compared.
    pub incomplete: Vec<Flow>,
    /// How many rules stand on one side only and change nothing.
    pub without_effect: usize,
}

/// By what classes of flows are one entry; none of it depends on which side is which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) items: BTreeSet<Item>,
}

/// How the words begin for flows that pass on neither side.
pub(super) const STOPPED: &str = "stopped by ";

/// Classes of flows by what is told of them, each with its own kind.
pub(super) type Groups = BTreeMap<Key, Vec<(Cell, Kind)>>;

/// A program, and what its gates were found to say.
pub type Program<'p> = (&'p Policy, &'p Gates);

/// Compares two programs, over every pod that could exist.
pub fn programs((base, base_gates): Program<'_>, (head, head_gates): Program<'_>) -> Accesses {
    let (given, gates) = (Policies { base, head }, [base_gates, head_gates]);
    let mut turns = undeclared(given);
    let [base, head] = with_turns(given, &turns.iter().filter(|turn| !turn.is_steady()).collect::<Vec<_>>());
    let policies = Policies { base: &base, head: &head };
    turns.retain(|turn| !turn.is_steady() || !turn.is_as_compared(policies));
    let names = turns.iter().map(|turn| Symbol::clone(turn.namespace())).collect();
    let (old, new) = (Intents::beside((&base, base_gates), &head, &names), Intents::beside((&head, head_gates), &base, &names));
    let pair = Pair::new(&old, &new);
    let words = words(policies);
    let sown = all_sown(policies, &pair, [&old, &new]);
    let found = walk(&pair, Some(policies), &sown).with_news(otherwise(given, gates, &turns, &sown));
    let (open, mut entries) = opened(policies, &pair, &words);
    let causes = Causes::new(policies, &sown);
    let mut groups = Groups::new();
    let mut blamed = BTreeSet::new();
    for cell in found.cells {
        let nature = nature(&cell.before, &cell.after, &cell.requests);
        let items = causes.of(&cell, &nature, &sown);
        blamed.extend(items.iter().cloned());
        let kind = kind(&pair, &cell, &nature);
        let (gained, lost) = (nature.has(Mark::Gained), nature.has(Mark::Lost));
        if open.explains(&cell, gained && !lost, lost && !gained) {
            held::add(&mut entries, &cell, kind);
        } else {
            groups.entry(key(&pair, &words, &cell, items)).or_default().push((cell, kind));
        }
    }
    held::say(&mut entries);
    entries.extend(guarded(policies, &pair, &words));
    let teller = Teller::new(&pair, &words, &found.few);
    for (key, cells) in groups {
        entries.extend(grouped(teller, &key, &cells, &|item| causes.told(item)));
    }
    let known = Inventoried::new(policies);
    for entry in &mut entries {
        remark(&known, &pair, entry);
    }
    sort(&mut entries);
    let changed = |sown: &Sown| causes.item_of(&sown.seed).filter(|item| !causes.rules_of(item).any(|rule| open.meets(rule)));
    let rules = sown.iter().filter_map(changed).collect::<BTreeSet<_>>();
    // Of a rule whose flows were not all compared nobody knows that it has no effect.
    let without_effect = if found.incomplete.is_empty() { rules.difference(&blamed).count() } else { 0 };
    Accesses { entries, incomplete: found.incomplete, without_effect }
}

/// Where the two may differ.
fn all_sown(policies: Policies<'_>, pair: &Pair<'_>, [old, new]: [&Intents<'_>; 2]) -> Vec<Sown> {
    let seeds = seeds(policies).into_iter().chain(accepted(old, new)).chain(moved(policies, pair));
    sown(seeds.collect(), Some(policies), pair)
}

/// Flows from and to pods that run as another account than they did: a rule may say what it said, and mean others by it.
fn moved(policies: Policies<'_>, pair: &Pair<'_>) -> Vec<Seed> {
    let of = |(pods, account): (&PodCube, &Symbol)| {
        let declared = policies.head.workloads.iter().find(|workload| workload.cube().overlaps(pods));
        let name = declared.map_or_else(|| format!("pods `{pods}`"), |own| format!("workload `{}@{}`", own.name, own.namespace));
        let location = declared.map(|own| (Which::Head, own.location));
        let why = Why { text: format!("{name} runs as another account, `{account}`"), location };
        let near = Peers::from(PodSet::from(pods.clone()));
        let region = |source: Peers, destination: Peers| Region { source, destination, ports: PortSet::all(), why: why.clone() };
        let both = [region(near.clone(), Peers::all()), region(Peers::all(), near)];
        both.map(|region| Seed::Region(Which::Head, Box::new(region)))
    };
    pair.moved.lots().flat_map(of).collect()
}

/// The order in which entries are told.
pub(super) fn sort(entries: &mut [Entry]) {
    entries.sort_by(|left, right| {
        let key = |entry: &Entry| {
            (entry.kind, entry.whom.clone(), entry.who.clone(), entry.on.clone(), entry.before.clone(), entry.after.clone())
        };
        key(left).cmp(&key(right))
    });
}

/// What passes of a class of flows on each side.
pub(super) fn said(pair: &Pair<'_>, words: &Words, cell: &Cell) -> [String; 2] {
    let known = |which: Which| {
        move || {
            let mut sets = pair.side(which).requests(cell.caller.of(which), cell.target.of(which), (cell.protocol, cell.port));
            sets.extend(cell.meant.iter().cloned());
            sets
        }
    };
    let sides = [(Which::Base, &cell.before), (Which::Head, &cell.after)];
    let refused = |which: Which| move |request: &Request| pair.side(which).refuses_token(cell.target.of(which), request);
    let told = |both: &BTreeSet<String>| {
        sides.map(|(which, access)| words.access(access, &cell.requests, &Told { known: &known(which), refused: &refused(which) }, both))
    };
    if cell.requests.len() <= MANY {
        return told(&BTreeSet::new());
    }
    let [old, new] =
        sides.map(|(which, access)| words.sets(access, &cell.requests, &Told { known: &known(which), refused: &refused(which) }));
    let both: BTreeSet<String> = if old.len().max(new.len()) > MANY { &old & &new } else { BTreeSet::new() };
    told(&both)
}

/// More sets of requests than these are told of each side only as far as they are not those of the other.
const MANY: usize = 4;

/// What makes a class of flows one with others.
pub(super) fn key(pair: &Pair<'_>, words: &Words, cell: &Cell, items: BTreeSet<Item>) -> Key {
    let nature = nature(&cell.before, &cell.after, &cell.requests);
    let [mut before, mut after] = said(pair, words, cell);
    let in_plaintext = |words: &str| words.replacen("allowed", "allowed, in plaintext too", 1);
    if nature.has(Mark::PlaintextToo) && !after.contains("plaintext") {
        after = in_plaintext(&after);
    }
    if nature.has(Mark::MtlsOnly) && !before.contains("plaintext") {
        before = in_plaintext(&before);
    }
    if nature.has(Mark::MtlsToo) && !after.contains("mTLS") {
        after = after.replacen("allowed", "allowed, mTLS too", 1);
    }
    if before == after && (nature.has(Mark::OneGate) || nature.has(Mark::BothGates)) {
        let alone = |stops: Stops| if stops.network { "the NetworkPolicy alone" } else { "the mesh alone" };
        let words = |stops: Option<Stops>| format!("{STOPPED}{}", stops.map_or("both gates", alone));
        (before, after) = (words(cell.after.one_gate(&cell.before)), words(cell.before.one_gate(&cell.after)));
    }
    if before == after {
        match (nature.has(Mark::Gained), nature.has(Mark::Lost)) {
            (true, false) => after.push_str(", and more requests"),
            (false, true) => before.push_str(", and more requests"),
            _ => after.push_str(", but other requests"),
        }
    }
    Key { before, after, items }
}

/// The entries of one group of classes.
pub(super) fn grouped(teller: Teller<'_>, key: &Key, cells: &[(Cell, Kind)], told: &dyn Fn(&Item) -> super::entry::Cause) -> Vec<Entry> {
    let words = teller.words;
    let ranked = Ranked::new(cells);
    let entry = |Brief { region, extent, rest }: Brief| {
        // Equal changes are one line; it is as risky as the riskiest part of it.
        let (riskiest, kind) = ranked.first_in(&region).or(cells.first())?;
        let example = example(riskiest);
        let mut remarks = left_open(ranked.open_in(&region));
        let kinds = ranked.kinds_in(&region);
        let lost = if kind.is_loss() { None } else { ranked.lost_in(&region) };
        remarks.extend(held::besides(riskiest, *kind, &kinds));
        let besides = besides(key, extent, rest.as_ref());
        remarks.extend(besides.clone());
        Some(Entry {
            kind: *kind,
            kinds,
            who: words.peers(&region.source),
            whom: words.peers(&region.destination),
            on: port_words(&region.ports),
            source: region.source,
            destination: region.destination,
            ports: region.ports,
            before: key.before.clone(),
            after: key.after.clone(),
            causes: key.items.iter().map(told).collect(),
            remarks,
            partly: besides.filter(|_| extent == Extent::Part),
            example,
            lost,
            callers: Vec::new(),
            called: Vec::new(),
            accepted: None,
        })
    };
    briefly(teller, key, cells).into_iter().filter_map(entry).collect()
}

/// What is said of a region of which not all has changed.
fn besides(key: &Key, extent: Extent, rest: Option<&[LabelCube; 2]>) -> Option<String> {
    const DENIED: &str = "denied";
    let words = match (extent, key.before.as_str(), key.after.as_str()) {
        (Extent::Whole, ..) => return None,
        (Extent::Part, DENIED, _) => "part of it passed before, by something else",
        (Extent::Part, _, DENIED) => "part of it still passes, by something else",
        (Extent::Part, ..) => "part of it is as it was",
        (Extent::Mixed, ..) => "not all of it: of pods with more labels other rules may decide",
    };
    let ends = rest.into_iter().flatten().zip(["from", "to"]).filter(|(labels, _)| !labels.is_all());
    let ends: Vec<String> = ends.map(|(labels, way)| format!("{way} pods with {labels}")).collect();
    if ends.is_empty() {
        return Some(words.to_owned());
    }
    Some(format!("{words}, as {}", ends.join(" ")))
}

/// Why it is left open what passes.
pub(super) fn left_open(reasons: BTreeSet<&String>) -> Vec<String> {
    reasons.into_iter().map(|reason| format!("left open: {reason}")).collect()
}

/// A flow of a class that shows the difference.
pub(super) fn example(cell: &Cell) -> Example {
    let nature = nature(&cell.before, &cell.after, &cell.requests);
    if let Some((here, there)) = shown(cell, &nature, Which::Head) {
        return Example { base: there, head: here };
    }
    if let Some((here, there)) = shown(cell, &nature, Which::Base) {
        return Example { base: here, head: there };
    }
    let differs = |transport: Transport| {
        let (old, new) = (cell.before.over(transport)?, cell.after.over(transport)?);
        old.iter().zip(new).position(|(old, new)| old != new).map(|at| (transport, at))
    };
    // Which gates stop a flow is told where nothing else differs.
    let (transport, at) = differs(Transport::Mtls)
        .or_else(|| differs(Transport::Plaintext))
        .or_else(|| gate_differs(cell))
        .unwrap_or((Transport::Plaintext, 0));
    let flow = |which: Which| Flow {
        source: cell.caller.of(which).clone(),
        destination: cell.target.of(which).clone(),
        protocol: cell.protocol,
        port: cell.port,
        transport,
        request: cell.requests.get(at).cloned().flatten(),
    };
    Example { base: flow(Which::Base), head: flow(Which::Head) }
}

/// The transport and class of requests that one side stops at both gates and the other at one.
fn gate_differs(cell: &Cell) -> Option<(Transport, usize)> {
    let at = cell.before.one_gate_at(&cell.after).or_else(|| cell.after.one_gate_at(&cell.before))?;
    let many = cell.requests.len().max(1);
    // The walk asks for mTLS first, where there is mTLS.
    let over_mtls = cell.after.mtls.is_some() && at < many;
    Some((if over_mtls { Transport::Mtls } else { Transport::Plaintext }, at % many))
}

/// The same of two programs.
pub(crate) fn words_of(base: &Policy, head: &Policy) -> Words {
    words(Policies { base, head })
}

/// Names that either program gives to addresses and issuers; the head's win.
fn words(policies: Policies<'_>) -> Words {
    let mut words = Words::default();
    for policy in [policies.base, policies.head] {
        words.networks.extend(policy.networks.iter().map(|(name, network)| (name.clone(), network.clone())));
        words.issuers.extend(policy.issuers.values().map(|issuer| (issuer.url.clone(), issuer.name.clone())));
        for issuer in policy.issuers.values() {
            words.audiences.entry(issuer.url.clone()).or_default().insert(issuer.audiences.iter().cloned().collect());
        }
        let cluster = &policy.config.cluster;
        for (name, addresses) in [("nodes", &cluster.nodes), ("apiserver", &cluster.api_server), ("metadata", &cluster.metadata)] {
            if !addresses.is_empty() {
                words.networks.insert(name.into(), addresses.clone());
            }
        }
    }
    words
}
