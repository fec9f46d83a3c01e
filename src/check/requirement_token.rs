//! What a token requirement does to the rules beside it.
//!
//! Owns: `jwt-rejects-other-tokens`: a pod that verifies tokens refuses every request with a bad one, by whichever rule it
//! came (design §2.3, `semantics.md` §4).

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PodSet, Protocol};
use crate::gates::Gates;
use crate::ir::{Policy, Rule};
use crate::syntax::ast::{Action, Direction};

/// Names the rules without `jwt` on destinations of rules with it.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let allows: Vec<(&Rule, PodSet)> = policy
        .rules
        .iter()
        .filter(|rule| rule.action == Action::Allow && rule.faces(Direction::In))
        .map(|rule| (rule, destinations(rule)))
        .collect();
    let demanding = allows.iter().filter(|(rule, _)| rule.jwt.is_some());
    demanding.filter_map(|(rule, pods)| finding(rule, pods, &allows)).collect()
}

/// The pods that a rule reaches over TCP.
fn destinations(rule: &Rule) -> PodSet {
    let over_tcp = rule.targets.iter().filter(|target| !target.ports.get(Protocol::Tcp).is_empty());
    over_tcp.fold(PodSet::none(), |pods, target| pods.union(&target.end.opened()))
}

fn finding(rule: &Rule, pods: &PodSet, allows: &[(&Rule, PodSet)]) -> Option<Diagnostic> {
    let (_, at) = rule.jwt.as_ref()?;
    let beside: Vec<&Rule> =
        allows.iter().filter(|(other, theirs)| other.jwt.is_none() && theirs.overlaps(pods)).map(|(other, _)| *other).collect();
    let first = beside.first()?;
    let count = beside.len();
    let finding = Diagnostic::new(
        code::JWT_REJECTS_OTHER_TOKENS,
        *at,
        "these pods refuse every request whose token does not verify, whatever rule lets it in",
    )
    .label("makes them verify tokens")
    .related(
        first.location,
        if count == 1 { "this rule asks for no token".to_owned() } else { format!("this rule and {} more ask for no token", count - 1) },
    )
    .note("a request without a token still passes those rules; one with a token of another issuer, or an expired one, is refused with 401");
    Some(finding.help("have those callers send no token, or declare their issuer and require it"))
}
