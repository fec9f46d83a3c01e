//! Which calls a waypoint stands before, and as which pod, by its Gateway: what Istio's sources say of it (istio/istio :
//! pilot/pkg/serviceregistry/ambient/waypoints.go, manifests/charts/istio-control/istio-discovery/files/waypoint.yaml).

use super::waypoint_traps::{API, client, host_behind, installed, server, waypoint};
use super::*;

const HTTP: &str = "{name: http, port: 80, targetPort: 8080}";

/// Refuses whoever comes over the waypoint, in its namespace.
fn locked(namespace: &str) -> String {
    let target = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}]";
    object("AuthorizationPolicy", &format!("{namespace}/locked"), &format!("{{{target}, action: DENY, rules: [{{}}]}}"))
}

fn call() -> Question {
    auto(&client(), &server(), 8080).service("shop/db", 80)
}

/// A waypoint of another namespace, from its listeners, for the Service `db`, which it refuses all calls of.
fn across(listeners: &str, more: &str) -> Cluster {
    across_by("{}", listeners, more)
}

fn across_by(annotations: &str, listeners: &str, more: &str) -> Cluster {
    let gateway = format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: waypoint, namespace: edge, annotations: {annotations}}}\n\
         spec: {{gatewayClassName: istio-waypoint, listeners: [{listeners}]}}\n"
    );
    let db = service("db", "{istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: edge}", HTTP);
    cluster_on(installed(), &format!("{gateway}{db}{}{more}", locked("edge")))
}

fn hbone(routes: &str) -> String {
    format!("{{name: mesh, port: 15008, protocol: HBONE{routes}}}")
}

fn from(namespaces: &str) -> String {
    hbone(&format!(", allowedRoutes: {{namespaces: {namespaces}}}"))
}

#[test]
fn section_5_5_a_service_without_an_address_stands_for_its_pods() {
    let headless = |serves: &str, labels: &str| {
        let spec = "{clusterIP: None, selector: {app: db}, ports: [{name: http, port: 8080}]}";
        let db = labelled("v1", "Service", "shop/db", labels, spec);
        cluster_on(installed(), &format!("{}{db}{}", waypoint(serves), locked("shop")))
    };
    let bound = "{istio.io/use-waypoint: waypoint}";
    let call = |server: &Endpoint| auto(&client(), server, 8080).service("shop/db", 8080);
    allowed(&headless("service", bound), &call(&server()));
    allowed(&headless("all", bound), &call(&server()));
    assert!(headless("service", bound).waypoint_calls(&server(), &cluster::Names::default()).is_empty());
    // What the pod says counts, be the Service bound or not.
    let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "waypoint".into())));
    for labels in [bound, "{}", "{istio.io/use-waypoint: none}"] {
        denied(&headless("workload", labels), &call(&named), Gate::Caller);
        denied(&headless("all", labels), &call(&named), Gate::Caller);
        allowed(&headless("service", labels), &call(&named));
        assert!(!headless("workload", labels).waypoint_calls(&named, &cluster::Names::default()).is_empty());
    }
    // A gateway takes waypoints of Services alone, and of those with an address (`findServiceWaypoint`).
    let told = headless("all", "{istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: 'true'}");
    let gateway = meshed("ingress", "gateway.networking.k8s.io/gateway-name=edge", "edge");
    allowed(&told, &Question { source: gateway, ..call(&named) });
    assert!(!told.tells_gateways(&call(&named).addressed));
}

#[test]
fn section_5_5_at_the_waypoint_a_service_without_an_address_is_the_pod() {
    let only = |rule: &str| {
        let db = labelled("v1", "Service", "shop/db", "{}", "{clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 8080}]}");
        let target = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}]";
        let policy = object("AuthorizationPolicy", "shop/only", &format!("{{{target}, rules: [{rule}]}}"));
        cluster_on(
            Platform { pods: addresses("10.1.0.0/16"), services: addresses("10.2.0.0/16"), ..installed() },
            &format!("{}{db}{policy}", waypoint("workload")),
        )
    };
    let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "waypoint".into())));
    let call = auto(&client(), &named, 8080).service("shop/db", 8080);
    allowed(&only("{when: [{key: destination.ip, values: [10.1.0.0/16]}]}"), &call);
    denied(&only("{when: [{key: destination.ip, values: [10.2.0.0/16]}]}"), &call, Gate::Caller);
}

#[test]
fn a_waypoint_takes_other_namespaces_only_if_its_listener_allows_them() {
    for listener in [hbone(""), hbone(", allowedRoutes: {}"), from("{}"), from("{from: Same}")] {
        allowed(&across(&listener, ""), &call());
    }
    denied(&across(&from("{from: All}"), ""), &call(), Gate::Caller);
    // Only the tunnel's own listener counts, and of several the first.
    let other = "{name: other, port: 15008, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}";
    let elsewhere = "{name: elsewhere, port: 15009, protocol: HBONE, allowedRoutes: {namespaces: {from: All}}}";
    allowed(&across(&format!("{other}, {elsewhere}"), ""), &call());
    denied(&across(&format!("{other}, {}, {}", from("{from: All}"), from("{from: Same}")), ""), &call(), Gate::Caller);
    // A refused call goes straight, and so the destination sees its client.
    let web_only = object(
        "AuthorizationPolicy",
        "shop/web-only",
        "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}",
    );
    allowed(&across(&hbone(""), &web_only), &call());
}

#[test]
fn a_waypoint_may_take_namespaces_by_their_labels() {
    let labelled = |team: &str| Question { destination: server().in_namespace_labelled("team", team), ..call() };
    let unknown = || Question { destination: server().facts(|facts| facts.namespace = cluster::NamespaceLabels::NameOnly), ..call() };
    let team = from("{from: Selector, selector: {matchLabels: {team: a}}}");
    denied(&across(&team, ""), &labelled("a"), Gate::Caller);
    allowed(&across(&team, ""), &labelled("b"));
    unspecified(&across(&team, ""), &unknown(), "labels of the namespace");
    let by_name = |name: &str| from(&format!("{{from: Selector, selector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}}}"));
    denied(&across(&by_name("shop"), ""), &unknown(), Gate::Caller);
    allowed(&across(&by_name("dev"), ""), &unknown());
    // A selector that is missing selects nothing, and one without labels all.
    allowed(&across(&from("{from: Selector}"), ""), &labelled("a"));
    denied(&across(&from("{from: Selector, selector: {}}"), ""), &unknown(), Gate::Caller);
    // What cannot be understood.
    unspecified(&across(&from("{from: Sibling}"), ""), &call(), "cannot be understood");
    unspecified(
        &across(&from("{from: Selector, selector: {matchExpressions: [{key: a, operator: Near}]}}"), ""),
        &call(),
        "cannot be understood",
    );
}

#[test]
fn a_waypoint_refuses_its_own_namespace_too_where_its_listener_does() {
    let with = |team: &str| {
        let listener = from("{from: Selector, selector: {matchLabels: {team: a}}}");
        let gateway = object("Gateway", "shop/waypoint", &format!("{{gatewayClassName: istio-waypoint, listeners: [{listener}]}}"));
        let namespace = format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio.io/use-waypoint: waypoint, team: {team}}}}}\n"
        );
        cluster_on(installed(), &format!("{gateway}{namespace}{}{}", service("db", "{}", HTTP), locked("shop")))
    };
    let call = |team: &str| {
        let in_shop = |end: Endpoint| end.in_namespace_labelled("istio.io/use-waypoint", "waypoint").in_namespace_labelled("team", team);
        auto(&in_shop(client()), &in_shop(server()), 8080).service("shop/db", 80)
    };
    denied(&with("a"), &call("a"), Gate::Caller);
    allowed(&with("b"), &call("b"));
}

#[test]
fn a_waypoint_that_is_bound_by_another_listener_is_open_where_listeners_differ() {
    let bound = "{ambient.istio.io/waypoint-inbound-binding: PROXY/15088}";
    let proxy = |namespaces: &str| {
        format!("{{name: proxy, port: 15088, protocol: istio.io/PROXY, allowedRoutes: {{namespaces: {{from: {namespaces}}}}}}}")
    };
    let with = |own: &str, proxied: &str| across_by(bound, &format!("{}, {}", from(&format!("{{from: {own}}}")), proxy(proxied)), "");
    unspecified(&with("Same", "All"), &call(), "cannot be understood");
    unspecified(&with("All", "Same"), &call(), "cannot be understood");
    allowed(&with("Same", "Same"), &call());
}

#[test]
fn hosts_outside_of_another_namespace_are_refused_as_services_are() {
    let entry = |listener: &str| {
        let gateway = object("Gateway", "edge/waypoint", &format!("{{gatewayClassName: istio-waypoint, listeners: [{listener}]}}"));
        let labels = "{istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: edge}";
        host_behind(&gateway, labels, API, &locked("edge"))
    };
    let call = auto(&client(), &address("203.0.113.9"), 443);
    allowed(&entry(&hbone("")), &call);
    denied(&entry(&from("{from: All}")), &call, Gate::Caller);
}

#[test]
fn a_kind_of_calls_that_istio_does_not_know_is_none() {
    let with = |serves: &str| {
        let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
        cluster_on(installed(), &format!("{}{db}{}", waypoint(serves), locked("shop")))
    };
    denied(&with("service"), &call(), Gate::Caller);
    let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "waypoint".into())));
    for serves in ["services", "''", "Service", "everything"] {
        allowed(&with(serves), &call());
        allowed(&with(serves), &auto(&client(), &named, 8080).by_pod_address());
    }
}

#[test]
fn the_class_of_a_waypoint_says_which_calls_it_is_for_where_its_gateway_does_not() {
    let class = |serves: &str| {
        format!(
            "---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: istio-waypoint, labels: {{istio.io/waypoint-for: {serves}}}}}\n\
             spec: {{controllerName: istio.io/mesh-controller}}\n"
        )
    };
    let with = |gateway: &str, serves: &str| {
        let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
        cluster_on(installed(), &format!("{gateway}{db}{}{}", locked("shop"), class(serves)))
    };
    let silent = object("Gateway", "shop/waypoint", &format!("{{gatewayClassName: istio-waypoint, listeners: [{}]}}", hbone("")));
    denied(&with(&silent, "service"), &call(), Gate::Caller);
    allowed(&with(&silent, "workload"), &call());
    denied(&with(&waypoint("service"), "workload"), &call(), Gate::Caller);
    let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "waypoint".into())));
    denied(&with(&silent, "workload"), &auto(&client(), &named, 8080).by_pod_address(), Gate::Caller);
}

/// A waypoint of which only the Gateway is there, and pods that take only callers with one label.
fn only_label(gateway: &str, label: &str) -> Cluster {
    let spec =
        format!("{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{{label}}}}}}}]}}]}}");
    let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
    cluster_on(installed(), &format!("{gateway}{db}{}", object("NetworkPolicy", "shop/db", &spec)))
}

/// A Gateway with these labels, annotations and more in its spec.
fn made(labels: &str, annotations: &str, more: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: waypoint, namespace: shop, labels: {labels}, annotations: {annotations}}}\n\
         spec: {{gatewayClassName: istio-waypoint, listeners: [{}]{more}}}\n",
        hbone("")
    )
}

#[test]
fn the_pods_of_a_waypoint_carry_what_istio_gives_them() {
    let usual = made("{}", "{}", "");
    for label in [
        "gateway.networking.k8s.io/gateway-name: waypoint",
        "gateway.networking.k8s.io/gateway-class-name: istio-waypoint",
        "gateway.istio.io/managed: istio.io-mesh-controller",
        "istio.io/dataplane-mode: none",
        "service.istio.io/canonical-name: waypoint",
        "service.istio.io/canonical-revision: latest",
        "sidecar.istio.io/inject: 'false'",
    ] {
        allowed(&only_label(&usual, label), &call());
    }
    denied(&only_label(&usual, "app: waypoint"), &call(), Gate::Ingress);
    for label in ["topology.istio.io/network: a", "pod-template-hash: a", "topology.kubernetes.io/zone: a"] {
        unspecified(&only_label(&usual, label), &call(), "is not known");
    }
}

#[test]
fn the_labels_of_its_gateway_are_on_a_waypoints_pods() {
    let labelled =
        made("{team: a, service.istio.io/canonical-name: own, gateway.istio.io/managed: own, topology.istio.io/network: n}", "{}", "");
    allowed(&only_label(&labelled, "team: a"), &call());
    allowed(&only_label(&labelled, "service.istio.io/canonical-name: own"), &call());
    // What tells whose it is cannot be taken over.
    allowed(&only_label(&labelled, "gateway.istio.io/managed: istio.io-mesh-controller"), &call());
    allowed(&only_label(&labelled, "topology.istio.io/network: n"), &call());
    denied(&only_label(&labelled, "topology.istio.io/network: m"), &call(), Gate::Ingress);
    // Those for its infrastructure come in the place of its own, if there are any.
    let other =
        made("{team: a}", "{}", ", infrastructure: {labels: {team: b, gateway.networking.k8s.io/part: c, topology.istio.io/network: n}}");
    allowed(&only_label(&other, "team: b"), &call());
    denied(&only_label(&other, "team: a"), &call(), Gate::Ingress);
    denied(&only_label(&other, "gateway.networking.k8s.io/part: c"), &call(), Gate::Ingress);
    // The installation may know another network.
    unspecified(&only_label(&other, "topology.istio.io/network: n"), &call(), "is not known");
    let annotated = made("{team: a}", "{}", ", infrastructure: {annotations: {note: b}}");
    allowed(&only_label(&annotated, "team: a"), &call());
}

#[test]
fn annotations_of_its_gateway_say_as_whom_a_waypoint_runs() {
    let only = |annotations: &str, account: &str| {
        let spec =
            format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{serviceAccounts: [shop/{account}]}}}}]}}]}}");
        let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
        cluster_on(installed(), &format!("{}{db}{}", made("{}", annotations, ""), object("AuthorizationPolicy", "shop/db", &spec)))
    };
    allowed(&only("{}", "waypoint"), &call());
    let own = "{gateway.istio.io/service-account: own}";
    allowed(&only(own, "own"), &call());
    denied(&only(own, "waypoint"), &call(), Gate::Caller);
    let named = made("{}", "{gateway.istio.io/name-override: long-name}", "");
    allowed(&only_label(&named, "service.istio.io/canonical-name: long-name"), &call());
    allowed(&only_label(&named, "gateway.networking.k8s.io/gateway-name: waypoint"), &call());
    allowed(&only("{gateway.istio.io/name-override: long-name}", "waypoint"), &call());
    // An annotation without text says nothing.
    allowed(&only("{gateway.istio.io/service-account: ''}", "waypoint"), &call());
}

#[test]
fn before_1_25_some_labels_of_a_waypoint_are_not_known() {
    let with = |istio: (u16, u16, u16), label: &str| {
        let spec =
            format!("{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{{label}}}}}}}]}}]}}");
        let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
        let yaml = format!("{}{db}{}", made("{}", "{}", ""), object("NetworkPolicy", "shop/db", &spec));
        cluster_on(Platform { istio, ..installed() }, &yaml)
    };
    for label in ["gateway.networking.k8s.io/gateway-class-name: istio-waypoint", "istio.io/dataplane-mode: none"] {
        unspecified(&with((1, 22, 0), label), &call(), "is not known");
        allowed(&with((1, 25, 0), label), &call());
    }
    allowed(&with((1, 22, 0), "gateway.istio.io/managed: istio.io-mesh-controller"), &call());
}

#[test]
fn a_gateway_of_another_class_is_not_said_to_be_missing() {
    let gateway = object("Gateway", "shop/waypoint", &format!("{{gatewayClassName: istio, listeners: [{}]}}", hbone("")));
    let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
    let other = cluster_on(installed(), &format!("{gateway}{db}"));
    unspecified(&other, &call(), "is of another class than `istio-waypoint`");
    unspecified(
        &cluster_on(installed(), &format!("{}{db}", waypoint("service")).replace("name: waypoint,", "name: w,")),
        &call(),
        "not in the manifests",
    );
}

/// Istio takes a Gateway of any class for a waypoint, and makes the pods of each whose class says so.
#[test]
fn a_class_may_say_that_its_gateways_are_waypoints() {
    let gateway = object("Gateway", "shop/waypoint", &format!("{{gatewayClassName: ours, listeners: [{}]}}", hbone("")));
    let class = |controller: &str| {
        format!(
            "---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: ours}}\nspec: {{controllerName: {controller}}}\n"
        )
    };
    let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
    let targeted = |target: &str| object("AuthorizationPolicy", "shop/p", &format!("{{targetRefs: [{target}]}}"));
    let with = |controller: &str, more: &str| cluster_on(installed(), &format!("{gateway}{db}{}{more}", class(controller)));
    let own = "istio.io/mesh-controller";
    allowed(&with(own, ""), &call());
    let closed = targeted("{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}");
    denied(&with(own, &closed), &call(), Gate::Caller);
    unspecified(&with("example.com/waypoints", &closed), &call(), "is of another class than `istio-waypoint`");
    unspecified(&cluster_on(installed(), &format!("{gateway}{db}")), &call(), "no GatewayClass says that Istio makes waypoints of it");
    // What stands for all Gateways of a class stands for those of its own.
    let of_class = |name: &str| {
        targeted(&format!("{{group: gateway.networking.k8s.io, kind: GatewayClass, name: {name}}}"))
            .replace("namespace: shop", "namespace: istio-system")
    };
    denied(&with(own, &of_class("ours")), &call(), Gate::Caller);
    allowed(&with(own, &of_class("istio-waypoint")), &call());
    // Its pods carry the name of the class.
    let label = |value: &str| {
        let spec = format!(
            "{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{gateway.networking.k8s.io/gateway-class-name: {value}}}}}}}]}}]}}"
        );
        with(own, &object("NetworkPolicy", "shop/db", &spec))
    };
    allowed(&label("ours"), &call());
    denied(&label("istio-waypoint"), &call(), Gate::Ingress);
}

/// Whatever waypoint there is, ztunnel speaks mTLS with it and with the pod.
#[test]
fn a_call_of_which_the_waypoint_is_not_known_is_over_mtls_in_ambient_mode() {
    let cluster = cluster_on(installed(), &service("db", "{istio.io/use-waypoint: waypoint}", HTTP));
    unspecified(&cluster, &call(), "not in the manifests");
    assert_eq!(cluster.decide(&call()).transport, Some(Transport::Mtls));
}

/// Since 1.31 (`buildWeightedWaypoints`): which share of the calls that is, an annotation says.
#[test]
fn a_second_waypoint_may_take_a_share_of_the_calls() {
    let with = |service_labels: &str, namespace_labels: &str| {
        let namespace = format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {namespace_labels}}}\n");
        let db = service("db", service_labels, HTTP);
        cluster_on(installed(), &format!("{}{db}{namespace}{}", waypoint("all"), locked("shop")))
    };
    let shared = shared_labels();
    unspecified(&with(shared, "{}"), &call(), "a second waypoint");
    for none in ["none", "''"] {
        let labels = format!("{{istio.io/use-waypoint: waypoint, istio.io/use-waypoint-canary: {none}}}");
        denied(&with(&labels, "{}"), &call(), Gate::Caller);
    }
    // A namespace shares what it binds itself; pods have no second one.
    let in_shop = |end: Endpoint| {
        let bound = end.in_namespace_labelled("istio.io/use-waypoint", "waypoint");
        bound.in_namespace_labelled("istio.io/use-waypoint-canary", "second")
    };
    let call = auto(&in_shop(client()), &in_shop(server()), 8080).service("shop/db", 80);
    unspecified(&with("{}", shared), &call, "a second waypoint");
    unspecified(&with("{istio.io/use-waypoint-canary: other}", "{istio.io/use-waypoint: waypoint}"), &call, "a second waypoint");
    denied(&with("{istio.io/use-waypoint: waypoint}", shared), &call, Gate::Caller);
    denied(&with("{}", shared), &call.by_pod_address(), Gate::Caller);
    // Which account Istio lets in by itself is that of the first.
    let db = service("db", shared_labels(), HTTP);
    let on = Platform { auto_allow_waypoint: Some(true), ..installed() };
    let question = auto(&client(), &server(), 8080);
    denied(&cluster_on(on, &format!("{}{db}", waypoint("service"))), &question.by_pod_address(), Gate::Caller);
}

fn shared_labels() -> &'static str {
    "{istio.io/use-waypoint: waypoint, istio.io/use-waypoint-canary: second}"
}

/// What is laid over the pods that Istio makes may be anything of them, their labels and account included (`deploymentcontroller.go`,
/// `render`).
#[test]
fn what_is_laid_over_the_pods_of_a_waypoint_leaves_it_open() {
    let parameters = ", infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: overlay}}";
    let overlay = |labels: &str, data: &str| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: overlay, namespace: shop, labels: {labels}}}\ndata: {data}\n")
    };
    let labels = "{deployment: 'spec: {template: {metadata: {labels: {team: a}}}}'}";
    let account = "{deployment: 'spec: {template: {spec: {serviceAccountName: a}}}'}";
    let sizes = "{horizontalPodAutoscaler: 'spec: {}', deployment: 'spec: {replicas: 3, template: {spec: {containers: [{name: istio-proxy, resources: {}}]}}}'}";
    let with = |gateway: &str, more: &str| only_label(&format!("{gateway}{more}"), "istio.io/dataplane-mode: none");
    let own = made("{}", "{}", parameters);
    let why = "Gateway `shop/waypoint` may decide otherwise by its `spec.infrastructure.parametersRef`";
    for unclear in [
        String::new(),
        overlay("{}", labels),
        overlay("{}", account),
        overlay("{}", "{service: 'spec: {}'}"),
        overlay("{}", "{deployment: '{'}"),
    ] {
        unspecified(&with(&own, &unclear), &call(), why);
    }
    allowed(&with(&own, &overlay("{}", sizes)), &call());
    // The same for all Gateways of a class.
    let usual = made("{}", "{}", "");
    let of_class = |class: &str, data: &str| overlay(&format!("{{gateway.istio.io/defaults-for-class: {class}}}"), data);
    unspecified(&with(&usual, &of_class("istio-waypoint", labels)), &call(), "ConfigMap `shop/overlay` may decide otherwise");
    allowed(&with(&usual, &of_class("istio-waypoint", sizes)), &call());
    allowed(&with(&usual, &of_class("istio", labels)), &call());
    // Whoever holds the pods themselves need not know what made them.
    let running = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: waypoint, namespace: shop}\nspec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, template: {metadata: {labels: {gateway.networking.k8s.io/gateway-name: waypoint, istio.io/dataplane-mode: none}}, spec: {serviceAccountName: waypoint, containers: [{name: c, image: i}]}}}\n";
    allowed(&with(&own, &format!("{}{running}", overlay("{}", labels))), &call());
    // As whom it runs is not known either.
    let on = Platform { auto_allow_waypoint: Some(true), ..installed() };
    let db = service("db", "{istio.io/use-waypoint: waypoint}", HTTP);
    unspecified(&cluster_on(on, &format!("{own}{db}")), &auto(&client(), &server(), 8080).by_pod_address(), "as whom a waypoint runs");
}

#[test]
fn a_waypoint_behind_an_address_of_its_own_is_not_made_by_istio() {
    let at = |addresses: &str| only_label(&made("{}", "{}", &format!(", addresses: [{addresses}]")), "istio.io/dataplane-mode: none");
    allowed(&at("{value: 10.0.0.1}"), &call());
    allowed(&at("{type: IPAddress, value: 10.0.0.1}"), &call());
    for elsewhere in ["{type: Hostname, value: w.shop.svc.cluster.local}", "{value: 10.0.0.1}, {value: 10.0.0.2}"] {
        unspecified(&at(elsewhere), &call(), "`spec.addresses`");
    }
}

#[test]
fn an_istiod_may_copy_no_labels_to_a_waypoint() {
    let istiod = |value: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: istiod, namespace: istio-system}}\nspec: {{selector: {{matchLabels: {{app: istiod}}}}, \
             template: {{metadata: {{labels: {{app: istiod}}}}, spec: {{containers: [{{name: discovery, image: i, env: [{{name: \
             PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS, value: '{value}'}}]}}]}}}}}}\n"
        )
    };
    let with = |labels: &str, more: &str, value: &str| only_label(&format!("{}{}", made(labels, "{}", more), istiod(value)), "team: a");
    allowed(&with("{team: a}", "", "true"), &call());
    unspecified(&with("{team: a}", "", "false"), &call(), "PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS");
    // There is nothing to copy, or it is not asked for.
    denied(&with("{}", "", "false"), &call(), Gate::Ingress);
    allowed(&with("{team: b}", ", infrastructure: {labels: {team: a}}", "false"), &call());
}
