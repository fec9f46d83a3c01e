//! Pods one by one, where an end asks for a label that only the controllers of pods give them.
//!
//! Owns: `World::singles`. A pod that is like its workload is in no list but with its own labels; a `StatefulSet` gives names to pods that
//! nobody shows. It must not judge a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::addressed::OnePod;
use super::super::question::Object;
use super::{Known, World, is_object};
use crate::flow::{Peer, Symbol};
use crate::inventory::{Ordinals, POD_INDEX, POD_NAME};
use crate::ir::End;

impl World {
    /// The pods at an end whose workload is not there by what it says itself; of one workload, if one is given. Those of one workload that
    /// nobody tells apart are one.
    pub(super) fn singles(&self, end: &End, of: Option<&Object>) -> Vec<Known> {
        let is_asked =
            |object: &Object| of.is_none_or(|of| (of.kind, &of.namespace, &of.name) == (object.kind, &object.namespace, &object.name));
        let mut shown: BTreeMap<&Object, Vec<(&OnePod, &[IpAddr])>> = BTreeMap::new();
        let mut names: BTreeSet<Symbol> = self.pods.iter().filter_map(|known| known.endpoint.facts.one_pod.clone()).collect();
        for (pod, addresses) in self.addressed.all_folded() {
            names.insert(pod.one_pod());
            let is_single = || is_asked(&pod.object) && self.is_apart(pod, end, of);
            if pod.is_at(end) && is_single() {
                shown.entry(&pod.object).or_default().push((pod, addresses));
            }
        }
        let shown = shown.into_values().filter_map(|pods| self.as_one(&pods)).filter(|known| is_at(known, end));
        let sets = self.addressed.sets().iter().filter(|(object, _)| is_asked(object));
        let made = sets.flat_map(|(object, ordinals)| self.made(object, *ordinals, end)).filter(|known| {
            let name = known.endpoint.facts.one_pod.as_ref();
            name.is_some_and(|name| !names.contains(name))
        });
        shown.chain(made).collect()
    }

    /// Whether a pod has to be looked at by itself: neither its workload is at the end, nor is it in the list as itself.
    fn is_apart(&self, pod: &OnePod, end: &End, of: Option<&Object>) -> bool {
        let own = pod.itself();
        let is_listed = of.is_none() && self.pods.iter().any(|known| is_object(known, &own));
        !is_listed && !self.pods.iter().any(|known| is_object(known, &pod.object) && is_at(known, end))
    }

    /// Pods of one workload that nobody tells apart, as one.
    fn as_one(&self, pods: &[(&OnePod, &[IpAddr])]) -> Option<Known> {
        let (first, addresses) = pods.first()?;
        let mut known = self.as_it_is(first, addresses)?;
        if pods.len() == 1 {
            return Some(known);
        }
        let facts = &mut known.endpoint.facts;
        (facts.one_pod, facts.node) = (None, None);
        facts.addresses = if pods.iter().any(|(_, own)| own.is_empty()) {
            Vec::new()
        } else {
            pods.iter().flat_map(|(_, own)| own.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        Some(known)
    }

    /// The pods at an end that a `StatefulSet` makes.
    fn made(&self, set: &Object, ordinals: Ordinals, end: &End) -> Vec<Known> {
        let Some(base) = self.pods.iter().find(|known| is_object(known, set)) else { return Vec::new() };
        let numbers = numbers(set, end).into_iter().filter(|number| ordinals.hold(*number));
        numbers.filter_map(|number| made(base, set, number)).filter(|known| is_at(known, end)).collect()
    }
}

/// The pod of a number of a `StatefulSet`; none if what the set says of all its pods holds that label already.
fn made(base: &Known, set: &Object, number: u32) -> Option<Known> {
    let mut known = base.clone();
    let name = format!("{}-{number}", set.name);
    let Peer::Pod(pod) = &mut known.endpoint.peer else { return None };
    let facts = &mut known.endpoint.facts;
    for (key, value) in [(POD_NAME, name.clone()), (POD_INDEX, number.to_string())] {
        if !facts.open_labels.remove(key) {
            return None;
        }
        pod.labels.insert(key.into(), value.into());
    }
    facts.one_pod = Some(format!("{}/{name}", set.namespace).into());
    known.short = name;
    Some(known)
}

/// The numbers of pods that an end asks for.
fn numbers(set: &Object, end: &End) -> BTreeSet<u32> {
    let pods = end.peers().pods;
    let asked = |key: &'static str| pods.cubes().iter().filter_map(move |cube| cube.labels.get(key).finite()).flatten();
    let number = |written: &str| written.parse().ok().filter(|number: &u32| number.to_string() == *written);
    let named = asked(POD_NAME).filter_map(|name| number(name.strip_prefix(&*set.name)?.strip_prefix('-')?));
    named.chain(asked(POD_INDEX).filter_map(|index| number(index))).collect()
}

fn is_at(known: &Known, end: &End) -> bool {
    end.matches(&known.endpoint.peer)
}
