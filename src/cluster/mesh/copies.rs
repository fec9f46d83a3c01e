//! Objects of the mesh that stand more than once and say the same.
//!
//! Owns: that one of each is left, as two would be taken for two that dispute. It must not know which say the same.

use std::collections::BTreeSet;

use super::Mesh;
use super::read::listener_set::EXPERIMENTAL;
use crate::cluster::object::Object;
use crate::flow::Symbol;

/// The objects of one kind of which one is to be left.
struct Copies<'c> {
    all: &'c BTreeSet<[Symbol; 4]>,
    group: Symbol,
    kind: Symbol,
    /// Those that were there before.
    seen: BTreeSet<(Symbol, Symbol)>,
}

impl Mesh {
    /// Leaves one of each of these objects, which are told by group, kind, namespace and name.
    pub(in crate::cluster) fn drop_copies(&mut self, copies: &BTreeSet<[Symbol; 4]>) {
        if copies.is_empty() {
            return;
        }
        let of = |[group, kind]: [&str; 2]| Copies { all: copies, group: group.into(), kind: kind.into(), seen: BTreeSet::new() };
        let security = |kind| of(["security.istio.io", kind]);
        let networking = |kind| of(["networking.istio.io", kind]);
        let [mut policies, mut peers, mut tokens] = ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"].map(security);
        let [mut destinations, mut classic, mut entries] = ["DestinationRule", "Gateway", "ServiceEntry"].map(networking);
        self.policies.values_mut().for_each(|all| all.retain(|policy| policies.keep(&policy.written.object)));
        self.peers.values_mut().for_each(|all| all.retain(|policy| peers.keep(&policy.object)));
        self.tokens.values_mut().for_each(|all| all.retain(|policy| tokens.keep(&policy.object)));
        self.destinations.retain(|rule| destinations.keep(&rule.object));
        self.classic.retain(|gateway| classic.keep(&gateway.object));
        self.entries.retain(|entry| entries.keep_named(&entry.namespace, &entry.name));
        let mut sets = of(["gateway.networking.k8s.io", "ListenerSet"]);
        let mut experimental = of(["gateway.networking.x-k8s.io", EXPERIMENTAL]);
        self.listener_sets.retain(|set| {
            let own = if *set.object.kind == *EXPERIMENTAL { &mut experimental } else { &mut sets };
            own.keep(&set.object)
        });
    }
}

impl Copies<'_> {
    /// Whether an object is to be left: it is none of them, or the first of its name.
    fn keep(&mut self, object: &Object) -> bool {
        self.keep_named(&object.namespace, &object.name)
    }

    /// The same by its names.
    fn keep_named(&mut self, namespace: &Symbol, name: &Symbol) -> bool {
        let called = [&self.group, &self.kind, namespace, name].map(Symbol::clone);
        !self.all.contains(&called) || self.seen.insert((Symbol::clone(namespace), Symbol::clone(name)))
    }
}
