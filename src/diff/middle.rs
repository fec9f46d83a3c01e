//! A state between two sides: some objects are as they were, some as they are to be.
//!
//! Owns: `breaches`, which holds such a state against both sides at once, whole flows over every pod that could exist; and
//! `changes`, what passes from one state to the next, in words. What neither side lets through must not pass, and what both let
//! through must. In which order states come is `plan`'s to say.

use std::collections::BTreeSet;

use super::access::{Access, nature};
use super::cause::said;
use super::entry::Entry;
use super::kind::kind;
use super::programs::{Groups, STOPPED, grouped, key, sort};
use super::seeds::{Policies, Seed, sown};
use super::side::{Known, Pair, Said, Side, Which};
use super::walk::{Cell, walk, walk_where};
use super::words::Words;
use crate::classes::fresh_word;
use crate::cluster::Endpoint;
use crate::flow::{
    Cut, DataPlane, Flow, LabelCube, Labels, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, RequestSamples, RequestSet,
    Symbol, Transport, Values, Verdict,
};
use crate::verify::{Judge, JudgedEnd, Way as End, transports};

/// Objects in a world that somebody else knows: what is written for a program, among the pods of that program.
pub(crate) struct Standing<'a> {
    judge: Box<dyn Judge + 'a>,
    world: &'a dyn Side,
}

impl<'a> Standing<'a> {
    pub(crate) fn new(judge: Box<dyn Judge + 'a>, world: &'a dyn Side) -> Self {
        Self { judge, world }
    }
}

impl Side for Standing<'_> {
    fn judge(&self) -> &dyn Judge {
        &*self.judge
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn namespace_labels(&self, name: &str) -> Known {
        self.world.namespace_labels(name)
    }

    fn declares(&self, name: &str) -> bool {
        self.world.declares(name)
    }

    fn namespaces(&self) -> BTreeSet<Symbol> {
        self.world.namespaces()
    }

    fn requests(&self, source: &Peer, destination: &Peer) -> Vec<RequestSet> {
        self.world.requests(source, destination)
    }

    fn open(&self, _namespace: &str, _way: End) -> PodSet {
        PodSet::none()
    }
}

/// Which flows a step may have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Those from and to these namespaces.
    Namespaces(BTreeSet<Symbol>),
    /// All of them.
    Everything,
}

impl Touched {
    fn seeds(&self) -> Vec<Seed> {
        match self {
            Self::Namespaces(names) => names.iter().cloned().map(Seed::Namespace).collect(),
            Self::Everything => vec![Seed::Everything],
        }
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

/// The namespaces that are as the head has them, of those that are not so on both sides. Labels change at once, pods are replaced
/// one by one: of a connection the one end may be new and the other old.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Turned {
    pub(crate) labels: BTreeSet<Symbol>,
    pub(crate) callers: BTreeSet<Symbol>,
    pub(crate) called: BTreeSet<Symbol>,
}

/// A state between two sides.
pub(crate) struct Middle<'a> {
    judge: Box<dyn Judge + 'a>,
    sides: &'a Pair<'a>,
    turned: &'a Turned,
}

impl<'a> Middle<'a> {
    /// A state whose objects `judge` judges; `apart` are pods that a world tells apart from others, which the judge need not.
    pub(crate) fn new(judge: Box<dyn Judge + 'a>, sides: &'a Pair<'a>, turned: &'a Turned, apart: &'a [PodCube]) -> Self {
        let turning: BTreeSet<Symbol> = turning(sides, apart).difference(&turned.labels).cloned().collect();
        Self { judge: Box::new(Refined { judge, sides, apart, turning }), sides, turned }
    }
}

/// What was, among the pods of which both sides can hold one.
struct Former<'a> {
    sides: &'a Pair<'a>,
}

impl Side for Former<'_> {
    fn judge(&self) -> &dyn Judge {
        self.sides.side(Which::Base).judge()
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        agreed(self.sides, Which::Base, cube)
    }

    fn namespace_labels(&self, name: &str) -> Known {
        let [own, other] = [Which::Base, Which::Head].map(|which| self.sides.side(which).namespace_labels(name));
        own.besides(&other)
    }

    fn declares(&self, name: &str) -> bool {
        self.sides.side(Which::Base).declares(name)
    }

    fn namespaces(&self) -> BTreeSet<Symbol> {
        self.sides.names.iter().cloned().collect()
    }

    fn requests(&self, source: &Peer, destination: &Peer) -> Vec<RequestSet> {
        self.sides.side(Which::Base).requests(source, destination)
    }

    fn open(&self, _namespace: &str, _way: End) -> PodSet {
        PodSet::none()
    }
}

/// A pod of a cube within one namespace as a side has it: one that the other side can hold too, if there is such a one. Of a
/// namespace of which one side says nothing, what the other says holds for both. A pod that runs as another account on the one
/// side than on the other is the same pod, though its account may lie in the cube on the one side alone.
fn agreed(sides: &Pair<'_>, which: Which, cube: &PodCube) -> Option<Pod> {
    let [name] = cube.namespace_names()? else { return None };
    let says_nothing = !sides.side(which).declares(name) && sides.side(which.other()).declares(name);
    let (own, other) = if says_nothing { (which.other(), which) } else { (which, which.other()) };
    let holds = |side: Which, account: Values| {
        if account.is_empty() { None } else { sides.side(side).example(&PodCube { account, ..cube.clone() }) }
    };
    let unheard = || Values::one(fresh_word(cube.account.words().iter().map(|word| &**word)));
    let knows = |side: Which| holds(side, unheard()).is_none();
    let with = |side: Which, pod: &Pod| holds(side, cube.account.intersect(&Values::one(Symbol::clone(&pod.account))));
    match (holds(own, cube.account.clone()), holds(other, cube.account.clone())) {
        (Some(pod), Some(_)) if with(other, &pod).is_some() => Some(pod),
        (Some(pod), Some(theirs)) => Some(with(own, &theirs).unwrap_or(pod)),
        // Who knows an account rules out others for who does not.
        (Some(pod), None) => holds(other, Values::any()).filter(|_| knows(own)).map(|_| pod),
        (None, Some(_)) => holds(own, Values::any()).filter(|_| knows(other)),
        (None, None) => None,
    }
}

impl Side for Middle<'_> {
    fn judge(&self) -> &dyn Judge {
        &*self.judge
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.example_at(cube, End::Ingress)
    }

    /// Only pods that both sides can hold are judged.
    fn example_at(&self, cube: &PodCube, way: End) -> Option<Pod> {
        let [name] = cube.namespace_names()? else { return None };
        let turned = match way {
            End::Ingress => &self.turned.called,
            End::Egress => &self.turned.callers,
        };
        agreed(self.sides, if turned.contains(name) { Which::Head } else { Which::Base }, cube)
    }

    fn namespace_labels(&self, name: &str) -> Known {
        let which = if self.turned.labels.contains(name) { Which::Head } else { Which::Base };
        let [own, other] = [which, which.other()].map(|which| self.sides.side(which).namespace_labels(name));
        own.besides(&other)
    }

    fn declares(&self, name: &str) -> bool {
        [Which::Base, Which::Head].iter().any(|which| self.sides.side(*which).declares(name))
    }

    fn namespaces(&self) -> BTreeSet<Symbol> {
        self.sides.names.iter().cloned().collect()
    }

    fn requests(&self, source: &Peer, destination: &Peer) -> Vec<RequestSet> {
        let of = |which: Which| self.sides.side(which).requests(source, destination);
        let mut sets = of(Which::Base);
        sets.extend(of(Which::Head));
        sets.sort_unstable();
        sets.dedup();
        sets
    }

    fn open(&self, _namespace: &str, _way: End) -> PodSet {
        PodSet::none()
    }
}

/// A judge with the cuts of the head besides its own, so that the head says one thing of each class too.
struct Refined<'a> {
    judge: Box<dyn Judge + 'a>,
    sides: &'a Pair<'a>,
    apart: &'a [PodCube],
    /// Namespaces of which the head knows other labels.
    turning: BTreeSet<Symbol>,
}

impl std::fmt::Debug for Refined<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Refined").field("judge", &self.judge).finish_non_exhaustive()
    }
}

impl Refined<'_> {
    fn head(&self) -> &dyn Judge {
        self.sides.side(Which::Head).judge()
    }

    /// Cuts along pods that are in the mesh in another way than the rest of their namespace.
    fn worlds(&self) -> impl Iterator<Item = Cut> {
        self.apart.iter().map(|cube| Cut {
            peers: Peers::from(PodSet::from(cube.clone())),
            ports: PortSet::none(),
            requests: RequestSamples::default(),
        })
    }

    /// A cut of the head where the labels of a namespace are not yet the head's.
    fn turning(&self, cut: &Cut) -> Option<Cut> {
        let of = |name: &Symbol| {
            cut.peers.pods.cubes().iter().filter_map(|cube| self.sides.narrowed(Which::Head, cube, name)).collect::<Vec<_>>()
        };
        let pods: PodSet = self.turning.iter().flat_map(of).collect();
        (!pods.is_empty()).then(|| Cut { peers: Peers::from(pods), ..cut.clone() })
    }
}

impl Judge for Refined<'_> {
    fn subjects(&self, namespace: &str, way: End) -> Vec<PodCube> {
        let mut cubes = self.judge.subjects(namespace, way);
        cubes.extend(self.head().subjects(namespace, way));
        cubes.extend(self.apart.iter().filter(|cube| cube.names().contains(Some(namespace))).cloned());
        cubes
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: End) -> Box<dyn JudgedEnd + 'j> {
        let mut more: Vec<Cut> = match seen(self.sides, &pod.peer) {
            Some(peer) => self.head().end(&Endpoint::from(peer), way).cuts(),
            None => Vec::new(),
        };
        let turning: Vec<Cut> = more.iter().filter_map(|cut| self.turning(cut)).collect();
        more.extend(turning);
        more.extend(self.worlds());
        Box::new(RefinedEnd { end: self.judge.end(pod, way), more })
    }
}

struct RefinedEnd<'j> {
    end: Box<dyn JudgedEnd + 'j>,
    more: Vec<Cut>,
}

impl JudgedEnd for RefinedEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.end.cuts();
        cuts.extend(self.more.iter().cloned());
        cuts
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        self.end.verdict(flow, far)
    }
}

/// A peer as the head sees it.
fn seen(sides: &Pair<'_>, peer: &Peer) -> Option<Peer> {
    let pod = match peer {
        Peer::Pod(pod) => pod,
        Peer::Address(_) => return Some(peer.clone()),
    };
    let exactly = |labels: &Labels| {
        labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value))))
    };
    let known = [Which::Base, Which::Head].map(|which| sides.side(which).namespace_labels(&pod.namespace).labels);
    let is_open = |key: &Symbol| **key == *NAMESPACE_NAME || !known.iter().any(|labels| labels.contains_key(key));
    let namespace: Labels = pod
        .namespace_labels
        .iter()
        .filter(|(key, _)| is_open(key))
        .map(|(key, value)| (Symbol::clone(key), Symbol::clone(value)))
        .collect();
    let same = PodCube { namespace: exactly(&namespace), labels: exactly(&pod.labels), account: Values::one(Symbol::clone(&pod.account)) };
    // A pod may have another account there.
    let other = PodCube { account: Values::any(), ..same.clone() };
    // Of a namespace of which the head says nothing, what the base says holds.
    let of = |cube: &PodCube| {
        let pod = agreed(sides, Which::Head, cube)?;
        Some(sides.placed(Which::Head, pod))
    };
    let head = of(&same).filter(|head| head.account == pod.account);
    head.or_else(|| of(&other)).map(Peer::Pod)
}

/// Whether the pods of a cube take part in the mesh in another way on the one side than on the other, or run as another account.
pub(crate) fn moves(sides: &Pair<'_>, cube: &PodCube) -> bool {
    let of = |which: Which| agreed(sides, which, cube).map(|pod| (pod.plane, pod.account));
    matches!((of(Which::Base), of(Which::Head)), (Some(old), Some(new)) if old != new)
}

/// The namespaces whose labels, or the place of whose pods in the mesh, are not the same on both sides.
pub(crate) fn turning(sides: &Pair<'_>, apart: &[PodCube]) -> BTreeSet<Symbol> {
    let relabelled = |name: &Symbol| {
        let [old, new] = [Which::Base, Which::Head].map(|which| sides.side(which).namespace_labels(name));
        let lacks = |one: &Known, other: &Known| {
            one.labels.iter().any(|(key, value)| other.labels.get(key).map_or(other.complete && one.complete, |there| there != value))
        };
        lacks(&old, &new) || lacks(&new, &old)
    };
    let turns = |name: &&Symbol| {
        let own = apart.iter().filter(|cube| cube.namespace_names() == Some(std::slice::from_ref(*name)));
        relabelled(name) || moves(sides, &PodCube::in_namespace(name)) || own.into_iter().any(|cube| moves(sides, cube))
    };
    sides.all_names().filter(turns).cloned().collect()
}

/// How pods of a namespace of which nothing more is said take part in the mesh, on each side.
pub(crate) fn planes(sides: &Pair<'_>, name: &Symbol) -> Option<(DataPlane, DataPlane)> {
    let of = |which: Which| agreed(sides, which, &PodCube::in_namespace(name)).map(|pod| pod.plane);
    Some((of(Which::Base)?, of(Which::Head)?))
}

/// The pods of a namespace that run as another account on the head, as `app=web@shop as web-sa`.
pub(crate) fn other_accounts(sides: &Pair<'_>, apart: &[PodCube], name: &Symbol) -> Vec<String> {
    let of = |cube: &PodCube| {
        let [old, new] = [Which::Base, Which::Head].map(|which| agreed(sides, which, cube).map(|pod| pod.account));
        (old != new)
            .then(|| PodCube { account: Values::any(), ..cube.clone() })
            .zip(new)
            .map(|(pods, account)| format!("{pods} as {account}"))
    };
    apart.iter().filter(|cube| cube.namespace_names() == Some(std::slice::from_ref(name))).filter_map(of).collect()
}

/// What is against both sides in a state, and the flows that could not be judged. Flows that no step since a state that was
/// judged has touched are as they were there.
pub(crate) fn breaches(middle: &Middle<'_>, touched: &Touched) -> (Vec<Breach>, Vec<Flow>) {
    let base = Former { sides: middle.sides };
    let pair = Pair::new(&base, middle);
    let seeds = sown(touched.seeds(), None::<Policies<'_>>, &pair);
    let found = walk_where(&pair, None, &seeds, |before, after| before.plaintext != after.plaintext || before.mtls != after.mtls);
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
        for request in &cell.requests {
            flow.request.clone_from(request);
            let left = out.as_ref().map_or(Said::Allowed, |end| Said::from(&end.verdict(&flow, to)));
            let entered = into.as_ref().map_or(Said::Allowed, |end| Said::from(&end.verdict(&flow, from)));
            said.push(left.min(entered));
        }
        access.set(*transport, said);
    }
    access
}

/// What passes in one state and not in another, and the other way round, in the order of risk.
pub(crate) fn changes(before: &dyn Side, after: &dyn Side, touched: &Touched, words: &Words) -> Vec<Entry> {
    let pair = Pair::new(before, after);
    let seeds = sown(touched.seeds(), None::<Policies<'_>>, &pair);
    let found = walk(&pair, None, &seeds);
    let mut groups = Groups::new();
    for cell in found.cells {
        let kind = kind(&pair, &cell, &nature(&cell.before, &cell.after, &cell.requests));
        groups.entry(key(&pair, words, &cell, BTreeSet::new())).or_default().push((cell, kind));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for (key, cells) in groups.iter().filter(|(key, _)| !(key.before.starts_with(STOPPED) && key.after.starts_with(STOPPED))) {
        entries.extend(grouped(&pair, words, key, cells, &|_| said(String::new())));
    }
    sort(&mut entries);
    entries
}
