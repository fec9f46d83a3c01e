//! Trees to a policy: the order of the passes.
//!
//! Owns: `lower` and the state that its passes share. Each pass lives in its own file.

use std::collections::BTreeMap;

use super::declare::Namespaces;
use super::endpoint::{Place, Ranges, Side};
use super::names::Names;
use super::scope::{Scoped, collect};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::flow::{PodSet, Symbol};
use crate::inventory::Inventory;
use crate::ir::{End, Policy, Workload};
use crate::source::{FileId, Sources};
use crate::syntax::ast::{File, StatementKind};

/// Whose intents a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The program that is compiled.
    Ours,
    /// Context given by `--with`.
    With,
}

/// One parsed file.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// Which file.
    pub file: FileId,
    /// Its tree.
    pub tree: &'a File,
    /// Whose it is.
    pub origin: Origin,
}

/// Everything that lowering reads.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// The texts, for canonical order.
    pub sources: &'a Sources,
    /// The parsed files.
    pub units: Vec<Unit<'a>>,
    /// What the cluster is.
    pub config: &'a Config,
    /// What runs there.
    pub inventory: &'a Inventory,
    /// The namespace of statements that stand in none.
    pub default_namespace: Symbol,
}

/// The state that the passes share.
pub(super) struct Lowering<'a> {
    pub(super) program: Program<'a>,
    pub(super) namespaces: Namespaces,
    pub(super) names: Names<'a>,
    /// Declared workloads, so that rules can use their facts.
    pub(super) declared: Vec<Workload>,
    /// The pods for which `as ACCOUNT` stands, by namespace and account.
    pub(super) named_accounts: BTreeMap<(Symbol, Symbol), PodSet>,
    /// What groups stand for, by namespace, name and place: groups of groups are looked into once.
    pub(super) known_groups: BTreeMap<GroupPlace, End>,
    pub(super) findings: Vec<Diagnostic>,
}

/// A group by its namespace and name, which end of a rule it is, and what a range of ports holds there.
pub(super) type GroupPlace = ((Symbol, Symbol), Side, Ranges);

impl Lowering<'_> {
    pub(super) fn config(&self) -> &Config {
        self.program.config
    }
}

/// Resolves a program. The policy is complete as far as the program could be understood; the findings say where not.
///
/// Neither the order of files nor that of statements shows in the result.
pub fn lower(program: Program<'_>) -> (Policy, Vec<Diagnostic>) {
    let (declarations, statements) = collect(&program);
    let namespaces = Namespaces::declare(&program, &declarations, &statements);
    let names = Names::collect(&program, &namespaces, &statements);
    let mut lowering = Lowering {
        program,
        namespaces,
        names,
        declared: Vec::new(),
        named_accounts: BTreeMap::new(),
        known_groups: BTreeMap::new(),
        findings: Vec::new(),
    };
    lowering.check_default_namespace();
    lowering.check_scraper();
    lowering.facts(&statements);
    let policy = lowering.statements(&statements);
    (policy, lowering.findings())
}

impl<'a> Lowering<'a> {
    /// Workloads first: rules speak of their facts.
    fn facts(&mut self, statements: &[Scoped<'a>]) {
        for scoped in statements {
            let StatementKind::Workload(statement) = &scoped.statement.kind else { continue };
            for namespace in self.namespaces.of(scoped, &self.program.default_namespace) {
                let workload = self.workload(scoped, &namespace, statement);
                self.declared.push(workload);
            }
        }
        self.declared.sort_by(|left, right| (&left.namespace, &left.name).cmp(&(&right.namespace, &right.name)));
    }

    fn statements(&mut self, statements: &[Scoped<'a>]) -> Policy {
        let mut policy = Policy::default();
        for scoped in statements {
            for namespace in self.namespaces.of(scoped, &self.program.default_namespace) {
                self.statement(scoped, &namespace, &mut policy);
            }
        }
        Self::settle_expectations(&mut policy);
        self.sort(&mut policy);
        policy.workloads.clone_from(&self.declared);
        policy.namespaces = std::mem::take(&mut self.namespaces.map);
        policy.named_accounts = std::mem::take(&mut self.named_accounts);
        policy.inventory = self.program.inventory.clone();
        policy.config = self.program.config.clone();
        super::declare::add_never_injected(&mut policy);
        policy
    }

    fn statement(&mut self, scoped: &Scoped<'a>, namespace: &Symbol, policy: &mut Policy) {
        match &scoped.statement.kind {
            StatementKind::Rule(rule) => policy.rules.push(self.rule(scoped, namespace, rule)),
            StatementKind::Close(close) => policy.closes.push(self.close(scoped, namespace, close)),
            StatementKind::Expect(expect) => policy.expectations.push(self.expectation(scoped, namespace, expect)),
            StatementKind::Issuer(issuer) => {
                let issuer = self.issuer(scoped, issuer);
                policy.issuers.insert(issuer.name.clone(), issuer);
            }
            // A group or network that nothing uses is looked into as well, so that its faults are found.
            StatementKind::Group(group) => {
                let groups = vec![(namespace.clone(), group.name.value.as_str().into())];
                let place =
                    Place { namespace: namespace.clone(), file: scoped.file, side: Side::IdentifiedSource, ranges: Ranges::Whole, groups };
                self.end(&place, &group.endpoint);
            }
            StatementKind::Network(network) => {
                let addresses = self.network(network, scoped.file);
                policy.networks.insert(network.name.value.as_str().into(), addresses);
            }
            StatementKind::Namespace(_) | StatementKind::Workload(_) => {}
        }
    }

    /// What is expected of tokens is expected of such as verify.
    fn settle_expectations(policy: &mut Policy) {
        let expected: Vec<_> = policy.expectations.iter().map(|expectation| policy.verified(expectation.requests.clone())).collect();
        for (expectation, requests) in policy.expectations.iter_mut().zip(expected) {
            expectation.requests = requests;
        }
    }

    /// Sorts by content; places decide only between equals, and by the name of the file, not by its turn.
    fn sort(&self, policy: &mut Policy) {
        let ranks = self.file_ranks();
        let place = |location: crate::source::Location| (ranks.get(&location.file).copied().unwrap_or(usize::MAX), location.span);
        policy.rules.sort_by(|left, right| {
            let by_text = (&left.namespace, &left.text).cmp(&(&right.namespace, &right.text));
            by_text.then_with(|| place(left.location).cmp(&place(right.location)))
        });
        policy
            .closes
            .sort_by_cached_key(|close| (close.namespace.clone(), close.pods.clone(), close.directions.clone(), place(close.location)));
        policy.expectations.sort_by_cached_key(|expectation| (expectation.text.clone(), place(expectation.location)));
    }

    /// Files by name.
    fn file_ranks(&self) -> BTreeMap<FileId, usize> {
        let mut files: Vec<(&str, FileId)> = self.program.sources.iter().map(|(id, source)| (source.name(), id)).collect();
        files.sort();
        files.into_iter().enumerate().map(|(rank, (_, id))| (id, rank)).collect()
    }

    /// All findings, each once: a statement of several namespaces, or a name used often, reports its faults once.
    fn findings(self) -> Vec<Diagnostic> {
        let unused = self.names.unused();
        let all = self.namespaces.findings.into_iter().chain(self.names.findings).chain(self.findings).chain(unused);
        let mut findings: Vec<Diagnostic> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for finding in all {
            if seen.insert((finding.location(), finding.code, finding.message.clone())) {
                findings.push(finding);
            }
        }
        findings
    }
}
