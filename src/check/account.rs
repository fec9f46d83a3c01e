//! What the mesh cannot tell apart, and the network can.
//!
//! Owns: `shared-account` and `namespace-identity`, both notes: the pair stays exact, the mesh alone is wider (design §4.3).

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, PodCube, Symbol};
use crate::gates::{Facts, Gates};
use crate::ir::{Policy, Rule};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

/// Notes on callers that share an identity.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let facts = Facts::of(policy);
    let mut shared: BTreeMap<(Symbol, Symbol), Vec<&Rule>> = BTreeMap::new();
    let mut findings = Vec::new();
    let identified = policy.rules.iter().filter(|rule| rule.action == Action::Allow && rule.mtls.is_some() && rule.faces(Direction::In));
    for rule in identified {
        let known = Known::of(&facts, rule);
        findings.extend(namespace_identity(rule, &known.unknown));
        for account in known.accounts {
            shared.entry(account).or_default().push(rule);
        }
    }
    for ((namespace, account), rules) in &shared {
        let alike = alike(&facts, (namespace, account), rules);
        findings.extend(alike.iter().filter_map(|((others, _), rules)| shared_account((namespace, account), others, rules)));
    }
    findings
}

/// Rules that name an account, by who else runs as it and by whether they accept that: what one line accepts is not accepted of another.
fn alike<'p>(
    facts: &Facts<'_>,
    (namespace, account): (&Symbol, &Symbol),
    rules: &[&'p Rule],
) -> BTreeMap<(BTreeSet<String>, bool), Vec<&'p Rule>> {
    let mut alike: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        let is_accepted = rule.accepts.iter().any(|acceptance| acceptance.code == code::SHARED_ACCOUNT);
        alike.entry((sharing(facts, namespace, account, rule), is_accepted)).or_default().push(rule);
    }
    alike
}

/// How the mesh knows the callers of a rule.
#[derive(Default)]
struct Known {
    accounts: BTreeSet<(Symbol, Symbol)>,
    /// Selectors whose accounts nobody states.
    unknown: Vec<PodCube>,
}

impl Known {
    fn of(facts: &Facts<'_>, rule: &Rule) -> Self {
        let mut known = Self::default();
        let outside = |name: &Symbol, cube: &PodCube| {
            facts.declared(name).iter().any(|workload| workload.plane == Some(DataPlane::None) && cube.is_subset(&workload.cube()))
        };
        let unmeshed = |cube: &PodCube| cube.namespace_names().is_some_and(|names| names.iter().all(|name| outside(name, cube)));
        for cube in rule.source.peers().pods.cubes().iter().filter(|cube| !cube.labels.is_all() && !unmeshed(cube)) {
            for name in cube.namespace_names().unwrap_or_default().iter().filter(|name| !facts.is_unmeshed(name)) {
                let parts = facts.parts(name, &PodCube { labels: cube.labels.clone(), ..PodCube::in_namespace(name) });
                if parts.iter().any(|part| part.accounts.is_none()) {
                    known.unknown.push(PodCube { labels: cube.labels.clone(), ..PodCube::in_namespace(name) });
                    continue;
                }
                known.accounts.extend(parts.into_iter().filter_map(|part| part.accounts).flatten().map(|account| (name.clone(), account)));
            }
        }
        known
    }
}

fn namespace_identity(rule: &Rule, unknown: &[PodCube]) -> Option<Diagnostic> {
    let first = unknown.first()?;
    let namespace = first.namespace_names()?.first()?.clone();
    let finding = Diagnostic::new(
        code::NAMESPACE_IDENTITY,
        rule.source_location,
        format!("the mesh knows the callers of this rule only as namespace `{namespace}`"),
    )
    .label(format!("nothing says which account `{first}` runs as"))
    .note("the network gate still tells the pods apart by label; what is lost is the second opinion");
    if namespace != rule.namespace {
        let block = format!("external namespace {namespace} {{ workload NAME = {} account … }}", first.labels);
        return Some(
            finding.help(format!("state it where the pods are: `{block}` if nobody manages it here, or give an inventory that holds them")),
        );
    }
    Some(finding.help(format!("state it: `workload NAME = {} account …`, or give an inventory that holds the pods", first.labels)))
}

/// Known workloads that run as an account and are no callers of a rule.
fn sharing(facts: &Facts<'_>, namespace: &Symbol, account: &Symbol, rule: &Rule) -> BTreeSet<String> {
    let called = |cube: &PodCube| rule.source.peers().pods.overlaps(&cube.clone().into());
    let declared =
        facts.declared(namespace).iter().filter(|workload| workload.account.as_ref() == Some(account) && !called(&workload.cube()));
    let listed =
        facts.listed(namespace).iter().filter(|workload| workload.account == *account && !called(&crate::ir::listed_cube(workload)));
    declared
        .map(|workload| format!("workload `{}`", workload.name))
        .chain(listed.map(|workload| format!("{} `{}`", workload.kind.name(), workload.name)))
        .collect()
}

/// That these rules let in an account with which others run, too; none if nobody else does.
fn shared_account((namespace, account): (&Symbol, &Symbol), others: &BTreeSet<String>, rules: &[&Rule]) -> Option<Diagnostic> {
    let places: BTreeSet<Location> = rules.iter().map(|rule| rule.source_location).collect();
    let first = rules.first().filter(|_| !others.is_empty())?.source_location;
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let finding =
        Diagnostic::new(code::SHARED_ACCOUNT, first, format!("callers run as `{namespace}/{account}`, and so do pods outside the rule"))
            .label("the mesh takes those for these")
            .note(format!("the account is shared with {}", others.join(", ")))
            .note("the network gate still tells the pods apart by label");
    let more = places.into_iter().filter(|place| *place != first).take(4);
    let finding = more.fold(finding, |finding, place| finding.related(place, "also here"));
    Some(finding.help("give each workload a service account of its own"))
}
