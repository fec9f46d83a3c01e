//! Denies that no managed end meets, and what tokens do beside their rules.
//!
//! Owns: `deny-unenforced`. The other deny findings come from the subtraction itself, in `gates`.

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, NAMESPACE_NAME, Peers, PodCube, PodSet, Symbol, Values};
use crate::gates::{Gates, Region, regions};
use crate::ir::{Policy, Rule};
use crate::syntax::ast::{Action, Direction};

/// A warning for every deny of which nothing, or a part that is named, is enforced.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let names: Vec<Symbol> =
        policy.namespaces.values().filter(|namespace| namespace.is_managed()).map(|namespace| namespace.name.clone()).collect();
    let managed =
        PodSet::from(PodCube { namespace: crate::flow::LabelCube::of(NAMESPACE_NAME.into(), Values::of(names)), ..PodCube::all() });
    let denies = policy.rules.iter().filter(|rule| rule.action == Action::Deny);
    denies.filter_map(|rule| unenforced(rule, &managed)).collect()
}

/// What a deny speaks of between ends that are both unmanaged. Sets over all namespaces are taken to mean those that are
/// managed: nobody expects a line to reach the rest of the world.
fn unenforced(rule: &Rule, managed: &PodSet) -> Option<Diagnostic> {
    let regions = regions(rule);
    let met = regions.iter().any(|region| meets(rule, region, managed));
    let beyond = regions.iter().find_map(|region| outside(rule, region, managed));
    if met && beyond.is_none() {
        return None;
    }
    let label = match (met, &beyond) {
        (true, Some(pods)) => format!("nothing is written for `{pods}`"),
        (_, _) => "no managed pod at either end".to_owned(),
    };
    let message = if met { "part of this `deny` meets no managed end" } else { "this `deny` meets no managed end" };
    let finding = Diagnostic::new(code::DENY_UNENFORCED, rule.location, message).label(label);
    Some(
        finding
            .note("a `deny` is enforced at pods of managed namespaces; policy is written nowhere else")
            .help("manage one of the two namespaces, or name managed pods"),
    )
}

/// Whether an end that the rule faces holds managed pods.
fn meets(rule: &Rule, region: &Region, managed: &PodSet) -> bool {
    let source = rule.faces(Direction::Out) && rule.requests.is_all() && region.sources.pods.overlaps(managed);
    source || (rule.faces(Direction::In) && region.destinations.pods.overlaps(managed))
}

/// Pods of a named namespace at one end that are unmanaged, while the other end is not all managed either.
fn outside(rule: &Rule, region: &Region, managed: &PodSet) -> Option<String> {
    let named = |peers: &Peers| -> PodSet { peers.pods.cubes().iter().filter(|cube| cube.namespace_names().is_some()).cloned().collect() };
    let unmanaged = |peers: &Peers| Peers { pods: named(peers).subtract(managed), addresses: AddressSet::none() };
    let destinations = unmanaged(&region.destinations);
    let sources = unmanaged(&region.sources);
    let sources_matter = !rule.faces(Direction::Out) || !sources.pods.is_empty() || !region.sources.addresses.is_empty();
    let first = destinations.pods.cubes().first()?;
    sources_matter.then(|| first.to_string())
}
