//! The mesh's own configuration, where manifests hold it: the `ConfigMap` that istiod reads.
//!
//! Owns: what it says of that which the platform says too, and that both say the same. It changes nothing: `twogate.toml` says what the mesh
//! is, for intents and manifests alike. Which of two is right only the user knows, so where they differ what the mesh says is left open.

mod injector;

use std::collections::BTreeSet;

pub(super) use injector::EVERYWHERE;

use crate::cluster::Platform;
use crate::cluster::unmodelled::{Ends, PATHS, Proxies, Setting, Side};
use crate::diagnostic::{Diagnostic, code};
use crate::inventory::{FOREIGN_DOMAINS, MeshConfig, REGISTRY_ONLY};
use crate::manifest::{Node, Object, Reading};
use crate::source::Location;

/// Holds a `ConfigMap` against the platform; the settings that change answers and are not modelled.
pub(super) fn read(object: &Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Vec<Setting> {
    let name = object.root.follow(reading, &["metadata", "name"]);
    if name.text(reading).is_some_and(|name| name.starts_with(INJECTOR)) {
        return injector::read(object, reading);
    }
    let is_of_mesh = name.text(reading).is_some_and(MeshConfig::is_in);
    let text = object.root.follow(reading, &["data", "mesh"]);
    let Some(written) = text.text(reading).filter(|_| is_of_mesh).map(str::to_owned) else { return Vec::new() };
    let Some(config) = MeshConfig::read(&written) else {
        text.wrong(reading, "the mesh's configuration is expected, as YAML in a text");
        return Vec::new();
    };
    let differences = differing(&config, platform);
    for difference in &differences {
        text.report(reading, |location| otherwise(difference, location));
    }
    left_open(&config, differences.iter())
}

/// Holds the mesh's configuration against the platform where an installation of the mesh has it; the settings that change answers and are not
/// modelled. What it does not name may be said elsewhere.
pub(super) fn told(node: &Node<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Vec<Setting> {
    let Some(config) = MeshConfig::read(&node.json()) else {
        node.wrong(reading, "the mesh's configuration is expected");
        return Vec::new();
    };
    let differences = differing(&config, platform);
    let named = differences.iter().filter(|difference| difference.silence == Silence::Named);
    for difference in named.clone() {
        node.report(reading, |location| otherwise(difference, location));
    }
    left_open(&config, named)
}

/// What is left open of the mesh: what is not modelled, and what differs.
fn left_open<'d>(config: &MeshConfig, differences: impl Iterator<Item = &'d Difference>) -> Vec<Setting> {
    let differing = differences.map(|difference| Setting::otherwise(difference.key));
    not_modelled(config).into_iter().chain(differing).collect()
}

/// What the values of an installation say of the injector that changes answers and is not modelled.
pub(super) fn of_values(values: &Node<'_>) -> Vec<Setting> {
    if values.is_missing() { Vec::new() } else { injector::of_values(&values.json()) }
}

/// How the `ConfigMap` of the injector begins to be called; what is behind is its revision.
const INJECTOR: &str = "istio-sidecar-injector";

/// What the mesh says that answers would have to be others for.
fn not_modelled(config: &MeshConfig) -> Vec<Setting> {
    // How sidecars call is told by `DestinationRule`s alone then.
    let auto_mtls = (config.auto_mtls == Some(false)).then_some("enableAutoMtls");
    let setting = |key| match key {
        "discoverySelectors" | "defaultDestinationRuleExportTo" => Setting::anywhere(key, Proxies::Any),
        // What no registry names gets no further than the sidecar (`semantics.md` §5.5); which addresses some do, by the names of hosts, is not
        // known.
        REGISTRY_ONLY => Setting { side: Side::CallingAddresses, ..Setting::anywhere(key, Proxies::Sidecars) },
        FOREIGN_DOMAINS => Setting { ends: Ends::Addresses, side: Side::Calling, ..Setting::anywhere(key, Proxies::Any) },
        _ => Setting::anywhere(key, Proxies::Sidecars),
    };
    auto_mtls.into_iter().chain(config.unusual.iter().copied()).map(setting).collect()
}

/// A key of `twogate.toml` that says something else than the mesh does.
pub(super) struct Difference {
    pub(super) key: &'static str,
    /// What the mesh says, as TOML.
    pub(super) theirs: String,
    /// What the platform says, as TOML.
    pub(super) ours: String,
    pub(super) silence: Silence,
}

/// Whether the mesh's configuration names the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
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
        compare(PATHS, config.path_normalization.as_ref(), [&defaults.path_normalization, &platform.path_normalization], |mode| {
            word(mode.word())
        }),
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

pub(super) fn otherwise(difference: &Difference, location: Location) -> Diagnostic {
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
