//! What `twogate.toml` says of the platform, for the room that judges manifests.
//!
//! Owns: `platform`. The two rooms know nothing of each other, so what one says is told to the other here, field by field.

use crate::cluster::Platform;
use crate::config::{Answer, Config, Version};

/// The platform that a configuration describes. It names no namespace for objects that name none: who reads manifests knows it.
pub fn platform(config: &Config) -> Platform {
    let Config { mesh, cluster, network_plugin, .. } = config;
    Platform {
        default_namespace: None,
        mesh: mesh.mode,
        root_namespace: mesh.root_namespace.clone(),
        trust_domain: mesh.trust_domain.clone(),
        trust_domain_aliases: mesh.trust_domain_aliases.clone(),
        istio: version(mesh.istio),
        kubernetes: version(cluster.kubernetes),
        pods: cluster.pods.clone(),
        services: cluster.services.clone(),
        nodes: cluster.nodes.clone(),
        ipblock_matches_pods: known(network_plugin.ipblock_matches_pods),
        end_port: known(network_plugin.end_port),
        named_ports: known(network_plugin.named_ports),
        sctp: known(network_plugin.sctp),
        hbone_from_sidecars: known(mesh.hbone_from_sidecars),
        layered_waypoint_policies: known(mesh.layered_waypoint_policies),
        auto_allow_waypoint: known(mesh.auto_allow_waypoint),
        probe_sources: mesh.probe_sources.clone(),
    }
}

const fn version(version: Version) -> (u16, u16, u16) {
    (version.major, version.minor, version.patch)
}

const fn known(answer: Answer) -> Option<bool> {
    match answer {
        Answer::Yes => Some(true),
        Answer::No => Some(false),
        Answer::Unknown => None,
    }
}
