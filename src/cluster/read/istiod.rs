//! The variables of istiod that change what policies do (`semantics.md` §2.6, §2.10, §2.11; istio/istio :
//! pilot/pkg/features/{ambient,pilot,security}.go).
//!
//! Owns: which these are, and what follows where a Deployment sets one. What `twogate.toml` says too is held against it, as the mesh's own
//! configuration is, and leaves open what may hang on it; of the others nothing is modelled.

use super::mesh_config::{Difference, Silence, otherwise};
use crate::cluster::Platform;
use crate::cluster::unmodelled::{Ends, Proxies, Setting, Side};
use crate::manifest::{Node, Object, Reading};

/// What a Deployment says of istiod that changes answers and is not modelled.
pub(super) fn read(object: &Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let containers = object.root.follow(reading, &["spec", "template", "spec", "containers"]).list(reading);
    for variable in containers.iter().flat_map(|container| container.get(reading, "env").list(reading)).collect::<Vec<_>>() {
        let Some(name) = variable.get(reading, "name").text(reading) else { continue };
        let value = variable.get(reading, "value");
        if let Some((key, ours)) = of_platform(name, platform) {
            settings.extend(differ(key, ours, &value, reading));
        }
        let unusual = setting(name).filter(|(_, usual)| truth(&value, reading) != Some(*usual));
        settings.extend(unusual.map(|(setting, _)| setting));
    }
    settings
}

/// The key of `twogate.toml` that says what a variable does, and what it says.
fn of_platform(variable: &str, platform: &Platform) -> Option<(&'static str, Option<bool>)> {
    match variable {
        "PILOT_AUTO_ALLOW_WAYPOINT_POLICY" => Some(("auto-allow-waypoint", platform.auto_allow_waypoint)),
        "ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES" => Some(("layered-waypoint-policies", platform.layered_waypoint_policies)),
        "PILOT_ENABLE_SENDING_HBONE" | "PILOT_ENABLE_SIDECAR_LISTENING_HBONE" => {
            Some(("hbone-from-sidecars", platform.hbone_from_sidecars))
        }
        _ => None,
    }
}

/// What may be otherwise if a variable is not as usual.
fn setting(variable: &str) -> Option<(Setting, bool)> {
    let gateways = |key, side| Setting { side, ..Setting::anywhere(key, Proxies::Gateways) };
    Some(match variable {
        // Others than pods of this mesh may prove who they are.
        "PILOT_SKIP_VALIDATE_TRUST_DOMAIN" => {
            let setting = Setting::anywhere("PILOT_SKIP_VALIDATE_TRUST_DOMAIN", Proxies::Any);
            (Setting { ends: Ends::Addresses, side: Side::Calling, ..setting }, false)
        }
        "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY" => (gateways("ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY", Side::Called), true),
        "PILOT_SCOPE_GATEWAY_TO_NAMESPACE" => (gateways("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", Side::Called), false),
        "ENABLE_INGRESS_WAYPOINT_ROUTING" => (gateways("ENABLE_INGRESS_WAYPOINT_ROUTING", Side::Calling), true),
        "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY" => {
            let setting = Setting::anywhere("AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY", Proxies::Any);
            (Setting { side: Side::Called, ..setting }, false)
        }
        "PILOT_PREFER_SENDING_HBONE" => (Setting::anywhere("PILOT_PREFER_SENDING_HBONE", Proxies::Any), false),
        _ => return None,
    })
}

/// Reports that a variable says something else than `twogate.toml` does, unless that leaves it open; what is left open by it.
fn differ(key: &'static str, ours: Option<bool>, value: &Node<'_>, reading: &mut Reading<'_>) -> Option<Setting> {
    let (ours, theirs) = (ours?, truth(value, reading)?);
    if theirs == ours {
        return None;
    }
    let word = |holds| if holds { "\"yes\"" } else { "\"no\"" };
    let difference = Difference { key, theirs: word(theirs).to_owned(), ours: word(ours).to_owned(), silence: Silence::Named };
    value.report(reading, |location| otherwise(&difference, location));
    Some(Setting::otherwise(key))
}

/// What a variable says, as Go reads it; none if it cannot be seen here.
fn truth(value: &Node<'_>, reading: &mut Reading<'_>) -> Option<bool> {
    match value.text(reading)? {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
