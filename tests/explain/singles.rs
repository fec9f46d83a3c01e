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
