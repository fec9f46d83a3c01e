//! Istio's task pages: the policies that they show, and what they say that their commands print.
//!
//! The cases lie beside the package, never in it; without them each test says on stderr that it was skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::*;

pub(super) fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TWOGATE_CORPUS").map_or(beside, PathBuf::from).join(folder);
    if !folder.is_dir() {
        eprintln!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// All manifests of a case in one cluster. Where the namespace is left to the command line it is `default`.
fn case(folder: &Path) -> Cluster {
    let mut sources = Sources::default();
    let mut files = Vec::new();
    for name in ["topology.yaml", "policies.yaml"] {
        files.push(sources.add(Source::new(name, std::fs::read_to_string(folder.join(name)).unwrap())));
    }
    let platform = Platform { default_namespace: Some("default".into()), mesh: DataPlane::None, ..Platform::default() };
    let (cluster, findings) = cluster::read(&sources, &files, platform);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    cluster
}

/// Asks every pair; gives how many agree, and those that do not.
fn pairs(folder: &Path) -> (usize, Vec<String>) {
    let cluster = case(folder);
    let name = |workload: &cluster::Workload| format!("{}/{}[{}]", workload.namespace(), workload.name, workload.kind);
    let ends: BTreeMap<String, &Endpoint> = cluster.workloads().iter().map(|workload| (name(workload), &workload.endpoint)).collect();
    let expected: Value = serde_yaml::from_str(&std::fs::read_to_string(folder.join("expect.yaml")).unwrap()).unwrap();
    let (mut agree, mut differ) = (0, Vec::new());
    for pair in expected["pairs"].as_sequence().unwrap() {
        let outside = address("198.51.100.7");
        let end = |key: &str| match pair[key].as_str().unwrap() {
            "external" => &outside,
            name => ends.get(name).unwrap_or_else(|| panic!("{name} is none of {:?}", ends.keys())),
        };
        let (source, destination) = (end("from"), end("to"));
        let port = u16::try_from(pair["port"].as_u64().unwrap()).unwrap();
        // The pages call Services, by which sidecars speak mTLS to each other.
        let Peer::Pod(called) = &destination.peer else { panic!("an address is called") };
        let mut question = auto(source, destination, port).service(&format!("{}/unknown", called.namespace), port);
        if let Some(http) = pair.get("http") {
            question = question.http(http["method"].as_str().unwrap(), http["path"].as_str().unwrap());
        }
        let verdict = ask(&cluster, &question).verdict;
        let wanted = if pair["allowed"].as_bool().unwrap() { Verdict::Allowed } else { Verdict::Denied };
        if verdict == wanted { agree += 1 } else { differ.push(format!("{}: {pair:?}: {verdict:?}", folder.display())) }
    }
    (agree, differ)
}

#[test]
fn the_istio_tasks_say_the_same() {
    let Some(folder) = corpus("istio-docs") else { return };
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let (agree, differ): (Vec<usize>, Vec<Vec<String>>) = cases.iter().map(|case| pairs(case)).unzip();
    assert_eq!(differ.concat(), [""; 0]);
    assert_eq!(agree.iter().sum::<usize>(), 37);
}
