//! Changes among pods that many labels tell apart, which may stand together in any way.

use twogate::cluster::Platform;
use twogate::flow::Flow;
use twogate::plan::{Harm, Options, Plan, Safety};

use super::walked::{Objects, against, lines, programs, yaml};
use crate::support::flow;

const NONE: [(&str, &str); 0] = [];

/// A policy of namespace `shop` that lets pods with one label call pods with another.
fn policy(name: &str, way: &str, (own, other, port): (&str, &str, u16)) -> String {
    let (rules, peers) = if way == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n  namespace: shop\nspec: {{podSelector: {{matchLabels: {{{own}: a}}}}, policyTypes: [{way}], {rules}: [{{{peers}: [{{podSelector: {{matchLabels: {{{other}: a}}}}}}], ports: [{{port: {port}}}]}}]}}\n"
    )
}

/// Policies that stay, each of labels of its own.
fn others(count: usize) -> String {
    (0..count).map(|at| policy(&format!("other-{at}"), "Ingress", (&format!("d{at}"), &format!("k{at}"), 80))).collect()
}

fn parsed(text: &str) -> Objects {
    let word = |document: &str, key: &str| {
        document.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": ").map(str::to_owned)).unwrap_or_default()
    };
    let named = |document: &str| (word(document, "kind"), word(document, "namespace"), word(document, "name"));
    text.split("---\n").filter(|document| !document.is_empty()).map(|document| (named(document), document.to_owned())).collect()
}

/// The plan, which must be safe for flows between all pods with up to three of these labels, too.
fn safe(base: &str, head: &str, labels: &[&str]) -> Plan {
    let plan = yaml(base, head, Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    assert_eq!(against(&plan, &parsed(base), &parsed(head), &Platform::default(), &flows(labels)), None, "{:#?}", lines(&plan));
    plan
}

/// All flows between pods of few of these labels.
fn flows(labels: &[&str]) -> Vec<Flow> {
    let carried: Vec<String> = (0_u32..1 << labels.len()).filter(|set| set.count_ones() <= 3).map(|set| named(set, labels)).collect();
    let pairs = carried.iter().flat_map(|from| carried.iter().map(move |to| format!("{from}@shop -> {to}@shop")));
    pairs.flat_map(|pair| [80, 81].map(|port| flow(&format!("{pair}:{port}"), &NONE))).collect()
}

fn named(set: u32, labels: &[&str]) -> String {
    let own: Vec<String> = (0..).zip(labels).filter(|(at, _)| set & (1 << at) != 0).map(|(_, label)| format!("{label}=a")).collect();
    if own.is_empty() { "none=a".to_owned() } else { own.join(",") }
}

/// A port of one policy among fourteen is one step, and that step says what it opens and closes.
#[test]
fn one_port_among_many_labels_changes_in_one_step() {
    let side = |port: u16| others(14) + &policy("own", "Ingress", ("web", "api", port));
    let plan = safe(&side(80), &side(81), &["web", "api", "k1", "d1", "d2"]);
    assert_eq!(lines(&plan), ["replace: replace NetworkPolicy shop/own"]);
    let more = "and so pods with more labels than these, unless other rules decide about them";
    assert_eq!(plan.steps[0].opens, ["api=a@shop -> web=a@shop:81: denied → allowed", more]);
    assert_eq!(plan.steps[0].closes, ["api=a@shop -> web=a@shop:80: allowed → denied", more]);
}

/// One end opens by the head alone, the other was open by the base alone: so it is with other labels around, and without.
fn crossing() -> (String, String) {
    let base = policy("out", "Egress", ("web", "nobody", 80)) + &policy("in", "Ingress", ("db", "web", 80));
    let head = policy("out", "Egress", ("web", "db", 80)) + &policy("in", "Ingress", ("db", "nobody", 80));
    (base, head)
}

#[test]
fn an_end_that_opens_waits_for_the_other_among_many_labels() {
    let (base, head) = crossing();
    let plan = safe(&(base + &others(12)), &(head + &others(12)), &["web", "db", "nobody", "k1", "d1"]);
    assert_eq!(lines(&plan), ["replace: replace NetworkPolicy shop/in", "replace: replace NetworkPolicy shop/out"]);
}

/// What changes at once in each of two policies crosses in either order; only pods that another policy isolates show it.
#[test]
fn what_has_no_safe_order_is_told_among_many_labels() {
    let side = |reached: &str, opened: &str| {
        let web = policy("web", "Egress", ("web", reached, 80)).replace(
            "matchLabels: {web: a}}, p",
            &format!("matchExpressions: [{{key: {reached}-caller, operator: DoesNotExist}}], matchLabels: {{web: a}}}}, p"),
        );
        others(3)
            + &web
            + &policy("in", "Ingress", (opened, "web", 80))
            + &policy("closed", "Ingress", ("one", "nobody", 80))
            + &policy("shut", "Ingress", ("two", "nobody", 80))
    };
    let rollout = yaml(&side("one", "two"), &side("two", "one"), Options::default());
    assert_eq!(rollout.plan.safety, Safety::NoSafeOrder, "{:#?}", lines(&rollout.plan));
    let harm: Vec<&Harm> = rollout.plan.harm().map(|(_, harm)| harm).collect();
    assert!(harm.iter().any(|harm| matches!(harm, Harm::Opens(flow) | Harm::Drops(flow) if flow.contains("web=a"))), "{harm:?}");
}

/// A namespace of many independent rules, one of which changes its port.
#[test]
fn one_rule_among_many_labels_is_planned() {
    let program = |port: u16| {
        let rule = |at: u16| format!("allow k{at}=yes -> d{at}=yes:{}\n", if at == 0 { port } else { 80 });
        let rules: String = (0..8).map(rule).collect();
        format!("namespace shop mesh none\n{rules}")
    };
    let plan = programs(&program(80), &program(81), Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", lines(&plan));
}
