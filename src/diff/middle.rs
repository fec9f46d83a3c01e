//! A state between two sides: some objects are as they were, some as they are to be.
//!
//! Owns: `Middle`, the state as a side of its own; `Former`, what was, among the same pods. What is wrong with a state is `breach`'s to
//! say, and in which order states come `plan`'s.

use std::collections::BTreeSet;

use super::refined::Refined;
use super::seen::agreed;
use super::side::{Known, Pair, Side, Which};
use crate::flow::{Peer, Pod, PodCube, PodSet, Protocol, RequestSet, Symbol};
use crate::verify::{Judge, Way as End};

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

    fn limits(&self) -> Vec<PodCube> {
        self.world.limits()
    }

    fn planes(&self) -> &[PodCube] {
        self.world.planes()
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

    fn requests(&self, source: &Peer, destination: &Peer, on: (Protocol, u16)) -> Vec<RequestSet> {
        self.world.requests(source, destination, on)
    }

    fn open(&self, _namespace: &str, _way: End) -> PodSet {
        PodSet::none()
    }
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
    pub(super) sides: &'a Pair<'a>,
    pub(super) turned: &'a Turned,
    /// Pods that a world tells apart from others.
    pub(super) apart: &'a [PodCube],
    /// Whether no pod and no namespace is another one on the head than on the base.
    pub(super) is_steady: bool,
}

impl<'a> Middle<'a> {
    /// A state whose objects `judge` judges; `apart` are pods that a world tells apart from others, which the judge need not.
    /// `all` namespaces that are not the same on both sides are found once for all states.
    pub(crate) fn new(
        judge: Box<dyn Judge + 'a>,
        sides: &'a Pair<'a>,
        turned: &'a Turned,
        apart: &'a [PodCube],
        all: &BTreeSet<Symbol>,
    ) -> Self {
        let turning: BTreeSet<Symbol> = all.difference(&turned.labels).cloned().collect();
        Self { judge: Box::new(Refined { judge, sides, apart, turning }), sides, turned, apart, is_steady: all.is_empty() }
    }
}

/// What was, among the pods of which both sides can hold one.
pub(super) struct Former<'a> {
    pub(super) sides: &'a Pair<'a>,
}

/// The limits of both sides.
fn limits(sides: &Pair<'_>) -> Vec<PodCube> {
    [Which::Base, Which::Head].into_iter().flat_map(|which| sides.side(which).limits()).collect()
}

impl Side for Former<'_> {
    fn judge(&self) -> &dyn Judge {
        self.sides.side(Which::Base).judge()
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        agreed(self.sides, Which::Base, cube)
    }

    fn limits(&self) -> Vec<PodCube> {
        limits(self.sides)
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

    fn requests(&self, source: &Peer, destination: &Peer, on: (Protocol, u16)) -> Vec<RequestSet> {
        self.sides.side(Which::Base).requests(source, destination, on)
    }

    fn open(&self, _namespace: &str, _way: End) -> PodSet {
        PodSet::none()
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

    fn limits(&self) -> Vec<PodCube> {
        limits(self.sides)
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

    fn requests(&self, source: &Peer, destination: &Peer, on: (Protocol, u16)) -> Vec<RequestSet> {
        let of = |which: Which| self.sides.side(which).requests(source, destination, on);
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
