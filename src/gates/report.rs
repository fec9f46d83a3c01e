//! The findings of the coupling check, in words.
//!
//! Owns: how a gain is told, and which remedy fits its cause. It must not decide whether something is gained.

use std::collections::BTreeSet;

use super::callers::is_chosen_by_label;
use super::coupling::Gain;
use super::openings::regions;
use super::{Callers, Identities, Mtls};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, NAMESPACE_NAME, Peers, PodCube, Protocol, RequestSet, Symbol, TokenTest, Transport};
use crate::ir::{Namespace, Policy, Rule, RuleId};
use crate::syntax::ast::Action;

/// A gain: an error, since the two gates together let through what no line says.
pub(super) fn gain(policy: &Policy, namespace: &Namespace, gain: &Gain<'_>) -> Diagnostic {
    let unplaced = || Diagnostic::unplaced(code::COUPLED_RULES, "two rules are coupled");
    let (Some(granted), Some(admitted)) = (policy.rule(gain.granted.rule), policy.rule(gain.admitted.rule)) else { return unplaced() };
    let example = example(namespace, gain);
    let is_same = gain.granted.rule == gain.admitted.rule || granted.location == admitted.location;
    if is_same && is_cut(policy, granted) {
        return not_separable(policy, admitted, gain, &example);
    }
    if gain.granted.rule == gain.admitted.rule {
        return unknown_account(admitted, gain, &example);
    }
    let finding = Diagnostic::new(code::COUPLED_RULES, admitted.location, "callers of this rule also get what another rule grants")
        .label("the network lets them in by this rule")
        .related(granted.location, format!("the mesh lets them further by this one: it knows its callers as {}", known_as(gain)))
        .note(format!("gained: {example}"));
    remedies(policy, finding, granted, gain)
}

/// Rules of which not every pair was looked at.
pub(super) fn too_many_pairs(namespace: &Namespace) -> Diagnostic {
    let message = format!("the rules of `{}` overlap in too many ways to be proved", namespace.name);
    let finding = match namespace.location {
        Some(location) => Diagnostic::new(code::PROOF_INCOMPLETE, location, message).label("the namespace"),
        None => Diagnostic::unplaced(code::PROOF_INCOMPLETE, message),
    };
    finding
        .note(
            "of every two rules it is looked up who passes the network by the one and the mesh by the other; not all of them were reached",
        )
        .help("test fewer different keys in one namespace: give its pods one label by which rules know them, or use more namespaces")
}

/// Two pieces of one rule that a deny on requests tells apart and the mesh does not.
fn not_separable(policy: &Policy, rule: &Rule, gain: &Gain<'_>, example: &str) -> Diagnostic {
    let finding =
        Diagnostic::new(code::DENY_NOT_SEPARABLE, rule.location, "a `deny` on requests cannot be told apart from what this rule allows")
            .label(format!("the mesh knows its callers as {}", known_as(gain)))
            .note(format!("still let through: {example}"));
    let finding = denies_on_requests(policy)
        .filter(|deny| meets(deny, rule))
        .fold(finding, |finding, deny| finding.related(deny.location, "denied here"));
    if gain.transport == Transport::Plaintext {
        return finding.help("write `mtls` on the rule, so that callers without identity stay out, or deny the requests to everyone");
    }
    finding.help("give the denied callers a service account of their own (`workload NAME = … account …`), or deny the requests to everyone")
}

/// Callers known by account alone, in namespaces that the mesh cannot name: neither gate tells them apart.
fn unknown_account(rule: &Rule, gain: &Gain<'_>, example: &str) -> Diagnostic {
    Diagnostic::new(code::ACCOUNT_LABELS_UNKNOWN, rule.source_location, "neither gate can tell these callers from others")
        .label(format!("the mesh knows them as {}, the network as all pods there", known_as(gain)))
        .note(format!("gained: {example}"))
        .help("name the namespaces of the account, or declare its pods: `workload NAME = app=… account …`")
}

fn denies_on_requests(policy: &Policy) -> impl Iterator<Item = &Rule> {
    policy.rules.iter().filter(|rule| rule.action == Action::Deny && !rule.requests.is_all())
}

fn meets(deny: &Rule, rule: &Rule) -> bool {
    let regions = regions(rule);
    super::openings::regions(deny).iter().any(|cut| regions.iter().any(|region| region.overlaps(cut)))
}

fn is_cut(policy: &Policy, rule: &Rule) -> bool {
    denies_on_requests(policy).any(|deny| meets(deny, rule))
}

/// How the mesh knows the callers of the granting rule.
fn known_as(gain: &Gain<'_>) -> String {
    if gain.transport == Transport::Plaintext {
        return "anyone without identity".to_owned();
    }
    match &gain.granted.callers {
        Callers::Anyone => "anyone".to_owned(),
        Callers::Some(identities) => identity_words(identities),
    }
}

fn identity_words(identities: &Identities) -> String {
    let accounts = identities.accounts.iter().map(|(namespace, account)| format!("account `{namespace}/{account}`"));
    let namespaces = identities.namespaces.iter().map(|namespace| format!("namespace `{namespace}`"));
    let others = identities.any_but.iter().map(|left_out| match names(left_out.iter()) {
        names if names.is_empty() => "any identity".to_owned(),
        names => format!("any identity outside `{names}`"),
    });
    accounts.chain(namespaces).chain(others).collect::<Vec<_>>().join(", ")
}

/// Names of namespaces as they stand behind `@`.
fn names<'a>(names: impl Iterator<Item = &'a Symbol>) -> String {
    names.map(|name| &**name).collect::<Vec<_>>().join("|")
}

/// One flow that is gained.
fn example(namespace: &Namespace, gain: &Gain<'_>) -> String {
    let destination = gain.region.destinations.pods.cubes().first().map(|cube| cube.labels.to_string()).unwrap_or_default();
    let port = gain.region.ports.get(Protocol::Tcp).ranges().first().map(|(low, _)| *low).unwrap_or_default();
    let what = match gain.transport {
        Transport::Mtls => request_words(&gain.requests),
        Transport::Plaintext => format!("{} in plaintext", request_words(&gain.requests)),
    };
    format!("`{} -> {destination}@{}:{port}`, {what}", caller(&gain.region.sources), namespace.name)
}

/// A caller in the language's own words.
fn caller(peers: &Peers) -> String {
    if let Some(cube) = peers.pods.cubes().first() {
        return cube.to_string();
    }
    peers.addresses.prefixes().first().map(ToString::to_string).unwrap_or_default()
}

/// Requests in a few words.
pub(crate) fn request_words(requests: &RequestSet) -> String {
    if requests.is_all() {
        return "any connection".to_owned();
    }
    let Some(cube) = requests.cubes.first() else { return "connections that are no HTTP".to_owned() };
    let methods =
        cube.methods.finite().map_or_else(|| "*".to_owned(), |list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"));
    let token = match &cube.token {
        TokenTest::Any => "",
        TokenTest::Valid { .. } => " with a token",
    };
    match cube.paths.within().first().and_then(|list| list.first()) {
        Some(path) => format!("`{methods} {path}`{token}", path = path.as_str()),
        None => format!("`{methods}` on any path{token}"),
    }
}

/// Whether some of these pods are outside the mesh for certain: `mtls` would turn them away.
fn has_no_identity(policy: &Policy, cube: &PodCube) -> bool {
    cube.namespace_names().unwrap_or_default().iter().any(|name| {
        policy.namespace(name).is_some_and(|namespace| namespace.plane == Some(DataPlane::None))
            || policy.workloads_in(name).iter().any(|workload| workload.plane == Some(DataPlane::None) && cube.is_subset(&workload.cube()))
    })
}

/// What to do, by what couples the two.
fn remedies(policy: &Policy, finding: Diagnostic, granted: &Rule, gain: &Gain<'_>) -> Diagnostic {
    let mut finding = finding;
    if gain.transport == Transport::Plaintext && granted.mtls.is_none() {
        let callers = granted.source.peers();
        let may_prove_it = callers.addresses.is_empty() && !callers.pods.cubes().iter().any(|cube| has_no_identity(policy, cube));
        let at = crate::source::Location {
            span: crate::source::Span { start: granted.location.span.end, ..granted.location.span },
            ..granted.location
        };
        if may_prove_it && gain.granted.opening.mtls == Mtls::Optional {
            finding = finding.fix("write `mtls` on the other rule, so that it no longer lets callers in without identity", at, " mtls");
        }
        let is_wide = granted.targets.iter().any(|target| target.ports_location.is_none());
        let apart = "serve the callers of the two rules on different ports";
        return finding.help(if is_wide { "name the ports of the other rule, so that it stays off this one" } else { apart });
    }
    match &gain.granted.callers {
        Callers::Anyone => finding.help("serve the two kinds of callers on different ports: callers from addresses have no identity to be known by"),
        Callers::Some(identities) if !identities.namespaces.is_empty() && identities.accounts.is_empty() => finding
            .note("no service account is known for the callers, so the mesh is given their namespace")
            .help("say which accounts they run as: `workload NAME = app=… account …`, one account for each, or give an inventory that holds them"),
        Callers::Some(identities) if identities.any_but.is_some() => unlisted(finding, gain),
        Callers::Some(_) => finding
            .note("pods that share a service account are one caller to the mesh")
            .help("give each of the two callers a service account of its own, or serve them on different ports"),
    }
}

/// Callers of the granting rule whose namespaces the mesh cannot list.
fn unlisted(finding: Diagnostic, gain: &Gain<'_>) -> Diagnostic {
    if !gain.granted.opening.peers.pods.cubes().iter().any(lacks_label) {
        return finding.help("choose the callers of the other rule by namespace name or account, or serve them on another port");
    }
    let callers = gain.region.sources.pods.cubes().iter().filter_map(PodCube::namespace_names).flatten();
    let left_out = match names(callers.collect::<BTreeSet<_>>().into_iter()) {
        names if names.is_empty() => "NAME".to_owned(),
        names => names,
    };
    finding
        .note("the mesh knows namespaces by name only; those that lack a label cannot be listed, since every namespace that nobody knows may lack it")
        .help(format!("in the other rule, leave namespaces out by name (`@!{left_out}`) or ask for a label that they have, or serve its callers on another port"))
}

/// Whether namespaces are chosen by labels that they must not have, and by none that they must.
fn lacks_label(cube: &PodCube) -> bool {
    let is_tested = cube.namespace.iter().any(|(key, _)| **key != *NAMESPACE_NAME);
    cube.namespace_names().is_none() && is_tested && !is_chosen_by_label(cube)
}

/// A rule whose namespaces are listed by name for the mesh.
pub(super) fn snapshot(policy: &Policy, rule: RuleId) -> Option<Diagnostic> {
    let rule = policy.rule(rule)?;
    let finding = Diagnostic::new(code::NAMESPACE_SNAPSHOT, rule.source_location, "the namespaces of this rule are listed by name for the mesh")
        .label("chosen by label")
        .note("the mesh knows namespaces by name only; one that gets the label later is let in by the network and refused by the mesh until the next compile");
    Some(finding.help("compile again when namespaces change, or name them"))
}
