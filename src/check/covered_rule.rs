//! Rules that admit nothing which one other rule does not admit.
//!
//! Owns: `covered-rule`. Only single rules are held against each other, and of those only such as the index finds near: a lint
//! may miss something, but must not cost more than it is worth.

mod index;

use std::borrow::Cow;

use super::duplicate_rule::content;
use super::ends::ours;
use crate::config::Consent;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, PodSet, PortSet};
use crate::gates::Gates;
use crate::ir::{End, Naming, Policy, Rule};
use crate::syntax::ast::Action;

use index::Index;

/// Rules that one rule is held against at most.
const MAX_COMPARED: usize = 256;

/// A finding for every `allow` that another one covers. Duplicates are another finding.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let allows = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action == Action::Allow);
    let shapes: Vec<Shape<'_>> = allows.map(Shape::of).filter(|shape| !shape.is_empty()).collect();
    let index = Index::of(&shapes);
    let numbered = shapes.iter().enumerate();
    numbered.filter_map(|(at, shape)| Some(finding(shape.rule, cover(policy, &shapes, &index, at)?))).collect()
}

/// A rule with its ends as sets.
#[derive(Debug)]
struct Shape<'a> {
    rule: &'a Rule,
    source: Side<'a>,
    targets: Vec<(Side<'a>, &'a PortSet)>,
}

/// Whom an end matches, and whom it opens. Nearly every end is one set already, which is not copied.
#[derive(Debug)]
struct Side<'a> {
    pods: Cow<'a, PodSet>,
    addresses: Cow<'a, AddressSet>,
    opened: Cow<'a, PodSet>,
}

impl<'a> Side<'a> {
    fn of(end: &'a End) -> Self {
        let nobody = || Cow::Owned(PodSet::none());
        match end {
            End::Pods(pods, Naming::ByPod) => {
                Self { pods: Cow::Borrowed(pods), addresses: Cow::Owned(AddressSet::none()), opened: Cow::Borrowed(pods) }
            }
            End::Addresses(addresses) => Self { pods: nobody(), addresses: Cow::Borrowed(addresses), opened: nobody() },
            End::Pods(_, Naming::InPassing) | End::Or(_) | End::But(..) | End::Within(..) => {
                let peers = end.peers();
                Self { pods: Cow::Owned(peers.pods), addresses: Cow::Owned(peers.addresses), opened: Cow::Owned(end.opened()) }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.addresses.is_empty()
    }

    fn is_within(&self, other: &Self) -> bool {
        self.addresses.is_subset(&other.addresses) && self.pods.is_subset(&other.pods) && self.opened.is_subset(&other.opened)
    }
}

impl<'a> Shape<'a> {
    fn of(rule: &'a Rule) -> Self {
        let targets = rule.targets.iter().map(|target| (Side::of(&target.end), &target.ports)).collect();
        Self { rule, source: Side::of(&rule.source), targets }
    }

    /// Whether an end of it is empty, which is another finding.
    fn is_empty(&self) -> bool {
        self.source.is_empty() || self.targets.is_empty() || self.targets.iter().any(|(side, _)| side.is_empty())
    }

    /// Whether everything that this rule admits, the other admits too, for as long, and opens as much.
    fn is_within(&self, policy: &Policy, other: &Self) -> bool {
        let (rule, cover) = (self.rule, other.rule);
        let same_owner = policy.config.tenancy.consent == Consent::Either || rule.namespace == cover.namespace;
        let directions = cover.direction.is_none() || cover.direction == rule.direction;
        let transports = cover.mtls.is_none() || rule.mtls.is_some();
        let target =
            |(side, ports): &(Side<'_>, &PortSet)| other.targets.iter().any(|(whole, all)| ports.is_subset(all) && side.is_within(whole));
        same_owner
            && directions
            && transports
            && lasts_as_long(rule, cover)
            && self.targets.iter().all(target)
            && self.source.is_within(&other.source)
            && rule.requests.is_subset(&cover.requests)
    }
}

/// Whether the cover stands at least as long as the rule.
fn lasts_as_long(rule: &Rule, cover: &Rule) -> bool {
    match (&rule.until, &cover.until) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some((day, _)), Some((last, _))) => day <= last,
    }
}

/// The rule that covers another: of two that cover each other, the first of them, if they are no duplicates.
fn cover<'a>(policy: &Policy, shapes: &[Shape<'a>], index: &Index<'_>, at: usize) -> Option<&'a Rule> {
    let shape = shapes.get(at)?;
    let candidates = index.near(shape).take(MAX_COMPARED).filter(|other| *other != at);
    let mut candidates = candidates.filter_map(|other| Some((other, shapes.get(other)?)));
    let covers = |(other, whole): &(usize, &Shape<'a>)| {
        whole.rule.location != shape.rule.location
            && shape.is_within(policy, whole)
            && (!whole.is_within(policy, shape) || *other < at && content(whole.rule) != content(shape.rule))
    };
    candidates.find(covers).map(|(_, whole)| whole.rule)
}

fn finding(rule: &Rule, cover: &Rule) -> Diagnostic {
    let finding = Diagnostic::new(code::COVERED_RULE, rule.location, "this rule admits nothing that another one does not admit")
        .label("lets nobody in or out")
        .related(cover.location, "admits all of it");
    let finding = match &rule.jwt {
        Some(_) => finding.note("what it still does: its destination refuses tokens that do not verify"),
        None => finding,
    };
    let mut lost = Vec::new();
    if rule.mtls.is_some() && cover.mtls.is_none() {
        lost.push("`mtls`");
    }
    if rule.http.is_some() && !cover.requests.is_subset(&rule.requests) && cover.http.is_none() {
        lost.push("the requests");
    }
    if rule.jwt.is_some() && cover.jwt.is_none() {
        lost.push("`jwt`");
    }
    if lost.is_empty() {
        return finding.help("remove this rule, or narrow the other one");
    }
    finding
        .note(format!("the other one does not ask for {}: callers get in without", lost.join(" and ")))
        .help("narrow the other rule if the requirement is meant, or remove this one")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "covered-rule";

    fn covered(text: &str) -> Vec<String> {
        found(CODE, &format!("namespace shop\n{text}"))
    }

    #[test]
    fn a_rule_within_another_has_no_effect() {
        assert_eq!(covered("allow app=a,x=y -> app=b:80\nallow app=a -> app=b\n"), ["warning covered-rule `allow app=a,x=y -> app=b:80`"]);
        assert_eq!(covered("allow app=a -> app=b:80\nallow * -> *\n"), ["warning covered-rule `allow app=a -> app=b:80`"]);
        assert_eq!(covered("allow app=a -> app=b:80\nallow *@* -> *@*\n"), ["warning covered-rule `allow app=a -> app=b:80`"]);
        assert_eq!(covered("allow app=a -> app=b:80\nallow app=a|c -> app=b|d:80\n"), ["warning covered-rule `allow app=a -> app=b:80`"]);
        assert_eq!(
            covered("allow 10.1.0.0/16 -> app=b:80\nallow 10.0.0.0/8 -> app=b:80\n"),
            ["warning covered-rule `allow 10.1.0.0/16 -> app=b:80`"]
        );
        assert_eq!(covered("allow in app=a -> app=b:80\nallow app=a -> app=b:80\n"), ["warning covered-rule `allow in app=a -> app=b:80`"]);
    }

    #[test]
    fn a_lost_requirement_is_named() {
        let program = Program::of("namespace shop\nallow app=a -> app=b:80 mtls http GET /a\nallow * -> app=b:80\n");
        assert_eq!(program.found(CODE), ["warning covered-rule `allow app=a -> app=b:80 mtls http GET /a`"]);
        assert_eq!(program.notes(CODE), ["the other one does not ask for `mtls` and the requests: callers get in without"]);
    }

    #[test]
    fn a_rule_beside_another_is_not_covered() {
        for quiet in [
            "allow app=a -> app=b:80\nallow app=a -> app=b:81\n",
            "allow app=a -> app=b:80\nallow app=a -> app=c\n",
            "allow app=a -> app=b:80\nallow app=a,x=y -> app=b\n",
            "allow app=a -> app=b:80\nallow app=a -> app=b mtls\n",
            "allow app=a -> app=b:80\nallow in app=a -> app=b\n",
            "allow app=a -> app=b:80\nallow app=a -> app=b until 2027-01-01\n",
            "allow app=a -> app=b:80\nallow anywhere -> app=b\n",
            "allow app=a -> app=b:80\ndeny app=a -> app=b\n",
            "allow app=a -> app=b:80\nallow app=a -> app=b:80 http GET /a\n",
        ] {
            let text = quiet.replace("allow app=a -> app=b:80\n", "allow app=a -> app=b:80 because \"first\"\n");
            let first = covered(&text).into_iter().filter(|finding| finding.contains("first")).collect::<Vec<_>>();
            assert_eq!(first, [""; 0], "{quiet}");
        }
    }

    #[test]
    fn a_last_day_may_cover_an_earlier_one() {
        let text = "allow app=a -> app=b:80 until 2027-01-01\nallow app=a -> app=b until 2027-02-01\n";
        assert_eq!(covered(text), ["warning covered-rule `allow app=a -> app=b:80 until 2027-01-01`"]);
    }

    #[test]
    fn duplicates_and_statements_of_many_namespaces_are_not() {
        assert_eq!(covered("allow app=a -> app=b:80\nallow app=a -> app=b:80\n"), [""; 0]);
        assert_eq!(found(CODE, "namespace a, b { allow app=x@c -> app=y@c:80 }\n"), [""; 0]);
    }

    #[test]
    fn equal_rules_of_two_namespaces_cover_each_other_once() {
        let text = "namespace a { allow app=x@a -> app=y@b:80 }\nnamespace b { allow app=x@a -> app=y@b:80 }\n";
        assert_eq!(found(CODE, text), ["warning covered-rule `allow app=x@a -> app=y@b:80`"]);
        let apart = Program::of(text).config("[tenancy]\nconsent = \"both\"\n").found(CODE);
        assert_eq!(apart, [""; 0]);
    }
}
