use super::*;
use crate::flow::NAMESPACE_NAME;

fn read_text(text: &str) -> (Inventory, Vec<Diagnostic>) {
    read(FileId(0), &Source::new("cluster.yaml", text), &"default".into())
}

fn clean(text: &str) -> Inventory {
    let (inventory, findings) = read_text(text);
    assert!(findings.is_empty(), "{findings:#?}");
    inventory
}

/// Each finding as its code, the text under it and its message.
fn said(text: &str) -> Vec<String> {
    let source = Source::new("cluster.yaml", text);
    let (_, findings) = read(FileId(0), &source, &"default".into());
    findings.iter().map(|finding| format!("{} at `{}`: {}", finding.code, source.slice(finding.span().unwrap()), finding.message)).collect()
}

fn value<'a>(labels: &'a Labels, key: &str) -> Option<&'a str> {
    labels.get(key).map(|value| &**value)
}

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      labels: {app: web, tier: \"\"}
    spec:
      serviceAccountName: web-sa
      initContainers:
      - name: migrate
      containers:
      - name: main
        image: shop/web
        ports:
        - {name: http, containerPort: 8080}
        - {name: dns, containerPort: 53, protocol: UDP}
";

#[test]
fn a_deployment_is_read_whole() {
    let inventory = clean(WEB);
    let [web] = inventory.workloads.as_slice() else { panic!("{inventory:?}") };
    assert_eq!((&*web.namespace, web.kind.name(), &*web.name), ("shop", "Deployment", "web"));
    assert_eq!((value(&web.labels, "app"), value(&web.labels, "tier")), (Some("web"), Some("")));
    assert_eq!((&*web.account, web.account_named), ("web-sa", AccountNamed::Yes));
    assert!(web.open_keys.contains("pod-template-hash"));
    assert_eq!(web.init_containers, InitContainers::Present);
    let ports: Vec<_> = web.ports.iter().map(|port| (port.name.as_deref(), port.number, port.protocol.word())).collect();
    assert_eq!((web.named_port("http", Protocol::Tcp), web.named_port("dns", Protocol::Tcp)), ([8080].into(), BTreeSet::new()));
    assert_eq!(web.to_string(), "Deployment shop/web");
    assert_eq!(ports, [(Some("http"), 8080, "tcp"), (Some("dns"), 53, "udp")]);
    let source = Source::new("cluster.yaml", WEB);
    assert_eq!(source.slice(web.location.span), "name: web");
}

#[test]
fn every_kind_finds_its_template_and_the_labels_that_its_controller_adds() {
    let pod = "{metadata: {labels: {app: x}}, spec: {serviceAccount: old-name}}";
    let text = format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: a}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: b}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: apps/v1, kind: ReplicaSet, metadata: {{name: c}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: v1, kind: ReplicationController, metadata: {{name: d}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: batch/v1, kind: Job, metadata: {{name: e}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: batch/v1, kind: CronJob, metadata: {{name: f}}, spec: {{jobTemplate: {{spec: {{template: {pod}}}}}}}}}\n---\n\
         {{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {{name: h}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {{name: i}}, spec: {{workloadRef: {{kind: Deployment, name: x}}}}}}\n---\n\
         {{apiVersion: apps.openshift.io/v1, kind: DeploymentConfig, metadata: {{name: k}}, spec: {{template: {pod}}}}}\n---\n\
         {{apiVersion: v1, kind: Pod, metadata: {{name: g, labels: {{app: x}}}}, spec: {{serviceAccount: old-name}}}}\n"
    );
    let inventory = clean(&text);
    assert_eq!(inventory.workloads.len(), 9);
    for workload in &inventory.workloads {
        assert_eq!((&*workload.namespace, &*workload.account, value(&workload.labels, "app")), ("default", "old-name", Some("x")));
    }
    let open = |name: &str, key: &str| inventory.workloads.iter().find(|workload| &*workload.name == name).unwrap().open_keys.contains(key);
    assert!(open("a", "statefulset.kubernetes.io/pod-name") && open("a", "apps.kubernetes.io/pod-index"));
    assert!(open("b", "controller-revision-hash") && !open("c", "controller-revision-hash"));
    assert!(open("h", "rollouts-pod-template-hash") && open("k", "deploymentconfig"));
    assert!(!open("e", "job-name") && open("f", "batch.kubernetes.io/job-name"));
    let job = inventory.workloads.iter().find(|workload| &*workload.name == "e").unwrap();
    assert_eq!(value(&job.labels, "batch.kubernetes.io/job-name"), Some("e"));
}

/// A Job that says itself how it finds its pods gives them no labels for that.
#[test]
fn a_job_with_a_selector_of_its_own_adds_no_labels() {
    let job = |manual: &str| {
        clean(&format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: e}}, spec: {{manualSelector: {manual}, \
             template: {{metadata: {{labels: {{app: x}}}}, spec: {{containers: [{{name: c}}]}}}}}}}}\n"
        ))
    };
    let (manual, usual) = (job("true"), job("false"));
    let [manual, usual] = [&manual, &usual].map(|inventory| &inventory.workloads[0]);
    for key in ["job-name", "batch.kubernetes.io/job-name"] {
        assert_eq!((value(&manual.labels, key), value(&usual.labels, key)), (None, Some("e")), "{key}");
    }
    for key in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
        assert_eq!((manual.open_keys.contains(key), usual.open_keys.contains(key)), (false, true), "{key}");
    }
    assert!(manual.open_keys.contains("batch.kubernetes.io/job-completion-index") && !manual.open_keys.contains("job-name"));
}

#[test]
fn what_is_no_address_of_a_pod_is_told() {
    let pod = |status: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c}}]}}\nstatus:\n{status}\n")
    };
    let wrong = |path: &str| [format!("invalid-inventory at `999.1.1.1`: `{path}` of Pod `default/a` is not what Kubernetes accepts")];
    assert_eq!(said(&pod("  podIP: 999.1.1.1")), wrong("status.podIP"));
    assert_eq!(said(&pod("  podIPs:\n  - ip: 10.0.0.1\n  - ip: 999.1.1.1")), wrong("status.podIPs[1].ip"));
    for fine in ["  podIP: ''", "  podIP: 10.0.0.1", "  podIP: 'fd00::1'", ""] {
        assert_eq!(said(&pod(fine)), [""; 0], "{fine}");
    }
}

#[test]
fn what_is_no_address_of_a_service_is_told() {
    let service = |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec:\n{spec}\n");
    let wrong = |path: &str| format!("invalid-inventory at `banana`: `{path}` of Service `default/a` is not what Kubernetes accepts");
    assert_eq!(said(&service("  clusterIP: banana")), [wrong("spec.clusterIP")]);
    // The first of all is the one beside them.
    assert_eq!(said(&service("  clusterIP: banana\n  clusterIPs:\n  - banana")), [wrong("spec.clusterIP")]);
    assert_eq!(said(&service("  clusterIPs:\n  - banana")), [wrong("spec.clusterIPs[0]")]);
    let both = said(&service("  clusterIP: banana\n  clusterIPs:\n  - banana\n  - apple"));
    assert_eq!((both.len(), &both[0]), (2, &wrong("spec.clusterIP")), "{both:?}");
    assert_eq!(said(&service("  clusterIP: 10.96.0.1\n  clusterIPs:\n  - 10.96.0.1\n  - banana")), [wrong("spec.clusterIPs[1]")]);
    // What stands around a value in brackets is no part of it.
    assert_eq!(said(&service("  clusterIPs: [banana]")), [wrong("spec.clusterIPs[0]")]);
    assert_eq!(said(&service("  {clusterIPs: [10.96.0.1, banana, 10.96.0.2], ports: []}")), [wrong("spec.clusterIPs[1]")]);
    assert_eq!(said(&service("  clusterIPs: ['banana', \"10.96.0.1\"]")), [wrong("spec.clusterIPs[0]").replace("banana", "'banana'")]);
    for fine in ["  clusterIP: None", "  clusterIP: None\n  clusterIPs: [None]", "  clusterIP: ''", "  clusterIP: 'fd00::1'", "  ports: []"]
    {
        assert_eq!(said(&service(fine)), [""; 0], "{fine}");
    }
}

#[test]
fn other_groups_and_kinds_are_passed_over() {
    let inventory = clean(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\nspec: {template: 7}\n---\n\
         apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: y}\n---\n\
         apiVersion: v1\nkind: ConfigMap\ndata: {a: \"---\"}\n---\n\
         apiVersion: v1\nkind: Secret\n",
    );
    assert!(inventory.workloads.is_empty() && inventory.services.is_empty());
}

#[test]
fn lists_are_read_and_their_items_keep_their_places() {
    let text = "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: one\n    labels: {a: yes}\n\
                - apiVersion: v1\n  kind: Pod\n  metadata:\n    name: two\n  spec: {hostNetwork: yes}\nkind: List\n";
    assert_eq!(said(text), ["invalid-inventory at `yes`: `metadata.labels.a` of Pod `default/one` is true or false, not text"]);
    let (inventory, _) = read_text(text);
    assert_eq!(inventory.workloads.len(), 1);
    assert_eq!(inventory.workloads[0].host_network, HostNetwork::Yes);
    assert_eq!(Source::new("", text).slice(inventory.workloads[0].location.span), "name: two");
    let json = r#"{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","labels":{"on":"yes","v":"1"}}},
        {"metadata":{"name":"b","labels":{"v":1}}}]}"#;
    assert_eq!(said(json), ["invalid-inventory at `1`: `metadata.labels.v` of Pod `default/b` is a number, not text"]);
    assert!(clean("apiVersion: v1\nkind: List\nitems: []\n").workloads.is_empty());
    assert!(clean("apiVersion: v1\nkind: List\nitems: null\n").workloads.is_empty());
}

#[test]
fn null_is_as_good_as_nothing() {
    let inventory = clean(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  labels: null\n  namespace: ~\nspec:\n  replicas:\n  template:\n\
         \x20   metadata:\n    spec:\n      containers: null\n      initContainers:\n      hostNetwork:\n      serviceAccountName:\n---\nnull\n---\n~\n",
    );
    let [workload] = inventory.workloads.as_slice() else { panic!() };
    assert_eq!((&*workload.account, workload.account_named, &*workload.namespace), ("default", AccountNamed::No, "default"));
}

#[test]
fn what_kubernetes_refuses_is_found_with_its_place() {
    let pod = |inside: &str| format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n{inside}");
    let cases = [
        ("  labels: {a: 1}\n", "`1`: `metadata.labels.a` of Pod `default/p` is a number, not text"),
        ("  labels:\n    a: true\n", "`true`: `metadata.labels.a` of Pod `default/p` is true or false, not text"),
        ("  labels:\n    a: Off # no\n", "`Off`: `metadata.labels.a` of Pod `default/p` is true or false, not text"),
        ("  labels:\n    a:\n", ": `metadata.labels.a` of Pod `default/p` is nothing, not text"),
        ("  labels: [a]\n", "`[a]`: `metadata.labels` of Pod `default/p` is not what Kubernetes accepts"),
        ("  labels: {1: a}\n", "`{1: a}`: `metadata.labels` of Pod `default/p` is not what Kubernetes accepts"),
        ("  labels:\n    on: x\n", "`on`: key `metadata.labels.on` of Pod `default/p` is true or false, not text"),
        ("  labels:\n    a: &b yes\n", "`&b`: `metadata.labels.a` of Pod `default/p` is true or false, not text"),
        ("spec: nothing\n", "`nothing`: `spec` of Pod `default/p` is not what Kubernetes accepts"),
        ("spec:\n  hostNetwork: \"true\"\n", "`\"true\"`: `spec.hostNetwork` of Pod `default/p` is not what Kubernetes accepts"),
        ("spec:\n  containers:\n  - ports:\n    - containerPort: 70000\n", "`70000`: `spec.containers[0].ports[0].containerPort` of"),
        ("spec:\n  containers:\n  - ports:\n    - containerPort: \"80\"\n", "`\"80\"`: `spec.containers[0].ports[0].containerPort` of"),
        (
            "spec:\n  containers:\n  - ports:\n    - {containerPort: 80, protocol: tcp}\n",
            "`tcp`: `spec.containers[0].ports[0].protocol` of",
        ),
        ("spec:\n  containers:\n  - ports: [{name: x}]\n", "`{name: x}`: `spec.containers[0].ports[0].containerPort` of"),
        ("  annotations:\n    traffic.sidecar.istio.io/excludeInboundPorts: \"80;90\"\n", "`\"80;90\"`: `metadata.annotations."),
    ];
    for (inside, expected) in cases {
        let said = said(&pod(inside));
        assert!(said.len() == 1 && said[0].contains(expected), "{inside}{said:#?}");
    }
    assert_eq!(said("apiVersion: v1\nmetadata: {name: x}\n"), ["not-a-manifest at `apiVersion: v1`: a document has no `kind`"]);
    assert_eq!(said("- a\n- b\n").len(), 1);
    assert!(said("kind: Pod\nmetadata: {name: x}\n")[0].contains("`apiVersion` of a Pod is not what Kubernetes accepts"));
    assert!(said("apiVersion: v1\nkind: List\nitems: {}\n")[0].contains("`items` of the document"));
    assert!(said("apiVersion: v1\nkind: List\nitems: [{metadata: {}}]\n")[0].contains("has no `kind`"));
    clean("kind: Kustomization\n---\nkind: AccessList\nitems: 1\n");
    assert!(said("apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}\n")[0].contains("a Pod has no name"));
    assert!(said("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")[0].contains("`spec.template` of Deployment `default/x`"));
}

#[test]
fn quoted_words_are_text_and_the_finding_quotes_the_others() {
    clean("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: {\"on\": &a \"yes\", 'y': *a}\n");
    clean(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"on\"\n  labels: {a: \"yes\", b: 'no', c: \"1\", d: \"true\", e: v1, f: !!str 8}\n",
    );
    let (_, findings) = read_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    a: \"yes\"\n    b: yes\n");
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert!(finding.message.contains("labels.b"));
    assert_eq!(finding.helps[0].edits[0].text, "\"yes\"");
}

#[test]
fn one_broken_document_hides_no_other() {
    let text = format!("a: [1\n---\n{WEB}---\nb: *nobody\n---\nkind: [Pod]\n");
    let (inventory, findings) = read_text(&text);
    assert_eq!((inventory.workloads.len(), findings.len()), (1, 3), "{findings:#?}");
}

#[test]
fn what_helm_and_windows_print_is_read() {
    let helm = format!("---\n# Source: shop/templates/a.yaml\n\n---\n# Source: shop/templates/b.yaml\n{WEB}\n---\n# Source: c\n");
    assert_eq!(clean(&helm).workloads.len(), 1);
    let windows = format!("\u{feff}--- # first\n{WEB}---\n{}", WEB.replace("name: web", "name: api")).replace('\n', "\r\n");
    assert_eq!(clean(&windows).workloads.len(), 2);
}

/// Sidecars come with a pod or never; whoever stripped a dump of its `uid` left what the kubelet says.
#[test]
fn a_pod_that_runs_is_what_its_containers_say() {
    let pod = |status: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec: {{containers: [{{name: app}}]{more}}}\n\
             status: {{{status}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n"
        )
    };
    let sidecar = |text: &str| clean(text).workloads[0].mesh.sidecar;
    let runs = "phase: Running, podIP: 10.0.0.1";
    assert_eq!(sidecar(&pod(runs, "")), MeshChoice::Refused);
    assert_eq!(sidecar(&pod("phase: Running, podIPs: [{ip: 10.0.0.1}]", "")), MeshChoice::Refused);
    // It has an address before its first container runs, and passed the webhooks before that.
    assert_eq!(sidecar(&pod("phase: Pending, podIP: 10.0.0.1", "")), MeshChoice::Refused);
    assert_eq!(sidecar(&pod("phase: Unknown, podIPs: [{ip: 10.0.0.1}]", "")), MeshChoice::Refused);
    assert!(clean(&pod(runs, "")).workloads[0].open_keys.is_empty());
    let native = ", initContainers: [{name: istio-proxy, image: proxyv2, restartPolicy: Always}]";
    assert_eq!(sidecar(&pod(runs, native)), MeshChoice::Present);
    // What is only to be made is still injected.
    for status in ["", "phase: Pending", "phase: Running"] {
        assert_eq!(sidecar(&pod(status, "")), MeshChoice::Unsaid, "{status}");
    }
}

#[test]
fn what_an_owner_made_goes_into_it_unless_it_differs() {
    let containers =
        "containers: [{name: main, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]";
    let set = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  name: web-77\n  namespace: shop\n  ownerReferences: [{kind: Deployment, name: web}]\n\
               spec:\n  template:\n    metadata: {labels: {app: web, tier: \"\", pod-template-hash: \"77\"}}\n    spec: {serviceAccountName: web-sa, CONTAINERS}\n".replace("CONTAINERS", containers);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-77-x\n  namespace: shop\n  uid: u\n\
               \x20 labels: {app: web, tier: \"\", pod-template-hash: \"77\", service.istio.io/canonical-name: web}\n\
               \x20 ownerReferences: [{kind: ReplicaSet, name: web-77}]\nspec: {serviceAccountName: web-sa, CONTAINERS}\n"
        .replace("CONTAINERS", containers);
    let names = |inventory: &Inventory| inventory.workloads.iter().map(|workload| workload.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&clean(&format!("{pod}---\n{set}---\n{WEB}"))), ["web"]);
    assert_eq!(names(&clean(&format!("{pod}---\n{WEB}"))), ["web"], "without its ReplicaSet");
    assert_eq!(names(&clean(&pod)), ["web-77-x"]);
    let changed = pod.replace("tier: \"\"", "tier: debug");
    assert_eq!(names(&clean(&format!("{changed}---\n{set}---\n{WEB}"))), ["web", "web-77-x"]);
    let moved = pod.replace("8080", "9090");
    assert_eq!(names(&clean(&format!("{moved}---\n{set}---\n{WEB}"))), ["web", "web-77-x"], "a port's name has another number");
    let injected = pod.replace("ports: [", "ports: [{name: http-envoy-prom, containerPort: 15090}, ");
    assert_eq!(names(&clean(&format!("{injected}---\n{set}---\n{WEB}"))), ["web"], "a proxy beside brings a name");
    let old = set.replace("web-sa", "old-sa");
    assert_eq!(names(&clean(&format!("{old}---\n{WEB}"))), ["web", "web-77"]);
    assert_eq!(names(&clean(&format!("{}---\n{WEB}", old.replace("spec:\n", "spec:\n  replicas: 0\n")))), ["web"]);

    let mut merged = clean(&format!("{set}---\n{WEB}"));
    assert!(merged.merge_as(clean(&pod), code::INVALID_INVENTORY).is_empty());
    assert_eq!(names(&merged), ["web"], "the pod came in another file than its folded ReplicaSet");
}

#[test]
fn merging_joins_equal_objects_and_reports_the_rest() {
    let mut inventory = clean(WEB);
    assert!(inventory.merge_as(clean(WEB), code::INVALID_INVENTORY).is_empty());
    assert_eq!(inventory.workloads.len(), 1);
    let findings = inventory.merge_as(clean(&WEB.replace("web-sa", "other")), code::INVALID_INVENTORY);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(&*inventory.workloads[0].account, "web-sa");
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: \"1\"}}\n";
    let mut inventory = clean(namespace);
    assert!(inventory.merge_as(clean(namespace), code::INVALID_INVENTORY).is_empty());
    assert_eq!(inventory.merge_as(clean(&namespace.replace("\"1\"", "\"2\"")), code::INVALID_INVENTORY).len(), 1);
}

/// Which file an object stands in makes no difference, nor how many there are.
#[test]
fn files_together_say_what_one_says() {
    let (set, pod) = (
        "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  name: web-77\n  namespace: shop\n  ownerReferences: [{kind: Deployment, name: web}]\n\
         spec:\n  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web-sa}}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web-77-x, namespace: shop, labels: {app: odd}, ownerReferences: [{kind: ReplicaSet, name: web-77}]}\n",
    );
    let other = WEB.replace("web-sa", "other");
    let texts = [pod, set, WEB, WEB, &other];
    let of = |texts: &[&str]| {
        let mut sources = crate::source::Sources::default();
        let ids: Vec<FileId> = texts.iter().map(|text| sources.add(Source::new("inventory.yaml", (*text).to_owned()))).collect();
        let (inventory, findings) = read_all(ids.iter().map(|file| (*file, sources.get(*file).unwrap())), &"default".into());
        let keys: Vec<_> = inventory.workloads.iter().map(|own| (own.name.clone(), own.account.clone(), own.labels.clone())).collect();
        let folded: Vec<Owner> = inventory.folded.keys().cloned().collect();
        (keys, folded, findings.len())
    };
    let together = of(&[&texts.join("---\n")]);
    assert_eq!(of(&texts), together);
    assert_eq!(of(&[pod, &[set, WEB].join("---\n"), &[WEB, &other].join("---\n")]), together);
    assert_eq!(together.2, 1, "one of two that stand twice says something else");
}

#[test]
fn namespaces_carry_their_name_and_say_how_they_join_the_mesh() {
    let plane = |labels: &str| {
        let inventory = clean(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n"));
        let facts = &inventory.namespaces["shop"];
        assert_eq!(value(&facts.labels, NAMESPACE_NAME), Some("shop"));
        facts.plane
    };
    assert_eq!(plane(""), None);
    assert_eq!(plane("istio-injection: enabled"), Some(DataPlane::Sidecar));
    assert_eq!(plane("istio.io/rev: canary"), Some(DataPlane::Sidecar));
    assert_eq!(plane("istio-injection: disabled, istio.io/rev: canary"), Some(DataPlane::None));
    assert_eq!(plane("istio-injection: \"off\", istio.io/rev: canary"), Some(DataPlane::None));
    assert_eq!(plane("istio.io/dataplane-mode: ambient"), Some(DataPlane::Ambient));
    assert_eq!(plane("istio.io/dataplane-mode: ambient, istio-injection: enabled"), Some(DataPlane::Sidecar));
    assert_eq!(plane("istio.io/dataplane-mode: ambient, istio-injection: disabled"), Some(DataPlane::Ambient));
    assert_eq!(plane("istio.io/dataplane-mode: none"), Some(DataPlane::None));
}

#[test]
fn pods_and_namespaces_together_decide_the_data_plane() {
    let plane = |namespace: &str, pod: &str, default: DataPlane| {
        let inventory = clean(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: default, labels: {{{namespace}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n{pod}\n"
        ));
        inventory.plane_of(&inventory.workloads[0], default)
    };
    let (sidecar, ambient) = ("istio-injection: enabled", "istio.io/dataplane-mode: ambient");
    assert_eq!(plane("", "", DataPlane::Ambient), DataPlane::Ambient);
    assert_eq!(plane(sidecar, "", DataPlane::None), DataPlane::Sidecar);
    assert_eq!(plane(sidecar, "  labels: {sidecar.istio.io/inject: \"false\"}", DataPlane::None), DataPlane::None);
    assert_eq!(plane(sidecar, "  annotations: {sidecar.istio.io/inject: \"false\"}", DataPlane::None), DataPlane::None);
    assert_eq!(plane(sidecar, "spec: {hostNetwork: true}", DataPlane::None), DataPlane::None);
    let system = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: kube-system}\n";
    let inventory = clean(system);
    assert_eq!(inventory.plane_of(&inventory.workloads[0], DataPlane::Sidecar), DataPlane::None);
    // Nor is that shown by the label of a namespace in which the injector does nothing.
    let labelled = |mode: &str| {
        let inventory = clean(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: kube-system, labels: {{{sidecar}{mode}}}}}\n"));
        (inventory.namespaces["kube-system"].plane, inventory.shown_joining())
    };
    assert_eq!(labelled(""), (None, ShownJoining::Nowhere));
    assert_eq!(labelled(", istio.io/dataplane-mode: ambient"), (Some(DataPlane::Ambient), ShownJoining::ByLabels));
    assert_eq!(plane(ambient, "", DataPlane::None), DataPlane::Ambient);
    assert_eq!(plane(ambient, "  labels: {istio.io/dataplane-mode: none}", DataPlane::None), DataPlane::None);
    assert_eq!(plane(ambient, "  labels: {sidecar.istio.io/inject: \"true\"}", DataPlane::None), DataPlane::Sidecar);
    assert_eq!(plane("istio-injection: disabled", "  labels: {sidecar.istio.io/inject: \"true\"}", DataPlane::Sidecar), DataPlane::None);
    // Of pods that ask, the webhook takes the one word, and none where the namespace has a label of injection.
    for (said, namespace, usual) in [
        ("sidecar.istio.io/inject: \"true\"", "", DataPlane::Sidecar),
        ("sidecar.istio.io/inject: \"True\"", "", DataPlane::None),
        ("sidecar.istio.io/inject: \"yes\"", "", DataPlane::None),
        ("sidecar.istio.io/inject: \"on\"", ambient, DataPlane::Ambient),
        ("sidecar.istio.io/inject: \"True\"", sidecar, DataPlane::Sidecar),
        ("sidecar.istio.io/inject: \"yes\"", "istio.io/rev: canary", DataPlane::Sidecar),
        ("sidecar.istio.io/inject: \"no\"", sidecar, DataPlane::None),
        ("sidecar.istio.io/inject: \"\"", sidecar, DataPlane::Sidecar),
        ("istio.io/rev: canary", "", DataPlane::Sidecar),
        ("istio.io/rev: canary, sidecar.istio.io/inject: \"yes\"", "", DataPlane::Sidecar),
        ("istio.io/rev: canary, sidecar.istio.io/inject: \"off\"", "", DataPlane::None),
        ("istio.io/rev: canary", "istio-injection: disabled", DataPlane::None),
        ("sidecar.istio.io/inject: \"true\"", "istio-injection: Enabled", DataPlane::None),
        ("istio.io/rev: canary", "istio-injection: \"true\"", DataPlane::None),
        ("app: web", "istio-injection: \"true\", istio.io/rev: canary", DataPlane::None),
        ("app: web", "istio-injection: \"true\", istio.io/dataplane-mode: ambient", DataPlane::Ambient),
    ] {
        assert_eq!(plane(namespace, &format!("  labels: {{{said}}}"), DataPlane::None), usual, "{said} in {namespace}");
    }
    // A label wins over the annotation, even an empty one.
    let both = "  labels: {sidecar.istio.io/inject: \"yes\"}\n  annotations: {sidecar.istio.io/inject: \"false\"}";
    assert_eq!(plane(sidecar, both, DataPlane::None), DataPlane::Sidecar);
    let proxy = |image: &str| format!("spec: {{containers: [{{name: istio-proxy, image: {image}}}]}}");
    assert_eq!(plane("", &proxy("istio/proxyv2"), DataPlane::None), DataPlane::Sidecar);
    assert_eq!(plane("", &proxy("auto"), DataPlane::None), DataPlane::None);
}

#[test]
fn sidecars_among_the_init_containers_are_no_init_containers() {
    let init = |containers: &str| {
        let inventory = clean(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{initContainers: [{containers}]}}\n"));
        (inventory.workloads[0].init_containers, inventory.workloads[0].ports.len())
    };
    assert_eq!(init("{name: a, ports: [{containerPort: 1}]}"), (InitContainers::Present, 0));
    assert_eq!(init("{name: a, restartPolicy: Always, ports: [{containerPort: 1}]}"), (InitContainers::None, 1));
    assert_eq!(init("{name: istio-init}, {name: istio-validation}"), (InitContainers::None, 0));
}

#[test]
fn annotations_say_which_ports_are_captured() {
    let capture = |annotations: &str| {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p, annotations: {{{annotations}}}}}\n");
        let capture = clean(&text).workloads[0].capture.clone();
        [80, 9090, 15020].map(|port| capture.of(port) == Captured::Yes)
    };
    assert_eq!(capture(""), [true, true, false]);
    assert_eq!(capture("traffic.sidecar.istio.io/excludeInboundPorts: \"9090, 9091\""), [true, false, false]);
    assert_eq!(capture("traffic.sidecar.istio.io/includeInboundPorts: \"80\""), [true, false, false]);
    assert_eq!(capture("traffic.sidecar.istio.io/includeInboundPorts: \"*\""), [true, true, false]);
    assert_eq!(capture("traffic.sidecar.istio.io/includeInboundPorts: \"\""), [false, false, false]);
    assert_eq!(capture("sidecar.istio.io/interceptionMode: NONE"), [false, false, false]);
}

#[test]
fn services_are_read_with_their_targets() {
    let inventory = clean(
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {app: web}\n  ports:\n\
         \x20 - {name: http, port: 80, targetPort: 8080}\n  - {name: admin, port: 81, targetPort: admin}\n  - {port: 53, protocol: UDP}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: out, namespace: shop}\nspec: {type: ExternalName, externalName: example.com, selector: {a: b}}\n",
    );
    let [db, out, web] = inventory.services_in("shop") else { panic!() };
    assert_eq!((db.kind, out.kind, web.kind), (ServiceKind::Headless, ServiceKind::ExternalName, ServiceKind::ClusterAddress));
    let ports: Vec<_> = web.ports.iter().map(|port| (port.port, port.target.clone(), port.class)).collect();
    assert_eq!(ports[0], (80, PortTarget::Number(8080), ProtocolClass::Http));
    assert_eq!(ports[1], (81, PortTarget::Name("admin".into()), ProtocolClass::Auto));
    assert_eq!(ports[2], (53, PortTarget::Number(53), ProtocolClass::Unseen));
    assert!(out.selector.is_empty() && value(&web.selector, "app") == Some("web"));
    let bad = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80, targetPort: \"8080\"}]}\n";
    assert!(said(bad)[0].contains("`spec.ports[0].targetPort` of Service `default/web`"));
}

/// A dump beside the manifest of which it was made: ports of nodes are the cluster's to give, and what becomes of callers' addresses is not.
#[test]
fn ports_of_nodes_are_no_difference_between_manifests() {
    let service = |policy: &str, port: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\n\
             spec: {{type: NodePort, {policy}selector: {{app: web}}, ports: [{{port: 80{port}}}]}}\n---\n"
        )
    };
    let inventory = clean(&(service("", "") + &service("externalTrafficPolicy: Cluster, ", ", nodePort: 30080")));
    assert_eq!((inventory.services.len(), inventory.services[0].traffic), (1, ExternalTraffic::Cluster));
    let local = service("externalTrafficPolicy: Local, ", ", nodePort: 30080");
    assert_eq!(clean(&local).services[0].ports[0].node_port, Some(30080));
    assert_eq!(said(&(service("", "") + &local)).len(), 1);
}

/// On the node's own network every port is the node's anyway.
#[test]
fn host_ports_are_read_where_they_lead_to_a_pod() {
    let ports = |spec: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{{spec}containers: [{{ports: [{{containerPort: 80, hostPort: 8088, hostIP: 0.0.0.0}}]}}]}}\n"
        );
        clean(&text).workloads[0].ports[0].host.clone()
    };
    assert_eq!(ports(""), Some(HostPort { number: 8088, address: None }));
    assert_eq!(ports("hostNetwork: true, "), None);
}

#[test]
fn matching_knows_what_it_does_not_know() {
    let inventory = clean(WEB);
    let web = &inventory.workloads_in("shop")[0];
    let test = |key: &str, values: Values| web.matches(&LabelCube::of(key.into(), values));
    assert_eq!(test("app", Values::one("web".into())), Match::Yes);
    assert_eq!(test("app", Values::except(["web".into()])), Match::No);
    assert_eq!(test("colour", Values::except(["red".into()])), Match::Yes);
    assert_eq!(test("colour", Values::present()), Match::No);
    assert_eq!(test("pod-template-hash", Values::one("77".into())), Match::Perhaps("pod-template-hash".into()));
    let both = LabelCube::of("pod-template-hash".into(), Values::present()).with("app".into(), Values::one("db".into()));
    assert_eq!(web.matches(&both), Match::No);
    let behind = |selector: &str, namespace: &str| {
        let service =
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{selector: {{{selector}}}}}\n");
        web.selected_by(&clean(&service).services[0])
    };
    assert_eq!((behind("app: web", "shop"), behind("app: web", "pay"), behind("", "shop")), (Match::Yes, Match::No, Match::No));
    assert_eq!(behind("app: web, pod-template-hash: x", "shop"), Match::Perhaps("pod-template-hash".into()));
    assert!(inventory.workloads_in("sho").is_empty() && inventory.workloads_in("shop2").is_empty());
}

#[test]
fn hostile_files_end_in_findings() {
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..30 {
        let nine = format!("*a{},", level - 1).repeat(9);
        laughs.extend([format!("a{level}: &a{level} [{nine}]\n")]);
    }
    assert_eq!(said(&laughs).len(), 1);
    assert_eq!(said(&"[".repeat(200_000)).len(), 1);
    assert_eq!(said(&format!("kind: Pod\nx: {}{}", "[".repeat(100_000), "]".repeat(100_000))).len(), 1);
    assert_eq!(said("kind: Pod\nkind: Job\n").len(), 1);
    assert_eq!(said("kind: Pod\nmetadata: {name: a, name: b}\n").len(), 1);
    assert_eq!(said("a: &x [*x]\n").len(), 1);
    assert_eq!(said("kind: \u{0}\n").len(), 1);
    assert!(said(&"---\n- 1\n".repeat(100_000)).len() <= 201);
    assert!(clean(&"---\n".repeat(100_000)).workloads.is_empty());
    let pods: Vec<String> = (0..2_000).map(|at| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}}}\n")).collect();
    assert_eq!(clean(&pods.join("---\n")).workloads.len(), 2_000);
}

/// The manifests of real applications, where they are at hand: `TWOGATE_CORPUS`, else `shared/corpus` beside the project.
fn corpus() -> Option<std::path::PathBuf> {
    let beside = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TWOGATE_CORPUS").map_or_else(beside, Into::into).join("apps");
    folder.is_dir().then_some(folder)
}

#[test]
fn real_applications_are_read_without_findings() {
    let Some(folder) = corpus() else {
        eprintln!("skipped: there is no corpus; set TWOGATE_CORPUS to its folder");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|application| {
            ["workloads.yaml", "services.yaml", "namespaces.yaml"].map(|name| application.as_ref().unwrap().path().join(name))
        })
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let source = Source::new(file.display().to_string(), std::fs::read_to_string(&file).unwrap());
        let (inventory, findings) = read(FileId(0), &source, &"default".into());
        assert!(findings.is_empty(), "{}: {findings:#?}", source.name());
        let accounts = inventory.workloads.iter().filter(|workload| workload.account_named == AccountNamed::Yes).count();
        eprintln!(
            "{}: {} workloads ({accounts} name an account), {} Services, {} namespaces, {} accounts",
            source.name(),
            inventory.workloads.len(),
            inventory.services.len(),
            inventory.namespaces.len(),
            inventory.accounts.len()
        );
        for workload in &inventory.workloads {
            assert!(source.slice(workload.location.span).contains(&*workload.name), "{workload:?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_reported(text in "([a-z]{1,3}|[-:\\[\\]{}#&*!|>'\"%@`,?~ \n\r\t]|---\n|\n  |kind: Pod\n|metadata:\n|\u{2028}|é){0,60}") {
        let source = Source::new("any.yaml", text);
        let (_, findings) = read(FileId(0), &source, &"default".into());
        for finding in findings {
            let span = finding.span().unwrap();
            proptest::prop_assert!(source.text().get(span.range()).is_some(), "{span:?} of {:?}", source.text());
        }
    }
}

/// What a gateway's injection adds is not what a sidecar's does: the label of mTLS is not among it.
#[test]
fn gateways_do_not_say_that_they_take_mtls() {
    let keys = |annotations: &str| {
        let pod = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: p}}\nspec: {{template: {{metadata: {{annotations: {{{annotations}}}}}, \
             spec: {{containers: [{{name: istio-proxy, image: auto}}]}}}}}}\n"
        );
        let workload = clean(&pod).workloads.remove(0);
        (workload.proxy, workload.open_keys.contains("security.istio.io/tlsMode"), workload.open_keys.contains("istio.io/rev"))
    };
    assert_eq!(keys(""), (ProxyRole::Sidecar, true, true));
    assert_eq!(keys("inject.istio.io/templates: gateway"), (ProxyRole::Gateway, false, true));
    assert_eq!(keys("inject.istio.io/templates: own"), (ProxyRole::Unknown, true, true));
}
