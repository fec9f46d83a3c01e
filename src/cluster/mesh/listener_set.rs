//! Which `ListenerSet`s count for which Gateway.
//!
//! Owns: `More`. It must not know what a listener takes.
//!
//! Istio knows the graduated kind since 1.30, where nothing has to be set for it; before, the experimental one, where
//! `PILOT_ENABLE_ALPHA_GATEWAY_API` is set (istio/istio : `pilot/pkg/config/kube/gateway/{controller,gateway_collection}.go`). Gateways that are
//! waypoints have none, but their pods do not ask.

use super::Mesh;
use super::gateway::{Server, Takes};
use super::read::admits::{Admitted, Doubts};
use super::read::gateway::Frontend;
use super::read::listener_set::{EXPERIMENTAL, ListenerSet};
use crate::cluster::object::Object;

/// Listeners of a Gateway that another object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct More {
    /// That object.
    pub(super) object: Object,
    /// What it opens; none if that cannot be understood.
    pub(super) listeners: Option<Vec<Server>>,
}

const ALPHA: &str = "whether Istio reads an XListenerSet hangs on its version, and on whether its alpha features are on";
const BEFORE: &str = "Istio before 1.30 does not read ListenerSets";

const DOUBTS: Doubts = Doubts {
    unclear: "which ListenerSets the Gateway lets in cannot be understood",
    unlabelled: "the labels of the namespace, by which the Gateway lets ListenerSets in, are not known",
};

impl Mesh {
    /// Gives every Gateway the listeners of the sets that it lets in, or may.
    pub(super) fn add_listener_sets(&mut self) {
        for set in std::mem::take(&mut self.listener_sets) {
            let doubt = match self.counts(&set) {
                Admitted::No => continue,
                Admitted::Yes => None,
                Admitted::Perhaps(reason) => Some(reason),
            };
            let Some(gateway) = set.parent.and_then(|parent| self.gateways.get_mut(&parent)) else { continue };
            let mut listeners = match gateway.frontend {
                Frontend::AsksNothing => set.asking_nothing,
                Frontend::AsksCertificates => set.asking_certificates,
            };
            for server in listeners.iter_mut().flatten() {
                server.takes = doubt.map_or(server.takes, Takes::Unknown);
            }
            gateway.more.push(More { object: set.object, listeners });
        }
    }

    /// Whether a set counts for its Gateway.
    fn counts(&self, set: &ListenerSet) -> Admitted {
        let Some(gateway) = set.parent.as_ref().and_then(|parent| self.gateways.get(parent)) else { return Admitted::No };
        let namespace = &*set.object.namespace;
        match gateway.admits.admit(&gateway.object.namespace, namespace, self.namespaces.get(namespace), DOUBTS) {
            Admitted::Yes if &*set.object.kind == EXPERIMENTAL => Admitted::Perhaps(ALPHA),
            Admitted::Yes if self.platform.istio < (1, 30, 0) => Admitted::Perhaps(BEFORE),
            admitted => admitted,
        }
    }
}
