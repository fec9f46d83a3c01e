//! The platform of the evaluator, as `twogate.toml` describes the cluster.
//!
//! Owns: the translation, and what a proof assumes on top. Nothing is guessed: what the configuration leaves open stays open.

use crate::cluster::{Joining, Platform};
use crate::config::{Answer, Config, Version};
use crate::inventory::ShownJoining;

/// What `twogate.toml` knows of the platform.
pub fn platform(config: &Config) -> Platform {
    let plugin = &config.network_plugin;
    Platform {
        default_namespace: None,
        mesh: config.mesh.mode,
        joining: Joining::AsTaken,
        root_namespace: config.mesh.root_namespace.clone(),
        trust_domain: config.mesh.trust_domain.clone(),
        trust_domain_aliases: config.mesh.trust_domain_aliases.clone(),
        path_normalization: config.mesh.path_normalization,
        istio: version(config.mesh.istio),
        kubernetes: version(config.cluster.kubernetes),
        pods: config.cluster.pods.clone(),
        services: config.cluster.services.clone(),
        nodes: config.cluster.nodes.clone(),
        ipblock_matches_pods: answer(plugin.ipblock_matches_pods),
        end_port: answer(plugin.end_port),
        named_ports: answer(plugin.named_ports),
        sctp: answer(plugin.sctp),
        hbone_from_sidecars: answer(config.mesh.hbone_from_sidecars),
        layered_waypoint_policies: answer(config.mesh.layered_waypoint_policies),
        auto_allow_waypoint: answer(config.mesh.auto_allow_waypoint),
        probe_sources: config.mesh.probe_sources.clone(),
    }
}

/// The same for manifests that are judged as they are: of these nobody knows that pods join the mesh unasked, unless the file says so.
pub fn platform_of_manifests(config: &Config) -> Platform {
    Platform { joining: joining(config), ..platform(config) }
}

/// How pods join the mesh in manifests that are judged as they are.
pub(super) fn joining(config: &Config) -> Joining {
    if config.mesh.mode_said == Answer::Yes { Joining::AsTaken } else { Joining::AsShown { beside: ShownJoining::Nowhere } }
}

/// The platform on which a proof's assumptions hold: `verify::Assumption` names each of these.
///
/// Where the addresses of pods are known, blocks that hold some are judged as the network plugin judges them: ours hold none then,
/// others' may.
pub fn proof_platform(config: &Config) -> Platform {
    let platform = platform(config);
    Platform {
        ipblock_matches_pods: if config.cluster.pods.is_empty() { Some(false) } else { platform.ipblock_matches_pods },
        end_port: platform.end_port.or(Some(true)),
        // A plugin that does not judge it lets it pass or stops it, whatever policies say: nobody is taken to speak it then.
        sctp: Some(true),
        named_ports: platform.named_ports.or(Some(true)),
        ..platform
    }
}

const fn version(version: Version) -> (u16, u16, u16) {
    (version.major, version.minor, version.patch)
}

const fn answer(answer: Answer) -> Option<bool> {
    match answer {
        Answer::Yes => Some(true),
        Answer::No => Some(false),
        Answer::Unknown => None,
    }
}
