//! The two sides of a comparison, and the pods that both can hold.
//!
//! Owns: `Side`, `Pair`. A namespace's labels may differ between the sides; so every test of them is settled namespace by
//! namespace, each side with its own labels, and what is left are names, labels of pods and accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::moved::{Accounts, Moved};
use crate::classes::fresh_word;
use crate::cluster::Endpoint;
use crate::flow::{
    AddressSet, DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, Protocol, Request, RequestSet, Symbol,
    Values, Verdict,
};
use crate::verify::{Judge, Way};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// What was.
    Base,
    /// What is to be.
    Head,
}

impl Which {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Base => Self::Head,
            Self::Head => Self::Base,
        }
    }
}

/// One side: who judges, and which pods can exist.
pub(crate) trait Side: Sync {
    /// Who judges.
    fn judge(&self) -> &dyn Judge;
    /// A pod of a cube within one namespace that can exist.
    fn example(&self, cube: &PodCube) -> Option<Pod>;
    /// The same, as the end of a connection this way: where pods are being replaced, one end may be so before the other.
    fn example_at(&self, cube: &PodCube, _way: Way) -> Option<Pod> {
        self.example(cube)
    }
    /// By what labels it tells pods that can exist from others ([`World::label_tests`](crate::classes::World::label_tests)).
    fn limits(&self) -> Vec<PodCube> {
        Vec::new()
    }
    /// The pods that take part in the mesh otherwise than others of their namespace ([`World::planes`](crate::classes::World::planes)).
    fn planes(&self) -> &[PodCube] {
        &[]
    }
    /// What is known of the labels of a namespace.
    fn namespace_labels(&self, name: &str) -> Known;
    /// Whether it says how the pods of a namespace take part in the mesh, and is not only taking it for usual.
    fn declares(&self, name: &str) -> bool;
    /// The namespaces that it can tell from one that nobody knows.
    fn namespaces(&self) -> BTreeSet<Symbol>;
    /// Sets of requests by which what passes from one peer to another is told in words.
    fn requests(&self, source: &Peer, destination: &Peer, on: (Protocol, u16)) -> Vec<RequestSet>;
    /// Whether it refuses a request to a pod for the token that it carries, whoever may send it.
    fn refuses_token(&self, _destination: &Peer, _request: &Request) -> bool {
        false
    }
    /// The pods of a namespace that are open this way whatever the rules say.
    fn open(&self, namespace: &str, way: Way) -> PodSet;
    /// What is known of the accounts of pods, besides what every pod of it says itself.
    fn accounts(&self) -> Vec<Accounts> {
        Vec::new()
    }
    /// The addresses that nobody outside of the cluster has: those of pods and Services, which no connection is judged by.
    fn taken(&self) -> AddressSet {
        AddressSet::none()
    }
}

/// What is known of the labels of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// Labels that it has.
    pub(crate) labels: Labels,
    /// Whether it has no others.
    pub(crate) complete: bool,
    /// Whether anybody describes the namespace: a label that is known of the other side, and not said here, it does not have.
    pub(crate) described: bool,
    /// Whether the namespace itself is among what is known, with its labels.
    pub(crate) listed: bool,
    /// Labels of the other side that it does not have.
    pub(crate) absent: BTreeSet<Symbol>,
}

impl Known {
    /// Of a namespace that somebody describes.
    pub(super) fn described(labels: Labels, complete: bool) -> Self {
        Self { labels, complete, described: true, ..Self::default() }
    }

    /// What one side has to take for granted: what it knows itself, and of the rest what the other side knows. Where both describe the
    /// namespace, a label that one of them says is not there on the other. Where both list it, and its labels are not what they were, it has
    /// no others: what asks for a label more neither gains nor loses.
    pub(super) fn besides(mut self, other: &Self) -> Self {
        if self.complete {
            return self;
        }
        if self.listed && other.listed && self.labels != other.labels {
            self.complete = true;
            return self;
        }
        for (key, value) in &other.labels {
            if self.described && !self.labels.contains_key(key) {
                self.absent.insert(Symbol::clone(key));
            } else {
                self.labels.entry(Symbol::clone(key)).or_insert_with(|| Symbol::clone(value));
            }
        }
        self.complete = other.complete;
        self
    }

    /// Whether the namespace does not have a label.
    fn lacks(&self, key: &Symbol) -> bool {
        !self.labels.contains_key(key) && (self.complete || self.absent.contains(key))
    }

    /// A test of the labels as far as it is not settled; none if it fails.
    fn settle(&self, test: &LabelCube) -> Option<LabelCube> {
        let mut open = LabelCube::all();
        for (key, values) in test.iter() {
            match self.labels.get(key) {
                Some(value) if !values.contains(Some(value)) => return None,
                Some(_) => {}
                None if self.lacks(key) && !values.allows_absent() => return None,
                None if self.lacks(key) => {}
                None => open = open.with(Symbol::clone(key), values.clone()),
            }
        }
        Some(open)
    }
}

/// One peer, as each side sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Both(Arc<[Endpoint; 2]>);

impl Both {
    /// A peer of which each side knows more than its labels.
    pub(super) fn new(base: Endpoint, head: Endpoint) -> Self {
        Self(Arc::new([base, head]))
    }

    /// An address, which both see alike.
    pub(super) fn address(peer: Peer) -> Self {
        Self::new(peer.clone().into(), peer.into())
    }

    /// As one side sees it.
    pub(super) fn of(&self, which: Which) -> &Peer {
        &self.end(which).peer
    }

    /// How it takes part in the mesh on each side; none of an address.
    pub(super) fn planes(&self) -> [Option<DataPlane>; 2] {
        [Which::Base, Which::Head].map(|which| match self.of(which) {
            Peer::Pod(pod) => Some(pod.plane),
            Peer::Address(_) => None,
        })
    }

    /// As one side sees it, with all that it knows.
    pub(super) fn end(&self, which: Which) -> &Endpoint {
        let [base, head] = &*self.0;
        match which {
            Which::Base => base,
            Which::Head => head,
        }
    }
}

/// Two sides, and the namespaces that they know.
pub(crate) struct Pair<'a> {
    base: &'a dyn Side,
    head: &'a dyn Side,
    /// What each has to take for granted of the labels of namespaces.
    known: [BTreeMap<Symbol, Known>; 2],
    /// The namespaces that either knows, in order.
    pub(crate) names: Vec<Symbol>,
    /// The name of one that neither knows, which stands for all such.
    pub(crate) fresh: Symbol,
    /// The pods that run as another account than they did. In words of both sides they run as the head says.
    pub(super) moved: Moved,
    /// The addresses that on neither side anybody outside has.
    pub(super) taken: AddressSet,
}

impl<'a> Pair<'a> {
    /// Two sides.
    pub(crate) fn new(base: &'a dyn Side, head: &'a dyn Side) -> Self {
        let mut names = base.namespaces();
        names.extend(head.namespaces());
        let fresh = fresh_word(names.iter().map(|name| &**name));
        let known = [(base, head), (head, base)].map(|(own, other)| {
            let of = |name: &Symbol| own.namespace_labels(name).besides(&other.namespace_labels(name));
            names.iter().map(|name| (Symbol::clone(name), of(name))).collect()
        });
        let taken = base.taken().intersect(&head.taken());
        let moved = Moved::new(&base.accounts(), &head.accounts());
        Self { base, head, known, names: names.into_iter().collect(), fresh, moved, taken }
    }

    /// One of them.
    pub(super) const fn side(&self, which: Which) -> &'a dyn Side {
        match which {
            Which::Base => self.base,
            Which::Head => self.head,
        }
    }

    /// Every namespace that is known, and the one that stands for all others.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &Symbol> {
        self.names.iter().chain([&self.fresh])
    }

    /// What one side has to take for granted of the labels of a namespace.
    fn known(&self, which: Which, name: &str) -> Option<&Known> {
        let [base, head] = &self.known;
        match which {
            Which::Base => base.get(name),
            Which::Head => head.get(name),
        }
    }

    /// The parts of a cube of one side in one namespace, in words of both sides: its tests of the namespace's labels settled as far as
    /// those are known, and pods that run as another account than they did as the head has them.
    pub(super) fn narrowed(&self, which: Which, cube: &PodCube, name: &Symbol) -> Vec<PodCube> {
        let Some(inside) = self.inside(which, cube, name) else { return Vec::new() };
        self.moved.common(which, &inside)
    }

    /// The part of a cube of one side in one namespace.
    fn inside(&self, which: Which, cube: &PodCube, name: &Symbol) -> Option<PodCube> {
        if !cube.names().contains(Some(name)) {
            return None;
        }
        let named = LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name)));
        let rest = cube.namespace.clone().replaced(&NAMESPACE_NAME.into(), Values::any());
        let rest = match self.known(which, name) {
            Some(known) => known.settle(&rest)?,
            None => rest,
        };
        Some(PodCube { namespace: named.intersect(&rest)?, ..cube.clone() }).filter(|cube| !cube.is_empty())
    }

    /// The namespaces in which a set of one side may have pods, in order.
    pub(super) fn names_of(&self, which: Which, pods: &PodSet) -> BTreeSet<Symbol> {
        let mut found = BTreeSet::new();
        for cube in pods.cubes() {
            match cube.namespace_names() {
                Some(names) => found.extend(names.iter().filter(|name| self.inside(which, cube, name).is_some()).cloned()),
                None => found.extend(self.all_names().filter(|name| self.inside(which, cube, name).is_some()).cloned()),
            }
        }
        found
    }

    /// By what the two tell the pods of a namespace apart this way.
    pub(super) fn subjects(&self, name: &Symbol, way: Way) -> Vec<PodCube> {
        let of = |which: Which| {
            let cubes = self.side(which).judge().subjects(name, way);
            cubes.into_iter().flat_map(|cube| self.narrowed(which, &cube, name)).collect::<Vec<_>>()
        };
        let mut cubes = of(Which::Base);
        cubes.extend(of(Which::Head));
        cubes.sort_unstable();
        cubes.dedup();
        cubes
    }

    /// The pods that on either side take part in the mesh otherwise than others of their namespace, among those of a cube.
    pub(super) fn planes(&self, whole: &PodCube) -> Vec<PodCube> {
        let of = |which: Which| self.side(which).planes().iter().filter(|cube| cube.overlaps(whole)).cloned();
        let cubes: BTreeSet<PodCube> = of(Which::Base).chain(of(Which::Head)).collect();
        cubes.into_iter().collect()
    }

    /// How all pods of a namespace take part in the mesh on each side; none if some do otherwise than others, or there can be none.
    pub(super) fn alike(&self, name: &Symbol) -> Option<[Option<DataPlane>; 2]> {
        let whole = PodCube::in_namespace(name);
        let divides = |cube: &PodCube| cube.overlaps(&whole) && !whole.is_subset(cube);
        if [self.base, self.head].into_iter().any(|side| side.planes().iter().any(divides)) {
            return None;
        }
        self.example_at(&whole, Way::Egress).map(|(_, pod)| pod.planes())
    }

    /// A pod of a cube within one namespace that can exist on both sides, with how it takes part in the mesh on each.
    pub(super) fn example(&self, cube: &PodCube) -> Option<((bool, bool), Both)> {
        self.both(cube, &|side, cube| side.example(cube))
    }

    /// The same, as the end of a connection this way.
    pub(super) fn example_at(&self, cube: &PodCube, way: Way) -> Option<((bool, bool), Both)> {
        self.both(cube, &|side, cube| side.example_at(cube, way))
    }

    fn both(&self, cube: &PodCube, of: &dyn Fn(&dyn Side, &PodCube) -> Option<Pod>) -> Option<((bool, bool), Both)> {
        let as_it_is = || Some((of(self.base, cube)?, of(self.head, cube)?));
        let known = |which: Which| self.moved.known(which, cube);
        let moved = || known(Which::Base).zip(known(Which::Head)).find_map(|(old, new)| Some((of(self.base, &old)?, of(self.head, &new)?)));
        let (base, head) = as_it_is().or_else(moved)?;
        let (base, head) = (self.placed(Which::Base, base), self.placed(Which::Head, head));
        let planes = (base.plane != DataPlane::None, head.plane != DataPlane::None);
        Some((planes, Both::new(Peer::Pod(base).into(), Peer::Pod(head).into())))
    }

    /// A pod with what a side takes for granted of its namespace.
    pub(super) fn placed(&self, which: Which, mut pod: Pod) -> Pod {
        let Some(known) = self.known(which, &pod.namespace) else { return pod };
        if known.complete {
            pod.namespace_labels.clone_from(&known.labels);
        } else {
            pod.namespace_labels.retain(|key, _| !known.lacks(key));
            pod.namespace_labels.extend(known.labels.clone());
        }
        pod.namespace_labels.insert(NAMESPACE_NAME.into(), Symbol::clone(&pod.namespace));
        pod
    }

    /// The labels of a namespace that are other ones on the head, as `kubectl label` takes them.
    pub(crate) fn labels(&self, name: &str) -> Vec<String> {
        let [old, new] = [Which::Base, Which::Head].map(|which| self.side(which).namespace_labels(name));
        let set =
            new.labels.iter().filter(|(key, value)| old.labels.get(*key) != Some(*value)).map(|(key, value)| format!("{key}={value}"));
        let gone = old.labels.keys().filter(|key| new.described && !new.labels.contains_key(*key)).map(|key| format!("{key}-"));
        set.chain(gone).collect()
    }

    /// Whether no pod of a cube can exist on both sides.
    pub(super) fn is_impossible(&self, cube: &PodCube) -> bool {
        let possible = |name: &Symbol| {
            let named = LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name)));
            let Some(namespace) = cube.namespace.intersect(&named) else { return false };
            self.example(&PodCube { namespace, ..cube.clone() }).is_some()
        };
        match cube.namespace_names() {
            Some(names) => !names.iter().any(possible),
            None => !self.all_names().filter(|name| cube.names().contains(Some(name))).any(possible),
        }
    }

    /// Pods with the namespace that stands for all that nobody knows turned into just those.
    pub(super) fn told(&self, peers: &Peers) -> Peers {
        let told = |cube: &PodCube| {
            if cube.namespace_names() != Some(std::slice::from_ref(&self.fresh)) {
                return cube.clone();
            }
            let others = Values::except(self.names.iter().cloned());
            PodCube { namespace: cube.namespace.clone().replaced(&NAMESPACE_NAME.into(), others), ..cube.clone() }
        };
        Peers { pods: peers.pods.cubes().iter().map(told).collect(), addresses: peers.addresses.clone() }
    }
}

impl std::fmt::Debug for Pair<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pair").field("names", &self.names).finish_non_exhaustive()
    }
}

/// What a verdict is, without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Said {
    /// It does not pass.
    Denied,
    /// The platform leaves it open.
    Unspecified,
    /// It passes.
    Allowed,
}

impl From<&Verdict> for Said {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allowed => Self::Allowed,
            Verdict::Denied => Self::Denied,
            Verdict::Unspecified(_) => Self::Unspecified,
        }
    }
}
