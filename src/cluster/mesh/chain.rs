//! What each proxy makes of a policy's rules (`semantics.md` §2.9).
//!
//! Owns: `Policy` and its three readings: Envoy's for HTTP and for plain connections, and ztunnel's. What a proxy leaves out
//! is kept with its reason, for those who ask why.

use std::sync::Arc;

use super::callers::Reader;
use super::rule::{Action, AuthorizationPolicy, Enforced, Field, Rule};
use super::test::Test;
use super::truth::Truth;
use super::view::View;
use crate::cluster::Platform;

/// A policy, read as each proxy reads it.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// As written.
    pub(super) written: AuthorizationPolicy,
    http: Arc<Chain>,
    /// The same as for HTTP if nothing in it asks for that.
    tcp: Arc<Chain>,
    ztunnel: Chain,
}

/// Which reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChainKind {
    /// Envoy, for HTTP.
    Http,
    /// Envoy, for anything else.
    Tcp,
    /// ztunnel.
    Ztunnel,
}

/// The rules that a proxy has of a policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// Those that can match.
    pub(super) rules: Vec<ReadRule>,
    /// The numbers of those that cannot, and why.
    pub(super) dropped: Vec<(usize, &'static str)>,
}

/// A rule as a proxy has it.
#[derive(Debug, Clone)]
pub(super) struct ReadRule {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its clauses, all of which must hold.
    pub(super) clauses: Vec<ReadClause>,
}

/// A clause as a proxy has it.
#[derive(Debug, Clone)]
pub(super) struct ReadClause {
    /// Its alternatives, one of which must hold; an alternative without tests holds.
    pub(super) alternatives: Vec<Box<[Test]>>,
    /// Why nobody knows whether it holds.
    pub(super) open: Option<&'static str>,
}

const EMPTY_LIST: &str = "an empty `from` or `to` may mean nobody or anybody";
const NEEDS_HTTP: &str = "it asks for what only HTTP has, so it is left out for connections without";
const NO_ZTUNNEL: &str = "it asks for what ztunnel cannot see, so it is left out";
const DEAD: &str = "what ztunnel cannot see is taken out of it, and a part that is left empty matches nothing";

impl ChainKind {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Http, Self::Tcp, Self::Ztunnel];
}

impl Policy {
    /// Reads a policy as each proxy does.
    pub(super) fn new(written: AuthorizationPolicy, platform: &Platform) -> Self {
        let read = |kind| Chain::read(&written, kind, platform);
        let (http, ztunnel) = (Arc::new(read(ChainKind::Http)), read(ChainKind::Ztunnel));
        let tcp = if asks_http(&written) { Arc::new(read(ChainKind::Tcp)) } else { Arc::clone(&http) };
        Self { written, http, tcp, ztunnel }
    }

    /// One of the readings.
    pub(super) fn chain(&self, kind: ChainKind) -> &Chain {
        match kind {
            ChainKind::Http => &self.http,
            ChainKind::Tcp => &self.tcp,
            ChainKind::Ztunnel => &self.ztunnel,
        }
    }

    /// Whether it can change a verdict at a proxy.
    pub(super) const fn counts(&self, kind: ChainKind) -> bool {
        let by_action = match self.written.action {
            Action::Allow | Action::Deny => true,
            Action::Audit => false,
            // ztunnel is never told of these.
            Action::Custom => !matches!(kind, ChainKind::Ztunnel),
        };
        by_action && matches!(self.written.enforced, Enforced::Yes)
    }

    /// Whether it may be left open whether one of its rules matches, at any proxy.
    pub(super) fn may_be_open(&self) -> bool {
        [&*self.http, &*self.tcp, &self.ztunnel].into_iter().flat_map(|chain| &chain.rules).any(ReadRule::may_be_open)
    }

    /// Whether it looks at what only HTTP has, so that its chains differ.
    pub(super) fn asks_http(&self) -> bool {
        asks_http(&self.written)
    }

    /// Whether one of its rules matches.
    pub(super) fn matches(&self, kind: ChainKind, view: &View<'_>) -> Truth {
        Truth::any(self.chain(kind).rules.iter().map(|rule| rule.holds(view)))
    }
}

fn asks_http(policy: &AuthorizationPolicy) -> bool {
    let clauses = policy.rules.iter().flat_map(|rule| &rule.clauses);
    clauses.flat_map(|clause| clause.alternatives.iter().flatten()).any(|field| field.attribute.needs_http() && !field.is_empty())
}

impl Chain {
    fn read(policy: &AuthorizationPolicy, kind: ChainKind, platform: &Platform) -> Self {
        let mut chain = Self::default();
        for rule in &policy.rules {
            match ReadRule::read(rule, policy, kind, platform) {
                Ok(read) => chain.rules.push(read),
                Err(reason) => chain.dropped.push((rule.number, reason)),
            }
        }
        chain
    }
}

impl ReadRule {
    /// A rule as a proxy has it; the reason if it has none.
    fn read(rule: &Rule, policy: &AuthorizationPolicy, kind: ChainKind, platform: &Platform) -> Result<Self, &'static str> {
        let reader = if kind == ChainKind::Ztunnel { Reader::Ztunnel } else { Reader::Envoy };
        let reads = |field: &Field| kind == ChainKind::Http || field.is_read_without_http(reader);
        let mut fields = rule.clauses.iter().flat_map(|clause| clause.alternatives.iter().flatten());
        if policy.action == Action::Allow && fields.any(|field| !field.is_empty() && !reads(field)) {
            return Err(if kind == ChainKind::Ztunnel { NO_ZTUNNEL } else { NEEDS_HTTP });
        }
        let test = |field: &Field| Test::new(&Arc::new(field.clone()), &policy.object.namespace, policy.action, reader, platform);
        let mut clauses = Vec::new();
        for clause in &rule.clauses {
            let read = |fields: &Vec<Field>| fields.iter().filter(|field| reads(field) && !field.is_empty()).map(test).collect();
            let mut alternatives: Vec<Box<[Test]>> = clause.alternatives.iter().map(read).collect();
            if kind == ChainKind::Ztunnel {
                alternatives.retain(|tests| !tests.is_empty());
            }
            let open = clause.alternatives.is_empty().then_some(EMPTY_LIST);
            if alternatives.is_empty() && open.is_none() {
                return Err(DEAD);
            }
            clauses.push(ReadClause { alternatives, open });
        }
        Ok(Self { number: rule.number, clauses })
    }

    /// Whether it may be left open whether it matches, for some connection.
    pub(super) fn may_be_open(&self) -> bool {
        let may_be = |clause: &ReadClause| clause.open.is_some() || clause.alternatives.iter().flatten().any(Test::may_be_open);
        self.clauses.iter().any(may_be)
    }

    /// Whether it matches a connection.
    pub(super) fn holds(&self, view: &View<'_>) -> Truth {
        Truth::all(self.clauses.iter().map(|clause| clause.holds(view)))
    }
}

impl ReadClause {
    /// Whether one of its alternatives holds.
    pub(super) fn holds(&self, view: &View<'_>) -> Truth {
        if let Some(reason) = self.open {
            return Truth::Open(reason);
        }
        Truth::any(self.alternatives.iter().map(|tests| all(tests, view)))
    }
}

/// Whether every test of an alternative holds.
pub(super) fn all(tests: &[Test], view: &View<'_>) -> Truth {
    Truth::all(tests.iter().map(|test| test.holds(view)))
}
