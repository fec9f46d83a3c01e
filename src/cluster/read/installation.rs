//! What installs a mesh: the objects of Istio's operators, and of Maistra's.
//!
//! Owns: where they hold the mesh's own configuration, and whom Maistra's control plane may touch. What the configuration says is read as
//! `mesh_config` reads it. It must not know pods.

use std::collections::BTreeSet;

use super::mesh_config;
use crate::cluster::Platform;
use crate::cluster::object::Object;
use crate::cluster::unmodelled::{Ends, Gates, Proxies, Setting, Side, Unmodelled, Why};
use crate::flow::{LabelCube, Symbol};
use crate::manifest::{self, Node, Reading};

/// Where the mesh's configuration stands in what its operators are told (istio.io : docs/reference/config/istio.operator.v1alpha1;
/// istio-ecosystem/sail-operator : docs/api-reference/sailoperator.io.md).
const CONFIGS: [&[&str]; 2] = [&["spec", "meshConfig"], &["spec", "values", "meshConfig"]];

/// Where the values of the injector stand.
const VALUES: [&str; 2] = ["spec", "values"];

/// What an installation of the mesh says that answers would have to be others for; what it says besides of that which the platform says
/// too is held against that.
pub(super) fn read(object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let configs = CONFIGS.map(|keys| object.root.follow(reading, keys));
    for config in configs.iter().filter(|config| !config.is_missing()) {
        settings.extend(mesh_config::told(config, platform, reading));
    }
    let values = object.root.follow(reading, &VALUES);
    settings.extend(mesh_config::of_values(&values));
    let mut known = BTreeSet::new();
    settings.retain(|setting| known.insert(setting.key));
    settings
}

/// Whom the objects of Maistra may touch (maistra.io : docs/ServiceMeshControlPlane, `spec.security`): a control plane the mesh of its members,
/// which nobody need list, and what the network lets pass where it is; a roll both in the namespaces that it lists.
pub(super) fn maistra(named: &Object, object: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Vec<Unmodelled> {
    let own = (Gates::Both, Ends::of_namespace(&named.namespace, LabelCube::all()));
    let all = match object.kind {
        "ServiceMeshControlPlane" => vec![own, (Gates::Mesh, Ends::All)],
        "ServiceMeshMemberRoll" => [own].into_iter().chain(members(object, reading)).collect(),
        _ => vec![own],
    };
    let of = |(gates, ends): (Gates, Ends)| Unmodelled {
        object: named.clone(),
        why: Why::Kind,
        gates,
        ends,
        side: Side::Either,
        proxies: Proxies::Any,
        spared: BTreeSet::new(),
    };
    all.into_iter().map(of).collect()
}

/// The namespaces that a roll lists; any, where it selects them or lists what is no name.
fn members(object: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Vec<(Gates, Ends)> {
    let spec = object.root.get(reading, "spec");
    let listed = reading.quietly(|reading| {
        let nodes = spec.get(reading, "members").list(reading);
        nodes.iter().map(|node: &Node<'_>| node.symbol(reading)).collect::<Option<Vec<Symbol>>>()
    });
    let selects = !spec.get(reading, "memberSelectors").is_missing();
    match listed.flatten() {
        Some(names) if !selects && !names.iter().any(|name| name.contains('*')) => {
            names.iter().map(|name| (Gates::Both, Ends::of_namespace(name, LabelCube::all()))).collect()
        }
        _ => vec![(Gates::Both, Ends::All)],
    }
}
