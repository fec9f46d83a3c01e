//! Expectations, decided on the manifests that would be written.
//!
//! Owns: `test`, and which rules no expectation protects. The quantifiers are `verify`'s.

use super::proof::beside_others;
use super::{Input, Outcome, compile_but_for};
use crate::cluster::{Cluster, Decision, Question};
use crate::diagnostic::level::ACCEPTABLE_ERRORS;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Flow, Symbol};
use crate::ir::{Expectation, Policy, Rule};
use crate::meaning::{passes, speaking};
use crate::syntax::ast::{Action, Direction, Quantifier};
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
    let is_alone = input.alongside.is_empty();
    let mut outcome = compile_but_for(input, code::EXPECTATION_FAILED);
    // The proof read others' programs already, if it was beside anything.
    let beside = if is_alone { beside_others(&outcome.policy, &outcome.files, &mut outcome.sources) } else { None };
    let Some(cluster) = outcome.cluster.as_ref().filter(|_| !outcome.files.is_empty()) else {
        return Tested { outcome, results: Vec::new(), unprotected: Vec::new() };
    };
    let accepting = Accepting::new(&outcome.policy, &outcome.gates);
    let written = Written::beside(&accepting, cluster);
    let results = all(&outcome, &written, beside.as_ref().unwrap_or(cluster));
    let unprotected = match protection {
        Protection::Unasked => Vec::new(),
        Protection::Asked => unprotected(&outcome, &results),
    };
    Tested { outcome, results, unprotected }
}

/// Findings of expectations that the manifests decide: a line accepts that more gets in than is written, or policies of others are given.
/// `by_intents` is what the intents alone say of these; it stands as far as the manifests say so too, and where there are none to ask.
pub(super) fn broken_by_manifests(outcome: &Outcome, by_intents: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let policy = &outcome.policy;
    let accepting = Accepting::new(policy, &outcome.gates);
    if policy.expectations.is_empty() {
        return by_intents;
    }
    let Some(cluster) = outcome.cluster.as_ref().filter(|_| outcome.proof.is_some()) else {
        return by_intents.into_iter().map(undecided).collect();
    };
    let broken = all(outcome, &Written::beside(&accepting, cluster), cluster).into_iter().filter_map(|tried| {
        let Held::No(broken) = &tried.held else { return None };
        let expectation = policy.expectations.get(tried.expectation)?;
        Some(told(expectation, &by_intents).cloned().unwrap_or_else(|| broken_by(policy, expectation, broken)))
    });
    broken.collect()
}

/// What the intents say of an expectation, if it is what the manifests say: a flow that is stopped there may be let in here.
fn told<'f>(expectation: &Expectation, by_intents: &'f [Diagnostic]) -> Option<&'f Diagnostic> {
    let same = matches!(expectation.quantifier, Quantifier::Deny | Quantifier::Some);
    by_intents.iter().find(|finding| same && finding.location() == Some(expectation.location))
}

/// What the intents say of an expectation, where no manifests can be asked.
fn undecided(finding: Diagnostic) -> Diagnostic {
    finding.note("decided on the intents alone: what lines accept and others allow counts as soon as there are manifests to ask")
}

fn broken_by(policy: &Policy, expectation: &Expectation, broken: &Broken) -> Diagnostic {
    let is_said = |flow: &Flow| passes(policy, flow);
    let is_accepted = |flow: &Flow| policy.rules.iter().any(|rule| accepts_more(rule, flow));
    let why = match broken {
        Broken::Passes(flow) if is_said(flow) => "a flow passes",
        Broken::SomebodyElse(flow) if is_said(flow) => "somebody else gets in",
        Broken::Passes(flow) | Broken::SomebodyElse(flow) if is_accepted(flow) => "what a line accepts breaks it",
        Broken::Passes(_) | Broken::SomebodyElse(_) => "a policy of others breaks it",
        Broken::Stopped(_) => "a flow is stopped",
        Broken::NonePasses(_) => "no flow passes",
        Broken::Empty => "it speaks of no flow at all",
        Broken::Unspecified(..) | Broken::TooMany => "it cannot be decided beside what lines accept and others allow",
    };
    let message = format!("expected `{}`, but {why}", expectation.words());
    let finding = Diagnostic::new(code::EXPECTATION_FAILED, expectation.location, message).label("does not hold").note(broken.reason());
    let finding = finding.help("correct the expectation, or the rules so that nothing need be accepted, or what others allow");
    let Some(flow) = broken.flow() else { return finding };
    let finding = finding.note(format!("`{}`", flow_words(flow)));
    match broken {
        Broken::Passes(_) | Broken::SomebodyElse(_) if is_said(flow) => {
            let letting = speaking(policy, flow, Direction::In);
            letting.fold(finding, |finding, rule| finding.related(rule.location, "let in by this rule"))
        }
        Broken::Passes(_) | Broken::SomebodyElse(_) => {
            let accepting = policy.rules.iter().filter(|rule| accepts_more(rule, flow));
            accepting.fold(finding, |finding, rule| finding.related(rule.location, "accepted by this line"))
        }
        _ => finding,
    }
}

/// Whether a line may be the one that accepts a flow that no line lets in.
fn accepts_more(rule: &Rule, flow: &Flow) -> bool {
    rule.accepts.iter().any(|acceptance| ACCEPTABLE_ERRORS.contains(&acceptance.code)) && rule.reaches(flow)
}

/// Decides all expectations; what becomes of the flows that decide them is told gate by gate by a cluster.
fn all(outcome: &Outcome, written: &dyn Judge, cluster: &Cluster) -> Vec<Tried> {
    let policy = &outcome.policy;
    let world = PolicyWorld::as_said(policy);
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
    let world = PolicyWorld::as_said(&without);
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
