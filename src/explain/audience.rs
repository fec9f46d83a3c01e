//! For whom a token is, where a flow does not say it.
//!
//! Owns: the audience that is taken, and what becomes of an answer that another one would decide otherwise. It must not judge.

use std::collections::BTreeSet;

use indexmap::IndexSet;

use super::call::Call;
use super::json::verdict_word;
use super::open::left_open;
use super::place::{kind, text};
use super::setting::Setting;
use crate::cluster::{Decision, Gate};
use crate::flow::{Request, Symbol, Token, Verdict};

/// The claim that says for whom a token is.
const CLAIM: &str = "aud";

/// As many audiences are tried.
const MOST_TRIED: usize = 64;

/// The audiences of which a request's valid token has one, as those who verify it want it; none if the flow names one, or nobody asks.
fn wanted(request: Option<&Request>, setting: &Setting) -> Vec<Symbol> {
    let Some(Token::Valid { issuer, claims }) = request.map(|request| &request.token) else { return Vec::new() };
    if claims.contains_key(CLAIM) {
        return Vec::new();
    }
    let rules = setting.objects.iter().filter(|object| kind(object) == "RequestAuthentication");
    let rules = rules.filter_map(|object| object.pointer("/spec/jwtRules")?.as_array()).flatten();
    let of_issuer = rules.filter(|rule| text(rule, &["issuer"]) == Some(issuer));
    let listed = of_issuer.filter_map(|rule| rule.get("audiences")?.as_array()).flatten().filter_map(|audience| audience.as_str());
    listed.map(Symbol::from).collect::<IndexSet<_>>().into_iter().collect()
}

/// A request whose valid token names an audience: one that it was made for, where nothing says which.
pub(super) fn with_some(request: Request, setting: &Setting) -> Request {
    match wanted(Some(&request), setting).first() {
        Some(audience) => made_for(request, audience),
        None => request,
    }
}

fn made_for(mut request: Request, audience: &Symbol) -> Request {
    if let Token::Valid { claims, .. } = &mut request.token {
        claims.insert(CLAIM.into(), BTreeSet::from([Symbol::clone(audience)]));
    }
    request
}

/// A call whose token names an audience that is accepted, where the flow does not say which: the others are kept beside it.
pub(super) fn chosen(call: Call, setting: &Setting) -> Call {
    let mut audiences = wanted(call.request.as_ref(), setting);
    audiences.truncate(MOST_TRIED);
    let Some(first) = audiences.first() else { return call };
    let accepted = audiences.iter().find(|audience| is_accepted(&call.with_audience(audience).decide_by_gates(setting)));
    let taken = call.with_audience(accepted.unwrap_or(first));
    Call { audiences, ..taken }
}

fn is_accepted(decision: &Decision) -> bool {
    !decision.steps.iter().any(|step| step.gate == Gate::Token && step.verdict == Verdict::Denied)
}

/// An answer, as far as it does not hang on which of the accepted audiences the token has. Where a rule of the issuer lists none, or those
/// that list some are for others' proxies, it need not have one of them.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    let is_of_token = call.request.as_ref().is_some_and(|request| matches!(request.token, Token::Valid { .. }));
    if !is_of_token || call.audiences.is_empty() || !is_accepted(&decision) {
        return decision;
    }
    let answered = |other: Call| {
        let said = other.decide_by_gates(setting);
        let differs = std::mem::discriminant(&said.verdict) != std::mem::discriminant(&decision.verdict);
        (differs && is_accepted(&said)).then(|| format!("{} it is {}", other.with_whom(), verdict_word(&said.verdict)))
    };
    let others = call.audiences.iter().map(|audience| call.with_audience(audience)).chain([call.without_audience()]);
    let Some(otherwise) = others.into_iter().find_map(answered) else { return decision };
    let (taken, own) = (call.with_whom(), verdict_word(&decision.verdict));
    let reason =
        format!("the flow does not name the audience of the token, of which several are accepted; {taken} it is {own}, {otherwise}");
    left_open(decision, &reason, |step| step.gate == Gate::Caller)
}

impl Call {
    /// The same with a token for somebody.
    fn with_audience(&self, audience: &Symbol) -> Self {
        Self { request: self.request.clone().map(|request| made_for(request, audience)), audiences: Vec::new(), ..self.clone() }
    }

    /// The same with a token that is for nobody of whom it is told.
    fn without_audience(&self) -> Self {
        let mut request = self.request.clone();
        if let Some(Token::Valid { claims, .. }) = request.as_mut().map(|request| &mut request.token) {
            claims.remove(CLAIM);
        }
        Self { request, audiences: Vec::new(), ..self.clone() }
    }

    /// For whom its token is, in words.
    fn with_whom(&self) -> String {
        self.audience().map_or_else(|| "without one of those that are listed".to_owned(), |audience| format!("with `claim aud={audience}`"))
    }

    /// For whom its token is.
    fn audience(&self) -> Option<&str> {
        let Token::Valid { claims, .. } = &self.request.as_ref()?.token else { return None };
        claims.get(CLAIM)?.first().map(|audience| &**audience)
    }
}
