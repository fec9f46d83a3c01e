//! `ListenerSet`s of the Gateway API: more listeners for a Gateway that lets them in (istio/istio :
//! `pilot/pkg/config/kube/gateway/gateway_collection.go`, `NamespaceAcceptedByAllowListeners`). Istio reads the graduated kind since 1.30, the
//! experimental one where its alpha flag is set.

use super::*;

const GROUP: &str = "gateway.networking.k8s.io/v1";

/// A Gateway with HTTP on port 80, and what it says besides.
fn gateway(more: &str) -> String {
    object("Gateway", "edge/gw", &format!("{{gatewayClassName: istio, listeners: [{{name: a, port: 80, protocol: HTTP}}]{more}}}"))
}

fn allowing(namespaces: &str) -> String {
    gateway(&format!(", allowedListeners: {{namespaces: {{{namespaces}}}}}"))
}

fn set_of(version: &str, kind: &str, id: &str, listeners: &str) -> String {
    labelled(version, kind, id, "{}", &format!("{{parentRef: {{name: gw, namespace: edge}}, listeners: [{listeners}]}}"))
}

fn set(id: &str) -> String {
    set_of(GROUP, "ListenerSet", id, "{name: b, port: 9000, protocol: TCP}")
}

fn by_path() -> String {
    object("AuthorizationPolicy", "edge/p", "{rules: [{to: [{operation: {paths: ['/a']}}]}]}")
}

fn since(istio: (u16, u16, u16)) -> Platform {
    Platform { istio, ..Platform::default() }
}

const NEW: (u16, u16, u16) = (1, 30, 0);

fn edge() -> Endpoint {
    meshed("edge", "gateway.networking.k8s.io/gateway-name=gw", "gw-istio")
}

fn get(port: u16) -> Question {
    tcp(&address("203.0.113.5"), &edge(), port).http("GET", "/a")
}

/// What the listener of the Gateway itself says is never left open.
#[track_caller]
fn leaves_the_gateway_alone(cluster: &Cluster) {
    allowed(cluster, &get(80));
    denied(cluster, &mtls(&web(), &edge(), 80).http("GET", "/a"), Gate::Transport);
}

#[test]
fn listeners_of_a_set_that_is_let_in_are_the_gateways() {
    let cases = [
        ("from: All", "shop/more"),
        ("from: Same", "edge/more"),
        ("from: Selector, selector: {matchLabels: {team: shop}}", "shop/more"),
        ("from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}", "shop/more"),
    ];
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: shop}}\n";
    for (namespaces, id) in cases {
        let (cluster, findings) = read_on(since(NEW), &format!("{namespace}{}{}{}", allowing(namespaces), set(id), by_path()));
        assert!(findings.is_empty(), "{findings:?}");
        leaves_the_gateway_alone(&cluster);
        // Its listener takes bytes, of which no rule about requests lets any pass.
        denied(&cluster, &get(9000), Gate::Caller);
        denied(&cluster, &mtls(&web(), &edge(), 9000), Gate::Transport);
    }
}

#[test]
fn a_set_that_is_not_let_in_opens_nothing() {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: shop}}\n";
    let gateways = [
        gateway(""),
        gateway(", allowedListeners: {}"),
        allowing(""),
        allowing("from: None"),
        allowing("from: Same"),
        allowing("from: Selector, selector: {matchLabels: {team: other}}"),
        allowing("from: All").replace("name: gw,", "name: other,"),
        allowing("from: All").replace("Name: istio", "Name: istio-waypoint"),
    ];
    for yaml in gateways {
        let cluster = cluster_on(since(NEW), &format!("{namespace}{yaml}{}{}", set("shop/more"), by_path()));
        let gateway = edge().facts(|facts| facts.proxy = ProxyRole::Gateway);
        let question = Question { destination: gateway, ..get(9000) };
        if yaml.contains("waypoint") {
            allowed(&cluster, &Question { request: None, ..question });
        } else {
            unspecified(&cluster, &question, "no Gateway in the manifests");
        }
    }
    // One that names no Gateway is nobody's.
    let other = set("shop/more").replace("{name: gw,", "{kind: Service, group: '', name: gw,");
    let cluster = cluster_on(since(NEW), &format!("{}{other}{}", allowing("from: All"), by_path()));
    unspecified(&cluster, &get(9000), "no Gateway in the manifests");
    leaves_the_gateway_alone(&cluster);
}

/// Where it is not sure that a set counts, its ports alone are left open.
#[test]
fn a_set_of_which_it_is_not_known_whether_it_counts_opens_its_ports_alone() {
    let perhaps = [
        (since((1, 29, 0)), allowing("from: All"), set("shop/more"), "before 1.30"),
        (since(NEW), allowing("from: Selector, selector: {matchLabels: {team: shop}}"), set("shop/more"), "the labels of the namespace"),
        (
            since(NEW),
            allowing("from: All"),
            set_of("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet", "shop/more", "{name: b, port: 9000, protocol: TCP}"),
            "alpha",
        ),
    ];
    for (platform, gateway, set, reason) in perhaps {
        let (cluster, findings) = read_on(platform, &format!("{gateway}{set}{}", by_path()));
        assert!(findings.is_empty(), "{findings:?}");
        leaves_the_gateway_alone(&cluster);
        unspecified(&cluster, &get(9000), reason);
        unspecified(&cluster, &mtls(&web(), &edge(), 9000).http("GET", "/a"), reason);
        let named = format!("{:?}", cluster.decide(&get(9000)));
        assert!(named.contains("more"), "{named}");
        unspecified(&cluster, &get(81), "no Gateway in the manifests");
        denied(&cluster, &mtls(&web(), &edge(), 81), Gate::Transport);
    }
    // What surely does not count is left open by nothing.
    let cluster = cluster_on(since((1, 29, 0)), &format!("{}{}{}", gateway(""), set("shop/more"), by_path()));
    denied(&cluster, &mtls(&web(), &edge(), 9000), Gate::Transport);
}

/// A listener without a port has that of its protocol; the Gateway says for all what certificates are asked for.
#[test]
fn a_set_leaves_out_what_goes_without_saying() {
    let listeners = "{name: b, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}";
    let of = |gateway: String| {
        let cluster = cluster_on(since(NEW), &format!("{gateway}{}{}", set_of(GROUP, "ListenerSet", "shop/more", listeners), by_path()));
        leaves_the_gateway_alone(&cluster);
        cluster
    };
    allowed(&of(allowing("from: All")), &get(443));
    let asks = allowing("from: All, ").replace(
        "gatewayClassName: istio",
        "gatewayClassName: istio, tls: {frontend: {default: {validation: {caCertificateRefs: [{name: c}]}}}}",
    );
    unspecified(&of(asks), &get(443), "whether the client has one");
}

/// One that cannot be understood leaves gateways open, and nobody else.
#[test]
fn a_set_that_cannot_be_understood_opens_gateways_alone() {
    let unclear = set("shop/more").replace("{name: gw, namespace: edge}", "5");
    let (cluster, findings) = read_on(since(NEW), &format!("{}{unclear}", allowing("from: All")));
    assert_eq!(findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>(), ["unmodelled-kind"]);
    let gateway = edge().facts(|facts| facts.proxy = ProxyRole::Gateway);
    unspecified(&cluster, &Question { destination: gateway, ..get(80) }, "ListenerSet `shop/more` may decide otherwise");
    let sidecar = db().facts(|facts| facts.proxy = ProxyRole::Sidecar);
    allowed(&cluster, &mtls(&web().facts(|facts| facts.proxy = ProxyRole::Sidecar), &sidecar, 80));
    // Of one whose listeners alone cannot be, the Gateway's own ports are known.
    let listeners = set_of(GROUP, "ListenerSet", "shop/more", "{name: b, port: often}");
    let cluster = cluster_on(since(NEW), &format!("{}{listeners}", allowing("from: All")));
    allowed(&cluster, &get(80));
    unspecified(&cluster, &mtls(&web(), &edge(), 9000), "no Gateway in the manifests");
}
