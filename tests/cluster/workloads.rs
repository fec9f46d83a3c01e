//! Workloads: what the manifests hold, as ends that can be asked about.

use super::{Platform, cluster, cluster_on, decide, end, lets_in, platform, policy, unspecified};
use twogate::cluster::{Cluster, NamespaceLabels, Network, Workload};
use twogate::flow::{DataPlane, Labels, Peer, Pod, Verdict};

pub(crate) fn pod(workload: &Workload) -> &Pod {
    let Peer::Pod(pod) = &workload.endpoint.peer else { panic!("a workload is a pod") };
    pod
}

fn names(cluster: &Cluster) -> Vec<String> {
    cluster.workloads().iter().map(|workload| format!("{}/{}/{}", workload.namespace(), workload.kind, workload.name)).collect()
}

fn makers(workload: &Workload) -> Vec<String> {
    workload.makers.iter().map(|(kind, name)| format!("{kind}/{name}")).collect()
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9000,9001'}
    spec:
      serviceAccountName: web-sa
      containers:
      - name: web
        image: web
        ports: [{name: http, containerPort: 8080}, {containerPort: 9000}, {name: dns, containerPort: 53, protocol: UDP}]
";

/// A running pod of a Deployment that the manifests do not hold.
fn running(name: &str, labels: &str, address: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: shop\n  uid: u-{name}\n  labels: {{app: web, pod-template-hash: abc, {labels}}}\n  ownerReferences: [{{kind: ReplicaSet, name: web-abc, apiVersion: apps/v1, uid: x}}]\nspec: {{nodeName: n1, containers: []}}\nstatus: {{podIP: {address}, podIPs: [{{ip: {address}}}]}}\n"
    )
}

#[test]
fn a_deployment_is_a_workload_with_everything_that_policies_ask_for() {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
    let cluster = cluster(&format!("{DEPLOYMENT}{namespace}"));
    assert_eq!(names(&cluster), ["shop/Deployment/web"]);
    let workload = &cluster.workloads()[0];
    let pod = pod(workload);
    assert_eq!(&*pod.account, "web-sa");
    assert_eq!(pod.plane, DataPlane::Sidecar, "the platform's default");
    assert_eq!(pod.namespace_labels.get("team").map(|team| &**team), Some("a"));
    let facts = &workload.endpoint.facts;
    let ports: Vec<String> = facts.ports.iter().flatten().map(|port| format!("{} {}/{}", port.name, port.number, port.protocol)).collect();
    assert_eq!(ports, ["http 8080/TCP", "dns 53/UDP"]);
    assert!(facts.uncaptured.contains(9000) && facts.uncaptured.contains(9001) && !facts.uncaptured.contains(8080));
    assert_eq!((facts.network, facts.namespace), (Network::Own, NamespaceLabels::Known));
    assert_eq!(cluster.namespace_labels("shop").map(Labels::len), Some(2), "its name is one of them");
    assert_eq!(cluster.namespace_labels("other"), None);
}

#[test]
fn planes_follow_the_platform_where_nothing_is_said() {
    let ambient = cluster_on(Platform { mesh: DataPlane::Ambient, ..platform() }, DEPLOYMENT);
    assert_eq!(pod(&ambient.workloads()[0]).plane, DataPlane::Ambient);
    assert_eq!(ambient.workloads()[0].endpoint.facts.namespace, NamespaceLabels::NameOnly);
}

#[test]
fn pods_of_one_owner_are_one_workload() {
    let pods = format!("{}{}", running("web-abc-1", "v: a", "10.0.0.1"), running("web-abc-2", "v: b", "10.0.0.2"));
    let merged = cluster(&pods);
    assert_eq!(names(&merged), ["shop/Deployment/web"]);
    let all = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse::<std::net::IpAddr>().unwrap());
    assert_eq!(merged.workloads()[0].endpoint.facts.addresses, all, "which of its pods it is is not said");
    assert_eq!(merged.workloads()[0].endpoint.facts.node, None);
    let located = |address: &str| running("web-abc-2", "v: b", "10.0.0.2").replace("10.0.0.2", address);
    let unknown = cluster(&format!("{}{}", running("web-abc-1", "v: a", "10.0.0.1"), located("''")));
    assert!(unknown.workloads()[0].endpoint.facts.addresses.is_empty(), "not all are known");
    let single = cluster(&running("web-abc-1", "v: a", "10.0.0.1"));
    assert_eq!(names(&single), ["shop/Deployment/web"], "its owner's name, as if there were two");
    let aliases: Vec<String> = single.workloads()[0].aliases.iter().map(|(kind, name)| format!("{kind}/{name}")).collect();
    assert_eq!(aliases, ["Pod/web-abc-1"]);
    assert_eq!(makers(&single.workloads()[0]), ["ReplicaSet/web-abc"]);
    assert_eq!(single.workloads()[0].endpoint.facts.addresses, ["10.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(single.workloads()[0].endpoint.facts.node.as_deref(), Some("n1"));
}

#[test]
fn pods_that_a_policy_tells_apart_are_not_one() {
    let pods = format!("{}{}", running("web-abc-1", "v: a", "10.0.0.1"), running("web-abc-2", "v: b", "10.0.0.2"));
    for looks in [
        policy("p", "{podSelector: {matchLabels: {v: a}}}"),
        lets_in("{from: [{podSelector: {matchLabels: {v: a}}}]}"),
        super::object("cilium.io/v2", "CiliumNetworkPolicy", "c", "{endpointSelector: {matchLabels: {v: a}}}"),
    ] {
        assert_eq!(names(&cluster(&format!("{pods}{looks}"))), ["shop/Pod/web-abc-1", "shop/Pod/web-abc-2"]);
    }
    let looks_at_both = lets_in("{from: [{podSelector: {matchLabels: {app: web}}}]}");
    assert_eq!(names(&cluster(&format!("{pods}{looks_at_both}"))), ["shop/Deployment/web"]);
}

/// Which Services lead to a pod, and which rules of TLS are for it, tells which way calls go.
#[test]
fn pods_whose_calls_go_other_ways_are_not_one() {
    const APART: [&str; 2] = ["shop/Pod/web-abc-1", "shop/Pod/web-abc-2"];
    let two = |one: &str, other: &str| running("web-abc-1", one, "10.0.0.1") + &running("web-abc-2", other, "10.0.0.2");
    let pods = two("v: a", "v: b");
    let rule = |spec: &str| super::object("networking.istio.io/v1", "DestinationRule", "r", spec);
    for looks in [
        super::object("v1", "Service", "s", "{selector: {v: a}, ports: [{port: 80}]}"),
        rule("{host: web, workloadSelector: {matchLabels: {v: a}}, trafficPolicy: {tls: {mode: DISABLE}}}"),
        rule("{host: web, subsets: [{name: s, labels: {v: a}, trafficPolicy: {tls: {mode: DISABLE}}}]}"),
    ] {
        assert_eq!(names(&cluster(&format!("{pods}{looks}"))), APART, "{looks}");
    }
    for blind in [
        super::object("v1", "Service", "s", "{selector: {app: web}, ports: [{port: 80}]}"),
        rule("{host: web, subsets: [{name: s, labels: {v: a}}]}"),
    ] {
        assert_eq!(names(&cluster(&format!("{pods}{blind}"))), ["shop/Deployment/web"], "{blind}");
    }
    let ambient = Platform { mesh: DataPlane::Ambient, ..platform() };
    for label in ["istio: ingressgateway", "gateway.networking.k8s.io/gateway-name: g", "istio.io/use-waypoint: none"] {
        let pods = two("v: a", &format!("v: a, {label}"));
        assert_eq!(names(&cluster_on(ambient.clone(), &pods)), APART, "{label}");
        assert_eq!(names(&cluster(&pods)), ["shop/Deployment/web"], "{label}");
    }
}

#[test]
fn pods_join_the_owner_that_is_there() {
    let yaml = format!(
        "{DEPLOYMENT}{}",
        running("web-abc-1", "v: a", "10.0.0.1").replace(
            "containers: []",
            "serviceAccountName: web-sa, containers: [{name: istio-proxy, image: proxyv2, args: [proxy, sidecar]}]"
        )
    );
    let yaml = yaml.replace("      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9000,9001'}\n", "").replace(
        "        ports: [{name: http, containerPort: 8080}, {containerPort: 9000}, {name: dns, containerPort: 53, protocol: UDP}]\n",
        "",
    );
    assert_eq!(names(&cluster(&yaml)), ["shop/Deployment/web"]);
    let looks = policy("p", "{podSelector: {matchLabels: {v: a}}}");
    assert_eq!(names(&cluster(&format!("{yaml}{looks}"))), ["shop/Deployment/web", "shop/Pod/web-abc-1"]);
}

#[test]
fn a_label_that_only_controllers_know_is_not_known() {
    let yaml = format!("{DEPLOYMENT}{}", policy("p", "{podSelector: {matchLabels: {pod-template-hash: abc}}, policyTypes: [Ingress]}"));
    let cluster = cluster(&yaml);
    let web = &cluster.workloads()[0].endpoint;
    unspecified(&cluster, &end("203.0.113.7"), web, "80", "label `pod-template-hash`");
    let harmless = super::cluster(&format!(
        "{DEPLOYMENT}{}",
        policy("p", "{podSelector: {matchLabels: {pod-template-hash: abc}}, policyTypes: [Ingress], ingress: [{}]}")
    ));
    let steps = decide(&harmless, &end("203.0.113.7"), &harmless.workloads()[0].endpoint, "80").steps;
    assert_eq!(steps[0].verdict, Verdict::Allowed, "selected or not, it passes");
}

#[test]
fn pods_on_their_nodes_network_are_told() {
    let yaml = DEPLOYMENT.replace("      serviceAccountName", "      hostNetwork: true\n      serviceAccountName");
    let cluster = cluster(&yaml);
    let workload = &cluster.workloads()[0];
    assert_eq!(workload.endpoint.facts.network, Network::Host);
    assert_eq!(pod(workload).plane, DataPlane::None);
}

/// A pod of its own, with a status.
fn alone(name: &str, status: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
         spec: {{containers: []}}\nstatus: {{{status}}}\n"
    )
}

/// Pods on one node's network have one address, and hand-written ones often do.
#[test]
fn pods_at_one_address_are_two() {
    let yaml = alone("one", "podIP: 192.0.2.1") + &alone("two", "podIP: 192.0.2.1") + &policy("p", "{podSelector: {}}");
    let cluster = cluster(&yaml);
    let [one, two] = [0, 1].map(|at| &cluster.workloads()[at].endpoint);
    super::denied(&cluster, one, two, "80");
    let mut question = super::question(one, one, "80");
    question.addressed = twogate::cluster::Addressed::Pod;
    assert_eq!(cluster.decide(&question).verdict, Verdict::Allowed, "its own address");
    unspecified(&cluster, one, one, "80", "calls itself");
}

/// Of a workload of several pods nobody says that the one that calls is the one that is called.
#[test]
fn a_workload_of_several_pods_does_not_call_itself() {
    let cluster = cluster(&format!("{DEPLOYMENT}{}", policy("p", "{podSelector: {}}")));
    let web = &cluster.workloads()[0].endpoint;
    super::denied(&cluster, web, web, "80");
}

/// Their addresses may be others' by now (`semantics.md` §1.4).
#[test]
fn pods_that_have_ended_are_no_workloads() {
    let yaml = [("done", "Succeeded"), ("lost", "Failed"), ("here", "Running"), ("soon", "Pending")]
        .map(|(name, phase)| alone(name, &format!("phase: {phase}, podIP: 10.0.0.9")))
        .concat();
    assert_eq!(names(&cluster(&yaml)), ["shop/Pod/here", "shop/Pod/soon"]);
}

/// A container that the API server refuses says nothing about the labels of its pod.
#[test]
fn a_fault_that_bears_on_no_policy_leaves_the_pod() {
    let read = |yaml: &str| super::read_on(platform(), yaml);
    for (inside, ports) in [
        ("containers: [{name: c, ports: {}}]", false),
        ("containers: {}", false),
        ("containers: [{name: c, ports: [{containerPort: 80, protocol: tcp}]}]", false),
        ("containers: [], nodeName: 5", true),
    ] {
        let yaml = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, namespace: shop, labels: {{app: a}}}}\nspec: {{{inside}}}\n");
        let (cluster, findings) = read(&yaml);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(names(&cluster), ["shop/Pod/a"], "{inside}");
        assert_eq!(cluster.workloads()[0].endpoint.facts.ports.is_some(), ports, "{inside}");
    }
    let noted = |note: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, namespace: shop, annotations: {{{note}}}}}\nspec: {{containers: []}}\n")
    };
    let (cluster, findings) = read(&noted("prometheus.io/scrape: true"));
    assert_eq!((names(&cluster).len(), findings.len()), (1, 1), "{findings:#?}");
    // Which ports a sidecar captures is what the mesh judges it by.
    let (cluster, findings) = read(&noted("traffic.sidecar.istio.io/excludeInboundPorts: 9000"));
    assert_eq!((names(&cluster).len(), findings.len()), (0, 1), "{findings:#?}");
    let (cluster, findings) =
        read("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: 5}}\nspec: {containers: []}\n");
    assert_eq!((names(&cluster).len(), findings.len()), (0, 1), "{findings:#?}");
}

/// Each object with a name that is only begun makes another pod.
#[test]
fn two_pods_with_one_begin_of_a_name_are_two() {
    let pod = |label: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{generateName: job-, namespace: shop, labels: {{{label}}}}}\nspec: {{containers: []}}\n"
        )
    };
    let looks = policy("p", "{podSelector: {matchLabels: {v: a}}}");
    let apart = cluster(&(pod("v: a") + &pod("v: b") + &looks));
    assert_eq!(names(&apart), ["shop/Pod/job-", "shop/Pod/job-"]);
    let [one, two] = [0, 1].map(|at| &apart.workloads()[at].endpoint);
    super::allowed(&apart, one, two, "80");
    super::denied(&apart, two, one, "80");
    assert_eq!(names(&cluster(&(pod("v: a") + &pod("v: a") + &looks))), ["shop/Pod/job-"]);
}

/// Who made pods is known by the chain of owners, whatever of it is in the dump.
#[test]
fn pods_that_differ_are_known_by_all_that_made_them() {
    let looks = policy("p", "{podSelector: {matchLabels: {v: a}}}");
    let template = "{template: {metadata: {labels: {app: web}}, spec: {containers: []}}}";
    let held = super::object("apps/v1", "Deployment", "web", template);
    let pods = format!("{}{}", running("web-abc-1", "", "10.0.0.1"), running("web-abc-2", "v: a", "10.0.0.2"));
    let cluster = cluster(&format!("{held}{pods}{looks}"));
    assert_eq!(names(&cluster), ["shop/Deployment/web", "shop/Pod/web-abc-2"]);
    assert_eq!(makers(&cluster.workloads()[0]), ["ReplicaSet/web-abc"], "one of its pods is like the Deployment");
    assert_eq!(makers(&cluster.workloads()[1]), ["Deployment/web", "ReplicaSet/web-abc"]);
}

/// What an owner leaves open its pods say themselves: where a policy looks, they stand beside it.
#[test]
fn pods_say_the_labels_that_their_owner_leaves_open() {
    let template = "{template: {metadata: {labels: {app: web}}, spec: {containers: []}}}";
    let held = super::object("apps/v1", "Deployment", "web", template);
    let pods = format!("{}{}", running("web-abc-1", "", "10.0.0.1"), running("web-def-2", "", "10.0.0.2").replace("abc", "def"));
    let all = format!("{held}{pods}");
    assert_eq!(names(&cluster(&all)), ["shop/Deployment/web"]);
    let looks = policy("p", "{podSelector: {matchLabels: {pod-template-hash: abc}}, policyTypes: [Ingress]}");
    let told = cluster_on(Platform { mesh: DataPlane::None, ..platform() }, &format!("{all}{looks}"));
    assert_eq!(names(&told), ["shop/Deployment/web", "shop/Pod/web-abc-1", "shop/Pod/web-def-2"]);
    assert_eq!(makers(&told.workloads()[1]), ["Deployment/web", "ReplicaSet/web-abc"]);
    let verdict = |at: usize| decide(&told, &end("203.0.113.7"), &told.workloads()[at].endpoint, "80").verdict;
    assert_eq!([verdict(1), verdict(2)], [Verdict::Denied, Verdict::Allowed]);
    unspecified(&told, &end("203.0.113.7"), &told.workloads()[0].endpoint, "80", "label `pod-template-hash`");
    assert_eq!(told.workloads()[1].endpoint.facts.one_pod.as_deref(), Some("shop/web-abc-1"));
}

/// What controllers give to every pod of theirs is there, whatever it says.
#[test]
fn a_label_that_controllers_always_set_is_there() {
    let template = "template: {metadata: {labels: {app: web}}, spec: {containers: []}}";
    let of = |kind: &str| super::object("apps/v1", kind, "web", &format!("{{{template}}}"));
    for (held, key) in [
        (of("Deployment"), "pod-template-hash"),
        (of("DaemonSet"), "controller-revision-hash"),
        (of("StatefulSet"), "controller-revision-hash"),
        (of("StatefulSet"), "statefulset.kubernetes.io/pod-name"),
    ] {
        for (test, verdict) in [
            (format!("{{key: {key}, operator: Exists}}"), Some(Verdict::Denied)),
            (format!("{{key: {key}, operator: DoesNotExist}}"), Some(Verdict::Allowed)),
            (format!("{{key: {key}, operator: In, values: [x]}}"), None),
            (format!("{{key: {key}, operator: NotIn, values: [x]}}"), None),
        ] {
            let select = policy("p", &format!("{{podSelector: {{matchExpressions: [{test}]}}, policyTypes: [Ingress]}}"));
            let cluster = cluster_on(Platform { mesh: DataPlane::None, ..platform() }, &format!("{held}{select}"));
            let found = decide(&cluster, &end("203.0.113.7"), &cluster.workloads()[0].endpoint, "80").verdict;
            match verdict {
                Some(verdict) => assert_eq!(found, verdict, "{test}"),
                None => assert!(matches!(found, Verdict::Unspecified(_)), "{test}: {found:?}"),
            }
        }
    }
}

/// Older clusters know one of the two labels alone.
#[test]
fn pods_of_jobs_have_the_labels_of_their_version() {
    let template = "{template: {metadata: {labels: {app: web}}, spec: {containers: []}}}";
    let held = super::object("batch/v1", "Job", "web", template);
    let verdict = |key: &str, kubernetes: (u16, u16, u16)| {
        let select = policy("p", &format!("{{podSelector: {{matchLabels: {{{key}: web}}}}, policyTypes: [Ingress]}}"));
        let cluster = cluster_on(Platform { mesh: DataPlane::None, kubernetes, ..platform() }, &format!("{held}{select}"));
        decide(&cluster, &end("203.0.113.7"), &cluster.workloads()[0].endpoint, "80").verdict
    };
    assert_eq!(verdict("job-name", (1, 25, 0)), Verdict::Denied);
    assert_eq!(verdict("batch.kubernetes.io/job-name", (1, 27, 0)), Verdict::Denied);
    assert!(matches!(verdict("batch.kubernetes.io/job-name", (1, 26, 9)), Verdict::Unspecified(_)));
}
