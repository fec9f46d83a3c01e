//! The pods that Istio makes for Gateways of the Gateway API, as it makes them.
//!
//! Owns: `MadePods`, their labels and accounts (istio/istio : pilot/pkg/config/kube/gateway/deploymentcontroller.go and the templates
//! manifests/charts/istio-control/istio-discovery/files/{kube-gateway,waypoint}.yaml). It must not know what such pods do.

use std::collections::BTreeSet;

use super::Mesh;
use super::attachment::GATEWAY_NAME;
use super::gateway::GATEWAY_CLASS;
use super::read::gateway::Gateway;
use super::read::waypoint::NETWORK;
use super::tunnel::{CLASS_NAME, EAST_WEST_CLASS};
use crate::cluster::ProxyRole;
use crate::flow::{Labels, Symbol};
use crate::inventory::added_to_deployments;

/// The pods that Istio makes for a Gateway of the Gateway API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePods {
    /// The namespace of the Gateway, which is theirs.
    pub namespace: Symbol,
    /// The name of the Gateway.
    pub gateway: Symbol,
    /// The labels that each of them carries.
    pub labels: Labels,
    /// Keys of labels that they may carry besides, with values that are not known. Never a key of `labels`.
    pub open_labels: BTreeSet<Symbol>,
    /// The account that they run as, unless it hangs on the version of Istio.
    pub account: Option<Symbol>,
    /// What they are for: gateways, or waypoints and east-west gateways of ambient mode, which are one by another name.
    pub role: ProxyRole,
    /// Whether they are as Istio usually makes them.
    pub shape: Shape,
}

/// Whether the pods of a Gateway are as Istio usually makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// They are.
    Usual,
    /// Something is laid over them that may change them, or an istiod does not copy labels of which they would have some: their labels and
    /// their account may be others.
    Changed,
}

/// The class of a Gateway for which Istio makes pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Gateway,
    Waypoint,
    EastWest,
}

/// The label that says how a pod takes part in ambient mode.
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
const MANAGED: &str = "gateway.istio.io/managed";
const INJECT: &str = "sidecar.istio.io/inject";
const CANONICAL_NAME: &str = "service.istio.io/canonical-name";
const CANONICAL_REVISION: &str = "service.istio.io/canonical-revision";

/// The label by which gateways of older versions are found, and those that were made by them.
const OLD_GATEWAY_NAME: &str = "istio.io/gateway-name";

/// The labels that the templates have given to all pods since this version.
const KNOWN_SINCE: (u16, u16, u16) = (1, 25, 0);

impl Mesh {
    /// The pods that Istio makes for each Gateway that it makes some for, in the order of namespaces and names.
    pub(crate) fn made_pods(&self) -> impl Iterator<Item = MadePods> {
        self.gateways.iter().filter(|(_, gateway)| !gateway.made.is_elsewhere).filter_map(|((namespace, name), gateway)| {
            let class = self.class(gateway)?;
            let (labels, open_labels) = self.made_labels(name, gateway);
            let account = gateway.made.account.clone().or_else(|| class.usual_name(name, gateway));
            let (namespace, shape, role) = (Symbol::clone(namespace), self.shape(namespace, gateway), class.role());
            Some(MadePods { namespace, gateway: Symbol::clone(name), labels, open_labels, account, role, shape })
        })
    }

    /// The labels of the pods of a Gateway that are known, and the keys of those that are not: what is usual, over that what the Gateway says,
    /// and over that what tells whose a pod is.
    pub(super) fn made_labels(&self, name: &Symbol, gateway: &Gateway) -> (Labels, BTreeSet<Symbol>) {
        let class = self.class(gateway).unwrap_or(Class::Gateway);
        let deployment = gateway.made.deployment.clone().or_else(|| class.usual_name(name, gateway));
        let usual = [(INJECT, "false"), (CANONICAL_REVISION, "latest")];
        let own = [(GATEWAY_NAME, &**name), (CLASS_NAME, &*gateway.class), (MANAGED, class.controller())];
        let symbols = |(key, value): (&str, &str)| (key.into(), value.into());
        let mut labels: Labels = usual.into_iter().map(symbols).collect();
        labels.extend(deployment.map(|deployment| (Symbol::from(CANONICAL_NAME), deployment)));
        labels.extend((class != Class::Gateway).then(|| symbols((DATAPLANE_MODE, "none"))));
        labels.extend(gateway.made.labels.clone());
        labels.extend(own.into_iter().map(symbols));
        let open = self.open_labels(class, &labels, gateway);
        labels.retain(|key, _| !open.contains(key));
        (labels, open)
    }

    /// What Istio makes of a Gateway; none if it makes nothing.
    fn class(&self, gateway: &Gateway) -> Option<Class> {
        match &*gateway.class {
            GATEWAY_CLASS => Some(Class::Gateway),
            EAST_WEST_CLASS => Some(Class::EastWest),
            class => self.makes_waypoints(class).then_some(Class::Waypoint),
        }
    }

    /// The keys of labels that such a pod may have with values that are not known.
    fn open_labels(&self, class: Class, labels: &Labels, gateway: &Gateway) -> BTreeSet<Symbol> {
        let missing = |key: &&str| !labels.contains_key(*key);
        let mut open: BTreeSet<Symbol> = added_to_deployments().filter(missing).map(Symbol::from).collect();
        // The network of the installation, if it says one; gateways get none.
        if !gateway.made.has_network && class != Class::Gateway {
            open.insert(NETWORK.into());
        }
        if self.platform.istio < KNOWN_SINCE {
            open.extend([CLASS_NAME, DATAPLANE_MODE].map(Symbol::from));
        }
        // Templates of gateways have it in some versions, and what older ones made keeps its name.
        let of_versions = [DATAPLANE_MODE, OLD_GATEWAY_NAME].into_iter().filter(|_| class == Class::Gateway);
        open.extend(of_versions.chain([CANONICAL_NAME]).filter(missing).map(Symbol::from));
        open
    }

    /// Whether something makes the pods of a Gateway others than they usually are.
    fn shape(&self, namespace: &Symbol, gateway: &Gateway) -> Shape {
        let made = &gateway.made;
        let is_laid_over = made.parameters.as_ref().is_some_and(|own| self.overlays.may_change(namespace, own));
        let is_of_class = self.overlays.of_class(&gateway.class).next().is_some();
        let is_bare = made.copies_labels && self.overlays.not_copying().is_some();
        if is_laid_over || is_of_class || is_bare { Shape::Changed } else { Shape::Usual }
    }
}

impl Class {
    const fn role(self) -> ProxyRole {
        match self {
            Self::Gateway => ProxyRole::Gateway,
            Self::Waypoint | Self::EastWest => ProxyRole::Waypoint,
        }
    }

    /// The value of the label that names who makes them.
    const fn controller(self) -> &'static str {
        match self {
            Self::Gateway => "istio.io-gateway-controller",
            Self::Waypoint => "istio.io-mesh-controller",
            Self::EastWest => "istio.io-eastwest-controller",
        }
    }

    /// What the Deployment and the account are called for which a Gateway names nothing else; none where versions differ.
    fn usual_name(self, name: &Symbol, gateway: &Gateway) -> Option<Symbol> {
        match self {
            Self::Gateway => Some(format!("{name}-{}", gateway.class).into()),
            Self::Waypoint => Some(Symbol::clone(name)),
            Self::EastWest => None,
        }
    }
}

#[cfg(test)]
mod tests;
