//! Why: the steps of a decision, the rules that decided, and what the others miss.

use super::{Changed, cluster, decide, end, lets_in, policy};
use twogate::cluster::{Decision, Gate, Step};
use twogate::flow::Verdict;

pub(super) fn step(decision: &Decision, gate: Gate) -> &Step {
    decision.steps.iter().find(|step| step.gate == gate).unwrap()
}

/// Documents as `name#rule`.
pub(super) fn decided_by(step: &Step) -> Vec<String> {
    let rule = |rule: Option<usize>| rule.map_or_else(String::new, |rule| format!("#{rule}"));
    step.decided_by.iter().map(|document| format!("{}{}", document.name, rule(document.rule))).collect()
}

/// Misses as `name#rule wants / has`.
fn misses(step: &Step) -> Vec<String> {
    let say =
        |miss: &twogate::cluster::Miss| format!("{}#{} {} / {}", miss.document.name, miss.document.rule.unwrap(), miss.wants, miss.has);
    step.misses.iter().map(say).collect()
}

#[test]
fn a_connection_that_passes_names_the_rules_that_let_it() {
    let cluster = cluster(&format!("{}{}", lets_in("{ports: [{port: 1}]}, {ports: [{port: 80}]}"), policy("other", "{ingress: [{}]}")));
    let decision = decide(&cluster, &end("app=web@shop"), &end("app=db@shop"), "80");
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(
        decision.steps.iter().map(|step| (step.gate, &*step.at)).collect::<Vec<_>>()[..2],
        [(Gate::Egress, "app=web@shop"), (Gate::Ingress, "app=db@shop"),]
    );
    assert_eq!(decided_by(step(&decision, Gate::Ingress)), ["in#2", "other#1"]);
    assert_eq!(step(&decision, Gate::Egress).reason, "no NetworkPolicy isolates the egress of the pod");
    assert!(decided_by(step(&decision, Gate::Egress)).is_empty());
}

#[test]
fn a_connection_that_is_stopped_names_what_every_rule_misses() {
    let rules = "
  {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]},
  {from: [{podSelector: {matchLabels: {app: job}}}], ports: [{port: 5432}]},
  {from: [{podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}]},
  {from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {podSelector: {matchExpressions: [{key: app, operator: Exists}]}}], ports: [{port: http}, {port: 90, endPort: 95}]},
  {ports: [{protocol: UDP, port: 53}]}";
    let cluster = cluster(&format!("{}{}", lets_in(rules), policy("closed", "{policyTypes: [Ingress]}")));
    let destination = end("app=db@shop").calls_port("http", 8080);
    let decision = decide(&cluster, &end("app=web@shop"), &destination, "5432");
    let step = step(&decision, Gate::Ingress);
    assert_eq!(step.verdict, Verdict::Denied);
    assert_eq!(decided_by(step), ["in", "closed"]);
    assert_eq!(step.reason, "no rule of the 2 policies that isolate the ingress of the pod lets it in");
    assert_eq!(
        misses(step),
        [
            "in#1 port 80 / port 5432/tcp",
            "in#2 from app=job@shop / app=web@shop",
            "in#3 namespace pay / namespace shop",
            "in#4 port 90-95|http / port 5432/tcp",
            "in#5 protocol UDP / protocol TCP",
        ]
    );
}

#[test]
fn an_open_answer_names_the_rule_and_the_reason() {
    let cluster = cluster(&lets_in("{from: [{namespaceSelector: {matchLabels: {team: a}}}], ports: [{port: 80}]}, {ports: [{port: 1}]}"));
    let decision = decide(&cluster, &end("app=web@other").in_unknown_namespace(), &end("*@shop"), "80");
    let step = step(&decision, Gate::Ingress);
    assert_eq!(decided_by(step), ["in#1"]);
    assert_eq!(step.reason, "the labels of namespace `other` are not known");
    assert_eq!(misses(step)[0], "in#1 from *@[team=a] / app=web@other: the labels of namespace `other` are not known");
}

/// Only the label of the name is a name: any other is told as the label that it is, one as two.
#[test]
fn a_rule_that_wants_a_label_of_namespaces_is_told_by_it() {
    let rule = |labels: &str| format!("{{from: [{{namespaceSelector: {{matchLabels: {{{labels}}}}}}}]}}");
    let rules = ["tier: prod", "tier: prod, zone: a", "kubernetes.io/metadata.name: prod"].map(rule).join(", ");
    let decision = decide(&cluster(&lets_in(&rules)), &end("app=web@other"), &end("*@shop"), "80");
    let wants = ["in#1 namespace [tier=prod]", "in#2 namespace [tier=prod,zone=a]", "in#3 namespace prod"];
    assert_eq!(misses(step(&decision, Gate::Ingress)), wants.map(|wants| format!("{wants} / namespace other")));
}

#[test]
fn a_document_says_where_it_comes_from() {
    let yaml = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
  annotations:
    example.com/rules: |
      shop.intent:9 allow app=web -> app=db:5432
      shop.intent:12 allow app=job -> app=db:5432
    example.com/other: nothing
spec: {ingress: [{}]}
";
    let cluster = cluster(yaml);
    let decision = decide(&cluster, &end("app=web@shop"), &end("app=db@shop"), "5432");
    let document = &step(&decision, Gate::Ingress).decided_by[0];
    assert_eq!((&*document.kind, &*document.namespace, &*document.name, document.rule), ("NetworkPolicy", "shop", "db", Some(1)));
    assert_eq!(document.origin, ["shop.intent:9 allow app=web -> app=db:5432", "shop.intent:12 allow app=job -> app=db:5432"]);
    let place = &yaml[document.location.span.range()];
    assert_eq!(place, "name: db");
}

#[test]
fn an_address_has_no_gate() {
    let cluster = cluster(&policy("p", "{policyTypes: [Ingress, Egress]}"));
    let decision = decide(&cluster, &end("203.0.113.7"), &end("*@shop"), "80");
    let gates: Vec<_> = decision.steps.iter().map(|step| step.gate).filter(|gate| matches!(gate, Gate::Egress | Gate::Ingress)).collect();
    assert_eq!(gates, [Gate::Ingress]);
}
