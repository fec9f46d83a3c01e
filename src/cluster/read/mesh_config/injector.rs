//! The `ConfigMap` of the injector.
//!
//! Owns: what it says of whom the injector gives a sidecar, and of what that captures. It reports nothing, and must not know pods.

use crate::cluster::unmodelled::{Proxies, Setting};
use crate::manifest::{Object, Reading, plain};
use crate::source::Source;

/// That namespaces which say nothing of the mesh have sidecars: then pods may have one that are taken to have none.
pub(in crate::cluster::read) const EVERYWHERE: &str = "sidecarInjectorWebhook.enableNamespacesByDefault";

const NEVER: &str = "sidecarInjectorWebhook.neverInjectSelector";
const NOTED: &str = "sidecarInjectorWebhook.injectedAnnotations";
const TEMPLATES: &str = "sidecarInjectorWebhook.defaultTemplates";

/// What the injector does where pods do not say it: where that stands, what it is called, and what is usual, as JSON (istio/istio :
/// manifests/charts/istio-control/istio-discovery/{values.yaml,files/injection-template.yaml}).
const VALUES: [Usual; 11] = [
    ("/global/proxy/autoInject", "global.proxy.autoInject", &["\"enabled\""]),
    ("/global/proxy/excludeInboundPorts", "global.proxy.excludeInboundPorts", &["\"\""]),
    ("/global/proxy/includeInboundPorts", "global.proxy.includeInboundPorts", &["\"*\""]),
    ("/global/proxy/excludeOutboundPorts", "global.proxy.excludeOutboundPorts", &["\"\""]),
    ("/global/proxy/excludeIPRanges", "global.proxy.excludeIPRanges", &["\"\""]),
    ("/global/proxy/includeIPRanges", "global.proxy.includeIPRanges", &["\"*\""]),
    ("/global/proxy/statusPort", "global.proxy.statusPort", &["15020"]),
    ("/sidecarInjectorWebhook/neverInjectSelector", NEVER, &["[]"]),
    ("/sidecarInjectorWebhook/injectedAnnotations", NOTED, &["{}"]),
    ("/sidecarInjectorWebhook/defaultTemplates", TEMPLATES, &["[]", "[\"sidecar\"]"]),
    ("/sidecarInjectorWebhook/enableNamespacesByDefault", EVERYWHERE, &["false"]),
];

/// The same of what the injector reads itself, which is made of that unless somebody has changed it (istio/istio : pkg/kube/inject/inject.go,
/// `injectRequired`). Pods that `alwaysInjectSelector` selects have a sidecar anyway where the policy is the usual one: the injector is
/// asked for pods that their namespaces or labels send there, and gives them one unless something else is said.
const CONFIG: [Usual; 4] = [
    ("/policy", "policy", &["\"enabled\""]),
    ("/neverInjectSelector", NEVER, &["[]"]),
    ("/injectedAnnotations", NOTED, &["{}"]),
    ("/defaultTemplates", TEMPLATES, &["[]", "[\"sidecar\"]"]),
];

/// A place, what stands there is called, and what it usually is.
type Usual = (&'static str, &'static str, &'static [&'static str]);

/// What the injector is told that answers would have to be others for.
pub(super) fn read(object: &Object<'_>, reading: &mut Reading<'_>) -> Vec<Setting> {
    let mut keys: Vec<&'static str> = Vec::new();
    for (key, called, usual) in [("values", "data.values", &VALUES[..]), ("config", "data.config", &CONFIG[..])] {
        let written = reading.quietly(|reading| object.root.follow(reading, &["data", key]).text(reading).map(str::to_owned)).flatten();
        for key in written.iter().flat_map(|written| unusual(written, called, usual)) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys.into_iter().map(|key| Setting::anywhere(key, Proxies::Sidecars)).collect()
}

/// The same of the values of an installation.
pub(super) fn of_values(written: &str) -> Vec<Setting> {
    unusual(written, "spec.values", &VALUES).into_iter().map(|key| Setting::anywhere(key, Proxies::Sidecars)).collect()
}

/// What in a text is not as usual; all of it, as `whole`, if it cannot be read.
fn unusual(written: &str, whole: &'static str, usual: &[Usual]) -> Vec<&'static str> {
    let said = plain(&Source::new("values", written));
    let Some(root) = said.first().filter(|root| root.is_object()) else { return vec![whole] };
    let is_unusual = |place: &str, usual: &[&str]| {
        let value = root.pointer(place).filter(|value| !value.is_null()).map(ToString::to_string);
        value.is_some_and(|value| !usual.contains(&value.as_str()))
    };
    usual.iter().filter(|(place, _, usual)| is_unusual(place, usual)).map(|(_, key, _)| *key).collect()
}
