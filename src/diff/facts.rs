//! What is different besides access.
//!
//! Owns: `Fact`: namespaces, workloads, expectations, what the gates only come near to, what a proof takes for granted. Each is
//! found by comparing what both programs say of it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::entry::Change;
use super::meshed;
use super::seeds::Policies;
use super::settings::settings;
use super::side::Which;
use super::verified;
use crate::cluster::Cluster;
use crate::diagnostic::level::Levels;
use crate::diagnostic::{Code, Diagnostic, Level, code};
use crate::flow::{DataPlane, NAMESPACE_NAME, Peer, Symbol};
use crate::gates::Gates;
use crate::inventory::InventoryWorkload;
use crate::ir::{Expectation, Namespace, Ownership, Policy, Workload};
use crate::source::Location;
use crate::verify::{Accepting, Assumption, Granted, Held, PolicyWorld, Reach, Worlds, assumptions, judge};

/// What a fact is about. In the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// Something has changed, and what that does to what passes is not known.
    Unknown,
    /// Something that keeps the head from being compiled.
    Error,
    /// An expectation.
    Expectation,
    /// A key of `twogate.toml`.
    Setting,
    /// A namespace.
    Namespace,
    /// A workload, declared or of the inventory.
    Workload,
    /// Something that the two gates can only come near to.
    Approximation,
    /// Something that a proof takes for granted.
    Assumption,
}

impl FactKind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Error,
        Self::Expectation,
        Self::Setting,
        Self::Namespace,
        Self::Workload,
        Self::Approximation,
        Self::Assumption,
    ];

    /// Its name in machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::Expectation => "expectation",
            Self::Setting => "setting",
            Self::Namespace => "namespace",
            Self::Workload => "workload",
            Self::Approximation => "approximation",
            Self::Assumption => "assumption",
        }
    }

    /// A heading for several of them.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Unknown => "changes whose effect is not known",
            Self::Error => "errors",
            Self::Expectation => "expectations",
            Self::Setting => "settings of twogate.toml",
            Self::Namespace => "namespaces",
            Self::Workload => "workloads",
            Self::Approximation => "approximations",
            Self::Assumption => "assumptions",
        }
    }
}

/// One difference that is not access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// Whether it has come, gone, or is something else.
    pub change: Change,
    /// What it is, in words.
    pub text: String,
    /// Where it stands, and on which side.
    pub place: Option<(Which, Location)>,
    /// Whether it fails now: an expectation that does not hold, a program that does not compile.
    pub fails: bool,
}

/// A program, and what was found in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysed<'a> {
    pub(super) policy: &'a Policy,
    pub(super) gates: &'a Gates,
    pub(super) findings: &'a [Diagnostic],
}

/// All that is different besides access.
pub(super) fn facts(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let mut facts = findings(base, head);
    facts.extend(expectations(base, head));
    facts.extend(settings(base.policy, head.policy));
    facts.extend(namespaces(base.policy, head.policy));
    facts.extend(workloads(base.policy, head.policy));
    facts.extend(inventories(base.policy, head.policy));
    facts.extend(taken_for_granted(base, head));
    facts.extend(verified::issuers(base.policy, head.policy));
    facts.sort_by(|left, right| {
        (left.kind, !left.fails, &left.text, left.change).cmp(&(right.kind, !right.fails, &right.text, right.change))
    });
    facts
}

pub(super) fn fact(kind: FactKind, change: Change, text: String) -> Fact {
    Fact { kind, change, text, place: None, fails: false }
}

/// Findings that say where the two gates only come near to what the lines say.
const APPROXIMATIONS: [Code; 14] = [
    code::ACCEPTED,
    code::SHARED_ACCOUNT,
    code::NAMESPACE_IDENTITY,
    code::COUPLED_RULES,
    code::DENY_NOT_SEPARABLE,
    code::DENY_EVADABLE,
    code::DENY_UNENFORCED,
    code::CIDR_MAY_COVER_PODS,
    code::INTERNET_SOURCE,
    code::INIT_CONTAINER_TRAFFIC,
    code::HOST_NETWORK,
    code::DEFAULT_ACCOUNT,
    code::NAMESPACE_SNAPSHOT,
    code::UNMESHED_CALLER,
];

/// What a finding says. Of callers outside of the mesh each finding says the same, and only its label who they are.
fn words_of(finding: &Diagnostic) -> String {
    let who = finding.primary.as_ref().filter(|label| finding.code == code::UNMESHED_CALLER && !label.text.is_empty());
    let who = who.map(|label| format!(" ({})", label.text)).unwrap_or_default();
    format!("{}: {}{who}", finding.code, finding.message)
}

/// Findings of one side, at settled levels, by what they say.
fn settled(side: Analysed<'_>) -> BTreeMap<(Code, String), Diagnostic> {
    let levels = Levels::new(side.policy.config.lints.settings()).accepting(crate::check::accepts(side.policy));
    let findings = levels.apply(side.findings.to_vec());
    let told = |finding: &Diagnostic| finding.code != code::EXPECTATION_FAILED;
    findings.into_iter().filter(told).map(|finding| ((finding.code, words_of(&finding)), finding)).collect()
}

/// Errors and approximations that have come or gone.
fn findings(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let (old, new) = (settled(base), settled(head));
    // A level may be another one, too: what is an error on one side only has come, or gone, as one.
    let is_new = |finding: &Diagnostic, other: Option<&Diagnostic>| {
        other.is_none_or(|other| finding.level == Level::Error && other.level != Level::Error)
    };
    let come = new.iter().filter(|(key, finding)| is_new(finding, old.get(*key)));
    let gone = old.iter().filter(|(key, finding)| is_new(finding, new.get(*key)));
    let come = come.map(|(_, finding)| (Which::Head, Change::Added, finding));
    let gone = gone.map(|(_, finding)| (Which::Base, Change::Removed, finding));
    let told = |(which, change, finding): (Which, Change, &Diagnostic)| {
        let is_error = finding.level == Level::Error;
        let kind = match (is_error, APPROXIMATIONS.contains(&finding.code)) {
            (true, _) => FactKind::Error,
            (false, true) => FactKind::Approximation,
            (false, false) => return None,
        };
        let place = finding.location().map(|location| (which, location));
        let fails = is_error && change == Change::Added;
        Some(Fact { place, fails, ..fact(kind, change, words_of(finding)) })
    };
    come.chain(gone).filter_map(told).collect()
}

/// Findings about manifests that have come or gone. What is not modelled is told by itself.
pub(super) fn found(base: &[Diagnostic], head: &[Diagnostic]) -> Vec<Fact> {
    let told = |finding: &Diagnostic, others: &[Diagnostic]| {
        finding.level > Level::Note
            && finding.code != code::UNMODELLED_KIND
            && !others.iter().any(|other| other.code == finding.code && other.message == finding.message)
    };
    let words = |which: Which, change: Change, finding: &Diagnostic| Fact {
        place: finding.location().map(|location| (which, location)),
        ..fact(FactKind::Approximation, change, format!("{}: {}", finding.code, finding.message))
    };
    let come = head.iter().filter(|finding| told(finding, base)).map(|finding| words(Which::Head, Change::Added, finding));
    let gone = base.iter().filter(|finding| told(finding, head)).map(|finding| words(Which::Base, Change::Removed, finding));
    come.chain(gone).collect()
}

/// Expectations that have come or gone, and those of the head that fail and held. Each is judged, whatever the entries say: a name in it may
/// mean others than it did.
fn expectations(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let texts = |policy: &Policy| -> BTreeMap<String, usize> {
        policy.expectations.iter().fold(BTreeMap::new(), |mut counts, expectation| {
            *counts.entry(expectation.text.clone()).or_default() += 1;
            counts
        })
    };
    let (old, new) = (texts(base.policy), texts(head.policy));
    let extra = |all: &BTreeMap<String, usize>, text: &str, other: &BTreeMap<String, usize>| {
        all.get(text).copied().unwrap_or_default() > other.get(text).copied().unwrap_or_default()
    };
    if head.policy.expectations.is_empty() && base.policy.expectations.is_empty() {
        return Vec::new();
    }
    let mut facts = Vec::new();
    let (before, judged) = (OnceCell::new(), Judged::new(head));
    for expectation in &head.policy.expectations {
        let is_new = extra(&new, &expectation.text, &old);
        let fails = judged.fails(expectation);
        if !is_new && (!fails || failed_before(before.get_or_init(|| Judged::new(base)), expectation)) {
            continue;
        }
        let change = if is_new { Change::Added } else { Change::Changed };
        let place = Some((Which::Head, expectation.location));
        facts.push(Fact { place, fails, ..fact(FactKind::Expectation, change, expectation.text.clone()) });
    }
    let gone = base.policy.expectations.iter().filter(|expectation| extra(&old, &expectation.text, &new));
    facts.extend(gone.map(|expectation| Fact {
        place: Some((Which::Base, expectation.location)),
        ..fact(FactKind::Expectation, Change::Removed, expectation.text.clone())
    }));
    facts
}

fn failed_before(base: &Judged<'_>, expectation: &Expectation) -> bool {
    let before = base.analysed.policy.expectations.iter().find(|other| other.text == expectation.text);
    before.is_some_and(|before| base.fails(before))
}

/// A program that expectations are decided on, with what its lines accept.
struct Judged<'p> {
    analysed: Analysed<'p>,
    program: Accepting<'p>,
    world: PolicyWorld<'p>,
    granted: Granted<'p>,
    namespaces: Vec<Symbol>,
}

impl<'p> Judged<'p> {
    fn new(analysed: Analysed<'p>) -> Self {
        let (policy, gates) = (analysed.policy, analysed.gates);
        let (program, granted) = (Accepting::new(policy, gates), Granted::new(policy, gates));
        let namespaces = policy.namespaces.keys().cloned().collect();
        Self { analysed, program, world: PolicyWorld::new(policy), granted, namespaces }
    }

    fn fails(&self, expectation: &Expectation) -> bool {
        let worlds = Worlds::both(&self.world);
        let reach = Reach { judge: &self.program, worlds, ruled_out: &self.granted, namespaces: &self.namespaces };
        judge(&reach, expectation) != Held::Yes
    }
}

/// Namespaces that become managed or stop, and what else is said of them.
fn namespaces(base: &Policy, head: &Policy) -> Vec<Fact> {
    let ours = |namespace: Option<&Namespace>| namespace.filter(|namespace| namespace.ownership == Ownership::Managed).cloned();
    let names: BTreeSet<&Symbol> = base.namespaces.keys().chain(head.namespaces.keys()).collect();
    let mut facts = Vec::new();
    for name in names {
        let (old, new) = (ours(base.namespace(name)), ours(head.namespace(name)));
        let place = |which: Which, namespace: &Namespace| namespace.location.map(|location| (which, location));
        match (&old, &new) {
            (None, Some(new)) => facts.push(Fact {
                place: place(Which::Head, new),
                ..fact(FactKind::Namespace, Change::Added, format!("`{name}` becomes managed"))
            }),
            (Some(old), None) => facts.push(Fact {
                place: place(Which::Base, old),
                ..fact(FactKind::Namespace, Change::Removed, format!("`{name}` is no longer managed"))
            }),
            (Some(old), Some(new)) => facts.extend(
                changed_namespace(old, new)
                    .map(|text| Fact { place: place(Which::Head, new), ..fact(FactKind::Namespace, Change::Changed, text) }),
            ),
            (None, None) => {}
        }
    }
    facts
}

fn changed_namespace(old: &Namespace, new: &Namespace) -> Option<String> {
    let labels = |namespace: &Namespace| {
        let own = namespace.labels.iter().filter(|(key, _)| ***key != *NAMESPACE_NAME);
        let words: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
        if words.is_empty() { "no labels".to_owned() } else { format!("labels `{}`", words.join(",")) }
    };
    let mut parts = Vec::new();
    if old.labels != new.labels {
        parts.push(format!("{} instead of {}", labels(new), labels(old)));
    }
    if old.plane != new.plane {
        parts.push(format!("mesh {} instead of {}", plane_word(new.plane), plane_word(old.plane)));
    }
    (!parts.is_empty()).then(|| format!("`{}`: {}", new.name, parts.join(", ")))
}

/// What has changed of a namespace, whoever manages it, and where the side that has it says so.
pub(super) fn namespace_change(policies: Policies<'_>, name: &Symbol) -> (String, Option<(Which, Location)>) {
    let [old, new] = [policies.base, policies.head].map(|policy| policy.namespace(name));
    let text = match (old, new) {
        (Some(old), Some(new)) => changed_namespace(old, new),
        (None, Some(_)) => Some(format!("`{name}` is described now")),
        (Some(_), None) => Some(format!("`{name}` is no longer described")),
        (None, None) => None,
    };
    let text = text.unwrap_or_else(|| format!("`{name}` is not what it was"));
    let place = |which: Which| {
        let policy = policies.of(which);
        let listed = || policy.inventory.namespaces.get(name).map(|facts| facts.location);
        Some((which, policy.namespace(name).and_then(|namespace| namespace.location).or_else(listed)?))
    };
    (format!("namespace {text}"), place(Which::Head).or_else(|| place(Which::Base)))
}

/// How the language names a data plane.
pub(super) const fn plane_word(plane: Option<DataPlane>) -> &'static str {
    match plane {
        Some(DataPlane::None) => "none",
        Some(DataPlane::Sidecar) => "sidecar",
        Some(DataPlane::Ambient) => "ambient",
        None => "unsaid",
    }
}

/// Declared workloads that have come or gone, or of which something else is said.
fn workloads(base: &Policy, head: &Policy) -> Vec<Fact> {
    let all = |policy: &'_ Policy| -> BTreeMap<(Symbol, Symbol), Workload> {
        policy.workloads.iter().map(|workload| ((workload.namespace.clone(), workload.name.clone()), workload.clone())).collect()
    };
    let (old, new) = (all(base), all(head));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let told = |key: &(Symbol, Symbol)| {
        let name = format!("`{}@{}`", key.1, key.0);
        let (change, text, which, workload) = match (old.get(key), new.get(key)) {
            (None, Some(new)) => (Change::Added, format!("{name} = {}", facts_of(new)), Which::Head, new),
            (Some(old), None) => (Change::Removed, format!("{name} = {}", facts_of(old)), Which::Base, old),
            (Some(old), Some(new)) if facts_of(old) != facts_of(new) => {
                (Change::Changed, format!("{name} = {}; it was {}", facts_of(new), facts_of(old)), Which::Head, new)
            }
            _ => return None,
        };
        Some(Fact { place: Some((which, workload.location)), ..fact(FactKind::Workload, change, text) })
    };
    keys.into_iter().filter_map(told).collect()
}

/// What is said of a workload, in the language's words.
fn facts_of(workload: &Workload) -> String {
    let mut text = workload.labels.to_string();
    if let Some(account) = &workload.account {
        text = text + " account " + account;
    }
    let ports: Vec<String> = workload.ports.iter().map(|port| format!("{}={}", port.name, port.number)).collect();
    if !ports.is_empty() {
        text = text + " port " + &ports.join(",");
    }
    if workload.plane == Some(DataPlane::None) {
        text.push_str(" unmeshed");
    }
    text
}

/// Workloads of the inventory that have come or gone, run as another account, or have other labels or another part in the mesh.
fn inventories(base: &Policy, head: &Policy) -> Vec<Fact> {
    let all = |policy: &Policy| -> BTreeMap<String, Symbol> {
        policy.inventory.workloads.iter().map(|workload| (workload.to_string(), workload.account.clone())).collect()
    };
    let mut facts = accounts(&all(base), &all(head));
    facts.extend(relabelled(base, head));
    facts.extend(meshed::turns(base, head).iter().filter_map(meshed::told));
    facts
}

/// Workloads of both inventories with other labels than before.
fn relabelled(base: &Policy, head: &Policy) -> Vec<Fact> {
    let old: BTreeMap<String, &InventoryWorkload> =
        base.inventory.workloads.iter().map(|workload| (workload.to_string(), workload)).collect();
    let told = |new: &InventoryWorkload| {
        let name = new.to_string();
        let old = old.get(&name).filter(|old| old.labels != new.labels)?;
        let labels = |workload: &InventoryWorkload| {
            let words: Vec<String> = workload.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if words.is_empty() { "none".to_owned() } else { format!("`{}`", words.join(",")) }
        };
        let text = format!("{name} has labels {}; they were {}", labels(new), labels(old));
        Some(Fact { place: Some((Which::Head, new.location)), ..fact(FactKind::Workload, Change::Changed, text) })
    };
    head.inventory.workloads.iter().filter_map(told).collect()
}

fn accounts(old: &BTreeMap<String, Symbol>, new: &BTreeMap<String, Symbol>) -> Vec<Fact> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let told = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some(account)) => Some(fact(FactKind::Workload, Change::Added, format!("{name} runs as `{account}`"))),
        (Some(account), None) => Some(fact(FactKind::Workload, Change::Removed, format!("{name} ran as `{account}`"))),
        (Some(before), Some(after)) if before != after => {
            Some(fact(FactKind::Workload, Change::Changed, format!("{name} runs as `{after}`; it ran as `{before}`")))
        }
        _ => None,
    };
    names.into_iter().filter_map(told).collect()
}

/// Workloads of two clusters that have come or gone, or run as another account.
pub(super) fn workloads_of(base: &Cluster, head: &Cluster) -> Vec<Fact> {
    let all = |cluster: &Cluster| -> BTreeMap<String, Symbol> {
        let account = |workload: &crate::cluster::Workload| match &workload.endpoint.peer {
            Peer::Pod(pod) => Some((format!("{} {}/{}", workload.kind, pod.namespace, workload.name), pod.account.clone())),
            Peer::Address(_) => None,
        };
        cluster.workloads().iter().filter_map(account).collect()
    };
    accounts(&all(base), &all(head))
}

/// What a proof takes for granted on one side only. Lists of all managed namespaces are told by the namespaces.
fn taken_for_granted(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let told = |assumption: &Assumption| {
        use Assumption::{Captured, ClientTls, NamespaceLabels, NoOtherPolicies, OutsideMesh, PodNetwork};
        let lists_namespaces = matches!(assumption, Captured { .. } | ClientTls { .. } | NoOtherPolicies { .. } | PodNetwork { .. });
        !lists_namespaces && !matches!(assumption, NamespaceLabels { .. } | OutsideMesh { .. } | Assumption::Keys { .. })
    };
    let all = |side: Analysed<'_>| -> BTreeSet<String> {
        assumptions(side.policy, side.gates).iter().filter(|assumption| told(assumption)).map(ToString::to_string).collect()
    };
    let (old, new) = (all(base), all(head));
    let come = new.difference(&old).map(|text| fact(FactKind::Assumption, Change::Added, text.clone()));
    let gone = old.difference(&new).map(|text| fact(FactKind::Assumption, Change::Removed, text.clone()));
    come.chain(gone).collect()
}
