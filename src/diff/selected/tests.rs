//! That narrowed seeds find what whole namespaces show.

use std::collections::BTreeSet;

use super::{Alone, narrowed, spoken};
use crate::cluster::{self, Cluster, Names, Platform};
use crate::diff::objects::{Contents, altered, held, seeds};
use crate::diff::seeds::{Policies, Seed, sown};
use crate::diff::side::Pair;
use crate::diff::walk::{Cell, walk};
use crate::diff::yaml::{Yaml, names};
use crate::manifest::Trees;
use crate::source::{Source, Sources};

const BESIDE: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled, tier: front}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: data, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: far, labels: {istio.io/dataplane-mode: ambient, tier: front}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: shop},
 spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 5432}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: beside, namespace: far},
 spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}}
---
{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: beside, namespace: data},
 spec: {selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}}
---
";

/// Policies, each of which is turned into each other one, and taken away.
const POLICIES: [(&str, &str); 24] = [
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}",
    ),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 81}]}]}",
    ),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {tier: front}}}]}]}"),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 15008}]}]}"),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{protocol: SCTP}]}]}",
    ),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{protocol: UDP, port: 53}]}]}"),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: web}]}]}"),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}"),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: 1, endPort: 9}]}]}",
    ),
    (
        "NetworkPolicy",
        "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}, ingress: [{from: [{podSelector: {}}]}]}",
    ),
    ("NetworkPolicy", "{podSelector: {}}"),
    ("NetworkPolicy", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: cache}}}]}]}",
    ),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: cache}}}], ports: [{port: 6379}]}, {to: [{podSelector: {}}], ports: [{port: 53, protocol: UDP}]}]}",
    ),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {tier: front}}}]}]}",
    ),
    (
        "NetworkPolicy",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {tier: front}}, podSelector: {matchExpressions: [{key: role, operator: Exists}]}}]}]}",
    ),
    ("AuthorizationPolicy", "{selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {methods: [GET]}}]}]}"),
    ("AuthorizationPolicy", "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}"),
    ("AuthorizationPolicy", "{selector: {matchLabels: {app: queue}}}"),
    ("AuthorizationPolicy", "{action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}"),
    ("PeerAuthentication", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"),
    ("PeerAuthentication", "{selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}}"),
    ("PeerAuthentication", "{mtls: {mode: DISABLE}}"),
];

/// Policies of one selector that let callers in, and some that look like it.
const LETTING_IN: [&str; 18] = [
    "{selector: {matchLabels: {app: db}}}",
    "{selector: {matchLabels: {app: db}}, rules: [{}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web, far/web]}}], to: [{operation: {ports: ['80']}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [far]}}], to: [{operation: {methods: [GET]}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {notNamespaces: [far]}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: ['*/sa/web']}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: ['*']}}], to: [{operation: {paths: [/a]}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: ['s*'], notPrincipals: ['*/sa/web']}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {ports: ['15020', '80']}}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{when: [{key: source.namespace, values: [shop]}]}]}",
    "{selector: {matchLabels: {app: db}}, rules: [{when: [{key: destination.port, notValues: ['80']}]}]}",
    "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}",
    "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{}]}",
    "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}",
    "{selector: {matchLabels: {app: db}}, action: AUDIT, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}",
    "{selector: {matchLabels: {app: cache}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}",
];

fn read(text: &str) -> (Cluster, Contents) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("a.yaml", text));
    let (cluster, _) = cluster::read(&sources, &[file], Platform { sctp: Some(true), ..Platform::default() });
    (cluster, held(&sources, &[file], &"default".into(), &Trees::default()))
}

fn object((kind, spec): (&str, &str)) -> String {
    let version = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: subject, namespace: data}},\n spec: {spec}}}\n")
}

fn shown(cell: &Cell) -> String {
    let Cell { caller, target, protocol, ports, requests, before, after, .. } = cell;
    format!("{caller:?} {target:?} {protocol:?} {ports:?} {requests:?} {before:?} {after:?}")
}

/// What is found where the whole namespace is looked at, and where seeds are narrowed; counts those that are.
fn both(old: &str, new: &str, narrowly: &mut usize) -> [BTreeSet<String>; 2] {
    let (base, old) = read(old);
    let (head, new) = read(new);
    let known = names([&base, &head]);
    let [left, right] = [&base, &head].map(|cluster| Yaml::new(cluster, known.clone()));
    let pair = Pair::new(&left, &right);
    let changes = altered(&old.objects, &new.objects);
    let whole = seeds(&changes, "istio-system");
    assert!(whole.iter().all(|seed| matches!(seed, Seed::Namespace(_))));
    let narrow = narrowed(&whole, &changes, [&base, &head], &known);
    if narrow.iter().all(|seed| matches!(seed, Seed::Region(..))) {
        *narrowly += 1;
    }
    [whole, narrow].map(|seeds| {
        let found = walk(&pair, None, &sown(seeds, None::<Policies<'_>>, &pair));
        found.cells.iter().map(shown).collect()
    })
}

#[test]
fn narrowed_seeds_show_what_whole_namespaces_do() {
    let (mut differences, mut narrowly) = (0, 0);
    let ambient = BESIDE.replace("name: data, labels: {istio-injection: enabled", "name: data, labels: {istio.io/dataplane-mode: ambient");
    for (old, beside) in POLICIES.into_iter().flat_map(|old| [(old, BESIDE), (old, &*ambient)]) {
        for new in POLICIES.into_iter().filter(|new| new.0 == old.0) {
            let [base, head] = [old, new].map(|policy| format!("{beside}{}", object(policy)));
            let [whole, narrow] = both(&base, &head, &mut narrowly);
            differences += whole.len();
            assert_eq!(whole, narrow, "{old:?} to {new:?}");
        }
        let with = format!("{beside}{}", object(old));
        for (base, head) in [(beside, &*with), (&*with, beside)] {
            let [whole, narrow] = both(base, head, &mut narrowly);
            differences += whole.len();
            assert_eq!(whole, narrow, "{old:?} and nothing");
        }
    }
    assert!(differences > 2000 && narrowly > 300, "{differences} {narrowly}");
}

#[test]
fn policies_that_let_in_are_looked_at_where_they_speak() {
    let (mut differences, mut narrowly) = (0, 0);
    let ambient = BESIDE.replace("name: data, labels: {istio-injection: enabled", "name: data, labels: {istio.io/dataplane-mode: ambient");
    for (old, beside) in LETTING_IN.into_iter().flat_map(|old| [(old, BESIDE), (old, &*ambient)]) {
        for new in LETTING_IN {
            let [base, head] = [old, new].map(|spec| format!("{beside}{}", object(("AuthorizationPolicy", spec))));
            let [whole, narrow] = both(&base, &head, &mut narrowly);
            differences += whole.len();
            assert_eq!(whole, narrow, "{old:?} to {new:?}");
        }
    }
    assert!(differences > 1000 && narrowly > 400, "{differences} {narrowly}");
}

#[test]
fn of_a_policy_that_lets_in_callers_are_told_of_whom_it_speaks() {
    let are_told = |spec: &str| {
        let contents = read(&object(("AuthorizationPolicy", spec))).1;
        let alone = contents.objects.first().and_then(|object| Alone::new(object, &Platform::default())).unwrap();
        spoken(&alone, &Names::default()).is_some()
    };
    let all: Vec<usize> = (0..).zip(LETTING_IN).filter(|(_, spec)| !are_told(spec)).map(|(at, _)| at).collect();
    // Those that let in callers of whom nothing is said, and those of other actions.
    assert_eq!(all, [1, 5, 7, 9, 10, 12, 13, 14, 15, 16]);
}

#[test]
fn what_is_more_than_a_policy_is_looked_at_whole() {
    let twice = format!("{BESIDE}{}---\n{}", object(POLICIES[0]), object(POLICIES[1]));
    let service = format!(
        "{BESIDE}{{apiVersion: v1, kind: Service, metadata: {{name: db, namespace: data}}, spec: {{selector: {{app: db}}, ports: [{{port: 80}}]}}}}"
    );
    let targets = format!(
        "{BESIDE}{}",
        object(("AuthorizationPolicy", "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: way}]}"))
    );
    let label = BESIDE.replace("name: data, labels: {istio", "name: data, labels: {tier: front, istio");
    for head in [twice, service, targets, label] {
        let ((base, old), (head, new)) = (read(BESIDE), read(&head));
        let changes = altered(&old.objects, &new.objects);
        let seeds = narrowed(&seeds(&changes, "istio-system"), &changes, [&base, &head], &names([&base, &head]));
        assert!(matches!(&*seeds, [Seed::Namespace(name)] if &**name == "data"), "{seeds:?}");
    }
}
