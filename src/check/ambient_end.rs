//! Rules for single ports between sidecars and pods in ambient mode.
//!
//! Owns: `ambient-unsupported` for pods of others; namespaces of ours in ambient mode are refused where they are declared.

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, PodCube, PodSet, Protocol, Symbol};
use crate::gates::{Cause, Gates, Opening};
use crate::inventory::InventoryWorkload;
use crate::ir::{Policy, Rule, meets};
use crate::syntax::ast::Direction;

/// A finding for every rule that opens some ports between pods with sidecars and pods in ambient mode.
///
/// Between the two every connection of the mesh goes to port 15008, whatever port it is for (`semantics.md` §5.1), so the network gate lets
/// all of them through or none.
pub(super) fn check(policy: &Policy, gates: &Gates) -> Vec<Diagnostic> {
    let ambient = Ambient::of(policy);
    if ambient.is_empty() {
        return Vec::new();
    }
    let sidecars = policy.managed().filter(|namespace| namespace.plane == Some(DataPlane::Sidecar));
    let openings = sidecars.filter_map(|namespace| Some((namespace, gates.namespaces.get(&namespace.name)?)));
    let openings = openings.flat_map(|(namespace, own)| own.openings.iter().map(move |opening| (&namespace.name, opening)));
    openings.filter(|(_, opening)| opens_some_ports(opening)).filter_map(|(name, opening)| ambient.judge(name, opening)).collect()
}

fn opens_some_ports(opening: &Opening) -> bool {
    !opening.tcp().is_empty() && !opening.ports.is_full(Protocol::Tcp)
}

/// The pods in ambient mode, as far as they are known.
struct Ambient<'a> {
    policy: &'a Policy,
    namespaces: Vec<&'a Symbol>,
    /// Those of other namespaces.
    workloads: Vec<&'a InventoryWorkload>,
}

impl<'a> Ambient<'a> {
    fn of(policy: &'a Policy) -> Self {
        let plane = |name: &Symbol| policy.namespace(name).and_then(|namespace| namespace.plane);
        let namespaces = policy.namespaces.values().filter(|namespace| namespace.plane == Some(DataPlane::Ambient));
        let is_apart = |workload: &&InventoryWorkload| {
            let own = plane(&workload.namespace);
            own != Some(DataPlane::Ambient)
                && policy.inventory.plane_of(workload, own.unwrap_or(policy.config.mesh.mode)) == DataPlane::Ambient
        };
        Self {
            policy,
            namespaces: namespaces.map(|namespace| &namespace.name).collect(),
            workloads: policy.inventory.workloads.iter().filter(is_apart).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.workloads.is_empty() && self.policy.config.mesh.mode != DataPlane::Ambient
    }

    fn judge(&self, namespace: &Symbol, opening: &Opening) -> Option<Diagnostic> {
        if self.is_outside_mesh(namespace, opening) {
            return None;
        }
        let who = self.who(&opening.peers.pods)?;
        let rule = match opening.cause {
            Cause::Rule(id) => self.policy.rule(id),
            Cause::Baseline | Cause::Open => None,
        };
        Some(finding(rule, opening.direction, namespace, &who))
    }

    /// Whether all of our pods at this end are declared to have no sidecar: nothing there speaks by the tunnel.
    fn is_outside_mesh(&self, namespace: &Symbol, opening: &Opening) -> bool {
        let ours = PodSet::from(PodCube { labels: opening.subject.clone(), ..PodCube::in_namespace(namespace) });
        let unmeshed = self.policy.workloads_in(namespace).iter().filter(|workload| workload.plane == Some(DataPlane::None));
        unmeshed.fold(ours, |ours, workload| ours.subtract(&PodSet::from(workload.cube()))).is_empty()
    }

    /// Somebody in ambient mode among these pods.
    fn who(&self, pods: &PodSet) -> Option<String> {
        let holds = |name: &&&Symbol| pods.cubes().iter().any(|cube| self.reaches(cube, name));
        if let Some(name) = self.namespaces.iter().find(holds) {
            return Some(format!("namespace `{name}`"));
        }
        if self.policy.config.mesh.mode == DataPlane::Ambient && pods.cubes().iter().any(|cube| self.is_unsaid(cube)) {
            return Some("namespaces of which nothing else is said (`mesh.mode`)".to_owned());
        }
        let is_met = |workload: &&&InventoryWorkload| {
            let labels = self.policy.namespace(&workload.namespace).map(|namespace| &namespace.labels);
            pods.cubes().iter().any(|cube| meets(workload, labels, cube))
        };
        let workload = self.workloads.iter().find(is_met)?;
        Some(format!("{} `{}@{}`", workload.kind.name(), workload.name, workload.namespace))
    }

    /// Whether pods may be in a namespace of which nobody says how they take part in the mesh.
    fn is_unsaid(&self, cube: &PodCube) -> bool {
        let is_said = |name: &Symbol| self.policy.namespace(name).is_some_and(|namespace| namespace.plane.is_some());
        cube.namespace_names().is_none_or(|names| !names.iter().all(is_said))
    }

    fn reaches(&self, cube: &PodCube, name: &Symbol) -> bool {
        let Some(namespace) = self.policy.namespace(name) else { return false };
        let has_more_labels = !namespace.is_managed();
        // Of another's namespace more labels may be there than are known.
        cube.names().contains(Some(name)) && (has_more_labels || cube.namespace.contains(&namespace.labels))
    }
}

fn finding(rule: Option<&Rule>, direction: Direction, namespace: &Symbol, who: &str) -> Diagnostic {
    let message = format!("single ports between sidecars and {who} in ambient mode are not compiled");
    let finding = match rule {
        Some(rule) => Diagnostic::new(code::AMBIENT_UNSUPPORTED, rule.location, message).label(format!("meets {who} in ambient mode")),
        None => Diagnostic::unplaced(code::AMBIENT_UNSUPPORTED, message).note(format!("the baseline of `{namespace}` opens them")),
    };
    let finding = finding.note(
        "the mesh carries every connection between a sidecar and ambient mode to port 15008, so a NetworkPolicy lets all ports through or none",
    );
    match direction {
        Direction::Out => finding.help("leave the ports out of the rule: the policies of the namespace that is called choose among them"),
        Direction::In => finding.help("leave those pods out (`… but …`), open all ports to them, or give their namespace sidecars"),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "ambient-unsupported";

    /// Lines of a namespace beside one that is in ambient mode.
    fn beside_ambient(mesh: &str, lines: &str) -> Vec<String> {
        found(CODE, &format!("external namespace amb mesh ambient {{}}\nnamespace shop mesh {mesh} {{\n{lines}}}\n"))
    }

    #[test]
    fn single_ports_from_and_to_ambient_mode_are_refused() {
        let lines = "allow app=web -> app=srv@amb:5432\nallow app=web -> app=all@amb\nallow app=cli@amb -> app=db:5432\n\
                     allow app=cli@* -> app=db:80\nallow app=web -> app=db:5432\nallow app=cli@amb -> app=log:514/udp\n";
        assert_eq!(
            beside_ambient("sidecar", lines),
            [
                "error ambient-unsupported `allow app=web -> app=srv@amb:5432`",
                "error ambient-unsupported `allow app=cli@amb -> app=db:5432`",
                "error ambient-unsupported `allow app=cli@* -> app=db:80`",
            ]
        );
    }

    #[test]
    fn pods_without_a_sidecar_are_called_on_their_own_ports() {
        assert_eq!(beside_ambient("none", "allow app=web -> app=srv@amb:5432\n"), [""; 0]);
        let unmeshed = "workload web = app=web unmeshed\nallow out web -> app=srv@amb:5432\n";
        assert_eq!(beside_ambient("sidecar", unmeshed), [""; 0]);
    }

    #[test]
    fn the_inventory_says_who_is_in_ambient_mode() {
        let text = "namespace shop mesh sidecar\nallow app=x@ext -> app=db:5432\nallow app=y@ext -> app=db:5432\n";
        let namespace = |labels: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: ext, labels: {{{labels}}}}}\n");
        let ambient = Program::of(text).inventory(&namespace("istio.io/dataplane-mode: ambient"));
        assert_eq!(ambient.found(CODE).len(), 2);
        let pod =
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: ext, labels: {app: x, istio.io/dataplane-mode: ambient}}\n";
        let single = Program::of(text).inventory(&(namespace("") + pod));
        assert_eq!(single.found(CODE), ["error ambient-unsupported `allow app=x@ext -> app=db:5432`"]);
    }
}
