//! Requests that an end does not tell apart, whoever calls it and on whatever port.
//!
//! Owns: `MeshEnd::alike`. It asks of a request what the rules look at in requests, and nothing else of any rule; it must not decide.

use std::collections::HashMap;

use super::chain::{ChainKind, ReadClause, ReadRule};
use super::end::{Guard, MeshEnd};
use super::proxy::{Proxy, is_upper_case};
use super::test::{Matcher, Test};
use super::token::{self, TokenPolicy};
use super::truth::Truth;
use super::view::View;
use crate::flow::{Request, Transport};

/// What an Envoy with some policies about tokens makes of a request: of its token, and what it is to each rule that it may match.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reading {
    good: Truth,
    rules: Vec<(usize, Vec<Truth>)>,
}

/// What a rule asks of requests: its clauses that do, those about tokens last, as most tokens are anybody's.
struct Asking<'r>(Vec<AskingClause<'r>>);

/// The tests of requests of each alternative of a clause.
struct AskingClause<'r> {
    alternatives: Vec<Vec<&'r Test>>,
    /// Whether it looks at nothing else.
    is_whole: bool,
}

/// By whom requests are read at an end: ends of which this is the same tell the same requests apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Readers {
    /// The places of the policies in memory, which is where all ends of a cluster find them.
    policies: Vec<usize>,
    tokens: Vec<usize>,
    perhaps: Vec<usize>,
}

impl Readers {
    fn of(proxy: &Proxy<'_>) -> Self {
        let policies = proxy.attached.policies().map(|bound| std::ptr::from_ref(bound.policy).addr()).collect();
        let places = |policies: &[&TokenPolicy]| policies.iter().map(|policy| std::ptr::from_ref(*policy).addr()).collect();
        Self { policies, tokens: places(&proxy.tokens), perhaps: places(&proxy.perhaps) }
    }
}

impl MeshEnd<'_> {
    /// By whom requests are read here.
    pub(crate) fn readers(&self) -> Readers {
        self.proxy().map(Readers::of).unwrap_or_default()
    }

    /// The proxy that looks into connections.
    const fn proxy(&self) -> Option<&Proxy<'_>> {
        match &self.guard {
            Guard::Sidecar(sidecar) => Some(&sidecar.proxy),
            Guard::Gateway(gateway) => Some(&gateway.proxy),
            Guard::None | Guard::Ztunnel(_) | Guard::Tunnel(_) => None,
        }
    }

    /// A number for each of these requests, counted from 0 in the order in which they first come. Those of one number get the same answer
    /// from every caller, on every port and over every transport.
    pub(crate) fn alike(&self, requests: &[Option<Request>]) -> Vec<usize> {
        let Some(proxy) = self.proxy() else { return vec![0; requests.len()] };
        let view = self.view(self.destination, 0, Transport::Plaintext);
        let rules = proxy.attached.policies().flat_map(|bound| &bound.policy.chain(ChainKind::Http).rules);
        let rules: Vec<Asking<'_>> = rules.map(Asking::of).collect();
        let mut numbers: HashMap<Option<Vec<Reading>>, usize> = HashMap::new();
        let number = |request: &Option<Request>| {
            let next = numbers.len();
            *numbers.entry(request.as_ref().map(|request| readings(proxy, &rules, view, request))).or_insert(next)
        };
        requests.iter().map(number).collect()
    }
}

/// What a request is with the policies that surely act, and with those that may.
fn readings(proxy: &Proxy<'_>, rules: &[Asking<'_>], view: View<'_>, request: &Request) -> Vec<Reading> {
    let sure = Reading::of(&proxy.tokens, rules, view, request);
    if proxy.perhaps.is_empty() {
        return vec![sure];
    }
    let all: Vec<&TokenPolicy> = proxy.tokens.iter().chain(&proxy.perhaps).copied().collect();
    vec![sure, Reading::of(&all, rules, view, request)]
}

impl Reading {
    fn of(tokens: &[&TokenPolicy], rules: &[Asking<'_>], view: View<'_>, request: &Request) -> Self {
        let (good, token) = token::judge(tokens, request);
        if good == Truth::No || !is_upper_case(request) {
            return Self { good: Truth::No, rules: Vec::new() };
        }
        let view = View { request: Some(request), token, ..view };
        let rules = rules.iter().enumerate().filter_map(|(at, rule)| Some((at, rule.said(&view)?))).collect();
        Self { good, rules }
    }
}

impl<'r> Asking<'r> {
    fn of(rule: &'r ReadRule) -> Self {
        let mut clauses: Vec<AskingClause<'r>> = rule.clauses.iter().filter_map(AskingClause::of).collect();
        clauses.sort_by_key(AskingClause::asks_tokens);
        Self(clauses)
    }

    /// What its clauses say of a request by itself; none if it cannot match, whatever else is true of the connection.
    fn said(&self, view: &View<'_>) -> Option<Vec<Truth>> {
        let mut all = Vec::new();
        for clause in &self.0 {
            let parts = clause.said(view);
            if parts.iter().all(|part| *part == Truth::No) {
                return None;
            }
            all.extend(parts);
        }
        Some(all)
    }
}

impl<'r> AskingClause<'r> {
    /// None if it looks at no request.
    fn of(clause: &'r ReadClause) -> Option<Self> {
        let asks = |test: &&Test| test.field.attribute.needs_http();
        let alternatives: Vec<Vec<&Test>> = clause.alternatives.iter().map(|tests| tests.iter().filter(asks).collect()).collect();
        let is_whole = clause.alternatives.iter().flatten().all(|test| asks(&test));
        let is_asking = clause.open.is_none() && alternatives.iter().any(|tests| !tests.is_empty());
        is_asking.then_some(Self { alternatives, is_whole })
    }

    fn asks_tokens(&self) -> bool {
        let matchers = self.alternatives.iter().flatten().flat_map(|test| test.matchers());
        matchers.into_iter().any(|matcher| matches!(matcher, Matcher::Users(_) | Matcher::Claim(..)))
    }

    /// What each alternative says of a request by itself, or all of them where they look at nothing else.
    fn said(&self, view: &View<'_>) -> Vec<Truth> {
        let parts = self.alternatives.iter().map(|tests| Truth::all(tests.iter().map(|test| test.holds(view))));
        if self.is_whole { vec![Truth::any(parts)] } else { parts.collect() }
    }
}
