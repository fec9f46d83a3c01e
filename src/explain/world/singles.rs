//! Pods one by one, where an end asks for a label that only the controllers of pods give them.
//!
//! Owns: `World::singles`. A pod that is like its workload is in no list but with its own labels; a `StatefulSet` gives names to pods that
//! nobody shows, and so do other controllers with labels of which only they know the values. It must not judge a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::addressed::OnePod;
use super::super::possible::alternatives;
use super::super::question::Object;
use super::{Known, World, is_object};
use crate::flow::{Peer, Pod, PodCube, Symbol};
use crate::inventory::{Ordinals, POD_INDEX, POD_NAME};
use crate::ir::End;

impl World {
    /// The pods at an end whose workload is not there by what it says itself; of one workload, if one is given. Those of one workload that
    /// nobody tells apart are one.
    pub(super) fn singles(&self, end: &End, of: Option<&Object>) -> Vec<Known> {
        let mut found = self.shown(end, of);
        // Whoever is there is there, whoever is asked about.
        let all = of.map(|_| self.shown(end, None));
        let taken = self.taken(end, of, &found, all.as_ref().unwrap_or(&found));
        found.extend(taken);
        found
    }

    /// Those of whom the manifests show that they are at an end.
    fn shown(&self, end: &End, of: Option<&Object>) -> Vec<Known> {
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
        let is_shown = |set: &&OnePod| shown.contains_key(&set.object);
        let replicas = self.addressed.replicas().iter().filter(|set| set.is_at(end) && is_asked(&set.object));
        let replicas: Vec<&OnePod> = replicas.filter(|set| !is_shown(set) && self.is_apart(set, end, of)).collect();
        let replicas = replicas.into_iter().filter_map(|set| self.replica_of(set)).filter(|known| is_at(known, end));
        let shown = shown.into_values().filter_map(|pods| self.as_one(&pods)).filter(|known| is_at(known, end));
        let sets = self.addressed.sets().iter().filter(|(object, _)| is_asked(object));
        let made = sets.flat_map(|(object, ordinals)| self.made(object, *ordinals, end)).filter(|known| {
            let name = known.endpoint.facts.one_pod.as_ref();
            name.is_some_and(|name| !names.contains(name))
        });
        shown.chain(replicas).chain(made).collect()
    }

    /// Any pod of a `ReplicaSet`, of which no more is known than what it says of all.
    fn replica_of(&self, set: &OnePod) -> Option<Known> {
        let mut known = self.as_it_is(set, &[])?;
        known.endpoint.facts.one_pod = None;
        Some(known)
    }

    /// The workloads of which nobody shows that their pods are at an end, and which make pods that may be: each as these pods. Where some
    /// are known to be there, those are out whose pods would share a label with them that a controller gives to no others' pods.
    fn taken(&self, end: &End, of: Option<&Object>, found: &[Known], all: &[Known]) -> Vec<Known> {
        let cubes: Vec<PodCube> = alternatives(end).iter().flat_map(|pods| pods.cubes().to_vec()).collect();
        let is_there = |known: &&Known| is_at(known, end);
        let there: Vec<&Pod> = self.pods.iter().filter(is_there).chain(all).filter_map(Known::pod).collect();
        let is_asked = |known: &&Known| {
            let is_found = found.iter().any(|found| found.name == known.name);
            !is_found && !is_at(known, end) && of.is_none_or(|of| is_object(known, of))
        };
        let as_these = |known: &Known| cubes.iter().filter_map(|cube| taken_for(known, cube, &there)).find(|known| is_at(known, end));
        self.pods.iter().filter(is_asked).filter_map(as_these).collect()
    }

    /// Whether the pods of a workload are surely not at an end, as somebody else's are who share no such label with others.
    pub(super) fn are_of_another(&self, known: &Known, end: &End) -> bool {
        let all = self.shown(end, None);
        let there: Vec<&Pod> = self.pods.iter().filter(|known| is_at(known, end)).chain(&all).filter_map(Known::pod).collect();
        let cubes: Vec<PodCube> = alternatives(end).iter().flat_map(|pods| pods.cubes().to_vec()).collect();
        !cubes.is_empty() && cubes.iter().all(|cube| is_of_another(known, cube, &there))
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
        let cubes: Vec<PodCube> = alternatives(end).iter().flat_map(|pods| pods.cubes().to_vec()).collect();
        let with_rest = |known: Known| cubes.iter().find_map(|cube| taken_for(&known, cube, &[])).unwrap_or(known);
        numbers.filter_map(|number| made(base, set, number)).map(with_rest).filter(|known| is_at(known, end)).collect()
    }
}

/// The labels of which each value is that of the pods of one maker of a namespace; like templates elsewhere have the same.
const OF_ONE_MAKER: [&str; 8] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "deployment",
    "job-name",
    "pod-template-hash",
    "rollouts-pod-template-hash",
];

impl Known {
    /// Whether the controller of a workload may give its pods this value of a label, as far as it makes one of its name: a `StatefulSet` adds a
    /// hash to it, and a `DaemonSet` gives the hash alone (kubernetes/kubernetes :
    /// `pkg/controller/{statefulset/stateful_set_utils,daemon/update}.go`). A `CronJob` is not asked: who makes a Job of it by hand names that.
    fn may_give(&self, key: &str, value: &str) -> bool {
        let Some((kind, own)) = self.name.as_deref().and_then(|name| name.split_once(' ')) else { return true };
        let own = own.rsplit_once('/').map_or(own, |(_, name)| name);
        match (kind, key) {
            ("StatefulSet", "controller-revision-hash") => {
                value.rsplit_once('-').is_some_and(|(name, hash)| name == own && !hash.is_empty())
            }
            ("DaemonSet", "controller-revision-hash") => !value.contains('-'),
            ("Job", "job-name" | "batch.kubernetes.io/job-name") => value == own,
            _ => true,
        }
    }
}

/// A workload as those of its pods that carry the labels which a cube asks for and which it leaves open; none if it leaves none of them
/// open, if its pods are told by their names, or if the labels are those of somebody who is there.
fn taken_for(known: &Known, cube: &PodCube, there: &[&Pod]) -> Option<Known> {
    let mut taken = known.clone();
    let Peer::Pod(pod) = &mut taken.endpoint.peer else { return None };
    let facts = &mut taken.endpoint.facts;
    for (key, values) in cube.labels.iter().filter(|(key, _)| known.endpoint.facts.open_labels.contains(*key)) {
        let [value] = values.finite()? else { return None };
        let own = Symbol::clone(&pod.namespace);
        let is_of_another = || there.iter().any(|there| there.namespace == own && there.labels.get(key) == Some(value));
        if [POD_NAME, POD_INDEX].contains(&&**key) || OF_ONE_MAKER.contains(&&**key) && (is_of_another() || !known.may_give(key, value)) {
            return None;
        }
        facts.open_labels.remove(key);
        pod.labels.insert(Symbol::clone(key), Symbol::clone(value));
        taken.taken.push(format!("{key}={value}"));
    }
    if taken.taken.is_empty() || !cube.contains(pod) {
        return None;
    }
    (facts.addresses, facts.node) = (Vec::new(), None);
    Some(taken)
}

/// Whether a cube asks for a label that a workload leaves open, and that is the one of somebody else who is there.
fn is_of_another(known: &Known, cube: &PodCube, there: &[&Pod]) -> bool {
    let Some(pod) = known.pod() else { return false };
    let open = cube.labels.iter().filter(|(key, _)| known.endpoint.facts.open_labels.contains(*key) && OF_ONE_MAKER.contains(&&***key));
    open.filter_map(|(key, values)| Some((key, values.finite()?))).any(|(key, values)| {
        let shares = |value: &Symbol| there.iter().any(|there| there.namespace == pod.namespace && there.labels.get(key) == Some(value));
        matches!(values, [value] if shares(value))
    })
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
