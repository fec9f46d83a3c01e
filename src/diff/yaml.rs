//! Manifests as a side.
//!
//! Owns: `Yaml`: which pods can exist beside manifests, and which names they know. A pod may have any labels and any account;
//! what is known of its namespace holds.

use std::collections::{BTreeMap, BTreeSet};

use super::side::{Known, Side};
use crate::classes::{fresh_word, labels_within};
use crate::cluster::{Cluster, Endpoint, Names};
use crate::flow::{
    Cut, LabelCube, Labels, NAMESPACE_NAME, PathSet, Peer, Pod, PodCube, PodSet, Protocol, RequestCube, RequestSamples, RequestSet, Symbol,
    Token, TokenTest, Values,
};
use crate::inventory::namespace_plane;
use crate::threads::both;
use crate::verify::{Judge, Manifests, Way};

/// Manifests, ready to be asked.
#[derive(Debug)]
pub(crate) struct Yaml<'c> {
    cluster: &'c Cluster,
    judge: Manifests<'c>,
    names: BTreeSet<Symbol>,
}

impl<'c> Yaml<'c> {
    /// Manifests that are compared with somebody; `names` are those that either knows.
    pub(crate) fn new(cluster: &'c Cluster, names: Names) -> Self {
        Self { cluster, names: names.namespaces.clone(), judge: Manifests::new(cluster, names) }
    }
}

/// The names that either of two sets of manifests knows: where their objects are, and whom their policies name.
pub(crate) fn names([base, head]: [&Cluster; 2]) -> Names {
    let (mut names, more) = both(|| names_of(base), || names_of(head));
    names.namespaces.extend(more.namespaces);
    names.accounts.extend(more.accounts);
    names.add_told_apart(&[base, head]);
    names
}

fn names_of(cluster: &Cluster) -> Names {
    // What stands for others is made once for both sides, and is nobody's.
    let mut names = Names::new(cluster.namespaces(), BTreeSet::new()).alone();
    for workload in cluster.workloads() {
        if let Peer::Pod(pod) = &workload.endpoint.peer {
            names.accounts.insert(Symbol::clone(&pod.account));
        }
    }
    let side = Yaml::new(cluster, names.clone());
    for name in &names.namespaces.clone() {
        for way in [Way::Ingress, Way::Egress] {
            for cube in side.judge.subjects(name, way).into_iter().chain([PodCube::in_namespace(name)]) {
                let Some(pod) = side.example(&cube) else { continue };
                let near = Endpoint::from(Peer::Pod(pod));
                add_named(&mut names, &side.judge.end(&near, way).cuts());
            }
        }
    }
    // What stands on the way to a workload may name others than its own end does.
    let known = names.clone();
    for workload in cluster.workloads() {
        for call in cluster.waypoint_calls(&workload.endpoint, &known) {
            add_named(&mut names, &call.cuts);
        }
    }
    names
}

/// Adds the namespaces and accounts that cuts name.
fn add_named(names: &mut Names, cuts: &[Cut]) {
    for cube in cuts.iter().flat_map(|cut| cut.peers.pods.cubes()) {
        names.namespaces.extend(cube.names().words().iter().cloned());
        names.accounts.extend(cube.account.words().iter().cloned());
    }
}

impl Side for Yaml<'_> {
    fn judge(&self) -> &dyn Judge {
        &self.judge
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let [namespace] = cube.namespace_names()? else { return None };
        let mut namespace_labels = match self.cluster.namespace_labels(namespace) {
            Some(labels) => labels.clone(),
            None => labels_within(&cube.namespace)?,
        };
        namespace_labels.insert(NAMESPACE_NAME.into(), Symbol::clone(namespace));
        if !cube.namespace.contains(&namespace_labels) {
            return None;
        }
        let unsaid = self.cluster.unsaid_plane(namespace);
        let usual = namespace_plane(&namespace_labels).unwrap_or(unsaid);
        let account = account(&cube.account)?;
        let labels = labels_within(&cube.labels)?;
        let pod = Pod { namespace: Symbol::clone(namespace), namespace_labels, labels, account, plane: usual };
        Some(Pod { plane: self.cluster.plane_by_labels(&pod, unsaid).unwrap_or(usual), ..pod })
    }

    fn namespace_labels(&self, name: &str) -> Known {
        let known = |labels: &Labels| Known::described(labels.clone(), true);
        self.cluster.namespace_labels(name).map(known).unwrap_or_default()
    }

    fn declares(&self, name: &str) -> bool {
        self.cluster.namespace_labels(name).is_some()
    }

    fn namespaces(&self) -> BTreeSet<Symbol> {
        self.names.clone()
    }

    fn requests(&self, source: &Peer, destination: &Peer, (protocol, port): (Protocol, u16)) -> Vec<RequestSet> {
        if !matches!(destination, Peer::Pod(_)) {
            return Vec::new();
        }
        let near = Endpoint::from(destination.clone());
        let cuts = self.judge.end(&near, Way::Ingress).cuts();
        request_sets(cuts.iter().filter(|cut| cut.ports.contains(protocol, port)), source)
    }

    fn open(&self, _namespace: &str, _way: Way) -> PodSet {
        PodSet::none()
    }
}

/// The sets of requests that those of some cuts which hold a caller may stand for.
pub(super) fn request_sets<'c>(cuts: impl Iterator<Item = &'c Cut>, source: &Peer) -> Vec<RequestSet> {
    let looking = cuts.filter(|cut| !cut.requests.is_empty() && cut.peers.contains(source));
    let mut sets: Vec<RequestSet> = looking.flat_map(|cut| meant(&cut.requests)).collect();
    sets.sort_unstable();
    sets.dedup();
    sets
}

/// The sets of requests that samples may stand for: whether they do is asked before they are told.
fn meant(samples: &RequestSamples) -> Vec<RequestSet> {
    let words = |words: &BTreeSet<Symbol>| if words.is_empty() { Values::any() } else { Values::of(words.iter().cloned()) };
    let paths = if samples.paths.is_empty() { PathSet::any() } else { PathSet::of(samples.paths.iter().cloned()) };
    let whole = RequestCube { methods: words(&samples.methods), hosts: words(&samples.hosts), paths, ..RequestCube::all() };
    let mut tests = vec![TokenTest::Any];
    for (issuer, audiences) in issuers(samples) {
        // A token for somebody else does not verify, so who asks for a claim asks for the audience too.
        let audience = (!audiences.is_empty()).then(|| BTreeSet::from([("aud".into(), audiences)]));
        let written = samples.written.claims.iter();
        let claims = plain(&written.map(|(name, lists)| (Symbol::clone(name), lists.iter().flatten().cloned().collect())).collect());
        let both = audience.as_ref().zip(claims.as_ref()).map(|(audience, claims)| audience | claims);
        let sets = [Some(BTreeSet::new()), audience, claims, both].into_iter().flatten();
        tests.extend(sets.map(|claims| TokenTest::Valid { issuer: Symbol::clone(issuer), claims }));
    }
    let named = plain(&samples.written.headers)
        .map(|headers: BTreeSet<_>| headers.into_iter().fold(LabelCube::all(), |cube, (name, words)| cube.with(name, Values::of(words))));
    let cubes = [Some(LabelCube::all()), named].into_iter().flatten().map(|headers| RequestCube { headers, ..whole.clone() });
    cubes
        .flat_map(|cube| tests.iter().map(move |token| RequestSet::http(vec![RequestCube { token: token.clone(), ..cube.clone() }])))
        .collect()
}

/// The issuers of samples, with the audiences of their tokens.
fn issuers(samples: &RequestSamples) -> BTreeMap<&Symbol, BTreeSet<Symbol>> {
    let mut issuers: BTreeMap<&Symbol, BTreeSet<Symbol>> = BTreeMap::new();
    for token in &samples.tokens {
        let Token::Valid { issuer, claims } = token else { continue };
        issuers.entry(issuer).or_default().extend(claims.get("aud").into_iter().flatten().cloned());
    }
    issuers
}

/// What some names may hold, where all of it is words and no patterns; none where nothing is named.
fn plain(written: &BTreeMap<Symbol, BTreeSet<Symbol>>) -> Option<BTreeSet<(Symbol, BTreeSet<Symbol>)>> {
    let is_plain = written.values().flatten().all(|word| !word.contains('*'));
    (is_plain && !written.is_empty()).then(|| written.iter().map(|(name, words)| (Symbol::clone(name), words.clone())).collect())
}

/// An account of a set.
fn account(accounts: &Values) -> Option<Symbol> {
    if accounts.is_cofinite() {
        return Some(fresh_word(accounts.words().iter().map(|word| &**word)));
    }
    accounts.words().first().cloned()
}

/// A cluster of well-formed manifests, for tests.
#[cfg(test)]
pub(super) fn read(text: &str) -> Cluster {
    use crate::cluster::{self, Platform};
    use crate::source::{Source, Sources};
    let mut sources = Sources::default();
    let file = sources.add(Source::new("a.yaml", text));
    let (cluster, findings) = cluster::read(&sources, &[file], Platform { sctp: Some(true), ..Platform::default() });
    assert!(findings.is_empty(), "{findings:?}");
    cluster
}
