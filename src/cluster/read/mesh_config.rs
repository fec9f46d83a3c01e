//! The mesh's own configuration, where manifests hold it: the `ConfigMap` that istiod reads.
//!
//! Owns: what it says of that which the platform says too, and that both say the same. It changes nothing: `twogate.toml` says what the mesh
//! is, for intents and manifests alike, and which of two is right only the user knows.

use std::collections::BTreeSet;

use crate::cluster::Platform;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;
use crate::inventory::MeshConfig;
use crate::manifest::{Object, Reading};
use crate::source::Location;

/// What a `ConfigMap` means to answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing that the platform does not say too.
    Nothing,
    /// How sidecars call is told by `DestinationRules` alone, which is not modelled.
    NoAutoMtls,
}

/// Holds a `ConfigMap` against the platform.
pub(super) fn read(object: &Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Said {
    let name = object.root.follow(reading, &["metadata", "name"]);
    // One for each revision, `istio-REVISION`.
    let is_of_mesh = name.text(reading).is_some_and(|name| name == "istio" || name.starts_with("istio-"));
    let text = object.root.follow(reading, &["data", "mesh"]);
    let Some(written) = text.text(reading).filter(|_| is_of_mesh).map(str::to_owned) else { return Said::Nothing };
    let Some(config) = MeshConfig::read(&written) else {
        text.wrong(reading, "the mesh's configuration is expected, as YAML in a text");
        return Said::Nothing;
    };
    for (key, theirs, ours) in differing(&config, platform) {
        text.report(reading, |location| otherwise(key, &theirs, &ours, location));
    }
    if config.auto_mtls == Some(false) { Said::NoAutoMtls } else { Said::Nothing }
}

/// The keys of `twogate.toml` that say something else, with the mesh's value and the platform's, as TOML.
fn differing(config: &MeshConfig, platform: &Platform) -> Vec<(&'static str, String, String)> {
    let one = |key, theirs: &Option<Symbol>, ours: &Symbol| {
        let theirs = theirs.as_ref().filter(|theirs| *theirs != ours)?;
        Some((key, format!("{theirs:?}"), format!("{ours:?}")))
    };
    let list = |words: &BTreeSet<Symbol>| format!("{:?}", Vec::from_iter(words));
    let aliases = || {
        let (theirs, ours) = (config.trust_domain_aliases.as_ref()?, &platform.trust_domain_aliases);
        (theirs != ours).then(|| ("trust-domain-aliases", list(theirs), list(ours)))
    };
    let all = [
        one("root-namespace", &config.root_namespace, &platform.root_namespace),
        one("trust-domain", &config.trust_domain, &platform.trust_domain),
        aliases(),
    ];
    all.into_iter().flatten().collect()
}

fn otherwise(key: &str, theirs: &str, ours: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::MESH_CONFIGURED_OTHERWISE, location, format!("`{key}` is {theirs} in the mesh, and is taken for {ours} here"))
        .label("the mesh's own configuration")
        .note("which policies act, and whom they mean, hangs on it: no answer would be right")
        .help(format!("write `{key} = {theirs}` under `[mesh]` in `twogate.toml`"))
}
