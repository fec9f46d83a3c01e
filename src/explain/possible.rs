//! The pods that a set could be where nobody described one: an example of every class that is judged alike.
//!
//! Owns: `Possible`, `alternatives`. By what pods are told apart the cluster and the intents say themselves, as they do where `verify`
//! tries every pod; both ends of a connection do. It must not judge.

use std::collections::BTreeSet;

use super::setting::Setting;
use super::world::{self, Known, Standing};
use crate::classes::{TooManyPods, World, classes_among};
use crate::cluster::{Endpoint, Names};
use crate::flow::{Cut, LabelCube, NAMESPACE_NAME, Peer, Pod, PodCube, PodSet, Protocol, Symbol, Values};
use crate::ir::End;
use crate::verify::{Judge, Manifests, PolicyWorld, Program, Way};

/// So many values that are written one by one are alternatives.
const MOST_VALUES: usize = 64;

/// The alternatives that are written at an end, each as pods.
pub(super) fn alternatives(end: &End) -> Vec<PodSet> {
    let all = match end {
        End::Pods(pods, _) => pods.cubes().iter().flat_map(one_by_one).map(PodSet::from).collect(),
        End::Addresses(_) => Vec::new(),
        End::Or(ends) => ends.iter().flat_map(alternatives).collect(),
        End::But(end, without) => {
            let without = without.peers().pods;
            alternatives(end).into_iter().map(|pods| pods.subtract(&without)).collect()
        }
        End::Within(end, within) => alternatives(end).into_iter().map(|pods| pods.intersect(within)).collect(),
    };
    let all: Vec<PodSet> = all;
    all.into_iter().filter(|pods| !pods.is_empty()).collect()
}

/// The parts of a cube of which each has one value of every label that is written with several.
fn one_by_one(cube: &PodCube) -> Vec<PodCube> {
    let parts = |labels: &LabelCube| labels.enumerated(MOST_VALUES).unwrap_or_else(|| vec![labels.clone()]);
    let (namespaces, labels) = (parts(&cube.namespace), parts(&cube.labels));
    let part = |namespace: &LabelCube, labels: &LabelCube| PodCube { namespace: namespace.clone(), labels: labels.clone(), ..cube.clone() };
    namespaces.iter().flat_map(|namespace| labels.iter().map(move |labels| part(namespace, labels))).collect()
}

/// Who stands at an end: those who are known, and pods that could be there.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The plainest pod of each set before its others.
    pub(super) known: Vec<Known>,
    /// Whether there are classes of pods of which none is among them.
    pub(super) is_partial: bool,
}

/// Finds the pods that a set could be.
#[derive(Debug)]
pub(super) struct Possible<'s> {
    setting: &'s Setting,
    manifests: Manifests<'s>,
    program: Program<'s>,
    facts: PolicyWorld<'s>,
    /// The namespaces whose pods anybody may tell from those of another.
    namespaces: BTreeSet<Symbol>,
    /// The port that is called.
    port: (Protocol, u16),
}

impl<'s> Possible<'s> {
    /// Of a setting, for connections to one port.
    pub(super) fn new(setting: &'s Setting, port: (Protocol, u16)) -> Self {
        let (cluster, policy) = (&setting.cluster, &setting.policy);
        let pods = || setting.world.pods.iter().filter_map(Known::pod);
        let mut namespaces: BTreeSet<Symbol> = policy.namespaces.keys().cloned().collect();
        namespaces.extend(cluster.policed());
        namespaces.extend(cluster.namespaces());
        namespaces.extend(pods().map(|pod| pod.namespace.clone()));
        let accounts = policy.workloads.iter().filter_map(|workload| workload.account.clone()).chain(pods().map(|pod| pod.account.clone()));
        let names = Names::new(namespaces.clone(), accounts.collect());
        let manifests = Manifests::new(cluster, names);
        let (program, facts) = (Program::new(policy), PolicyWorld::new(policy));
        Self { setting, manifests, program, facts, namespaces, port }
    }

    /// Who stands at an end, of pods that nobody described one of every class that the end itself tells apart.
    pub(super) fn by_itself(&self, end: &Standing, way: Way) -> Found {
        self.standing(end, way, &[])
    }

    /// The same, told apart by those who stand at the other end too.
    pub(super) fn before(&self, end: &Standing, way: Way, others: &Found) -> Found {
        let opposite = match way {
            Way::Egress => Way::Ingress,
            Way::Ingress => Way::Egress,
        };
        let cubes: BTreeSet<PodCube> = others.known.iter().flat_map(|other| self.told_apart_by(&other.endpoint, opposite)).collect();
        let found = self.standing(end, way, &cubes.into_iter().collect::<Vec<_>>());
        Found { is_partial: found.is_partial || !end.sets.is_empty() && self.manifests.names().are_cut_short(), ..found }
    }

    fn standing(&self, end: &Standing, way: Way, besides: &[PodCube]) -> Found {
        let mut found = Found { known: end.known.clone(), is_partial: false };
        for set in &end.sets {
            let plainest = world::plainest(set, self.setting.ground());
            let title = plainest.as_ref().map(|known| (known.text.clone(), known.pod().cloned()));
            found.known.extend(plainest);
            match self.classes(set, way, besides) {
                Ok(pods) => pods.into_iter().for_each(|pod| self.add(&mut found.known, (pod, set), title.as_ref())),
                Err(TooManyPods) => found.is_partial = true,
            }
        }
        found
    }

    /// Adds a pod of a set, unless it is there.
    fn add(&self, known: &mut Vec<Known>, (pod, set): (Pod, &PodSet), title: Option<&(String, Option<Pod>)>) {
        let mut class = world::undescribed(pod, &self.setting.policy, &self.setting.cluster);
        world::tell_namespace(&mut class, set);
        if known.iter().any(|other| other.endpoint == class.endpoint) {
            return;
        }
        let usual = title.and_then(|(_, usual)| usual.as_ref());
        if let Some(text) = world::with_namespace_labels(&class, usual, self.setting.ground()) {
            class.text = text;
        }
        let is_unusual = |own: &&Symbol| title.is_some() && usual.is_none_or(|usual| usual.account != **own);
        if let Some(account) = class.pod().map(|pod| &pod.account).filter(is_unusual) {
            class.text = format!("{} as {account}", class.text);
        }
        class.set = Some(title.map_or_else(|| class.text.clone(), |(text, _)| text.clone()));
        known.push(class);
    }

    /// By what somebody's own end tells the pods at the other end apart, on the port.
    fn told_apart_by(&self, end: &Endpoint, way: Way) -> Vec<PodCube> {
        if matches!(end.peer, Peer::Address(_)) {
            return Vec::new();
        }
        let (protocol, port) = self.port;
        // A cut without ports tells far ends apart on every port.
        let is_here = |cut: &Cut| cut.ports.is_empty() || cut.ports.contains(protocol, port);
        let judges: [&dyn Judge; 2] = [&self.manifests, &self.program];
        let cuts = judges.into_iter().flat_map(|judge| judge.end(end, way).cuts());
        cuts.filter(is_here).flat_map(|cut| cut.peers.pods.cubes().to_vec()).collect()
    }

    /// One pod of every class of a set; an error if they are too many.
    fn classes(&self, set: &PodSet, way: Way, besides: &[PodCube]) -> Result<Vec<Pod>, TooManyPods> {
        let mut found = Vec::new();
        for (parts, own) in self.parts(set, way) {
            let cubes: Vec<(usize, &PodCube)> = own.iter().chain(besides).enumerate().collect();
            found.extend(classes_among(parts, &cubes, cubes.len(), self)?.into_iter().map(|class| class.example));
        }
        Ok(found)
    }

    /// The set by namespaces, each part with what its pods' own ends tell apart.
    fn parts(&self, set: &PodSet, way: Way) -> Vec<(Vec<PodCube>, Vec<PodCube>)> {
        let judges: [&dyn Judge; 2] = [&self.manifests, &self.program];
        let within = |names: &Values| set.cubes().iter().filter_map(|cube| narrowed(cube, names)).collect::<Vec<_>>();
        let known = self.namespaces.iter().map(|name| {
            (within(&Values::one(name.clone())), judges.iter().flat_map(|judge| judge.subjects(name, way)).collect::<Vec<_>>())
        });
        let elsewhere = judges.iter().flat_map(|judge| judge.subjects_elsewhere(way)).collect();
        let unknown = (within(&Values::except(self.namespaces.iter().cloned())), elsewhere);
        known.chain([unknown]).filter(|(parts, _)| !parts.is_empty()).collect()
    }
}

impl World for Possible<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        world::possible(cube, self.setting.ground())
    }

    fn planes(&self) -> &[PodCube] {
        self.facts.planes()
    }
}

/// A cube, as far as its namespace's name is one of these.
fn narrowed(cube: &PodCube, names: &Values) -> Option<PodCube> {
    let namespace = cube.namespace.intersect(&LabelCube::of(NAMESPACE_NAME.into(), names.clone()))?;
    Some(PodCube { namespace, ..cube.clone() }).filter(|cube| !cube.is_empty())
}
