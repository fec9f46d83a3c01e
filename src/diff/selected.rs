//! Where policies of manifests act.
//!
//! Owns: `narrowed`: of the flows of a namespace in which policies alone have changed, those from and to the pods that these policies
//! select, and of a `NetworkPolicy` only those of which it speaks. It is asked of the evaluator, which is given that policy alone.

mod allowed;

use std::collections::BTreeMap;

use allowed::spoken;

use super::objects::{Altered, Held, held};
use super::seeds::{Region, Seed, Why};
use super::side::Which;
use crate::classes::{fresh_word, labels_within};
use crate::cluster::{self, Cluster, Endpoint, HBONE, Names, Platform};
use crate::flow::{DataPlane, LabelCube, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, Symbol, Transport, Verdict};
use crate::manifest::Trees;
use crate::source::{FileId, Source, Sources};
use crate::threads::in_shares;
use crate::verify::Way;

const WAYS: [Way; 2] = [Way::Ingress, Way::Egress];

/// The seeds, with those of whole namespaces narrowed where all that has changed there are policies that act on the pods they select,
/// and on no others (`semantics.md` §1.1, §2.1, §3.1). Manifests with waypoints are not for this: a policy may then act on calls that
/// somebody else carries.
pub(super) fn narrowed(seeds: &[Seed], changes: &[Altered<'_>], clusters: [&Cluster; 2], names: &Names) -> Vec<Seed> {
    let mut by_namespace: BTreeMap<&str, Vec<&Altered<'_>>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.both().any(|object| !object.is_of_itself())) {
        by_namespace.entry(change.any().map_or("", place)).or_default().push(change);
    }
    let narrow = |name: &Symbol| -> Option<Vec<Seed>> {
        let all = by_namespace.get(&**name)?.iter().map(|change| regions(change, clusters, names)).collect::<Option<Vec<_>>>()?;
        Some(all.into_iter().flatten().collect())
    };
    let of = |seed: &Seed| match seed {
        Seed::Namespace(name) => narrow(name).unwrap_or_else(|| vec![seed.clone()]),
        _ => vec![seed.clone()],
    };
    in_shares(seeds, 1, |share| share.iter().flat_map(of).collect::<Vec<_>>()).concat()
}

/// The flows from and to the pods that policies select, on which contents of one policy each have an effect. None if one of them acts
/// on others too, or its contents do not select the same pods.
pub(super) fn acted_on(policies: &[Vec<&str>], platform: &Platform) -> Option<Vec<Seed>> {
    let default = platform.default_namespace.clone().unwrap_or_else(|| "default".into());
    let seeds = policies.iter().map(|contents| {
        let mut sources = Sources::default();
        let files: Vec<FileId> = contents.iter().map(|text| sources.add(Source::new("", *text))).collect();
        let objects = held(&sources, &files, &default, &Trees::default()).objects;
        let all = objects.iter().map(|object| Alone::new(object, platform)).collect::<Option<Vec<_>>>()?;
        let (first, others) = all.split_first()?;
        let are_alike = |way: &Way| others.iter().all(|other| other.selectors(*way) == first.selectors(*way));
        let of = |way: Way| first.seeds(Which::Head, way, &Peers::all(), &PortSet::all());
        WAYS.iter().all(are_alike).then(|| WAYS.into_iter().flat_map(of).collect::<Vec<Seed>>())
    });
    Some(seeds.collect::<Option<Vec<_>>>()?.concat())
}

/// The namespace that an object may change; one that is a namespace, itself.
fn place(object: &Held) -> &str {
    if object.kind == "Namespace" { &object.own_name } else { &object.namespace }
}

/// The flows to which a changed object may matter; none if that cannot be said.
fn regions(change: &Altered<'_>, clusters: [&Cluster; 2], names: &Names) -> Option<Vec<Seed>> {
    if change.times > 1 {
        return None;
    }
    let [base, head] = clusters.map(Cluster::platform);
    let sides = [(Which::Base, change.old, base), (Which::Head, change.new, head)];
    let alone = sides.into_iter().filter_map(|(which, object, platform)| Some((which, object?, platform)));
    let alone = alone.map(|(which, object, platform)| Some((which, Alone::new(object, platform)?))).collect::<Option<Vec<_>>>()?;
    if let [(base, old), (head, new)] = alone.as_slice()
        && old.selectors(Way::Ingress) == new.selectors(Way::Ingress)
        && let (Some(was), Some(is)) = (spoken(old, names), spoken(new, names))
    {
        let tcp = PortSet::full(Protocol::Tcp);
        let of = |which: Which, policy: &Alone<'_>, spoken: &[Peers]| -> Vec<Seed> {
            spoken.iter().flat_map(|peers| policy.seeds(which, Way::Ingress, peers, &tcp)).collect()
        };
        return Some([of(*base, old, &was), of(*head, new, &is)].concat());
    }
    Some(WAYS.into_iter().flat_map(|way| of_way(&alone, way)).collect())
}

/// The flows this way to which a changed policy may matter.
fn of_way(alone: &[(Which, Alone<'_>)], way: Way) -> Vec<Seed> {
    let of_network = alone.iter().all(|(_, policy)| policy.object.kind == "NetworkPolicy");
    match alone {
        // Whoever is isolated by it as before, it lets reach those of whom it speaks, and nobody else.
        [(base, old), (head, new)] if of_network && old.selectors(way) == new.selectors(way) => {
            if let (Some(was), Some(is)) = (old.permits(way), new.permits(way)) {
                let ports = was.1.union(&is.1);
                return [old.seeds(*base, way, &was.0, &ports), new.seeds(*head, way, &is.0, &ports)].concat();
            }
        }
        _ => {}
    }
    // The mesh judges TCP alone (`semantics.md` §5.1).
    let ports = if of_network { PortSet::all() } else { PortSet::full(Protocol::Tcp) };
    alone.iter().flat_map(|(which, policy)| policy.seeds(*which, way, &Peers::all(), &ports)).collect()
}

/// A policy as all that a cluster has.
struct Alone<'a> {
    object: &'a Held,
    cluster: Cluster,
}

impl<'a> Alone<'a> {
    /// None if it is none that acts on the pods which it selects alone.
    fn new(object: &'a Held, platform: &Platform) -> Option<Self> {
        if !object.is_policy() || !object.about.is_empty() {
            return None;
        }
        // Whether a plugin judges SCTP, and whether Istio lets waypoints in by itself, is the same of every policy.
        let platform = Platform { sctp: Some(true), auto_allow_waypoint: Some(false), ..platform.clone() };
        let cluster = read(&[&object.text], platform)?;
        let alone = Self { object, cluster };
        WAYS.iter().any(|way| !alone.selectors(*way).is_empty()).then_some(alone)
    }

    /// A cluster of these objects on the same platform; none if something is wrong with one.
    fn read_with(&self, objects: &[&str]) -> Option<Cluster> {
        read(objects, self.cluster.platform().clone())
    }

    fn selectors(&self, way: Way) -> Vec<LabelCube> {
        self.cluster.selectors(&self.object.namespace, way)
    }

    /// The flows this way between the pods that it selects, on its side, and these peers.
    fn seeds(&self, which: Which, way: Way, far: &Peers, ports: &PortSet) -> Vec<Seed> {
        let region = |labels: LabelCube| {
            let near = Peers::from(PodSet::from(PodCube { labels, ..PodCube::in_namespace(&self.object.namespace) }));
            let (source, destination) = match way {
                Way::Ingress => (far.clone(), near),
                Way::Egress => (near, far.clone()),
            };
            Seed::Region(which, Box::new(Region { source, destination, ports: ports.clone(), why: Why::new("a policy") }))
        };
        self.selectors(way).into_iter().map(region).collect()
    }

    /// All whom it may let those that it isolates reach, or be reached by, and on which ports; none if that may be everybody and all.
    fn permits(&self, way: Way) -> Option<(Peers, PortSet)> {
        let near = Endpoint::from(Peer::Pod(self.selected(way)?));
        let end = self.cluster.end(&near, way);
        let cuts = end.cuts(&Names::default());
        // What is said of a flow that no cut holds is said of all such.
        let peers: Vec<Peers> = cuts.iter().map(|cut| cut.peers.clone()).collect();
        let nobody = Endpoint::from(nobody(&peers, DataPlane::None));
        let spoken = cuts.iter().filter(|cut| cut.peers.contains(&nobody.peer)).fold(PortSet::none(), |sum, cut| sum.union(&cut.ports));
        for protocol in Protocol::ALL {
            let unspoken = PortSet::full(protocol).subtract(&spoken);
            let (_, port, _) = unspoken.ranges().next()?;
            if end.decide(&nobody, protocol, port, Transport::Plaintext, None) != Verdict::Denied {
                return None;
            }
        }
        let peers = cuts.iter().fold(Peers::none(), |sum, cut| sum.union(&cut.peers));
        let ports = cuts.iter().fold(PortSet::none(), |sum, cut| sum.union(&cut.ports));
        // A connection in the mesh's tunnel is judged on the tunnel's port, whatever its own (`semantics.md` §5.1).
        let is_tunnel = ports.contains(Protocol::Tcp, HBONE);
        Some((peers, if is_tunnel { ports.union(&PortSet::full(Protocol::Tcp)) } else { ports }))
    }

    /// One of the pods that it selects.
    fn selected(&self, way: Way) -> Option<Pod> {
        let [selector] = self.selectors(way).try_into().ok()?;
        let namespace = Symbol::clone(&self.object.namespace);
        let namespace_labels = [(NAMESPACE_NAME.into(), Symbol::clone(&namespace))].into();
        // Outside the mesh nobody but the network judges.
        let (account, plane) = ("default".into(), DataPlane::None);
        Some(Pod { namespace, namespace_labels, labels: labels_within(&selector)?, account, plane })
    }
}

/// A cluster of some objects; none if something is wrong with one.
fn read(objects: &[&str], platform: Platform) -> Option<Cluster> {
    let mut sources = Sources::default();
    let files: Vec<FileId> = objects.iter().map(|text| sources.add(Source::new("", *text))).collect();
    let (cluster, findings) = cluster::read(&sources, &files, platform);
    findings.is_empty().then_some(cluster)
}

/// A pod of a namespace and with an account that none of these sets names.
fn nobody(named: &[Peers], plane: DataPlane) -> Peer {
    let cubes = || named.iter().flat_map(|peers| peers.pods.cubes());
    let namespace = fresh_word(cubes().flat_map(|cube| cube.names().words().iter()).map(|name| &**name));
    let account = fresh_word(cubes().flat_map(|cube| cube.account.words().iter()).map(|name| &**name));
    let namespace_labels = [(NAMESPACE_NAME.into(), Symbol::clone(&namespace))].into();
    Peer::Pod(Pod { namespace, namespace_labels, labels: [].into(), account, plane })
}

#[cfg(test)]
mod tests;
