//! Where policies of manifests act.
//!
//! Owns: `narrowed`: of the flows of a namespace in which policies alone have changed, those from and to the pods that these policies
//! select, and of a `NetworkPolicy` only those of which it speaks. It is asked of the evaluator, which is given that policy alone.

use std::collections::BTreeMap;

use super::objects::{Altered, Held};
use super::seeds::{Region, Seed, Why};
use super::side::Which;
use crate::classes::{fresh_word, labels_within};
use crate::cluster::{self, Cluster, Endpoint, HBONE, Names, Platform};
use crate::flow::{
    Cut, DataPlane, LabelCube, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, Symbol, Transport, Verdict,
};
use crate::source::{Source, Sources};
use crate::verify::Way;

const WAYS: [Way; 2] = [Way::Ingress, Way::Egress];

/// The seeds, with those of whole namespaces narrowed where all that has changed there are policies that act on the pods they select,
/// and on no others (`semantics.md` §1.1, §2.1, §3.1). Manifests with waypoints are not for this: a policy may then act on calls that
/// somebody else carries.
pub(super) fn narrowed(seeds: Vec<Seed>, changes: &[Altered<'_>], clusters: [&Cluster; 2]) -> Vec<Seed> {
    let mut by_namespace: BTreeMap<&str, Vec<&Altered<'_>>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.both().any(|object| !object.is_of_itself())) {
        by_namespace.entry(change.any().map_or("", place)).or_default().push(change);
    }
    let narrow = |name: &Symbol| -> Option<Vec<Seed>> {
        let all = by_namespace.get(&**name)?.iter().map(|change| regions(change, clusters)).collect::<Option<Vec<_>>>()?;
        Some(all.into_iter().flatten().collect())
    };
    let of = |seed: Seed| match &seed {
        Seed::Namespace(name) => narrow(name).unwrap_or_else(|| vec![seed]),
        _ => vec![seed],
    };
    seeds.into_iter().flat_map(of).collect()
}

/// The namespace that an object may change; one that is a namespace, itself.
fn place(object: &Held) -> &str {
    if object.kind == "Namespace" { &object.own_name } else { &object.namespace }
}

/// The flows to which a changed object may matter; none if that cannot be said.
fn regions(change: &Altered<'_>, clusters: [&Cluster; 2]) -> Option<Vec<Seed>> {
    if change.times > 1 {
        return None;
    }
    let [base, head] = clusters.map(Cluster::platform);
    let sides = [(Which::Base, change.old, base), (Which::Head, change.new, head)];
    let alone = sides.into_iter().filter_map(|(which, object, platform)| Some((which, object?, platform)));
    let alone = alone.map(|(which, object, platform)| Some((which, Alone::new(object, platform)?))).collect::<Option<Vec<_>>>()?;
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
        let mut sources = Sources::default();
        let file = sources.add(Source::new("", object.text.as_str()));
        // Whether a plugin judges SCTP is the same of every policy.
        let (cluster, findings) = cluster::read(&sources, &[file], Platform { sctp: Some(true), ..platform.clone() });
        let alone = Self { object, cluster };
        let is_understood = findings.is_empty() && WAYS.iter().any(|way| !alone.selectors(*way).is_empty());
        is_understood.then_some(alone)
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
        let nobody = Endpoint::from(Self::nobody(&cuts));
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

    /// A pod of a namespace of which no cut knows.
    fn nobody(cuts: &[Cut]) -> Peer {
        let names = cuts.iter().flat_map(|cut| cut.peers.pods.cubes()).flat_map(|cube| cube.names().words().iter());
        let namespace = fresh_word(names.map(|name| &**name));
        let namespace_labels = [(NAMESPACE_NAME.into(), Symbol::clone(&namespace))].into();
        Peer::Pod(Pod { namespace, namespace_labels, labels: [].into(), account: "default".into(), plane: DataPlane::None })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::objects::{Contents, altered, held, seeds};
    use super::super::seeds::{Policies, Seed, sown};
    use super::super::side::Pair;
    use super::super::walk::{Cell, walk};
    use super::super::yaml::{Yaml, names};
    use super::narrowed;
    use crate::cluster::{self, Cluster, Platform};
    use crate::manifest::Trees;
    use crate::source::{Source, Sources};

    const BESIDE: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled, tier: front}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: data, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: far, labels: {istio.io/dataplane-mode: ambient, tier: front}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: shop},
 spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 5432}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: beside, namespace: far},
 spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}}
---
{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: beside, namespace: data},
 spec: {selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}}
---
";

    /// Policies, each of which is turned into each other one, and taken away.
    const POLICIES: [(&str, &str); 24] = [
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 81}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {tier: front}}}]}]}",
        ),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 15008}]}]}"),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{protocol: SCTP}]}]}",
        ),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{protocol: UDP, port: 53}]}]}"),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: web}]}]}"),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}"),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: 1, endPort: 9}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}, ingress: [{from: [{podSelector: {}}]}]}",
        ),
        ("NetworkPolicy", "{podSelector: {}}"),
        ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: cache}}}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: cache}}}], ports: [{port: 6379}]}, {to: [{podSelector: {}}], ports: [{port: 53, protocol: UDP}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {tier: front}}}]}]}",
        ),
        (
            "NetworkPolicy",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {tier: front}}, podSelector: {matchExpressions: [{key: role, operator: Exists}]}}]}]}",
        ),
        ("AuthorizationPolicy", "{selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {methods: [GET]}}]}]}"),
        ("AuthorizationPolicy", "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}"),
        ("AuthorizationPolicy", "{selector: {matchLabels: {app: queue}}}"),
        ("AuthorizationPolicy", "{action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}"),
        ("PeerAuthentication", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"),
        ("PeerAuthentication", "{selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}}"),
        ("PeerAuthentication", "{mtls: {mode: DISABLE}}"),
    ];

    fn read(text: &str) -> (Cluster, Contents) {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("a.yaml", text));
        let (cluster, _) = cluster::read(&sources, &[file], Platform { sctp: Some(true), ..Platform::default() });
        (cluster, held(&sources, &[file], &"default".into(), &Trees::default()))
    }

    fn object((kind, spec): (&str, &str)) -> String {
        let version = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
        format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: subject, namespace: data}},\n spec: {spec}}}\n")
    }

    fn shown(cell: &Cell) -> String {
        let Cell { caller, target, protocol, ports, requests, before, after, .. } = cell;
        format!("{caller:?} {target:?} {protocol:?} {ports:?} {requests:?} {before:?} {after:?}")
    }

    /// What is found where the whole namespace is looked at, and where seeds are narrowed; counts those that are.
    fn both(old: &str, new: &str, narrowly: &mut usize) -> [BTreeSet<String>; 2] {
        let (base, old) = read(old);
        let (head, new) = read(new);
        let mut known = names(&base);
        let more = names(&head);
        known.namespaces.extend(more.namespaces);
        known.accounts.extend(more.accounts);
        let [left, right] = [&base, &head].map(|cluster| Yaml::new(cluster, known.clone()));
        let pair = Pair::new(&left, &right);
        let changes = altered(&old.objects, &new.objects);
        let whole = seeds(&changes, "istio-system");
        assert!(whole.iter().all(|seed| matches!(seed, Seed::Namespace(_))));
        let narrow = narrowed(whole.clone(), &changes, [&base, &head]);
        if narrow.iter().all(|seed| matches!(seed, Seed::Region(..))) {
            *narrowly += 1;
        }
        [whole, narrow].map(|seeds| {
            let found = walk(&pair, None, &sown(seeds, None::<Policies<'_>>, &pair));
            found.cells.iter().map(shown).collect()
        })
    }

    #[test]
    fn narrowed_seeds_show_what_whole_namespaces_do() {
        let (mut differences, mut narrowly) = (0, 0);
        let ambient =
            BESIDE.replace("name: data, labels: {istio-injection: enabled", "name: data, labels: {istio.io/dataplane-mode: ambient");
        for (old, beside) in POLICIES.into_iter().flat_map(|old| [(old, BESIDE), (old, &*ambient)]) {
            for new in POLICIES.into_iter().filter(|new| new.0 == old.0) {
                let [base, head] = [old, new].map(|policy| format!("{beside}{}", object(policy)));
                let [whole, narrow] = both(&base, &head, &mut narrowly);
                differences += whole.len();
                assert_eq!(whole, narrow, "{old:?} to {new:?}");
            }
            let with = format!("{beside}{}", object(old));
            for (base, head) in [(beside, &*with), (&*with, beside)] {
                let [whole, narrow] = both(base, head, &mut narrowly);
                differences += whole.len();
                assert_eq!(whole, narrow, "{old:?} and nothing");
            }
        }
        assert!(differences > 2000 && narrowly > 300, "{differences} {narrowly}");
    }

    #[test]
    fn what_is_more_than_a_policy_is_looked_at_whole() {
        let twice = format!("{BESIDE}{}---\n{}", object(POLICIES[0]), object(POLICIES[1]));
        let service = format!(
            "{BESIDE}{{apiVersion: v1, kind: Service, metadata: {{name: db, namespace: data}}, spec: {{selector: {{app: db}}, ports: [{{port: 80}}]}}}}"
        );
        let targets = format!(
            "{BESIDE}{}",
            object(("AuthorizationPolicy", "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: way}]}"))
        );
        let label = BESIDE.replace("name: data, labels: {istio", "name: data, labels: {tier: front, istio");
        for head in [twice, service, targets, label] {
            let ((base, old), (head, new)) = (read(BESIDE), read(&head));
            let changes = altered(&old.objects, &new.objects);
            let seeds = narrowed(seeds(&changes, "istio-system"), &changes, [&base, &head]);
            assert!(matches!(&*seeds, [Seed::Namespace(name)] if &**name == "data"), "{seeds:?}");
        }
    }
}
