//! Whole applications with what another tool prints for each layer.
//!
//! Owns: that text: `source => destination : connections`, in parts for one protocol or for the others.

use std::collections::BTreeSet;
use std::path::Path;

use serde_yaml::Value;
use twogate::flow::{PortSet, Protocol};

use super::case::{Case, Comparison, Outcome};
use super::connections::{Named, granted};
use super::expectation::{Expectation, Grant, Scope, different_owners, port_classes};
use super::judge::compare;
use super::manifests::{self, Text, kind, objects};
use super::world::{Mesh, World};

const SOURCE: &str = "apps";

/// Each reference of each application.
pub(super) fn cases(corpus: &Path) -> Vec<Case> {
    let mut folders: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut cases = Vec::new();
    for folder in folders {
        let application = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case = |name: &str, outcome| Case { source: SOURCE, kind: name.to_owned(), name: format!("{application}/{name}"), outcome };
        let references: Vec<&str> = ["networkpolicies", "istio", "both"]
            .into_iter()
            .filter(|name| folder.join(format!("reference/{name}.txt")).is_file())
            .collect();
        if references.is_empty() {
            cases.push(case("no reference", Outcome::LeftOut("no reference output is given")));
        }
        cases.extend(references.into_iter().map(|name| case(name, Outcome::Compared(ask(&folder, name)))));
    }
    cases
}

fn ask(folder: &Path, reference: &str) -> Comparison {
    let grants = read(&manifests::text(&folder.join(format!("reference/{reference}.txt"))).1);
    let left_out: &[&str] = match reference {
        "networkpolicies" => &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
        "istio" => &["NetworkPolicy", "Sidecar"],
        _ => &["Sidecar"],
    };
    let mesh = if reference == "networkpolicies" { Mesh::Nobody } else { Mesh::Everybody("istio-system") };
    let texts: Vec<Text> = manifests::folder(folder).into_iter().map(|text| without(text, left_out)).collect();
    let mut world = World::read(&texts, mesh);
    world.add_addresses(&grants.iter().flat_map(|grant| [grant.from.range(), grant.to.range()]).flatten().collect::<Vec<_>>());
    let words = |of: fn(&Grant<Named>) -> &Vec<String>| grants.iter().flat_map(of).cloned().collect::<BTreeSet<_>>();
    let (mut methods, mut paths) = (words(|grant| &grant.granted.methods), words(|grant| &grant.granted.paths));
    let mut requests = vec![None];
    if mesh != Mesh::Nobody {
        methods.insert("PUT".to_owned());
        paths.insert("/nobody-says-this".to_owned());
        requests.extend(paths.iter().flat_map(|path| methods.iter().map(move |method| Some((method.clone(), path.clone())))));
    }
    let ports = port_classes(&world, grants.iter().map(|grant| &grant.granted));
    let scope = Scope { ports, protocols: Protocol::ALL.to_vec(), requests, pairs: &different_owners };
    compare(&world, &Expectation::of_list(&world, &grants, &scope))
}

/// A file without the objects of these kinds; as it is if it holds none.
fn without((name, text): Text, kinds: &[&str]) -> Text {
    let all = objects(&text);
    if !all.iter().any(|object| kinds.contains(&kind(object))) {
        return (name, text);
    }
    let print = |object: &Value| format!("---\n{}", serde_yaml::to_string(object).unwrap());
    (name, all.iter().filter(|object| !kinds.contains(&kind(object))).map(print).collect())
}

fn read(text: &str) -> Vec<Grant<Named>> {
    let mut part: Option<PortSet> = None;
    let mut grants = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line.trim() {
            "TCP Connections:" => part = Some(PortSet::full(Protocol::Tcp)),
            "non-TCP Connections:" => part = Some(PortSet::full(Protocol::Udp).union(&PortSet::full(Protocol::Sctp))),
            line => {
                let (from, rest) = line.split_once(" => ").unwrap();
                let (to, words) = rest.split_once(" : ").unwrap();
                let mut granted = granted(words);
                if let Some(part) = &part {
                    granted.ports = Some(granted.ports.map_or_else(|| part.clone(), |ports| ports.intersect(part)));
                }
                grants.push(Grant { from: Named::read(from), to: Named::read(to), granted });
            }
        }
    }
    grants
}
