//! Sets of pods that nobody declared: every pod that the set could be is judged, not just the plainest.

use super::Files;
use twogate::flow::{Peer, Verdict};

/// The verdicts of the cases in order, and the verdict on all.
fn verdicts(files: Files<'_>, flow: &str) -> (Vec<Verdict>, Option<Verdict>) {
    let answer = files.ask(flow);
    assert!(!answer.cases.is_empty(), "{flow}: {:?}", answer.findings);
    assert_eq!(answer.disagreement(), None, "{flow}");
    (answer.cases.iter().map(|case| case.decision.verdict.clone()).collect(), answer.verdict().cloned())
}

fn both() -> (Vec<Verdict>, Option<Verdict>) {
    (vec![Verdict::Allowed, Verdict::Denied], None)
}

/// A rule for some of the pods that a set could be, and one against some of them.
const LABELS: &str = "\
namespace shop
workload api = app=api
allow app=web -> api:8080
deny app=web,tier=old -> api
allow app=job,tier=new -> api:8080
";

#[test]
fn labels_that_the_set_leaves_open_are_told_apart() {
    let files = Files { intents: LABELS, ..Files::default() };
    assert_eq!(verdicts(files, "app=web -> api:8080"), both(), "the plainest pod passes, one with another label does not");
    assert_eq!(verdicts(files, "app=job -> api:8080").1, None, "the plainest pod is stopped, another is not");
    assert_eq!(verdicts(files, "app=web,tier=old -> api:8080"), (vec![Verdict::Denied], Some(Verdict::Denied)));
    assert_eq!(verdicts(files, "app=web,tier=x -> api:8080"), (vec![Verdict::Allowed], Some(Verdict::Allowed)));
    assert_eq!(verdicts(files, "app=none -> api:8080"), (vec![Verdict::Denied], Some(Verdict::Denied)));
}

/// The pod that is shown for a verdict really gets it, and is said.
#[test]
fn a_concrete_pod_is_shown_for_each_verdict() {
    let answer = Files { intents: LABELS, ..Files::default() }.ask("app=web -> api:8080");
    let labels = |at: usize| match &answer.cases[at].question.source.peer {
        Peer::Pod(pod) => pod.labels.clone(),
        Peer::Address(_) => panic!("a pod"),
    };
    assert!(!labels(0).contains_key("tier"));
    assert_eq!(labels(1).get("tier").map(|value| &**value), Some("old"));
    assert_eq!(answer.cases[0].source, "app=web@shop");
    assert_eq!(answer.cases[1].source, "app=web,tier=old@shop");
    assert!(
        answer.notes.iter().any(|note| note.starts_with("the pods that the flow stands for are judged differently")),
        "{:?}",
        answer.notes
    );
}

#[test]
fn destinations_that_nobody_declared_are_told_apart() {
    let intents = "namespace shop\nworkload web = app=web\nallow web -> app=api:8080\ndeny * -> app=api,zone=closed\n";
    let files = Files { intents, ..Files::default() };
    assert_eq!(verdicts(files, "web -> app=api:8080"), both());
    assert_eq!(verdicts(files, "web -> app=api,zone=open:8080").1, Some(Verdict::Allowed));
}

/// Both ends at once: what tells one end apart may stand in a rule at the other.
#[test]
fn both_ends_may_be_sets() {
    let intents = "namespace shop\nallow app=web -> app=api:8080\ndeny app=web,a=1 -> app=api,b=1\n";
    let files = Files { intents, ..Files::default() };
    assert_eq!(verdicts(files, "app=web -> app=api:8080"), both());
    assert_eq!(verdicts(files, "app=web,a=1 -> app=api:8080"), both());
    assert_eq!(verdicts(files, "app=web,a=2 -> app=api:8080").1, Some(Verdict::Allowed));
}

/// Every alternative counts: none hides behind the first, or behind one that is declared.
#[test]
fn every_alternative_is_judged() {
    let intents = "namespace shop\nworkload api = app=api\nworkload web = app=web\nallow app=first or web -> api:8080\n";
    let files = Files { intents, ..Files::default() };
    assert_eq!(verdicts(files, "app=first or app=second -> api:8080"), both());
    assert_eq!(verdicts(files, "web or app=second -> api:8080"), both());
    assert_eq!(verdicts(files, "app=web|second -> api:8080"), both());
    assert_eq!(verdicts(files, "web or app=first -> api:8080").1, Some(Verdict::Allowed));
}

/// What the mesh tells apart is the account, which labels leave open.
#[test]
fn accounts_that_the_set_leaves_open_are_told_apart() {
    let manifests = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api, containers: [{name: main}]}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]
";
    let files = Files { manifests, ..Files::default() };
    assert_eq!(verdicts(files, "app=web@shop -> deploy/api@shop:8080").1, None);
    assert_eq!(verdicts(files, "as web@shop -> deploy/api@shop:8080").1, Some(Verdict::Allowed));
    assert_eq!(verdicts(files, "as other@shop -> deploy/api@shop:8080").1, Some(Verdict::Denied));
}

/// Pods of several namespaces are told apart by what these have.
#[test]
fn namespaces_that_the_set_leaves_open_are_told_apart() {
    let intents = "namespace shop\nworkload api = app=api\nexternal namespace lab {}\nallow app=x@lab -> api:8080\n";
    let files = Files { intents, ..Files::default() };
    assert_eq!(verdicts(files, "app=x@* -> api@shop:8080").1, None);
    assert_eq!(verdicts(files, "app=x@lab -> api@shop:8080").1, Some(Verdict::Allowed));
}

/// A set of nobody is no question: there is nothing to answer, and that is an error.
#[test]
fn nobody_is_told() {
    let files = Files { intents: LABELS, ..Files::default() };
    for flow in
        ["app=web but app=web -> api:8080", "web@shop but *@shop -> api:8080", "app=web -> (api but api):8080", "app=job -> app=x but *:80"]
    {
        let answer = files.ask(flow);
        assert!(answer.cases.is_empty(), "{flow}");
        assert!(!answer.errors().is_empty(), "{flow}: {:?}", answer.findings);
    }
}

/// Beside a workload that is declared there may be others in the set: they are asked about, too.
#[test]
fn a_declared_workload_does_not_stand_for_all_others() {
    let intents = "namespace shop\nworkload web = app=web account web\nallow app=mon -> app=db:80\n";
    let files = Files { intents, ..Files::default() };
    for everybody in ["* -> app=db:80", "*@shop -> app=db:80", "*@* -> app=db:80"] {
        assert_eq!(verdicts(files, everybody).1, None, "{everybody}");
    }
    assert_eq!(verdicts(files, "app=web -> app=db:80"), (vec![Verdict::Denied], Some(Verdict::Denied)));
    assert_eq!(verdicts(files, "web -> app=db:80"), (vec![Verdict::Denied], Some(Verdict::Denied)));
}

/// Only a pod has an address of pods: who is asked for is that pod, and if nobody knows it there is no answer.
#[test]
fn an_address_of_pods_is_that_pod_or_nobody() {
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n[ingress]\nsource = \"client\"\n";
    let intents = "namespace shop open ingress\ndeny outside -> *\nallow app=web -> app=y:80\n";
    let files = Files { intents, config, ..Files::default() };
    for (flow, whose) in
        [("10.244.0.7 -> app=y:80", "only pods"), ("10.96.0.7 -> app=y:80", "only Services"), ("app=web -> 10.244.0.7:80", "only pods")]
    {
        let page = files.page(flow);
        assert!(page.contains("unclear-flow") && page.contains(whose), "{flow}\n{page}");
    }
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, labels: {app: web}}\n\
               spec: {containers: [{name: main}]}\nstatus: {phase: Running, podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}]}\n";
    assert_eq!(verdicts(Files { inventory: pod, ..files }, "10.244.0.7 -> app=y:80"), (vec![Verdict::Allowed], Some(Verdict::Allowed)));
    assert_eq!(verdicts(files, "10.0.0.0/8 -> app=y:80"), (vec![Verdict::Denied], Some(Verdict::Denied)), "the rest of the block");
}

/// The labels that a flow gives a namespace which nobody describes are its labels, as those are that it gives pods.
#[test]
fn labels_of_a_namespace_that_a_flow_gives_are_its_labels() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec: {containers: [{name: c}]}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
         spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]}\n";
    let config = "[mesh]\nmode = \"none\"\n";
    let ask =
        |namespace: &str| verdicts(Files { manifests, config, ..Files::default() }, &format!("app=a@{namespace} -> app=db@shop:80")).1;
    assert_eq!(ask("[kubernetes.io/metadata.name=q,team=x]"), Some(Verdict::Allowed));
    assert_eq!(ask("[kubernetes.io/metadata.name=q,team=y]"), Some(Verdict::Denied));
    assert_eq!(ask("[team=x]"), Some(Verdict::Allowed));
    for unsaid in ["q", "[kubernetes.io/metadata.name=q]", "[kubernetes.io/metadata.name=q,team!=x]"] {
        assert!(matches!(ask(unsaid), Some(Verdict::Unspecified(_))), "{unsaid}");
    }
}

/// What a flow says of a label that the namespace of a pod lacks holds, as what it says of one that it has: so counterexamples of `verify` are
/// told of namespaces that nobody describes (`Telling`).
#[test]
fn labels_that_a_flow_says_a_namespace_lacks_are_lacking() {
    let asked = |test: &str, end: &str| {
        let manifests = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a, namespace: shop}}\n\
             spec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], \
             ingress: [{{from: [{{namespaceSelector: {{matchExpressions: [{{{test}}}]}}}}]}}]}}\n"
        );
        Files { manifests: &manifests, ..Files::default() }.ask(&format!("*@{end} -> app=db@shop:80")).verdict().cloned()
    };
    let lacks = "[kubernetes.io/metadata.name=any,team!=*]";
    assert_eq!(asked("key: team, operator: NotIn, values: [y]", lacks), Some(Verdict::Allowed));
    assert_eq!(asked("key: team, operator: DoesNotExist", lacks), Some(Verdict::Allowed));
    assert_eq!(asked("key: team, operator: In, values: [y]", lacks), Some(Verdict::Denied));
    assert_eq!(asked("key: team, operator: Exists", "[team!=*]"), Some(Verdict::Denied));
    for unsaid in ["any", "[team!=y]"] {
        let open = asked("key: team, operator: NotIn, values: [y]", unsaid);
        assert!(matches!(open, Some(Verdict::Unspecified(_))), "{unsaid}: {open:?}");
    }
}

/// Two answers of pods that have the same labels, in namespaces of one name, differ in what they say: by the labels of these.
#[test]
fn pods_of_namespaces_with_other_labels_are_told_by_these() {
    let manifests = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: shop}\n\
                     spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: x, stage: y}}}]}]}\n";
    let files = Files { manifests, ..Files::default() };
    let whole = "k8s-app=kube-dns@[kubernetes.io/metadata.name=kube-system,team=x]";
    let answer = files.ask(&format!("{whole} -> app=db@shop:53"));
    let told: Vec<(&str, &Verdict)> = answer.cases.iter().map(|case| (&*case.source, &case.decision.verdict)).collect();
    let other = "k8s-app=kube-dns@[kubernetes.io/metadata.name=kube-system,stage=y,team=x]";
    assert_eq!(told, [(whole, &Verdict::Denied), (other, &Verdict::Allowed)]);
    let note = format!("no known workload is {whole}: this one is {other}, account kube-system/default");
    assert!(answer.cases[1].notes.contains(&note), "{:?}", answer.cases[1].notes);
    let asked = files.ask(&format!("{other} -> app=db@shop:53"));
    assert_eq!(asked.verdict(), Some(&Verdict::Allowed), "as it is told it can be asked");
}

/// What a flow says of the namespace is part of who is asked about: without it the answer may be another.
#[test]
fn who_is_told_by_labels_of_a_namespace_is_shown_with_them() {
    let manifests = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: shop}\n\
                     spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}]}]}\n";
    let files = Files { manifests, ..Files::default() };
    let told = |end: &str| {
        let answer = files.ask(&format!("{end} -> app=db@shop:80"));
        (answer.cases[0].source.clone(), answer.cases[0].decision.verdict.clone())
    };
    for (end, verdict) in
        [("*@[team!=*]", Verdict::Allowed), ("*@[team=x]", Verdict::Denied), ("app=a@[stage!=prod,team=x]", Verdict::Denied)]
    {
        assert_eq!(told(end), (end.to_owned(), verdict));
    }
    assert_eq!(told("*@some").0, "*@some");
}
