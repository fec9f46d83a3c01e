//! Whom a remedy admits or stops besides: other addresses of a block, other tokens, pods outside of the mesh, and what it undoes.

use std::fmt::Write as _;

use super::Files;
use twogate::explain::{Effect, Remedy};

/// The effect of the remedy of a flow whose changes contain some words.
fn effect(files: Files<'_>, flow: &str, words: &str) -> Effect {
    let answer = files.ask(flow);
    assert_eq!(answer.cases.len(), 1, "{flow}: {:?}", answer.findings);
    let remedies: &[Remedy] = &answer.cases[0].remedies;
    let found = remedies.iter().find(|remedy| remedy.changes.iter().any(|change| change.text.contains(words)));
    let found = found.unwrap_or_else(|| panic!("{flow}: {words} in {remedies:#?}"));
    found.effect.clone().unwrap()
}

fn of_intents(intents: &str, flow: &str, words: &str) -> Effect {
    effect(Files { intents, ..Files::default() }, flow, words)
}

fn of_manifests(manifests: &str, flow: &str, words: &str) -> Effect {
    effect(Files { manifests, ..Files::default() }, flow, words)
}

/// All of what is told, nothing left out.
fn others(effect: &Effect) -> Vec<&str> {
    assert!(!effect.partial, "{effect:#?}");
    effect.others.iter().map(String::as_str).collect()
}

#[test]
fn other_addresses_of_a_block_are_told() {
    let intents = "namespace shop\nallow 203.0.113.0/24 -> app=db:5432\ndeny 203.0.113.0/25 -> app=db:5432\n";
    let found = of_intents(intents, "203.0.113.9 -> app=db@shop:5432", "remove `deny");
    assert_eq!(others(&found), ["203.0.113.0/25 except 203.0.113.9"]);
    let found = of_intents(intents, "203.0.113.200 -> app=db@shop:5432", "remove `allow");
    assert_eq!(others(&found), ["203.0.113.128/25 except 203.0.113.200"]);
    // All of the block is asked about, so nobody else has it.
    let found = of_intents(intents, "203.0.113.0/25 -> app=db@shop:5432", "remove `deny");
    assert_eq!(others(&found), [""; 0]);
    let found = of_intents(intents, "203.0.113.200 -> app=db@shop:5432", "add `deny");
    assert_eq!(others(&found), [""; 0]);
}

#[test]
fn other_addresses_on_other_ports_are_told() {
    let intents = "namespace shop\nallow 203.0.113.0/24 -> app=db:5432-5433\nallow 10.0.0.0/8 -> app=db:6000\n\
                   deny 203.0.113.0/25 or 10.1.0.0/16 -> app=db\n";
    let found = of_intents(intents, "203.0.113.9 -> app=db@shop:5432", "remove `deny");
    let wanted = [
        "203.0.113.0/25 except 203.0.113.9",
        "203.0.113.9 -> port 5433 of app=db@shop",
        "203.0.113.0/25 except 203.0.113.9 -> port 5433 of app=db@shop",
        "10.1.0.0/16 -> port 6000 of app=db@shop",
    ];
    assert_eq!(others(&found), wanted);
}

#[test]
fn addresses_of_ipv6_are_told() {
    let intents = "namespace shop\nallow [2001:db8::/32] -> app=db:5432\ndeny [2001:db8:1::/48] -> app=db:5432\n";
    let found = of_intents(intents, "[2001:db8:1::9] -> app=db@shop:5432", "remove `deny");
    assert_eq!(others(&found), ["2001:db8:1::/48 except 2001:db8:1::9"]);
}

#[test]
fn called_addresses_are_told() {
    let intents = "namespace shop\nworkload web = app=web\nallow web -> 203.0.113.0/24:443\ndeny web -> 203.0.113.0/25\n";
    let found = of_intents(intents, "web -> 203.0.113.9:443", "remove `deny");
    assert!(found.others.contains(&"web -> port 443 of 203.0.113.0/25 except 203.0.113.9".to_owned()), "{found:#?}");
    let found = of_intents(intents, "web -> 203.0.113.200:443", "remove `allow");
    assert!(found.others.contains(&"web -> port 443 of 203.0.113.128/25 except 203.0.113.200".to_owned()), "{found:#?}");
    let intents = "namespace shop\nworkload web = app=web\nallow web -> [2001:db8::/32]:443\ndeny web -> [2001:db8:1::/48]\n";
    let found = of_intents(intents, "web -> [2001:db8:1::9]:443", "remove `deny");
    assert!(found.others.contains(&"web -> port 443 of 2001:db8:1::/48 except 2001:db8:1::9".to_owned()), "{found:#?}");
}

/// An address gains by a line that was made for a pod.
#[test]
fn addresses_are_told_of_a_flow_between_pods() {
    let intents = "namespace shop\nworkload web = app=web account web\nallow app=web -> app=db:5432\nallow 203.0.113.0/24 -> app=db:5432\n\
                   deny app=web or 203.0.113.0/25 -> app=db\n";
    let found = of_intents(intents, "web -> app=db@shop:5432", "remove `deny");
    assert!(found.others.contains(&"203.0.113.0/25".to_owned()), "{found:#?}");
}

/// Past a limit it is said that not all was compared.
#[test]
fn very_many_blocks_are_compared_in_part() {
    let mut intents = "namespace shop\nallow 10.0.0.0/8 -> app=db:5432\ndeny 10.0.0.0/16 -> app=db:5432\n".to_owned();
    for at in 0..300 {
        writeln!(intents, "allow 172.{}.{}.0/24 -> app=db:{}", 16 + at / 256, at % 256, 10_000 + at).unwrap();
    }
    let found = of_intents(&intents, "10.0.0.9 -> app=db@shop:5432", "remove `deny");
    assert!(found.partial, "{found:#?}");
    assert!(found.others.contains(&"10.0.0.0/16 except 10.0.0.9".to_owned()), "what the flow is near to comes first: {found:#?}");
}

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {serviceAccountName: web-sa, containers: [{name: c, image: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {serviceAccountName: db-sa, containers: [{name: c, image: x}]}
";

fn network(rules: &str) -> String {
    format!(
        "{PODS}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: db, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{rules}]}}\n"
    )
}

fn mesh(rules: &str) -> String {
    format!(
        "{PODS}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n\
         ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: db, namespace: shop}}\n\
         spec: {{selector: {{matchLabels: {{app: db}}}}, action: DENY, rules: [{rules}]}}\n"
    )
}

#[test]
fn addresses_of_network_policies_are_told() {
    let manifests = network("{from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.64/26]}}]}");
    let found = of_manifests(&manifests, "203.0.113.9 -> app=db@shop:5432", "remove");
    assert_eq!(found.others.first().unwrap(), "203.0.113.0/26 except 203.0.113.9 and 203.0.113.128/25");
    let wide = manifests.replace(", except: [203.0.113.64/26]", "");
    let found = of_manifests(&wide, "203.0.113.9 -> app=db@shop:5432", "remove");
    assert!(found.others.contains(&"203.0.113.0/24 except 203.0.113.9".to_owned()), "{found:#?}");
}

#[test]
fn addresses_of_authorization_policies_are_told() {
    let manifests = mesh("{from: [{source: {ipBlocks: [203.0.113.0/25]}}]}");
    let found = of_manifests(&manifests, "203.0.113.9 -> app=db@shop:5432", "remove");
    assert_eq!(others(&found).first(), Some(&"203.0.113.0/25 except 203.0.113.9"), "{found:#?}");
    let manifests = mesh("{from: [{source: {notIpBlocks: [203.0.113.0/25]}}]}");
    let found = of_manifests(&manifests, "198.51.100.9 -> app=db@shop:5432", "remove");
    assert_eq!(others(&found).first(), Some(&"any address except 198.51.100.9, 203.0.113.0/25"), "{found:#?}");
}

const TOKENS: &str = "\
namespace shop
workload web = app=web account web
workload job = app=job account job
workload api = app=api account api
issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"
allow job -> api:8080 mtls http GET /v1
allow web -> api:9443 mtls http GET /t jwt corp claim groups=admin|ops claim tenant=a
";

#[test]
fn requests_with_tokens_pass_a_line_that_asks_for_none() {
    let found = of_intents(TOKENS, "web -> api:9443 GET /u", "add `allow");
    assert_eq!(others(&found), ["GET /u with a token"]);
    let found = of_intents(TOKENS, "web -> api:9443 GET /t", "add `allow");
    assert_eq!(others(&found), ["GET /t with a token"]);
    // Where no token is looked at there is none to tell.
    let without = TOKENS.replace(" jwt corp claim groups=admin|ops claim tenant=a", " header x-tenant=a");
    let found = of_intents(&without, "web -> api:9443 GET /u", "add `allow");
    assert_eq!(others(&found), [""; 0]);
    let found = of_intents(&without, "web -> api:9443 GET /u bad-jwt", "add `allow");
    assert_eq!(others(&found), ["GET /u with a token", "GET /u without a token"]);
    let found = of_intents(TOKENS, "job -> api:8080 GET /v1", "remove `allow");
    assert_eq!(others(&found), ["GET /v1 with a token"]);
}

/// Without a line that asks for a token nobody looks at tokens, so one that does not verify passes.
#[test]
fn tokens_that_do_not_verify_pass_where_none_is_looked_at() {
    let flow = "web -> api:9443 GET /t jwt corp claim groups=admin claim tenant=a";
    let found = of_intents(TOKENS, flow, "remove `allow");
    assert_eq!(others(&found), ["GET /t with another token"]);
    assert!(found.against.iter().any(|other| other.contains("job")), "{found:#?}");
    // As the page has it.
    let page = Files { intents: TOKENS, ..Files::default() }.page(flow);
    assert!(
        page.contains(
            "also stops GET /t with another token; admits app=job@shop -> port 8080 of app=api@shop with a token that does not verify"
        ),
        "{page}"
    );
    // And the other way round: a first line with a token refuses others' tokens.
    let none = TOKENS.replace(
        "allow web -> api:9443 mtls http GET /t jwt corp claim groups=admin|ops claim tenant=a\n",
        "allow web -> app=x:1 jwt corp http GET /\n",
    );
    let found = of_intents(&none, flow, "add `allow");
    assert!(found.against.iter().any(|other| other.contains("job")), "{found:#?}");
}

/// A pattern's example may be the path that was asked about.
#[test]
fn other_paths_of_a_pattern_are_told() {
    let intents = "namespace shop\nworkload web = app=web account web\nworkload api = app=api account api\n\
                   allow web -> api:8080 mtls http GET /v1/{**}\n";
    for path in ["/v1/x", "/v1/y", "/v1/a"] {
        let found = of_intents(intents, &format!("web -> api:8080 GET {path}"), "remove `allow");
        assert!(found.others.iter().any(|other| other.starts_with("GET /v1/")), "{path}: {found:#?}");
    }
}

/// Of a namespace of which nobody says it, some pods may take no part in the mesh: it stops nothing of what they are sent.
#[test]
fn pods_outside_of_the_mesh_are_tried() {
    let manifests = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {serviceAccountName: web-sa, containers: [{name: c, image: x}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}], ports: [{port: 5432}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: none, namespace: istio-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: data}
spec: {selector: {matchLabels: {app: db}}, rules: [{}]}
";
    let found = of_manifests(manifests, "pod/web@shop -> app=db@data:5432 plaintext", "remove egress");
    assert!(others(&found).contains(&"app=web@shop -> port 5432 of other pods of data outside of the mesh"), "{found:#?}");
    // What says that its pods are part of it says it of all.
    let meshed =
        format!("{manifests}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: data, labels: {{istio-injection: enabled}}}}\n");
    let found = of_manifests(&meshed, "pod/web@shop -> app=db@data:5432 plaintext", "remove egress");
    assert!(!others(&found).iter().any(|other| other.contains("pods of data")), "{found:#?}");
}

/// A policy that some other server decides.
const CUSTOM: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: asks, namespace: shop}\n\
    spec: {selector: {matchLabels: {app: db}}, action: CUSTOM, provider: {name: judge}, \
    rules: [{to: [{operation: {paths: [/admin], ports: ['80']}}]}]}\n";

/// What was stopped, and of which nobody can say afterwards whether it passes, is told: it may pass.
#[test]
fn what_becomes_undecided_is_told() {
    let manifests = format!(
        "{PODS}{CUSTOM}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\n\
         spec: {{selector: {{app: db}}, ports: [{{name: http, port: 80}}]}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: db, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: db}}}}, ingress: []}}\n"
    );
    let flow = "pod/web@shop -> svc/db@shop:80 GET /a";
    let found = of_manifests(&manifests, flow, "add ingress");
    assert!(found.undecided.contains(&"GET /admin".to_owned()), "{found:#?}");
    let page = Files { manifests: &manifests, ..Files::default() }.page(flow);
    assert!(page.contains("leaves undecided GET /admin"), "{page}");
    // Where it is not undecided, nothing is said of it.
    let found = of_manifests(&manifests.replace(CUSTOM, ""), flow, "add ingress");
    assert_eq!(found.undecided, [""; 0], "{found:#?}");
    // And the other way round: what a remedy that stops leaves open was open before.
    let open = manifests.replace("ingress: []", "ingress: [{}]");
    let found = of_manifests(&open, flow, "remove ingress");
    assert_eq!(found.undecided, [""; 0], "{found:#?}");
}

/// A class of pods that differ from others by their account alone is named with it.
#[test]
fn an_account_that_tells_pods_apart_is_named() {
    let manifests = mesh(
        "{from: [{source: {principals: [cluster.local/ns/shop/sa/web-sa, cluster.local/ns/pay/sa/default]}}], to: [{operation: {ports: ['80']}}]}",
    ) + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: pay, labels: {istio-injection: enabled}}\n\
           ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n";
    let flow = "pod/web@shop -> app=db@shop:80";
    let found = of_manifests(&manifests, flow, "remove");
    assert!(others(&found).contains(&"*@pay as default"), "{found:#?}");
    // Where no policy looks at it, it tells nobody apart.
    let by_namespace =
        manifests.replace("principals: [cluster.local/ns/shop/sa/web-sa, cluster.local/ns/pay/sa/default]", "namespaces: [shop, pay]");
    let found = of_manifests(&by_namespace, flow, "remove");
    assert!(others(&found).contains(&"*@pay"), "{found:#?}");
    // Two that run under the same labels are two.
    let twin = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-2, namespace: shop, labels: {app: web}}\n\
                spec: {serviceAccountName: other-sa, containers: [{name: c, image: x}]}\n";
    let twins = manifests.replace("ns/pay/sa/default", "ns/shop/sa/other-sa") + twin;
    let found = of_manifests(&twins, flow, "remove");
    assert!(others(&found).contains(&"app=web@shop as other-sa"), "{found:#?}");
}

/// Proxies speak mTLS by themselves, so what a rule stops of that is let in without it, whatever passes in plaintext.
#[test]
fn what_passes_in_plaintext_may_gain_over_mtls() {
    let job = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: job, namespace: shop, labels: {app: job}}\n\
               spec: {serviceAccountName: job-sa, containers: [{name: c, image: x}]}\n";
    let manifests = mesh("{from: [{source: {principals: ['*']}}]}") + job;
    for (flow, verdict) in [("app=job@shop -> app=db@shop:5432", "DENIED"), ("app=job@shop -> app=db@shop:5432 plaintext", "ALLOWED")] {
        assert!(Files { manifests: &manifests, ..Files::default() }.page(flow).starts_with(verdict), "{flow}");
    }
    let found = of_manifests(&manifests, "pod/web@shop -> app=db@shop:5432 mtls", "remove");
    assert!(others(&found).contains(&"app=job@shop"), "{found:#?}");
}

/// A pod of a namespace that nobody describes is the same one after a change: the labels of its namespace for which it is compared stay, by
/// which its pods are in the mesh or outside of it (`semantics.md` §2.1, §8.5). So what refuses somebody admits nobody.
#[test]
fn what_stops_somebody_admits_nobody_by_labels_that_decide_about_the_mesh() {
    for label in ["istio.io/dataplane-mode: ambient", "istio-injection: disabled", "istio-injection: enabled", "team: x"] {
        let manifests = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n---\n\
             apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a, namespace: shop}}\n\
             spec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], \
             ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{{label}}}}}}}, {{podSelector: {{}}}}]}}]}}\n"
        );
        for change in ["action: DENY", "remove ingress rule 1"] {
            let found = of_manifests(&manifests, "app=web@shop -> app=db@shop:5432", change);
            assert_eq!((found.against, found.undecided), (Vec::new(), Vec::new()), "{label}: {change}");
        }
    }
}

/// Pods that are made up for what a policy tests of namespaces are judged by these labels, so whoever was never let in is not stopped.
#[test]
fn whoever_was_never_let_in_is_not_told_as_stopped() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n---\n\
                     apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
                     spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}], ports: [{port: 80}]}]}\n";
    let files = Files { manifests, config: "[mesh]\nmode = \"none\"\n", ..Files::default() };
    assert_eq!(others(&effect(files, "app=web@shop -> app=db@shop:80", "remove")), ["other pods of shop", "pods of other namespaces"]);
}
