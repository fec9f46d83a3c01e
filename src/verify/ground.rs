//! What a proof takes for granted of a program.
//!
//! Owns: which assumptions are listed, by what the program says. Whether they hold is not asked here.

use std::collections::{BTreeMap, BTreeSet};

use super::assumption::Assumption;
use super::granted::Granted;
use super::world::PolicyWorld;
use crate::cluster::Cluster;
use crate::config::Answer;
use crate::flow::{DataPlane, LabelCube, Labels, NAMESPACE_NAME, PodCube, PodSet, Protocol, Symbol};
use crate::gates::Gates;
use crate::ir::{End, Namespace, Ownership, Policy, Rule, Target};
use crate::syntax::ast::Action;

/// What a comparison with a program's manifests takes for granted.
pub fn assumptions(policy: &Policy, gates: &Gates) -> Vec<Assumption> {
    taken_for_granted(policy, &PolicyWorld::new(policy), &Granted::new(policy, gates))
}

pub(super) fn taken_for_granted(policy: &Policy, world: &PolicyWorld<'_>, granted: &Granted<'_>) -> Vec<Assumption> {
    let managed: Vec<Symbol> = policy.managed().map(|namespace| Symbol::clone(&namespace.name)).collect();
    let mut list = of_the_mesh(policy, world);
    list.extend(policy.named_accounts.iter().map(account_pods));
    list.extend(named_ports(policy));
    list.push(Assumption::PodNetwork { namespaces: ruled(policy).map(|namespace| Symbol::clone(&namespace.name)).collect() });
    list.extend(of_rules(policy, granted));
    list.extend(of_the_platform(policy));
    list.extend(of_issuers(policy));
    list.push(Assumption::NoOtherPolicies { namespaces: managed });
    let with: Vec<Symbol> = with(policy).into_iter().collect();
    list.extend((!with.is_empty()).then_some(Assumption::WithApplied { namespaces: with }));
    list
}

/// What manifests hang on that the program does not speak of: labels of namespaces that they test, blocks of addresses.
pub(super) fn add_of_manifests(list: &mut Vec<Assumption>, policy: &Policy, cluster: &Cluster) {
    let (tested, looked_at) = (tested_keys(policy), cluster.namespace_label_keys());
    if !looked_at.is_subset(&tested) {
        let place = list.iter().position(is_of_namespace_labels).unwrap_or(list.len());
        list.retain(|assumption| !is_of_namespace_labels(assumption));
        list.splice(place..place, namespace_labels(policy, &tested.union(&looked_at).cloned().collect()));
    }
    let has_blocks = policy.config.cluster.pods.is_empty() && cluster.blocks().next().is_some();
    if has_blocks && !list.iter().any(|assumption| matches!(assumption, Assumption::NoPodAddress { .. })) {
        list.push(Assumption::NoPodAddress { pods: policy.config.cluster.pods.clone() });
    }
}

/// That pods of namespaces which manifests keep out of the mesh are outside of it.
pub(super) fn add_planes_of_others(list: &mut Vec<Assumption>) {
    if !list.contains(&Assumption::OthersPlanes) {
        list.push(Assumption::OthersPlanes);
    }
}

/// That the pods of an account are those that are known: a rule that names it lets no others through the network.
fn account_pods(((namespace, account), pods): (&(Symbol, Symbol), &PodSet)) -> Assumption {
    Assumption::AccountPods { namespace: Symbol::clone(namespace), account: Symbol::clone(account), pods: pods.clone() }
}

/// What the names of ports stand for that rules and expectations write: both gates and the comparison are given numbers.
fn named_ports(policy: &Policy) -> Vec<Assumption> {
    let mut known: BTreeMap<(&Symbol, Protocol, u16), PodSet> = BTreeMap::new();
    let targets = policy.rules.iter().map(|rule| &rule.targets).chain(policy.expectations.iter().map(|expectation| &expectation.targets));
    for target in targets.flatten() {
        let Some(name) = &target.port_name else { continue };
        for (protocol, number, _) in target.ports.ranges() {
            let pods = known.entry((name, protocol, number)).or_insert_with(PodSet::none);
            *pods = pods.union(&target.end.peers().pods);
        }
    }
    let of_name = |((name, protocol, number), pods): ((&Symbol, _, _), PodSet)| Assumption::NamedPort {
        pods: pods.merge(),
        name: Symbol::clone(name),
        protocol,
        number,
    };
    known.into_iter().map(of_name).collect()
}

/// Who takes part in the mesh, and as whom.
fn of_the_mesh(policy: &Policy, world: &PolicyWorld<'_>) -> Vec<Assumption> {
    let mut list = Vec::new();
    let meshed = ruled(policy).filter(|namespace| namespace.plane == Some(DataPlane::Sidecar));
    let meshed: Vec<Symbol> = meshed.map(|namespace| Symbol::clone(&namespace.name)).collect();
    if !meshed.is_empty() {
        let account = |known: &super::world::Known| Assumption::Account { pods: known.pods.clone(), accounts: known.accounts.clone() };
        list.extend(world.known().map(account));
        list.push(Assumption::Captured { namespaces: meshed.clone() });
        list.push(Assumption::ClientTls { namespaces: meshed });
    }
    list.extend(outside_mesh(policy));
    list.extend(policy.rules.iter().any(|rule| lets_others_call(policy, rule)).then_some(Assumption::MeshedCallers));
    let is_meshed = policy.managed().any(|namespace| namespace.plane == Some(DataPlane::Sidecar));
    let is_said = policy.namespaces.values().any(|namespace| !namespace.is_managed() && namespace.plane.is_some());
    let hangs_on_others = is_said || policy.rules.iter().any(|rule| speaks_of_others(policy, rule));
    list.extend((is_meshed && hangs_on_others).then_some(Assumption::OthersPlanes));
    list
}

/// By whose keys the tokens are verified that rules ask for, each once.
fn of_issuers(policy: &Policy) -> Vec<Assumption> {
    let names = policy.rules.iter().filter_map(|rule| rule.jwt.as_ref()).map(|(name, _)| name);
    let issuers = names.filter_map(|name| policy.issuers.get(name));
    let said: BTreeSet<(&Symbol, &Symbol)> = issuers.filter_map(|issuer| Some((&issuer.url, issuer.jwks.as_ref()?))).collect();
    let keys = |(issuer, address): (&Symbol, &Symbol)| Assumption::Keys { issuer: Symbol::clone(issuer), address: Symbol::clone(address) };
    said.into_iter().map(keys).collect()
}

/// What rules name: labels of namespaces, ports served as HTTP, addresses, paths.
fn of_rules(policy: &Policy, granted: &Granted<'_>) -> Vec<Assumption> {
    let mut list = Vec::new();
    let keys = tested_keys(policy);
    if !keys.is_empty() {
        list.extend(namespace_labels(policy, &keys));
    }
    let snapshot = |(rule, names): &(&Rule, &BTreeSet<Symbol>)| Assumption::NamespaceSnapshot {
        source: rule.source.peers().pods,
        namespaces: names.iter().cloned().collect(),
    };
    list.extend(granted.snapshots.iter().map(snapshot));
    list.extend(granted.denies.iter().map(|rule| Assumption::Http { target: target_words(rule) }));
    if policy.rules.iter().any(names_addresses) || !policy.config.cluster.pods.is_empty() {
        list.push(Assumption::NoPodAddress { pods: policy.config.cluster.pods.clone() });
    }
    let names_paths = |rule: &Rule| rule.requests.cubes.iter().any(|cube| !cube.paths.is_any());
    list.extend(policy.rules.iter().any(names_paths).then_some(Assumption::PathNormalization));
    list
}

/// That namespaces are labelled as the program and its inventory say, as far as somebody looks at it: those that others manage may have
/// more labels.
fn namespace_labels(policy: &Policy, keys: &BTreeSet<Symbol>) -> Vec<Assumption> {
    let others = policy.namespaces.values().filter(|namespace| !namespace.is_managed());
    ruled(policy).map(|namespace| looked_at(namespace, keys)).chain(others.filter_map(known_labels)).collect()
}

const fn is_of_namespace_labels(assumption: &Assumption) -> bool {
    matches!(assumption, Assumption::NamespaceLabels { .. } | Assumption::KnownLabels { .. })
}

fn looked_at(namespace: &Namespace, keys: &BTreeSet<Symbol>) -> Assumption {
    let labels = joined(namespace.labels.iter().filter(|(key, _)| keys.contains(*key)));
    Assumption::NamespaceLabels { namespace: Symbol::clone(&namespace.name), labels, keys: keys.clone() }
}

fn known_labels(namespace: &Namespace) -> Option<Assumption> {
    let own = namespace.labels.iter().filter(|(key, _)| ***key != *NAMESPACE_NAME);
    let labels: Labels = own.map(|(key, value)| (Symbol::clone(key), Symbol::clone(value))).collect();
    (!labels.is_empty()).then(|| Assumption::KnownLabels { namespace: Symbol::clone(&namespace.name), labels })
}

/// What the network plugin and the proxies do where it is left to them.
fn of_the_platform(policy: &Policy) -> Vec<Assumption> {
    let plugin = &policy.config.network_plugin;
    let takes_ranges = plugin.end_port == Answer::Unknown && policy.rules.iter().any(has_range);
    let reaches_services = !policy.config.cluster.services.is_empty();
    [
        sctp(plugin.sctp),
        takes_ranges.then_some(Assumption::EndPort),
        reaches_services.then_some(Assumption::ServiceAddresses),
        policy.rules.iter().any(|rule| rule.jwt.is_some()).then_some(Assumption::Preflight),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const fn sctp(is_judged: Answer) -> Option<Assumption> {
    match is_judged {
        Answer::Yes => None,
        Answer::Unknown => Some(Assumption::Sctp),
        Answer::No => Some(Assumption::NoSctp),
    }
}

/// That pods that are said to have no sidecar have none.
fn outside_mesh(policy: &Policy) -> Option<Assumption> {
    let (outside, meshed): (Vec<&Namespace>, Vec<&Namespace>) =
        ruled(policy).partition(|namespace| namespace.plane != Some(DataPlane::Sidecar));
    let unmeshed = |namespace: &&Namespace| {
        let workloads = policy.workloads_in(&namespace.name).iter().filter(|workload| workload.plane.is_some());
        let cube = |labels: &LabelCube| PodCube { labels: labels.clone(), ..PodCube::in_namespace(&namespace.name) };
        workloads.map(|workload| cube(&workload.labels)).collect::<Vec<_>>()
    };
    // Others' matter where a pod of ours would know them by the mesh.
    let others = policy.namespaces.values().filter(|namespace| !namespace.is_managed() && namespace.plane == Some(DataPlane::None));
    let outside = outside.into_iter().chain(others.filter(|_| !meshed.is_empty()));
    let namespaces: Vec<Symbol> = outside.map(|namespace| Symbol::clone(&namespace.name)).collect();
    let pods: Vec<PodCube> = meshed.iter().flat_map(unmeshed).collect();
    (!namespaces.is_empty() || !pods.is_empty()).then_some(Assumption::OutsideMesh { namespaces, pods })
}

/// Whether a rule lets pods call over mTLS that may be in a namespace which is not managed.
fn lets_others_call(policy: &Policy, rule: &Rule) -> bool {
    rule.action == Action::Allow && rule.mtls.is_some() && holds_others(policy, &rule.source)
}

/// Whether a rule speaks of pods that may be in a namespace which is not managed.
fn speaks_of_others(policy: &Policy, rule: &Rule) -> bool {
    holds_others(policy, &rule.source) || rule.targets.iter().any(|target| holds_others(policy, &target.end))
}

fn holds_others(policy: &Policy, end: &End) -> bool {
    let is_managed = |name: &Symbol| policy.namespace(name).is_some_and(Namespace::is_managed);
    let only_managed = |cube: &PodCube| cube.namespace_names().is_some_and(|names| names.iter().all(is_managed));
    !end.peers().pods.cubes().iter().all(only_managed)
}

/// The labels by which ends of rules and expectations choose namespaces, but for their names.
fn tested_keys(policy: &Policy) -> BTreeSet<Symbol> {
    let rules = policy.rules.iter().map(|rule| (&rule.source, &rule.targets));
    let expected = policy.expectations.iter().map(|one| (&one.source, &one.targets));
    let ends = rules.chain(expected).flat_map(|(source, targets)| std::iter::once(source).chain(targets.iter().map(|target| &target.end)));
    let keys = |end: &End| end.peers().pods.cubes().iter().flat_map(keys).collect::<Vec<_>>();
    ends.flat_map(keys).collect()
}

/// The labels of namespaces that a cube tests, but for their names.
fn keys(cube: &PodCube) -> Vec<Symbol> {
    cube.namespace.iter().map(|(key, _)| Symbol::clone(key)).filter(|key| **key != *NAMESPACE_NAME).collect()
}

pub(super) fn joined<'l>(labels: impl Iterator<Item = (&'l Symbol, &'l Symbol)>) -> String {
    labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn target_words(rule: &Rule) -> String {
    let word = |target: &Target| {
        let pods: Vec<String> = target.end.peers().pods.cubes().iter().map(ToString::to_string).collect();
        format!("{}:{}", pods.join(" or "), target.ports)
    };
    rule.targets.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn names_addresses(rule: &Rule) -> bool {
    let ends = rule.ends();
    ends.into_iter().any(|end| !end.peers().addresses.is_empty())
}

/// Whether a rule names more ports in a row than are written one by one.
fn has_range(rule: &Rule) -> bool {
    let long = |target: &Target| {
        let ranges = target.ports.ranges();
        ranges.into_iter().any(|(_, low, high)| high - low >= crate::ir::PORTS_IN_A_ROW && (low, high) != (1, u16::MAX))
    };
    rule.targets.iter().any(long)
}

/// The namespaces that the program and those of `--with` rule: of the pods of all of them the proof takes something for granted.
fn ruled(policy: &Policy) -> impl Iterator<Item = &Namespace> {
    policy.namespaces.values().filter(|namespace| namespace.is_managed())
}

/// The namespaces of `--with` programs.
pub(super) fn with(policy: &Policy) -> BTreeSet<Symbol> {
    let with = policy.namespaces.values().filter(|namespace| namespace.ownership == Ownership::With);
    with.map(|namespace| Symbol::clone(&namespace.name)).collect()
}
