//! What has changed in `twogate.toml`.
//!
//! Owns: the facts about it, one for each key whose value is another one and can matter for what passes, and whether the entries tell all
//! that it does. Values are compared as they were understood, so that defaults count and no way of writing does. Left out is what says how
//! manifests are laid out (`output`), what is accepted (`diff`) and how findings are told (`lints`): an error that comes of it is told as such.

use super::entry::Change;
use super::facts::{Fact, FactKind, fact, plane_word};
use super::seeds::Policies;
use crate::config::{Answer, Config, Consent, IngressSource, PodSelector};
use crate::flow::{AddressSet, DataPlane};
use crate::ir::Policy;
use crate::target;

/// A key, and what its value does.
struct Setting {
    name: &'static str,
    /// Its value, each value in words of its own.
    words: fn(&Config) -> String,
    reach: Reach,
}

/// What a key reaches.
#[derive(Clone, Copy)]
enum Reach {
    /// Ends and ports of rules and of baselines, which are compared as they were resolved, or findings alone, which are told as such.
    Lines,
    /// How pods take part in the mesh where nobody says it.
    Mode,
    /// How accounts are written.
    Accounts,
    /// By which domain the mesh knows identities for its own.
    Domain,
    /// Where policies of the mesh are written at all.
    Mesh,
    /// What the mesh does with connections that policies do not say.
    Proxies,
    /// How the mesh reads paths.
    Paths,
    /// What written blocks must leave out, and which addresses are nobody's outside.
    Blocks,
    /// What the platform makes of what is written.
    Platform,
    /// With which addresses callers from outside arrive.
    Arrival,
}

/// What becomes of access.
enum Effect {
    /// The entries tell all of it.
    Told,
    /// What is written is another thing, and no entry says what that does.
    Written,
    /// What is written may be the same, and something else is made of it.
    Made,
}

const SETTINGS: [Setting; 30] = [
    Setting { name: "mesh.mode", words: |config| plane_word(Some(config.mesh.mode)).to_owned(), reach: Reach::Mode },
    Setting { name: "mesh.istio", words: |config| config.mesh.istio.to_string(), reach: Reach::Accounts },
    Setting { name: "mesh.trust-domain", words: |config| config.mesh.trust_domain.to_string(), reach: Reach::Domain },
    Setting { name: "mesh.trust-domain-aliases", words: |config| listed(&config.mesh.trust_domain_aliases), reach: Reach::Proxies },
    Setting { name: "mesh.root-namespace", words: |config| config.mesh.root_namespace.to_string(), reach: Reach::Mesh },
    Setting { name: "mesh.path-normalization", words: |config| config.mesh.path_normalization.word().to_owned(), reach: Reach::Paths },
    Setting { name: "mesh.hbone-from-sidecars", words: |config| answer(config.mesh.hbone_from_sidecars), reach: Reach::Proxies },
    Setting {
        name: "mesh.layered-waypoint-policies",
        words: |config| answer(config.mesh.layered_waypoint_policies),
        reach: Reach::Proxies,
    },
    Setting { name: "mesh.auto-allow-waypoint", words: |config| answer(config.mesh.auto_allow_waypoint), reach: Reach::Proxies },
    Setting { name: "mesh.probe-sources", words: |config| blocks(&config.mesh.probe_sources), reach: Reach::Proxies },
    Setting { name: "cluster.kubernetes", words: |config| config.cluster.kubernetes.to_string(), reach: Reach::Lines },
    Setting { name: "cluster.pod-cidrs", words: |config| blocks(&config.cluster.pods), reach: Reach::Blocks },
    Setting { name: "cluster.service-cidrs", words: |config| blocks(&config.cluster.services), reach: Reach::Blocks },
    Setting { name: "cluster.node-cidrs", words: |config| blocks(&config.cluster.nodes), reach: Reach::Lines },
    Setting { name: "cluster.api-server", words: |config| blocks(&config.cluster.api_server), reach: Reach::Lines },
    Setting { name: "cluster.metadata", words: |config| blocks(&config.cluster.metadata), reach: Reach::Lines },
    Setting { name: "dns.pods", words: |config| pods(&config.dns.pods), reach: Reach::Lines },
    Setting { name: "dns.ports", words: |config| config.dns.ports.to_string(), reach: Reach::Lines },
    Setting { name: "dns.node-local", words: |config| blocks(&config.dns.node_local), reach: Reach::Lines },
    Setting { name: "control-plane.pods", words: |config| pods(&config.control_plane.pods), reach: Reach::Lines },
    Setting { name: "control-plane.ports", words: |config| config.control_plane.ports.to_string(), reach: Reach::Lines },
    Setting { name: "scraper.pods", words: |config| pods(&config.scraper.pods), reach: Reach::Lines },
    Setting { name: "scraper.ports", words: |config| config.scraper.ports.to_string(), reach: Reach::Lines },
    Setting { name: "ingress.source", words: |config| arrival(&config.ingress), reach: Reach::Arrival },
    Setting {
        name: "network-plugin.ipblock-matches-pods",
        words: |config| answer(config.network_plugin.ipblock_matches_pods),
        reach: Reach::Platform,
    },
    Setting { name: "network-plugin.end-port", words: |config| answer(config.network_plugin.end_port), reach: Reach::Platform },
    Setting { name: "network-plugin.named-ports", words: |config| answer(config.network_plugin.named_ports), reach: Reach::Platform },
    Setting { name: "network-plugin.sctp", words: |config| answer(config.network_plugin.sctp), reach: Reach::Platform },
    Setting { name: "tenancy.consent", words: |config| consent(config.tenancy.consent).to_owned(), reach: Reach::Lines },
    Setting { name: "tenancy.system-namespaces", words: |config| listed(&config.tenancy.system_namespaces), reach: Reach::Lines },
];

/// The keys whose values are others and can matter for what passes.
pub(super) fn settings(base: &Policy, head: &Policy) -> Vec<Fact> {
    let told = |setting: &Setting| {
        let words = setting.change(Policies { base, head })?;
        let unknown = "its effect on what passes is not known";
        let (kind, text) = match setting.effect([base, head]) {
            Effect::Told => (FactKind::Setting, words),
            Effect::Made => (FactKind::Unknown, format!("{words}; {unknown}")),
            Effect::Written => {
                (FactKind::Unknown, format!("{words}; {unknown}: compare the manifests of both sides (`twogate diff --manifests`)"))
            }
        };
        Some(fact(kind, Change::Changed, text))
    };
    SETTINGS.iter().filter_map(told).collect()
}

/// What has changed that every verdict may hang on, in words.
pub(super) fn everywhere(policies: Policies<'_>) -> String {
    let is_everywhere = |setting: &&Setting| matches!(setting.name, "mesh.mode" | "tenancy.consent");
    let words: Vec<String> = SETTINGS.iter().filter(is_everywhere).filter_map(|setting| setting.change(policies)).collect();
    words.join("; ")
}

impl Setting {
    /// Both values, if they are not the same.
    fn change(&self, policies: Policies<'_>) -> Option<String> {
        let [old, new] = [policies.base, policies.head].map(|policy| (self.words)(&policy.config));
        let quoted = |words: &str| {
            if words.is_empty() { "empty".to_owned() } else { format!("`{}`", words.replace(", ", "`, `")) }
        };
        (old != new).then(|| format!("`{}` is {}; it was {}", self.name, quoted(&new), quoted(&old)))
    }

    /// What a change of it does.
    fn effect(&self, sides: [&Policy; 2]) -> Effect {
        let [base, head] = sides;
        let either = |holds: fn(&Policy) -> bool| holds(base) || holds(head);
        let unless = |is_told: bool, else_it_is: Effect| if is_told { Effect::Told } else { else_it_is };
        match self.reach {
            Reach::Lines => Effect::Told,
            // Pods of which nobody says it are taken for meshed where some namespace is, whatever the key says.
            Reach::Mode => unless(!either(is_mode_overruled), Effect::Made),
            // Entries name accounts; in which words a proxy is told them is in the manifests alone.
            Reach::Accounts => unless(!either(has_mesh) || target::writes_accounts_alike(&base.config, &head.config), Effect::Written),
            Reach::Domain if target::writes_accounts_alike(&base.config, &head.config) => unless(!either(has_mesh), Effect::Made),
            Reach::Domain | Reach::Mesh => unless(!either(has_mesh), Effect::Written),
            Reach::Proxies => unless(!either(has_mesh), Effect::Made),
            Reach::Paths => unless(!either(has_mesh) || !either(has_requests), Effect::Made),
            Reach::Blocks => Effect::Written,
            // What nobody had said is learnt, and the platform is what it was.
            Reach::Platform => unless((self.words)(&base.config) == UNKNOWN, Effect::Made),
            Reach::Arrival => unless(base.config.ingress == IngressSource::Unknown || !either(lets_addresses_in), Effect::Made),
        }
    }
}

fn is_mode_overruled(policy: &Policy) -> bool {
    policy.config.mesh.mode == DataPlane::None && policy.namespaces.values().any(|namespace| namespace.plane == Some(DataPlane::Sidecar))
}

/// Whether anything is in a mesh.
fn has_mesh(policy: &Policy) -> bool {
    let is_in = |plane: DataPlane| plane != DataPlane::None;
    let listed = || policy.inventory.workloads.iter().map(|workload| policy.inventory.plane_of(workload, policy.config.mesh.mode));
    is_in(policy.config.mesh.mode)
        || policy.namespaces.values().filter_map(|namespace| namespace.plane).any(is_in)
        || policy.workloads.iter().filter_map(|workload| workload.plane).any(is_in)
        || listed().any(is_in)
}

fn has_requests(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| !rule.requests.is_all())
}

fn lets_addresses_in(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| !rule.source.peers().addresses.is_empty())
}

/// Of an answer that nobody gave.
const UNKNOWN: &str = "unknown";

fn answer(answer: Answer) -> String {
    let word = match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Unknown => UNKNOWN,
    };
    word.to_owned()
}

const fn consent(consent: Consent) -> &'static str {
    match consent {
        Consent::Either => "either",
        Consent::Both => "both",
    }
}

fn arrival(source: &IngressSource) -> String {
    match source {
        IngressSource::Unknown => UNKNOWN.to_owned(),
        IngressSource::Client => "client".to_owned(),
        IngressSource::Nodes => "nodes".to_owned(),
        IngressSource::Addresses(addresses) => blocks(addresses),
    }
}

fn blocks(addresses: &AddressSet) -> String {
    listed(addresses.prefixes())
}

/// Selectors in order, as which of them stands first says nothing.
fn pods(selectors: &[PodSelector]) -> String {
    let mut all: Vec<&PodSelector> = selectors.iter().collect();
    all.sort_unstable();
    // A comma stands within a selector too, but without a blank behind it.
    listed(all)
}

fn listed(words: impl IntoIterator<Item = impl ToString>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(", ")
}
