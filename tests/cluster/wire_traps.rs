//! The traps of `semantics.md` §8.5 that the network gate shows: which hop, and which port of it, a policy judges.

use super::{
    Changed, addresses, allowed, cluster, cluster_on, denied, end, lets_in, lets_out, object, platform, policy, question, unspecified,
};
use twogate::cluster::{Cluster, Endpoint, Gate, Platform};
use twogate::flow::{DataPlane, Transport, Verdict};

/// What the network gate says at one end of a connection over mTLS.
fn network(cluster: &Cluster, gate: Gate, source: &Endpoint, destination: &Endpoint, port: &str) -> Verdict {
    let mut asked = question(source, destination, port);
    asked.transport = Some(Transport::Mtls);
    let steps = cluster.decide(&asked).steps;
    steps.into_iter().find(|step| step.gate == gate).unwrap().verdict
}

fn ambient(text: &str) -> Endpoint {
    end(text).plane(DataPlane::Ambient)
}

fn sidecar(text: &str) -> Endpoint {
    end(text).plane(DataPlane::Sidecar)
}

#[test]
fn trap_097_the_tunnel_is_what_an_ambient_servers_policy_sees() {
    let (web, db) = (ambient("app=web@shop"), ambient("app=db@shop"));
    let at = |rule: &str| network(&cluster(&lets_in(rule)), Gate::Ingress, &web, &db, "8080");
    assert_eq!(at("{ports: [{port: 8080}]}"), Verdict::Denied);
    assert_eq!(at("{ports: [{port: 15008}]}"), Verdict::Allowed);
    let sidecars = cluster(&lets_in("{ports: [{port: 8080}]}"));
    assert_eq!(network(&sidecars, Gate::Ingress, &sidecar("app=web@shop"), &sidecar("app=db@shop"), "8080"), Verdict::Allowed);
}

#[test]
fn trap_098_a_tunnel_without_peers_is_open_to_every_pod_and_port() {
    let rules = "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}, {ports: [{port: 15008}]}";
    let cluster = cluster(&lets_in(rules));
    for (source, port) in [("app=web@shop", "8080"), ("app=other@shop", "8080"), ("app=other@elsewhere", "9999")] {
        assert_eq!(network(&cluster, Gate::Ingress, &ambient(source), &ambient("app=db@shop"), port), Verdict::Allowed, "{source} {port}");
    }
    denied(&cluster, &end("app=other@shop"), &ambient("app=db@shop"), "8080");
}

#[test]
fn trap_099_an_ambient_clients_egress_is_to_the_tunnel() {
    let (web, db) = (ambient("app=web@shop"), ambient("app=db@pay"));
    let at = |rule: &str| network(&cluster(&lets_out(rule)), Gate::Egress, &web, &db, "8080");
    assert_eq!(at("{ports: [{port: 8080}]}"), Verdict::Denied);
    assert_eq!(at("{ports: [{port: 15008}]}"), Verdict::Allowed);
}

#[test]
fn trap_101_behind_a_proxy_the_proxy_is_the_source() {
    let cluster = cluster(&lets_in("{from: [{podSelector: {matchLabels: {app: web}}}]}"));
    allowed(&cluster, &end("app=web@shop"), &end("app=db@shop"), "80");
    denied(&cluster, &end("istio=ingressgateway@istio-system"), &end("app=db@shop"), "80");
    denied(&cluster, &end("gateway.networking.k8s.io/gateway-name=waypoint@shop"), &end("app=db@shop"), "80");
}

#[test]
fn trap_102_an_open_port_of_an_ambient_pod_is_a_way_for_plaintext() {
    let cluster = cluster(&lets_in("{ports: [{port: 8080}]}"));
    let answer = question(&end("app=other@elsewhere"), &ambient("app=db@shop"), "8080");
    let ingress = cluster.decide(&answer).steps.into_iter().find(|step| step.gate == Gate::Ingress).unwrap();
    assert_eq!(ingress.verdict, Verdict::Allowed);
}

#[test]
fn trap_103_probes_of_ambient_pods_come_from_an_address_of_their_own() {
    let probe = end("169.254.7.127");
    let on = |yaml: &str| cluster_on(Platform { probe_sources: addresses("169.254.7.127/32"), ..platform() }, yaml);
    // Some plugins take it for the pod's own node, which is always admitted, and others do not.
    let closed = on(&policy("p", "{policyTypes: [Ingress]}"));
    unspecified(&closed, &probe, &ambient("app=db@shop"), "8080", "of the pod's own node");
    denied(&closed, &end("169.254.7.126"), &ambient("app=db@shop"), "8080");
    denied(&closed, &probe, &sidecar("app=db@shop"), "8080");
    denied(&closed, &probe, &end("app=db@shop"), "8080");
    denied(&closed, &probe, &ambient("app=db@shop"), "8080/udp");
    let admits = on(&lets_in("{from: [{ipBlock: {cidr: 169.254.7.127/32}}], ports: [{port: 8080}]}"));
    let ingress = admits.decide(&question(&probe, &ambient("app=db@shop"), "8080")).steps;
    assert_eq!(ingress.first().map(|step| &step.verdict), Some(&Verdict::Allowed));
}

#[test]
fn trap_104_a_process_of_the_pods_node_passes_the_network_gate() {
    let cluster = cluster(&policy("p", "{policyTypes: [Ingress]}"));
    let db = ambient("app=db@shop").on_node("n1");
    let host = end("app=agent@kube-system").on_host_network();
    let ingress = |source: Endpoint| {
        let steps = cluster.decide(&question(&source, &db, "8080")).steps;
        steps.into_iter().find(|step| step.gate == Gate::Ingress).unwrap().verdict
    };
    assert_eq!(ingress(host.clone().on_node("n1")), Verdict::Allowed);
    assert_eq!(ingress(host.on_node("n2")), Verdict::Denied);
}

#[test]
fn trap_105_a_closed_egress_cuts_a_sidecar_from_its_control_plane() {
    let istiod = end("app=istiod@istio-system");
    denied(&cluster(&policy("p", "{policyTypes: [Egress]}")), &sidecar("app=web@shop"), &istiod, "15012");
    let opened = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}}], ports: [{port: 15012}]}";
    allowed(&cluster(&lets_out(opened)), &sidecar("app=web@shop"), &istiod, "15012");
}

#[test]
fn trap_110_udp_keeps_its_port_in_every_plane() {
    let cluster = cluster(&lets_in("{ports: [{protocol: UDP, port: 53}]}"));
    allowed(&cluster, &ambient("app=web@shop"), &ambient("app=dns@shop"), "53/udp");
    denied(&cluster, &ambient("app=web@shop"), &ambient("app=dns@shop"), "54/udp");
}

#[test]
fn trap_111_each_pod_of_a_namespace_has_its_own_mode() {
    let pod = |name: &str, labels: &str, spec: &str| {
        format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: mixed, labels: {labels}}}\nspec: {spec}\n")
    };
    let plain = "{containers: [{name: a, image: a}]}";
    let yaml = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: mixed, labels: {istio.io/dataplane-mode: ambient}}\n".to_owned(),
        pod("ambient", "{app: a}", plain),
        pod("host", "{app: a}", "{hostNetwork: true, containers: [{name: a, image: a}]}"),
        pod("injected", "{app: a}", "{containers: [{name: a, image: a}, {name: istio-proxy, image: istio/proxyv2}]}"),
        pod("none", "{app: a, istio.io/dataplane-mode: none}", plain),
    ];
    let planes = |yaml: &[String]| {
        let cluster = cluster(&yaml.concat());
        let plane = |workload| (super::workloads::pod(workload).plane, cluster::Workload::clone(workload).name.to_string());
        cluster.workloads().iter().map(plane).collect::<Vec<_>>()
    };
    let (ambient, sidecar, none) = (DataPlane::Ambient, DataPlane::Sidecar, DataPlane::None);
    let wanted =
        |planes: [DataPlane; 4]| planes.into_iter().zip(["ambient", "host", "injected", "none"].map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(planes(&yaml), wanted([ambient, none, sidecar, none]));
    // Where the namespace says nothing, its pods' own labels do: one that asks for ztunnel is none of those that the default is for.
    let own = pod("own", "{app: a, istio.io/dataplane-mode: ambient}", plain);
    assert_eq!(planes(std::slice::from_ref(&own)), [(ambient, "own".to_owned())]);
    // Where it is injected, the sidecar wins.
    let injected = "apiVersion: v1\nkind: Namespace\nmetadata: {name: mixed, labels: {istio-injection: enabled}}\n".to_owned();
    assert_eq!(planes(&[injected, own]), [(sidecar, "own".to_owned())]);
}

#[test]
fn trap_112_pods_that_no_service_knows_are_selected_all_the_same() {
    let pod = |name: &str, status: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: web}}}}\nspec: {{containers: []}}\nstatus: {status}\n"
        )
    };
    let service = object("v1", "Service", "web", "{selector: {app: other}, ports: [{port: 80}]}");
    let yaml =
        format!("{}{}{service}{}", pod("ready", "{phase: Running}"), pod("starting", "{phase: Pending}"), lets_in("{ports: [{port: 80}]}"));
    let cluster = cluster(&yaml);
    assert_eq!(cluster.workloads().len(), 2);
    for workload in cluster.workloads() {
        denied(&cluster, &end("203.0.113.7"), &workload.endpoint, "81");
        let steps = cluster.decide(&question(&end("203.0.113.7"), &workload.endpoint, "80")).steps;
        assert_eq!(steps[0].verdict, Verdict::Allowed);
    }
}
