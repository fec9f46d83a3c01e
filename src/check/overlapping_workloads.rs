//! Workloads that may share pods and do not say the same of them.
//!
//! Owns: `overlapping-workloads`. A fact that only one of the two states is no contradiction.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;
use crate::gates::Gates;
use crate::ir::{Policy, Workload};

/// A finding for every pair of declared workloads that may overlap and contradict each other.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let mut namespaces: BTreeMap<&Symbol, Vec<&Workload>> = BTreeMap::new();
    for workload in &policy.workloads {
        namespaces.entry(&workload.namespace).or_default().push(workload);
    }
    namespaces.into_values().flat_map(|workloads| pairs(&workloads)).collect()
}

/// The contradictions within one namespace.
fn pairs(workloads: &[&Workload]) -> Vec<Diagnostic> {
    let buckets = Buckets::of(workloads);
    let mut findings = Vec::new();
    for (index, workload) in workloads.iter().enumerate() {
        let mut others: Vec<usize> = buckets.beside(workload).filter(|other| *other > index).collect();
        others.sort_unstable();
        let others = others.into_iter().filter_map(|other| workloads.get(other));
        for other in others.filter(|other| workload.labels.overlaps(&other.labels)) {
            let contradictions = contradictions(workload, other);
            if !contradictions.is_empty() {
                findings.push(finding(other, workload, &contradictions));
            }
        }
    }
    findings
}

/// Workloads by the value of the one key that most of them give a single value: those of two values share no pod.
struct Buckets<'a> {
    key: Option<&'a Symbol>,
    valued: BTreeMap<&'a Symbol, Vec<usize>>,
    rest: Vec<usize>,
}

impl<'a> Buckets<'a> {
    fn of(workloads: &[&'a Workload]) -> Self {
        let mut counts: BTreeMap<&Symbol, usize> = BTreeMap::new();
        for (key, _) in workloads.iter().flat_map(|workload| workload.labels.iter()).filter(|(_, values)| values.single().is_some()) {
            *counts.entry(key).or_default() += 1;
        }
        let key = counts.into_iter().max_by_key(|(_, count)| *count).map(|(key, _)| key);
        let mut buckets = Self { key, valued: BTreeMap::new(), rest: Vec::new() };
        for (index, workload) in workloads.iter().enumerate() {
            match buckets.value(workload) {
                Some(value) => buckets.valued.entry(value).or_default().push(index),
                None => buckets.rest.push(index),
            }
        }
        buckets
    }

    fn value(&self, workload: &'a Workload) -> Option<&'a Symbol> {
        workload.labels.get(self.key?).single()
    }

    /// The workloads that may share pods with this one.
    fn beside(&self, workload: &'a Workload) -> impl Iterator<Item = usize> {
        let valued: Vec<&Vec<usize>> = match self.value(workload) {
            Some(value) => self.valued.get(value).into_iter().collect(),
            None => self.valued.values().collect(),
        };
        valued.into_iter().flatten().chain(&self.rest).copied()
    }
}

/// What two workloads say differently, in words.
fn contradictions(one: &Workload, other: &Workload) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(account), Some(another)) = (&one.account, &other.account)
        && account != another
    {
        found.push(format!("account `{account}` or `{another}`"));
    }
    for port in &one.ports {
        let same = other.ports.iter().find(|known| known.name == port.name && known.protocol == port.protocol);
        if let Some(another) = same.filter(|another| another.number != port.number) {
            found.push(format!("port `{}` as {} or {}", port.name, port.number, another.number));
        }
    }
    if one.plane.is_some() && other.plane.is_some() && one.plane != other.plane {
        found.push("meshed or not".to_owned());
    }
    found
}

fn finding(second: &Workload, first: &Workload, contradictions: &[String]) -> Diagnostic {
    let message = format!("workloads `{}` and `{}` may share pods and disagree about them", first.name, second.name);
    Diagnostic::new(code::OVERLAPPING_WORKLOADS, second.location, message)
        .label(contradictions.join(", "))
        .related(first.location, format!("a pod with {} may be this one as well", both(first, second)))
        .note("a workload's facts hold for every pod with its labels, however a rule selects it")
        .help("tell the two apart by a label: give both the same key with different values, or exclude one from the other (`app=web,track!=canary`)")
}

/// The labels of a pod that is both.
fn both(first: &Workload, second: &Workload) -> String {
    first.labels.intersect(&second.labels).map_or_else(|| "both labels".to_owned(), |labels| format!("`{labels}`"))
}

#[cfg(test)]
mod tests {
    use crate::check::testing::found;

    const CODE: &str = "overlapping-workloads";

    #[test]
    fn workloads_that_may_share_pods_must_agree() {
        let text = "namespace shop\nworkload a = app=web account one\nworkload b = tier=front account two\nallow a -> b:80\n";
        assert_eq!(found(CODE, text), ["error overlapping-workloads `workload b = tier=front account two`"]);
        let ports = "namespace shop\nworkload a = app=web port http=80\nworkload b = app=web,x=y port http=8080\nallow a -> b:80\n";
        assert_eq!(found(CODE, ports), ["error overlapping-workloads `workload b = app=web,x=y port http=8080`"]);
    }

    #[test]
    fn workloads_apart_or_in_agreement_are_fine() {
        let text = "namespace shop\nworkload a = app=web account one\nworkload b = app=api account two\nworkload c = app=web,x=y account one\n\
                    workload d = app=web,track=canary port dns=53/udp\nworkload e = app=web,track=canary port dns=5353\nworkload f = tier=x\n\
                    allow a or b or c -> d or e or f\n";
        assert_eq!(found(CODE, text), [""; 0]);
        let apart = "namespace pay { workload a = app=web account one }\nnamespace shop { workload a = app=web account two }\n";
        assert_eq!(found(CODE, apart), [""; 0]);
    }
}
