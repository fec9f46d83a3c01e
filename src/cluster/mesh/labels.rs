//! By which labels the mesh's objects tell pods apart.
//!
//! Owns: the mesh's part of [`LabelTests`]: which test is one of rules that are alternatives to each other, and which is not; and the
//! selectors by which pods are told apart that are called. It must know exactly which labels of pods the other files look at; each
//! place is named here.

use std::collections::{BTreeMap, BTreeSet};

use super::Mesh;
use super::attachment::{self, Attachment, GATEWAY_NAME};
use super::chain::{ChainKind, Policy};
use super::declared::Declared;
use super::gateway::GATEWAY_CLASS;
use super::rule::Action;
use super::tunnel::EAST_WEST_CLASS;
use super::waypoint::{USE, USE_NAMESPACE, Waypoint};
use crate::flow::{LabelCube, LabelTests, Labels, Symbol, TestRole, Values};
use crate::inventory::ServiceFacts;

/// The label by which a classic gateway's pods are known.
const CLASSIC_GATEWAY: &str = "istio";

/// The labels by which pods name a waypoint, or are one or another gateway.
const ROUTE_KEYS: [&str; 4] = [USE, USE_NAMESPACE, GATEWAY_NAME, CLASSIC_GATEWAY];

impl Mesh {
    /// The selectors by which the mesh tells pods of a namespace apart that are called, those of the root namespace included.
    pub(crate) fn selectors(&self, namespace: &str) -> BTreeSet<LabelCube> {
        let policies = self.near(&self.policies, namespace).map(|policy| &policy.written.attachment);
        // Selectors of the root namespace select nothing in PeerAuthentications (`semantics.md` §3.1).
        let peers = self.peers.get(namespace).into_iter().flatten().map(|policy| &policy.attachment);
        let tokens = self.near(&self.tokens, namespace).map(|policy| &policy.attachment);
        let mut cubes: BTreeSet<LabelCube> = policies.chain(peers).chain(tokens).flat_map(Attachment::label_tests).collect();
        // A Service tells its pods from others by what it declares their ports to be, or by its waypoint.
        let services = self.services_in(namespace);
        let by_ports = || self.telling_by_ports(namespace, &Declared::of(services));
        let by_waypoints = !self.waypoints.is_empty() || (self.may_let_in() && self.names_waypoints());
        let services = if by_waypoints { services.iter().collect() } else { by_ports() };
        cubes
            .extend(services.into_iter().filter(|service| !service.selector.is_empty()).map(|service| attachment::cube(&service.selector)));
        cubes.extend(self.waypoints.iter().flat_map(|waypoint| self.waypoint_selectors(waypoint, namespace)));
        if self.may_let_in() {
            // One of which nobody knows as whom it runs may stand before whoever names it.
            let of_use = [Values::present(), Values::one("none".into())];
            cubes.extend(of_use.map(|values| LabelCube::of(USE.into(), values)));
        }
        cubes.extend(self.gateways_by_name().filter(|(own, _)| ***own == *namespace).map(|(_, test)| test));
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
        if self.may_let_in() {
            let own = (*waypoint.namespace == *namespace).then(Values::absent);
            let spaces = own.into_iter().chain([Values::one(Symbol::clone(&waypoint.namespace))]);
            cubes.extend(spaces.map(|space| named.clone().with(USE_NAMESPACE.into(), space)));
        }
        cubes
    }

    /// Whether Istio may let waypoints in by itself (`Mesh::synthetic`).
    fn may_let_in(&self) -> bool {
        self.platform.auto_allow_waypoint != Some(false)
    }

    /// Adds the tests of all its objects.
    pub(crate) fn add_label_tests(&self, tests: &mut LabelTests) {
        let declared = self.declared();
        let mut add = |role: TestRole, namespace: &Symbol, found: Vec<LabelCube>| {
            let names = self.reach(namespace);
            for test in found {
                tests.add(role, &names, test);
            }
        };
        // Read by `Attachment::on_sidecar` and `Attachment::on_ztunnel`.
        for policy in self.policies.values().flatten() {
            let (namespace, found) = (&policy.written.object.namespace, policy.written.attachment.label_tests());
            match self.role(policy, &declared) {
                Role::Alternative => add(TestRole::Mesh, namespace, found),
                Role::Other => add(TestRole::Other, namespace, found),
                Role::None => {}
            }
        }
        // By `Modes::of`; selectors of the root namespace select nothing there (`semantics.md` §3.1). What a pod's policy sets replaces
        // what was before, so it can let pass and stop beside a rule that does.
        for (namespace, peers) in self.peers.iter().filter(|(namespace, _)| **namespace != self.platform.root_namespace) {
            for policy in peers {
                add(TestRole::Other, namespace, policy.attachment.label_tests());
            }
        }
        // By `Attachment::on_sidecar`: which tokens are verified is asked before any rule.
        for (namespace, tokens) in &self.tokens {
            for policy in tokens {
                add(TestRole::Other, namespace, policy.attachment.label_tests());
            }
        }
        self.add_services(&declared, tests);
        self.add_destination_rules(&declared, tests);
        self.add_waypoints(tests);
        // By `MeshEnd::announces` and `Mesh::mislabelled`.
        for key in &self.marks {
            tests.add(TestRole::Other, Values::any_ref(), LabelCube::of((*key).into(), Values::present()));
        }
        // By `Mesh::proxy_role` and `Mesh::is_tunnel`: a gateway listens where another pod's Envoy does not.
        for (namespace, test) in self.gateways_by_name() {
            tests.add(TestRole::Other, &Values::one(Symbol::clone(namespace)), test);
        }
    }

    /// The labels by which pods are known as gateways, and their namespaces.
    fn gateways_by_name(&self) -> impl Iterator<Item = (&Symbol, LabelCube)> {
        let gateways = self.gateways.iter().filter(|(_, gateway)| matches!(&*gateway.class, GATEWAY_CLASS | EAST_WEST_CLASS));
        gateways.map(|((namespace, name), _)| (namespace, LabelCube::of(GATEWAY_NAME.into(), Values::one(Symbol::clone(name)))))
    }

    /// The names of the namespaces whose pods a policy of one of them may act on (`semantics.md` §2.1).
    fn reach(&self, namespace: &Symbol) -> Values {
        if *namespace == self.platform.root_namespace { Values::any() } else { Values::one(Symbol::clone(namespace)) }
    }

    /// The labels by which Services lead to pods of their own namespaces (`services::selects`).
    ///
    /// Where calls of Services go no other way than those of pods, Services only say what a port is taken for: by one that declares it
    /// as plain connections, by a second one that declares it otherwise, or by none (`Classes`).
    fn add_services(&self, declared: &BTreeMap<&Symbol, Declared>, tests: &mut LabelTests) {
        for (namespace, declared) in declared {
            let names = Values::one(Symbol::clone(namespace));
            let role = if self.are_called_otherwise(namespace) { TestRole::Other } else { TestRole::Port };
            let services = self.telling(namespace, declared).into_iter().filter(|service| !service.selector.is_empty());
            services.for_each(|service| tests.add(role, &names, attachment::cube(&service.selector)));
        }
    }

    /// The labels of the clients that rules of TLS are for, which are of the rule's own namespace (`DestinationRule::is_meant_for`), and of the
    /// pods that they single out, which are of the namespace of a Service that they are about (`said`, `agreed`).
    fn add_destination_rules(&self, declared: &BTreeMap<&Symbol, Declared>, tests: &mut LabelTests) {
        if !self.destinations.iter().any(super::DestinationRule::mentions_tls) {
            return;
        }
        for rule in &self.destinations {
            let own = Values::one(Symbol::clone(&rule.object.namespace));
            rule.client_tests().for_each(|test| tests.add(TestRole::Other, &own, test));
            let called = declared.keys().filter(|namespace| rule.may_be_about(namespace)).map(|namespace| Symbol::clone(namespace));
            let called = Values::of(called);
            rule.subset_tests().for_each(|test| tests.add(TestRole::Other, &called, test));
        }
    }

    /// The labels by which pods name a waypoint (`Mesh::named`), or are one (`Mesh::is_waypoint`), or a gateway that may be told to call
    /// over one (`Mesh::takes_waypoints`, `Mesh::ingress`).
    fn add_waypoints(&self, tests: &mut LabelTests) {
        if !self.has_ambient && !self.names_waypoints() && !self.may_let_in() {
            return;
        }
        for key in ROUTE_KEYS {
            tests.add(TestRole::Other, Values::any_ref(), LabelCube::of(key.into(), Values::present()));
        }
    }

    /// The keys of labels that tell which way calls go, and whether they can be made: by which Services pods are called
    /// (`Mesh::targets`, `Mesh::impossible`), which rules of TLS are for them, which waypoints they name or are, and whether they are
    /// gateways. No answer of an end hangs on most of them.
    pub(crate) fn route_keys(&self) -> BTreeSet<Symbol> {
        let mut keys: BTreeSet<Symbol> = self.services.iter().flat_map(|service| service.selector.keys().cloned()).collect();
        // A rule that says nothing of TLS may hide one that does.
        let is_told = self.destinations.iter().any(super::DestinationRule::mentions_tls);
        let rules = self.destinations.iter().filter(|_| is_told);
        let tests = rules.flat_map(|rule| rule.client_tests().chain(rule.subset_tests()));
        keys.extend(tests.flat_map(|test| test.iter().map(|(key, _)| Symbol::clone(key)).collect::<Vec<_>>()));
        if self.has_ambient || self.names_waypoints() {
            keys.extend(ROUTE_KEYS.map(Symbol::from));
        }
        keys.extend(self.marks.iter().map(|key| Symbol::from(*key)));
        keys.extend(self.gateways_by_name().next().map(|_| Symbol::from(GATEWAY_NAME)));
        keys
    }

    /// Whether calls may go over waypoints: one is there, or an object's labels name one.
    pub(super) fn names_waypoints(&self) -> bool {
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

    /// Whether Services may disagree on whether a port is HTTP, on some pod that a policy may act on; or whether it may be a gateway's, on
    /// which nobody may say it.
    fn is_disputed_near(&self, policy: &Policy, declared: &BTreeMap<&Symbol, Declared>) -> bool {
        let own = &policy.written.object.namespace;
        if *own == self.platform.root_namespace {
            return declared.values().any(Declared::may_be_disputed) || self.gateways_by_name().next().is_some();
        }
        declared.get(own).is_some_and(Declared::may_be_disputed) || self.gateways_by_name().any(|(namespace, _)| namespace == own)
    }

    /// The Services of a namespace of which it matters which pods they lead to: all of them where calls of Services may go another way
    /// than those of pods, else those that tell what a port is taken for.
    fn telling<'m>(&'m self, namespace: &str, declared: &Declared) -> Vec<&'m ServiceFacts> {
        let by_ways = self.are_called_otherwise(namespace);
        if by_ways { self.services_in(namespace).iter().collect() } else { self.telling_by_ports(namespace, declared) }
    }

    /// Whether calls of the Services of a namespace may go another way than those of their pods.
    fn are_called_otherwise(&self, namespace: &str) -> bool {
        self.names_waypoints() || !self.client_tls(namespace).is_empty()
    }

    /// The Services of a namespace that tell what a port is taken for, on pods where somebody makes a difference between requests: nobody
    /// else notices.
    fn telling_by_ports<'m>(&'m self, namespace: &str, declared: &Declared) -> Vec<&'m ServiceFacts> {
        let listeners = self.listeners(namespace);
        let is_heard = |service: &&ServiceFacts| {
            let pods = attachment::cube(&service.selector);
            listeners.iter().any(|listener| listener.overlaps(&pods))
        };
        self.services_in(namespace).iter().filter(|service| declared.are_told_by(service)).filter(is_heard).collect()
    }

    /// The pods of a namespace on which policies make a difference between requests.
    fn listeners(&self, namespace: &str) -> Vec<LabelCube> {
        let asks = |policy: &&Policy| policy.counts(ChainKind::Http) && policy.asks_http();
        let policies = self.near(&self.policies, namespace).filter(asks).map(|policy| &policy.written.attachment);
        let tokens = self.near(&self.tokens, namespace).map(|policy| &policy.attachment);
        policies.chain(tokens).flat_map(|attachment| self.chosen(attachment)).collect()
    }

    /// The pods on whose proxies a policy may act.
    fn chosen(&self, attachment: &Attachment) -> Vec<LabelCube> {
        match attachment {
            Attachment::Everywhere | Attachment::EmptySelector => vec![LabelCube::all()],
            // `Mesh::targets_known`.
            Attachment::Targets(_) if self.platform.istio < (1, 22, 0) => vec![LabelCube::all()],
            Attachment::Labels(_) | Attachment::Targets(_) => attachment.label_tests(),
        }
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
