//! Services as they are called: headless ones, ports of nodes, load balancers, and those behind which nobody stands.

use super::Files;
use twogate::flow::Verdict;

const NO_MESH: &str = "[mesh]\nmode = \"none\"\n";

/// What runs: `a` listens on 8080, `b` calls.
const RUNNING: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: s}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a, namespace: s}
spec:
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b, namespace: s}
spec:
  template:
    metadata: {labels: {app: b}}
    spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: Hostname, address: n1}]}
---
";

fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: s}}\nspec: {spec}\n---\n")
}

/// A policy that lets into `a` whoever is named, on a port.
fn lets_in(from: &str, port: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: s}}\n\
         spec: {{podSelector: {{matchLabels: {{app: a}}}}, ingress: [{{from: [{from}], ports: [{{port: {port}}}]}}]}}\n"
    )
}

const FROM_B: &str = "{podSelector: {matchLabels: {app: b}}}";
const FROM_CLIENTS: &str = "{ipBlock: {cidr: 203.0.113.0/24}}";

fn verdict(manifests: &str, config: &str, flow: &str) -> Verdict {
    let answer = Files { manifests, config, ..Files::default() }.ask(flow);
    assert!(answer.errors().is_empty(), "{flow}: {:?}", answer.errors());
    answer.verdict().cloned().unwrap_or_else(|| panic!("{flow}: no one verdict"))
}

fn is_open(manifests: &str, config: &str, flow: &str, reason: &str) {
    let Verdict::Unspecified(why) = verdict(manifests, config, flow) else { panic!("{flow}: {:?}", verdict(manifests, config, flow)) };
    assert!(why.contains(reason), "{flow}: {why}");
}

fn notes(manifests: &str, config: &str, flow: &str) -> String {
    Files { manifests, config, ..Files::default() }.page(flow)
}

/// Nobody translates the port of a Service without an address (kubernetes/kubernetes#20488).
#[test]
fn a_headless_service_leads_to_the_port_that_is_called() {
    for target in ["8080", "web"] {
        let headless = service("hl", &format!("{{clusterIP: None, selector: {{app: a}}, ports: [{{port: 80, targetPort: {target}}}]}}"));
        let lets = |port: &str| format!("{RUNNING}{headless}{}", lets_in(FROM_B, port));
        for flow in ["app=b@s -> svc/hl@s:80", "app=b@s -> svc/hl@s", "app=b@s -> http://hl.s.svc.cluster.local/", "b@s -> hl@s:80"] {
            assert_eq!(verdict(&lets("8080"), NO_MESH, flow), Verdict::Denied, "{flow} {target}");
            assert_eq!(verdict(&lets("80"), NO_MESH, flow), Verdict::Allowed, "{flow} {target}");
            assert_eq!(verdict(&lets("web"), NO_MESH, flow), Verdict::Denied, "{flow} {target}");
        }
        // The pods take a call on whichever port they listen, declared by the Service or not.
        assert_eq!(verdict(&lets("8080"), NO_MESH, "app=b@s -> svc/hl@s:8080"), Verdict::Allowed);
        assert_eq!(verdict(&lets("80"), NO_MESH, "app=b@s -> svc/hl@s:8080"), Verdict::Denied);
    }
    let usual = service("hl", "{selector: {app: a}, ports: [{port: 80, targetPort: 8080}]}");
    assert_eq!(verdict(&format!("{RUNNING}{usual}{}", lets_in(FROM_B, "8080")), NO_MESH, "app=b@s -> svc/hl@s:80"), Verdict::Allowed);
}

/// Nor does a sidecar: it keeps the address that is called (istio/istio#37405, istio/istio#51908). A gateway chooses the pod itself.
#[test]
fn a_headless_service_is_called_alike_in_a_mesh() {
    let meshed = RUNNING.replacen("{name: s}", "{name: s, labels: {istio-injection: enabled}}", 1);
    let gateway = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gw, namespace: s}\nspec:\n  template:\n    \
                   metadata: {labels: {app: b, role: gw}, annotations: {inject.istio.io/templates: gateway}}\n    \
                   spec: {containers: [{name: istio-proxy, image: auto}]}\n---\n";
    let headless = service("hl", "{clusterIP: None, selector: {app: a}, ports: [{name: tcp-x, port: 80, targetPort: 8080}]}");
    let lets = |port: &str| format!("{meshed}{gateway}{headless}{}", lets_in(FROM_B, port));
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: s}\nspec: {mtls: {mode: STRICT}}\n";
    let flow = "deploy/b@s -> svc/hl@s:80";
    assert_eq!(verdict(&lets("8080"), "", flow), Verdict::Denied);
    assert_eq!(verdict(&format!("{}{strict}", lets("80")), "", flow), Verdict::Allowed, "the sidecar speaks mTLS on a port of the Service");
    assert_eq!(verdict(&format!("{}{strict}", lets("8080")), "", "deploy/b@s -> svc/hl@s:8080"), Verdict::Denied, "and on no other");
    assert_eq!(verdict(&lets("8080"), "", "deploy/gw@s -> svc/hl@s:80"), Verdict::Allowed);
    assert_eq!(verdict(&lets("80"), "", "deploy/gw@s -> svc/hl@s:80"), Verdict::Denied);
}

const BALANCED: &str = "{type: LoadBalancer, POLICY selector: {app: a}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}], \
                        clusterIP: 10.96.0.4, externalIPs: [198.51.100.7]}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.50}]}}";

fn balanced(policy: &str) -> String {
    format!("{RUNNING}{}{}", service("lb", &BALANCED.replace("POLICY", policy)), lets_in(FROM_CLIENTS, "8080"))
}

/// Which address arrives is the cluster's affair (`semantics.md` §1.6).
#[test]
fn who_calls_from_outside_may_arrive_as_somebody_else() {
    let reason = "with which address the caller arrives is not known";
    for flow in [
        "203.0.113.9 -> svc/lb@s:80",
        "203.0.113.9 -> 203.0.113.50:80",
        "203.0.113.9 -> 198.51.100.7:80",
        "203.0.113.9 -> 192.168.0.1:30080",
        "198.18.0.1 -> svc/lb@s:80",
    ] {
        is_open(&balanced(""), NO_MESH, flow, reason);
        is_open(&balanced("externalTrafficPolicy: Cluster,"), NO_MESH, flow, reason);
        let kept = if flow.starts_with("203") { Verdict::Allowed } else { Verdict::Denied };
        assert_eq!(verdict(&balanced("externalTrafficPolicy: Local,"), NO_MESH, flow), kept, "{flow}");
        let config = |source: &str| format!("{NO_MESH}[ingress]\nsource = {source}\n[cluster]\nnode-cidrs = [\"192.168.0.0/24\"]\n");
        assert_eq!(verdict(&balanced(""), &config("\"client\""), flow), kept, "{flow}");
        is_open(&balanced(""), &config("\"nodes\""), flow, "the pod's own node");
        assert_eq!(verdict(&balanced("externalTrafficPolicy: Local,"), &config("\"nodes\""), flow), kept, "{flow}");
        assert_eq!(verdict(&balanced(""), &config("[\"203.0.113.128/28\"]"), flow), Verdict::Allowed, "{flow}");
        is_open(&balanced(""), &config("[\"203.0.113.128/28\", \"192.0.2.7/32\"]"), flow, "which of these addresses");
    }
    // What arrives is asked about as it is; and whoever is judged alike whatever the address, is judged.
    assert_eq!(verdict(&balanced(""), NO_MESH, "203.0.113.9 -> app=a@s:8080"), Verdict::Allowed);
    let open = balanced("").replace("203.0.113.0/24", "0.0.0.0/0");
    assert_eq!(verdict(&open, NO_MESH, "203.0.113.9 -> svc/lb@s:80"), Verdict::Allowed);
    let closed = balanced("").replace(FROM_CLIENTS, FROM_B);
    is_open(&closed, NO_MESH, "203.0.113.9 -> svc/lb@s:80", "the pod's own node");
    // A Service with an address inside alone is called from inside.
    let inside =
        balanced("").replace("type: LoadBalancer, ", "").replace("externalIPs: [198.51.100.7]", "").replace("{ip: 203.0.113.50}", "");
    assert_eq!(verdict(&inside, NO_MESH, "203.0.113.9 -> svc/lb@s:80"), Verdict::Allowed);
}

/// A load balancer's Service of `s` with a mode of its address, and a policy for what leaves `b`.
fn left_for(mode: &str, traffic: &str, to: &str) -> String {
    let spec = BALANCED.replace("POLICY", traffic).replace("203.0.113.50", &format!("203.0.113.50{mode}"));
    format!(
        "{RUNNING}{}apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: out, namespace: s}}\n\
         spec: {{podSelector: {{matchLabels: {{app: b}}}}, policyTypes: [Egress], egress: [{{to: [{to}], ports: [{{port: 8080}}]}}]}}\n",
        service("lb", &spec)
    )
}

/// Nodes take the address of a load balancer for the Service's own, so that it is translated where the caller is, and the pod is what
/// policies see that name pods (`semantics.md` §1.6; kubernetes/kubernetes : pkg/proxy/iptables/proxier.go, the rules for
/// `LoadBalancerVIPs`). One that is a proxy makes its own connections, and nodes need not translate its address (KEP-1860).
#[test]
fn policies_that_name_pods_are_enough_for_a_load_balancers_address_unless_that_is_a_proxy() {
    const FLOW: &str = "deploy/b@s -> 203.0.113.50:80";
    let (pods, others) = ("{podSelector: {matchLabels: {app: a}}}", "{podSelector: {matchLabels: {app: z}}}");
    let blocks = ["{ipBlock: {cidr: 203.0.113.0/24}}", "{ipBlock: {cidr: 0.0.0.0/0}}"];
    let sees = "policies tell apart what leaves b for the address of the node or that of the pod behind it";
    for traffic in ["", "externalTrafficPolicy: Local,"] {
        for mode in ["", ", ipMode: VIP", ", ipMode: Proxy"] {
            let left = |to: &str| left_for(mode, traffic, to);
            if mode.ends_with("Proxy") {
                is_open(&left(pods), NO_MESH, FLOW, sees);
            } else {
                assert_eq!(verdict(&left(pods), NO_MESH, FLOW), Verdict::Allowed, "{mode} {traffic}");
            }
            for block in blocks {
                is_open(&left(block), NO_MESH, FLOW, sees);
            }
            assert_eq!(verdict(&left(others), NO_MESH, FLOW), Verdict::Denied, "{mode} {traffic}");
        }
        // What every node takes is translated, and a load balancer beside it changes nothing.
        let external = left_for(", ipMode: Proxy", traffic, pods);
        assert_eq!(verdict(&external, NO_MESH, "deploy/b@s -> 198.51.100.7:80"), Verdict::Allowed, "{traffic}");
        assert_eq!(verdict(&external, NO_MESH, "deploy/b@s -> svc/lb@s:80"), Verdict::Allowed, "{traffic}");
    }
}

/// A proxy puts its own address in the place of a caller's, whatever `externalTrafficPolicy` says.
#[test]
fn a_load_balancer_that_is_a_proxy_keeps_nobodys_address() {
    let local = |mode: &str, from: &str| {
        let balanced = balanced("externalTrafficPolicy: Local,").replace(FROM_CLIENTS, from);
        balanced.replace("203.0.113.50", &format!("203.0.113.50{mode}"))
    };
    let reason = "with which address the caller arrives is not known";
    for (flow, from) in [
        ("203.0.113.9 -> svc/lb@s:80", FROM_CLIENTS),
        ("203.0.113.9 -> 203.0.113.50:80", FROM_CLIENTS),
        ("deploy/b@s -> 203.0.113.50:80", FROM_B),
    ] {
        assert_eq!(verdict(&local(", ipMode: VIP", from), NO_MESH, flow), Verdict::Allowed, "{flow}");
        is_open(&local(", ipMode: Proxy", from), NO_MESH, flow, reason);
        assert!(!notes(&local(", ipMode: Proxy", from), NO_MESH, flow).contains("keeps the caller's address"), "{flow}");
    }
    // Its other addresses are no proxies.
    let external = local(", ipMode: Proxy", FROM_CLIENTS);
    assert_eq!(verdict(&external, NO_MESH, "203.0.113.9 -> 198.51.100.7:80"), Verdict::Allowed);
}

/// Where a load balancer is told from where it takes calls, who is elsewhere may be refused, in the cluster too: nodes hold that against
/// whoever calls its address (kubernetes/kubernetes : pkg/proxy/iptables/proxier.go, the chains `KUBE-FW`).
#[test]
fn who_is_not_in_the_ranges_of_a_load_balancer_may_be_refused() {
    let left = |ranges: &str| left_for("", &format!("loadBalancerSourceRanges: [{ranges}],"), "{podSelector: {}}");
    let admitted = "203.0.113.0/24, 198.18.0.0/15";
    let reason = "the `loadBalancerSourceRanges` of Service s/lb do not hold the caller for sure";
    for flow in ["deploy/b@s -> 203.0.113.50:80", "192.0.2.1 -> 203.0.113.50:80", "192.0.2.1 -> svc/lb@s:80", "internet -> svc/lb@s:80"] {
        assert_eq!(verdict(&left(""), NO_MESH, flow), Verdict::Allowed, "{flow}");
        is_open(&left(admitted), NO_MESH, flow, reason);
        assert_eq!(verdict(&left("0.0.0.0/0, '::/0'"), NO_MESH, flow), Verdict::Allowed, "{flow}");
    }
    for flow in [
        "203.0.113.9 -> 203.0.113.50:80",
        "203.0.113.9 -> svc/lb@s:80",
        "198.18.0.0/16 -> svc/lb@s:80",
        // Nothing of this is a call of the load balancer.
        "deploy/b@s -> svc/lb@s:80",
        "deploy/b@s -> 10.96.0.4:80",
        "192.0.2.1 -> 198.51.100.7:80",
    ] {
        assert_eq!(verdict(&left(admitted), NO_MESH, flow), Verdict::Allowed, "{flow}");
    }
    let pods = format!("{NO_MESH}[cluster]\npod-cidrs = [\"10.1.0.0/16\"]\n");
    for (ranges, is_admitted) in [("10.0.0.0/8", true), ("10.1.2.0/24", false)] {
        let Verdict::Allowed = verdict(&left(ranges), &pods, "deploy/b@s -> 203.0.113.50:80") else {
            assert!(!is_admitted, "{ranges}");
            continue;
        };
        assert!(is_admitted, "{ranges}");
    }
    let denied = left(admitted) + "---\n" + &lets_in(FROM_CLIENTS, "9");
    is_open(&denied, NO_MESH, "192.0.2.1 -> 203.0.113.50:80", "the pod's own node");
    let local = denied.replace("{type: LoadBalancer,", "{type: LoadBalancer, externalTrafficPolicy: Local,");
    assert_eq!(verdict(&local, NO_MESH, "192.0.2.1 -> 203.0.113.50:80"), Verdict::Denied);
}

/// What policies look at is not the address alone: those of the mesh see what arrives, too.
#[test]
fn a_gateway_sees_the_address_that_arrives() {
    let manifests = "\
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gw, namespace: edge}
spec:
  template:
    metadata: {labels: {istio: ingressgateway}, annotations: {inject.istio.io/templates: gateway, sidecar.istio.io/inject: 'true'}}
    spec: {containers: [{name: istio-proxy, image: auto, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: edge}
spec: {type: LoadBalancer, selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ip, namespace: edge}
spec: {action: ALLOW, rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]}
";
    let flow = "203.0.113.9 -> svc/gw@edge:80 GET /";
    is_open(manifests, "", flow, "with which address the caller arrives is not known");
    let nodes = "[ingress]\nsource = \"nodes\"\n[cluster]\nnode-cidrs = [\"192.168.0.0/24\"]\n";
    assert_eq!(verdict(manifests, nodes, flow), Verdict::Denied);
    let nodes = "[ingress]\nsource = \"nodes\"\n";
    is_open(manifests, nodes, flow, "`node-cidrs`");
    let local = manifests.replace("type: LoadBalancer", "type: LoadBalancer, externalTrafficPolicy: Local");
    assert_eq!(verdict(&local, "", flow), Verdict::Allowed);
}

/// A port of a node is that of a Service, and nobody's of the node.
#[test]
fn a_node_port_leads_to_the_pods_of_its_service() {
    let node_port = |policy: &str| {
        service(
            "np",
            &format!("{{type: NodePort, {policy} selector: {{app: a}}, ports: [{{port: 80, targetPort: web, nodePort: 31080}}]}}"),
        )
    };
    let closed = format!("{RUNNING}{}{}", node_port(""), lets_in(FROM_B, "8080"));
    is_open(&closed, NO_MESH, "203.0.113.9 -> 192.168.0.1:31080", "the pod's own node");
    is_open(&closed, NO_MESH, "deploy/b@s -> 192.168.0.1:31080", "with which address the caller arrives is not known");
    let local = format!("{RUNNING}{}{}", node_port("externalTrafficPolicy: Local,"), lets_in(FROM_B, "8080"));
    assert_eq!(verdict(&local, NO_MESH, "deploy/b@s -> 192.168.0.1:31080"), Verdict::Allowed);
    assert_eq!(verdict(&local, NO_MESH, "203.0.113.9 -> 192.168.0.1:31080"), Verdict::Denied);
    // What leaves the caller is for the node, or for the pod already.
    let egress = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: out, namespace: s}\n\
                  spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}\n";
    is_open(
        &format!("{local}{egress}"),
        NO_MESH,
        "deploy/b@s -> 192.168.0.1:31080",
        "the address of the node or that of the pod behind it",
    );
    let nowhere = egress.replace("{podSelector: {}}", "{podSelector: {matchLabels: {app: none}}}");
    assert_eq!(verdict(&format!("{local}{nowhere}"), NO_MESH, "deploy/b@s -> 192.168.0.1:31080"), Verdict::Denied);
    // Another port of the node is a process of it, and the same port of somebody who may be no node is only said.
    let page = notes(&closed, NO_MESH, "203.0.113.9 -> 192.168.0.1:31081");
    assert!(page.contains("192.168.0.1 is the address of node n1: asked as a process of it"), "{page}");
    let page = notes(&closed, NO_MESH, "deploy/b@s -> 10.20.30.40:31080");
    assert!(
        page.contains("31080 is the node port of Service s/np: if 10.20.30.40 is a node's address, this is a call of that Service"),
        "{page}"
    );
    let config = format!("{NO_MESH}[cluster]\nnode-cidrs = [\"10.20.0.0/16\"]\n");
    is_open(&closed, &config, "203.0.113.9 -> 10.20.30.40:31080", "the pod's own node");
}

/// A node puts its own address in the place of a caller's, and no policy stops what comes from the pod's own node (`semantics.md` §1.6,
/// §1.7, trap 25). So nothing is denied for sure, unless the address is kept or is another's.
#[test]
fn who_comes_through_a_node_may_come_from_the_pods_own() {
    let spec = |policy: &str| {
        format!("{{type: NodePort, {policy} selector: {{app: a}}, ports: [{{port: 80, targetPort: 8080, nodePort: 31080}}]}}")
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a-0, namespace: s, labels: {app: a}}\nspec: {nodeName: n1, containers: [{name: c}]}\n\
               status: {podIP: 10.0.0.5}\n---\n";
    let statefulset = RUNNING.find("apiVersion: apps/v1\nkind: StatefulSet").zip(RUNNING.find("apiVersion: apps/v1\nkind: Deployment"));
    let (from, to) = statefulset.expect("both are there");
    let running = format!("{}{pod}{}", &RUNNING[..from], &RUNNING[to..]);
    let isolated = |policy: &str| format!("{running}{}{}", service("np", &spec(policy)), lets_in(FROM_B, "8080"));
    let source = |source: &str| format!("{NO_MESH}[ingress]\nsource = {source}\n");
    for flow in ["203.0.113.9 -> 192.168.0.1:31080", "internet -> svc/np@s:80"] {
        for config in [NO_MESH, &source("\"nodes\""), &source("[\"192.168.0.0/30\"]")] {
            is_open(&isolated(""), config, flow, "by way of Service s/np the caller may arrive with the address of the pod's own node");
            let page = notes(&isolated(""), config, flow);
            assert!(page.contains("enters a-0  NetworkPolicy  UNSPECIFIED  s/p: by way of Service s/np"), "{page}");
        }
        for config in [source("\"client\""), source("[\"203.0.113.0/28\"]")] {
            assert_eq!(verdict(&isolated(""), &config, flow), Verdict::Denied, "{flow} {config}");
        }
        for config in [NO_MESH, &source("\"nodes\"")] {
            assert_eq!(verdict(&isolated("externalTrafficPolicy: Local,"), config, flow), Verdict::Denied, "{flow} {config}");
        }
        // A rule that admits anybody admits that node too.
        let open = isolated("").replace(FROM_B, "{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}");
        assert_eq!(verdict(&open, NO_MESH, flow), Verdict::Allowed, "{flow}");
    }
    // The mesh asks for more than where a connection comes from.
    let meshed = isolated("").replacen("{name: s}", "{name: s, labels: {istio-injection: enabled}}", 1);
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: s}\nspec: {mtls: {mode: STRICT}}\n";
    assert_eq!(verdict(&format!("{meshed}{strict}"), "", "203.0.113.9 -> 192.168.0.1:31080"), Verdict::Denied);
}

/// What comes through a node is no mTLS of the mesh.
#[test]
fn a_node_port_is_called_in_plaintext() {
    let meshed = RUNNING.replacen("{name: s}", "{name: s, labels: {istio-injection: enabled}}", 1);
    let node_port = service(
        "np",
        "{type: NodePort, externalTrafficPolicy: Local, selector: {app: a}, ports: [{port: 80, targetPort: 8080, nodePort: 31080}]}",
    );
    let strict =
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: s}\nspec: {mtls: {mode: STRICT}}\n";
    let manifests = format!("{meshed}{node_port}{strict}");
    assert_eq!(verdict(&manifests, "", "deploy/b@s -> svc/np@s:80"), Verdict::Allowed);
    assert_eq!(verdict(&manifests, "", "deploy/b@s -> 192.168.0.1:31080"), Verdict::Denied);
    assert_eq!(verdict(&manifests, "", "203.0.113.9 -> 192.168.0.1:31080"), Verdict::Denied);
}

/// A port of a container that its node has as well leads to the pod.
#[test]
fn a_host_port_leads_to_the_pod() {
    let hosted = RUNNING.replace("containerPort: 8080", "containerPort: 8080, hostPort: 8088");
    let lets = |from: &str| format!("{hosted}{}", lets_in(from, "8080"));
    let flow = "203.0.113.9 -> 192.168.0.1:8088";
    is_open(&lets(FROM_B), NO_MESH, flow, "the pod's own node");
    is_open(&lets(FROM_CLIENTS), NO_MESH, flow, "with which address the caller arrives is not known");
    assert_eq!(verdict(&lets("{ipBlock: {cidr: 0.0.0.0/0}}"), NO_MESH, flow), Verdict::Allowed);
    assert_eq!(verdict(&lets(FROM_CLIENTS), &format!("{NO_MESH}[ingress]\nsource = \"client\"\n"), flow), Verdict::Allowed);
    let page = notes(&lets(FROM_B), NO_MESH, flow);
    assert!(page.contains("8088 of node n1 is a port of StatefulSet s/a: asked as a call of it"), "{page}");
    // One that is another address's only, or a node's own.
    let own = lets(FROM_B).replace("hostPort: 8088", "hostPort: 8088, hostIP: 127.0.0.1");
    assert!(notes(&own, NO_MESH, flow).contains("asked as a process of it"));
}

/// A pod that is invented for a Service says nothing of a cluster whose pods are known.
#[test]
fn a_service_without_pods_leads_nowhere() {
    let manifests = format!("{RUNNING}{}", service("nobody", "{selector: {app: zz}, ports: [{port: 80}]}"));
    let page = notes(&manifests, NO_MESH, "app=b@s -> svc/nobody@s:80");
    assert!(page.contains("no workload among the manifests is behind Service `s/nobody`") && page.contains("app=zz@s:80"), "{page}");
    // Where no workload is known, the labels are all there is to ask about.
    let alone = service("nobody", "{selector: {app: zz}, ports: [{port: 80}]}");
    assert_eq!(verdict(&alone, NO_MESH, "app=b@s -> svc/nobody@s:80"), Verdict::Allowed);
}

/// Of two Services of one name only one is in the cluster, and nobody knows which.
#[test]
fn a_service_that_stands_twice_leads_nowhere_for_sure() {
    let one = |target: u16| service("x", &format!("{{selector: {{app: a}}, ports: [{{port: 80, targetPort: {target}}}]}}"));
    let asked = |manifests: &str, flow: &str| Files { manifests, config: NO_MESH, ..Files::default() }.ask(flow).verdict().cloned();
    let flow = "app=b@s -> svc/x@s:80";
    for [first, second] in [[8080, 9090], [9090, 8080]] {
        let both = format!("{RUNNING}{}{}{}", one(first), one(second), lets_in(FROM_B, "8080"));
        assert!(matches!(asked(&both, flow), Some(Verdict::Unspecified(why)) if why.contains("stands twice")), "{first}");
        assert_eq!(asked(&both, "app=b@s -> app=a@s:8080"), Some(Verdict::Allowed), "who calls the pods is not touched");
    }
    let same = format!("{RUNNING}{}{}{}", one(8080), one(8080), lets_in(FROM_B, "8080"));
    assert_eq!(asked(&same, flow), Some(Verdict::Allowed));
}

#[test]
fn a_port_of_another_protocol_is_said_to_be_one() {
    let manifests = format!("{RUNNING}{}", service("dns", "{selector: {app: a}, ports: [{port: 53, protocol: UDP}]}"));
    let page = Files { manifests: &manifests, config: NO_MESH, ..Files::default() }.page("app=b@s -> svc/dns@s:53/tcp");
    assert!(page.contains("has no TCP port `53`") && page.contains("`53` is a port of UDP: write `53/udp`"), "{page}");
}

/// Whoever asks by labels asks for the Service that leads its caller to the port: a gateway is led elsewhere than a sidecar.
#[test]
fn which_port_of_a_headless_service_leads_to_a_pod_hangs_on_who_calls() {
    let meshed = RUNNING.replacen("{name: s}", "{name: s, labels: {istio-injection: enabled}}", 1);
    let gateway = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gw, namespace: s}\nspec:\n  template:\n    \
                   metadata: {labels: {app: gw}, annotations: {inject.istio.io/templates: gateway}}\n    \
                   spec: {containers: [{name: istio-proxy, image: auto}]}\n---\n";
    let headless = service("hl", "{clusterIP: None, selector: {app: a}, ports: [{name: tcp-x, port: 80, targetPort: 8080}]}");
    let all = format!("{meshed}{gateway}{headless}");
    let heads = |flow: &str| notes(&all, "", flow).lines().next().unwrap_or_default().to_owned();
    let by_service = |from: &str, port: u16| {
        let answer = Files { manifests: &all, ..Files::default() }.ask(&format!("app={from}@s -> app=a@s:{port}"));
        assert_eq!(answer.verdict(), Some(&Verdict::Allowed), "{from} {port}");
        matches!(answer.cases[0].question.addressed, twogate::cluster::Addressed::Service { .. })
    };
    assert_eq!([by_service("gw", 80), by_service("gw", 8080)], [false, true], "a gateway arrives at the target");
    assert_eq!([by_service("b", 80), by_service("b", 8080)], [true, false], "a sidecar arrives where it calls");
    assert!(heads("deploy/gw@s -> pod/a-0@s:80").starts_with("ALLOWED"), "{}", heads("deploy/gw@s -> pod/a-0@s:80"));
}
