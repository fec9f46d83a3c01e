//! By which labels the mesh's objects tell pods apart.
//!
//! Owns: the mesh's part of [`LabelTests`]: which test is one of rules that are alternatives to each other, and which is not; and the
//! selectors by which pods are told apart that are called. It must know exactly which labels of pods the other files look at; each
//! place is named here.

use std::collections::{BTreeMap, BTreeSet};

use super::Mesh;
use super::attachment::{self, GATEWAY_NAME};
use super::chain::{ChainKind, Policy};
use super::declared::Declared;
use super::rule::Action;
use super::waypoint::{USE, USE_NAMESPACE, Waypoint};
use crate::flow::{LabelCube, LabelTests, Labels, Symbol, Values};
use crate::inventory::ServiceFacts;

/// The label by which a classic gateway's pods are known.
const CLASSIC_GATEWAY: &str = "istio";

impl Mesh {
    /// The selectors by which the mesh tells pods of a namespace apart that are called, those of the root namespace included.
    pub(crate) fn selectors(&self, namespace: &str) -> BTreeSet<LabelCube> {
        let policies = self.near(&self.policies, namespace).map(|policy| &policy.written.attachment);
        // Selectors of the root namespace select nothing in PeerAuthentications (`semantics.md` §3.1).
        let peers = self.peers.get(namespace).into_iter().flatten().map(|policy| &policy.attachment);
        let tokens = self.near(&self.tokens, namespace).map(|policy| &policy.attachment);
        let mut cubes: BTreeSet<LabelCube> = policies.chain(peers).chain(tokens).flat_map(attachment::Attachment::label_tests).collect();
        // A Service tells its pods from others by what it declares their ports to be, or by its waypoint.
        let services = self.services_in(namespace);
        let declared = Declared::of(services);
        let matters = |service: &&ServiceFacts| !self.waypoints.is_empty() || declared.are_told_by(service);
        let services = services.iter().filter(|service| !service.selector.is_empty()).filter(matters);
        cubes.extend(services.map(|service| attachment::cube(&service.selector)));
        cubes.extend(self.waypoints.iter().flat_map(|waypoint| self.waypoint_selectors(waypoint, namespace)));
        cubes
    }

    /// The labels by which pods of a namespace are a waypoint's, or name it.
    ///
    /// Which pods name it for their own calls matters at their end where Istio may let it in by itself (`Mesh::synthetic`): then a label
    /// that names any waypoint hides the one of the namespace, and a second one says of which namespace the waypoint is.
    fn waypoint_selectors(&self, waypoint: &Waypoint, namespace: &str) -> Vec<LabelCube> {
        let equal = |key: &str, value: &str| LabelCube::of(key.into(), Values::one(value.into()));
        let named = equal(USE, &waypoint.name);
        let mut cubes = vec![equal(GATEWAY_NAME, &waypoint.name), named.clone(), equal(USE, "none")];
        if waypoint.serves.to_workloads() && self.platform.auto_allow_waypoint != Some(false) {
            cubes.push(LabelCube::of(USE.into(), Values::present()));
            let own = (*waypoint.namespace == *namespace).then(Values::absent);
            let spaces = own.into_iter().chain([Values::one(Symbol::clone(&waypoint.namespace))]);
            cubes.extend(spaces.map(|space| named.clone().with(USE_NAMESPACE.into(), space)));
        }
        cubes
    }

    /// Adds the tests of all its objects.
    pub(crate) fn add_label_tests(&self, tests: &mut LabelTests) {
        let declared = self.declared();
        // Read by `Attachment::on_sidecar` and `Attachment::on_ztunnel`.
        for policy in self.policies.values().flatten() {
            let found = policy.written.attachment.label_tests();
            match self.role(policy, &declared) {
                Role::Alternative => tests.mesh.extend(found),
                Role::Other => tests.others.extend(found),
                Role::None => {}
            }
        }
        // By `Modes::of`; selectors of the root namespace select nothing there (`semantics.md` §3.1). What a pod's policy sets replaces
        // what was before, so it can let pass and stop beside a rule that does.
        let peers = self.peers.iter().filter(|(namespace, _)| **namespace != self.platform.root_namespace).flat_map(|(_, all)| all);
        tests.others.extend(peers.flat_map(|policy| policy.attachment.label_tests()));
        // By `Attachment::on_sidecar`: which tokens are verified is asked before any rule.
        tests.others.extend(self.tokens.values().flatten().flat_map(|policy| policy.attachment.label_tests()));
        // By `services::selects`.
        let services = declared.iter().flat_map(|(namespace, declared)| self.telling(namespace, declared));
        tests.others.extend(services.filter(|service| !service.selector.is_empty()).map(|service| attachment::cube(&service.selector)));
        // By `said` and `agreed`.
        if self.destinations.iter().any(super::DestinationRule::mentions_tls) {
            tests.others.extend(self.destinations.iter().flat_map(super::DestinationRule::label_tests));
        }
        self.add_waypoints(tests);
    }

    /// The labels by which pods name a waypoint (`Mesh::named`), or are one (`Mesh::is_waypoint`), or a gateway that may be told to call
    /// over one (`Mesh::takes_waypoints`, `Mesh::ingress`).
    fn add_waypoints(&self, tests: &mut LabelTests) {
        if !self.has_ambient && !self.names_waypoints() {
            return;
        }
        let keys = [USE, USE_NAMESPACE, GATEWAY_NAME, CLASSIC_GATEWAY];
        tests.others.extend(keys.map(|key| LabelCube::of(key.into(), Values::present())));
        let of = |name: &Symbol| LabelCube::of(GATEWAY_NAME.into(), Values::one(Symbol::clone(name)));
        tests.others.extend(self.waypoints.iter().map(|waypoint| of(&waypoint.name)));
    }

    /// Whether calls may go over waypoints: one is there, or an object's labels name one.
    fn names_waypoints(&self) -> bool {
        let names = |labels: &Labels| labels.contains_key(USE);
        !self.waypoints.is_empty() || self.services.iter().any(|service| names(&service.labels)) || self.namespaces.values().any(names)
    }

    /// What a policy's selector does.
    ///
    /// A connection passes by one ALLOW rule that matches, and is stopped by one DENY rule that does or by one policy that allows
    /// others. So it is with what a DENY policy surely says. Where it may be left open whether it matches, or where proxies may take a port
    /// for HTTP or not and read its rules differently, a connection is left open by it *and* by an ALLOW rule, both of which count.
    fn role(&self, policy: &Policy, declared: &BTreeMap<&Symbol, Declared>) -> Role {
        if !policy.counts(ChainKind::Http) {
            return Role::None;
        }
        match policy.written.action {
            Action::Audit => Role::None,
            Action::Custom => Role::Other,
            Action::Deny if policy.may_be_open() || (policy.asks_http() && self.is_disputed_near(policy, declared)) => Role::Other,
            Action::Allow | Action::Deny => Role::Alternative,
        }
    }

    /// Whether Services may disagree on whether a port is HTTP, on some pod that a policy may act on.
    fn is_disputed_near(&self, policy: &Policy, declared: &BTreeMap<&Symbol, Declared>) -> bool {
        let own = &policy.written.object.namespace;
        if *own == self.platform.root_namespace {
            return declared.values().any(Declared::may_be_disputed);
        }
        declared.get(own).is_some_and(Declared::may_be_disputed)
    }

    /// The Services of a namespace of which it matters which pods they lead to.
    ///
    /// It does where calls of Services may go another way than those of pods, and where it tells what a port is taken for, which only
    /// those notice who look into requests.
    fn telling<'m>(&'m self, namespace: &str, declared: &Declared) -> Vec<&'m ServiceFacts> {
        let all = self.names_waypoints() || !self.client_tls(namespace).is_empty();
        let by_ports = all || self.looks_at_requests(namespace);
        let services = self.services_in(namespace).iter().filter(|_| by_ports);
        services.filter(|service| all || declared.are_told_by(service)).collect()
    }

    /// Whether any policy on pods of a namespace makes a difference between requests.
    fn looks_at_requests(&self, namespace: &str) -> bool {
        let asks = |policy: &Policy| policy.counts(ChainKind::Http) && policy.asks_http();
        self.near(&self.tokens, namespace).next().is_some() || self.near(&self.policies, namespace).any(asks)
    }
}

/// What the selector of a policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// One policy of its kind is enough.
    Alternative,
    /// It counts beside others.
    Other,
    /// It changes no verdict.
    None,
}
