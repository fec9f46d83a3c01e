//! Ambient mode without waypoints: `semantics.md` §2.11, §5.1, §5.4 and the traps of §8.5.

use super::*;

fn client() -> Endpoint {
    ambient("shop", "app=web", "web")
}

fn server() -> Endpoint {
    ambient("shop", "app=db", "db")
}

fn network(spec: &str) -> String {
    object("NetworkPolicy", "shop/db", spec)
}

/// Lets `app=web` in on some ports.
fn lets_web_in(ports: &str) -> String {
    network(&format!(
        "{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}], ports: [{ports}]}}]}}"
    ))
}

#[test]
fn trap_097_the_tunnels_port_is_what_the_network_sees() {
    denied(&cluster(&lets_web_in("{port: 8080}")), &auto(&client(), &server(), 8080), Gate::Ingress);
    allowed(&cluster(&lets_web_in("{port: 15008}")), &auto(&client(), &server(), 8080));
    // Plaintext has its own port.
    allowed(&cluster(&lets_web_in("{port: 8080}")), &auto(&plain("shop", "app=web"), &server(), 8080));
    denied(&cluster(&lets_web_in("{port: 15008}")), &auto(&plain("shop", "app=web"), &server(), 8080), Gate::Ingress);
}

#[test]
fn trap_098_the_tunnels_port_is_every_port() {
    let cluster = cluster(&lets_web_in("{port: 15008}"));
    for port in [80, 9999] {
        allowed(&cluster, &auto(&client(), &server(), port));
    }
    denied(&cluster, &auto(&ambient("shop", "app=x", "x"), &server(), 80), Gate::Ingress);
}

#[test]
fn trap_099_the_client_must_be_let_out_to_the_tunnel() {
    let out = |port: u16| {
        network(&format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{{ports: [{{port: {port}}}]}}]}}"))
    };
    denied(&cluster(&out(8080)), &auto(&client(), &server(), 8080), Gate::Egress);
    allowed(&cluster(&out(15008)), &auto(&client(), &server(), 8080));
}

#[test]
fn identities_in_ambient() {
    let cluster = allow("{from: [{source: {serviceAccounts: [shop/web]}}], to: [{operation: {ports: ['5432']}}]}");
    allowed(&cluster, &auto(&client(), &server(), 5432));
    denied(&cluster, &auto(&client(), &server(), 9999), Gate::Caller);
    denied(&cluster, &auto(&ambient("shop", "", "default"), &server(), 5432), Gate::Caller);
    // Plaintext has none, and outside the mesh nobody asks.
    denied(&cluster, &auto(&plain("shop", "app=web"), &server(), 5432), Gate::Caller);
    allowed(&cluster, &auto(&client(), &plain("shop", "app=db"), 5432));
    assert_eq!(cluster.decide(&auto(&client(), &server(), 5432)).transport, Some(Transport::Mtls));
}

#[test]
fn trap_103_probes_come_from_an_address_of_their_own() {
    let probes =
        Platform { probe_sources: addresses("169.254.7.127/32 fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"), ..Platform::default() };
    let locked = format!("{}{}", policy("{}"), peer_authentication("shop/default", "{mtls: {mode: STRICT}}"));
    let probe = address("169.254.7.127");
    allowed(&cluster_on(probes.clone(), &locked), &tcp(&probe, &server(), 8080));
    // Whether the network has to let them in hangs on the plugin.
    let closed = format!("{locked}{}", lets_web_in("{port: 8080}"));
    let closed = cluster_on(probes.clone(), &closed);
    let verdict = closed.decide(&tcp(&probe, &server(), 8080)).verdict;
    assert!(matches!(&verdict, Verdict::Unspecified(reason) if reason.contains("hangs on the network plugin")), "{verdict:?}");
    // One end that is asked about by itself takes addresses for none of its own node.
    let at_end = closed.end(&server(), Way::Ingress).decide(&probe, Protocol::Tcp, 8080, Transport::Plaintext, None);
    assert_eq!(at_end, Verdict::Denied);
    // To a sidecar it is a stranger in plaintext.
    denied(&cluster_on(probes, &locked), &tcp(&probe, &db(), 8080), Gate::Transport);
}

#[test]
fn trap_104_the_own_node_passes_ztunnel_by() {
    let locked = cluster(&policy("{}"));
    let here = server().on_node("a");
    allowed(&locked, &tcp(&address("10.9.0.1").on_node("a"), &here, 80));
    denied(&locked, &tcp(&address("10.9.0.1").on_node("b"), &here, 80), Gate::Caller);
    let on_host = |node: &str| plain("kube-system", "").on_host_network().on_node(node);
    unspecified(&locked, &tcp(&on_host("a"), &here, 80), "how it is installed");
    denied(&locked, &tcp(&on_host("b"), &here, 80), Gate::Caller);
    unspecified(&locked, &tcp(&plain("kube-system", "").on_host_network(), &here, 80), "own node is not known");
    // In sidecar mode it is an ordinary client.
    denied(&locked, &tcp(&on_host("a"), &db().on_node("a"), 80), Gate::Caller);
    allowed(&cluster(""), &tcp(&on_host("a"), &here, 80));
}

#[test]
fn trap_107_ports_in_the_tunnel_are_the_mesh_alone() {
    let rules = "{rules: [{from: [{source: {serviceAccounts: [shop/web]}}], to: [{operation: {ports: ['80']}}]}]}";
    let both = cluster(&format!("{}{}", lets_web_in("{port: 15008}"), policy(rules)));
    allowed(&both, &auto(&client(), &server(), 80));
    denied(&both, &auto(&client(), &server(), 9090), Gate::Caller);
    // Pods of one account are one caller.
    allowed(&cluster(&policy(rules)), &auto(&ambient("shop", "app=job", "web"), &server(), 80));
}

#[test]
fn trap_111_one_policy_means_what_each_pods_proxy_makes_of_it() {
    let cluster = deny("{to: [{operation: {methods: [DELETE]}}]}");
    denied(&cluster, &auto(&web(), &db(), 5432).service("shop/x", 5432), Gate::Caller);
    allowed(&cluster, &auto(&client(), &server(), 5432));
    allowed(&cluster, &auto(&client(), &plain("shop", ""), 5432));
}

#[test]
fn between_planes_it_hangs_on_the_installation() {
    let by_identity = policy("{rules: [{from: [{source: {namespaces: [shop]}}]}]}");
    let on = |hbone| cluster_on(Platform { hbone_from_sidecars: hbone, ..Platform::default() }, &by_identity);
    for question in [auto(&client(), &db(), 80).service("shop/x", 80), auto(&web(), &server(), 80).service("shop/x", 80)] {
        unspecified(&on(None), &question, "HBONE");
        allowed(&on(Some(true)), &question);
        denied(&on(Some(false)), &question, Gate::Caller);
    }
    // A sidecar that calls a pod's address passes it on as it is.
    denied(&on(Some(true)), &auto(&web(), &server(), 80).by_pod_address(), Gate::Caller);
    let nothing = cluster_on(Platform { hbone_from_sidecars: None, ..Platform::default() }, "");
    allowed(&nothing, &auto(&client(), &db(), 80));
}

#[test]
fn what_the_tunnel_brings_to_a_port_that_is_not_captured() {
    let on = |hbone, yaml: &str| cluster_on(Platform { hbone_from_sidecars: hbone, ..Platform::default() }, yaml);
    let scraped = auto(&client(), &db(), 15020).service("shop/x", 15020);
    // The tunnel ends at the sidecar (§3.3), which lets the port be (§3.2): where its policies would refuse, nobody knows.
    allowed(&on(Some(true), ""), &scraped);
    allowed(&on(Some(true), &policy("{rules: [{from: [{source: {namespaces: [shop]}}]}]}")), &scraped);
    unspecified(&on(Some(true), &policy("{}")), &scraped, "what the tunnel brings");
    unspecified(&on(Some(true), &policy("{action: DENY, rules: [{}]}")), &scraped, "what the tunnel brings");
    // Without the tunnel it comes in plaintext, past the sidecar.
    allowed(&on(Some(false), &policy("{}")), &scraped);
    denied(&on(Some(false), ""), &mtls(&client(), &db(), 15020), Gate::Transport);
}

#[test]
fn ztunnels_own_ports_are_no_applications() {
    denied(&cluster(""), &mtls(&client(), &server(), 15008), Gate::Transport);
    unspecified(&cluster(""), &mtls(&client(), &server(), 15006), "own ports");
    allowed(&cluster(""), &mtls(&client(), &server(), 15020));
}

/// Who calls by tunnels goes by the label of the pod that is called.
#[test]
fn a_pod_that_says_otherwise_of_tunnels_than_it_is_taken_for_is_left_open() {
    const SAYS: &str = "networking.istio.io/tunnel";
    let on = |hbone| {
        cluster_on(Platform { hbone_from_sidecars: hbone, ..Platform::default() }, &peer_authentication("shop/s", "{mtls: {mode: STRICT}}"))
    };
    let (client, sidecar) = (ambient("shop", "app=web", "web"), web());
    let outside = |says: &str| plain("old", &format!("app=old,{SAYS}={says}"));
    let inside = |says: &str| meshed("shop", &format!("app=db,{SAYS}={says}"), "db");
    // Of a pod outside the mesh, callers in ambient mode and sidecars believe it; nobody knows whether it is so.
    for from in [&client, &sidecar] {
        let to = |says: &str| auto(from, &outside(says), 80).service("old/old", 80);
        unspecified(&on(Some(true)), &to("http"), "`networking.istio.io/tunnel`");
        allowed(&on(Some(true)), &to("none"));
    }
    allowed(&on(Some(true)), &auto(&sidecar, &outside("http"), 80).by_pod_address());
    allowed(&on(Some(false)), &auto(&sidecar, &outside("http"), 80).service("old/old", 80));
    allowed(&on(Some(true)), &auto(&plain("old", ""), &outside("http"), 80));
    // A sidecar keeps the label that is there already, and is called in plaintext by who does not read the tunnel in it.
    allowed(&on(Some(true)), &auto(&client, &inside("http"), 80));
    unspecified(&on(Some(true)), &auto(&client, &inside("none"), 80), "`networking.istio.io/tunnel`");
    denied(&on(Some(false)), &auto(&client, &inside("none"), 80), Gate::Transport);
    // Where no sidecar listens for tunnels, one that says it does gets nothing by them.
    let lenient = cluster_on(Platform { hbone_from_sidecars: Some(false), ..Platform::default() }, "");
    denied(&on(Some(false)), &auto(&client, &inside("http"), 80), Gate::Transport);
    unspecified(&lenient, &auto(&client, &inside("http"), 80), "`networking.istio.io/tunnel`");
    allowed(&lenient, &auto(&client, &inside("none"), 80));
    // An end says the same by itself.
    let outside = outside("http");
    let mesh = on(Some(true));
    let end = mesh.end(&outside, Way::Ingress);
    let arrives = |from: &Endpoint, transport| end.decide(from, Protocol::Tcp, 80, transport, None);
    assert!([Transport::Plaintext, Transport::Mtls].iter().all(|one| matches!(arrives(&client, *one), Verdict::Unspecified(_))));
    assert_eq!(arrives(&sidecar, Transport::Plaintext), Verdict::Allowed, "the pod's own address is called as it is");
    // Ambient mode itself is the tunnel.
    allowed(&on(Some(true)), &auto(&client, &ambient("shop", &format!("app=db,{SAYS}=none"), "db"), 80));
}
