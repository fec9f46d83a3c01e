//! The name of a workload stands for its template and for all pods that it made, whatever became of them.

use super::Files;
use twogate::flow::Verdict;

/// A workload whose pods are `app=web`, and two pods that it made by way of others: one like the template, and an odd one.
fn dump(owner: &str, made_by: &str, added: &str, policy: &str) -> String {
    let pod = |name: &str, labels: &str, address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, uid: u-{name}, labels: {{app: web, {added}{labels}}}, \
             ownerReferences: [{{{made_by}, controller: true}}]}}\nspec: {{containers: [{{name: main}}]}}\n\
             status: {{phase: Running, podIP: {address}}}\n"
        )
    };
    format!(
        "{owner}{}{}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: closed, namespace: shop}}\n\
         spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: debug, namespace: shop}}\nspec: {policy}\n",
        pod("web-6d4-aaa", "", "10.244.0.5"),
        pod("web-6d4-bbb", "debug: \"yes\"", "10.244.0.6"),
    )
}

const OPEN: &str = "{podSelector: {matchLabels: {debug: \"yes\"}}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}";

fn maker(kind: &str, group: &str, spec: &str) -> String {
    format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n")
}

const TEMPLATE: &str = "{template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}";

fn deployment() -> String {
    dump(
        &maker("Deployment", "apps/v1", TEMPLATE),
        "apiVersion: apps/v1, kind: ReplicaSet, name: web-6d4",
        "pod-template-hash: 6d4, ",
        OPEN,
    )
}

/// The verdicts of all cases, with who stands at the end that is named.
fn verdicts(manifests: &str, flow: &str) -> Vec<String> {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert!(!answer.cases.is_empty(), "{flow}: {:?}", answer.findings);
    let all = answer.cases.iter().map(|case| {
        let own = if flow.contains("app=z@o ->") { &case.destination_name } else { &case.source_name };
        format!("{} {}", own.clone().unwrap_or_default(), if case.decision.verdict == Verdict::Allowed { "passes" } else { "stops" })
    });
    let mut all = all.collect::<Vec<_>>();
    all.sort_unstable();
    assert_eq!(answer.verdict().is_some(), all.len() == 1, "{flow}");
    all
}

#[test]
fn a_name_stands_for_the_template_and_for_all_pods_made() {
    let manifests = deployment();
    for name in ["deploy/web@shop", "shop/web[Deployment]", "shop/web", "rs/web-6d4@shop"] {
        for flow in [format!("app=z@o -> {name}:80"), format!("{name} -> 203.0.113.7:80")] {
            // A name with its port inside is written otherwise.
            let found = verdicts(&manifests, &flow);
            assert_eq!(found, ["Deployment shop/web stops", "Pod shop/web-6d4-bbb passes"], "{flow}");
        }
    }
    assert_eq!(verdicts(&manifests, "app=z@o -> pod/web-6d4-aaa@shop:80"), ["Deployment shop/web stops"]);
    assert_eq!(verdicts(&manifests, "app=z@o -> pod/web-6d4-bbb@shop:80"), ["Pod shop/web-6d4-bbb passes"]);
    let page = Files { manifests: &manifests, ..Files::default() }.page("app=z@o -> deploy/web@shop:80");
    assert!(page.contains("the workloads that the flow stands for are judged differently: one of each kind is shown"), "{page}");
}

/// The `ReplicaSet` itself is in the dump, or a pod of it is the only odd one.
#[test]
fn sets_between_are_named_too() {
    let set = "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web-6d4, namespace: shop, \
               ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web}]}\n\
               spec: {replicas: 2, template: {metadata: {labels: {app: web, pod-template-hash: 6d4}}, spec: {containers: [{name: main}]}}}\n";
    let held = format!("{}{set}", deployment());
    let both = ["Deployment shop/web stops", "Pod shop/web-6d4-bbb passes"];
    assert_eq!(verdicts(&held, "app=z@o -> rs/web-6d4@shop:80"), both);
    assert_eq!(verdicts(&held, "app=z@o -> deploy/web@shop:80"), both);
    let alike = format!("{}{set}", deployment().replace("debug: \"yes\"}, ownerReferences", "}, ownerReferences"));
    assert_eq!(verdicts(&alike, "app=z@o -> rs/web-6d4@shop:80"), ["Deployment shop/web stops"], "it says nothing that its owner does not");
    // A ReplicaSet of an older template, which is a workload of its own.
    let old = set.replace("name: web-6d4", "name: web-5c9").replace("6d4}", "5c9, debug: \"yes\"}");
    let rolling = format!("{}{old}", deployment().replace(", debug: \"yes\"}", "}"));
    let old = "ReplicaSet shop/web-5c9 passes";
    assert_eq!(verdicts(&rolling, "app=z@o -> deploy/web@shop:80"), ["Deployment shop/web stops", old]);
    assert_eq!(verdicts(&rolling, "app=z@o -> rs/web-5c9@shop:80"), [old]);
    assert_eq!(verdicts(&rolling, "app=z@o -> rs/web-6d4@shop:80"), ["Deployment shop/web stops"]);
}

#[test]
fn every_kind_that_makes_pods_is_asked_with_them() {
    let own = |kind: &str, group: &str| format!("apiVersion: {group}, kind: {kind}, name: web");
    for (kind, group, short, added) in [
        ("StatefulSet", "apps/v1", "sts", "controller-revision-hash: a, "),
        ("DaemonSet", "apps/v1", "ds", "controller-revision-hash: a, "),
        ("ReplicaSet", "apps/v1", "rs", ""),
        ("ReplicationController", "v1", "rc", ""),
        ("Job", "batch/v1", "job", "job-name: web, batch.kubernetes.io/job-name: web, "),
    ] {
        let manifests = dump(&maker(kind, group, TEMPLATE), &own(kind, group), added, OPEN);
        let found = verdicts(&manifests, &format!("app=z@o -> {short}/web@shop:80"));
        assert_eq!(found.len(), 2, "{kind}: {found:?}");
        assert!(found.contains(&format!("{kind} shop/web stops")), "{found:?}");
    }
    // A pod of a Job of a CronJob, whether the Job is in the dump or like its CronJob.
    let cron = maker("CronJob", "batch/v1", &format!("{{jobTemplate: {{spec: {TEMPLATE}}}}}"));
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: web-29, namespace: shop, \
               ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: web}]}\n\
               spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}\n";
    let made = "apiVersion: batch/v1, kind: Job, name: web-29";
    let added = "job-name: web-29, batch.kubernetes.io/job-name: web-29, ";
    let manifests = dump(&format!("{cron}{job}"), made, added, OPEN);
    for name in ["cj/web", "job/web-29"] {
        let found = verdicts(&manifests, &format!("app=z@o -> {name}@shop:80"));
        assert_eq!(found, ["CronJob shop/web stops", "Pod shop/web-6d4-bbb passes"], "{name}");
    }
}

/// Nobody shows the Job between a pod and its `CronJob`, but its name tells which one made it.
#[test]
fn a_job_that_is_not_shown_is_its_cron_jobs() {
    let cron = maker("CronJob", "batch/v1", &format!("{{jobTemplate: {{spec: {TEMPLATE}}}}}"));
    let made = |job: &str| {
        let added = format!("job-name: {job}, batch.kubernetes.io/job-name: {job}, ");
        dump(&cron, &format!("apiVersion: batch/v1, kind: Job, name: {job}"), &added, OPEN)
    };
    let found = verdicts(&made("web-29000000"), "app=z@o -> cj/web@shop:80");
    assert_eq!(found, ["CronJob shop/web stops", "Pod shop/web-6d4-bbb passes"]);
    assert_eq!(verdicts(&made("web-by-hand"), "app=z@o -> cj/web@shop:80"), ["CronJob shop/web stops"]);
}

/// A rollout is under way: pods of the older template are there still, with another number for a port's name.
#[test]
fn named_ports_are_those_of_every_pod() {
    let spec = TEMPLATE.replace("{name: main}", "{name: main, ports: [{name: http, containerPort: 9090}]}");
    let policy = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{port: http}]}]}";
    let made = "apiVersion: apps/v1, kind: ReplicaSet, name: web-6d4";
    let old = dump(&maker("Deployment", "apps/v1", "SPEC"), made, "pod-template-hash: 6d4, ", policy)
        .replace("{name: main}", "{name: main, ports: [{name: http, containerPort: 8080}]}")
        .replace("SPEC", &spec);
    let answer = Files { manifests: &old, ..Files::default() }.ask("app=z@o -> deploy/web@shop:http");
    let ports: Vec<u16> = answer.cases.iter().map(|case| case.question.port).collect();
    assert_eq!(answer.verdict(), Some(&Verdict::Allowed), "each pod on its own port: {ports:?}");
    let mixed = verdicts(&old, "app=z@o -> deploy/web@shop:8080");
    assert_eq!(mixed, ["Deployment shop/web stops", "Pod shop/web-6d4-aaa passes"], "of the pods that have this number only");
}

/// The template that is to be has fewer ports than the pods that are there.
#[test]
fn a_port_that_only_a_pod_declares_is_its_own() {
    let policy = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{port: http}]}]}";
    let made = "apiVersion: apps/v1, kind: ReplicaSet, name: web-6d4";
    let ported = "{name: main, ports: [{name: http, containerPort: 8080}]}";
    let pods = dump(&maker("Deployment", "apps/v1", "SPEC"), made, "pod-template-hash: 6d4, ", policy).replace("{name: main}", ported);
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n";
    for template in ["{name: main}", "{name: main, ports: [{name: other, containerPort: 8080}]}"] {
        let manifests = pods.replace("SPEC", &TEMPLATE.replace("{name: main}", template)) + service;
        let both = ["Deployment shop/web stops", "Pod shop/web-6d4-aaa passes"];
        assert_eq!(verdicts(&manifests, "app=z@o -> deploy/web@shop:8080"), both, "{template}");
        for name in ["pod/web-6d4-aaa@shop:8080", "pod/web-6d4-bbb@shop:8080", "svc/web@shop:80"] {
            let passes = verdicts(&manifests, &format!("app=z@o -> {name}"));
            assert_eq!(passes, ["Pod shop/web-6d4-aaa passes"], "{template} {name}");
        }
        // Of a name that nobody calls nothing is to be told.
        let uncalled = manifests.replace("port: http", "port: 8080").replace("targetPort: http", "targetPort: 8080");
        assert_eq!(verdicts(&uncalled, "app=z@o -> deploy/web@shop:8080"), ["Deployment shop/web passes"], "{template}");
    }
}

#[test]
fn an_inventory_is_asked_so_too() {
    let inventory = deployment().replace("kind: NetworkPolicy", "kind: ConfigMap");
    let intents = "namespace shop\nallow app=z@o -> debug=yes:80\n";
    let answer = Files { intents, inventory: &inventory, ..Files::default() }.ask("app=z@o -> deploy/web@shop:80");
    let verdicts: Vec<bool> = answer.cases.iter().map(|case| case.decision.verdict == Verdict::Allowed).collect();
    assert_eq!(verdicts, [false, true], "{:?}", answer.findings);
}

/// A `ReplicaSet` that says no more than its Deployment stands for its own pods, whose labels it tells.
#[test]
fn a_replica_set_stands_for_its_own_pods() {
    let set = |hash: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: web-{hash}, namespace: shop, ownerReferences: [{{apiVersion: apps/v1, \
             kind: Deployment, name: web, controller: true}}]}}\nspec: {{replicas: 1, template: {{metadata: {{labels: {{app: web, \
             pod-template-hash: {hash}}}}}, spec: {{containers: [{{name: main}}]}}}}}}\n"
        )
    };
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {pod-template-hash: 5d4}}}\n";
    let all = maker("Deployment", "apps/v1", TEMPLATE) + &set("5d4") + &set("7f7") + policy;
    assert_eq!(verdicts(&all, "app=z@o -> rs/web-5d4@shop:80"), ["Deployment shop/web stops"]);
    assert_eq!(verdicts(&all, "app=z@o -> rs/web-7f7@shop:80"), ["Deployment shop/web passes"]);
    let open = Files { manifests: &all, ..Files::default() }.ask("app=z@o -> deploy/web@shop:80");
    assert!(matches!(open.cases[0].decision.verdict, Verdict::Unspecified(_)), "the Deployment makes both, and may make others");
}
