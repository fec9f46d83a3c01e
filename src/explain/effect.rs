//! What a change does besides what it is made for.
//!
//! Owns: `Effect`, `compare`. Two settings are asked about the same connections; only pods whose policies or facts differ between
//! them need be asked about. It must not make a change.

mod addresses;
mod attempt;
mod outsiders;
mod pairs;
mod strangers;
mod told;
mod words;

use std::collections::BTreeSet;

use serde_json::Value;

pub(super) use attempt::sampled;

use super::call::Call;
use super::place;
use super::setting::Setting;
use super::world::Known;
use crate::cluster::{End, Gate, Names, Way};
use attempt::{Attempt, Tries};
use pairs::{Pair, name_accounts, pairs};
use strangers::{Coverage, Partition};
use told::{Nearness, Told};

use crate::flow::{AddressSet, Cut, DataPlane, Peer, PodCube, Symbol, Transport, Verdict};
use crate::verify::{Judge, Manifests};

/// What a change does besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Who else gains or loses something, in words, the nearest first; empty for nobody.
    pub others: Vec<String>,
    /// Who loses something by a change that is to let a connection through, or gains something by one that is to stop it.
    pub against: Vec<String>,
    /// For whom it is undecided afterwards, and was not before.
    pub undecided: Vec<String>,
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
    /// Those that are stopped only afterwards.
    Lost,
    /// Those of which nobody can say afterwards whether they pass.
    Undecided,
}

impl Change {
    /// What happens between two answers.
    const fn between(before: &Verdict, after: &Verdict) -> Option<Self> {
        match (before, after) {
            (Verdict::Denied | Verdict::Unspecified(_), Verdict::Allowed) => Some(Self::Gained),
            (Verdict::Allowed | Verdict::Unspecified(_), Verdict::Denied) => Some(Self::Lost),
            (Verdict::Allowed | Verdict::Denied, Verdict::Unspecified(_)) => Some(Self::Undecided),
            (Verdict::Allowed, Verdict::Allowed)
            | (Verdict::Denied, Verdict::Denied)
            | (Verdict::Unspecified(_), Verdict::Unspecified(_)) => None,
        }
    }
}

/// What is answered otherwise in one of two settings than in the other, the connection itself left out.
pub(super) fn compare(before: &Setting, after: &Setting, call: &Call, change: Change) -> Effect {
    let mut pairs = pairs(before, after, call);
    let moved = Moved::of(before, after);
    let names = names((before, after), &pairs);
    let coverage = complete(&mut pairs, (before, after), call, &moved, &names);
    name_accounts(&mut pairs);
    outsiders::add(&mut pairs, (before, after));
    let touched: Vec<bool> = pairs.iter().map(|pair| moved.changes(pair)).collect();
    let ends: Vec<Ends<'_>> = pairs.iter().map(|pair| Ends::of((before, after), pair, &names)).collect();
    let mut comparison = Comparison::new((before, after), call, &names);
    comparison.with_addresses(&pairs, &ends, &touched);
    comparison.among_pods(&pairs, &ends, &touched);
    comparison.over_waypoints(&pairs);
    let partial = coverage == Coverage::Part || names.are_cut_short() || comparison.is_cut_short();
    let Comparison { gained, lost, undecided, addresses, .. } = comparison;
    let [gained, lost, undecided] = [gained, lost, undecided].map(|told| told.summarised(call));
    let (others, against) = if change == Change::Gained { (gained, lost) } else { (lost, gained) };
    let findings = after.codes.difference(&before.codes).map(|code| code.name()).collect();
    Effect { others, against, undecided, compared: pairs.len() + addresses.len(), partial, findings }
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

/// Two settings, asked about the same connections.
struct Comparison<'s> {
    settings: (&'s Setting, &'s Setting),
    call: &'s Call,
    names: &'s Names,
    tries: Tries<'s>,
    gained: Told,
    lost: Told,
    undecided: Told,
    /// The addresses that were tried.
    addresses: BTreeSet<AddressSet>,
    are_addresses_left: bool,
}

impl<'s> Comparison<'s> {
    fn new(settings: (&'s Setting, &'s Setting), call: &'s Call, names: &'s Names) -> Self {
        let tries = Tries::new(call, settings.0);
        let [gained, lost, undecided] = [(); 3].map(|()| Told::default());
        Self { settings, call, names, tries, gained, lost, undecided, addresses: BTreeSet::new(), are_addresses_left: false }
    }

    /// Whether there was more to try.
    const fn is_cut_short(&self) -> bool {
        self.are_addresses_left || self.tries.are_cut_short()
    }

    /// Connections between two pods of which one at least is touched by the change.
    fn among_pods(&mut self, pairs: &[Pair], ends: &[Ends<'_>], touched: &[bool]) {
        let all = || pairs.iter().zip(ends).zip(touched).enumerate().filter(|(_, ((pair, _), _))| pair.before.pod().is_some());
        for (from, ((source, out), is_source_touched)) in all() {
            for (to, ((destination, into), is_destination_touched)) in all() {
                if from != to && (*is_source_touched || *is_destination_touched) && !destination.is_caller_alone {
                    self.between((source, out), (to, destination, into));
                }
            }
        }
    }

    /// Connections of touched pods with addresses: one of every class that the pod's own ends tell apart.
    fn with_addresses(&mut self, pairs: &[Pair], ends: &[Ends<'_>], touched: &[bool]) {
        let all = pairs.iter().zip(ends).zip(touched).enumerate();
        for (at, ((pod, own), _)) in all.filter(|(_, ((pair, _), is_touched))| **is_touched && pair.before.pod().is_some()) {
            for (way, asked) in [(Way::Egress, &self.call.destination), (Way::Ingress, &self.call.source)] {
                if way == Way::Ingress && pod.is_caller_alone {
                    continue;
                }
                for (number, far) in self.parts(own.cuts(way), asked).into_iter().enumerate() {
                    let ends = Ends::of(self.settings, &far, self.names);
                    match way {
                        Way::Egress => self.between((pod, own), (pairs.len() + number, &far, &ends)),
                        Way::Ingress => self.between((&far, &ends), (at, pod, own)),
                    }
                }
            }
        }
    }

    /// One address of every class that some cuts tell apart, each as one who is compared; who is asked about stands for himself.
    fn parts(&mut self, cuts: &[Cut], asked: &Known) -> Vec<Pair> {
        let (parts, coverage) = addresses::parts(cuts.iter().map(|cut| &cut.peers.addresses), &asked.range);
        self.are_addresses_left |= coverage == Coverage::Part;
        let pairs = parts.into_iter().filter_map(|part| addresses::pair(&part, asked));
        let pairs: Vec<Pair> = pairs.collect();
        self.addresses.extend(pairs.iter().map(|pair| pair.before.range.clone()));
        pairs
    }

    /// Connections between two, of whom one at least is a pod.
    fn between(&mut self, (source, out): (&Pair, &Ends<'_>), (to, destination, into): (usize, &Pair, &Ends<'_>)) {
        let range = &source.before.range.union(&destination.before.range);
        for attempt in self.tries.between((source, out), (to, destination, into)) {
            let Some(change) = changed(out, into, (source, destination), &attempt) else { continue };
            for (nearness, text) in words::words(self.call, (source, destination), &attempt) {
                self.told(change).add(nearness, &text, range);
            }
        }
    }

    /// Other callers of what is called over a waypoint: the ends by themselves do not see that way.
    fn over_waypoints(&mut self, pairs: &[Pair]) {
        let (before, after) = self.settings;
        let arrivals = |setting: &Setting| {
            let decision = self.call.in_setting(setting).decide(setting);
            decision.steps.iter().filter(|step| step.gate == Gate::Ingress).count()
        };
        if arrivals(before).max(arrivals(after)) < 2 {
            return;
        }
        let asked = [&self.call.source, &self.call.destination];
        for pair in pairs.iter().filter(|pair| !asked.into_iter().any(|end| end.endpoint == pair.before.endpoint)) {
            let nearness = if pair.is_class { Nearness::Class } else { Nearness::Caller };
            if let Some(change) = Change::between(&self.asked(before, &pair.before), &self.asked(after, &pair.after)) {
                self.told(change).add(nearness, &pair.title, &pair.before.range);
            }
        }
        self.addresses_over_waypoints();
    }

    /// Addresses that call over a waypoint. Whose ends tell them apart on that way is not known, so all that is written is told apart.
    fn addresses_over_waypoints(&mut self) {
        let (before, after) = self.settings;
        let written: Vec<AddressSet> = [before, after].into_iter().flat_map(|setting| addresses::written(&setting.objects)).collect();
        let (parts, coverage) = addresses::parts(written.iter(), &self.call.source.range);
        self.are_addresses_left |= coverage == Coverage::Part;
        for pair in parts.into_iter().filter_map(|part| addresses::pair(&part, &self.call.source)) {
            let change = Change::between(&self.asked(before, &pair.before), &self.asked(after, &pair.after));
            let is_asked = pair.before.endpoint == self.call.source.endpoint;
            if let Some(change) = change.filter(|_| !is_asked) {
                self.told(change).add(Nearness::Caller, &pair.title, &pair.before.range);
            }
        }
    }

    /// The answer to somebody else's call that goes the same way.
    fn asked(&self, setting: &Setting, source: &Known) -> Verdict {
        let mut asked = Call { source: source.clone(), ..self.call.in_setting(setting) };
        if source.pod().is_none() {
            asked.transport = Some(Transport::Plaintext);
        }
        asked.decide(setting).verdict
    }

    /// Where a change is told.
    const fn told(&mut self, change: Change) -> &mut Told {
        match change {
            Change::Gained => &mut self.gained,
            Change::Lost => &mut self.lost,
            Change::Undecided => &mut self.undecided,
        }
    }
}

/// The ends of one who is compared.
struct Ends<'s> {
    before: [End<'s>; 2],
    after: [End<'s>; 2],
    /// By what either end tells connections apart, before and after: as the caller, and as who is called.
    cuts: [Vec<Cut>; 2],
}

impl<'s> Ends<'s> {
    fn of((before, after): (&'s Setting, &'s Setting), pair: &'s Pair, names: &Names) -> Self {
        let both =
            |setting: &'s Setting, known: &'s Known| [Way::Egress, Way::Ingress].map(|way| setting.cluster.end(&known.endpoint, way));
        let (before, after) = (both(before, &pair.before), both(after, &pair.after));
        let cuts =
            [0, 1].map(|way| [&before, &after].into_iter().filter_map(|ends| ends.get(way)).flat_map(|end| end.cuts(names)).collect());
        Self { before, after, cuts }
    }

    /// By what the end on this way tells connections apart.
    fn cuts(&self, way: Way) -> &[Cut] {
        let [leaving, entering] = &self.cuts;
        match way {
            Way::Egress => leaving,
            Way::Ingress => entering,
        }
    }
}

/// What becomes of an attempt between the two settings. Who could speak plaintext alone, and passed so, gains nothing by mTLS; to others it is
/// what their proxies speak by themselves.
fn changed(out: &Ends<'_>, into: &Ends<'_>, pairs: (&Pair, &Pair), attempt: &Attempt) -> Option<Change> {
    let before = |attempt: &Attempt| decided((&out.before, &into.before), (&pairs.0.before, &pairs.1.before), attempt);
    let after = decided((&out.after, &into.after), (&pairs.0.after, &pairs.1.after), attempt);
    let change = Change::between(&before(attempt), &after)?;
    let is_meshed = |pair: &Pair| pair.before.pod().is_some_and(|pod| pod.plane != DataPlane::None);
    let joins = attempt.transport == Transport::Mtls && !(is_meshed(pairs.0) && is_meshed(pairs.1));
    let passed = || before(&Attempt { transport: Transport::Plaintext, ..attempt.clone() }) == Verdict::Allowed;
    (change == Change::Lost || !joins || !passed()).then_some(change)
}

/// The answer of both ends to an attempt.
fn decided(ends: (&[End<'_>; 2], &[End<'_>; 2]), (source, destination): (&Known, &Known), attempt: &Attempt) -> Verdict {
    let ([egress, _], [_, ingress]) = ends;
    let ask =
        |end: &End<'_>, far: &Known| end.decide(&far.endpoint, attempt.protocol, attempt.port, attempt.transport, attempt.request.as_ref());
    match ask(egress, destination) {
        Verdict::Denied => Verdict::Denied,
        Verdict::Allowed => ask(ingress, source),
        open @ Verdict::Unspecified(_) => {
            if ask(ingress, source) == Verdict::Denied {
                Verdict::Denied
            } else {
                open
            }
        }
    }
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
