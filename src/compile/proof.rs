//! The last phase: what is about to be written is read back and held against the intents.
//!
//! Owns: the order of the two proofs (alone, then beside others' policies) and their findings. A difference is a fault of this
//! tool; beside others' policies it is a fact about the cluster that the user must know.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::expectations::decide;
use super::others::of_others;
use super::platform::proof_platform;
use crate::cluster::{self, Cluster, Decision, Document};
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::{Flow, Symbol, Verdict};
use crate::gates::Gates;
use crate::ir::{Ownership, Policy};
use crate::source::{FileId, Source, Sources};
use crate::syntax::ast::Action;
use crate::target::OutputFile;
use crate::verify::{
    Assumption, Difference, Ends, Incomplete, Misverified, Proof, Status, Way, check_assumptions, flow_words, misverified, prove,
};

/// The most differences that are told one by one.
const MAX_TOLD: usize = 5;

/// A proof, the manifests that it was made on, and what was found.
pub(super) struct Checked {
    /// None if something could not be read.
    pub(super) proof: Option<Proof>,
    pub(super) cluster: Cluster,
    pub(super) findings: Vec<Diagnostic>,
}

/// Proves that the files do what the policy says. The texts of the files join the sources, for the places of findings.
pub(super) fn check(policy: &Policy, gates: &Gates, files: &[OutputFile], alongside: &[FileId], sources: &mut Sources) -> Checked {
    let written: Vec<FileId> = texts(files, "not written").into_iter().map(|source| sources.add(source)).collect();
    let (cluster, unread) = cluster::read(sources, &written, proof_platform(&policy.config));
    if let Some(finding) = unread.into_iter().find(|finding| finding.level > Level::Note) {
        return Checked { proof: None, cluster, findings: vec![misread(&finding)] };
    }
    let alone = Pass { suspects: &written, ends: Ends::Policed, differs: failed, verifies: failed_keys };
    let checked = judged(policy, gates, cluster, &alone);
    if !checked.findings.is_empty() || alongside.is_empty() {
        return checked;
    }
    let platform = proof_platform(&policy.config);
    let others = of_others(policy, sources, alongside, &platform);
    let others: Vec<FileId> = texts(&others, "of `--with`").into_iter().map(|source| sources.add(source)).collect();
    let (cluster, findings) = cluster::read(sources, &[&written, &others, alongside].concat(), platform);
    if crate::diagnostic::order::has_error(&findings) {
        return Checked { proof: None, cluster, findings };
    }
    let beside = Pass { suspects: alongside, ends: Ends::Ruled, differs: changed, verifies: changed_keys };
    let mut checked = judged(policy, gates, cluster, &beside);
    let mut ground: Vec<Diagnostic> = checked.proof.iter().flat_map(|proof| other_clients(proof, &checked.cluster)).collect();
    ground.extend(checked.proof.iter().flat_map(|proof| not_so(policy, proof, &checked.cluster)));
    if !ground.is_empty() {
        // What hangs on something that is not so is not proved.
        checked.proof = None;
    }
    checked.findings.extend(ground);
    checked.findings.extend(findings);
    checked
}

/// The files of an outcome as the evaluator reads them beside what programs read with `--with` would write; none if there are no such
/// programs, or if something could not be read.
pub(super) fn beside_others(policy: &Policy, files: &[OutputFile], sources: &mut Sources) -> Option<Cluster> {
    let platform = proof_platform(&policy.config);
    let others = of_others(policy, sources, &[], &platform);
    let read = texts(files, "not written").into_iter().chain(texts(&others, "of `--with`"));
    let read: Vec<FileId> = read.map(|source| sources.add(source)).collect();
    let (cluster, findings) = cluster::read(sources, &read, platform);
    (!others.is_empty() && !crate::diagnostic::order::has_error(&findings)).then_some(cluster)
}

/// The texts of manifests, each named by its path and what it is.
fn texts(files: &[OutputFile], what: &str) -> Vec<Source> {
    let manifests = files.iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
    manifests.map(|file| Source::new(format!("{} ({what})", file.path), Arc::clone(&file.text))).collect()
}

/// One of the two proofs.
struct Pass<'a> {
    /// The files whose documents are told of.
    suspects: &'a [FileId],
    ends: Ends,
    /// Tells of a group of flows about which the two sides do not agree.
    differs: fn(&Policy, &Group) -> Diagnostic,
    /// Tells of a policy that verifies tokens otherwise.
    verifies: fn(&Misverified) -> Diagnostic,
}

fn judged(policy: &Policy, gates: &Gates, cluster: Cluster, pass: &Pass<'_>) -> Checked {
    let mut proof = prove(policy, gates, &cluster, pass.ends);
    if pass.ends == Ends::Ruled {
        // What their own manifests do otherwise is for their own checks.
        let is_theirs = |name: &Symbol| policy.namespace(name).is_some_and(|namespace| namespace.ownership == Ownership::With);
        let told = proof.differences.len();
        let suspected = |flow: &Flow| documents(&decide(&cluster, flow)).any(|document| pass.suspects.contains(&document.location.file));
        proof.differences.retain(|difference| !is_theirs(&difference.namespace) || suspected(&difference.flow));
        if proof.is_cut_short && proof.differences.len() < told {
            let theirs = policy.namespaces.keys().filter(|name| is_theirs(name));
            proof.incomplete.extend(theirs.map(|name| Incomplete::Pods { namespace: Symbol::clone(name), way: Way::Ingress }));
        }
    }
    let mut findings = Vec::new();
    findings.extend(groups(&cluster, &proof, pass.suspects).iter().take(MAX_TOLD).map(|group| (pass.differs)(policy, group)));
    findings.extend(proof.incomplete.iter().take(MAX_TOLD).map(|incomplete| too_many(policy, incomplete)));
    let wrong = misverified(policy, &cluster).into_iter().filter(|wrong| pass.suspects.contains(&wrong.found.document.location.file));
    findings.extend(wrong.take(MAX_TOLD).map(|wrong| (pass.verifies)(&wrong)));
    Checked { proof: Some(proof), cluster, findings }
}

/// Differences in which the same documents have a say and the policies say the same; one fault makes many of them.
struct Group {
    example: Difference,
    decision: Decision,
    /// The documents that have a say, of the files that are suspected.
    documents: Vec<Document>,
    count: usize,
    /// Whether there may be more of them.
    is_cut_short: bool,
}

fn groups(cluster: &Cluster, proof: &Proof, suspects: &[FileId]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for difference in &proof.differences {
        let decision = decide(cluster, &difference.flow);
        let documents: Vec<Document> =
            documents(&decision).filter(|document| suspects.contains(&document.location.file)).cloned().collect();
        let same = |group: &&mut Group| group.decision.verdict == decision.verdict && group.documents == documents;
        match groups.iter_mut().find(same) {
            Some(group) => group.count += 1,
            None => groups.push(Group { example: difference.clone(), decision, documents, count: 1, is_cut_short: proof.is_cut_short }),
        }
    }
    groups
}

/// The documents that have a say, each once.
fn documents(decision: &Decision) -> impl Iterator<Item = &Document> {
    let mut seen = BTreeSet::new();
    decision.steps.iter().flat_map(|step| &step.decided_by).filter(move |document| seen.insert(document.location))
}

/// Manifests of ours that the evaluator does not take.
fn misread(finding: &Diagnostic) -> Diagnostic {
    internal(Diagnostic::unplaced(code::PROOF_FAILED, "the policies that would be written are not what a cluster accepts"))
        .note(finding.message.clone())
}

/// Flows about which the intents and what would be written disagree.
fn failed(policy: &Policy, group: &Group) -> Diagnostic {
    let message = "the policies that would be written do not do what the intents say";
    internal(counterexample(placed(policy, &group.example.flow, code::PROOF_FAILED, message), policy, group))
}

fn internal(finding: Diagnostic) -> Diagnostic {
    finding.help("this is a fault of twogate and not of the intents; nothing was written; please report it together with the intents")
}

/// Flows that others' policies change.
fn changed(policy: &Policy, group: &Group) -> Diagnostic {
    let message = "policies given with `--alongside` change who gets in";
    let finding = counterexample(placed(policy, &group.example.flow, code::ALONGSIDE_CHANGES_ACCESS, message), policy, group);
    finding.help("remove the other policy, or say in the intents what it lets through")
}

/// What would be written verifies tokens by other keys than the intents say.
fn failed_keys(wrong: &Misverified) -> Diagnostic {
    let message = "the policies that would be written do not verify tokens as the intents say";
    internal(Diagnostic::new(code::PROOF_FAILED, wrong.found.document.location, message).note(wrong.words()))
}

/// Others verify tokens of an issuer of the intents by other keys: whoever holds these is let in as anybody.
fn changed_keys(wrong: &Misverified) -> Diagnostic {
    let message = format!("a policy given with `--alongside` verifies tokens of `{}` otherwise than the intents say", wrong.found.issuer);
    Diagnostic::new(code::ALONGSIDE_CHANGES_ACCESS, wrong.found.document.location, message)
        .note(wrong.words())
        .note("whoever signs with these keys is taken for anybody that the issuer speaks for")
        .help("remove the other policy, or name its keys in the intents")
}

/// Others' `DestinationRule`s that make clients speak otherwise than the proof takes for granted (`semantics.md` §3.3).
fn other_clients(proof: &Proof, cluster: &Cluster) -> Vec<Diagnostic> {
    let meshed = proof.assumptions.iter().filter_map(|assumption| match assumption {
        Assumption::ClientTls { namespaces } => Some(namespaces),
        _ => None,
    });
    let rules = meshed.flatten().flat_map(|namespace| cluster.client_tls(namespace).into_iter().map(move |rule| (namespace, rule)));
    let mut seen = BTreeSet::new();
    rules
        .filter(|(_, rule)| rule.asks_for_other && seen.insert(rule.document.location))
        .take(MAX_TOLD)
        .map(|(namespace, rule)| other_client(namespace, &rule.document))
        .collect()
}

fn other_client(namespace: &str, document: &Document) -> Diagnostic {
    let message = format!("a `DestinationRule` given with `--alongside` changes how clients speak to `{namespace}`");
    Diagnostic::new(code::ALONGSIDE_CHANGES_ACCESS, document.location, message)
        .label("asks for something else than the mesh's mTLS")
        .note("connections then come without an identity: rules with `mtls` refuse them, and others do not know the caller's account")
        .help("remove its `tls` settings, or limit its host to Services outside of the mesh")
}

/// What the proof takes for granted and others' manifests show to be otherwise. Clients and keys have findings of their own.
fn not_so(policy: &Policy, proof: &Proof, cluster: &Cluster) -> Vec<Diagnostic> {
    let is_told = |assumption: &Assumption| matches!(assumption, Assumption::ClientTls { .. } | Assumption::Keys { .. });
    let open = proof.assumptions.iter().filter(|assumption| !is_told(assumption)).cloned().collect();
    let checked = check_assumptions(policy, cluster, open).into_iter();
    let broken = checked.filter_map(|checked| match checked.status {
        Status::Broken(why) => Some((checked.assumption, why)),
        Status::Holds | Status::Open => None,
    });
    broken.take(MAX_TOLD).map(|(assumption, why)| other_ground(&assumption, &why)).collect()
}

fn other_ground(assumption: &Assumption, why: &str) -> Diagnostic {
    let message = "manifests given with `--alongside` are not as the proof takes for granted";
    Diagnostic::unplaced(code::ALONGSIDE_CHANGES_ACCESS, message)
        .note(format!("it assumes: {assumption}"))
        .note(format!("there: {why}"))
        .help("say in the intents, the inventory or `twogate.toml` how it is, or change it there")
}

/// Requests, or pods, that fall into more classes than are tried.
fn too_many(policy: &Policy, incomplete: &Incomplete) -> Diagnostic {
    match incomplete {
        Incomplete::Requests(flow) => too_many_requests(policy, flow),
        Incomplete::Pods { namespace, way } => too_many_pods(policy, namespace, *way),
        Incomplete::Names => too_many_names(),
    }
}

fn too_many_names() -> Diagnostic {
    let message = "the names that patterns of policies tell apart fall into too many classes to be proved";
    Diagnostic::unplaced(code::PROOF_INCOMPLETE, message)
        .note("a name may match any of the patterns with something between two `*`, so every further one doubles the classes")
        .help("write fewer patterns like `*a*` for callers' namespaces in the policies of one namespace: name them, or by how they begin")
}

fn too_many_pods(policy: &Policy, namespace: &str, way: Way) -> Diagnostic {
    let message = format!("the pods that the rules of `{namespace}` speak of fall into too many classes to be proved");
    let finding = match policy.namespace(namespace).and_then(|namespace| namespace.location) {
        Some(location) => Diagnostic::new(code::PROOF_INCOMPLETE, location, message).label("the namespace"),
        None => Diagnostic::unplaced(code::PROOF_INCOMPLETE, message),
    };
    let way = if way == Way::Ingress { "to" } else { "from" };
    finding
        .note(format!(
            "of its connections {way} pods: a pod may carry any of the labels that are tested, so every further key doubles the classes"
        ))
        .help("test fewer different keys in one namespace: give its pods one label by which rules know them, or use more namespaces")
}

fn too_many_requests(policy: &Policy, flow: &Flow) -> Diagnostic {
    placed(policy, flow, code::PROOF_INCOMPLETE, "the requests of these rules fall into too many classes to be proved")
        .note(format!("for `{}`", flow_words(flow)))
        .help("compare fewer headers and claims for one destination, or serve them on different ports")
}

/// A finding at the rule that lets a flow pass, if any does.
fn placed(policy: &Policy, flow: &Flow, code: crate::diagnostic::Code, message: &str) -> Diagnostic {
    match policy.rules.iter().find(|rule| rule.action == Action::Allow && rule.joins(flow)) {
        Some(rule) => Diagnostic::new(code, rule.location, message),
        None => Diagnostic::unplaced(code, message),
    }
}

/// What each side says of one flow, and by which documents.
fn counterexample(finding: Diagnostic, policy: &Policy, group: &Group) -> Diagnostic {
    let flow = &group.example.flow;
    let meant = if crate::meaning::passes(policy, flow) { "allowed" } else { "denied" };
    let done = match &group.decision.verdict {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Denied => "denied".to_owned(),
        Verdict::Unspecified(why) => format!("unspecified: {why}"),
    };
    let finding = finding.note(format!("`{}`", flow_words(flow))).note(format!("the intents say {meant}, the policies say {done}"));
    let finding = group.documents.iter().take(MAX_TOLD).fold(finding, |finding, document| {
        let name = format!("{} `{}/{}`", document.kind, document.namespace, document.name);
        finding.related(document.location, format!("{name} has a say"))
    });
    match group.count - 1 {
        0 => finding,
        more if group.is_cut_short => finding.note(format!("and {more} more classes of connections alike, or even more")),
        more => finding.note(format!("and {more} more classes of connections alike")),
    }
}
