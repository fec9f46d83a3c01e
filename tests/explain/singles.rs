//! Pods that are meant one by one, by labels that only their controllers give them.

use super::Files;
use twogate::flow::Verdict;

const NETWORK: &str = "[mesh]\nmode = \"none\"\n[network-plugin]\nnamed-ports = \"yes\"\n";

fn named(kind: &str, group: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n")
}

/// A `StatefulSet` of two pods, and one Service for its first pod.
fn stateful(selector: &str, target: &str, ordinals: &str) -> String {
    let pods = "template: {metadata: {labels: {app: db}}, spec: {containers: [{name: main, ports: [{name: pg, containerPort: 5432}]}]}}";
    let rule =
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}";
    named("StatefulSet", "apps/v1", "db", &format!("{{{ordinals}{pods}}}"))
        + &named("Service", "v1", "one", &format!("{{selector: {{{selector}}}, ports: [{{port: 5432, targetPort: {target}}}]}}"))
        + &named("Pod", "v1", "web", "{containers: [{name: main}]}").replace("namespace: shop}", "namespace: shop, labels: {app: web}}")
        + &named("NetworkPolicy", "networking.k8s.io/v1", "db", rule)
}

/// The pods of the `StatefulSet` as a cluster runs them.
fn running() -> String {
    let pod = |at: usize| {
        let labels = format!(
            "namespace: shop, uid: u{at}, labels: {{app: db, statefulset.kubernetes.io/pod-name: db-{at}, apps.kubernetes.io/pod-index: \"{at}\", \
             controller-revision-hash: db-1}}, ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db}}]}}"
        );
        named("Pod", "v1", &format!("db-{at}"), "{containers: [{name: main, ports: [{name: pg, containerPort: 5432}]}]}")
            .replace("namespace: shop}", &labels)
            + &format!("status: {{phase: Running, podIP: 10.244.0.{at}}}\n")
    };
    pod(0) + &pod(1)
}

/// The only verdict, and who is the destination.
fn only(manifests: &str, flow: &str) -> (Verdict, String) {
    let answer = Files { manifests, config: NETWORK, ..Files::default() }.ask(flow);
    let [case] = answer.cases.as_slice() else {
        panic!("{flow}: {:?} {:?}", answer.findings, answer.cases.iter().map(|case| &case.decision.verdict).collect::<Vec<_>>())
    };
    (case.decision.verdict.clone(), case.question.destination.facts.one_pod.as_deref().unwrap_or("several").to_owned())
}

#[test]
fn a_service_of_one_pod_leads_to_that_pod() {
    let name = "statefulset.kubernetes.io/pod-name: db-0";
    for selector in [name, "apps.kubernetes.io/pod-index: \"0\"", &format!("app: db, {name}")] {
        for target in ["pg", "5432"] {
            for ordinals in ["replicas: 2, ", "", "replicas: 1, "] {
                let made = stateful(selector, target, ordinals);
                let shown = format!("{made}{}", running());
                for manifests in [&made, &shown] {
                    let found = only(manifests, "pod/web@shop -> svc/one@shop:5432");
                    assert_eq!(found, (Verdict::Allowed, "shop/db-0".to_owned()), "{selector} {target} {ordinals}");
                    assert_eq!(only(manifests, "app=x@shop -> svc/one@shop:5432").0, Verdict::Denied);
                }
            }
        }
    }
    let asked = stateful(name, "5432", "replicas: 2, ");
    let flow = "pod/web@shop -> statefulset.kubernetes.io/pod-name=db-1@shop:5432";
    assert_eq!(only(&asked, flow), (Verdict::Allowed, "shop/db-1".to_owned()));
    assert_eq!(only(&format!("{asked}{}", running()), flow), (Verdict::Allowed, "shop/db-1".to_owned()));
}

#[test]
fn a_pod_that_no_set_makes_is_nobody() {
    for (name, ordinals) in [("db-2", "replicas: 2, "), ("db-0", "replicas: 2, ordinals: {start: 1}, "), ("db-x", ""), ("cache-0", "")] {
        for target in ["pg", "5432"] {
            let manifests = stateful(&format!("statefulset.kubernetes.io/pod-name: {name}"), target, ordinals);
            let answer = Files { manifests: &manifests, ..Files::default() }.ask("pod/web@shop -> svc/one@shop:5432");
            assert!(answer.cases.is_empty(), "{name} {ordinals} {target}");
            assert!(answer.findings[0].message.contains("no workload among the manifests is behind Service"), "{:?}", answer.findings);
        }
    }
    let moved = stateful("statefulset.kubernetes.io/pod-name: db-2", "pg", "replicas: 2, ordinals: {start: 1}, ");
    assert_eq!(only(&moved, "pod/web@shop -> svc/one@shop:5432"), (Verdict::Allowed, "shop/db-2".to_owned()));
}

/// Which pod it is tells a policy that selects one.
#[test]
fn a_policy_for_one_pod_holds_for_it() {
    let base = stateful("statefulset.kubernetes.io/pod-name: db-0", "5432", "replicas: 2, ");
    let closed = |at: usize| {
        let select = format!("{{podSelector: {{matchLabels: {{statefulset.kubernetes.io/pod-name: db-{at}}}}}, policyTypes: [Ingress]}}");
        base.replace("{podSelector: {matchLabels: {app: db}}", "{podSelector: {matchLabels: {app: none}}")
            + &named("NetworkPolicy", "networking.k8s.io/v1", "one", &select)
    };
    for shown in [String::new(), running()] {
        for (at, verdict) in [(0, Verdict::Denied), (1, Verdict::Allowed)] {
            let found = only(&format!("{}{shown}", closed(at)), "pod/web@shop -> svc/one@shop:5432");
            assert_eq!(found, (verdict, "shop/db-0".to_owned()), "{at}");
        }
    }
}

/// A Deployment with two pods that are like it; what they are of a dump says.
fn deployed(port: &str, policy: &str) -> String {
    let ports = format!("containers: [{{name: main, ports: [{port}]}}]");
    let pod = |at: usize, hash: &str| {
        let labels = format!(
            "namespace: shop, uid: u{at}, labels: {{app: web, pod-template-hash: {hash}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-{hash}}}]}}"
        );
        named("Pod", "v1", &format!("web-{hash}-{at}"), &format!("{{{ports}}}")).replace("namespace: shop}", &labels)
            + &format!("status: {{phase: Running, podIP: 10.244.0.{at}}}\n")
    };
    named("Deployment", "apps/v1", "web", &format!("{{template: {{metadata: {{labels: {{app: web}}}}, spec: {{{ports}}}}}}}"))
        + &pod(5, "6d4")
        + &pod(6, "6d4")
        + &pod(7, "5c9")
        + policy
}

fn verdicts(manifests: &str, flow: &str) -> Vec<Verdict> {
    let answer = Files { manifests, config: NETWORK, ..Files::default() }.ask(flow);
    assert!(!answer.cases.is_empty(), "{flow}: {:?}", answer.findings);
    for case in &answer.cases {
        assert!(case.destination_name.is_some(), "{flow}: nobody is made up");
    }
    answer.cases.iter().map(|case| case.decision.verdict.clone()).collect()
}

const HTTP: &str = "{name: http, containerPort: 80}";

#[test]
fn pods_like_their_deployment_have_the_labels_of_a_dump() {
    let service = |target: &str| {
        named("Service", "v1", "s", &format!("{{selector: {{pod-template-hash: 6d4}}, ports: [{{port: 80, targetPort: {target}}}]}}"))
    };
    for target in ["80", "http"] {
        let open = deployed(HTTP, &service(target));
        assert_eq!(verdicts(&open, "app=z@o -> svc/s@shop:80"), [Verdict::Allowed], "{target}");
        let select = "{podSelector: {matchLabels: {pod-template-hash: 6d4}}, policyTypes: [Ingress]}";
        let closed = open + &named("NetworkPolicy", "networking.k8s.io/v1", "old", select);
        assert_eq!(verdicts(&closed, "app=z@o -> svc/s@shop:80"), [Verdict::Denied], "{target}");
    }
    let select = "{podSelector: {matchExpressions: [{key: pod-template-hash, operator: NotIn, values: [6d4]}]}, policyTypes: [Ingress]}";
    let others = deployed(HTTP, &named("NetworkPolicy", "networking.k8s.io/v1", "new", select));
    assert_eq!(verdicts(&others, "app=z@o -> pod-template-hash=6d4@shop:80"), [Verdict::Allowed]);
    assert_eq!(verdicts(&others, "app=z@o -> pod-template-hash=5c9@shop:80"), [Verdict::Denied]);
    assert_eq!(verdicts(&others, "app=z@o -> rs/web-5c9@shop:80").len(), 2, "its template may be that of the other");
    let plain = deployed(HTTP, "");
    assert_eq!(
        verdicts(&plain, "app=z@o -> pod-template-hash=6d4@shop:80"),
        [Verdict::Allowed],
        "asked by a label of which no policy speaks"
    );
}

/// What nobody shows stays open: no flat answer comes from a label that is not known.
#[test]
fn a_service_by_a_label_that_is_not_known_denies_nothing() {
    let all = deployed(HTTP, "");
    let alone = all.split("---\n").filter(|object| !object.contains("kind: Pod")).collect::<Vec<_>>().join("---\n");
    let service = named("Service", "v1", "s", "{selector: {pod-template-hash: 6d4}, ports: [{port: 80, targetPort: http}]}");
    let answer = Files { manifests: &(alone + &service), ..Files::default() }.ask("app=z@o -> svc/s@shop:80");
    assert!(answer.cases.iter().all(|case| case.decision.verdict != Verdict::Denied), "{:?}", answer.verdict);
}

const MESHED: &str = "[mesh]\nmode = \"sidecar\"\n";

/// Manifests with a workload of which no pod is shown, a Service of two ports for those of its pods that carry a label which only its
/// controller gives, and STRICT mTLS.
fn unshown(workloads: &str, label: &str) -> String {
    let service =
        format!("{{selector: {{app: out, {label}}}, ports: [{{name: tcp, port: 80, targetPort: 8080}}, {{port: 81, targetPort: http}}]}}");
    named("Service", "v1", "s", &service)
        + &named("PeerAuthentication", "security.istio.io/v1", "strict", "{mtls: {mode: STRICT}}")
        + &named("Pod", "v1", "cli", "{containers: [{name: main}]}")
            .replace("namespace: shop}", "namespace: shop, labels: {sidecar.istio.io/inject: \"false\"}}")
        + workloads
}

/// A workload whose pods take no part in the mesh.
fn opted_out(kind: &str, group: &str, name: &str) -> String {
    let pods = "{metadata: {labels: {app: out}, annotations: {sidecar.istio.io/inject: \"false\"}}, \
                spec: {containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}}";
    let template = match kind {
        "CronJob" => format!("{{jobTemplate: {{spec: {{template: {pods}}}}}}}"),
        _ => format!("{{template: {pods}}}"),
    };
    named(kind, group, name, &template)
}

/// By number as by name: behind the Service are pods of the workload, with all that it says of them.
#[test]
fn a_label_that_nobody_shows_is_of_the_workload_behind() {
    let kinds = [
        ("Deployment", "apps/v1", "pod-template-hash: h2"),
        ("DaemonSet", "apps/v1", "controller-revision-hash: h2"),
        ("StatefulSet", "apps/v1", "controller-revision-hash: out-h2"),
        ("StatefulSet", "apps/v1", "controller-revision-hash: out-h2, statefulset.kubernetes.io/pod-name: out-0"),
        ("CronJob", "batch/v1", "job-name: out-28900000"),
    ];
    for (kind, group, label) in kinds {
        let manifests = unshown(&opted_out(kind, group, "out"), label);
        for port in [80, 81] {
            let flow = format!("pod/cli@shop -> svc/s@shop:{port}");
            let answer = Files { manifests: &manifests, config: MESHED, ..Files::default() }.ask(&flow);
            assert_eq!(answer.verdict, Some(Verdict::Allowed), "{kind} {port}");
            assert_eq!(answer.cases[0].destination_name.as_deref(), Some(&*format!("{kind} shop/out")), "{port}");
            let told = answer.cases[0].notes.iter().find(|note| note.contains("no manifest shows whose these are")).unwrap();
            assert!(told.contains("Service shop/s") && told.contains(label.split_once(':').unwrap().0), "{told}");
        }
    }
}

/// Whose pods carry the label is not known: where those that may differ there is no one answer, and where they are alike there is.
#[test]
fn a_label_of_one_of_several_workloads_has_no_flat_answer() {
    let own = opted_out("Deployment", "apps/v1", "out");
    let label = "pod-template-hash: h2";
    let verdict = |other: &str| {
        let manifests = unshown(&format!("{own}{other}"), label);
        Files { manifests: &manifests, config: MESHED, ..Files::default() }.ask("pod/cli@shop -> svc/s@shop:80").verdict
    };
    let other = opted_out("Deployment", "apps/v1", "other");
    assert_eq!(verdict(&other), Some(Verdict::Allowed));
    assert_eq!(verdict(&other.replace("inject: \"false\"", "inject: \"true\"")), None);
    // The pod of a ReplicaSet that has the label is not another's.
    let replicas = other.replace("kind: Deployment", "kind: ReplicaSet").replace("app: out}", "app: out, pod-template-hash: h2}");
    assert_eq!(verdict(&replicas.replace("inject: \"false\"", "inject: \"true\"")), Some(Verdict::Denied));
}

/// A Deployment and the `ReplicaSet` that it makes, as a dump has both: it says no more than the Deployment but the hash.
fn rolled_out(name: &str, hash: &str, opted: &str, replicas: u32) -> String {
    let deployment = opted_out("Deployment", "apps/v1", name).replace("inject: \"false\"", &format!("inject: \"{opted}\""));
    let set = deployment
        .replace("kind: Deployment", "kind: ReplicaSet")
        .replace("app: out}", &format!("app: out, pod-template-hash: {hash}}}"))
        .replace("spec: {template", &format!("spec: {{replicas: {replicas}, template"))
        .replace(
            &format!("metadata: {{name: {name}, namespace: shop}}"),
            &format!(
                "metadata: {{name: {name}-{hash}, namespace: shop, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: {name}}}]}}"
            ),
        );
    deployment + &set
}

/// Whose pods have a hash their `ReplicaSet` shows, though it went into its Deployment; for a port by name as for one by number.
#[test]
fn a_replica_set_shows_whose_hash_it_is() {
    let ask = |workloads: &str, port: u16| {
        let manifests = unshown(workloads, "pod-template-hash: h2");
        Files { manifests: &manifests, config: MESHED, ..Files::default() }.ask(&format!("pod/cli@shop -> svc/s@shop:{port}"))
    };
    for port in [80, 81] {
        let answer = ask(&(rolled_out("out", "h2", "false", 1) + &rolled_out("other", "h3", "true", 1)), port);
        assert_eq!(answer.verdict, Some(Verdict::Allowed), "{port}");
        assert_eq!(answer.cases.len(), 1, "{port}");
        assert_eq!(answer.cases[0].destination_name.as_deref(), Some("Deployment shop/out"));
        assert!(!answer.cases[0].notes.iter().any(|note| note.contains("no manifest shows")), "{:?}", answer.cases[0].notes);
        // One that runs no pods shows nothing.
        assert_eq!(ask(&(rolled_out("out", "h2", "false", 0) + &rolled_out("other", "h3", "true", 1)), port).verdict, None, "{port}");
    }
}

/// By name as by number: who is shown with a label of one maker is behind the Service, and no other.
#[test]
fn a_port_by_name_leads_to_those_who_are_shown() {
    let pod = |name: &str, hash: &str| {
        let labels = format!(
            "namespace: shop, labels: {{app: out, pod-template-hash: {hash}}}, annotations: {{sidecar.istio.io/inject: \"false\"}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: {name}-{hash}}}]}}"
        );
        named("Pod", "v1", &format!("{name}-{hash}-x"), "{containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}")
            .replace("namespace: shop}", &labels)
    };
    let other = opted_out("Deployment", "apps/v1", "other");
    let pods = opted_out("Deployment", "apps/v1", "out") + &other + &pod("out", "h2") + &pod("other", "h3");
    let closed = named("NetworkPolicy", "networking.k8s.io/v1", "closed", "{podSelector: {matchLabels: {v: b}}, policyTypes: [Ingress]}");
    let manifests = unshown(&pods, "pod-template-hash: h2") + &closed;
    for port in [80, 81] {
        let answer = Files { manifests: &manifests, config: MESHED, ..Files::default() }.ask(&format!("pod/cli@shop -> svc/s@shop:{port}"));
        let names: Vec<_> = answer.cases.iter().filter_map(|case| case.destination_name.as_deref()).collect();
        assert!(names.iter().all(|name| !name.contains("other")) && !names.is_empty(), "{port}: {names:?}");
        let alike = answer.cases.iter().flat_map(|case| &case.notes).any(|note| note.contains("other"));
        assert!(!alike, "{port}");
    }
}

/// Some controllers make the value of a workload's name: of another's it is not taken for this one's.
#[test]
fn a_label_that_names_another_workload_is_not_of_this_one() {
    for (kind, group, label, is_own) in [
        ("StatefulSet", "apps/v1", "controller-revision-hash: out-6c9", true),
        ("StatefulSet", "apps/v1", "controller-revision-hash: other-6c9", false),
        ("StatefulSet", "apps/v1", "controller-revision-hash: out-more-6c9", false),
        ("StatefulSet", "apps/v1", "controller-revision-hash: 6c9", false),
        ("DaemonSet", "apps/v1", "controller-revision-hash: out-6c9", false),
        ("CronJob", "batch/v1", "job-name: by-hand", true),
        ("Job", "batch/v1", "batch.kubernetes.io/job-name: more", false),
    ] {
        let manifests = unshown(&opted_out(kind, group, "out"), label);
        let answer = Files { manifests: &manifests, config: MESHED, ..Files::default() }.ask("pod/cli@shop -> svc/s@shop:80");
        let named = answer.cases.iter().any(|case| case.destination_name.as_deref() == Some(&*format!("{kind} shop/out")));
        assert_eq!(named, is_own, "{kind} {label}");
    }
}

/// Like templates of two namespaces have the same hash: pods that are shown in one keep out nobody of another.
#[test]
fn a_label_that_is_shown_in_one_namespace_may_be_of_others_elsewhere() {
    let pods = opted_out("ReplicaSet", "apps/v1", "own").replace("app: out}", "app: out, pod-template-hash: h2}");
    let deny = named("NetworkPolicy", "networking.k8s.io/v1", "none", "{podSelector: {}, policyTypes: [Ingress]}");
    let deny = deny.replace("namespace: shop", "namespace: far");
    let own = unshown(&pods, "pod-template-hash: h2");
    let far = opted_out("Deployment", "apps/v1", "own").replace("namespace: shop", "namespace: far");
    let ask =
        |manifests: &str| Files { manifests, config: MESHED, ..Files::default() }.ask("pod/cli@shop -> pod-template-hash=h2@*:80").verdict;
    assert_eq!(ask(&format!("{own}{far}")), Some(Verdict::Allowed));
    assert_eq!(ask(&format!("{own}{far}{deny}")), None);
}

/// The label tells a policy that selects by it.
#[test]
fn pods_that_are_taken_for_a_workloads_have_the_label() {
    let policy = |value: &str| {
        let select = format!("{{podSelector: {{matchLabels: {{pod-template-hash: {value}}}}}, policyTypes: [Ingress]}}");
        unshown(&opted_out("Deployment", "apps/v1", "out"), "pod-template-hash: h2")
            + &named("NetworkPolicy", "networking.k8s.io/v1", "old", &select)
    };
    let verdict = |manifests: &str| Files { manifests, config: MESHED, ..Files::default() }.ask("pod/cli@shop -> svc/s@shop:80").verdict;
    assert_eq!(verdict(&policy("h2")), Some(Verdict::Denied));
    assert_eq!(verdict(&policy("h1")), Some(Verdict::Allowed));
}

/// A pod of a `StatefulSet` by its name is that pod, though nobody shows it.
#[test]
fn a_pod_that_a_set_makes_can_be_asked_by_name() {
    let closed = |ordinals: &str| {
        stateful("app: db", "5432", ordinals).replace("{podSelector: {matchLabels: {app: db}}", "{podSelector: {matchLabels: {app: none}}")
            + &named(
                "NetworkPolicy",
                "networking.k8s.io/v1",
                "one",
                "{podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-1}}, policyTypes: [Ingress]}",
            )
    };
    let two = closed("replicas: 2, ");
    assert_eq!(only(&two, "pod/web@shop -> pod/db-0@shop:5432"), (Verdict::Allowed, "shop/db-0".to_owned()));
    assert_eq!(only(&two, "pod/web@shop -> pod/db-1@shop:pg"), (Verdict::Denied, "shop/db-1".to_owned()));
    // Of one that it does not make nobody knows.
    assert!(matches!(only(&closed("replicas: 1, "), "pod/web@shop -> pod/db-1@shop:5432").0, Verdict::Unspecified(_)));
}

/// A `ReplicaSet` without pods is told to be one.
#[test]
fn a_replica_set_that_is_scaled_to_0_is_told() {
    let replicas = "kind: ReplicaSet\nmetadata: {name: web-h2, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web}]}";
    let set = format!("---\napiVersion: apps/v1\n{replicas}\nspec: {{replicas: 0, template: {{metadata: {{labels: {{app: web}}}}}}}}\n");
    let manifests = deployed(HTTP, "") + &set;
    let answer = Files { manifests: &manifests, ..Files::default() }.ask("app=z@o -> rs/web-h2@shop:80");
    assert_eq!(answer.findings[0].message, "ReplicaSet `shop/web-h2` runs no pods: it is scaled to 0");
    let answer = Files { manifests: &manifests, ..Files::default() }.ask("app=z@o -> rs/web-h3@shop:80");
    assert!(answer.findings[0].message.starts_with("there is no ReplicaSet"), "{:?}", answer.findings[0].message);
}
