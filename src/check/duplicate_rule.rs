//! Rules that are written twice.
//!
//! Owns: `duplicate-rule`, and what the content of a rule is, apart from its spelling and its remarks.

use std::collections::HashMap;

use super::ends::ours;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Peers, PodSet, PortSet, RequestCube, Symbol};
use crate::gates::Gates;
use crate::ir::{End, Policy, Rule};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

/// A finding for every rule that stands in its namespace before.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    // A rule whose ends could not be read has a finding already, and says nothing that another could repeat.
    let rules: Vec<&Rule> = ours(policy).map(|(_, rule)| rule).filter(|rule| !rule.targets.is_empty()).collect();
    let mut statements: HashMap<Location, usize> = HashMap::with_capacity(rules.len());
    for rule in &rules {
        *statements.entry(rule.location).or_default() += 1;
    }
    let alone = |rule: &Rule| statements.get(&rule.location) == Some(&1);
    // A policy's rules are sorted by namespace.
    let namespaces = rules.chunk_by(|one, next| one.namespace == next.namespace);
    let repeated = namespaces.flat_map(groups).filter(|rules| rules.len() > 1);
    repeated.flat_map(|rules| repetitions(&rules)).map(|(rule, first)| finding(rule, first, alone(rule))).collect()
}

/// The rules of one namespace by content, in the order of the first of each group.
fn groups<'a>(rules: &[&'a Rule]) -> Vec<Vec<&'a Rule>> {
    let mut groups: Vec<Vec<&Rule>> = Vec::with_capacity(rules.len());
    let mut known: HashMap<Content<'_>, usize> = HashMap::with_capacity(rules.len());
    for rule in rules {
        let group = *known.entry(content(rule)).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(rules) => rules.push(rule),
            None => groups.push(vec![rule]),
        }
    }
    groups
}

/// What a rule says: equal for rules that mean the same in the same namespace, remarks aside.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Content<'a> {
    namespace: &'a Symbol,
    action: Action,
    direction: Option<Direction>,
    source: (Peers, Option<PodSet>),
    targets: Vec<((Peers, Option<PodSet>), PortSet)>,
    mtls: bool,
    raw: bool,
    requests: Vec<&'a RequestCube>,
}

/// The content of a rule.
pub(super) fn content(rule: &Rule) -> Content<'_> {
    let mut targets: Vec<_> = rule.targets.iter().map(|target| (resolved(&target.end), target.ports.clone())).collect();
    targets.sort();
    targets.dedup();
    let mut requests: Vec<&RequestCube> = rule.requests.cubes.iter().collect();
    requests.sort();
    requests.dedup();
    Content {
        namespace: &rule.namespace,
        action: rule.action,
        direction: rule.direction,
        source: resolved(&rule.source),
        targets,
        mtls: rule.mtls.is_some(),
        raw: rule.requests.raw,
        requests,
    }
}

/// Whom an end matches, and whom it opens if that is not all of its pods, in a form that does not show how it was written.
fn resolved(end: &End) -> (Peers, Option<PodSet>) {
    let (peers, opened) = (end.peers(), simplified(end.opened()));
    let peers = Peers { pods: simplified(peers.pods), ..peers };
    let opened = (opened != peers.pods).then_some(opened);
    (peers, opened)
}

/// Nearly every set is one cube, of which nothing is to be made simpler.
fn simplified(pods: PodSet) -> PodSet {
    if pods.cubes().len() > 1 { pods.simplify() } else { pods }
}

/// The rules of a group but one, each with that one: the first that stands for good.
fn repetitions<'a>(rules: &[&'a Rule]) -> Vec<(&'a Rule, &'a Rule)> {
    let Some(first) = rules.iter().min_by_key(|rule| rule.until.is_some()) else { return Vec::new() };
    let others = rules.iter().filter(|rule| rule.location != first.location);
    others.map(|rule| (*rule, *first)).collect()
}

fn finding(rule: &Rule, first: &Rule, alone: bool) -> Diagnostic {
    let finding = Diagnostic::new(code::DUPLICATE_RULE, rule.location, "this rule is written twice")
        .label("says nothing that the other does not say")
        .related(first.location, "the other one")
        .note(format!("both stand in namespace `{}`", rule.namespace));
    let finding = match (&rule.until, &first.until) {
        (Some((day, _)), None) => finding.note(format!("the other one has no last day, so this one does not end on {day} either")),
        (Some((day, _)), Some((other, _))) if day != other => finding.note(format!("the later of the two days counts, {}", day.max(other))),
        _ => finding,
    };
    let bare = rule.until.is_none() && rule.because.is_none() && rule.accepts.is_empty();
    if alone && bare { finding.fix("remove this line", rule.location, "") } else { finding.help("remove one of the two") }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "duplicate-rule";

    #[test]
    fn content_counts_and_not_spelling() {
        let text =
            "namespace shop\nworkload web = app=web\nallow web or app=api -> app=db:80|443\nallow app=api|web -> app=db@shop:443|80\n";
        assert_eq!(found(CODE, text).len(), 1);
        let program = Program::of("namespace shop\nallow app=a -> app=b:80\nallow app=a -> app=b:80/tcp\n");
        assert_eq!(program.found(CODE), ["warning duplicate-rule `allow app=a -> app=b:80/tcp`"]);
        assert_eq!(program.fixes(CODE), [""]);
    }

    #[test]
    fn the_rule_that_stands_for_good_is_kept() {
        let program = Program::of("namespace shop\nallow app=a -> app=b:80 until 2027-01-01\nallow app=a -> app=b:80 because \"x\"\n");
        assert_eq!(program.found(CODE), ["warning duplicate-rule `allow app=a -> app=b:80 until 2027-01-01`"]);
        assert_eq!(program.helps(CODE), ["remove one of the two"]);
    }

    #[test]
    fn rules_that_differ_are_two() {
        let text = "namespace shop\nallow app=a -> app=b:80\nallow app=a -> app=b:80 mtls\nallow in app=a -> app=b:80\ndeny app=a -> app=b:80\n\
                    allow app=a -> app=b:81\nallow app=c -> app=b:80\nallow app=a -> app=b:80 http GET /a\n";
        assert_eq!(found(CODE, text), [""; 0]);
    }

    #[test]
    fn rules_that_could_not_be_read_are_no_duplicates() {
        assert_eq!(found(CODE, "namespace shop\nallow app=a -> app=b:70000\nallow app=a -> app=b:80000\n"), [""; 0]);
    }

    #[test]
    fn one_statement_of_many_namespaces_is_no_duplicate() {
        assert_eq!(found(CODE, "namespace a, b { allow app=x@c -> app=y@c:80 }\n"), [""; 0]);
        let twice = "namespace a, b { allow app=x -> app=y:80 }\nnamespace c, b { allow app=x -> app=y:80 }\n";
        assert_eq!(found(CODE, twice), ["warning duplicate-rule `allow app=x -> app=y:80`"]);
    }
}
