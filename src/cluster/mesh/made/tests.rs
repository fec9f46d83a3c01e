use super::*;
use crate::cluster::{Platform, read};
use crate::source::{Source, Sources};

/// The pods that are made for the Gateways of some manifests.
fn made_on(istio: (u16, u16, u16), yaml: &str) -> Vec<MadePods> {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    let (cluster, findings) = read(&sources, &[file], Platform { istio, ..Platform::default() });
    assert!(findings.iter().all(|finding| finding.code.name() != "invalid-manifest"), "{findings:?}");
    cluster.made_pods().collect()
}

fn made(yaml: &str) -> Vec<MadePods> {
    made_on((1, 28, 0), yaml)
}

fn gateway(metadata: &str, class: &str, more: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: edge{metadata}}}\n\
         spec: {{gatewayClassName: {class}, listeners: [{{name: x, port: 80, protocol: HTTP}}]{more}}}\n"
    )
}

/// The labels that a pod surely has, in words.
fn carried(pods: &MadePods) -> Vec<String> {
    pods.labels.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn keys(pods: &MadePods) -> Vec<&str> {
    pods.open_labels.iter().map(|key| &**key).collect()
}

#[test]
fn pods_of_a_gateway_carry_its_name_and_what_it_says_of_its_infrastructure() {
    let all = made(&gateway(", labels: {team: net}", "istio", ", infrastructure: {labels: {app: web, gateway.networking.k8s.io/x: v}}"));
    let [only] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&*only.namespace, &*only.gateway, only.account.as_deref()), ("edge", "g", Some("g-istio")));
    assert_eq!((only.role, only.shape), (ProxyRole::Gateway, Shape::Usual));
    let expected = [
        "app=web",
        "gateway.istio.io/managed=istio.io-gateway-controller",
        "gateway.networking.k8s.io/gateway-class-name=istio",
        "gateway.networking.k8s.io/gateway-name=g",
        "service.istio.io/canonical-name=g-istio",
        "service.istio.io/canonical-revision=latest",
        "sidecar.istio.io/inject=false",
    ];
    assert_eq!(carried(only), expected);
    assert!(keys(only).contains(&DATAPLANE_MODE) && keys(only).contains(&OLD_GATEWAY_NAME), "{only:?}");
    assert!(keys(only).contains(&"pod-template-hash") && !keys(only).contains(&NETWORK), "{only:?}");
}

/// Labels of the Gateway itself are copied where its infrastructure says none, and no name of it can be taken from it.
#[test]
fn a_gateway_without_infrastructure_gives_its_own_labels() {
    let all = made(&gateway(", labels: {team: net, gateway.networking.k8s.io/gateway-name: other}", "istio", ""));
    let [only] = all.as_slice() else { panic!("{all:?}") };
    assert!(carried(only).contains(&"team=net".to_owned()) && carried(only).contains(&format!("{GATEWAY_NAME}=g")), "{only:?}");
    let named = ", annotations: {gateway.istio.io/name-override: own, gateway.istio.io/service-account: runs}";
    let all = made(&gateway(named, "istio", ""));
    let [only] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(only.account.as_deref(), Some("runs"));
    assert!(carried(only).contains(&"service.istio.io/canonical-name=own".to_owned()), "{only:?}");
}

#[test]
fn waypoints_and_east_west_gateways_are_made_by_another_template() {
    for (class, controller, account) in
        [("istio-waypoint", "istio.io-mesh-controller", Some("g")), ("istio-east-west", "istio.io-eastwest-controller", None)]
    {
        let all = made(&gateway("", class, ""));
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((only.role, only.account.as_deref()), (ProxyRole::Waypoint, account));
        for label in [&*format!("{MANAGED}={controller}"), "istio.io/dataplane-mode=none", &format!("{CLASS_NAME}={class}")] {
            assert!(carried(only).iter().any(|own| own == label), "{label} {only:?}");
        }
        assert_eq!(keys(only).contains(&CANONICAL_NAME), account.is_none(), "{only:?}");
        assert!(keys(only).contains(&NETWORK), "{only:?}");
        let networked = made(&gateway(", labels: {topology.istio.io/network: net1}", class, ""));
        assert!(networked.iter().all(|own| !keys(own).contains(&NETWORK)), "{networked:?}");
    }
}

/// Templates of older versions have fewer labels.
#[test]
fn labels_of_later_templates_are_open_before_them() {
    for class in ["istio", "istio-waypoint"] {
        let all = made_on((1, 24, 0), &gateway("", class, ""));
        let [only] = all.as_slice() else { panic!("{all:?}") };
        for key in [CLASS_NAME, DATAPLANE_MODE] {
            assert!(keys(only).contains(&key) && !only.labels.contains_key(key), "{key} {only:?}");
        }
    }
}

#[test]
fn nothing_is_made_for_other_classes_nor_for_what_stands_elsewhere() {
    for (class, more, is_made) in [
        ("istio", "", true),
        ("cilium", "", false),
        ("istio-remote", "", false),
        ("istio", ", addresses: [{type: Hostname, value: ingress.edge.svc.cluster.local}]", false),
        ("istio", ", addresses: [{value: 203.0.113.1}]", true),
    ] {
        assert_eq!(made(&gateway("", class, more)).len(), usize::from(is_made), "{class}{more}");
    }
}

#[test]
fn what_is_laid_over_pods_may_change_them() {
    let shape = |yaml: &str| made(yaml).into_iter().map(|own| own.shape).collect::<Vec<_>>();
    let refers = gateway("", "istio", ", infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: c}}");
    let of_class = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: istio-system, labels: {gateway.istio.io/defaults-for-class: istio}}\n\
                    data: {deployment: '{\"spec\": {\"template\": {\"metadata\": {\"labels\": {\"a\": \"b\"}}}}}'}\n";
    assert_eq!(shape(&gateway("", "istio", "")), [Shape::Usual]);
    assert_eq!(shape(&refers), [Shape::Changed]);
    assert_eq!(shape(&(gateway("", "istio", "") + of_class)), [Shape::Changed]);
    assert_eq!(shape(&(gateway("", "istio-waypoint", "") + of_class)), [Shape::Usual]);
    let harmless =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: edge}\ndata: {deployment: '{\"spec\": {\"replicas\": 3}}'}\n";
    assert_eq!(shape(&(refers + harmless)), [Shape::Usual]);
}
