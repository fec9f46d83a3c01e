//! Who is in a cluster: the evaluator's workloads against our own reading of the same manifests.
//!
//! Owns: that comparison. The cases ask about our own reading of the pods, so a mistake of the evaluator's would not show there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use twogate::cluster::{Endpoint, NamedPort};
use twogate::flow::{Labels, Peer};

use super::manifests;
use super::world::{Mesh, World};

/// What may tell pods apart, in words: labels are compared only where a policy could look at them.
fn facts(endpoint: &Endpoint, world: &World) -> String {
    let Peer::Pod(pod) = &endpoint.peer else { panic!("an end without pods") };
    let labels: Labels = pod.labels.iter().filter(|(key, _)| world.words.contains(&***key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let ports: BTreeSet<&NamedPort> = endpoint.facts.ports.iter().flatten().collect();
    format!("{} {} {:?} {:?} {labels:?} {ports:?}", pod.namespace, pod.account, pod.plane, pod.namespace_labels)
}

/// Folders of manifests, none of which is a scheme.
fn folders(corpus: &Path) -> Vec<PathBuf> {
    let parts = ["np-guard-netpol-analyzer/manifests", "apps", "np-recipes/cases", "istio-docs/cases", "scale"];
    let inside = parts.iter().flat_map(|part| std::fs::read_dir(corpus.join(part)).unwrap());
    let mut folders: Vec<PathBuf> = inside.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn workloads_are_the_pods_of_the_manifests() {
    let Some(corpus) = super::corpus("") else { return };
    let (mut compared, mut faults) = (0, Vec::new());
    for folder in folders(&corpus) {
        let world = World::read(&manifests::folder(&folder), Mesh::Labelled);
        if world.refuses() {
            continue;
        }
        let ours: BTreeSet<String> = world.ends.iter().map(|end| facts(&end.endpoint, &world)).collect();
        let theirs: BTreeSet<String> = world.cluster.workloads().iter().map(|workload| facts(&workload.endpoint, &world)).collect();
        compared += ours.len();
        let differ = ours.symmetric_difference(&theirs);
        faults.extend(differ.map(|facts| format!("{}: only one side has {facts}", folder.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(compared > 300, "{compared} pods");
}
