//! Ranges of addresses: each part that is judged by itself gets an answer of its own.

use super::Files;
use twogate::flow::Verdict;

/// A gate that lets in one network and the lower half of another, and out to everything but one resolver.
const GATE: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: gate, namespace: edge, labels: {app: gate}}
spec: {containers: [{name: main}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: gate, namespace: edge}
spec:
  podSelector: {matchLabels: {app: gate}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ipBlock: {cidr: 8.0.0.0/8}}, {ipBlock: {cidr: 198.51.100.0/24, except: [198.51.100.128/25]}}]
    ports: [{port: 443}]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [1.1.1.1/32]}}]
";

/// The verdicts of a flow with the ends that they are about, and the verdict on all.
fn verdicts(manifests: &str, flow: &str) -> (Vec<(Verdict, String)>, Option<Verdict>) {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert!(answer.findings.is_empty(), "{flow}: {:?}", answer.findings);
    let of = |case: &twogate::explain::Case| {
        let far = if case.source_addresses.is_empty() { &case.destination } else { &case.source };
        (case.decision.verdict.clone(), far.clone())
    };
    (answer.cases.iter().map(of).collect(), answer.verdict().cloned())
}

fn said(manifests: &str, flow: &str) -> Vec<(Verdict, String)> {
    let (mut said, whole) = verdicts(manifests, flow);
    said.sort_by_key(|(verdict, _)| *verdict != Verdict::Allowed);
    assert_eq!(whole.is_some(), said.len() == 1, "{flow}: {said:?}");
    said
}

/// Whether a pod always reaches its own node is undefined, so an address that may be that node's is refused by nobody for sure
/// (`semantics.md` §1.7). Of another node it is none.
#[test]
fn an_address_of_nodes_may_be_the_own_nodes() {
    let gate = |spec: &str| {
        format!("{}---\n{}", GATE.replace("containers: [{name: main}]", spec).replace("0.0.0.0/0, except: [1.1.1.1/32]", "8.0.0.0/8"), NODE)
    };
    let verdict = |manifests: &str, flow: &str| {
        let config = "[cluster]\nnode-cidrs = [\"172.16.0.0/16\"]\n";
        let answer = Files { manifests, config, ..Files::default() }.ask(flow);
        assert_eq!(answer.cases.len(), 1, "{flow}: {:?}", answer.findings);
        answer.verdict().cloned().unwrap()
    };
    let open = |manifests: &str, flow: &str| match verdict(manifests, flow) {
        Verdict::Unspecified(reason) => reason.contains("whether a pod always reaches its own node is undefined"),
        _ => false,
    };
    let anywhere = gate("containers: [{name: main}]");
    for flow in ["pod/gate@edge -> nodes:10250", "pod/gate@edge -> 172.16.0.5:10250", "pod/gate@edge -> 172.16.0.1:10250"] {
        assert!(open(&anywhere, flow), "{flow}: {:?}", verdict(&anywhere, flow));
    }
    assert_eq!(verdict(&anywhere, "pod/gate@edge -> 172.17.0.5:10250"), Verdict::Denied);
    assert_eq!(verdict(&anywhere, "pod/gate@edge -> 8.0.0.5:10250"), Verdict::Allowed);
    let placed = gate("nodeName: n1, containers: [{name: main}]");
    assert!(open(&placed, "pod/gate@edge -> 172.16.0.1:10250") && open(&placed, "pod/gate@edge -> nodes:10250"));
    assert_eq!(verdict(&placed, "pod/gate@edge -> 172.16.0.5:10250"), Verdict::Denied, "its node has another address");
    let unseen = gate("nodeName: n2, containers: [{name: main}]");
    assert!(open(&unseen, "pod/gate@edge -> 172.16.0.5:10250"));
}

/// The pod's own node always reaches it, other nodes where policies let them (`semantics.md` §1.7).
#[test]
fn an_address_of_nodes_that_calls_may_be_the_own_nodes() {
    let web = |spec: &str, policy: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: s}}\nspec: {{{spec}containers: [{{name: c}}]}}\n---\n\
             apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n, namespace: s}}\nspec: {{{policy}}}\n---\n{NODE}"
        )
    };
    let said = |manifests: &str, flow: &str| {
        let config = "[cluster]\nnode-cidrs = [\"172.16.0.0/16\"]\n";
        let answer = Files { manifests, config, ..Files::default() }.ask(flow);
        assert_eq!(answer.cases.len(), 1, "{flow}: {:?}", answer.findings);
        answer.verdict().cloned().unwrap()
    };
    let is_open = |verdict: Verdict, why: &str| matches!(verdict, Verdict::Unspecified(reason) if reason.contains(why));
    let anywhere = web("", "podSelector: {}");
    for flow in ["nodes -> pod/web@s:80", "172.16.0.5 -> pod/web@s:80"] {
        assert!(is_open(said(&anywhere, flow), "the pod's own node always reaches it"), "{flow}");
    }
    assert!(is_open(said(&anywhere, "172.16.0.1 -> pod/web@s:80"), "may run on the pod's own node"), "it is a Node's");
    assert_eq!(said(&anywhere, "172.17.0.5 -> pod/web@s:80"), Verdict::Denied, "it is of no node");
    let placed = web("nodeName: n1, ", "podSelector: {}");
    assert_eq!(said(&placed, "172.16.0.1 -> pod/web@s:80"), Verdict::Allowed);
    assert_eq!(said(&placed, "172.16.0.5 -> pod/web@s:80"), Verdict::Denied, "its node has another address");
    let elsewhere = web("", "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 172.16.0.5/32}}]}]");
    assert_eq!(said(&elsewhere, "172.16.0.5 -> pod/web@s:80"), Verdict::Allowed);
    let on_node = web("hostNetwork: true, ", "podSelector: {}");
    assert!(is_open(said(&on_node, "172.16.0.5 -> pod/web@s:80"), "network"), "policies say nothing of it");
}

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 172.16.0.1}]}\n";

#[test]
fn every_part_of_a_range_is_judged_by_itself() {
    let (allowed, denied) = (Verdict::Allowed, Verdict::Denied);
    let far = |verdict: &Verdict, title: &str| (verdict.clone(), title.to_owned());
    assert_eq!(
        said(GATE, "internet -> pod/gate@edge:443"),
        [far(&allowed, "8.0.0.0/8 (8.0.0.0)"), far(&denied, "internet except 8.0.0.0/8 (9.9.9.9)")]
    );
    assert_eq!(
        said(GATE, "198.51.100.0/24 -> pod/gate@edge:443"),
        [far(&allowed, "198.51.100.0/25 (198.51.100.7)"), far(&denied, "198.51.100.128/25 (198.51.100.128)")]
    );
    assert_eq!(said(GATE, "198.51.100.0/26 -> pod/gate@edge:443"), [far(&allowed, "198.51.100.0/26 (198.51.100.7)")]);
    assert_eq!(said(GATE, "internet -> pod/gate@edge:80"), [far(&denied, "internet (9.9.9.9)")], "no rule is for this port");
    assert_eq!(
        said(GATE, "pod/gate@edge -> 1.0.0.0/8:53/udp"),
        [far(&allowed, "1.0.0.0/8 except 1.1.1.1 (1.0.0.0)"), far(&denied, "1.1.1.1")]
    );
    assert_eq!(said(GATE, "198.51.100.200 -> pod/gate@edge:443"), [far(&denied, "198.51.100.200")]);
}

/// Most of a name is told by the name.
#[test]
fn parts_of_names_are_told_by_the_names() {
    let titles = |flow: &str| said(GATE, flow).into_iter().map(|(_, title)| title).collect::<Vec<_>>();
    assert_eq!(
        titles("pod/gate@edge -> internet:80"),
        ["IPv4 of internet except 1.1.1.1 (9.9.9.9)", "1.1.1.1 and IPv6 of internet (1.1.1.1)"]
    );
}

/// Parts that are judged alike are one answer, which says all that it stands for.
#[test]
fn parts_that_are_judged_alike_are_one() {
    let more = GATE.replace("ingress:\n", "ingress:\n  - from: [{ipBlock: {cidr: 20.0.0.0/8}}, {ipBlock: {cidr: 30.0.0.0/8}}]\n");
    let said = said(&more, "internet -> pod/gate@edge:443");
    let titles: Vec<&str> = said.iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles[0].starts_with("8.0.0.0/8, 20.0.0.0/8, 30.0.0.0/8 ("), "{titles:?}");
    assert!(titles[1].starts_with("internet except 8.0.0.0/8, 20.0.0.0/8, 30.0.0.0/8 ("), "{titles:?}");
    let page = Files { manifests: &more, ..Files::default() }.page("internet -> pod/gate@edge:443");
    assert!(page.contains("note: the addresses that the flow stands for are judged differently"), "{page}");
}

/// Many blocks are counted, and JSON has them all.
#[test]
fn many_blocks_are_counted_and_json_has_all() {
    let blocks: Vec<String> = (0..40).map(|number| format!("{{ipBlock: {{cidr: 11.{}.0.0/16}}}}", 2 * number)).collect();
    let more = GATE.replace("{ipBlock: {cidr: 8.0.0.0/8}}", &blocks.join(", "));
    let files = Files { manifests: &more, ..Files::default() };
    let page = files.page("internet -> pod/gate@edge:443");
    assert!(page.contains("11.0.0.0/16, 11.2.0.0/16, 11.4.0.0/16 and 37 more ("), "{page}");
    let answer = files.ask("internet -> pod/gate@edge:443");
    assert!(answer.cases.iter().any(|case| case.remedies.is_empty()), "nobody adds a rule of so many exceptions");
    let json: serde_json::Value = serde_json::from_str(&twogate::explain::json(&answer)).unwrap();
    assert_eq!(json["verdict"], serde_json::Value::Null);
    let parties: Vec<usize> =
        json["answers"].as_array().unwrap().iter().map(|one| one["source"]["addresses"].as_array().unwrap().len()).collect();
    assert!(parties.contains(&40), "{parties:?}");
    assert_eq!(json["answers"][0]["destination"]["addresses"], serde_json::Value::Null);
}

/// Intents may tell addresses apart that the manifests do not, and the other way round.
#[test]
fn intents_cut_ranges_too() {
    let intents = "namespace edge\n\nallow 8.0.0.0/8 -> app=gate:443\n";
    let files = Files { intents, ..Files::default() };
    let page = files.page("internet -> app=gate@edge:443");
    assert!(page.contains("ALLOWED  8.0.0.0/8 (8.0.0.0)") && page.contains("DENIED  internet except 8.0.0.0/8 ("), "{page}");
    let dump = Files { intents, manifests: GATE, ..Files::default() }.ask("198.51.100.0/25 -> app=gate@edge:443");
    assert_eq!(dump.cases.len(), 1);
    let dump = Files { intents: "namespace edge\n\nallow 198.51.100.0/26 -> app=gate:443\n", manifests: GATE, ..Files::default() };
    let said: Vec<bool> =
        dump.ask("198.51.100.0/25 -> app=gate@edge:443").cases.iter().map(|case| case.said.as_ref().unwrap().passes).collect();
    assert_eq!(said.len(), 2, "{said:?}");
}

/// What is offered for a range is for all of it.
#[test]
fn a_change_for_a_range_is_for_all_of_it() {
    let page = Files { manifests: GATE, ..Files::default() }.page("198.51.100.128/25 -> pod/gate@edge:443");
    assert!(page.contains("{ipBlock: {cidr: 198.51.100.128/25}}"), "{page}");
    assert!(page.contains("admits nobody else"), "{page}");
    let intents = Files { intents: "namespace edge\n\nallow 8.0.0.0/8 -> app=gate:443\n", ..Files::default() };
    let page = intents.page("8.0.0.0/7 -> app=gate@edge:443");
    assert!(page.contains("add `allow 9.0.0.0/8 -> app=gate:443`"), "{page}");
}

/// Ends of several kinds: the addresses among them are told as what they are.
#[test]
fn ends_of_pods_and_addresses() {
    let titles = |flow: &str| -> Vec<String> { verdicts(GATE, flow).0.into_iter().map(|(_, title)| title).collect() };
    let mixed = titles("internet but 8.0.0.0/9 -> pod/gate@edge:443");
    assert!(mixed.iter().any(|title| title == "8.128.0.0/9 (8.128.0.0)"), "{mixed:?}");
    let either = titles("app=web@edge or 8.0.0.0/8 -> pod/gate@edge:443");
    assert!(either.iter().any(|title| title == "8.0.0.0/8 (8.0.0.0)"), "{either:?}");
}

/// A node with a pod on its network, pods with addresses on it and on another, and policies that let in and out by label.
const ADDRESSED: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: one, containers: [{name: main}]}
status: {phase: Running, podIP: 10.42.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: two, containers: [{name: main}]}
status: {phase: Running, podIP: 10.42.1.5, podIPs: [{ip: 10.42.1.5}, {ip: 'fd00::5'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ended, namespace: shop, labels: {app: web}}
spec: {nodeName: one, containers: [{name: main}]}
status: {phase: Succeeded, podIP: 10.42.0.99}
---
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: kube-system, labels: {app: proxy}}
spec: {nodeName: one, hostNetwork: true, containers: [{name: main}]}
status: {phase: Running, podIP: 192.168.1.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.5, ports: [{name: sql, port: 15432, targetPort: 5432}, {name: admin, port: 80, targetPort: 8080}], selector: {app: db}}
---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: shop}
spec: {clusterIP: 10.96.0.6, ports: [{port: 443}]}
";

fn noted(flow: &str) -> (Verdict, Vec<String>) {
    let answer = Files { manifests: ADDRESSED, ..Files::default() }.ask(flow);
    assert!(answer.findings.is_empty(), "{flow}: {:?}", answer.findings);
    assert_eq!(answer.cases.len(), 1, "{flow}");
    (answer.cases[0].decision.verdict.clone(), answer.cases[0].notes.clone())
}

/// A pod's address is the pod: its labels count. What has ended has no address any more.
#[test]
fn an_address_that_a_pod_has_is_that_pod() {
    let web = "10.42.0.10 is the address of Pod shop/web: asked as that pod".to_owned();
    let db = |address: &str| format!("{address} is the address of Pod shop/db: asked as that pod");
    assert_eq!(noted("10.42.0.10 -> pod/db@shop:5432"), (Verdict::Allowed, vec![web.clone()]));
    assert_eq!(noted("10.42.0.10 -> pod/db@shop:5433"), (Verdict::Denied, vec![web.clone()]));
    assert_eq!(noted("pod/web@shop -> 10.42.1.5:5432"), (Verdict::Allowed, vec![db("10.42.1.5")]));
    assert_eq!(noted("pod/web@shop -> [fd00::5]:5432"), (Verdict::Allowed, vec![db("fd00::5")]));
    assert_eq!(noted("10.42.0.10 -> 10.42.1.5:5432"), (Verdict::Allowed, vec![web, db("10.42.1.5")]));
    assert_eq!(noted("10.42.0.99 -> pod/db@shop:5432"), (Verdict::Denied, Vec::new()));
    assert_eq!(noted("pod/web@shop -> 10.42.1.6:5432"), (Verdict::Denied, Vec::new()));
}

/// One of several pods of an owner is that one: what nobody knows of any of them, as its node, is known of it.
#[test]
fn an_address_is_one_pod_of_its_owners() {
    let owned = |name: &str, node: &str, address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: web}}, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: many, controller: true}}]}}\nspec: {{nodeName: {node}, containers: [{{name: main}}]}}\nstatus: {{podIP: {address}}}\n"
        )
    };
    let many = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: many, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}\n";
    let manifests = [ADDRESSED, many, &owned("many-a", "one", "10.42.0.20"), &owned("many-b", "two", "10.42.1.20")].concat();
    let noted = |flow: &str| {
        let answer = Files { manifests: &manifests, ..Files::default() }.ask(flow);
        assert!(answer.findings.is_empty() && answer.cases.len() == 1, "{flow}: {:?}", answer.findings);
        (answer.cases[0].decision.verdict.clone(), answer.cases[0].notes.first().cloned().unwrap_or_default())
    };
    let pod = "10.42.1.20 is the address of Pod shop/many-b: asked as that pod".to_owned();
    assert_eq!(noted("10.42.1.20 -> pod/db@shop:5432"), (Verdict::Allowed, pod.clone()));
    // The node `one` is that of the first, not of the second.
    assert_eq!(noted("pod/proxy@kube-system -> 10.42.0.20:80").0, Verdict::Allowed);
    assert_eq!(noted("pod/proxy@kube-system -> 10.42.1.20:80"), (Verdict::Denied, pod));
    assert_eq!(noted("192.168.1.2 -> 10.42.0.20:80").0, Verdict::Allowed);
    // Its own address no policy stops.
    assert_eq!(noted("10.42.1.20 -> 10.42.1.20:80").0, Verdict::Allowed);
    assert_eq!(noted("10.42.1.20 -> 10.42.0.20:80").0, Verdict::Denied);
    assert_eq!(noted("192.168.1.2 -> 10.42.1.20:80").0, Verdict::Denied);
}

/// A Service's address leads to its pods, whose policies count, on their own port.
#[test]
fn an_address_that_a_service_has_is_a_call_of_it() {
    let service = || vec!["10.96.0.5 is the address of Service shop/db: asked as a call of it".to_owned()];
    let of = |flow: &str| {
        let answer = Files { manifests: ADDRESSED, ..Files::default() }.ask(flow);
        assert!(answer.findings.is_empty(), "{flow}: {:?}", answer.findings);
        assert_eq!(answer.cases.len(), 1, "{flow}");
        (answer.cases[0].decision.verdict.clone(), answer.cases[0].question.port, answer.notes.clone())
    };
    let noted = |flow: &str| {
        let (verdict, port, mut notes) = of(flow);
        notes.retain(|note| note.contains("10.96"));
        (verdict, port, notes)
    };
    assert_eq!(noted("pod/web@shop -> 10.96.0.5:15432"), (Verdict::Allowed, 5432, service()));
    assert_eq!(noted("pod/proxy@kube-system -> 10.96.0.5:80"), (Verdict::Denied, 8080, service()));
    let missing = vec!["10.96.0.5 is the address of Service shop/db, which has no such port: nobody answers there".to_owned()];
    assert_eq!(noted("pod/proxy@kube-system -> 10.96.0.5:81"), (Verdict::Allowed, 81, missing));
    // What a Service without a selector leads to, no manifest says.
    assert_eq!(noted("pod/proxy@kube-system -> 10.96.0.6:443"), (Verdict::Allowed, 443, Vec::new()));
}

/// So do those that a load balancer has for it and that it is given outside, on its ports; on others they may be anybody's.
#[test]
fn an_address_outside_may_be_a_services_too() {
    let wider = ADDRESSED.replace("{clusterIP: 10.96.0.5,", "{clusterIP: 10.96.0.5, externalIPs: [198.51.100.9],");
    let status = "}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.80}, {hostname: db.example.org}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: far,";
    let wider = wider.replacen("}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: far,", status, 1);
    let local = wider.replace("{clusterIP: 10.96.0.5,", "{clusterIP: 10.96.0.5, externalTrafficPolicy: Local,");
    let asked = |manifests: &str, flow: &str| {
        let answer = Files { manifests, ..Files::default() }.ask(flow);
        assert!(answer.findings.is_empty() && answer.cases.len() == 1, "{flow}: {:?}", answer.findings);
        (answer.cases[0].decision.verdict.clone(), answer.cases[0].question.port)
    };
    let answer = |flow: &str| asked(&wider, flow);
    for address in ["198.51.100.9", "203.0.113.80"] {
        // kube-proxy puts the node's address in the place even of a pod's, unless it is told not to.
        let by_node = answer(&format!("pod/web@shop -> {address}:15432"));
        assert!(matches!(by_node, (Verdict::Unspecified(_), 5432)), "{address}: {by_node:?}");
        assert_eq!(asked(&local, &format!("pod/web@shop -> {address}:15432")), (Verdict::Allowed, 5432), "{address}");
        let by_node = answer(&format!("pod/proxy@kube-system -> {address}:80"));
        assert!(matches!(by_node, (Verdict::Unspecified(_), 8080)), "{address}: {by_node:?}");
        assert_eq!(asked(&local, &format!("pod/proxy@kube-system -> {address}:80")), (Verdict::Denied, 8080), "{address}");
        assert_eq!(answer(&format!("pod/proxy@kube-system -> {address}:81")), (Verdict::Allowed, 81), "{address}");
    }
}

/// A node's address is the node: its own pods let it in whatever policies say, and whether it lets them in is left open.
#[test]
fn an_address_that_a_node_has_is_a_process_of_it() {
    let node = || vec!["192.168.1.2 is the address of node one: asked as a process of it".to_owned()];
    assert_eq!(noted("192.168.1.2 -> pod/web@shop:80"), (Verdict::Allowed, node()));
    assert_eq!(noted("192.168.1.2 -> pod/db@shop:5432"), (Verdict::Denied, node()));
    let (verdict, notes) = noted("pod/web@shop -> 192.168.1.2:10250");
    assert!(matches!(verdict, Verdict::Unspecified(_)), "{verdict:?}");
    assert_eq!(notes, node());
}

/// Where no rule lets it in, what does is said beside the policy.
#[test]
fn what_passes_without_a_rule_says_why() {
    let page = Files { manifests: ADDRESSED, ..Files::default() }.page("192.168.1.2 -> pod/web@shop:80");
    assert!(page.contains("allowed  shop/web: a pod is always reached from its own node and by itself\n"), "{page}");
}

/// A block means whoever else has an address in it; that pods have some is said.
#[test]
fn a_block_that_holds_pods_says_so() {
    let note = "pods have some of these addresses, as Pod shop/web; what holds for pods is asked by their names";
    assert_eq!(noted("10.42.0.0/16 -> pod/db@shop:5432"), (Verdict::Denied, vec![note.to_owned()]));
    assert_eq!(noted("10.43.0.0/16 -> pod/db@shop:5432"), (Verdict::Denied, Vec::new()));
    assert_eq!(noted("internet -> pod/db@shop:5432"), (Verdict::Denied, Vec::new()));
}

/// A pod of a `StatefulSet` that a dump shows is asked about as it is: by its own labels, at its own address.
#[test]
fn a_named_pod_is_what_it_says_itself() {
    let pod = |name: &str, address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: pg, statefulset.kubernetes.io/pod-name: {name}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: pg, uid: u, controller: true}}]}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\nstatus: {{phase: Running, podIP: {address}}}\n"
        )
    };
    let policy = |name: &str, selected: &str, from: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{podSelector: {{matchLabels: {{statefulset.kubernetes.io/pod-name: {selected}}}}}, policyTypes: [Ingress]{from}}}\n"
        )
    };
    let manifests = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: pg, namespace: shop}}\n\
         spec: {{replicas: 2, selector: {{matchLabels: {{app: pg}}}}, template: {{metadata: {{labels: {{app: pg}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n\
         {}{}{}{}",
        pod("pg-0", "10.1.2.0"),
        pod("pg-1", "10.1.2.1"),
        policy("none", "pg-0", ""),
        policy("block", "pg-1", ", ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24}}], ports: [{port: 80}]}]"),
    );
    let page = |flow: &str| {
        Files {
            manifests: &manifests,
            config: "[mesh]\nmode = \"none\"\n[cluster]\npod-cidrs = [\"10.1.0.0/16\"]\n[network-plugin]\nipblock-matches-pods = \"yes\"\n",
            ..Files::default()
        }
        .page(flow)
    };
    assert!(page("pod/pg-1@shop -> pod/pg-0@shop:5432").starts_with("DENIED"), "{}", page("pod/pg-1@shop -> pod/pg-0@shop:5432"));
    // The address of the caller is known, and lies in no block.
    let refused = page("pod/pg-0@shop -> pod/pg-1@shop:80");
    assert!(refused.starts_with("DENIED") && !refused.contains("taken as one of"), "{refused}");
    // Which pod of the set is meant nobody said: each is told, and one that it may make.
    let set = page("pod/pg-1@shop -> sts/pg@shop:5432");
    assert!(["\nUNSPECIFIED", "DENIED"].iter().all(|verdict| format!("\n{set}").contains(verdict)), "{set}");
    // A change that is offered is tried on the same pod.
    assert!(refused.contains("to allow it"), "{refused}");
}

/// What a pod sends to itself does not leave it, whatever policies say and whoever wrote them.
#[test]
fn a_pod_always_reaches_itself_by_loopback() {
    let closed = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: a}}\nspec: {containers: [{name: c, image: i}]}\n\
                  ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\n\
                  spec: {podSelector: {}, policyTypes: [Egress]}\n";
    let intents = "namespace shop\nallow app=b -> app=a:80\n";
    for (mesh, written) in [("none", ""), ("sidecar", ""), ("ambient", ""), ("none", intents)] {
        let config = format!("[mesh]\nmode = \"{mesh}\"\n");
        let manifests = if written.is_empty() { closed } else { "" };
        let files = Files { manifests, intents: written, config: &config, ..Files::default() };
        for called in ["127.0.0.1:80", "127.8.9.1:53/udp", "[::1]:80", "127.0.0.0/8:80"] {
            let answer = files.ask(&format!("app=a@shop -> {called}"));
            assert_eq!(answer.verdict(), Some(&Verdict::Allowed), "{mesh} {called} {:?}", answer.findings);
            let [case] = answer.cases.as_slice() else { panic!("{called}") };
            assert!(case.notes.iter().any(|note| note.contains("no policy can stop this connection")), "{:?}", case.notes);
            assert!(case.remedies.is_empty() && answer.disagreement().is_none(), "{called}");
        }
        for called in ["128.0.0.1:80", "126.255.255.255:80"] {
            assert_eq!(files.ask(&format!("app=a@shop -> {called}")).verdict(), Some(&Verdict::Denied), "{mesh} {called}");
        }
    }
}

/// What runs on a node and pods on its network cannot be told apart, so neither can answers about them.
#[test]
fn an_address_of_a_node_is_that_of_pods_on_its_network() {
    let manifests = |peer: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: b, namespace: s, labels: {{app: b}}}}\n\
             spec: {{nodeName: n1, containers: [{{name: c, image: i}}]}}\nstatus: {{phase: Running, podIP: 10.7.0.1}}\n\
             ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: hq, namespace: s, labels: {{app: hq}}}}\n\
             spec: {{hostNetwork: true, nodeName: n2, containers: [{{name: c, image: i}}]}}\nstatus: {{phase: Running, podIP: 192.168.0.6}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: s}}\n\
             spec: {{podSelector: {{matchLabels: {{app: b}}}}, policyTypes: [Ingress, Egress], ingress: [{{from: [{peer}]}}], egress: [{{to: [{peer}]}}]}}\n"
        )
    };
    let verdict = |peer: &str, flow: &str| {
        let answer = Files { manifests: &manifests(peer), config: "[mesh]\nmode = \"none\"\n", ..Files::default() }.ask(flow);
        match answer.verdict() {
            Some(Verdict::Unspecified(why)) => why.clone(),
            other => format!("{other:?}"),
        }
    };
    for (by_address, by_name) in
        [("192.168.0.6 -> pod/b@s:80", "pod/hq@s -> pod/b@s:80"), ("pod/b@s -> 192.168.0.6:80", "pod/b@s -> pod/hq@s:80")]
    {
        let any = "{namespaceSelector: {}, podSelector: {}}";
        assert!(verdict(any, by_address).contains("is also the address of Pod s/hq"), "{}", verdict(any, by_address));
        assert!(verdict(any, by_name).contains("host-network pod"), "{}", verdict(any, by_name));
        let other = "{podSelector: {matchLabels: {app: x}}}";
        assert_eq!(verdict(other, by_name), verdict(other, by_address), "nobody takes it for one of those");
        let block = "{ipBlock: {cidr: 192.168.0.0/24}}";
        assert_eq!(verdict(block, by_name), verdict(block, by_address));
    }
    let any = "{namespaceSelector: {}, podSelector: {}}";
    assert_eq!(verdict(any, "192.168.0.7 -> pod/b@s:80"), "Some(Denied)");
}

/// An address among those of pods is some pod's, shown or not.
#[test]
fn an_address_of_pods_that_none_is_shown_to_have_is_some_pods() {
    let ask = |peer: &str, flow: &str| {
        let manifests = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, namespace: s, labels: {{app: a}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n\
             status: {{phase: Running, podIP: 10.244.0.5}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: s}}\n\
             spec: {{podSelector: {{}}, ingress: [{peer}]}}\n"
        );
        let config = "[mesh]\nmode = \"none\"\n[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n";
        Files { manifests: &manifests, config, ..Files::default() }.ask(flow).verdict().cloned()
    };
    let is_open =
        |peer: &str, flow: &str| matches!(ask(peer, flow), Some(Verdict::Unspecified(why)) if why.contains("among `cluster.pod-cidrs`"));
    let flow = "10.244.9.9 -> pod/a@s:80";
    assert!(is_open("{from: [{podSelector: {matchLabels: {app: x}}}]}", flow), "it may be one of these");
    assert!(is_open("{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}", flow), "whether blocks hold pods is not known");
    assert!(!matches!(ask("{from: [{namespaceSelector: {}}]}", flow), Some(Verdict::Denied)), "every pod of every namespace may");
    assert_eq!(ask("{}", flow), Some(Verdict::Allowed), "whoever it is");
    assert_eq!(ask("{ports: [{port: 81}]}", flow), Some(Verdict::Denied), "whoever it is");
    assert_eq!(ask("{from: [{podSelector: {matchLabels: {app: x}}}]}", "10.245.9.9 -> pod/a@s:80"), Some(Verdict::Denied));
}
