//! Pods that both gates guard on one side and one gate on the other.
//!
//! Owns: the entries about them. Access is compared elsewhere: where a program compiles, what passes is the same whether one
//! gate says it or two, but one mistake is then enough.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::{placed, said};
use super::entry::{Cause, Entry, Example, Kind};
use super::facts::plane_word;
use super::seeds::Policies;
use super::side::{Pair, Which};
use super::words::Words;
use crate::flow::{DataPlane, Flow, LabelCube, Peer, Peers, PodCube, PodSet, PortSet, Protocol, Symbol, Transport};
use crate::ir::{Ownership, Policy};

/// The words for pods that the mesh guards too, and for others.
const GUARDS: [&str; 2] = ["guarded by NetworkPolicy and AuthorizationPolicy", "guarded by NetworkPolicy alone"];

/// Whether an entry is about how many gates guard pods, and not about what passes.
pub(super) fn is_about_guards(entry: &Entry) -> bool {
    GUARDS.contains(&entry.before.as_str())
}

/// An entry for all pods that lose a gate, and one for all that win one.
pub(super) fn guarded(policies: Policies<'_>, pair: &Pair<'_>, words: &Words) -> Vec<Entry> {
    let mut groups: BTreeMap<Which, (PodSet, Vec<Cause>)> = BTreeMap::new();
    for name in &pair.names {
        let meshed = |which: Which| meshed(policies.of(which), name);
        let (Some(base), Some(head)) = (meshed(Which::Base), meshed(Which::Head)) else { continue };
        for (which, pods) in [(Which::Base, base.subtract(&head)), (Which::Head, head.subtract(&base))] {
            if pods.is_empty() {
                continue;
            }
            let (all, causes) = groups.entry(which).or_default();
            all.extend(pods.cubes().iter().cloned());
            causes.push(cause(policies, name));
        }
    }
    groups.into_iter().filter_map(|(which, (pods, causes))| entry(pair, words, which, pods.simplify(), causes)).collect()
}

/// The pods of a managed namespace that the mesh guards; none if it is not managed.
fn meshed(policy: &Policy, name: &Symbol) -> Option<PodSet> {
    let namespace = policy.namespace(name).filter(|namespace| namespace.ownership == Ownership::Managed)?;
    let whole = PodSet::from(PodCube::in_namespace(name));
    let has = |plane: Option<DataPlane>| plane.is_some_and(|plane| plane != DataPlane::None);
    let start = if has(namespace.plane) { whole } else { PodSet::none() };
    let stated = policy.workloads_in(name).iter().filter(|workload| workload.plane.is_some());
    Some(stated.fold(start, |meshed, workload| {
        let pods = PodSet::from(workload.cube());
        if has(workload.plane) { meshed.union(&pods) } else { meshed.subtract(&pods) }
    }))
}

fn cause(policies: Policies<'_>, name: &Symbol) -> Cause {
    let plane = |which: Which| policies.of(which).namespace(name).and_then(|namespace| namespace.plane);
    let (old, new) = (plane(Which::Base), plane(Which::Head));
    let text = if old == new {
        format!("namespace `{name}`: other workloads are unmeshed")
    } else {
        format!("namespace `{name}`: mesh {} instead of {}", plane_word(new), plane_word(old))
    };
    let location = policies.head.namespace(name).and_then(|namespace| Some((Which::Head, namespace.location?)));
    Cause { namespace: Some(Symbol::clone(name)), ..placed(said(text), location) }
}

fn entry(pair: &Pair<'_>, words: &Words, which: Which, pods: PodSet, causes: Vec<Cause>) -> Option<Entry> {
    let example = example(pair, &pods)?;
    let [both, one] = GUARDS.map(str::to_owned);
    let (kind, before, after) = match which {
        Which::Base => (Kind::OneGate, both, one),
        Which::Head => (Kind::Tightened, one, both),
    };
    let (source, destination) = (Peers::all(), Peers::from(pods));
    Some(Entry {
        kind,
        kinds: BTreeSet::from([kind]),
        who: words.peers(&source),
        whom: words.peers(&destination),
        on: String::new(),
        source,
        destination,
        ports: PortSet::full(Protocol::Tcp),
        before,
        after,
        causes,
        remarks: Vec::new(),
        partly: None,
        example,
        lost: None,
        callers: Vec::new(),
        called: Vec::new(),
        accepted: None,
    })
}

/// A connection to one of the pods, from a namespace that nobody knows: no rule speaks of it, both gates have to stop it.
fn example(pair: &Pair<'_>, pods: &PodSet) -> Option<Example> {
    let (_, guarded) = pods.cubes().iter().find_map(|cube| pair.example(cube))?;
    let stranger = PodCube { labels: LabelCube::all(), ..PodCube::in_namespace(&pair.fresh) };
    let (_, source) = pair.example(&stranger)?;
    let flow = |which: Which| Flow {
        source: Peer::clone(source.of(which)),
        destination: Peer::clone(guarded.of(which)),
        protocol: Protocol::Tcp,
        port: 1,
        transport: Transport::Plaintext,
        request: None,
    };
    Some(Example { base: flow(Which::Base), head: flow(Which::Head) })
}
