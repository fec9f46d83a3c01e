//! The identity ladder: who a caller is in the mesh's eyes (design §4.3).
//!
//! Owns: `Callers`, the narrowest superset of a rule's callers that the mesh can name, and the footprint of it: everyone
//! who would be let through by it. It must not look at ports or requests.

use std::collections::BTreeSet;

use super::Mtls;
use super::facts::{Facts, whole};
use crate::flow::{LabelCube, NAMESPACE_NAME, Peers, PodCube, PodSet, Symbol, Transport, Values};

/// Namespaces that are left out one by one; past it none are, and the network trims.
const MAX_LEFT_OUT: usize = 64;

/// Callers as the mesh can name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callers {
    /// Anyone at all, with or without identity.
    Anyone,
    /// Those of these identities.
    Some(Identities),
}

/// A union of identities.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identities {
    /// Service accounts, each as namespace and name.
    pub accounts: BTreeSet<(Symbol, Symbol)>,
    /// Every account of these namespaces.
    pub namespaces: BTreeSet<Symbol>,
    /// Any identity at all but those of these namespaces.
    pub any_but: Option<BTreeSet<Symbol>>,
    /// Callers that prove no identity.
    pub unidentified: bool,
}

impl Identities {
    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.namespaces.is_empty() && self.any_but.is_none() && !self.unidentified
    }

    /// Adds others.
    pub fn join(&mut self, more: &Self) {
        self.accounts.extend(more.accounts.iter().cloned());
        self.namespaces.extend(more.namespaces.iter().cloned());
        self.unidentified |= more.unidentified;
        if let Some(left_out) = &more.any_but {
            self.add_any_but(left_out.clone());
        }
    }

    /// Adds any identity but those of these namespaces: who is left out twice stays left out.
    fn add_any_but(&mut self, left_out: BTreeSet<Symbol>) {
        self.any_but = Some(match self.any_but.take() {
            None => left_out,
            Some(known) => known.intersection(&left_out).cloned().collect(),
        });
    }

    /// Drops what a wider rung says already.
    #[must_use]
    pub fn reduced(self) -> Self {
        let Self { mut accounts, mut namespaces, mut any_but, unidentified } = self;
        if let Some(left_out) = &mut any_but {
            left_out.retain(|name| !namespaces.contains(name));
            accounts.retain(|(namespace, _)| left_out.contains(namespace));
            namespaces.clear();
        }
        accounts.retain(|(namespace, _)| !namespaces.contains(namespace));
        Self { accounts, namespaces, any_but, unidentified }
    }
}

/// How namespaces that are chosen by label are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ByLabel {
    /// As any identity: the `NetworkPolicy` holds the live selector.
    Live,
    /// As the names that match now: `namespace-snapshot`.
    Snapshot,
}

/// Whether namespaces are chosen by a label that they must have: as far as is known, no others have it. Where they only must not have one,
/// those that nobody knows are chosen too, and no list of names says that.
pub(super) fn is_chosen_by_label(cube: &PodCube) -> bool {
    cube.namespace_names().is_none() && cube.namespace.iter().any(|(key, values)| **key != *NAMESPACE_NAME && !values.allows_absent())
}

/// The narrowest callers that the mesh can name and that include all of `peers`.
pub(super) fn superset(facts: &Facts<'_>, peers: &Peers, mtls: Mtls, by_label: &dyn Fn(&PodCube) -> Option<Vec<Symbol>>) -> Callers {
    if !peers.addresses.is_empty() && mtls == Mtls::Optional {
        return Callers::Anyone;
    }
    let mut identities = Identities { unidentified: mtls == Mtls::Optional, ..Identities::default() };
    for cube in peers.pods.cubes() {
        let written = cube.namespace_names().map(<[Symbol]>::to_vec);
        let Some(names) = written.or_else(|| by_label(cube)) else {
            identities.add_any_but(left_out(cube));
            continue;
        };
        for name in names {
            climb(facts, &name, cube, &mut identities);
        }
    }
    Callers::Some(identities.reduced())
}

/// The namespaces whose names rule them out of a cube that has infinitely many.
fn left_out(cube: &PodCube) -> BTreeSet<Symbol> {
    let names = cube.names().words();
    if names.len() > MAX_LEFT_OUT {
        return BTreeSet::new();
    }
    names.iter().cloned().collect()
}

/// One namespace of a cube: its accounts if all are known, else the namespace.
fn climb(facts: &Facts<'_>, name: &Symbol, cube: &PodCube, identities: &mut Identities) {
    if facts.is_unmeshed(name) {
        return;
    }
    if let Some(accounts) = cube.account.finite() {
        identities.accounts.extend(accounts.iter().map(|account| (name.clone(), account.clone())));
        return;
    }
    if cube.labels.is_all() {
        identities.namespaces.insert(name.clone());
        return;
    }
    let within = PodCube { labels: cube.labels.clone(), ..whole(name) };
    let parts = facts.parts(name, &within);
    let known: Option<Vec<_>> = parts.iter().map(|part| part.accounts.clone()).collect();
    match known {
        Some(sets) => identities.accounts.extend(sets.into_iter().flatten().map(|account| (name.clone(), account))),
        None => {
            identities.namespaces.insert(name.clone());
        }
    }
}

/// The widest callers that the mesh can name and that include nobody outside `peers`; none if it can name nobody.
///
/// An account is never among them: pods that nobody declared may run as it. A namespace is, if all its pods are meant.
pub(super) fn subset(peers: &Peers) -> Option<Callers> {
    if *peers == Peers::all() {
        return Some(Callers::Anyone);
    }
    let mut identities = Identities::default();
    for cube in peers.pods.cubes().iter().filter(|cube| cube.labels.is_all() && cube.account.is_any()) {
        if cube.namespace.is_all() {
            identities.any_but = Some(BTreeSet::new());
        }
        if let (Some(names), 1) = (cube.namespace_names(), cube.namespace.iter().len()) {
            identities.namespaces.extend(names.iter().cloned());
        }
    }
    let identities = identities.reduced();
    (!identities.is_empty()).then_some(Callers::Some(identities))
}

impl Callers {
    /// Everyone who is let through by these callers over one transport: pods by identity, anybody without.
    pub fn footprint(&self, transport: Transport) -> Peers {
        match (self, transport) {
            (Self::Anyone, _) => Peers::all(),
            (Self::Some(identities), Transport::Plaintext) => {
                if identities.unidentified {
                    Peers::all()
                } else {
                    Peers::none()
                }
            }
            (Self::Some(identities), Transport::Mtls) => Peers { pods: identities.pods(), addresses: crate::flow::AddressSet::none() },
        }
    }
}

impl Identities {
    /// The pods that have one of these identities.
    fn pods(&self) -> PodSet {
        let others = self.any_but.iter().map(all_but);
        let namespaces = self.namespaces.iter().map(whole);
        let accounts =
            self.accounts.iter().map(|(namespace, account)| PodCube { account: Values::one(account.clone()), ..whole(namespace) });
        others.chain(namespaces).chain(accounts).collect()
    }
}

/// Every pod but those of some namespaces.
fn all_but(left_out: &BTreeSet<Symbol>) -> PodCube {
    if left_out.is_empty() {
        return PodCube::all();
    }
    let names = Values::except(left_out.iter().cloned()).subtract(&Values::absent());
    PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), names), ..PodCube::all() }
}
