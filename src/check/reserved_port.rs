//! Ports that belong to the mesh itself.
//!
//! Owns: `reserved-port` and the list (`semantics.md` Appendix B). Ports that a range merely passes over are not named by it.

use super::ends::{ours, served};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, PodCube, Protocol};
use crate::gates::Gates;
use crate::ir::{Namespace, Policy, Rule, Target, UNCAPTURED};
use crate::source::Location;
use crate::syntax::ast::Action;

/// Who serves a port of the mesh, which decides what a rule may say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// The proxy beside the application, for itself: no other pod has business there.
    Inside,
    /// The control plane's own pods.
    ControlPlane,
    /// A proxy, for others, past the mesh's own policy: a rule may open it and ask nothing more.
    Openly,
}

/// The ports, who serves them and what for.
const PORTS: [(u16, Served, &str); 16] = [
    (15000, Served::Inside, "the proxy's administration"),
    (15001, Served::Inside, "the proxy's outbound capture"),
    (15002, Served::Inside, "the proxy's detection of failures"),
    (15004, Served::Inside, "the proxy's debugging interface"),
    (15006, Served::Inside, "the proxy's inbound capture"),
    (15008, Served::Inside, "the tunnel between proxies"),
    (15010, Served::ControlPlane, "the control plane, in plaintext"),
    (15012, Served::ControlPlane, "the control plane"),
    (15014, Served::ControlPlane, "the control plane's metrics"),
    (15017, Served::ControlPlane, "the control plane's webhooks"),
    (15020, Served::Openly, "the metrics of agent and application"),
    (15021, Served::Openly, "the proxy's health"),
    (15053, Served::Inside, "the proxy's DNS"),
    (15080, Served::Inside, "the proxy's own outbound port"),
    (15090, Served::Openly, "the proxy's metrics"),
    (15443, Served::Openly, "the east-west gateway"),
];

/// The stretch of ports in which almost all of them lie: a range inside it names what it holds.
const STRETCH: std::ops::RangeInclusive<u16> = 15000..=15099;

/// A finding for every rule that names such a port of meshed pods and should not.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let rules = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action != Action::Deny || rule.has_requirement());
    let targets = rules.flat_map(|rule| rule.targets.iter().map(move |target| (rule, target)));
    targets.filter_map(|(rule, target)| judge(policy, rule, target, target.ports_location?)).collect()
}

fn judge(policy: &Policy, rule: &Rule, target: &Target, location: Location) -> Option<Diagnostic> {
    let ports = target.ports.get(Protocol::Tcp);
    let written = as_written(ports.ranges());
    let inside = |low: u16, high: u16| low == high || STRETCH.contains(&low) && STRETCH.contains(&high);
    let stands_in = |port: u16| written.iter().find(|(low, high)| (*low..=*high).contains(&port));
    let named = |port: u16| ports.contains(port) && stands_in(port).is_some_and(|(low, high)| inside(*low, *high));
    let wrong = PORTS.iter().filter(|(port, ..)| named(*port)).find(|(_, served, _)| is_wrong(policy, rule, target, *served));
    wrong.map(|(port, served, what)| finding(location, *port, *served, what))
}

/// Ranges without the gaps that a requirement makes in them, as it leaves out the ports that the mesh does not capture.
fn as_written(ranges: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let mut written: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match written.last_mut() {
            Some((_, end)) if (*end + 1..*low).all(|port| UNCAPTURED.contains(&port)) => *end = *high,
            _ => written.push((*low, *high)),
        }
    }
    written
}

fn is_wrong(policy: &Policy, rule: &Rule, target: &Target, by: Served) -> bool {
    let meshed = || served(target).into_iter().any(|cube| is_meshed(policy, cube));
    match by {
        Served::Inside => meshed(),
        Served::ControlPlane => meshed() && !served(target).into_iter().all(|cube| is_control_plane(policy, cube)),
        Served::Openly => rule.has_requirement() && meshed(),
    }
}

/// Whether pods of a selector can have a proxy, as far as is known.
fn is_meshed(policy: &Policy, cube: &PodCube) -> bool {
    let meshed = |namespace: &Namespace| matches!(namespace.plane, Some(DataPlane::Sidecar | DataPlane::Ambient));
    let outside = |namespace: &Namespace| {
        let mut lines = policy.workloads_in(&namespace.name).iter().filter(|line| line.plane == Some(DataPlane::None));
        lines.any(|line| cube.labels.is_subset(&line.labels))
    };
    let met = |namespace: &Namespace| meshed(namespace) && !outside(namespace);
    match cube.namespace_names() {
        Some(names) => names.iter().filter_map(|name| policy.namespace(name)).any(met),
        None => policy.managed().filter(|namespace| namespace.may_match(&cube.namespace)).any(met),
    }
}

/// Whether all pods of a selector are in a namespace of the control plane.
fn is_control_plane(policy: &Policy, cube: &PodCube) -> bool {
    let home = |name: &str| {
        *name == *policy.config.mesh.root_namespace || policy.config.control_plane.pods.iter().any(|pods| *pods.namespace == *name)
    };
    cube.namespace_names().is_some_and(|names| names.iter().all(|name| home(name)))
}

fn finding(location: Location, port: u16, served: Served, what: &str) -> Diagnostic {
    let finding = Diagnostic::new(code::RESERVED_PORT, location, format!("port {port} belongs to the mesh"));
    match served {
        Served::Inside => finding
            .label(what)
            .note("the proxy of a pod uses this port for itself; an application that listens there is not reached through the mesh")
            .help("name the port on which the application listens"),
        Served::ControlPlane => finding
            .label(what)
            .note("only pods of the control plane serve this port")
            .help("what sidecars need of it is in the baseline already: `twogate explain --baseline` lists it"),
        Served::Openly => finding
            .label(what)
            .note("calls to this port go past the mesh's policy: nothing can hold a caller to a requirement there")
            .help("remove the requirements and let the network choose the callers, or leave the port to the baseline"),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::found;

    const CODE: &str = "reserved-port";

    #[test]
    fn ports_of_the_proxy_are_no_application_ports() {
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:15006\n"), ["error reserved-port `:15006`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:8080|15000-15090\n"), ["error reserved-port `:8080|15000-15090`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:15012\n"), ["error reserved-port `:15012`"]);
    }

    #[test]
    fn ports_past_the_mesh_take_no_requirement() {
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:15020 mtls\n"), ["error reserved-port `:15020`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:15020|15021|15090\n"), [""; 0]);
    }

    #[test]
    fn ranges_other_protocols_and_pods_without_mesh_are_fine() {
        let text = "namespace shop\nallow app=x -> app=web:1024-65535\nallow app=x -> app=web:15006/udp\ndeny app=x -> app=web:15006\n\
                    allow app=x -> app=web\nworkload old = app=old unmeshed\nallow app=x -> old:15006\nallow app=x -> 203.0.113.1:15006\n";
        assert_eq!(found(CODE, text), [""; 0]);
        assert_eq!(found(CODE, "namespace shop mesh none\nallow app=x -> app=web:15006\n"), [""; 0]);
    }

    #[test]
    fn a_range_that_a_requirement_cuts_is_one_range() {
        let text = "namespace shop\nallow app=x -> app=web:*/tcp mtls\nallow app=x -> app=old:1024-65535 mtls\n";
        assert_eq!(found(CODE, text), [""; 0]);
        let text = "namespace shop\nallow app=x -> app=web:15009-15030 mtls\n";
        assert_eq!(found(CODE, text), ["error reserved-port `:15009-15030`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=x -> app=web:15019|15022 mtls\n"), [""; 0]);
    }

    #[test]
    fn the_control_plane_serves_its_own_ports() {
        let text = "namespace shop\nallow app=x -> app=istiod@istio-system:15014\nexternal namespace istio-system mesh sidecar { }\n";
        assert_eq!(found(CODE, text), [""; 0]);
    }
}
