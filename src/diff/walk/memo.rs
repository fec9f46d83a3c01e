//! What a walk asks again for every class of pods that is called, and answers once.
//!
//! Owns: `Memo`, all of it about callers, whoever is called. It must not hold anything that hangs on who is.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Walk;
use crate::classes::Part;
use crate::diff::side::Both;
use crate::flow::{Cut, PodCube, Symbol};
use crate::verify::Way;

/// What is known of callers.
#[derive(Default)]
pub(super) struct Memo {
    planes: RefCell<BTreeMap<Symbol, Option<(bool, bool)>>>,
    /// By what callers of a namespace are told apart at their own end.
    subjects: RefCell<BTreeMap<Symbol, Rc<Vec<PodCube>>>>,
    /// Callers, as their own end tells them apart.
    callers: RefCell<BTreeMap<PodCube, Rc<Vec<Caller>>>>,
}

/// Callers that their own end does not tell apart.
pub(super) struct Caller {
    pub(super) part: Part<Both>,
    /// The cuts of that end, and how many of them are the base's.
    pub(super) cuts: OnceCell<(Vec<Cut>, usize)>,
}

impl Walk<'_> {
    /// How pods of a namespace of which nothing more is said take part in the mesh, on each side; none if there can be none.
    pub(super) fn planes(&self, name: &Symbol) -> Option<(bool, bool)> {
        if let Some(known) = self.memo.planes.borrow().get(name) {
            return *known;
        }
        let planes = self.pair.example_at(&PodCube::in_namespace(name), Way::Egress).map(|(planes, _)| planes);
        self.memo.planes.borrow_mut().insert(Symbol::clone(name), planes);
        planes
    }

    /// Callers of a namespace, as their own end tells them apart.
    pub(super) fn callers(&self, name: &Symbol, whole: &PodCube) -> Rc<Vec<Caller>> {
        if let Some(known) = self.memo.callers.borrow().get(whole) {
            return Rc::clone(known);
        }
        let cubes = Rc::clone(
            self.memo.subjects.borrow_mut().entry(Symbol::clone(name)).or_insert_with(|| Rc::new(self.pair.subjects(name, Way::Egress))),
        );
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let parts = self.cut(whole.clone(), &numbered, cubes.len(), Way::Egress).into_iter();
        let callers: Rc<Vec<Caller>> = Rc::new(parts.map(|part| Caller { part, cuts: OnceCell::new() }).collect());
        self.memo.callers.borrow_mut().insert(whole.clone(), Rc::clone(&callers));
        callers
    }
}
