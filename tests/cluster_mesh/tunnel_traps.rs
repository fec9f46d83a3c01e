//! Pods whose Envoy runs as `proxy waypoint`: waypoints, and the east-west gateways of ambient mode, which are made of the same template
//! (istio/istio : manifests/charts/istio-control/istio-discovery/files/waypoint.yaml). What they listen on is the port of the tunnel, with
//! the mesh's mTLS alone (`pilot/pkg/networking/core/listener_waypoint.go`, `buildWaypointInboundConnectTerminate`).

use super::*;

/// Such pods as Istio renders them.
fn rendered(class: &str) -> String {
    let name = "gateway.networking.k8s.io/gateway-name: tunnel";
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: edge}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: tunnel, namespace: edge}}\n\
         spec: {{template: {{metadata: {{labels: {{{name}, gateway.networking.k8s.io/gateway-class-name: {class}, \
         istio.io/dataplane-mode: none, sidecar.istio.io/inject: 'false'}}}}, \
         spec: {{serviceAccountName: tunnel, containers: [{{name: istio-proxy, image: istio/proxyv2, args: [proxy, waypoint, --domain, d]}}]}}}}}}\n"
    )
}

fn gateway(class: &str, listeners: &str) -> String {
    object("Gateway", "edge/tunnel", &format!("{{gatewayClassName: {class}, listeners: [{listeners}]}}"))
}

const HBONE: &str = "{name: mesh, port: 15008, protocol: HBONE, tls: {mode: Terminate}}";

/// The only workload of these manifests.
fn one(cluster: &Cluster) -> Endpoint {
    let [workload] = cluster.workloads() else { panic!("{:?}", cluster.workloads()) };
    workload.endpoint.clone()
}

fn clients() -> [Endpoint; 4] {
    [
        address("203.0.113.5"),
        meshed("shop", "app=web", "web"),
        ambient("shop", "app=web", "web"),
        pod("shop", "app=web", "web", DataPlane::None),
    ]
}

/// Says that plaintext does not get into the tunnel, and that nobody knows where mTLS comes out.
fn takes_only_the_tunnel(cluster: &Cluster, tunnel: &Endpoint) {
    for client in clients() {
        let question = tcp(&client, tunnel, 15008);
        denied(cluster, &question, Gate::Transport);
        let why = format!("{:?}", cluster.decide(&question));
        assert!(why.contains("takes only the tunnel, which is mTLS"), "{why}");
        denied(cluster, &auto(&client, tunnel, 15008).by_pod_address(), Gate::Transport);
    }
    for client in [meshed("shop", "app=web", "web"), ambient("shop", "app=web", "web")] {
        unspecified(cluster, &mtls(&client, tunnel, 15008), "whom its client names");
    }
    denied(cluster, &mtls(&pod("shop", "app=web", "web", DataPlane::None), tunnel, 15008), Gate::Transport);
}

/// Its own ports, and those on which nothing listens, are as on a gateway.
fn has_nothing_else(cluster: &Cluster, tunnel: &Endpoint) {
    for port in [15020, 15021, 15090, 8080] {
        allowed(cluster, &tcp(&address("203.0.113.5"), tunnel, port));
        for client in [meshed("shop", "app=web", "web"), ambient("shop", "app=web", "web")] {
            denied(cluster, &mtls(&client, tunnel, port), Gate::Transport);
            allowed(cluster, &auto(&client, tunnel, port).by_pod_address());
        }
    }
}

#[test]
fn a_rendered_waypoint_takes_only_the_tunnel() {
    let strict = peer_authentication("istio-system/default", "{mtls: {mode: STRICT}}");
    for (class, more) in [
        ("istio-waypoint", String::new()),
        ("istio-waypoint", gateway("istio-waypoint", HBONE)),
        ("istio-east-west", gateway("istio-east-west", HBONE)),
    ] {
        for mode in ["", &strict] {
            let cluster = cluster(&format!("{}{more}{mode}", rendered(class)));
            let tunnel = one(&cluster);
            takes_only_the_tunnel(&cluster, &tunnel);
            has_nothing_else(&cluster, &tunnel);
        }
    }
}

/// Without its Gateway it may listen elsewhere, too: what is the same either way is decided.
#[test]
fn an_east_west_gateway_without_its_gateway_takes_only_the_tunnel() {
    let cluster = cluster(&rendered("istio-east-west"));
    let tunnel = one(&cluster);
    takes_only_the_tunnel(&cluster, &tunnel);
    allowed(&cluster, &tcp(&address("203.0.113.5"), &tunnel, 8080));
    unspecified(&cluster, &mtls(&web(), &tunnel, 8080), "no Gateway in the manifests");
    denied(&cluster, &mtls(&web(), &tunnel, 15021), Gate::Transport);
}

/// Selector policies do nothing to them (`semantics.md` §2.11), nor what Istio's own `Gateway`s and `Sidecar`s say: these are of routers
/// and sidecars alone (`SetGatewaysForProxy`, `SetSidecarScope`).
#[test]
fn what_is_said_of_sidecars_and_gateways_is_nothing_to_a_waypoint() {
    let nothing = object("AuthorizationPolicy", "edge/p", "{rules: []}");
    let of_all = "{selector: {}, servers: [{port: {number: 8080, name: a, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}]}";
    let classic = labelled("networking.istio.io/v1", "Gateway", "edge/gw", "{}", of_all);
    let sidecar = labelled("networking.istio.io/v1", "Sidecar", "edge/default", "{}", "{egress: [{hosts: [./*]}]}");
    let cluster = cluster(&format!("{}{nothing}{classic}{sidecar}", rendered("istio-waypoint")));
    let tunnel = one(&cluster);
    takes_only_the_tunnel(&cluster, &tunnel);
    has_nothing_else(&cluster, &tunnel);
}

/// A pod of which only its labels are known is an east-west gateway by the Gateway whose name it carries.
#[test]
fn a_pod_is_an_east_west_gateway_by_the_name_of_its_gateway() {
    let tunnel = meshed("edge", "gateway.networking.k8s.io/gateway-name=tunnel", "tunnel");
    for class in ["istio-east-west", "istio-waypoint"] {
        takes_only_the_tunnel(&cluster(&gateway(class, HBONE)), &tunnel);
    }
    let other = meshed("shop", "gateway.networking.k8s.io/gateway-name=tunnel", "tunnel");
    let cluster = cluster(&gateway("istio-east-west", HBONE));
    allowed(&cluster, &mtls(&web(), &other, 8080));
}

/// Listeners of an east-west gateway on other ports are those of a gateway in newer versions alone (`gateway_collection.go`).
#[test]
fn other_listeners_of_an_east_west_gateway_are_left_open() {
    let tls = "{name: tls, port: 15443, protocol: TLS, tls: {mode: Passthrough}}";
    let cluster = cluster(&format!("{}{}", rendered("istio-east-west"), gateway("istio-east-west", &format!("{HBONE}, {tls}"))));
    let tunnel = one(&cluster);
    takes_only_the_tunnel(&cluster, &tunnel);
    has_nothing_else(&cluster, &tunnel);
    unspecified(&cluster, &tcp(&address("203.0.113.5"), &tunnel, 15443), "another port than that of the tunnel");
    unspecified(&cluster, &mtls(&web(), &tunnel, 15443), "another port than that of the tunnel");
    // Where its listeners cannot be understood, any port may be one.
    let unclear = super::cluster(&format!("{}{}", rendered("istio-east-west"), gateway("istio-east-west", "{name: mesh}")));
    let tunnel = one(&unclear);
    takes_only_the_tunnel(&unclear, &tunnel);
    unspecified(&unclear, &tcp(&address("203.0.113.5"), &tunnel, 8080), "another port than that of the tunnel");
    allowed(&unclear, &tcp(&address("203.0.113.5"), &tunnel, 15021));
    // A waypoint has none.
    let none = super::cluster(&format!("{}{}", rendered("istio-waypoint"), gateway("istio-waypoint", &format!("{HBONE}, {tls}"))));
    allowed(&none, &tcp(&address("203.0.113.5"), &one(&none), 15443));
}

/// It calls as who it is: its Envoy has the identity of its pod.
#[test]
fn an_east_west_gateway_calls_as_a_workload_of_the_mesh() {
    let only = object("AuthorizationPolicy", "shop/db", "{rules: [{from: [{source: {principals: [cluster.local/ns/edge/sa/tunnel]}}]}]}");
    let cluster = cluster(&format!("{}{only}", rendered("istio-east-west")));
    allowed(&cluster, &mtls(&one(&cluster), &db(), 5432));
}
