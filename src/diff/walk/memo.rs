//! What a walk asks again for every class of pods that is called, and answers once.
//!
//! Owns: `Memo`, all of it about callers, whoever is called. It must not hold anything that hangs on who is.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::apart::Apart;
use super::few::{Enough, Few};
use super::meant::Meant;
use super::{Piece, Sampled, Walk};
use crate::classes::Part;
use crate::diff::side::{Both, Pair, Which};
use crate::flow::{Cut, DataPlane, Flow, PodCube, PodSet, Protocol, Symbol, Transport, Verdict};
use crate::verify::{JudgedEnd, Way};

/// A namespace whose pods are ends of connections of a way.
type Place = (Symbol, Way);

/// What is known of callers.
#[derive(Default)]
pub(super) struct Memo {
    planes: RefCell<BTreeMap<Symbol, Option<[Option<DataPlane>; 2]>>>,
    /// By what callers of a namespace are told apart at their own end.
    subjects: RefCell<BTreeMap<Symbol, Rc<Vec<PodCube>>>>,
    /// Pods of few labels, by their namespace and the way of their connections.
    few: RefCell<BTreeMap<Place, Option<Rc<Enough>>>>,
    /// The pods of namespaces as they take part in the mesh; none of one that has too many kinds of them.
    apart: RefCell<BTreeMap<Place, Option<Rc<Apart>>>>,
    /// Callers, as their own end tells them apart.
    callers: RefCell<BTreeMap<PodCube, Rc<Known>>>,
    /// The ends of callers, by what tells these apart.
    ends: RefCell<BTreeMap<Alike, Rc<OwnEnd>>>,
}

/// By what callers are of the same kind to their own end, whatever else the one that they call asks of them: their namespace, the tests
/// of that end which hold them, and their part in the mesh on each side.
type Alike = (Symbol, Vec<usize>, [Option<DataPlane>; 2]);

/// The cuts of the end of callers, found when they are first asked for, and how many of them are the base's.
pub(super) type Leaving = OnceCell<(Vec<Cut>, usize)>;

/// The end of callers that it does not tell apart.
#[derive(Default)]
pub(super) struct OwnEnd {
    pub(super) cuts: Leaving,
    /// What it says of pods that none of its cuts holds, by their part in the mesh on each side.
    unheld: RefCell<BTreeMap<[Option<DataPlane>; 2], Rc<Manner>>>,
}

impl Memo {
    /// The pods of few labels that are enough of a cube of one namespace; none where all are needed.
    pub(super) fn few(&self, few: &Few<'_>, whole: &PodCube, way: Way) -> Option<Rc<Enough>> {
        let [name] = whole.namespace_names()? else { return None };
        let mut known = self.few.borrow_mut();
        known.entry((Symbol::clone(name), way)).or_insert_with(|| few.of(name, way).map(Rc::new)).clone()
    }

    /// The pods of a whole namespace as they take part in the mesh; none of a part of one.
    pub(super) fn apart(&self, pair: &Pair<'_>, whole: &PodCube, way: Way) -> Option<Rc<Apart>> {
        let [name] = whole.namespace_names()? else { return None };
        if *whole != PodCube::in_namespace(name) {
            return None;
        }
        let mut known = self.apart.borrow_mut();
        known.entry((Symbol::clone(name), way)).or_insert_with(|| Apart::new(pair, whole, way).map(Rc::new)).clone()
    }

    /// The end of callers of a namespace.
    fn end(&self, name: &Symbol, callers: &Part<Both>) -> Rc<OwnEnd> {
        let alike = (Symbol::clone(name), callers.held_by.clone(), callers.example.planes());
        Rc::clone(self.ends.borrow_mut().entry(alike).or_default())
    }

    /// The namespaces of which pods of few labels were asked for, with these labels.
    pub(super) fn sampled(&self) -> Sampled {
        self.few.borrow().iter().filter_map(|(place, few)| Some((place.clone(), few.as_ref()?.keys.clone()))).collect()
    }
}

/// All callers of a cube.
pub(super) struct Known {
    pub(super) all: Vec<Caller>,
    /// Several of them as one set, by their places.
    sums: RefCell<BTreeMap<Vec<usize>, PodSet>>,
}

impl Known {
    /// Some of them as one set of pods.
    pub(super) fn sum(&self, places: &[usize]) -> PodSet {
        if let Some(known) = self.sums.borrow().get(places) {
            return known.clone();
        }
        let cubes = places.iter().filter_map(|at| self.all.get(*at)).flat_map(|caller| caller.part.pods.cubes());
        let sum = cubes.cloned().collect::<PodSet>().simplify();
        self.sums.borrow_mut().insert(places.to_vec(), sum.clone());
        sum
    }
}

/// Callers that their own end does not tell apart.
pub(super) struct Caller {
    pub(super) part: Part<Both>,
    /// That end.
    pub(super) own: Rc<OwnEnd>,
}

/// How callers take part in the mesh, and what their own end says of a flow of each protocol and transport, on each side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manner {
    planes: [Option<DataPlane>; 2],
    says: Vec<Option<Verdict>>,
}

/// A protocol, and a transport over which it may travel.
const WAYS: [(Protocol, Transport); 4] = [
    (Protocol::Tcp, Transport::Plaintext),
    (Protocol::Tcp, Transport::Mtls),
    (Protocol::Udp, Transport::Plaintext),
    (Protocol::Sctp, Transport::Plaintext),
];

impl Caller {
    /// The cuts of its own end, and how many of them are the base's.
    pub(super) fn cuts(&self, walk: &Walk<'_>) -> &(Vec<Cut>, usize) {
        self.own.cuts.get_or_init(|| self.part.example.ends(walk.pair, Way::Egress).cuts())
    }

    /// What its own end says of a target that none of that end's cuts holds, whatever the port. Of all such targets with the same part
    /// in the mesh it says the same.
    pub(super) fn manner(&self, walk: &Walk<'_>, target: &Piece) -> Rc<Manner> {
        let of_target = target.example.planes();
        let known = self.own.unheld.borrow().get(&of_target).map(Rc::clone);
        known.unwrap_or_else(|| {
            let caller = &self.part.example;
            let ends = caller.ends(walk.pair, Way::Egress);
            let says = |which: Which| {
                let (end, far) = (ends.of(which), target.example.end(which));
                let flow = move |(protocol, transport)| Flow {
                    source: caller.of(which).clone(),
                    destination: far.peer.clone(),
                    protocol,
                    port: 1,
                    transport,
                    request: None,
                };
                WAYS.map(|way| end.map(|end: &dyn JudgedEnd| end.verdict(&flow(way), far)))
            };
            let says = [Which::Base, Which::Head].into_iter().flat_map(says).collect();
            let manner = Rc::new(Manner { planes: caller.planes(), says });
            self.own.unheld.borrow_mut().insert(of_target, Rc::clone(&manner));
            manner
        })
    }
}

impl Walk<'_> {
    /// How all pods of a namespace take part in the mesh, if they do alike ([`Pair::alike`](crate::diff::side::Pair::alike)).
    pub(super) fn planes(&self, name: &Symbol) -> Option<[Option<DataPlane>; 2]> {
        if let Some(known) = self.memo.planes.borrow().get(name) {
            return *known;
        }
        let planes = self.pair.alike(name);
        self.memo.planes.borrow_mut().insert(Symbol::clone(name), planes);
        planes
    }

    /// Callers of a namespace, as their own end tells them apart.
    pub(super) fn callers(&self, name: &Symbol, whole: &PodCube) -> Rc<Known> {
        if let Some(known) = self.memo.callers.borrow().get(whole) {
            return Rc::clone(known);
        }
        let cubes =
            Rc::clone(self.memo.subjects.borrow_mut().entry(Symbol::clone(name)).or_insert_with(|| Rc::new(self.tests(name, Way::Egress))));
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let parts = self.cut(whole.clone(), &Meant::ALL, &numbered, cubes.len(), Way::Egress).into_iter();
        let all = parts.map(|part| Caller { own: self.memo.end(name, &part), part }).collect();
        let callers = Rc::new(Known { all, sums: RefCell::default() });
        self.memo.callers.borrow_mut().insert(whole.clone(), Rc::clone(&callers));
        callers
    }
}
