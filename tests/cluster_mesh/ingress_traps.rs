//! `Ingress`es of Istio's class: istiod makes a `Gateway` of each, for the pods of its ingress gateway (istio/istio :
//! `pilot/pkg/config/kube/ingress/{ingress,conversion,gateways}.go`). Those of other classes are nothing to it.

use super::*;

const SERVICE: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: edge}\nspec: {selector: {istio: ingressgateway}, \
    ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}\n";

fn deployed(label: &str, templates: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: edge, namespace: edge}}\n\
         spec: {{template: {{metadata: {{labels: {{istio: {label}, sidecar.istio.io/inject: 'true'}}, \
         annotations: {{inject.istio.io/templates: {templates}}}}}, \
         spec: {{serviceAccountName: edge, containers: [{{name: istio-proxy, image: auto}}]}}}}}}\n"
    )
}

fn ingress(annotations: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: site, namespace: shop, annotations: {{{annotations}}}}}\n\
         spec: {{{spec}}}\n"
    )
}

fn class(name: &str, controller: &str) -> String {
    format!("---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{name: {name}}}\nspec: {{controller: {controller}}}\n")
}

const ISTIO: &str = "kubernetes.io/ingress.class: istio";
const TLS: &str = "tls: [{hosts: [a.example.com], secretName: c}], defaultBackend: {service: {name: web, port: {number: 80}}}";

fn by_path() -> String {
    object("AuthorizationPolicy", "edge/p", "{rules: [{to: [{operation: {paths: ['/a']}}]}]}")
}

/// A cluster of an ingress gateway and these objects, read without a word, and what it says of requests.
fn of(objects: &str) -> (Cluster, Endpoint) {
    let yaml = format!("{}{SERVICE}{}{objects}", deployed("ingressgateway", "gateway"), by_path());
    let (cluster, findings) = read_on(Platform::default(), &yaml);
    assert!(findings.is_empty(), "{findings:?}");
    let [edge] = cluster.workloads() else { panic!("{:?}", cluster.workloads()) };
    let edge = edge.endpoint.clone();
    (cluster, edge)
}

fn get(edge: &Endpoint, port: u16) -> Question {
    tcp(&address("203.0.113.5"), edge, port).http("GET", "/a")
}

#[test]
fn an_ingress_of_its_class_opens_ports_of_the_ingress_gateway() {
    let named = class("outside", "istio.io/ingress-controller") + &ingress("", &format!("ingressClassName: outside, {TLS}"));
    for yaml in [ingress(ISTIO, TLS), named] {
        let (cluster, edge) = of(&yaml);
        for port in [8080, 8443] {
            allowed(&cluster, &get(&edge, port));
            denied(&cluster, &get(&edge, port).http("GET", "/b"), Gate::Caller);
            denied(&cluster, &mtls(&web(), &edge, port).http("GET", "/a"), Gate::Transport);
            let why = format!("{:?}", cluster.decide(&get(&edge, port)));
            assert!(why.contains("Ingress") && why.contains("site"), "{why}");
        }
        unspecified(&cluster, &get(&edge, 9000), "no Gateway in the manifests");
    }
    // Without TLS, or without the name of what holds the certificate, there is HTTP alone.
    for spec in ["", "tls: [{hosts: [a.example.com]}]"] {
        let (cluster, edge) = of(&ingress(ISTIO, spec));
        allowed(&cluster, &get(&edge, 8080));
        unspecified(&cluster, &get(&edge, 8443), "no Gateway in the manifests");
    }
}

/// The annotation goes before the field; without either it is nobody's (`ingressControllerMode` is `STRICT` by default).
#[test]
fn an_ingress_of_another_class_is_passed_over() {
    let cases = [
        ingress("kubernetes.io/ingress.class: nginx", TLS),
        ingress("", TLS),
        ingress("", &format!("ingressClassName: nginx, {TLS}")),
        class("istio", "k8s.io/ingress-nginx") + &ingress("", &format!("ingressClassName: istio, {TLS}")),
        class("outside", "istio.io/ingress-controller")
            + &ingress("kubernetes.io/ingress.class: nginx", &format!("ingressClassName: outside, {TLS}")),
        // No server has this version any more.
        ingress(ISTIO, TLS).replace("networking.k8s.io/v1", "extensions/v1beta1"),
        class("outside", "istio.io/ingress-controller"),
    ];
    for yaml in cases {
        let (cluster, edge) = of(&yaml);
        assert!(cluster.is_modelled(), "{yaml}");
        for port in [8080, 8443] {
            unspecified(&cluster, &get(&edge, port), "no Gateway in the manifests");
        }
    }
}

/// It is for the pods that are ingress gateways by their label, and for gateways alone.
#[test]
fn an_ingress_is_nothing_to_other_pods() {
    let closed = object("AuthorizationPolicy", "edge/p", "{rules: [{to: [{operation: {paths: ['/a']}}]}]}");
    let ask = |label: &str, templates: &str| {
        let cluster = cluster(&format!("{}{closed}{}", deployed(label, templates), ingress(ISTIO, TLS)));
        let [edge] = cluster.workloads() else { panic!("{:?}", cluster.workloads()) };
        let edge = edge.endpoint.clone();
        (cluster, edge)
    };
    let (cluster, edge) = ask("egressgateway", "gateway");
    unspecified(&cluster, &get(&edge, 80), "no Gateway in the manifests");
    let (cluster, edge) = ask("ingressgateway", "sidecar");
    allowed(&cluster, &mtls(&web(), &edge, 80).http("GET", "/a"));
    let (cluster, edge) = ask("ingressgateway", "own");
    unspecified(&cluster, &get(&edge, 80), "Ingress `shop/site` decides if the pod is a gateway");
}

/// Where it is not known whether it is Istio's, or what it says, its ports alone are left open.
#[test]
fn an_ingress_of_which_it_is_not_known_whose_it_is_opens_its_ports_alone() {
    let cases = [
        (ingress("", &format!("ingressClassName: istio, {TLS}")), [8080, 8443], "whether the class of the Ingress is Istio's"),
        (ingress("kubernetes.io/ingress.class: [istio]", TLS), [8080, 8443], "whether the class of the Ingress is Istio's"),
        (ingress(ISTIO, "tls: often"), [8443, 8443], "cannot be understood"),
    ];
    for (yaml, ports, reason) in cases {
        let (cluster, edge) = of(&yaml);
        for port in ports {
            unspecified(&cluster, &get(&edge, port), reason);
            assert!(format!("{:?}", cluster.decide(&get(&edge, port))).contains("site"));
        }
        unspecified(&cluster, &get(&edge, 9000), "no Gateway in the manifests");
        allowed(&cluster, &get(&edge, 15021));
        // Where it may be nobody's, no Gateway may be there at all.
        let elsewhere = mtls(&web(), &edge, 9000).http("GET", "/a");
        if reason.contains("whether") {
            unspecified(&cluster, &elsewhere, "no Gateway in the manifests");
        } else {
            denied(&cluster, &elsewhere, Gate::Transport);
        }
    }
    let (cluster, edge) = of(&ingress(ISTIO, "tls: often"));
    allowed(&cluster, &get(&edge, 8080));
}

/// An `Ingress` and a `Gateway` may open one port; where they take the same, that is known.
#[test]
fn an_ingress_and_a_gateway_share_a_port() {
    let gateway = |protocol: &str, tls: &str| {
        let server =
            format!("{{port: {{number: 443, name: a, protocol: {protocol}}}, hosts: ['*'], tls: {{mode: {tls}, credentialName: c}}}}");
        labelled(
            "networking.istio.io/v1",
            "Gateway",
            "shop/gw",
            "{}",
            &format!("{{selector: {{istio: ingressgateway}}, servers: [{server}]}}"),
        )
    };
    let (cluster, edge) = of(&(ingress(ISTIO, TLS) + &gateway("HTTPS", "SIMPLE")));
    allowed(&cluster, &get(&edge, 8443));
    let (cluster, edge) = of(&(ingress(ISTIO, TLS) + &gateway("TLS", "PASSTHROUGH")));
    unspecified(&cluster, &get(&edge, 8443), "several servers");
}
