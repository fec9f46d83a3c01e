//! The last phase: what is about to be written is read back and held against the intents.
//!
//! Owns: the order of the two proofs (alone, then beside others' policies) and their findings. A difference is a fault of this
//! tool; beside others' policies it is a fact about the cluster that the user must know.

use super::expectations::decide;
use super::platform::assumed;
use crate::cluster::{self, Cluster};
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::{Flow, Verdict};
use crate::gates::Gates;
use crate::ir::{Policy, Rule, Target};
use crate::source::{FileId, Source, Sources};
use crate::syntax::ast::Action;
use crate::target::OutputFile;
use crate::verify::{Difference, Ends, Proof, flow_words, prove};

/// The most differences that are told one by one.
const MAX_TOLD: usize = 5;

/// A proof, the manifests that it was made on, and what was found.
pub(super) struct Checked {
    pub(super) proof: Proof,
    pub(super) cluster: Cluster,
    pub(super) findings: Vec<Diagnostic>,
}

/// Proves that the files do what the policy says. The texts of the files join the sources, for the places of findings.
pub(super) fn check(policy: &Policy, gates: &Gates, files: &[OutputFile], alongside: &[FileId], sources: &mut Sources) -> Checked {
    let manifests = files.iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
    let written: Vec<FileId> =
        manifests.map(|file| sources.add(Source::new(format!("{} (not written)", file.path), file.text.clone()))).collect();
    let (cluster, unread) = cluster::read(sources, &written, assumed(&policy.config));
    if let Some(finding) = unread.into_iter().find(|finding| finding.level > Level::Note) {
        return Checked { proof: Proof::default(), cluster, findings: vec![misread(&finding)] };
    }
    let checked = judged(policy, gates, cluster, Vec::new(), Ends::Policed, failed);
    if !checked.findings.is_empty() || alongside.is_empty() {
        return checked;
    }
    let (cluster, findings) = cluster::read(sources, &[&written, alongside].concat(), assumed(&policy.config));
    if crate::diagnostic::order::has_error(&findings) {
        return Checked { proof: Proof::default(), cluster, findings };
    }
    judged(policy, gates, cluster, findings, Ends::Managed, changed)
}

/// Makes the proof; `differs` tells of a flow about which the two sides do not agree.
fn judged(
    policy: &Policy,
    gates: &Gates,
    cluster: Cluster,
    mut findings: Vec<Diagnostic>,
    ends: Ends,
    differs: fn(&Policy, &Cluster, &Difference) -> Diagnostic,
) -> Checked {
    let proof = prove(policy, gates, &cluster, ends);
    findings.extend(proof.differences.iter().take(MAX_TOLD).map(|difference| differs(policy, &cluster, difference)));
    findings.extend(proof.incomplete.iter().take(MAX_TOLD).map(|incomplete| too_many(policy, &incomplete.flow)));
    Checked { proof, cluster, findings }
}

/// Manifests of ours that the evaluator does not take.
fn misread(finding: &Diagnostic) -> Diagnostic {
    internal(Diagnostic::unplaced(code::PROOF_FAILED, "the policies that would be written are not what a cluster accepts"))
        .note(finding.message.clone())
}

/// A flow about which the intents and what would be written disagree.
fn failed(policy: &Policy, cluster: &Cluster, difference: &Difference) -> Diagnostic {
    let message = "the policies that would be written do not do what the intents say";
    internal(counterexample(placed(policy, &difference.flow, code::PROOF_FAILED, message), policy, cluster, difference))
}

fn internal(finding: Diagnostic) -> Diagnostic {
    finding.help("this is a fault of twogate and not of the intents; nothing was written; please report it together with the intents")
}

/// A flow that others' policies change.
fn changed(policy: &Policy, cluster: &Cluster, difference: &Difference) -> Diagnostic {
    let message = "policies given with `--alongside` change who gets in";
    let finding = counterexample(placed(policy, &difference.flow, code::ALONGSIDE_CHANGES_ACCESS, message), policy, cluster, difference);
    finding.help("remove the other policy, or say in the intents what it lets through")
}

/// Requests that fall into more classes than are tried.
fn too_many(policy: &Policy, flow: &Flow) -> Diagnostic {
    placed(policy, flow, code::PROOF_INCOMPLETE, "the requests of these rules fall into too many classes to be proved")
        .note(format!("for `{}`", flow_words(flow)))
        .help("compare fewer headers and claims for one destination, or serve them on different ports")
}

/// A finding at the rule that lets a flow pass, if any does.
fn placed(policy: &Policy, flow: &Flow, code: crate::diagnostic::Code, message: &str) -> Diagnostic {
    match policy.rules.iter().find(|rule| rule.action == Action::Allow && has_ends_of(rule, flow)) {
        Some(rule) => Diagnostic::new(code, rule.location, message),
        None => Diagnostic::unplaced(code, message),
    }
}

fn has_ends_of(rule: &Rule, flow: &Flow) -> bool {
    let reaches = |target: &Target| target.ports.contains(flow.protocol, flow.port) && target.end.matches(&flow.destination);
    rule.source.matches(&flow.source) && rule.targets.iter().any(reaches)
}

/// What each side says of one flow, and by which documents.
fn counterexample(finding: Diagnostic, policy: &Policy, cluster: &Cluster, difference: &Difference) -> Diagnostic {
    let flow = &difference.flow;
    let meant = if crate::meaning::passes(policy, flow) { "allowed" } else { "denied" };
    let decision = decide(cluster, flow);
    let done = match &decision.verdict {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Denied => "denied".to_owned(),
        Verdict::Unspecified(why) => format!("unspecified: {why}"),
    };
    let finding = finding.note(format!("`{}`", flow_words(flow))).note(format!("the intents say {meant}, the policies say {done}"));
    let documents = decision.steps.iter().flat_map(|step| &step.decided_by);
    documents.take(MAX_TOLD).fold(finding, |finding, document| {
        let name = format!("{} `{}/{}`", document.kind, document.namespace, document.name);
        finding.related(document.location, format!("{name} has a say"))
    })
}
