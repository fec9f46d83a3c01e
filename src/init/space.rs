//! A namespace of the first program: how it takes part in the mesh, and its `workload` lines.
//!
//! Owns: `Space`. Host-network pods and pods without labels get no line, with a remark. It must not know who calls whom.

use super::evidence::Evidence;
use super::pods::{self, Declared};
use super::settings::Settings;
use crate::flow::{DataPlane, Symbol};
use crate::inventory::{HostNetwork, Inventory, InventoryWorkload, MeshChoice};

/// A namespace.
#[derive(Debug)]
pub(super) struct Space<'i> {
    /// Its name.
    pub(super) name: &'i Symbol,
    /// How its pods take part in the mesh.
    pub(super) plane: DataPlane,
    /// Who says so.
    pub(super) said_by: SaidBy,
    /// Its `workload` lines, by name.
    pub(super) declared: Vec<Declared<'i>>,
    /// What there is to know of pods without a line, each a sentence.
    pub(super) remarks: Vec<String>,
    inventory: &'i Inventory,
}

/// Who says how a namespace takes part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaidBy {
    /// Its own object or its own policies.
    Itself,
    /// Nobody; the configuration decides.
    Configuration,
}

impl<'i> Space<'i> {
    /// What is known of a namespace.
    pub(super) fn find(name: &'i Symbol, inventory: &'i Inventory, evidence: &Evidence, settings: &Settings) -> Self {
        let workloads = inventory.workloads_in(name);
        let said = plane(name, workloads, inventory, evidence);
        let named = workloads.iter().filter(|workload| may_be_named(workload));
        let mut space = Self {
            name,
            plane: said.unwrap_or(settings.mode),
            said_by: if said.is_some() { SaidBy::Itself } else { SaidBy::Configuration },
            declared: pods::declare(named),
            remarks: workloads.iter().filter_map(unnamed).collect(),
            inventory,
        };
        space.remarks.extend(space.declared.iter().filter_map(disagreement));
        space
    }

    /// How the pods of one of its workloads take part in the mesh.
    pub(super) fn plane_of(&self, workload: &InventoryWorkload) -> DataPlane {
        self.inventory.plane_of(workload, self.plane)
    }

    /// Whether a line's pods all stay out of a mesh that their namespace is in.
    pub(super) fn is_unmeshed(&self, declared: &Declared<'_>) -> bool {
        self.plane != DataPlane::None && declared.members.iter().all(|member| self.plane_of(member) == DataPlane::None)
    }

    /// The line of a workload.
    pub(super) fn line_of(&self, workload: &InventoryWorkload) -> Option<&Declared<'i>> {
        self.declared.iter().find(|declared| declared.members.iter().any(|member| std::ptr::eq(*member, workload)))
    }
}

/// What a namespace says of its part in the mesh: by its labels, else by its pods and policies; none if nothing describes it.
fn plane(name: &Symbol, workloads: &[InventoryWorkload], inventory: &Inventory, evidence: &Evidence) -> Option<DataPlane> {
    let facts = inventory.namespaces.get(name);
    if let Some(plane) = facts.and_then(|facts| facts.plane) {
        return Some(plane);
    }
    let asks = |workload: &InventoryWorkload| matches!(workload.mesh.sidecar, MeshChoice::Asked | MeshChoice::Present);
    if workloads.iter().any(asks) || evidence.with_mesh_policy.contains(name) {
        return Some(DataPlane::Sidecar);
    }
    // A namespace whose object says nothing gets no sidecars (`semantics.md` §8, row 111).
    facts.map(|_| DataPlane::None)
}

/// Whether a line can name the pods of a workload.
fn may_be_named(workload: &InventoryWorkload) -> bool {
    workload.host_network == HostNetwork::No && !workload.labels.is_empty()
}

/// Why a workload has no line.
fn unnamed(workload: &InventoryWorkload) -> Option<String> {
    let (kind, name) = (workload.kind.name(), &workload.name);
    if workload.host_network == HostNetwork::Yes {
        return Some(format!("{kind} `{name}` uses its node's network: no policy selects its pods."));
    }
    workload.labels.is_empty().then(|| format!("{kind} `{name}` gives its pods no labels: no rule can name them alone."))
}

/// What the workloads of one line do not agree about.
fn disagreement(declared: &Declared<'_>) -> Option<String> {
    if declared.account.is_some() {
        return None;
    }
    let member = |member: &InventoryWorkload| format!("{} `{}` as `{}`", member.kind.name(), member.name, member.account);
    let members: Vec<String> = declared.members.iter().map(|each| member(each)).collect();
    Some(match members.as_slice() {
        [_] => format!(
            "`{}` cannot be told from another workload by its labels, so no account is stated: {}.",
            declared.name,
            members.join(", ")
        ),
        _ => format!("`{}` is several workloads with the same labels and different accounts: {}.", declared.name, members.join(", ")),
    })
}
