//! The mesh's own configuration, where manifests hold it: the `ConfigMap` that istiod reads.
//!
//! Owns: what it says of that which the platform says too, and that both say the same. It changes nothing: `twogate.toml` says what the mesh
//! is, for intents and manifests alike, and which of two is right only the user knows.

use std::collections::BTreeSet;

use crate::cluster::Platform;
use crate::cluster::unmodelled::Proxies;
use crate::diagnostic::{Diagnostic, code};
use crate::inventory::MeshConfig;
use crate::manifest::{Object, Reading, plain};
use crate::source::{Location, Source};

/// Holds a `ConfigMap` against the platform; the settings that change answers and are not modelled, each with whose proxies it is about.
pub(super) fn read(object: &Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Vec<(&'static str, Proxies)> {
    let values = object.root.follow(reading, &["data", "values"]);
    let name = object.root.follow(reading, &["metadata", "name"]);
    if name.text(reading).is_some_and(|name| name.starts_with(INJECTOR)) {
        let written = reading.quietly(|reading| values.text(reading).map(str::to_owned)).flatten();
        return written.map_or_else(Vec::new, |written| of_injector(&written));
    }
    let is_of_mesh = name.text(reading).is_some_and(MeshConfig::is_in);
    let text = object.root.follow(reading, &["data", "mesh"]);
    let Some(written) = text.text(reading).filter(|_| is_of_mesh).map(str::to_owned) else { return Vec::new() };
    let Some(config) = MeshConfig::read(&written) else {
        text.wrong(reading, "the mesh's configuration is expected, as YAML in a text");
        return Vec::new();
    };
    for difference in differing(&config, platform) {
        text.report(reading, |location| otherwise(&difference, location));
    }
    not_modelled(&config)
}

/// How the `ConfigMap` of the injector begins to be called; what is behind is its revision.
const INJECTOR: &str = "istio-sidecar-injector";

/// What the injector does where pods do not say it: where that stands, what it is called, and what is usual, as JSON (istio/istio :
/// manifests/charts/istio-control/istio-discovery/{values.yaml,files/injection-template.yaml}).
const OF_INJECTOR: [(&str, &str, &[&str]); 8] = [
    ("/global/proxy/excludeInboundPorts", "global.proxy.excludeInboundPorts", &["\"\""]),
    ("/global/proxy/includeInboundPorts", "global.proxy.includeInboundPorts", &["\"*\""]),
    ("/global/proxy/excludeOutboundPorts", "global.proxy.excludeOutboundPorts", &["\"\""]),
    ("/global/proxy/excludeIPRanges", "global.proxy.excludeIPRanges", &["\"\""]),
    ("/global/proxy/includeIPRanges", "global.proxy.includeIPRanges", &["\"*\""]),
    ("/global/proxy/statusPort", "global.proxy.statusPort", &["15020"]),
    ("/sidecarInjectorWebhook/neverInjectSelector", "sidecarInjectorWebhook.neverInjectSelector", &["[]"]),
    ("/sidecarInjectorWebhook/injectedAnnotations", "sidecarInjectorWebhook.injectedAnnotations", &["{}"]),
];

/// What the injector's values say that answers would have to be others for.
fn of_injector(written: &str) -> Vec<(&'static str, Proxies)> {
    let said = plain(&Source::new("values", written));
    let Some(root) = said.first().filter(|root| root.is_object()) else { return vec![("data.values", Proxies::Sidecars)] };
    let is_unusual = |place: &str, usual: &[&str]| {
        let value = root.pointer(place).filter(|value| !value.is_null()).map(ToString::to_string);
        value.is_some_and(|value| !usual.contains(&value.as_str()))
    };
    let unusual = OF_INJECTOR.into_iter().filter(|(place, _, usual)| is_unusual(place, usual));
    unusual.map(|(_, key, _)| (key, Proxies::Sidecars)).collect()
}

/// What the mesh says that answers would have to be others for.
fn not_modelled(config: &MeshConfig) -> Vec<(&'static str, Proxies)> {
    // How sidecars call is told by `DestinationRule`s alone then.
    let auto_mtls = (config.auto_mtls == Some(false)).then_some("enableAutoMtls");
    let whose = |key| match key {
        "discoverySelectors" | "defaultDestinationRuleExportTo" => Proxies::Any,
        _ => Proxies::Sidecars,
    };
    auto_mtls.into_iter().chain(config.unusual.iter().copied()).map(|key| (key, whose(key))).collect()
}

/// A key of `twogate.toml` that says something else than the mesh does.
struct Difference {
    key: &'static str,
    /// What the mesh says, as TOML.
    theirs: String,
    /// What the platform says, as TOML.
    ours: String,
    silence: Silence,
}

/// Whether the mesh's configuration names the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// It does.
    Named,
    /// It does not, and has istiod's default.
    Default,
}

/// What differs. Where the mesh's configuration is silent, istiod has the default that `Platform` has too.
fn differing(config: &MeshConfig, platform: &Platform) -> Vec<Difference> {
    let defaults = Platform::default();
    let word = |text: &str| format!("{text:?}");
    let list = |words: &BTreeSet<_>| format!("{:?}", Vec::from_iter(words));
    let all = [
        compare("root-namespace", config.root_namespace.as_ref(), [&defaults.root_namespace, &platform.root_namespace], |name| word(name)),
        compare("trust-domain", config.trust_domain.as_ref(), [&defaults.trust_domain, &platform.trust_domain], |name| word(name)),
        compare(
            "trust-domain-aliases",
            config.trust_domain_aliases.as_ref(),
            [&defaults.trust_domain_aliases, &platform.trust_domain_aliases],
            list,
        ),
        compare(
            "path-normalization",
            config.path_normalization.as_ref(),
            [&defaults.path_normalization, &platform.path_normalization],
            |mode| word(mode.word()),
        ),
    ];
    all.into_iter().flatten().collect()
}

/// Holds one value against the platform's, `[default, platform]`.
fn compare<T: PartialEq>(
    key: &'static str,
    named: Option<&T>,
    [default, ours]: [&T; 2],
    toml: impl Fn(&T) -> String,
) -> Option<Difference> {
    let theirs = named.unwrap_or(default);
    let silence = if named.is_some() { Silence::Named } else { Silence::Default };
    (theirs != ours).then(|| Difference { key, theirs: toml(theirs), ours: toml(ours), silence })
}

fn otherwise(difference: &Difference, location: Location) -> Diagnostic {
    let Difference { key, theirs, ours, silence } = difference;
    let finding = Diagnostic::new(
        code::MESH_CONFIGURED_OTHERWISE,
        location,
        format!("`{key}` is {theirs} in the mesh, and is taken for {ours} here"),
    )
    .label("the mesh's own configuration")
    .note("which policies act, whom they mean and what they see of a request hangs on it: no answer would be right");
    let finding = match silence {
        Silence::Named => finding,
        Silence::Default => finding.note(format!("it does not name `{key}`, and {theirs} is what istiod takes then")),
    };
    finding.help(format!("write `{key} = {theirs}` under `[mesh]` in `twogate.toml`"))
}
