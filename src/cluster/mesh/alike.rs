//! Requests that an end does not tell apart, whoever calls it and on whatever port.
//!
//! Owns: `MeshEnd::alike`. It asks of a request what the rules look at in requests, and nothing else of any rule; it must not decide.

use std::collections::HashMap;

use super::chain::{ChainKind, ReadClause, ReadRule};
use super::end::{Guard, MeshEnd};
use super::proxy::{Proxy, is_upper_case};
use super::test::Test;
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

impl MeshEnd<'_> {
    /// A number for each of these requests, counted from 0 in the order in which they first come. Those of one number get the same answer
    /// from every caller, on every port and over every transport.
    pub(crate) fn alike(&self, requests: &[Option<Request>]) -> Vec<usize> {
        let proxy = match &self.guard {
            Guard::Sidecar(sidecar) => &sidecar.proxy,
            Guard::Gateway(gateway) => &gateway.proxy,
            // Neither looks into connections.
            Guard::None | Guard::Ztunnel(_) => return vec![0; requests.len()],
        };
        let view = self.view(self.destination, 0, Transport::Plaintext);
        let mut numbers: HashMap<Option<Vec<Reading>>, usize> = HashMap::new();
        let number = |request: &Option<Request>| {
            let next = numbers.len();
            *numbers.entry(request.as_ref().map(|request| readings(proxy, view, request))).or_insert(next)
        };
        requests.iter().map(number).collect()
    }
}

/// What a request is with the policies that surely act, and with those that may.
fn readings(proxy: &Proxy<'_>, view: View<'_>, request: &Request) -> Vec<Reading> {
    let sure = reading(proxy, &proxy.tokens, view, request);
    if proxy.perhaps.is_empty() {
        return vec![sure];
    }
    let all: Vec<&TokenPolicy> = proxy.tokens.iter().chain(&proxy.perhaps).copied().collect();
    vec![sure, reading(proxy, &all, view, request)]
}

fn reading(proxy: &Proxy<'_>, tokens: &[&TokenPolicy], view: View<'_>, request: &Request) -> Reading {
    let (good, token) = token::judge(tokens, request);
    if good == Truth::No || !is_upper_case(request) {
        return Reading { good: Truth::No, rules: Vec::new() };
    }
    let view = View { request: Some(request), token, ..view };
    let rules = proxy.attached.policies().flat_map(|bound| &bound.policy.chain(ChainKind::Http).rules);
    let rules = rules.enumerate().filter_map(|(at, rule)| Some((at, of_rule(rule, &view)?))).collect();
    Reading { good, rules }
}

/// What the clauses of a rule say of a request by itself; none if it cannot match, whatever else is true of the connection.
fn of_rule(rule: &ReadRule, view: &View<'_>) -> Option<Vec<Truth>> {
    let mut all = Vec::new();
    for clause in rule.clauses.iter().filter(|clause| clause.open.is_none()) {
        let parts = of_clause(clause, view);
        if parts.iter().all(|part| *part == Truth::No) {
            return None;
        }
        all.extend(parts);
    }
    Some(all)
}

/// What each alternative of a clause says of a request by itself, or all of them where they look at nothing else.
fn of_clause(clause: &ReadClause, view: &View<'_>) -> Vec<Truth> {
    let asks = |test: &&Test| test.field.attribute.needs_http();
    let parts = clause.alternatives.iter().map(|tests| Truth::all(tests.iter().filter(asks).map(|test| test.holds(view))));
    let is_whole = clause.alternatives.iter().flatten().all(|test| asks(&test));
    if is_whole { vec![Truth::any(parts)] } else { parts.collect() }
}
