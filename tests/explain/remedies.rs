//! Changes that are offered do what they say: each is made here by hand, on the text, and asked again.

use super::Files;
use twogate::cluster::{Gate, Step};
use twogate::explain::{Answer, Wish};
use twogate::flow::Verdict;

const SHOP: &str = "\
namespace shop

workload web    = app=web account shop
workload cron   = app=cron account shop
workload api    = app=api account api
workload db     = app=db account db
workload legacy = app=legacy account legacy unmeshed

allow web -> api:8080 mtls http GET /v1/orders
allow api -> db:5432 mtls
allow web -> app=metrics:9090
deny  cron -> app=metrics
";

fn ask(intents: &str, flow: &str) -> Answer {
    Files { intents, ..Files::default() }.ask(flow)
}

/// The program after the changes of a remedy, as a person would make them from what is printed.
fn changed(intents: &str, changes: &[(String, String)]) -> String {
    let mut lines: Vec<String> = intents.lines().map(str::to_owned).collect();
    let mut added = Vec::new();
    for (place, text) in changes {
        let line = place.rsplit_once(':').and_then(|(_, line)| line.parse::<usize>().ok());
        match (line, text.strip_prefix("add "), text.strip_prefix("remove ")) {
            (None, Some(text), _) => added.push(text.trim_matches('`').to_owned()),
            (Some(line), _, Some(_)) => lines[line - 1].clear(),
            (Some(line), None, None) => text.trim_matches('`').clone_into(&mut lines[line - 1]),
            other => panic!("{other:?}"),
        }
    }
    lines.extend(added);
    lines.join("\n") + "\n"
}

/// Every remedy of the answer, made by hand.
fn programs(intents: &str, flow: &str) -> Vec<(Wish, String, Vec<String>)> {
    let answer = ask(intents, flow);
    let remedies = &answer.cases[0].remedies;
    let of = |remedy: &twogate::explain::Remedy| {
        let changes: Vec<(String, String)> = remedy.changes.iter().map(|change| (change.place.clone(), change.text.clone())).collect();
        let others = remedy.effect.as_ref().map(|effect| effect.others.clone()).unwrap_or_default();
        (remedy.wish, changed(intents, &changes), others)
    };
    remedies.iter().filter(|remedy| remedy.refused.is_none()).map(of).collect()
}

#[test]
fn every_change_decides_otherwise() {
    let flows = [
        "web -> db:5432",
        "cron -> app=metrics:9090",
        "web -> api:8080 GET /v1/items",
        "web -> api:8081 GET /v1/orders",
        "api -> db:5432 plaintext",
        "legacy -> app=new:80",
        "app=other@pay -> app=new:80",
        "web -> 203.0.113.9:443",
        "203.0.113.9 -> app=metrics:9090",
        "api -> db:5432",
        "web -> app=metrics:9090",
        "web -> api:8080 GET /v1/orders",
    ];
    let mut tried = 0;
    for flow in flows {
        for (wish, program, _) in programs(SHOP, flow) {
            let answer = ask(&program, flow);
            let wanted = if wish == Wish::Allow { Verdict::Allowed } else { Verdict::Denied };
            assert_eq!(answer.verdict(), Some(&wanted), "{flow}\n{program}\n{:?}", answer.findings);
            tried += 1;
        }
    }
    assert!(tried >= flows.len(), "only {tried} changes were offered");
}

/// Who else gains is who else really gains: the workload that is named passes afterwards and did not before.
#[test]
fn others_who_are_named_really_gain() {
    let intents = "namespace shop\n\nworkload web  = app=web account a\nworkload cron = app=cron account c\nworkload db   = app=db account db\n\ngroup callers = web or cron\n\nallow callers -> db:5432 mtls\n";
    let (_, program, others) =
        programs(intents, "web -> db:5433").into_iter().find(|(_, program, _)| program.contains("5432|5433")).unwrap();
    assert_eq!(others, ["app=cron@shop"], "the rule is widened for all of its callers");
    assert_eq!(ask(intents, "cron -> db:5433").verdict(), Some(&Verdict::Denied));
    assert_eq!(ask(&program, "cron -> db:5433").verdict(), Some(&Verdict::Allowed));
    let added = programs(intents, "web -> db:5433").into_iter().find(|(_, program, _)| !program.contains("5432|5433")).unwrap();
    assert_eq!(added.2, Vec::<String>::new(), "a rule of its own admits nobody else");
    let removed = programs(intents, "web -> db:5432").into_iter().find(|(_, program, _)| !program.contains("allow callers")).unwrap();
    assert_eq!((removed.0, removed.2), (Wish::Stop, vec!["app=cron@shop".to_owned()]));
}

/// A caller outside of the mesh meets rules that want an identity: joining the mesh is one of the changes.
#[test]
fn a_caller_may_join_the_mesh() {
    let intents = "namespace shop\n\nworkload legacy = app=legacy account legacy unmeshed\nworkload db     = app=db account db\nworkload api    = app=api account api\n\nallow api -> db:5432 mtls\n";
    let all = programs(intents, "legacy -> db:5432");
    assert!(all.iter().any(|(_, program, _)| !program.contains("unmeshed") && program.contains("allow legacy -> db:5432 mtls")), "{all:?}");
}

/// What does not compile is no remedy; if nothing else is found, it is shown with the reason.
#[test]
fn a_change_that_is_refused_says_why() {
    let answer = ask(SHOP, "legacy -> api:8080 GET /v1/orders");
    let remedies = &answer.cases[0].remedies;
    let refused: Vec<&str> = remedies.iter().filter_map(|remedy| remedy.refused.as_deref()).collect();
    assert!(remedies.iter().any(|remedy| remedy.effect.is_some()) || refused.iter().any(|reason| reason.contains(": ")), "{remedies:?}");
}

#[test]
fn every_gate_of_a_way_is_told_in_the_order_of_the_packet() {
    let answer = ask(SHOP, "web -> db:5432");
    let gates: Vec<Gate> = answer.cases[0].decision.steps.iter().map(|step: &Step| step.gate).collect();
    assert_eq!(gates, [Gate::Egress, Gate::Ingress, Gate::Transport, Gate::Caller]);
    assert_eq!(answer.cases[0].origins.len(), gates.len());
}

/// Two pods, and policies of which several rules let the one call the other.
const BY_HAND: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: main}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53, protocol: UDP}]
  - to: [{podSelector: {matchLabels: {app: api}}}]
  - ports: [{port: 53, protocol: TCP}]
  - ports: [{port: 8080}]
  - to: [{namespaceSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {}}]
  - from: [{podSelector: {matchLabels: {app: other}}}]
  - ports: [{port: 8080}]
";

/// The rules of one list of one policy, by line: those of these tests stand on one line each.
fn without_rules(manifests: &str, place: &str, list: &str, numbers: &[usize]) -> String {
    let name = place.rsplit_once('/').unwrap().1;
    let of = |document: &str| {
        let (head, rules) = document.split_once(&format!("  {list}:\n")).unwrap();
        let kept = rules.lines().enumerate().filter(|(at, _)| !numbers.contains(&(at + 1))).map(|(_, line)| format!("{line}\n"));
        let kept: String = kept.collect();
        if kept.is_empty() { format!("{head}  {list}: []\n") } else { format!("{head}  {list}:\n{kept}") }
    };
    let documents = manifests.split("---\n").map(|document| {
        if document.contains(&format!("{{name: {name}, ")) && document.contains("NetworkPolicy") {
            of(document)
        } else {
            document.to_owned()
        }
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// Rules that are to be removed are told by their numbers in the file, so that whoever removes them all at once removes the right ones.
#[test]
fn removed_rules_are_numbered_as_in_the_file() {
    let flow = "pod/web@shop -> pod/api@shop:8080";
    let ask = |manifests: &str| Files { manifests, ..Files::default() }.ask(flow);
    let answer = ask(BY_HAND);
    let mut tried = Vec::new();
    for remedy in &answer.cases[0].remedies {
        let mut lists: std::collections::BTreeMap<(String, String), Vec<usize>> = std::collections::BTreeMap::new();
        for change in &remedy.changes {
            let (list, number) = change.text.strip_prefix("remove ").unwrap().split_once(" rule ").unwrap();
            lists.entry((change.place.clone(), list.to_owned())).or_default().push(number.parse().unwrap());
        }
        let changed = lists.iter().fold(BY_HAND.to_owned(), |text, ((place, list), numbers)| without_rules(&text, place, list, numbers));
        assert_ne!(changed, BY_HAND);
        assert_eq!(ask(&changed).verdict(), Some(&Verdict::Denied), "{lists:?}\n{changed}");
        tried.extend(lists.into_values());
    }
    tried.sort();
    assert_eq!(tried, [vec![1, 3], vec![2, 4, 5]]);
}

/// In a file of blocks a line belongs to the block that it stands in, so a line that is offered names its block.
#[test]
fn a_line_that_is_offered_names_its_block() {
    let intents = "namespace shop mesh none {\n  allow app=a -> app=b:1\n}\nnamespace pay mesh none {\n  allow app=c -> app=d:1\n}\n";
    let page = Files { intents, ..Files::default() }.page("app=web@shop -> app=db@shop:80");
    assert!(page.contains("add `allow app=web -> app=db:80` in the block of `shop`"), "{page}");
    let whole =
        Files { intents: "namespace shop mesh none\nallow app=a -> app=b:1\n", ..Files::default() }.page("app=web@shop -> app=db@shop:80");
    assert!(whole.contains("add `allow app=web -> app=db:80`") && !whole.contains("in the block"), "{whole}");
}
