//! Selectors that meet pods on their node's network.
//!
//! Owns: `host-network`. To policy such a pod is its node (`semantics.md` §1.7): selectors do not reach it.

use std::collections::{BTreeMap, BTreeSet};

use super::ends::{Side, ours, places, selectors};
use super::listed::{Listed, list, words};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::PodCube;
use crate::gates::Gates;
use crate::inventory::{HostNetwork, InventoryWorkload};
use crate::ir::{Ownership, Policy};
use crate::source::Location;

/// Where a selector stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Source,
    Destination,
    Closed,
}

/// A finding for every place whose selectors meet a host-network pod.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let listed = Listed::of_those(policy, |workload| workload.host_network == HostNetwork::Yes);
    if listed.is_empty() {
        return Vec::new();
    }
    let (pointed, broad): (Vec<_>, Vec<_>) = uses(policy).into_iter().partition(|(_, _, cube)| is_pointed(cube));
    let mut met = Met::new();
    let mut told: BTreeSet<Location> = BTreeSet::new();
    for (location, role, cube) in pointed {
        met.entry((location, role)).or_default().extend(listed.met(cube).map(|workload| (workload.location, workload)));
    }
    told.extend(met.values().flat_map(BTreeMap::keys));
    for (location, role, cube) in broad.into_iter().filter(|(_, _, cube)| cube.namespace_names().is_some()) {
        let new = listed.met(cube).filter(|workload| told.insert(workload.location));
        met.entry((location, role)).or_default().extend(new.map(|workload| (workload.location, workload)));
    }
    met.into_iter().filter_map(|((location, role), workloads)| finding(policy, location, role, &workloads)).collect()
}

/// By place, the workloads that its selectors meet, by theirs.
type Met<'a> = BTreeMap<(Location, Role), BTreeMap<Location, &'a InventoryWorkload>>;

/// Whether a selector asks for more than a namespace. One that does not means everybody: it is told once of each workload, and
/// not at all where no namespace is named either.
fn is_pointed(cube: &PodCube) -> bool {
    !cube.labels.is_all() || !cube.account.is_any()
}

fn uses(policy: &Policy) -> Vec<(Location, Role, &PodCube)> {
    let role = |side| if side == Side::Source { Role::Source } else { Role::Destination };
    let places = ours(policy).flat_map(|(_, rule)| places(rule));
    let ends = places.flat_map(|place| selectors(place.end).into_iter().map(move |cube| (place.location, role(place.side), cube)));
    let ours = |name: &str| policy.namespace(name).is_some_and(|namespace| namespace.ownership == Ownership::Managed);
    let statements = policy.closes.iter().filter(|close| ours(&close.namespace));
    let closed = statements.flat_map(|close| close.pods.cubes().iter().map(|cube| (close.location, Role::Closed, cube)));
    ends.chain(closed).collect()
}

fn finding(policy: &Policy, location: Location, role: Role, workloads: &BTreeMap<Location, &InventoryWorkload>) -> Option<Diagnostic> {
    let workloads: Vec<&InventoryWorkload> = workloads.values().copied().collect();
    let first = workloads.first()?;
    let finding = Diagnostic::new(code::HOST_NETWORK, location, format!("{} uses the network of its node", words(first)));
    let finding = finding.related(first.location, "`hostNetwork: true`");
    let finding = if workloads.len() > 1 {
        finding.note(format!("so do others that match here: {}", list(workloads.iter().copied())))
    } else {
        finding
    };
    let finding = finding.note("policy does not see such a pod: its address is the node's, and no selector reaches it");
    let configured = !policy.config.cluster.nodes.is_empty();
    Some(match role {
        Role::Source => {
            let finding = finding.label("its calls come from the address of a node");
            finding.help(format!("name `nodes` as the source{}", and_configure(configured)))
        }
        Role::Destination => {
            let finding = finding.label("not reached by this selector");
            finding.help(format!("name `nodes:PORT` as the destination{}", and_configure(configured)))
        }
        Role::Closed => finding.label("stays open").help("guard its port on the nodes themselves, or take it off the node's network"),
    })
}

fn and_configure(configured: bool) -> &'static str {
    if configured { "" } else { ", and set `node-cidrs = [\"…\"]` under `[cluster]` in `twogate.toml`" }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    fn found(text: &str) -> Vec<String> {
        let listed =
            [deployment("shop", "agent", "app: agent", "hostNetwork: true"), deployment("shop", "web", "app: web", "")].join("---\n");
        Program::of(text).inventory(&listed).found("host-network")
    }

    #[test]
    fn selectors_that_meet_a_host_network_pod_are_told() {
        assert_eq!(found("namespace shop\nallow app=agent -> app=web:80\n"), ["warning host-network `app=agent`"]);
        assert_eq!(found("namespace shop\nallow app=web -> *:80\nallow app=web -> *:81\n"), ["warning host-network `*`"]);
        assert_eq!(found("namespace shop\nallow app=agent -> *:80\n"), ["warning host-network `app=agent`"]);
        assert_eq!(found("namespace shop open ingress\nclose in app=agent\n"), ["warning host-network `close in app=agent`"]);
    }

    #[test]
    fn others_are_not() {
        assert_eq!(found("namespace shop\nallow app=web -> app=web:80\nallow *@* -> app=web:81\nallow nodes -> app=web:82\n"), [""; 0]);
    }
}
