//! The mesh's own configuration, as istiod reads it from the text `mesh` of a `ConfigMap`.
//!
//! Owns: `MeshConfig`. It must not know which `ConfigMap` that is, nor what follows.

use std::collections::BTreeSet;

use super::capture;
use crate::flow::{PathNormalization, Symbol};
use crate::manifest::plain;
use crate::source::Source;

/// What `data.mesh` says (istio.io : docs/reference/config/istio.mesh.v1alpha1, `MeshConfig`), as far as answers hang on it. What is
/// missing has istiod's default.
#[derive(Debug, Default)]
pub(crate) struct MeshConfig {
    /// The namespace whose policies act on the whole mesh.
    pub(crate) root_namespace: Option<Symbol>,
    /// The trust domain of identities.
    pub(crate) trust_domain: Option<Symbol>,
    /// Further trust domains that count as the mesh's own.
    pub(crate) trust_domain_aliases: Option<BTreeSet<Symbol>>,
    /// What becomes of the paths of requests.
    pub(crate) path_normalization: Option<PathNormalization>,
    /// Whether sidecars find out by themselves who takes mTLS.
    pub(crate) auto_mtls: Option<bool>,
    /// Further keys of which the value is not the usual one, and that change answers.
    pub(crate) unusual: Vec<&'static str>,
}

/// The key by which sidecars refuse calls of what is in no registry.
pub(crate) const REGISTRY_ONLY: &str = "outboundTrafficPolicy.mode";

/// The key by which identities of other trust domains are taken.
pub(crate) const FOREIGN_DOMAINS: &str = "caCertificates";

impl MeshConfig {
    /// Whether istiod reads a `ConfigMap` of that name: `istio`, and `istio-REVISION` for each revision.
    pub(crate) fn is_in(name: &str) -> bool {
        name == "istio" || name.starts_with("istio-")
    }

    /// Reads `data.mesh`; none if it is no mapping. A text without a word has every default.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
            return Some(Self::default());
        }
        let said = plain(&Source::new("mesh", text)).into_iter().next()?;
        let said = said.as_object()?;
        let word = |key: &str| said.get(key)?.as_str().filter(|word| !word.is_empty()).map(Symbol::from);
        let aliases = said.get("trustDomainAliases").and_then(serde_json::Value::as_array);
        Some(Self {
            root_namespace: word("rootNamespace"),
            trust_domain: word("trustDomain"),
            trust_domain_aliases: aliases.map(|list| list.iter().filter_map(|alias| alias.as_str()).map(Symbol::from).collect()),
            path_normalization: said
                .get("pathNormalization")
                .and_then(|field| field.get("normalization")?.as_str())
                .and_then(normalization),
            auto_mtls: said.get("enableAutoMtls").and_then(serde_json::Value::as_bool),
            unusual: unusual(said),
        })
    }
}

/// The keys of which the value is not the usual one.
fn unusual(said: &serde_json::Map<String, serde_json::Value>) -> Vec<&'static str> {
    let is_set = |key: &str, is_usual: fn(&serde_json::Value) -> bool| said.get(key).is_some_and(|value| !is_usual(value));
    let all = [
        // Neither pods nor policies of namespaces that nothing here selects are there for istiod.
        ("discoverySelectors", is_set("discoverySelectors", is_empty)),
        // Sidecars intercept nothing unless their pods say so.
        ("defaultConfig.interceptionMode", said.get("defaultConfig").is_some_and(capture::passes)),
        // Rules for clients that do not say for whose they are, and Services, are for some namespaces.
        ("defaultDestinationRuleExportTo", is_set("defaultDestinationRuleExportTo", is_everywhere)),
        ("defaultServiceExportTo", is_set("defaultServiceExportTo", is_everywhere)),
        // Sidecars refuse what nobody names.
        (REGISTRY_ONLY, is_set("outboundTrafficPolicy", lets_out_everything)),
        // Others than pods of this mesh may prove who they are.
        (FOREIGN_DOMAINS, has_foreign_domains(said)),
    ];
    all.into_iter().filter(|(_, is_unusual)| *is_unusual).map(|(key, _)| key).collect()
}

fn is_empty(list: &serde_json::Value) -> bool {
    list.is_null() || list.as_array().is_some_and(Vec::is_empty)
}

/// Whether a list of namespaces to which something is exported leaves none out; one without a word is as if it were not there.
fn is_everywhere(list: &serde_json::Value) -> bool {
    is_empty(list) || list.as_array().is_some_and(|list| list.iter().any(|name| name.as_str() == Some("*")))
}

/// Whether a policy on what goes out refuses nothing. Without a mode it may be the first of the API, which refuses.
fn lets_out_everything(policy: &serde_json::Value) -> bool {
    policy.is_null() || policy.get("mode").is_some_and(|mode| mode.as_str() == Some("ALLOW_ANY") || mode.as_u64() == Some(1))
}

/// Whether a further certificate is for trust domains that are not the mesh's own.
fn has_foreign_domains(said: &serde_json::Map<String, serde_json::Value>) -> bool {
    let listed = |value: Option<&serde_json::Value>| value.and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let mut own = listed(said.get("trustDomainAliases"));
    own.push(said.get("trustDomain").cloned().unwrap_or_else(|| "cluster.local".into()));
    let certificates = listed(said.get(FOREIGN_DOMAINS));
    certificates.iter().flat_map(|certificate| listed(certificate.get("trustDomains"))).any(|domain| !own.contains(&domain))
}

/// A mode of normalisation, by its name in the API.
fn normalization(word: &str) -> Option<PathNormalization> {
    match word {
        "NONE" => Some(PathNormalization::None),
        "BASE" | "DEFAULT" => Some(PathNormalization::Base),
        "MERGE_SLASHES" => Some(PathNormalization::MergeSlashes),
        "DECODE_AND_MERGE_SLASHES" => Some(PathNormalization::DecodeAndMergeSlashes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_the_usual_ones_are_none() {
        let told = |text: &str| MeshConfig::read(text).unwrap().unusual;
        let usual = "discoverySelectors: []\ndefaultConfig: {interceptionMode: TPROXY}\ndefaultDestinationRuleExportTo: ['*']\n\
                     interceptionMode: NONE\ndefaultServiceExportTo: []";
        assert!(told(usual).is_empty());
        assert_eq!(told("discoverySelectors: [{matchLabels: {a: b}}]"), ["discoverySelectors"]);
        assert_eq!(told("defaultConfig: {interceptionMode: NONE}"), ["defaultConfig.interceptionMode"]);
        assert_eq!(told("defaultDestinationRuleExportTo: ['.']"), ["defaultDestinationRuleExportTo"]);
        assert_eq!(told("defaultServiceExportTo: ['~']"), ["defaultServiceExportTo"]);
        for refusing in ["{mode: REGISTRY_ONLY}", "{mode: 0}", "{}", "REGISTRY_ONLY"] {
            assert_eq!(told(&format!("outboundTrafficPolicy: {refusing}")), [REGISTRY_ONLY], "{refusing}");
        }
        assert!(
            told("outboundTrafficPolicy: {mode: ALLOW_ANY}\ncaCertificates: [{pem: a}, {pem: b, trustDomains: [cluster.local]}]")
                .is_empty()
        );
        assert!(told("trustDomain: corp\ntrustDomainAliases: [old]\ncaCertificates: [{pem: a, trustDomains: [old, corp]}]").is_empty());
        assert_eq!(told("trustDomain: corp\ncaCertificates: [{pem: a, trustDomains: [cluster.local]}]"), [FOREIGN_DOMAINS]);
    }

    #[test]
    fn what_stands_deeper_is_not_the_meshs_own() {
        let config =
            MeshConfig::read("defaultConfig:\n  rootNamespace: theirs\ntrustDomain: corp # ours\nenableAutoMtls: false\n").unwrap();
        assert_eq!((config.root_namespace, config.trust_domain.as_deref(), config.auto_mtls), (None, Some("corp"), Some(false)));
        assert!(MeshConfig::read("# nothing\n").is_some() && MeshConfig::read("").is_some());
        assert!(MeshConfig::read("- a").is_none() && MeshConfig::read("a: [").is_none());
    }
}
