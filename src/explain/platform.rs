//! What `twogate.toml` says of the cluster, in the evaluator's words.
//!
//! Owns: `of`. It invents nothing: what the configuration leaves open stays open.

use crate::cluster::Platform;
use crate::config::{Answer, Config, Version};
use crate::flow::Symbol;

/// The platform that a configuration describes.
pub(super) fn of(config: &Config, default_namespace: &Symbol) -> Platform {
    Platform {
        default_namespace: Some(default_namespace.clone()),
        mesh: config.mesh.mode,
        root_namespace: config.mesh.root_namespace.clone(),
        trust_domain: config.mesh.trust_domain.clone(),
        trust_domain_aliases: config.mesh.trust_domain_aliases.clone(),
        istio: version(config.mesh.istio),
        kubernetes: version(config.cluster.kubernetes),
        pods: config.cluster.pods.clone(),
        services: config.cluster.services.clone(),
        nodes: config.cluster.nodes.clone(),
        ipblock_matches_pods: answer(config.network_plugin.ipblock_matches_pods),
        end_port: answer(config.network_plugin.end_port),
        named_ports: answer(config.network_plugin.named_ports),
        sctp: answer(config.network_plugin.sctp),
        hbone_from_sidecars: answer(config.mesh.hbone_from_sidecars),
        layered_waypoint_policies: answer(config.mesh.layered_waypoint_policies),
        auto_allow_waypoint: answer(config.mesh.auto_allow_waypoint),
        probe_sources: config.mesh.probe_sources.clone(),
    }
}

fn answer(answer: Answer) -> Option<bool> {
    match answer {
        Answer::Yes => Some(true),
        Answer::No => Some(false),
        Answer::Unknown => None,
    }
}

fn version(version: Version) -> (u16, u16, u16) {
    (version.major, version.minor, version.patch)
}
