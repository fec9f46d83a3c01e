//! `AuthorizationPolicy`, `PeerAuthentication` and `RequestAuthentication` (`security.istio.io/v1`) for pods with sidecars.
//!
//! Owns: which objects a namespace gets. How permissions become rules is in `rules`, how objects are written in `document`. It
//! prints what `gates` decided; a permission that the kinds cannot say is left out, which lets through less, never more.

mod document;
mod rules;

use std::collections::BTreeMap;

use super::name::{Role, name, part};
use super::object::{Object, Wave, intents};
use super::settings::{AccountForm, account_form};
use super::split::MAX_OBJECT;
use super::{Coverage, Manifest, Target, WORTH_A_THREAD};
use crate::config::SyncWaves;
use crate::flow::{LabelCube, Symbol, Values};
use crate::gates::{Gates, MeshGate, Permission, Selector, TransportMode};
use crate::ir::{Issuer, Need, Ownership, Policy};
use crate::syntax::ast::Action;
use crate::threads::in_shares;

const API_VERSION: &str = "security.istio.io/v1";

/// Istio's policies: callers by identity, transport and requests, on TCP ports, at the destination.
#[derive(Debug, Clone, Copy)]
pub struct Istio;

impl Target for Istio {
    fn name(&self) -> &'static str {
        "istio"
    }

    fn covers(&self, need: Need) -> Coverage {
        match need {
            Need::Labels => Coverage::Partial("the mesh knows callers by service account, not by label"),
            Need::LabelSets => Coverage::Partial("the mesh selects pods by single values of labels"),
            Need::NamespaceNames => Coverage::Partial("a caller without identity is of no namespace to the mesh"),
            Need::NamespaceLabels => Coverage::Partial("the mesh knows the names of namespaces, not their labels"),
            Need::Addresses => Coverage::Partial("the mesh lets callers by address through from anywhere"),
            Need::Egress => Coverage::No("the mesh judges at the destination"),
            Need::PortRanges => Coverage::Partial("the mesh knows single ports: a long range becomes every port"),
            Need::Udp | Need::Sctp => Coverage::No("the mesh sees TCP alone"),
            Need::Audit => Coverage::Partial("the mesh logs where its proxies are set up to"),
            Need::DenyEnds => Coverage::Partial("the mesh refuses whole namespaces and everybody, no single callers"),
            Need::Accounts
            | Need::Ingress
            | Need::Ports
            | Need::Mtls
            | Need::Http
            | Need::HttpMethods
            | Need::HttpPaths
            | Need::HttpHosts
            | Need::HttpHeaders
            | Need::Tokens
            | Need::DenyRequests => Coverage::Full,
        }
    }

    fn emit(&self, policy: &Policy, gates: &Gates) -> Vec<Manifest> {
        let printer = Printer { policy, accounts: account_form(&policy.config), waves: policy.config.output.sync_waves };
        let is_ours = |name: &Symbol| policy.namespace(name).is_some_and(|namespace| namespace.ownership == Ownership::Managed);
        let ours = gates.namespaces.iter().filter(|(name, _)| is_ours(name));
        let meshed: Vec<(&Symbol, &MeshGate)> = ours.filter_map(|(name, gates)| Some((name, gates.mesh.as_ref()?))).collect();
        let print = |share: &[(&Symbol, &MeshGate)]| -> Vec<Manifest> {
            share.iter().flat_map(|(name, mesh)| printer.namespace(name, mesh)).collect()
        };
        in_shares(&meshed, WORTH_A_THREAD, print).into_iter().flatten().collect()
    }
}

struct Printer<'a> {
    policy: &'a Policy,
    accounts: AccountForm<'a>,
    waves: SyncWaves,
}

impl Printer<'_> {
    /// All objects of one namespace, by kind and name.
    fn namespace(&self, namespace: &Symbol, mesh: &MeshGate) -> Vec<Manifest> {
        let mut manifests: Vec<Manifest> = mesh.closed.iter().map(|selector| self.deny_all(namespace, selector)).collect();
        manifests.extend(by_object(mesh).iter().flat_map(|((selector, action), list)| self.object(namespace, selector, *action, list)));
        manifests.extend(mesh.transports.iter().map(|(selector, mode)| self.transport(namespace, selector, *mode)));
        let tokens = mesh.tokens.iter().filter_map(|(selector, issuers)| {
            let issuers: Vec<&Issuer> = issuers.iter().filter_map(|name| self.policy.issuers.get(name)).collect();
            self.tokens(namespace, selector, &issuers)
        });
        manifests.extend(tokens);
        manifests.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        manifests
    }

    /// An ALLOW without rules: what no other ALLOW names is refused (`semantics.md` §2.3).
    fn deny_all(&self, namespace: &Symbol, selector: &Selector) -> Manifest {
        let name = name(&cube(selector), Role::DenyAll);
        self.named("AuthorizationPolicy", namespace, &name, Wave::Denies).manifest(&document::deny_all(selector))
    }

    /// The `AuthorizationPolicy` of one selector and action, or several if one would be too large: rules add up.
    fn object(&self, namespace: &Symbol, selector: &Selector, action: Action, permissions: &[&Permission]) -> Vec<Manifest> {
        let rules = rules::merge(permissions);
        let written: Vec<document::Rule> = rules.iter().flat_map(|rule| document::rules(rule, self.accounts)).collect();
        // A DENY or AUDIT without rules is refused by Istio's validation; an ALLOW without rules closes what it selects.
        if written.is_empty() && action != Action::Allow {
            return Vec::new();
        }
        let (role, wave) = match action {
            Action::Allow => (Role::Allow, Wave::Allows),
            Action::Deny => (Role::Deny, Wave::Denies),
            Action::Audit => (Role::Audit, Wave::Allows),
        };
        let name = name(&cube(selector), role);
        let intents = intents(self.policy, namespace, permissions.iter().map(|permission| permission.rule));
        let object = Object { intents: &intents, ..self.named("AuthorizationPolicy", namespace, &name, wave) };
        let spec = document::authorization(selector, action, written);
        let whole = object.manifest(&spec);
        if spec.is_within_limits() && whole.yaml.len() <= MAX_OBJECT {
            return vec![whole];
        }
        let parts = spec.parts(MAX_OBJECT.saturating_sub(intents.len() * 2));
        let print = |(at, spec)| Object { name: &part(&name, at + 1), ..object }.manifest(&spec);
        parts.into_iter().enumerate().map(print).collect()
    }

    fn transport(&self, namespace: &Symbol, selector: &Selector, mode: TransportMode) -> Manifest {
        let wave = match mode {
            TransportMode::Strict => Wave::Strict,
            TransportMode::Permissive => Wave::Permissive,
        };
        let name = name(&cube(selector), Role::Transport);
        self.named("PeerAuthentication", namespace, &name, wave).manifest(&document::transport(selector, mode))
    }

    fn tokens(&self, namespace: &Symbol, selector: &Selector, issuers: &[&Issuer]) -> Option<Manifest> {
        let spec = document::tokens(selector, issuers)?;
        let name = name(&cube(selector), Role::Tokens);
        Some(self.named("RequestAuthentication", namespace, &name, Wave::Identities).manifest(&spec))
    }

    fn named<'b>(&self, kind: &'static str, namespace: &'b Symbol, name: &'b str, wave: Wave) -> Object<'b> {
        Object { api_version: API_VERSION, kind, namespace, name, intents: "", wave, waves: self.waves }
    }
}

/// The permissions of each object.
fn by_object(mesh: &MeshGate) -> BTreeMap<(&Selector, Action), Vec<&Permission>> {
    let mut objects: BTreeMap<(&Selector, Action), Vec<&Permission>> = BTreeMap::new();
    for permission in &mesh.permissions {
        objects.entry((&permission.selector, permission.action)).or_default().push(permission);
    }
    objects
}

/// A selector as the cube that names are made of.
fn cube(selector: &Selector) -> LabelCube {
    let test = |cube: LabelCube, (key, value): (&Symbol, &Symbol)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value)));
    selector.iter().fold(LabelCube::all(), test)
}
