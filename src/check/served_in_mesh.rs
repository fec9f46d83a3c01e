//! DNS and the control plane among the pods of a managed namespace.
//!
//! Owns: `invalid-config` where the configuration names pods for which a sidecar would have to stand open. The baseline keeps such pods
//! reachable for everybody (design §4.4), and a sidecar lets in what rules say.

use crate::config::PodSelector;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, LabelCube, PodCube, PodSet, PortSet, Protocol, Values};
use crate::gates::Gates;
use crate::ir::{Namespace, Policy, Rule, Stance, captured_ports};
use crate::syntax::ast::{Action, Direction};

/// A finding for every key of the configuration whose pods a closed namespace has in the mesh, unless a rule lets everybody in there.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let config = &policy.config;
    let named = [
        ("dns.pods", &config.dns.pods, &config.dns.ports),
        ("control-plane.pods", &config.control_plane.pods, &config.control_plane.ports),
    ];
    let each = named.into_iter().flat_map(|(key, pods, ports)| pods.iter().map(move |selector| (key, selector, ports)));
    each.filter_map(|(key, selector, ports)| judge(policy, key, selector, ports)).collect()
}

fn judge(policy: &Policy, key: &str, selector: &PodSelector, ports: &PortSet) -> Option<Diagnostic> {
    // Nothing is written for the mesh in its root namespace.
    let is_guarded = |namespace: &&Namespace| {
        namespace.is_managed()
            && namespace.plane == Some(DataPlane::Sidecar)
            && namespace.stance(Direction::In) == Stance::Closed
            && namespace.name != policy.config.mesh.root_namespace
    };
    let namespace = policy.namespace(&selector.namespace).filter(is_guarded)?;
    let ports = ports.intersect(&captured_ports());
    let cube = cube(selector);
    let is_outside = policy
        .workloads_in(&namespace.name)
        .iter()
        .any(|workload| workload.plane == Some(DataPlane::None) && cube.labels.is_subset(&workload.labels));
    if ports.get(Protocol::Tcp).is_empty() || is_outside || policy.rules.iter().any(|rule| opens(policy, rule, &cube, &ports)) {
        return None;
    }
    let finding =
        Diagnostic::unplaced(code::INVALID_CONFIG, format!("`{key}` names pods of `{}`, which have sidecars there", namespace.name));
    Some(finding.note("the baseline keeps these pods reachable for everybody, and their sidecars let in only what rules say").help(
        format!(
            "declare them outside of the mesh: `workload NAME = {} unmeshed`, or `namespace {} mesh none`",
            cube.labels, namespace.name
        ),
    ))
}

/// Whether a rule lets everybody in to such pods, who prove nothing.
fn opens(policy: &Policy, rule: &Rule, cube: &PodCube, ports: &PortSet) -> bool {
    let source = rule.source.peers();
    let is_for_all = source.pods.cubes().contains(&PodCube::all()) && policy.config.cluster.nodes.is_subset(&source.addresses);
    let called = PodSet::from(cube.clone());
    rule.action == Action::Allow
        && !rule.has_requirement()
        && is_for_all
        && rule.targets.iter().any(|target| ports.is_subset(&target.ports) && called.is_subset(&target.end.peers().pods))
}

fn cube(selector: &PodSelector) -> PodCube {
    let labels = selector.labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())));
    PodCube { labels, ..PodCube::in_namespace(&selector.namespace) }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::Program;

    const CODE: &str = "invalid-config";

    #[test]
    fn what_everybody_calls_has_no_sidecar_in_a_closed_namespace() {
        let found = |intent: &str, toml: &str| Program::of(intent).config(toml).found(CODE).len();
        for key in ["[dns]", "[control-plane]"] {
            let toml = format!("{key}\npods = \"app=web@ops\"\n");
            assert_eq!(found("namespace ops\nallow app=a -> app=b:80\n", &toml), 1, "{key}");
            assert_eq!(found("namespace ops\nworkload web = app=web unmeshed\n", &toml), 0, "{key}");
            assert_eq!(found("namespace ops mesh none\n", &toml), 0, "{key}");
            assert_eq!(found("namespace ops open ingress\n", &toml), 0, "{key}");
            assert_eq!(found("namespace shop\nallow app=a -> app=b:80\n", &toml), 0, "{key}");
        }
        let open = "namespace ops\nallow *@* -> app=web:53/tcp|53/udp\n";
        assert_eq!(found(open, "[dns]\npods = \"app=web@ops\"\n"), 0);
        assert_eq!(found("namespace ops\nallow app=a -> app=b:80\n", ""), 0);
        assert_eq!(found("namespace istio-system\nallow app=a -> app=b:80\n", ""), 0);
    }
}
