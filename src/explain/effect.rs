//! What a change does besides what it is made for.
//!
//! Owns: `Effect`, `compare`. Two settings are asked about the same connections; only pods whose policies or facts differ between
//! them need be asked about. It must not make a change.

mod attempt;
mod strangers;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

pub(super) use attempt::sampled;

use super::call::Call;
use super::place;
use super::setting::Setting;
use super::world::{self, Known};
use crate::cluster::{End, Gate, Names, Way};
use attempt::{Attempt, Tries};
use strangers::{Coverage, Partition};

use crate::flow::{Cut, DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, Symbol, Transport, Verdict};
use crate::verify::{Judge, Manifests};

/// What a change does besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Who else gains or loses something, in words, the nearest first; empty for nobody.
    pub others: Vec<String>,
    /// How many workloads were compared, and classes of pods that nobody described.
    pub compared: usize,
    /// Whether not all of them could be.
    pub partial: bool,
    /// What is found about the changed intents that was not found before, by code.
    pub findings: Vec<&'static str>,
}

/// Which connections count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Those that pass only afterwards.
    Gained,
    /// Those that pass only before.
    Lost,
}

impl Change {
    /// Whether it is what happens between two answers.
    fn is(self, (before, after): (bool, bool)) -> bool {
        match self {
            Self::Gained => after && !before,
            Self::Lost => before && !after,
        }
    }
}

/// One who is compared, as each setting knows it.
struct Pair {
    title: String,
    before: Known,
    after: Known,
    /// Whether nobody described it: it stands for a class of pods.
    is_class: bool,
    /// Whether it is like somebody else to whoever calls it.
    is_caller_alone: bool,
}

/// What passes in one of two settings alone, the connection itself left out.
pub(super) fn compare(before: &Setting, after: &Setting, call: &Call, change: Change) -> Effect {
    let mut pairs = pairs(before, after, call);
    let moved = Moved::of(before, after);
    let names = names((before, after), &pairs);
    let coverage = complete(&mut pairs, (before, after), call, &moved, &names);
    let mut effect = Effect { compared: pairs.len(), partial: coverage == Coverage::Part || names.are_cut_short(), ..Effect::default() };
    let touched: Vec<bool> = pairs.iter().map(|pair| moved.changes(pair)).collect();
    let ends: Vec<Ends<'_>> = pairs.iter().map(|pair| Ends::of(before, after, pair, &names)).collect();
    let mut found: BTreeMap<Nearness, BTreeSet<String>> = BTreeMap::new();
    let mut tries = Tries::new(call, before);
    for (from, source) in pairs.iter().enumerate() {
        for (to, destination) in pairs.iter().enumerate() {
            let is_touched = [from, to].into_iter().any(|at| touched.get(at).copied().unwrap_or_default());
            let (Some(out), Some(into)) = (ends.get(from), ends.get(to)) else { continue };
            if from == to || !is_touched || destination.is_caller_alone {
                continue;
            }
            for attempt in tries.between((source, out), (to, destination, into)) {
                if differs(out, into, (source, destination), &attempt, change) {
                    for (nearness, text) in words::words(call, (source, destination), &attempt) {
                        found.entry(nearness).or_default().insert(text);
                    }
                }
            }
        }
    }
    effect.partial |= tries.are_cut_short();
    over_waypoints((before, after), call, &pairs, change, &mut found);
    found.remove(&Nearness::Itself);
    effect.findings = after.codes.difference(&before.codes).map(|code| code.name()).collect();
    effect.others = summarised(found);
    effect
}

/// Adds pods that nobody described, until somebody is compared of every class that the changed policies may treat otherwise than others:
/// those that the changed policies tell apart, then those that the ends of all of these do.
fn complete(pairs: &mut Vec<Pair>, settings: (&Setting, &Setting), call: &Call, moved: &Moved<'_>, names: &Names) -> Coverage {
    let (before, after) = settings;
    let mut near = moved.selectors((before, after), names);
    // Who is alike to the two that are asked about is somebody else all the same.
    near.extend([&call.source, &call.destination].into_iter().filter_map(Known::named));
    let wholes: Vec<PodCube> = moved.namespaces().iter().map(|name| PodCube::in_namespace(name)).collect();
    let first = Partition::new(settings, near.clone()).complete(pairs, wholes);
    let of = |pair: &Pair| {
        let both = [(before, &pair.before), (after, &pair.after)];
        let ends = both.into_iter().flat_map(|(setting, known)| {
            let cuts = |way| setting.cluster.end(&known.endpoint, way).cuts(names);
            [Way::Egress, Way::Ingress].into_iter().flat_map(cuts).collect::<Vec<_>>()
        });
        ends.flat_map(|cut| cut.peers.pods.cubes().to_vec()).collect::<Vec<_>>()
    };
    let mut tests = near;
    tests.extend(pairs.iter().filter(|pair| moved.changes(pair)).flat_map(of));
    let partition = Partition::new(settings, tests);
    partition.name(pairs);
    let second = partition.complete(pairs, vec![PodCube::all()]);
    if first == Coverage::All { second } else { first }
}

/// Other callers of what is called over a waypoint: the ends by themselves do not see that way.
fn over_waypoints(
    (before, after): (&Setting, &Setting),
    call: &Call,
    pairs: &[Pair],
    change: Change,
    found: &mut BTreeMap<Nearness, BTreeSet<String>>,
) {
    let arrivals = |setting: &Setting| {
        let decision = call.in_setting(setting).decide(setting);
        decision.steps.iter().filter(|step| step.gate == Gate::Ingress).count()
    };
    if arrivals(before).max(arrivals(after)) < 2 {
        return;
    }
    let passes = |setting: &Setting, source: &Known| {
        let asked = Call { source: source.clone(), ..call.in_setting(setting) };
        asked.decide(setting).verdict == Verdict::Allowed
    };
    for pair in pairs.iter().filter(|pair| ![&call.source, &call.destination].into_iter().any(|end| end.endpoint == pair.before.endpoint)) {
        if change.is((passes(before, &pair.before), passes(after, &pair.after))) {
            let nearness = if pair.is_class { Nearness::Class } else { Nearness::Caller };
            found.entry(nearness).or_default().insert(pair.title.clone());
        }
    }
}

/// How near a connection is to the one that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// It is that one.
    Itself,
    /// The same ends and port, and any request at all.
    Anything,
    /// The same ends and port, another request or transport.
    Otherwise,
    /// Somebody else to the same port.
    Caller,
    /// The same caller to something else.
    Target,
    /// Another class of pods that nobody described.
    Class,
    /// Anything else.
    Elsewhere,
}

/// The ends of one who is compared.
struct Ends<'s> {
    before: [End<'s>; 2],
    after: [End<'s>; 2],
    /// By what either end tells connections apart, before and after: as the caller, and as who is called.
    cuts: [Vec<Cut>; 2],
}

impl<'s> Ends<'s> {
    fn of(before: &'s Setting, after: &'s Setting, pair: &'s Pair, names: &Names) -> Self {
        let both =
            |setting: &'s Setting, known: &'s Known| [Way::Egress, Way::Ingress].map(|way| setting.cluster.end(&known.endpoint, way));
        let (before, after) = (both(before, &pair.before), both(after, &pair.after));
        let cuts =
            [0, 1].map(|way| [&before, &after].into_iter().filter_map(|ends| ends.get(way)).flat_map(|end| end.cuts(names)).collect());
        Self { before, after, cuts }
    }
}

/// Whether an attempt passes in the one setting and not in the other. What passed in plaintext gains nothing by mTLS.
fn differs(out: &Ends<'_>, into: &Ends<'_>, pairs: (&Pair, &Pair), attempt: &Attempt, change: Change) -> bool {
    let before = |attempt: &Attempt| passes((&out.before, &into.before), (&pairs.0.before, &pairs.1.before), attempt);
    let after = passes((&out.after, &into.after), (&pairs.0.after, &pairs.1.after), attempt);
    if !change.is((before(attempt), after)) {
        return false;
    }
    let in_plaintext = Attempt { transport: Transport::Plaintext, ..attempt.clone() };
    change == Change::Lost || attempt.transport == Transport::Plaintext || !before(&in_plaintext)
}

/// Whether both ends let an attempt pass.
fn passes(ends: (&[End<'_>; 2], &[End<'_>; 2]), (source, destination): (&Known, &Known), attempt: &Attempt) -> bool {
    let ([egress, _], [_, ingress]) = ends;
    let ask = |end: &End<'_>, far: &Known| {
        end.decide(&far.endpoint, attempt.protocol, attempt.port, attempt.transport, attempt.request.as_ref()) == Verdict::Allowed
    };
    ask(egress, destination) && ask(ingress, source)
}

/// Everybody who is compared: the two ends, the known, and classes of pods that nobody described.
fn pairs(before: &Setting, after: &Setting, call: &Call) -> Vec<Pair> {
    let again = |known: &Known| after.world.again(known, &after.policy, &after.cluster);
    let mut pairs: Vec<Pair> = Vec::new();
    let ends = [(&call.source, &call.written.0.title), (&call.destination, &call.written.1.title)];
    let known = before.world.pods.iter().map(|known| (known, &known.text));
    for (known, title) in ends.into_iter().chain(known) {
        if !pairs.iter().any(|pair| pair.before.endpoint == known.endpoint) {
            pairs.push(Pair { title: title.clone(), before: known.clone(), after: again(known), is_class: false, is_caller_alone: false });
        }
    }
    let sources = classes(&call.source, before, after).into_iter().chain(own_classes(&call.source));
    let known = sources.chain(classes(&call.destination, before, after));
    for (title, class) in outsider(call).into_iter().chain(known) {
        if !pairs.iter().any(|pair| pair.title == title) {
            pairs.push(Pair { title, before: class.clone(), after: class, is_class: true, is_caller_alone: false });
        }
    }
    pairs
}

/// Pods that share only a namespace, an account or a place in the mesh with a known one.
fn classes(known: &Known, before: &Setting, after: &Setting) -> Vec<(String, Known)> {
    let mut found = Vec::new();
    let Peer::Pod(pod) = &known.endpoint.peer else { return found };
    let (namespace, account) = (&pod.namespace, &pod.account);
    let labels = Labels::new;
    found.push((format!("other pods of {namespace}"), class(known, Pod { labels: labels(), account: "other".into(), ..pod.clone() })));
    if pod.plane != DataPlane::None {
        found.push((format!("other pods that run as {namespace}/{account}"), class(known, Pod { labels: labels(), ..pod.clone() })));
    }
    let name = elsewhere(before, after);
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), name.clone())]);
    found.push(("pods of other namespaces".to_owned(), class(known, Pod { namespace: name, namespace_labels, ..pod.clone() })));
    found
}

/// An address that is none of those that were asked about; none if all were.
fn outsider(call: &Call) -> Option<(String, Known)> {
    let asked = call.source.range.union(&call.destination.range);
    let usual = [IpAddr::from([198, 51, 100, 77]), IpAddr::from([9, 9, 9, 77])];
    let address = usual.into_iter().find(|address| !asked.contains(*address)).or_else(|| asked.complement().first())?;
    Some(("addresses outside of the cluster".to_owned(), world::address(address)))
}

/// Pods with the labels of a known caller that are not that caller.
fn own_classes(known: &Known) -> Vec<(String, Known)> {
    let Peer::Pod(pod) = &known.endpoint.peer else { return Vec::new() };
    if pod.plane == DataPlane::None {
        // Nobody sees its account.
        return Vec::new();
    }
    let account = class(known, Pod { account: "other".into(), ..pod.clone() });
    let outside = class(known, Pod { plane: DataPlane::None, ..pod.clone() });
    vec![(format!("{} under another account", known.text), account), (format!("{} outside of the mesh", known.text), outside)]
}

/// A pod that nobody described.
fn class(known: &Known, pod: Pod) -> Known {
    let mut class = Known { name: None, ..known.clone() };
    class.endpoint.peer = Peer::Pod(pod);
    class
}

/// A namespace that nobody speaks of.
fn elsewhere(before: &Setting, after: &Setting) -> Symbol {
    let is_free = |name: &Symbol| {
        [before, after]
            .into_iter()
            .all(|setting| setting.policy.namespace(name).is_none() && setting.cluster.namespace_labels(name).is_none())
    };
    let names = (0..100).map(|number| Symbol::from(if number == 0 { "elsewhere".to_owned() } else { format!("elsewhere-{number}") }));
    names.into_iter().find(is_free).unwrap_or_else(|| "elsewhere".into())
}

/// The names that patterns are cut by.
fn names((before, after): (&Setting, &Setting), pairs: &[Pair]) -> Names {
    let mut names = Names::default();
    for known in pairs.iter().flat_map(|pair| [&pair.before, &pair.after]) {
        if let Peer::Pod(pod) = &known.endpoint.peer {
            names.namespaces.insert(pod.namespace.clone());
            names.accounts.insert(pod.account.clone());
        }
    }
    names.add_told_apart(&[&before.cluster, &after.cluster]);
    names
}

/// The policies that stand in one of two settings alone.
struct Moved<'s> {
    policies: Vec<&'s Value>,
    root: &'s str,
}

impl<'s> Moved<'s> {
    fn of(before: &'s Setting, after: &'s Setting) -> Self {
        let texts = |setting: &Setting| setting.objects.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        let (old, new) = (texts(before), texts(after));
        let gone = before.objects.iter().filter(|object| !new.contains(&object.to_string()));
        let come = after.objects.iter().filter(|object| !old.contains(&object.to_string()));
        let policies = gone.chain(come).filter(|object| !place::is_fact(object)).collect();
        Self { policies, root: &before.policy.config.mesh.root_namespace }
    }

    /// Whether somebody is another one afterwards, or one of them may act on him.
    fn changes(&self, pair: &Pair) -> bool {
        pair.before.endpoint != pair.after.endpoint || self.touches(pair)
    }

    /// The namespaces that they stand in.
    fn namespaces(&self) -> BTreeSet<Symbol> {
        self.policies.iter().filter_map(|policy| place::namespace(policy)).collect()
    }

    /// By what the pods of these namespaces are told apart, before and after.
    fn selectors(&self, (before, after): (&Setting, &Setting), names: &Names) -> BTreeSet<PodCube> {
        let judges = [before, after].map(|setting| Manifests::new(&setting.cluster, names.clone()));
        let ways = |judge: &Manifests<'_>, name: &Symbol| [Way::Egress, Way::Ingress].map(|way| judge.subjects(name, way)).concat();
        let namespaces = self.namespaces();
        let of = |judge| namespaces.iter().flat_map(move |name| ways(judge, name)).collect::<Vec<_>>();
        judges.iter().flat_map(of).collect()
    }

    /// Whether one of them may act on somebody.
    fn touches(&self, pair: &Pair) -> bool {
        let Peer::Pod(pod) = &pair.before.endpoint.peer else { return false };
        self.policies.iter().any(|policy| place::selects(policy, &pod.namespace, &pod.labels, self.root))
    }
}

/// As many are named.
const MOST_NAMED: usize = 4;

/// The nearest by name; the rest is counted.
fn summarised(found: BTreeMap<Nearness, BTreeSet<String>>) -> Vec<String> {
    let all: Vec<String> = found.into_values().flatten().collect();
    let mut others: Vec<String> = all.iter().take(MOST_NAMED).cloned().collect();
    if all.len() > MOST_NAMED {
        let more = all.len() - MOST_NAMED;
        others.push(format!("{more} more {}", if more == 1 { "connection" } else { "connections" }));
    }
    others
}
