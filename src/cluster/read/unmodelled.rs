//! Objects that are not modelled, only in part, or that cannot be read.
//!
//! Owns: what each of them leaves open. Where an object says which pods it is about is `scope`'s.

use std::collections::BTreeSet;

use super::scope::{self, Scope, touched};
use super::sidecar::{self, Reach};
use super::{Manifests, is_policy, metadata};
use crate::cluster::Platform;
use crate::cluster::mesh::Sends;
use crate::cluster::object::Object;
use crate::cluster::unmodelled::{Ends, Gates, Proxies, Side, Unmodelled, Why};
use crate::manifest::{self, Reading};

impl Manifests {
    /// An object of a kind that is not modelled.
    pub(super) fn not_modelled(&mut self, object: &manifest::Object<'_>, scope: Scope, platform: &Platform, reading: &mut Reading<'_>) {
        let named = metadata::loose(object, platform, reading);
        let root = &platform.root_namespace;
        let is_of_one = metadata::is_of_one_revision(object, reading);
        let is_outside = scope == Scope::ServiceEntry && object.root.follow(reading, &["spec", "workloadSelector"]).is_missing();
        let mesh = &mut self.mesh;
        if is_outside {
            if !is_of_one && reading.quietly(|reading| mesh.read_entry(&named, object, reading)).flatten().is_some() {
                return self.note(object.group(), &named, reading);
            }
            mesh.read_unreadable_entry(&named, object, reading);
        }
        let plain = reading.quietly(|reading| touched(scope, object, &named.namespace, root, reading));
        // Whatever is wrong with it, it touches no more than an object of an unknown kind.
        let (gates, ends) = plain.unwrap_or_else(|| touched(Scope::Unknown, object, &named.namespace, root, reading));
        self.note(object.group(), &named, reading);
        let why = match scope {
            Scope::Misplaced(group) => Why::Group(group),
            _ if is_of_one && scope.is_modelled_in_part() => Why::Setting(metadata::REVISION),
            _ => Why::Kind,
        };
        if scope == Scope::Gateway {
            return self.gateway((named, object), (why, gates, ends), reading);
        }
        if scope == Scope::ListenerSet
            && !is_of_one
            && reading.quietly(|reading| self.mesh.read_listener_set(&named, object, reading)).flatten().is_some()
        {
            return;
        }
        let reach = if scope == Scope::Sidecar { sidecar::reach(object, &named.namespace, root, reading) } else { None };
        let (side, spared) = match reach {
            Some(Reach::Everywhere) => return,
            Some(Reach::Namespaces(spared)) => (Side::Calling, spared),
            None if scope == Scope::ListenerSet => (Side::Called, BTreeSet::new()),
            None => (Side::Either, BTreeSet::new()),
        };
        // Gateways are told of everybody, whatever such objects say (istio/istio : pilot/pkg/model/context.go, `SetSidecarScope`).
        let proxies = match scope {
            Scope::Sidecar => Proxies::Sidecars,
            Scope::ListenerSet => Proxies::Gateways,
            _ => Proxies::Any,
        };
        self.unmodelled.push(Unmodelled { object: named, why, gates, ends, side, proxies, spared });
    }

    /// Istio's own `Gateway`: the mesh's half knows what it does to gateways, but not always which pods these are. What they send is their
    /// own, as of any client of the mesh, unless it leads on the mTLS of others.
    fn gateway(
        &mut self,
        (named, object): (Object, &manifest::Object<'_>),
        (why, gates, ends): (Why, Gates, Ends),
        reading: &mut Reading<'_>,
    ) {
        let mesh = &mut self.mesh;
        let sends = if why == Why::Kind { reading.quietly(|reading| mesh.read_classic(&named, object, reading)).flatten() } else { None };
        let acts: &[(Why, Side, Proxies)] = match sends {
            Some(Sends::Own) => &[(Why::Role, Side::Called, Proxies::PerhapsGateways)],
            Some(Sends::OfOthers) => &[(Why::Role, Side::Called, Proxies::PerhapsGateways), (Why::Kind, Side::Calling, Proxies::Gateways)],
            None => &[(why, Side::Either, Proxies::Gateways)],
        };
        for (why, side, proxies) in acts {
            let (object, ends, spared) = (named.clone(), ends.clone(), BTreeSet::new());
            self.unmodelled.push(Unmodelled { object, why: *why, gates, ends, side: *side, proxies: *proxies, spared });
        }
    }

    /// A modelled object with findings: what it says is not known, so neither is what becomes of the flows it acts on.
    pub(super) fn unreadable(
        &mut self,
        (object, text): (Object, &manifest::Object<'_>),
        gates: Gates,
        platform: &Platform,
        reading: &mut Reading<'_>,
    ) {
        let whole_mesh = gates == Gates::Mesh && object.namespace == platform.root_namespace;
        let namespace = if whole_mesh { "" } else { &object.namespace };
        let ends = Ends::of_namespace(namespace, scope::selected(text, reading).unwrap_or_default());
        let side = if is_policy(&object.kind) { Side::Called } else { Side::Either };
        let (proxies, spared) = (Proxies::Any, BTreeSet::new());
        self.unmodelled.push(Unmodelled { object, why: Why::Unreadable, gates, ends, side, proxies, spared });
    }
}
