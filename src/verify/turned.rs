//! Pods that manifests turn out of the mesh, or into it, otherwise than a proof takes for granted.
//!
//! Owns: the proof over these pods as they are: `prove_as_shown`. What it finds comes beside what the proof found that takes it for granted,
//! as nobody has said which of the two is to be.

use super::assumption::Assumption;
use super::checked::{Checked, Status};
use super::judge::Way;
use super::labels::Worlds;
use super::meshed::{Meshed, shown_plane};
use super::proof::{Ends, Proof, prove_in, world_beside};
use super::world::PolicyWorld;
use crate::classes::World;
use crate::cluster::Cluster;
use crate::flow::{LabelCube, Labels, Peer, Pod, PodCube, Symbol, Values};
use crate::gates::Gates;
use crate::ir::Policy;

/// Whether manifests have pods in the mesh otherwise than a proof takes for granted.
pub fn is_any_turned(assumptions: &[Checked]) -> bool {
    let is_of_planes = |assumption: &Assumption| {
        matches!(
            assumption,
            Assumption::Captured { .. } | Assumption::OutsideMesh { .. } | Assumption::MeshedCallers | Assumption::OthersPlanes
        )
    };
    assumptions.iter().any(|checked| matches!(checked.status, Status::Broken(_)) && is_of_planes(&checked.assumption))
}

/// Compares a program with manifests at the ends of managed namespaces, over every pod that could exist, each as whoever asks about it by
/// its labels is told that it takes part in the mesh.
pub fn prove_as_shown(policy: &Policy, gates: &Gates, cluster: &Cluster, meshed: Meshed<'_>) -> Proof {
    let world = world_beside(policy, cluster, Ends::Managed);
    let planes = planes(&world, cluster);
    let shown = |way| AsShown { world: &world, meshed, way, planes: &planes };
    let (sources, destinations) = (shown(Way::Egress), shown(Way::Ingress));
    prove_in(&world, Worlds { sources: &sources, destinations: &destinations }, (policy, gates, cluster), Ends::Managed)
}

/// The pods that take part in the mesh otherwise than a program's world has them: those of namespaces by the labels of these, and of workloads.
fn planes(world: &PolicyWorld<'_>, cluster: &Cluster) -> Vec<PodCube> {
    let mut planes = world.planes().to_vec();
    let is_turned = |name: &Symbol| shown_plane(cluster, name).is_some_and(|plane| plane != world.plane(name, &Labels::new()));
    planes.extend(cluster.namespaces().iter().filter(|name| is_turned(name)).map(|name| PodCube::in_namespace(name)));
    let turned = cluster.workloads().iter().filter_map(|workload| match &workload.endpoint.peer {
        Peer::Pod(pod) => (pod.plane != world.plane(&pod.namespace, &pod.labels)).then(|| with_labels_of(pod)),
        Peer::Address(_) => None,
    });
    planes.extend(turned);
    planes.sort_unstable();
    planes.dedup();
    planes
}

/// The pods of a namespace with all labels of one there.
fn with_labels_of(pod: &Pod) -> PodCube {
    let one = |labels: LabelCube, (key, value): (&Symbol, &Symbol)| labels.with(Symbol::clone(key), Values::one(Symbol::clone(value)));
    PodCube { labels: pod.labels.iter().fold(LabelCube::all(), one), ..PodCube::in_namespace(&pod.namespace) }
}

/// The pods of a program's world as manifests have them.
#[derive(Debug)]
struct AsShown<'a> {
    world: &'a PolicyWorld<'a>,
    meshed: Meshed<'a>,
    /// Whether they call or are called.
    way: Way,
    planes: &'a [PodCube],
}

impl World for AsShown<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube).map(|pod| Pod { plane: self.meshed.plane(&pod, self.way), ..pod })
    }

    fn is_considered(&self, cube: &PodCube) -> bool {
        self.world.is_considered(cube)
    }

    fn planes(&self) -> &[PodCube] {
        self.planes
    }

    fn label_tests(&self) -> Vec<PodCube> {
        self.world.label_tests()
    }
}
