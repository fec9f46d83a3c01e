//! Expectations, decided on the manifests that would be written.
//!
//! Owns: `test`, and which rules no expectation protects. The quantifiers are `verify`'s.

use super::{Input, Outcome, compile_but_for};
use crate::cluster::{Cluster, Decision, Question};
use crate::diagnostic::level::ACCEPTABLE_ERRORS;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Flow, Symbol};
use crate::ir::{Expectation, Policy, Rule};
use crate::syntax::ast::Action;
use crate::verify::{Accepting, Broken, Granted, Held, Judge, PolicyWorld, Program, Reach, Worlds, Written, flow_words, judge};

/// What became of all expectations.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The run, without findings about expectations.
    pub outcome: Outcome,
    /// One for each expectation, in the order of the policy; empty if the program has errors.
    pub results: Vec<Tried>,
    /// The rules that could go without any expectation noticing, as places in the policy; empty unless they were asked for.
    pub unprotected: Vec<usize>,
}

/// What became of one expectation.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Its place in the policy.
    pub expectation: usize,
    /// Whether it holds.
    pub held: Held,
    /// What the cluster does with the flow that decides, gate by gate.
    pub decision: Option<Decision>,
}

/// Which rules to look at beside the expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// None.
    Unasked,
    /// All: a rule is unprotected if every expectation that holds also holds without it.
    Asked,
}

/// Compiles, and decides every expectation on what would be written.
pub fn test(input: Input, protection: Protection) -> Tested {
    let outcome = compile_but_for(input, code::EXPECTATION_FAILED);
    let Some(cluster) = outcome.cluster.as_ref().filter(|_| !outcome.files.is_empty()) else {
        return Tested { outcome, results: Vec::new(), unprotected: Vec::new() };
    };
    let accepting = Accepting::new(&outcome.policy, &outcome.gates);
    let written = Written::beside(&accepting, cluster);
    let results = all(&outcome, &written, cluster);
    let unprotected = match protection {
        Protection::Unasked => Vec::new(),
        Protection::Asked => unprotected(&outcome, &results),
    };
    Tested { outcome, results, unprotected }
}

/// Findings of expectations that hold by the intents, and not by what would be written: a line accepts that more gets in than is written.
pub(super) fn broken_by_acceptance(outcome: &Outcome) -> Vec<Diagnostic> {
    let Some(cluster) = outcome.cluster.as_ref().filter(|_| outcome.proof.is_some()) else { return Vec::new() };
    let policy = &outcome.policy;
    let accepting = Accepting::new(policy, &outcome.gates);
    if accepting.accepts_nothing() || policy.expectations.is_empty() {
        return Vec::new();
    }
    let tried = all(outcome, &Written::beside(&accepting, cluster), cluster);
    let is_told = |expectation: &Expectation| {
        outcome.findings.iter().any(|finding| finding.code == code::EXPECTATION_FAILED && finding.location() == Some(expectation.location))
    };
    let broken = tried.iter().filter_map(|tried| {
        // What is accepted only lets in more: whatever else is amiss does not come of it.
        let Held::No(broken @ (Broken::Passes(_) | Broken::SomebodyElse(_) | Broken::TooMany)) = &tried.held else { return None };
        let expectation = policy.expectations.get(tried.expectation).filter(|expectation| !is_told(expectation))?;
        Some(broken_by(policy, expectation, broken))
    });
    broken.collect()
}

fn broken_by(policy: &Policy, expectation: &Expectation, broken: &Broken) -> Diagnostic {
    let why = if broken.flow().is_some() { "what a line accepts breaks it" } else { "it cannot be decided beside what a line accepts" };
    let message = format!("expected `{}`, but {why}", expectation.words());
    let finding = Diagnostic::new(code::EXPECTATION_FAILED, expectation.location, message).label("does not hold").note(broken.reason());
    let finding = finding.help("correct the expectation, or the rules so that nothing need be accepted");
    let Some(flow) = broken.flow() else { return finding };
    let accepting = policy.rules.iter().filter(|rule| accepts_more(rule, flow));
    accepting.fold(finding.note(format!("`{}`", flow_words(flow))), |finding, rule| finding.related(rule.location, "accepted by this line"))
}

/// Whether a line may be the one that accepts a flow that no line lets in.
fn accepts_more(rule: &Rule, flow: &Flow) -> bool {
    rule.accepts.iter().any(|acceptance| ACCEPTABLE_ERRORS.contains(&acceptance.code)) && rule.reaches(flow)
}

fn all(outcome: &Outcome, written: &dyn Judge, cluster: &Cluster) -> Vec<Tried> {
    let policy = &outcome.policy;
    let world = PolicyWorld::new(policy);
    let granted = Granted::new(policy, &outcome.gates);
    let namespaces: Vec<Symbol> = policy.namespaces.keys().cloned().collect();
    let reach = Reach { judge: written, worlds: Worlds::both(&world), ruled_out: &granted, namespaces: &namespaces };
    let tried = |(place, expectation): (usize, &Expectation)| {
        let held = judge(&reach, expectation);
        let decision = deciding_flow(&held).map(|flow| decide(cluster, flow));
        Tried { expectation: place, held, decision }
    };
    policy.expectations.iter().enumerate().map(tried).collect()
}

/// The flow that decides.
pub fn deciding_flow(held: &Held) -> Option<&Flow> {
    match held {
        Held::Yes => None,
        Held::No(broken) => broken.flow(),
    }
}

/// What a cluster does with a flow, gate by gate.
pub(super) fn decide(cluster: &Cluster, flow: &Flow) -> Decision {
    cluster.decide(&Question::from(flow))
}

/// The rules without which every expectation that holds now would still hold. What manifests do is what the program means, so
/// the program without the rule is asked.
fn unprotected(outcome: &Outcome, results: &[Tried]) -> Vec<usize> {
    let policy = &outcome.policy;
    let holding: Vec<&Expectation> =
        results.iter().filter(|tried| tried.held == Held::Yes).filter_map(|tried| policy.expectations.get(tried.expectation)).collect();
    let rules = policy.rules.iter().enumerate().filter(|(_, rule)| rule.action != Action::Audit);
    rules.filter(|(place, rule)| !is_protected(outcome, *place, rule, &holding)).map(|(place, _)| place).collect()
}

fn is_protected(outcome: &Outcome, place: usize, rule: &Rule, holding: &[&Expectation]) -> bool {
    let policy = &outcome.policy;
    let mut without = policy.clone();
    without.rules.remove(place);
    let world = PolicyWorld::new(&without);
    let granted = Granted::new(policy, &outcome.gates);
    let namespaces: Vec<Symbol> = policy.namespaces.keys().cloned().collect();
    let program = Program::new(&without);
    let reach = Reach { judge: &program, worlds: Worlds::both(&world), ruled_out: &granted, namespaces: &namespaces };
    holding.iter().filter(|expectation| meets(rule, expectation)).any(|expectation| judge(&reach, expectation) != Held::Yes)
}

/// Whether an expectation speaks of any flow that a rule speaks of. Only the destination counts: `only` speaks of every source.
fn meets(rule: &Rule, expectation: &Expectation) -> bool {
    let ends = rule.targets.iter().flat_map(|own| expectation.targets.iter().map(move |other| (own, other)));
    ends.into_iter().any(|(own, other)| own.ports.overlaps(&other.ports) && own.end.peers().overlaps(&other.end.peers()))
}
