//! What a token requirement does to the rules beside it, and what no token can hold.
//!
//! Owns: `jwt-rejects-other-tokens`: a pod that verifies tokens refuses every request with a bad one, by whichever rule it
//! came (design §2.3, `semantics.md` §4); and `invalid-request` where a claim that is split at blanks is asked for a value with one.

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PodSet, Protocol, RequestSet, TokenTest};
use crate::gates::Gates;
use crate::ir::{Policy, Rule};
use crate::source::Location;
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
    let rejecting = demanding.filter_map(|(rule, pods)| finding(rule, pods, &allows));
    let of_rules = policy.rules.iter().filter_map(|rule| spaced(&rule.requests, rule.jwt.as_ref()?.1));
    let of_expectations = policy.expectations.iter().filter_map(|expectation| spaced(&expectation.requests, expectation.location));
    rejecting.chain(of_rules).chain(of_expectations).collect()
}

/// The claims that proxies take for several words with blanks between them (`semantics.md` §4.3).
const SPLIT_CLAIMS: [&str; 2] = ["permission", "scope"];

/// A value that is several words to whoever compares it, and so equal to none.
fn spaced(requests: &RequestSet, at: Location) -> Option<Diagnostic> {
    let claims =
        requests.cubes.iter().filter_map(|cube| if let TokenTest::Valid { claims, .. } = &cube.token { Some(claims) } else { None });
    let mut split = claims.flatten().filter(|(name, _)| SPLIT_CLAIMS.contains(&&**name));
    let (name, value) = split.find_map(|(name, values)| Some((name, values.iter().find(|value| value.contains(' '))?)))?;
    let message = format!("no token matches `{name}=\"{value}\"`");
    let finding = Diagnostic::new(code::INVALID_REQUEST, at, message).label("has a blank in a value of a claim that is split at blanks");
    let help = format!("ask for one word of it, as `claim {name}={}`", value.split(' ').find(|word| !word.is_empty()).unwrap_or("word"));
    Some(finding.note(format!("proxies take `{name}` for several words with blanks between them")).help(help))
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

#[cfg(test)]
mod tests {
    use super::super::testing::Program;

    #[test]
    fn a_scope_is_one_word() {
        let program = |claim: &str| {
            Program::of(&format!(
                "namespace shop\nissuer login = \"https://login.example.com\" jwks \"https://login.example.com/keys\" audience \"shop\"\n\
                 allow app=web -> app=api:8080 mtls http GET jwt login {claim}\n"
            ))
        };
        let spaced = program("claim scope=\"openid profile\"|reader");
        assert_eq!(spaced.found("invalid-request"), ["error invalid-request `jwt login claim scope=\"openid profile\"|reader`"]);
        assert_eq!(spaced.helps("invalid-request"), ["ask for one word of it, as `claim scope=openid`"]);
        let expected = program("\nexpect some app=web -> app=api:8080 http GET jwt login claim scope=\"a b\"");
        let line = "`expect some app=web -> app=api:8080 http GET jwt login claim scope=\"a b\"`";
        assert_eq!(expected.found("invalid-request"), [format!("error invalid-request {line}")]);
        let whole = ["claim scope=openid|reader", "claim groups=\"openid profile\""];
        assert!(whole.iter().all(|claim| program(claim).found("invalid-request").is_empty()));
    }
}
