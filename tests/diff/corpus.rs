//! Differences that another tool was held to, on manifests that nobody on this project wrote.
//!
//! The cases lie beside the package, never in it; without them the test says on stderr that it was skipped. Compared is, for
//! every two workloads that both sides have, whether anything differs; what hangs on Ingress objects is out of scope.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use twogate::cluster::{self, Cluster, Platform};
use twogate::compile::Input;
use twogate::diff::{Compared, FactKind, Revision, manifests};
use twogate::flow::Peer;
use twogate::source::{FileId, Source, Sources};

/// Folder, folder, and how many pairs must differ.
const CASES: [(&str, &str, usize); 6] = [
    ("deny_all_to_from_a_deployment", "deny_all_to_from_a_deployment_changed_netpol", 1),
    ("netpol-analysis-example-minimal", "netpol-diff-example-minimal", 2),
    ("new_online_boutique", "new_online_boutique_synthesis", 22),
    ("onlineboutique_workloads", "onlineboutique_workloads_changed_netpols", 8),
    ("onlineboutique_workloads", "onlineboutique_workloads_changed_netpols_and_workloads", 8),
    ("onlineboutique_workloads", "onlineboutique_workloads_changed_workloads", 0),
];

fn corpus(part: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TWOGATE_CORPUS").map_or(beside, PathBuf::from).join(part);
    if !folder.is_dir() {
        eprintln!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(folder: &Path) -> (Sources, Vec<FileId>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    let mut sources = Sources::default();
    let files =
        paths.iter().map(|path| sources.add(Source::new(path.display().to_string(), std::fs::read_to_string(path).unwrap()))).collect();
    (sources, files)
}

/// The ends that expectations name: workloads as `default/web[Deployment]`, and addresses outside.
fn ends(clusters: [&Cluster; 2]) -> Vec<(String, Peer)> {
    let of = |cluster: &Cluster| {
        let name = |workload: &cluster::Workload| format!("{}/{}[{}]", workload.namespace(), workload.name, workload.kind);
        cluster.workloads().iter().map(|workload| (name(workload), workload.endpoint.peer.clone())).collect::<Vec<_>>()
    };
    let [old, new] = clusters.map(of);
    let mut both: Vec<(String, Peer)> = old.into_iter().filter(|(name, _)| new.iter().any(|(other, _)| other == name)).collect();
    both.push(("External".to_owned(), Peer::Address("200.1.2.3".parse().unwrap())));
    both
}

/// The pairs that upstream says to differ, between ends that both sides have.
fn expected(golden: &str) -> BTreeSet<(String, String)> {
    let lines = golden
        .lines()
        .filter(|line| line.starts_with("diff-type:") && !line.contains("workloads-diff-info") && !line.contains("{ingress-controller}"));
    let end = |line: &str, key: &str| {
        let text = line.split(&format!("{key}: ")).nth(1).unwrap().split(", ").next().unwrap();
        if text.ends_with("[External]") { "External".to_owned() } else { text.to_owned() }
    };
    lines.map(|line| (end(line, "source"), end(line, "destination"))).collect()
}

fn compared(base: &Path, head: &Path) -> Compared {
    let revision = |folder: &Path| {
        let (sources, inventory) = read(folder);
        Revision { name: folder.display().to_string(), input: Input { sources, inventory, ..Input::default() } }
    };
    manifests(revision(base), revision(head)).map_err(|unjudged| unjudged.findings).unwrap()
}

/// The pairs that some entry speaks of.
fn told(compared: &Compared, ends: &[(String, Peer)]) -> BTreeSet<(String, String)> {
    let pairs = ends.iter().flat_map(|from| ends.iter().map(move |to| (from, to)));
    let is_told = |from: &Peer, to: &Peer| {
        compared
            .report
            .entries
            .iter()
            .any(|entry| entry.source.contains(from) && entry.destination.contains(to) && !entry.before.starts_with("stopped"))
    };
    // A pod to itself is outside of every policy.
    pairs.filter(|(from, to)| from.0 != to.0 && is_told(&from.1, &to.1)).map(|(from, to)| (from.0.clone(), to.0.clone())).collect()
}

#[test]
fn pairs_differ_where_another_tool_says_so() {
    let Some(corpus) = corpus("np-guard-netpol-analyzer") else { return };
    for (base, head, count) in CASES {
        let (base_folder, head_folder) = (corpus.join("manifests").join(base), corpus.join("manifests").join(head));
        let golden = std::fs::read_to_string(corpus.join(format!("expected/diff/diff_between_{head}_and_{base}.txt"))).unwrap();
        let compared = compared(&base_folder, &head_folder);
        let cluster = |folder: &Path| {
            let (sources, files) = read(folder);
            cluster::read(&sources, &files, Platform { default_namespace: Some("default".into()), ..Platform::default() }).0
        };
        let ends = ends([&cluster(&base_folder), &cluster(&head_folder)]);
        let wanted = expected(&golden);
        assert_eq!(wanted.len(), count, "{head}: the corpus has changed");
        assert_eq!(told(&compared, &ends), wanted, "{base} to {head}");
        let added =
            golden.lines().filter_map(|line| line.split("workload ").nth(1)?.strip_suffix("[Deployment] added")).collect::<BTreeSet<_>>();
        for workload in added {
            let is_told = |text: &str| text.starts_with(&format!("Deployment {workload} "));
            assert!(compared.report.facts.iter().any(|fact| fact.kind == FactKind::Workload && is_told(&fact.text)), "{workload}");
        }
    }
}

/// Twenty policies of one namespace tell its pods apart by ten labels, as real ones do; one changed port is told for
/// pods outside and addresses, with one line for what closes.
#[test]
fn one_port_among_the_policies_of_an_application_is_told_in_few_lines() {
    let Some(folder) = corpus("apps/kubeflow") else { return };
    let texts = ["networkpolicies.yaml", "istio-security.yaml"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap());
    let text = texts.join("---\n");
    for (policy, port) in [("seaweedfs", "8333"), ("katib-controller", "8443"), ("tensorboards-web-app", "5000")] {
        let is_meant = |document: &&str| document.contains("kind: NetworkPolicy") && document.contains(&format!("  name: {policy}\n"));
        let own = text.split("---\n").find(is_meant).unwrap();
        let changed = text.replace(own, &own.replace(&format!("port: {port}"), "port: 9999"));
        let compared = super::manifests::compared(&text, &changed, "[mesh]\nmode = \"none\"\n");
        assert!(compared.report.incomplete.is_empty(), "{policy}: {:?}", compared.report.incomplete);
        let lines = super::manifests::lines(&compared);
        let cause = format!("[NetworkPolicy kubeflow/{policy} changed]");
        assert!(lines.len() <= 3 && lines.iter().all(|line| line.ends_with(&cause)), "{policy}: {lines:#?}");
        let (tightened, more) = lines.split_last().unwrap();
        assert!(tightened.contains(&format!("@kubeflow:{port} allowed => denied")), "{tightened}");
        assert!(!more.is_empty() && more.iter().all(|line| line.contains("@kubeflow:9999 denied => allowed")), "{more:#?}");
    }
}
