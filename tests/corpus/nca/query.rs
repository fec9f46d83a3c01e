//! Queries that have a number for an answer.
//!
//! Owns: what each asks, as sets of flows. Compared is the number; the words around it are not.

use std::rc::Rc;

use serde_yaml::Value;

use super::reach::{Reach, Reaches};
use crate::corpus::case::Comparison;
use crate::corpus::manifests::{at, list};

/// Asks, and holds the number against the expected one.
pub(super) fn ask(reaches: &Reaches<'_>, ask: &str, configurations: &[&str], expected: u64) -> Comparison {
    let query = Query { reaches, unspecified: Vec::new() };
    query.answer(ask, configurations, expected)
}

#[derive(Debug)]
struct Query<'r> {
    reaches: &'r Reaches<'r>,
    unspecified: Vec<String>,
}

impl Query<'_> {
    fn answer(mut self, ask: &str, names: &[&str], expected: u64) -> Comparison {
        let sets: Vec<Vec<Value>> = names.iter().map(|name| self.reaches.scheme.policy_objects(name)).collect();
        let whole: Vec<Rc<Reach>> = sets.iter().map(|set| self.reach(set)).collect();
        let others = || whole.iter().skip(1);
        let each = |count: &mut dyn FnMut(&[Value]) -> u64| sets.iter().map(|set| count(set)).sum();
        let count: u64 = match ask {
            "equivalence" => pairs(&whole).map(|(one, other)| u64::from(!one.equals(other))).sum(),
            "containment" => others().map(|other| u64::from(other.is_within(&whole[0]))).sum(),
            "twoWayContainment" => pairs(&whole).map(|(one, other)| contained(one, other)).sum(),
            "permits" => others().map(|other| u64::from(!said_passes(other, &whole[0]))).sum(),
            "forbids" => others().map(|other| u64::from(other.said().zip(&whole[0].passes).any(|(said, passes)| said && *passes))).sum(),
            "pairwiseInterferes" => pairs(&whole).map(|(one, other)| u64::from(extends(one, other)) + u64::from(extends(other, one))).sum(),
            "vacuity" => each(&mut |set| u64::from(self.is_vacuous(set))),
            "redundancy" => each(&mut |set| self.redundant(set)),
            "emptiness" => {
                each(&mut |set| set.iter().map(|policy| u64::from(self.selects_nobody(policy)) + self.empty_rules(policy)).sum())
            }
            "sanity" => each(&mut |set| self.issues(set)),
            "allCaptured" => each(&mut |set| self.uncaptured(set)),
            other => panic!("nobody answers {other}"),
        };
        let mut comparison = Comparison::default();
        comparison.hold(count == expected, || format!("expected {expected}, is {count}"));
        for reason in self.unspecified {
            *comparison.unspecified.entry(reason).or_default() += 1;
        }
        comparison
    }

    fn reach(&mut self, set: &[Value]) -> Rc<Reach> {
        let reach = self.reaches.of(set);
        self.unspecified.extend(reach.unspecified.iter().cloned());
        reach
    }

    /// It changes nothing.
    fn is_vacuous(&mut self, set: &[Value]) -> bool {
        self.reach(set).equals(&self.reach(&[]))
    }

    /// Policies without which nothing changes, if there are others; rules likewise, in the policies that are needed.
    fn redundant(&mut self, set: &[Value]) -> u64 {
        let mut count = 0;
        for (index, policy) in set.iter().enumerate() {
            count += if self.is_redundant(set, index) { 1 } else { self.redundant_rules(set, index, &rules(policy)) };
        }
        count
    }

    fn is_redundant(&mut self, set: &[Value], index: usize) -> bool {
        let mut rest = set.to_vec();
        rest.remove(index);
        set.len() > 1 && self.reach(set).equals(&self.reach(&rest))
    }

    fn redundant_rules(&mut self, set: &[Value], index: usize, of: &[(&str, usize)]) -> u64 {
        let mut count = 0;
        for (direction, rule) in of {
            let mut changed = set.to_vec();
            changed[index] = without_rule(&set[index], direction, *rule);
            count += u64::from(self.reach(set).equals(&self.reach(&changed)));
        }
        count
    }

    fn selects_nobody(&mut self, policy: &Value) -> bool {
        !self.reach(std::slice::from_ref(policy)).captured.contains(&true)
    }

    /// Rules that let nobody in or out, whomever the policy selects and on whatever port.
    fn empty_rules(&mut self, policy: &Value) -> u64 {
        rules(policy).iter().map(|(direction, rule)| u64::from(self.is_empty(policy, direction, *rule))).sum()
    }

    fn is_empty(&mut self, policy: &Value, direction: &str, rule: usize) -> bool {
        let mut only = policy.clone();
        let mut kept = list(policy, &["spec", direction])[rule].clone();
        kept.as_mapping_mut().unwrap().remove("ports");
        let types = if direction == "ingress" { "Ingress" } else { "Egress" };
        let spec = format!("podSelector: {{}}\npolicyTypes: [{types}]\n");
        let mut spec: Value = serde_yaml::from_str(&spec).unwrap();
        spec.as_mapping_mut().unwrap().insert(direction.into(), Value::Sequence(vec![kept]));
        only.as_mapping_mut().unwrap().insert("spec".into(), spec);
        !self.reach(&[only]).said().any(|said| said)
    }

    /// Vacuous as a whole; and for each policy the first that holds: selects nobody; has empty rules; is redundant or has
    /// redundant rules, which is not looked at where the whole is vacuous.
    fn issues(&mut self, set: &[Value]) -> u64 {
        let vacuous = self.is_vacuous(set);
        let mut count = u64::from(vacuous);
        for (index, policy) in set.iter().enumerate() {
            if self.selects_nobody(policy) {
                count += 1;
                continue;
            }
            count += self.empty_rules(policy);
            if vacuous {
                continue;
            }
            if self.is_redundant(set, index) {
                count += 1;
                continue;
            }
            let mut full = rules(policy);
            full.retain(|(direction, rule)| !self.is_empty(policy, direction, *rule));
            count += self.redundant_rules(set, index, &full);
        }
        count
    }

    /// Owners that no policy selects, at egress and at ingress; without any policy, every pod once.
    fn uncaptured(&mut self, set: &[Value]) -> u64 {
        let reach = self.reach(set);
        let count = if set.is_empty() { self.reaches.pods() } else { reach.unselected.iter().map(std::collections::BTreeSet::len).sum() };
        count as u64
    }
}

fn pairs(all: &[Rc<Reach>]) -> impl Iterator<Item = (&Reach, &Reach)> {
    all.iter().enumerate().flat_map(|(index, one)| all.iter().skip(index + 1).map(move |other| (&**one, &**other)))
}

/// 3 if they are equal, 2 if the first is within the second, 1 the other way round, 0 for neither.
fn contained(one: &Reach, other: &Reach) -> u64 {
    u64::from(one.is_within(other)) * 2 + u64::from(other.is_within(one))
}

/// Whether whatever one's policies let pass is let pass by the other.
fn said_passes(one: &Reach, other: &Reach) -> bool {
    one.said().zip(&other.passes).all(|(said, passes)| !said || *passes)
}

/// Whether one's policies let something pass, on pods that both act on, that the other's do not.
fn extends(one: &Reach, other: &Reach) -> bool {
    one.said().zip(other.captured.iter().zip(&other.passes)).any(|(said, (captured, passes))| said && *captured && !passes)
}

/// The rules of a policy, by direction and place.
fn rules(policy: &Value) -> Vec<(&'static str, usize)> {
    let of = |direction: &'static str| (0..list(policy, &["spec", direction]).len()).map(move |rule| (direction, rule));
    of("ingress").chain(of("egress")).collect()
}

/// A policy without one of its rules, with the types that it had.
fn without_rule(policy: &Value, direction: &str, rule: usize) -> Value {
    let mut policy = policy.clone();
    let implied = match (at(&policy, &["spec", "policyTypes"]), list(&policy, &["spec", "egress"]).is_empty()) {
        (Some(types), _) => types.clone(),
        (None, true) => Value::Sequence(vec!["Ingress".into()]),
        (None, false) => Value::Sequence(vec!["Ingress".into(), "Egress".into()]),
    };
    let spec = policy.get_mut("spec").unwrap().as_mapping_mut().unwrap();
    spec.insert("policyTypes".into(), implied);
    spec.get_mut(direction).unwrap().as_sequence_mut().unwrap().remove(rule);
    policy
}
