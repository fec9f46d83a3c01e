//! Which gate decides, over intents: one program for each topic, its answers as people see them.

use super::{Files, snapshot};
use twogate::flow::Verdict;

/// A shop in a mesh, with a namespace beside it that the intents do not manage.
const SHOP: &str = "\
namespace shop

workload web  = app=web account web-sa
workload api  = app=api account api
workload db   = app=db account db
workload cron = app=cron account cron

allow web -> api:8080 mtls http GET /v1/orders/{*}, POST /v1/orders
allow api or cron -> db:5432 mtls because \"orders\"
allow web -> app=metrics:9090
deny  cron -> db:5432 because \"SEC-7\"
";

/// What is denied because of the caller's or the destination's network policy.
#[test]
fn the_network_decides() {
    let files = Files { intents: SHOP, ..Files::default() };
    let flows = [
        "api -> db:5432",
        "web -> db:5432",
        "cron -> db:5432",
        "web -> app=other@pay:80",
        "app=other@pay -> api:8080 GET /v1/orders/7",
        "internet -> api:8080 GET /v1/orders/7",
        "web -> internet:443",
        "web -> db:53/udp",
        "web -> app=coredns,k8s-app=kube-dns@kube-system:53/udp",
    ];
    snapshot("gates-network", &files.pages(&flows));
}

/// What the mesh refuses, and what each client sees.
#[test]
fn the_mesh_decides() {
    let files = Files { intents: SHOP, ..Files::default() };
    let flows = [
        "web -> api:8080 GET /v1/orders/7",
        "web -> api:8080 DELETE /v1/orders/7",
        "web -> api:8080",
        "api -> db:5432 plaintext",
        "web -> app=metrics:9090",
        "web -> app=metrics:9090 plaintext",
    ];
    snapshot("gates-mesh", &files.pages(&flows));
}

/// Tokens: a valid one, another issuer's, none, and one that does not verify.
#[test]
fn a_token_decides() {
    let intents = "\
namespace shop

workload edge = app=edge account edge
issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"

allow edge -> app=api:8080 mtls http GET /v1/{**} jwt corp claim groups=admin
";
    let files = Files { intents, ..Files::default() };
    let flows = [
        "edge -> app=api:8080 GET /v1/a jwt corp claim groups=admin",
        "edge -> app=api:8080 GET /v1/a jwt corp claim groups=dev",
        "edge -> app=api:8080 GET /v1/a",
        "edge -> app=api:8080 GET /v1/a bad-jwt",
    ];
    snapshot("gates-token", &files.pages(&flows));
}

/// Pods without a sidecar, ports past it, and two workloads with one account.
#[test]
fn facts_decide() {
    let intents = "\
namespace shop

workload web    = app=web account shop
workload cron   = app=cron account shop
workload legacy = app=legacy unmeshed
workload db     = app=db account db

allow web -> db:5432 mtls
allow app=scraper@monitoring -> db:9187
allow web -> legacy:1521
";
    let inventory = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata:
      labels: {app: db}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: \"9187\"}
    spec: {serviceAccountName: db, containers: [{name: main, ports: [{containerPort: 5432}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scraper, namespace: monitoring}
spec:
  template:
    metadata: {labels: {app: scraper}}
    spec: {serviceAccountName: scraper, containers: [{name: main}]}
";
    let files = Files { intents, inventory, ..Files::default() };
    let flows = [
        "web -> db:5432",
        "cron -> db:5432",
        "legacy -> db:5432",
        "web -> legacy:1521",
        "app=scraper@monitoring -> db:9187 plaintext",
        "app=scraper@monitoring -> db:5432",
    ];
    snapshot("gates-facts", &files.pages(&flows));
}

/// Open and unmanaged namespaces, a mesh that is not there, consent of both ends.
#[test]
fn namespaces_decide() {
    let intents = "\
namespace shop mesh none {
  allow app=web -> app=db@pay:5432
}
namespace pay mesh none open egress {
  close out app=safe
}
";
    let config = "[tenancy]\nconsent = \"both\"\n";
    let files = Files { intents, config, ..Files::default() };
    let flows = [
        "app=web@shop -> app=db@pay:5432",
        "app=any@pay -> app=x@elsewhere:80",
        "app=safe@pay -> app=x@elsewhere:80",
        "app=x@elsewhere -> app=y@elsewhere:80",
    ];
    snapshot("gates-namespaces", &files.pages(&flows));
}

#[test]
fn workloads_that_are_judged_differently_are_shown_one_of_each_kind() {
    let files = Files { intents: SHOP, ..Files::default() };
    let answer = files.ask("*@shop -> db:5432");
    let verdicts: Vec<bool> = answer.cases.iter().map(|case| case.decision.verdict == Verdict::Allowed).collect();
    assert!(verdicts.contains(&true) && verdicts.contains(&false), "{verdicts:?}");
    assert!(answer.notes.iter().any(|note| note.contains("judged differently")), "{:?}", answer.notes);
    assert_eq!(answer.verdict(), None);
}

/// Which of a `StatefulSet`'s pods a policy selects is not known: what passes either way passes by the rule, if it selects the pod.
#[test]
fn a_rule_of_a_policy_that_may_select_the_pod_is_named() {
    let manifests = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: main}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: first, namespace: shop}
spec:
  podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}
  ingress: [{ports: [{port: 1}]}, {ports: [{port: 5432}]}]
";
    let answer = Files { manifests, ..Files::default() }.ask("app=web@shop -> sts/db@shop:5432");
    let case = &answer.cases[0];
    assert_eq!(case.decision.verdict, Verdict::Allowed);
    let entered = case.decision.steps.iter().find(|step| step.gate == twogate::cluster::Gate::Ingress).unwrap();
    let rules: Vec<_> = entered.decided_by.iter().map(|document| (&*document.name, document.rule)).collect();
    assert_eq!(rules, [("first", Some(2))]);
}
