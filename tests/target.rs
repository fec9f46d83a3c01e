//! What the targets print: that it reads back as the API's own types with nothing lost, that it says what the gates say, and
//! that it depends on nothing else. Gates are built by hand here; no other room's decision is under test.

mod mesh;
mod network;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use twogate::flow::{LabelCube, Labels, NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, Protocol, RequestSet, Symbol, Values};
use twogate::gates::{
    Callers, Cause, Gates, Identities, IsolatedBy, Isolation, MeshGate, Mtls, NamespaceGates, Opening, Permission, Selector, TransportMode,
};
use twogate::ir::{End, Namespace, Ownership, Policy, Rule, RuleId, Stance};
use twogate::source::Location;
use twogate::syntax::ast::{Action, Direction};
use twogate::target::{self, Manifest, Target};

/// A policy with these rules, all standing in `shop`, over the managed namespaces `shop` and `pay`.
fn policy(texts: &[&str]) -> Policy {
    let names = ["shop", "pay"].map(|name| (Symbol::from(name), namespace(name, Ownership::Managed)));
    Policy { namespaces: names.into_iter().collect(), rules: texts.iter().map(|text| rule(text)).collect(), ..Policy::default() }
}

fn namespace(name: &str, ownership: Ownership) -> Namespace {
    Namespace {
        name: name.into(),
        labels: Labels::from([(NAMESPACE_NAME.into(), name.into())]),
        ownership,
        plane: None,
        ingress: Stance::Closed,
        egress: Stance::Closed,
        location: None,
    }
}

fn rule(text: &str) -> Rule {
    let at = Location::default();
    Rule {
        action: Action::Allow,
        direction: None,
        namespace: "shop".into(),
        ownership: Ownership::Managed,
        source: End::nobody(),
        source_location: at,
        targets: Vec::new(),
        mtls: None,
        requests: RequestSet::all(),
        http: None,
        jwt: None,
        until: None,
        because: None,
        accepts: Vec::new(),
        location: at,
        text: text.to_owned(),
    }
}

fn gates(namespace: NamespaceGates) -> Gates {
    Gates { namespaces: BTreeMap::from([("shop".into(), namespace)]), ..Gates::default() }
}

fn opening(subject: LabelCube, direction: Direction, peers: Peers, ports: PortSet) -> Opening {
    Opening { subject, direction, peers, ports, mtls: Mtls::Optional, requests: RequestSet::all(), cause: Cause::Rule(RuleId(0)) }
}

fn app(value: &str) -> LabelCube {
    LabelCube::of("app".into(), Values::one(value.into()))
}

fn pods(name: &str, labels: LabelCube) -> Peers {
    Peers::from(PodSet::from(PodCube { labels, ..PodCube::in_namespace(name) }))
}

fn tcp(port: u16) -> PortSet {
    PortSet::one(Protocol::Tcp, port)
}

fn all(policy: &Policy, gates: &Gates) -> Vec<Manifest> {
    target::ALL.iter().flat_map(|target| target.emit(policy, gates)).collect()
}

/// A namespace with one of everything.
fn sample() -> (Policy, Gates) {
    let mut policy = policy(&["allow app=web -> app=db:5432 mtls", "allow out app=web -> anywhere:443"]);
    policy.rules[1].namespace = "pay".into();
    let closed = |direction| Isolation { subject: LabelCube::all(), direction, by: IsolatedBy::Closed };
    let dns = Opening {
        cause: Cause::Baseline,
        ..opening(
            LabelCube::all(),
            Direction::Out,
            pods("kube-system", LabelCube::of("k8s-app".into(), Values::one("kube-dns".into()))),
            tcp(53).union(&PortSet::one(Protocol::Udp, 53)),
        )
    };
    let out = Opening { cause: Cause::Rule(RuleId(1)), ..opening(app("web"), Direction::Out, Peers::all(), tcp(443)) };
    let accounts = Identities { accounts: BTreeSet::from([("shop".into(), "web-sa".into())]), ..Identities::default() };
    let allow = Permission {
        action: Action::Allow,
        selector: Selector::from([("app".into(), "db".into())]),
        callers: Callers::Some(accounts),
        ports: Some(BTreeSet::from([5432])),
        request: None,
        rule: RuleId(0),
    };
    let mesh = MeshGate {
        closed: BTreeSet::from([Selector::new()]),
        permissions: vec![allow],
        transports: BTreeMap::from([(Selector::new(), TransportMode::Strict)]),
        tokens: BTreeMap::new(),
    };
    let namespace = NamespaceGates {
        isolated: vec![closed(Direction::In), closed(Direction::Out)],
        openings: vec![
            opening(app("db"), Direction::In, pods("shop", app("web")), tcp(5432)),
            opening(app("web"), Direction::Out, pods("shop", app("db")), tcp(5432)),
            out,
            dns,
        ],
        mesh: Some(mesh),
    };
    (policy, gates(namespace))
}

#[test]
fn a_whole_namespace_reads_well() {
    let (policy, gates) = sample();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/target"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("namespace", target::stream(&all(&policy, &gates))));
}

#[test]
fn every_document_ends_in_one_line_end_and_begins_with_its_version() {
    let (policy, gates) = sample();
    for manifest in all(&policy, &gates) {
        assert!(manifest.yaml.starts_with("apiVersion: "), "{}", manifest.yaml);
        assert!(manifest.yaml.ends_with('\n') && !manifest.yaml.ends_with("\n\n"), "{}", manifest.yaml);
    }
}

#[test]
fn namespaces_of_others_are_not_written() {
    let (mut policy, gates) = sample();
    for ownership in [Ownership::With, Ownership::External, Ownership::Unmanaged] {
        policy.namespaces.insert("shop".into(), namespace("shop", ownership));
        assert_eq!(all(&policy, &gates), Vec::new(), "{ownership:?}");
    }
    policy.namespaces.clear();
    assert_eq!(all(&policy, &gates), Vec::new());
}

/// `semantics.md` trap 113: what lets through is there before what refuses.
#[test]
fn waves_put_allows_before_denies() {
    let (mut policy, gates) = sample();
    policy.config.output.sync_waves = twogate::config::SyncWaves::ArgoCd;
    let wave = |kind: &str, name: &str| -> i32 {
        let manifests = all(&policy, &gates);
        let manifest = manifests.iter().find(|manifest| manifest.kind == kind && manifest.name == name).unwrap();
        let value: serde_yaml::Value = serde_yaml::from_str(&manifest.yaml).unwrap();
        value["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str().unwrap().parse().unwrap()
    };
    let allows = [wave("NetworkPolicy", "db"), wave("NetworkPolicy", "baseline"), wave("AuthorizationPolicy", "db")];
    let denies = [wave("NetworkPolicy", "default-deny"), wave("AuthorizationPolicy", "deny-all"), wave("PeerAuthentication", "default")];
    assert!(allows.iter().max() < denies.iter().min(), "{allows:?} {denies:?}");
}

#[test]
fn intents_are_sorted_named_once_and_say_where_they_stand() {
    let (mut policy, mut gates) = sample();
    policy.rules.extend([rule("allow app=a -> app=db:5432"), rule("allow app=a -> app=db:5432"), rule("")]);
    let shop = gates.namespaces.get_mut("shop").unwrap();
    for id in [3, 2, 1, 99] {
        let cause = Cause::Rule(RuleId(id));
        shop.openings.push(Opening { cause, ..opening(app("db"), Direction::In, pods("shop", app("a")), tcp(5432)) });
    }
    let manifests = target::Kubernetes.emit(&policy, &gates);
    let db = manifests.iter().find(|manifest| manifest.name == "db").unwrap();
    let value: serde_yaml::Value = serde_yaml::from_str(&db.yaml).unwrap();
    assert_eq!(
        value["metadata"]["annotations"]["twogate.dev/intents"].as_str().unwrap(),
        "allow app=a -> app=db:5432\nallow app=web -> app=db:5432 mtls\nallow out app=web -> anywhere:443  # in namespace pay"
    );
    assert!(db.yaml.contains("    twogate.dev/intents: |-\n      allow app=a"), "{}", db.yaml);
}

#[test]
fn long_lists_of_intents_are_counted() {
    let texts: Vec<String> = (0..5_000).map(|number| format!("allow app=caller-{number:05} -> app=db:5432")).collect();
    let policy = policy(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let openings = (0..5_000).map(|number| Opening {
        cause: Cause::Rule(RuleId(number)),
        ..opening(app("db"), Direction::In, pods("shop", app("web")), tcp(5432))
    });
    let manifests = target::Kubernetes.emit(&policy, &gates(NamespaceGates { openings: openings.collect(), ..NamespaceGates::default() }));
    let value: serde_yaml::Value = serde_yaml::from_str(&manifests[0].yaml).unwrap();
    let text = value["metadata"]["annotations"]["twogate.dev/intents"].as_str().unwrap();
    let listed = text.lines().filter(|line| line.starts_with("allow ")).count();
    assert!(text.len() <= 20_000 && listed > 100, "{listed}");
    assert_eq!(text.lines().last().unwrap(), format!("# and {} more", 5_000 - listed));
}
