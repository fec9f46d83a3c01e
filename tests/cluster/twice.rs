//! Objects of which several of one name say different things: only one can be in the cluster, and no flat answer comes from either.

use super::{Platform, decide, end, object, platform, policy, read_on};
use twogate::cluster::Cluster;
use twogate::flow::{DataPlane, Verdict};

/// A cluster without a mesh, in which objects stand twice.
fn outside(yaml: &str) -> Cluster {
    let (cluster, findings) = read_on(Platform { mesh: DataPlane::None, ..platform() }, yaml);
    assert!(findings.iter().any(|finding| finding.message.contains("stands twice")), "{findings:?}");
    cluster
}

fn pod(namespace: &str, name: &str, labels: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}{labels}}}}}\n\
         spec: {{containers: [{{name: c, image: i, ports: [{{name: http, containerPort: 80}}]}}]}}\n"
    )
}

fn workload<'c>(cluster: &'c Cluster, name: &str) -> &'c twogate::cluster::Endpoint {
    &cluster.workloads().iter().find(|workload| &*workload.name == name).unwrap().endpoint
}

/// Whether a connection between two workloads passes; none if nobody knows.
fn passes(cluster: &Cluster, from: &str, to: &str) -> Option<bool> {
    match decide(cluster, workload(cluster, from), workload(cluster, to), "80").verdict {
        Verdict::Allowed => Some(true),
        Verdict::Denied => Some(false),
        Verdict::Unspecified(_) => None,
    }
}

#[test]
fn policies_of_one_name_leave_open_what_they_select() {
    let pods = pod("shop", "a", "") + &pod("shop", "b", "");
    let open = policy("p", "{podSelector: {matchLabels: {app: a}}, ingress: [{}]}");
    let shut = policy("p", "{podSelector: {matchLabels: {app: a}}, ingress: []}");
    for both in [format!("{open}{shut}"), format!("{shut}{open}")] {
        let cluster = outside(&format!("{pods}{both}"));
        assert_eq!(passes(&cluster, "b", "a"), None, "{both}");
        assert_eq!(passes(&cluster, "a", "b"), Some(true), "it says nothing of what leaves, nor of others");
        let why = format!("{:?}", decide(&cluster, &end("203.0.113.7"), workload(&cluster, "a"), "80").verdict);
        assert!(why.contains("NetworkPolicy `shop/p` stands twice"), "{why}");
    }
    let (cluster, findings) = read_on(Platform { mesh: DataPlane::None, ..platform() }, &format!("{pods}{shut}{shut}"));
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(passes(&cluster, "b", "a"), Some(false), "copies that say the same are one");
}

#[test]
fn labels_that_differ_are_not_known() {
    let from = |spec: &str| policy("p", &format!("{{podSelector: {{matchLabels: {{app: a}}}}, ingress: [{{from: [{spec}]}}]}}"));
    let namespace = |team: &str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: far, labels: {{team: {team}}}}}\n");
    let pods = pod("shop", "a", "") + &pod("far", "c", "");
    for [first, second] in [["a", "b"], ["b", "a"]] {
        let selects = from("{namespaceSelector: {matchLabels: {team: a}}}");
        let cluster = outside(&format!("{pods}{selects}{}{}", namespace(first), namespace(second)));
        assert_eq!(passes(&cluster, "c", "a"), None, "{first}");
        let named = from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: far}}}");
        let cluster = outside(&format!("{pods}{named}{}{}", namespace(first), namespace(second)));
        assert_eq!(passes(&cluster, "c", "a"), Some(true), "its name is");
    }
    let twins = [pod("far", "c", ", v: x"), pod("far", "c", "")];
    for [first, second] in [[0, 1], [1, 0]] {
        let all = format!("{}{}{}", pod("shop", "a", ""), twins[first], twins[second]);
        let selects = |label: &str| from(&format!("{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{label}}}}}}}"));
        assert_eq!(passes(&outside(&format!("{all}{}", selects("v: x"))), "c", "a"), None, "{first}");
        assert_eq!(passes(&outside(&format!("{all}{}", selects("app: c"))), "c", "a"), Some(true), "both say this");
    }
}

#[test]
fn ports_and_accounts_that_differ_are_not_known() {
    let http = policy("p", "{podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: http}]}]}");
    let moved = pod("shop", "a", "").replace("containerPort: 80", "containerPort: 81");
    let cluster = outside(&format!("{}{moved}{}{http}", pod("shop", "a", ""), pod("shop", "b", "")));
    assert_eq!(passes(&cluster, "b", "a"), None);
    let other = pod("shop", "a", "").replace("spec: {", "spec: {serviceAccountName: x, ");
    let cluster = outside(&format!("{}{other}{}", pod("shop", "a", ""), pod("shop", "b", "")));
    assert_eq!(passes(&cluster, "b", "a"), None, "more than labels and ports differs");
}

#[test]
fn policies_of_the_mesh_leave_open_their_namespace() {
    let pods = pod("shop", "a", "") + &pod("shop", "b", "") + &pod("far", "c", "") + &pod("far", "d", "");
    let rule = |action: &str| object("security.istio.io/v1", "AuthorizationPolicy", "p", &format!("{{action: {action}, rules: [{{}}]}}"));
    let (cluster, _) = read_on(platform(), &format!("{pods}{}{}", rule("ALLOW"), rule("DENY")));
    assert_eq!(passes(&cluster, "b", "a"), None);
    assert_eq!(passes(&cluster, "c", "d"), Some(true), "nor of any other");
}

/// What the API server adds to an object, and in which order its fields stand, is nothing to what it says.
#[test]
fn a_copy_from_the_cluster_says_the_same_as_the_one_in_the_repository() {
    let pods = pod("shop", "a", "") + &pod("shop", "b", "");
    let text = |metadata: &str, spec: &str| {
        format!("---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{{metadata}}}\nspec: {spec}\n")
    };
    let own = text("name: p, namespace: shop", "{action: DENY, rules: [{to: [{operation: {ports: [\"80\"]}}]}]}");
    let served = "namespace: shop, uid: u, resourceVersion: \"7\", generation: 2, creationTimestamp: \"2026-01-01T00:00:00Z\", \
                  annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}, name: p";
    let copy = text(served, "{rules: [{to: [{operation: {ports: [\"80\"]}}]}], action: DENY}") + "status: {}\n";
    for copy in [&copy, &copy.replace("/v1\n", "/v1beta1\n")] {
        let (cluster, findings) = read_on(platform(), &format!("{pods}{own}{copy}"));
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(passes(&cluster, "b", "a"), Some(false));
    }
    for other in [copy.replace("DENY", "ALLOW"), copy.replace("annotations: {", "annotations: {istio.io/dry-run: \"true\", ")] {
        assert_eq!(passes(&read_on(platform(), &format!("{pods}{own}{other}")).0, "b", "a"), None, "{other}");
    }
}

/// A pod of which two copies differ is not taken for one like its workload, whichever stands first.
#[test]
fn a_pod_that_stands_twice_does_not_go_into_its_workload() {
    let set = "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: shop}\n\
               spec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}}\n";
    let copy = |network: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a-0, namespace: shop, labels: {{app: a}}, ownerReferences: [{{apiVersion: apps/v1, \
             kind: StatefulSet, name: a}}]}}\nspec: {{{network}containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let (own, host) = (copy(""), copy("hostNetwork: true, "));
    let shut = policy("p", "{podSelector: {matchLabels: {app: a}}}");
    for both in [format!("{own}{host}"), format!("{host}{own}")] {
        let cluster = outside(&format!("{}{set}{both}{shut}", pod("shop", "b", "")));
        assert_eq!(passes(&cluster, "b", "a"), None, "{both}");
    }
}

/// What the API server, the scheduler and a kubelet give a pod is nothing that its manifest denies: whoever gives both has one pod, which is
/// the one in the cluster.
#[test]
fn a_pod_from_the_cluster_stands_for_the_manifest_that_it_was_made_from() {
    let own = pod("shop", "a", "");
    let served = own
        .replace(
            "metadata: {",
            "metadata: {uid: u, resourceVersion: \"7\", creationTimestamp: \"2026-01-01T00:00:00Z\", managedFields: [], ",
        )
        .replace("spec: {", "spec: {nodeName: n1, serviceAccountName: default, serviceAccount: default, restartPolicy: Always, ")
        + "status: {phase: Running, podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}], hostIP: 10.1.0.1}\n";
    let rest = pod("shop", "b", "")
        + &policy(
            "p",
            "{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{podSelector: {matchLabels: {app: b}}}], ports: [{port: http}]}]}",
        );
    let both = |left: &str, right: &str| read_on(Platform { mesh: DataPlane::None, ..platform() }, &format!("{left}{right}{rest}"));
    for (left, right) in [(&own, &served), (&served, &own), (&served, &served)] {
        let (cluster, findings) = both(left, right);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(passes(&cluster, "b", "a"), Some(true));
        let [addresses, node] =
            [format!("{:?}", workload(&cluster, "a").facts.addresses), format!("{:?}", workload(&cluster, "a").facts.node)];
        assert_eq!((&*addresses, &*node), ("[10.0.0.7]", "Some(\"n1\")"), "it is the one in the cluster");
    }
    // What a pod is told apart by is no such thing.
    let host = served.replace("spec: {", "spec: {hostNetwork: true, ");
    let account = served.replace(": default,", ": other,");
    let label = served.replace("app: a", "app: a, more: x");
    let port = served.replace("containerPort: 80", "containerPort: 81");
    let address = served.replace("10.0.0.7", "10.0.0.8");
    for (left, right) in [(&own, &host), (&own, &account), (&own, &label), (&own, &port), (&served, &address), (&address, &served)] {
        let (_, findings) = both(left, right);
        assert!(
            findings.iter().any(|finding| finding.message.contains("stands twice") || finding.message.contains("say different")),
            "{right}: {findings:?}"
        );
    }
}

/// A pod that runs without the sidecar that its manifest would get is not taken for one that has it, nor for one that never shall.
#[test]
fn a_pod_that_runs_without_the_sidecar_of_its_manifest_is_left_open() {
    let own = pod("shop", "a", "");
    let served = own.replace("metadata: {", "metadata: {uid: u, ") + "status: {phase: Running, podIP: 10.0.0.7}\n";
    let namespace = |labels: &str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n");
    let strict = object("security.istio.io/v1", "PeerAuthentication", "strict", "{mtls: {mode: STRICT}}");
    let rest = pod("shop", "b", "") + &strict;
    let asked = |manifests: &[&str]| {
        let (cluster, findings) = read_on(platform(), &manifests.concat());
        assert!(!findings.iter().any(|finding| finding.message.contains("twice")), "{findings:?}");
        decide(&cluster, &end("203.0.113.7"), workload(&cluster, "a"), "80").verdict
    };
    let injected = namespace("istio-injection: enabled");
    assert_eq!(asked(&[&injected, &own, &rest]), Verdict::Denied);
    assert_eq!(asked(&[&injected, &served, &rest]), Verdict::Allowed);
    for both in [[&*own, &*served], [&*served, &*own]].map(|both| both.concat()) {
        let Verdict::Unspecified(reason) = asked(&[&injected, &both, &rest]) else { panic!("{both}") };
        assert!(reason.contains("run without the sidecar"), "{reason}");
        assert_eq!(asked(&[&namespace("istio-injection: disabled"), &both, &rest]), Verdict::Allowed);
    }
}
