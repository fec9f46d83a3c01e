//! Pods that run as one account on the base and as another on the head.
//!
//! Owns: `Moved`. What a cube of the base says of such pods is said of them as the head has them, so that both sides speak of the same
//! pods; each side is still asked about the pod that it knows. It must not judge a flow.

use std::collections::BTreeSet;

use super::side::Which;
use crate::flow::{PodCube, Symbol, Values};

/// Pods, and the accounts that they can run as.
pub(crate) type Accounts = (PodCube, BTreeSet<Symbol>);

/// All pods that run as another account than they did.
#[derive(Debug, Default)]
pub(super) struct Moved(Vec<Move>);

/// Pods of some labels.
#[derive(Debug)]
struct Move {
    pods: PodCube,
    from: Symbol,
    to: Symbol,
}

impl Moved {
    /// From what each side knows of accounts.
    pub(super) fn new(base: &[Accounts], head: &[Accounts]) -> Self {
        let [before, now] = [base, head].map(|all| all.iter().collect::<BTreeSet<_>>());
        let gone: Vec<&Accounts> = base.iter().filter(|known| !now.contains(known)).collect();
        let come: Vec<&Accounts> = head.iter().filter(|known| !before.contains(known)).collect();
        let pairs = gone.iter().flat_map(|old| come.iter().map(move |new| (*old, *new)));
        let moves = pairs.filter_map(|((old, was), (new, is))| {
            // Who has an account on both sides is told apart by it there.
            let (from, to) = (was.difference(is).next()?.clone(), is.difference(was).next()?.clone());
            let pods = PodCube { account: Values::any(), ..old.intersect(new)? };
            Some(Move { pods, from, to })
        });
        Self(moves.collect())
    }

    /// A cube of one side, in words of both: the accounts of pods are those of the head.
    pub(super) fn common(&self, which: Which, cube: &PodCube) -> Vec<PodCube> {
        let mut pieces = vec![cube.clone()];
        if which == Which::Head || cube.account.is_any() {
            return pieces;
        }
        for own in self.0.iter().filter(|own| own.pods.overlaps(&PodCube { account: Values::any(), ..cube.clone() })) {
            let now = own.as_account(&own.to);
            let mut told: Vec<PodCube> = pieces.iter().flat_map(|piece| piece.subtract(&now)).collect();
            if cube.account.contains(Some(&own.from)) {
                told.extend(PodCube { account: Values::any(), ..cube.clone() }.intersect(&now));
            }
            pieces = told;
        }
        pieces
    }

    /// The pods of a cube in words of both that one side knows by another account, as it knows them.
    pub(super) fn known(&self, which: Which, cube: &PodCube) -> impl Iterator<Item = PodCube> {
        self.0.iter().filter_map(move |own| {
            let inside = cube.intersect(&own.as_account(&own.to))?;
            let account = if which == Which::Base { &own.from } else { &own.to };
            Some(PodCube { account: Values::one(Symbol::clone(account)), ..inside })
        })
    }

    /// The pods, each lot with the account that it runs as on the head.
    pub(super) fn lots(&self) -> impl Iterator<Item = (&PodCube, &Symbol)> {
        self.0.iter().map(|own| (&own.pods, &own.to))
    }
}

impl Move {
    fn as_account(&self, account: &Symbol) -> PodCube {
        PodCube { account: Values::one(Symbol::clone(account)), ..self.pods.clone() }
    }
}
