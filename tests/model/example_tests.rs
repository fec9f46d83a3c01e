//! The worked example of `semantics.md` §10, `allow app=web -> app=db:5432 mtls`: its YAML and two columns of its table.

use super::samples::{allowed, cluster, mtls, plain, tcp};
use super::{Cluster, Flow, Peer, Plane, Pod, Protocol, Verdict};

const ISTIO: &str = r#"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db-in, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: ["shop/web"]}}]
    to: [{operation: {ports: ["5432"]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: db-mtls, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  mtls: {mode: STRICT}
---
"#;

const NETWORK: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{protocol: TCP, port: 5432}]
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
    ports: [{protocol: TCP, port: 15020}, {protocol: TCP, port: 15090}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{protocol: TCP, port: 5432}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}, podSelector: {matchLabels: {app: istiod}}}]
    ports: [{protocol: TCP, port: 15012}]
";

/// The gates that refuse, in the words of the table.
fn refusing(cluster: &Cluster, flow: &Flow) -> Vec<String> {
    match cluster.decide(flow) {
        Verdict::Allowed => Vec::new(),
        Verdict::Denied { reasons } => {
            reasons.iter().filter_map(|reason| reason.split_once(':')).map(|(gate, _)| gate.to_owned()).collect()
        }
        Verdict::Unspecified(reason) => panic!("{reason}"),
    }
}

fn pod(plane: Plane, labels: &str, account: &str) -> Pod {
    Pod { plane, account: account.to_owned(), ..plain("shop", labels) }
}

#[test]
fn the_column_none() {
    let cluster = cluster(&format!("{ISTIO}{NETWORK}"));
    let of = |labels: &str, account: &str| pod(Plane::None, labels, account);
    let (web, db) = (of("app=web", "web"), of("app=db", "db"));
    let (out, into) = ("NetworkPolicy egress", "NetworkPolicy ingress");
    let kubelet = Peer::OwnNode("192.0.2.10".parse().unwrap());
    for (flow, expected) in [
        (tcp(&web, &db, 5432), vec![]),
        (tcp(&web, &db, 9999), vec![out, into]),
        (tcp(&of("app=x", "default"), &db, 5432), vec![into]),
        (tcp(&of("app=web", "default"), &db, 5432), vec![]),
        (tcp(&of("app=job", "web"), &db, 5432), vec![into]),
        (tcp(&kubelet, &db, 5432), vec![]),
        (tcp("192.0.2.11", &db, 5432), vec![into]),
        (tcp(&db, &web, 40000), vec![]),
        (tcp(&web, &db, 5432).over(Protocol::Udp), vec![out, into]),
    ] {
        assert_eq!(refusing(&cluster, &flow), expected, "{flow:#?}");
    }
}

#[test]
fn the_column_sidecar() {
    let cluster = cluster(&format!("{ISTIO}{NETWORK}"));
    let of = |labels: &str, account: &str| pod(Plane::Sidecar, labels, account);
    let (web, db) = (of("app=web", "web"), of("app=db", "db"));
    let (out, into) = ("NetworkPolicy egress", "NetworkPolicy ingress");
    let (transport, caller) = ("PeerAuthentication", "AuthorizationPolicy");
    let kubelet = Peer::OwnNode("192.0.2.10".parse().unwrap());
    for (flow, expected) in [
        (mtls(&web, &db, 5432), vec![]),
        // By the bare pod address: plaintext against STRICT.
        (tcp(&web, &db, 5432), vec![transport, caller]),
        (mtls(&web, &db, 9999), vec![out, into, caller]),
        (mtls(&of("app=x", "default"), &db, 5432), vec![into, caller]),
        (mtls(&of("app=web", "default"), &db, 5432), vec![caller]),
        (mtls(&of("app=job", "web"), &db, 5432), vec![into]),
        (tcp(&pod(Plane::None, "app=web", "web"), &db, 5432), vec![transport, caller]),
        (tcp(&kubelet, &db, 5432), vec![transport, caller]),
        (tcp("192.0.2.11", &db, 5432), vec![into, transport, caller]),
        (mtls(&db, &web, 40000), vec![]),
        (tcp(&web, &db, 5432).over(Protocol::Udp), vec![out, into]),
    ] {
        assert_eq!(refusing(&cluster, &flow), expected, "{flow:#?}");
    }
    allowed(&cluster, &tcp(&plain("monitoring", ""), &db, 15020));
    allowed(&cluster, &mtls(&web, &Pod { plane: Plane::Sidecar, ..plain("istio-system", "app=istiod") }, 15012));
    assert_eq!(super::validate(&format!("{ISTIO}{NETWORK}")), [""; 0]);
}
