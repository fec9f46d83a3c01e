//! The second gate's next door: `RequestAuthentication`, `semantics.md` §4. It refuses bad tokens and asks for none.

use super::authorization::{Attachment, attached};
use super::read::JwtRule;
use super::{Claim, Claims, Cluster, Flow, Gate, Payload, Pod, Request, Token, Truth, values};

/// A token that a rule of this proxy verified, and the claims that it splits on spaces.
#[derive(Debug, Clone)]
pub(super) struct Verified<'a> {
    claims: &'a Claims,
    split: Vec<&'a str>,
}

/// Judges the token of a request at the proxy of `pod`, and hands on what was verified (§2.2: before the RBAC filter).
pub(super) fn gate<'a>(cluster: &'a Cluster, pod: &Pod, flow: &'a Flow) -> (Gate, Option<Verified<'a>>) {
    const NAME: &str = "RequestAuthentication";
    let policies: Vec<_> = cluster
        .request_authentications
        .iter()
        .filter(|policy| {
            let spec = &policy.spec;
            let attachment =
                Attachment { selector: spec.selector.as_ref(), target: spec.target_ref.as_ref(), targets: spec.target_refs.as_deref() };
            attached(cluster, &policy.namespace, &attachment, pod)
        })
        .collect();
    let why = policies.iter().map(|policy| policy.id()).collect::<Vec<_>>().join(", ");
    let rules: Vec<&JwtRule> = policies.iter().flat_map(|policy| policy.spec.jwt_rules.iter().flatten()).collect();
    let pass = |passes| (Gate::new(NAME, passes, why.clone()), None);
    let Payload::Http(request) = &flow.payload else { return pass(Truth::Yes) };
    // §4.1: a request without a token passes, whatever the rules. §4.9: so does a preflight.
    if rules.is_empty() || request.token == Token::None || is_preflight(request) {
        return pass(Truth::Yes);
    }
    if rules.iter().any(|rule| rule.from_headers.is_some() || rule.from_params.is_some() || rule.from_cookies.is_some()) {
        return pass(Truth::unknown("a rule reads the token from another place than the default"));
    }
    let Token::Valid(claims) = &request.token else { return pass(Truth::No) };
    if rules.iter().any(|rule| rule.issuer.is_none()) {
        return pass(Truth::unknown("a rule without issuer (§4.10)"));
    }
    // §4.4: with one place for all tokens, it is enough that one provider verifies.
    let verifying: Vec<&JwtRule> = rules.into_iter().filter(|rule| verifies(rule, claims)).collect();
    if verifying.is_empty() {
        return pass(Truth::No);
    }
    let named = verifying.iter().flat_map(|rule| rule.space_delimited_claims.iter().flatten().map(String::as_str));
    let split = ["scope", "permission"].into_iter().chain(named).collect();
    (Gate::new(NAME, Truth::Yes, why), Some(Verified { claims, split }))
}

/// §4.2, §4.6: the issuer's, and meant for one of the audiences where any are named.
fn verifies(rule: &JwtRule, claims: &Claims) -> bool {
    let wanted = rule.audiences.as_deref().unwrap_or_default();
    let audience = wanted.is_empty() || wanted.iter().any(|audience| claims.audiences.contains(audience));
    rule.issuer.as_ref() == Some(&claims.issuer) && audience
}

/// §4.9: a CORS preflight is an OPTIONS request that names its origin and the method it asks for.
fn is_preflight(request: &Request) -> bool {
    let has = |wanted: &str| request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_empty());
    request.method == "OPTIONS" && has("origin") && has("access-control-request-method")
}

impl Verified<'_> {
    /// §4.3, `requestPrincipals`: a token without `sub` is no principal. `*` and `X/*` are plain. For the rest the section's
    /// two statements, "splits at the last `/`" and "prefix, suffix, exact", are both read; where they differ it is open.
    pub(super) fn is_principal(&self, pattern: &str) -> Truth {
        let issuer = self.claims.issuer.as_str();
        let Some(subject) = self.claims.subject.as_deref().filter(|subject| !subject.is_empty()) else { return Truth::No };
        if pattern == "*" {
            return Truth::Yes;
        }
        if let Some(wanted) = pattern.strip_suffix("/*").filter(|wanted| !wanted.contains('*')) {
            return Truth::of(wanted == issuer);
        }
        let whole = values::matches(pattern, &format!("{issuer}/{subject}"));
        let parts = pattern.rsplit_once('/').is_some_and(|(first, last)| values::matches(first, issuer) && values::matches(last, subject));
        if whole == parts { Truth::of(whole) } else { Truth::unknown(format!("two readings of the request principal `{pattern}`")) }
    }

    /// The texts of a claim, by its path: `claims[a][b]` is `["a", "b"]` (§4.3).
    pub(super) fn texts(&self, path: &[&str]) -> Vec<String> {
        match path {
            ["iss"] => vec![self.claims.issuer.clone()],
            ["sub"] => self.claims.subject.clone().into_iter().collect(),
            ["aud"] => self.claims.audiences.clone(),
            [first, rest @ ..] => self.claims.others.get(*first).map(|claim| self.inside(claim, rest, first)).unwrap_or_default(),
            [] => Vec::new(),
        }
    }

    fn inside(&self, claim: &Claim, path: &[&str], top: &str) -> Vec<String> {
        match (claim, path) {
            (Claim::Strings(texts), []) if self.split.contains(&top) => {
                texts.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect()
            }
            (Claim::Strings(texts), []) => texts.clone(),
            (Claim::Nested(claims), [next, rest @ ..]) => claims.get(*next).map(|claim| self.inside(claim, rest, "")).unwrap_or_default(),
            (Claim::Strings(_), [_, ..]) | (Claim::NotText, _) | (Claim::Nested(_), []) => Vec::new(),
        }
    }
}
