//! Manifests of which some are in error: the rest is asked all the same.

use super::Files;
use twogate::diagnostic::code;
use twogate::flow::Verdict;

/// Two pods, and a policy that lets the one in at the other.
const RUNNING: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: main}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
";

/// A policy whose port is a number in quotes, in a namespace.
fn wrong(namespace: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: wrong, namespace: {namespace}}}\n\
         spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: \"5432\"}}]}}]}}\n"
    )
}

#[test]
fn an_object_in_error_leaves_the_rest_to_be_asked() {
    let manifests = format!("{RUNNING}{}", wrong("other"));
    let answer = Files { manifests: &manifests, ..Files::default() }.ask("pod/web@shop -> pod/db@shop:5432");
    assert_eq!(answer.errors()[0].code, code::INVALID_MANIFEST);
    assert_eq!(answer.verdict(), Some(&Verdict::Allowed));
    let json: serde_json::Value = serde_json::from_str(&twogate::explain::json(&answer)).unwrap();
    assert_eq!((&json["verdict"], &json["findings"][0]["code"]), (&"allowed".into(), &"invalid-manifest".into()));
}

#[test]
fn what_an_object_in_error_may_touch_is_unspecified() {
    let manifests = format!("{RUNNING}{}", wrong("shop"));
    let files = Files { manifests: &manifests, ..Files::default() };
    let answer = files.ask("pod/web@shop -> pod/web@shop:80");
    assert!(matches!(answer.verdict(), Some(Verdict::Unspecified(_))), "{:?}", answer.verdict());
    assert!(!answer.errors().is_empty() && answer.cases[0].remedies.is_empty());
}

/// What is offered is still tried, beside what is in error.
#[test]
fn changes_are_offered_beside_errors() {
    let manifests = format!("{RUNNING}{}", wrong("other"));
    let files = Files { manifests: &manifests, ..Files::default() };
    let denied = files.ask("pod/web@shop -> pod/db@shop:80");
    assert_eq!(denied.verdict(), Some(&Verdict::Denied));
    assert!(!denied.cases[0].remedies.is_empty());
    let unreadable = format!("{RUNNING}---\na: [\n");
    let answer = Files { manifests: &unreadable, ..Files::default() }.ask("pod/web@shop -> pod/db@shop:80");
    assert!(answer.cases.iter().all(|case| case.remedies.is_empty()), "nobody can try a change of a text that is not read");
}

#[test]
fn errors_of_intents_and_of_the_flow_leave_no_answer() {
    let manifests = format!("{RUNNING}{}", wrong("other"));
    let intents = Files { manifests: &manifests, intents: "namespace shop\nallow web -> app=db:80\n", ..Files::default() };
    assert!(intents.ask("pod/web@shop -> pod/db@shop:5432").cases.is_empty());
    let flow = Files { manifests: &manifests, ..Files::default() }.ask("pod/wbe@shop -> pod/db@shop:5432");
    let codes: Vec<_> = flow.findings.iter().map(|finding| finding.code).collect();
    assert!(flow.cases.is_empty() && codes.contains(&code::UNKNOWN_OBJECT) && codes.contains(&code::INVALID_MANIFEST), "{codes:?}");
    let alone = wrong("shop");
    assert!(Files { manifests: &alone, ..Files::default() }.ask("app=web@shop -> app=db@shop:5432").cases.is_empty());
}

/// What policies say by themselves is no answer where an object that is not modelled may undo it.
#[test]
fn what_policies_say_by_themselves_is_said_to_be_so() {
    let manifests = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {serviceAccountName: db, containers: [{name: main}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]}
";
    let filter = "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: x, namespace: shop}\nspec: {configPatches: []}\n";
    let page = |manifests: &str| Files { manifests, ..Files::default() }.page("app=web@shop -> pod/db@shop:5432");
    let open = page(&format!("{manifests}{filter}"));
    let reason = "EnvoyFilter `shop/x` may decide otherwise and is not modelled";
    let lines: Vec<&str> = open.lines().filter(|line| line.contains(&format!(", but {reason}"))).collect();
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.contains("UNSPECIFIED")), "{open}");
    assert!(open.contains(&format!("whether anything else stops them is open: {reason}")), "{open}");
    let plain = page(manifests);
    assert!(
        !plain.contains("may decide otherwise") && plain.contains("NetworkPolicy admits them, AuthorizationPolicy stops them"),
        "{plain}"
    );
}
