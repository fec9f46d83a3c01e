//! A program as a judge.
//!
//! Owns: which rules may have a say at an end, and the cuts of rules. What they say is `meaning`'s, whose answers may be held
//! only against rules that were left out because they cannot match.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Judge, JudgedEnd, Way};
use super::labels::label_tests;
use crate::cluster::Endpoint;
use crate::config::Consent;
use crate::flow::{
    AddressSet, Cut, Flow, LabelCube, LabelTests, PathPattern, Peer, Peers, PodCube, PodSet, PortSet, RequestCube, RequestSamples,
    RequestSet, Symbol, Token, TokenTest, Values, Verdict,
};
use crate::ir::{Baseline, End, Policy, Rule, Target};
use crate::meaning::{Said, is_refused_token, passes_end_by};
use crate::syntax::ast::{Action, Direction};

/// A program, with its rules found by namespace.
#[derive(Debug)]
pub struct Program<'p> {
    policy: &'p Policy,
    sources: ByNamespace,
    targets: ByNamespace,
    baselines: BTreeMap<&'p str, Vec<Baseline>>,
}

/// Rules by the namespaces in which one of their ends may lie.
#[derive(Debug, Default)]
struct ByNamespace {
    named: BTreeMap<Symbol, Vec<usize>>,
    anywhere: Vec<usize>,
}

impl ByNamespace {
    /// Files a rule under the namespaces of its leaves.
    fn add(&mut self, rule: usize, leaves: &[Leaf<'_>]) {
        let mut names: BTreeSet<&Symbol> = BTreeSet::new();
        for cube in leaves.iter().filter_map(|leaf| leaf.pods()).flat_map(PodSet::cubes) {
            match cube.namespace_names() {
                Some(list) => names.extend(list),
                None => return self.anywhere.push(rule),
            }
        }
        for name in names {
            self.named.entry(Symbol::clone(name)).or_default().push(rule);
        }
    }

    /// The rules that may have this end in a namespace, in order.
    fn of(&self, namespace: &str) -> Vec<usize> {
        let named = self.named.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let mut rules: Vec<usize> = named.iter().chain(&self.anywhere).copied().collect();
        rules.sort_unstable();
        rules
    }
}

impl<'p> Program<'p> {
    /// A program that is to be asked many questions.
    pub fn new(policy: &'p Policy) -> Self {
        let (mut sources, mut targets) = (ByNamespace::default(), ByNamespace::default());
        for (at, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.action != Action::Audit) {
            sources.add(at, &leaves(&rule.source));
            targets.add(at, &rule.targets.iter().flat_map(|target| leaves(&target.end)).collect::<Vec<_>>());
        }
        let baselines = policy
            .namespaces
            .values()
            .filter(|namespace| namespace.is_managed())
            .map(|space| (&*space.name, policy.baseline(space)))
            .collect();
        Self { policy, sources, targets, baselines }
    }

    /// The program.
    pub const fn policy(&self) -> &'p Policy {
        self.policy
    }

    fn rules_at(&self, namespace: &str, way: Way) -> impl Iterator<Item = &'p Rule> {
        let list = match way {
            Way::Ingress => self.targets.of(namespace),
            Way::Egress => self.sources.of(namespace),
        };
        list.into_iter().filter_map(|at| self.policy.rules.get(at))
    }

    /// One end of one pod.
    pub(super) fn end_of<'j>(&'j self, pod: &'j Endpoint, way: Way) -> ProgramEnd<'j> {
        let namespace = match &pod.peer {
            Peer::Pod(pod) => &*pod.namespace,
            Peer::Address(_) => "",
        };
        let concerns = |rule: &&Rule| match way {
            Way::Ingress => rule.targets.iter().any(|target| target.end.matches(&pod.peer)),
            Way::Egress => rule.source.matches(&pod.peer),
        };
        let rules = self.rules_at(namespace, way).filter(concerns).collect();
        ProgramEnd { program: self, rules, peer: &pod.peer, baseline: self.baseline(namespace), way }
    }

    fn baseline(&self, namespace: &str) -> &[Baseline] {
        self.baselines.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Judge for Program<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let whole = PodCube::in_namespace(namespace);
        let rules = self.rules_at(namespace, way).flat_map(|rule| match way {
            Way::Ingress => rule.targets.iter().flat_map(|target| leaves(&target.end)).collect::<Vec<_>>(),
            Way::Egress => leaves(&rule.source),
        });
        let mut cubes: Vec<PodCube> = rules
            .filter_map(|leaf| leaf.pods().map(|pods| pods.cubes().to_vec()))
            .flatten()
            .filter_map(|cube| cube.intersect(&whole))
            .collect();
        let labelled = |labels: &LabelCube| PodCube { labels: labels.clone(), ..whole.clone() };
        cubes.extend(self.baseline(namespace).iter().map(|entry| labelled(&entry.subject)));
        let closes = self.policy.closes.iter().filter(|close| *close.namespace == *namespace);
        cubes.extend(closes.flat_map(|close| close.pods.cubes().iter().filter_map(|cube| cube.intersect(&whole))));
        cubes.extend(
            self.policy
                .workloads_in(namespace)
                .iter()
                .filter(|workload| workload.plane.is_some())
                .map(|workload| labelled(&workload.labels)),
        );
        cubes
    }

    fn label_tests(&self) -> Option<LabelTests> {
        let baselines = self.baselines.iter().flat_map(|(namespace, entries)| entries.iter().map(|entry| (*namespace, entry)));
        Some(label_tests(self.policy, baselines))
    }

    /// A rule opens both ends of its flows, unless it has a direction or both namespaces have to consent; an entry of a baseline opens one.
    fn tests_to_pass(&self) -> usize {
        let opens_both = self.policy.config.tenancy.consent == Consent::Either
            && self.policy.rules.iter().all(|rule| rule.direction.is_none())
            && self.baselines.values().flatten().all(|entry| entry.subject.is_all());
        if opens_both { 1 } else { 2 }
    }

    /// What nothing opens is stopped; besides that a `deny` stops, and a `close` takes away what a stance opens.
    fn stops_by_labels(&self) -> bool {
        !self.policy.closes.is_empty() || self.policy.rules.iter().any(|rule| rule.action == Action::Deny)
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        Box::new(self.end_of(pod, way))
    }
}

/// One end of one pod, as a program has it.
pub(super) struct ProgramEnd<'j> {
    program: &'j Program<'j>,
    rules: Vec<&'j Rule>,
    peer: &'j Peer,
    /// That of the namespace.
    baseline: &'j [Baseline],
    way: Way,
}

impl ProgramEnd<'_> {
    fn said(&self) -> Said<'_> {
        Said { policy: self.program.policy, rules: &self.rules, baseline: self.baseline }
    }

    /// Whether it stops a flow for its token, whatever opens it.
    pub(super) fn refuses_token(&self, flow: &Flow) -> bool {
        self.way == Way::Ingress && is_refused_token(self.said(), flow)
    }
}

impl JudgedEnd for ProgramEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for rule in &self.rules {
            match self.way {
                Way::Ingress => ingress_cuts(self.program.policy, rule, self.peer, &mut cuts),
                Way::Egress => egress_cuts(rule, &mut cuts),
            }
        }
        let direction = direction(self.way);
        let entries = self.baseline.iter().filter(|entry| entry.direction == direction);
        cuts.extend(entries.map(|entry| Cut {
            peers: entry.peers.clone(),
            ports: entry.ports.clone(),
            requests: RequestSamples::default(),
        }));
        cuts
    }

    /// Where no rule has these ends on this port, only a stance or the baseline lets a flow pass, and they look at no request.
    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        let bare = || Flow { request: None, ..flow.clone() };
        !self.rules.iter().any(|rule| rule.joins(flow)) && self.verdict(&bare(), far) == Verdict::Denied
    }

    fn verdict(&self, flow: &Flow, _far: &Endpoint) -> Verdict {
        if passes_end_by(self.said(), flow, direction(self.way)) { Verdict::Allowed } else { Verdict::Denied }
    }
}

/// The direction of an end, as the language has it.
pub(super) const fn direction(way: Way) -> Direction {
    match way {
        Way::Ingress => Direction::In,
        Way::Egress => Direction::Out,
    }
}

/// A leaf of an end's tree: whether an end matches a peer is a function of which leaves hold it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaf<'a> {
    Pods(&'a PodSet),
    Addresses(&'a AddressSet),
}

impl<'a> Leaf<'a> {
    const fn pods(self) -> Option<&'a PodSet> {
        match self {
            Self::Pods(pods) => Some(pods),
            Self::Addresses(_) => None,
        }
    }

    pub(super) fn peers(self) -> Peers {
        match self {
            Self::Pods(pods) => Peers { pods: pods.clone(), addresses: AddressSet::none() },
            Self::Addresses(addresses) => Peers { pods: PodSet::none(), addresses: addresses.clone() },
        }
    }
}

/// All leaves of an end.
pub(super) fn leaves(end: &End) -> Vec<Leaf<'_>> {
    match end {
        End::Pods(pods, _) => vec![Leaf::Pods(pods)],
        End::Addresses(addresses) => vec![Leaf::Addresses(addresses)],
        End::Or(ends) => ends.iter().flat_map(leaves).collect(),
        End::But(end, without) => leaves(end).into_iter().chain(leaves(without)).collect(),
        End::Within(end, pods) => leaves(end).into_iter().chain([Leaf::Pods(pods)]).collect(),
    }
}

/// The callers of a rule, on the ports of those of its targets that name this pod.
fn ingress_cuts(policy: &Policy, rule: &Rule, pod: &Peer, cuts: &mut Vec<Cut>) {
    let named = rule.targets.iter().filter(|target| target.end.matches(pod));
    let ports = named.fold(PortSet::none(), |sum, target| sum.union(&target.ports));
    let requests = samples(&rule.requests);
    let cut = |leaf: Leaf<'_>| Cut { peers: leaf.peers(), ports: ports.clone(), requests: requests.clone() };
    cuts.extend(leaves(&rule.source).into_iter().map(cut));
    if let Some(issuer) = rule.jwt.as_ref().and_then(|(name, _)| policy.issuers.get(name)) {
        // A token that does not verify is refused whoever the caller is and whatever the port.
        let claims = [("aud".into(), issuer.audiences.iter().cloned().collect())].into();
        let token = Token::Valid { issuer: Symbol::clone(&issuer.url), claims };
        let refused = RequestSamples { looks_inside: true, tokens: [token].into(), ..RequestSamples::default() };
        cuts.push(Cut { peers: Peers::all(), ports: PortSet::all(), requests: refused });
    }
}

/// The targets of a rule, each on its ports; the source judges no request.
fn egress_cuts(rule: &Rule, cuts: &mut Vec<Cut>) {
    let of = |target: &Target| {
        let cut = |leaf: Leaf<'_>| Cut { peers: leaf.peers(), ports: target.ports.clone(), requests: RequestSamples::default() };
        leaves(&target.end).into_iter().map(cut).collect::<Vec<_>>()
    };
    cuts.extend(rule.targets.iter().flat_map(of));
}

/// Everything that a set of requests compares a request with.
pub(super) fn samples(requests: &RequestSet) -> RequestSamples {
    let mut samples = RequestSamples::default();
    if requests.is_all() {
        return samples;
    }
    samples.looks_inside = true;
    requests.cubes.iter().for_each(|cube| add_cube(&mut samples, cube));
    // Of a list within which all paths are, another path is in no cube.
    let lists: Option<Vec<&Vec<PathPattern>>> = requests.cubes.iter().map(|cube| cube.paths.within().first()).collect();
    samples.bound = lists.map(|lists| lists.into_iter().flatten().cloned().collect());
    samples.bound_methods = named(requests, |cube| &cube.methods);
    samples.bound_hosts = named(requests, |cube| &cube.hosts);
    samples
}

/// The words of which each cube asks for one.
fn named(requests: &RequestSet, of: impl Fn(&RequestCube) -> &Values) -> Option<BTreeSet<Symbol>> {
    let lists: Option<Vec<&[Symbol]>> = requests.cubes.iter().map(|cube| of(cube).finite()).collect();
    lists.map(|lists| lists.into_iter().flatten().cloned().collect())
}

fn add_cube(samples: &mut RequestSamples, cube: &RequestCube) {
    samples.methods.extend(cube.methods.words().iter().cloned());
    samples.hosts.extend(cube.hosts.words().iter().cloned());
    samples.paths.extend(cube.paths.within().iter().flatten().chain(cube.paths.excluded()).cloned());
    for (name, values) in cube.headers.iter() {
        samples.headers.entry(Symbol::clone(name)).or_default().extend(values.words().iter().cloned());
        samples.settling_headers.extend(values.allows_absent().then(|| Symbol::clone(name)));
    }
    let TokenTest::Valid { issuer, claims } = &cube.token else { return };
    let token = |claims: BTreeMap<Symbol, BTreeSet<Symbol>>| Token::Valid { issuer: Symbol::clone(issuer), claims };
    samples.tokens.insert(token(BTreeMap::new()));
    samples.tokens.extend(claims.iter().map(|(name, values)| token([(Symbol::clone(name), values.clone())].into())));
    // Each test asks for one value, and none for a claim to be missing.
    for (name, _) in claims {
        let needed = claims.iter().filter(|(other, _)| other == name).count();
        let most = samples.few_claims.entry(Symbol::clone(name)).or_default();
        *most = needed.max(*most);
    }
}
