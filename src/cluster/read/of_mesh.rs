//! What objects say that the mesh's half models, and what all of them together leave open.
//!
//! Owns: which of them are taken in, and which settings of the mesh make answers unspecified. It must not know what an object does.

use std::collections::BTreeSet;

use super::scope::{Scope, touched};
use super::{Manifests, is_policy, mesh_config, metadata};
use crate::cluster::Platform;
use crate::cluster::mesh::{GATEWAY_NAME, Mesh, Reshaped};
use crate::cluster::object::Object;
use crate::cluster::unmodelled::{Ends, Gates, Proxies, Setting, Side, Unmodelled, Why, equalities};
use crate::flow::{Labels, PodCube, Symbol};
use crate::inventory::REGISTRY_ONLY;
use crate::manifest::{self, Reading};

impl Manifests {
    /// An object of a kind that the mesh's half models.
    pub(super) fn mesh_object(&mut self, (named, object): (Object, &manifest::Object<'_>), platform: &Platform, reading: &mut Reading<'_>) {
        // A Gateway's pods run for its own revision, as any pods of the mesh do for theirs.
        let is_of_one = object.kind != "Gateway" && metadata::is_of_one_revision(object, reading);
        let mut passed_over = Mesh::default();
        let mesh = if is_of_one { &mut passed_over } else { &mut self.mesh };
        mesh.read(named.clone(), object, platform, reading);
        if !reading.is_clean() {
            return self.unreadable((named, object), Gates::Mesh, platform, reading);
        }
        if is_of_one {
            self.of_one_revision((named, object), platform, reading);
        }
    }

    /// An object for one revision of istiod: which one tells the proxy of a pod is not known.
    fn of_one_revision(&mut self, (named, object): (Object, &manifest::Object<'_>), platform: &Platform, reading: &mut Reading<'_>) {
        let is_policy = is_policy(&named.kind);
        let scope = if is_policy { Scope::Selector } else { Scope::Mesh };
        let (gates, ends) = touched(scope, object, &named.namespace, &platform.root_namespace, reading);
        let side = if is_policy { Side::Called } else { Side::Either };
        let (why, proxies, spared) = (Why::Setting(metadata::REVISION), Proxies::Any, BTreeSet::new());
        self.unmodelled.push(Unmodelled { object: named, why, gates, ends, side, proxies, spared });
    }

    /// What may be the mesh's configuration, or what is laid over pods of waypoints.
    pub(super) fn mesh_config(&mut self, object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) {
        let named = metadata::loose(object, platform, reading);
        self.mesh.read_config_map(&named, object, reading);
        self.take_settings(mesh_config::read(object, platform, reading), &named);
    }

    /// What an object says of the mesh that answers would have to be others for.
    pub(super) fn take_settings(&mut self, settings: Vec<Setting>, named: &Object) {
        for setting in settings {
            if setting.key == REGISTRY_ONLY {
                self.mesh.refuse_unnamed();
            }
            match setting.key {
                mesh_config::EVERYWHERE => self.injects_everywhere.push(named.clone()),
                _ => self.unmodelled.push(setting.of(named.clone())),
            }
        }
    }

    /// Makes of `Ingress`es what Istio does, for pods that are gateways; whether these are some is not always known.
    pub(super) fn add_ingresses(&mut self) {
        let (objects, selector) = self.mesh.add_ingresses();
        let ends = Ends::Pods(PodCube { labels: equalities(&selector), ..PodCube::all() });
        let (why, gates, side, proxies) = (Why::Role, Gates::Mesh, Side::Called, Proxies::PerhapsGateways);
        self.unmodelled.extend(objects.into_iter().map(|object| {
            let (ends, spared) = (ends.clone(), BTreeSet::new());
            Unmodelled { object, why, gates, ends, side, proxies, spared }
        }));
    }

    /// Leaves open what waypoints take and send whose pods are not as Istio usually makes them.
    pub(super) fn open_reshaped(&mut self) {
        for Reshaped { object, key, waypoint: (namespace, name) } in self.mesh.find_reshaped(&self.inventory) {
            let carried = equalities(&Labels::from([(Symbol::from(GATEWAY_NAME), name)]));
            let (why, gates, side, proxies) = (Why::Setting(key), Gates::Both, Side::Either, Proxies::Any);
            let (ends, spared) = (Ends::of_namespace(&namespace, carried), BTreeSet::new());
            self.unmodelled.push(Unmodelled { object, why, gates, ends, side, proxies, spared });
        }
    }

    /// Leaves open what the pods of Istio's own gateways send, where gateways may be told to call over waypoints (`semantics.md` §2.11) and
    /// it is not known which pods are some.
    pub(super) fn open_calls_of_gateways(&mut self) {
        if !self.mesh.sends_gateways_to_waypoints(&self.inventory) {
            return;
        }
        let gateways = self.unmodelled.iter_mut().filter(|object| object.why == Why::Role && object.side == Side::Called);
        gateways.for_each(|object| object.side = Side::Either);
    }
}
