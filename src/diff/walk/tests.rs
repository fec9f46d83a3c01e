//! That classes are told as one only where they are alike.

use super::{Cell, Found, Quota, Told, Wanted, walk_where};
use crate::diff::seeds::{Policies, Seed, sown};
use crate::diff::side::{Pair, Which};
use crate::diff::yaml::{Yaml, names, read};

const OPEN: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: data, labels: {istio-injection: enabled, tier: data}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: job, namespace: shop},
 spec: {podSelector: {matchLabels: {app: job}}, policyTypes: [Egress], egress: [{}]}}
";

const CLOSED: &str = "\
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: data},
 spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 5432}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: shop},
 spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress],
  egress: [{to: [{namespaceSelector: {matchLabels: {tier: data}}, podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: quiet, namespace: shop},
 spec: {podSelector: {matchLabels: {app: quiet}}, policyTypes: [Egress]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: mute, namespace: shop},
 spec: {podSelector: {matchLabels: {app: mute}}, policyTypes: [Egress]}}
---
{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: db, namespace: data},
 spec: {selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}], to: [{operation: {methods: [GET]}}]}]}}
";

fn covers(cell: &Cell, other: &Cell) -> bool {
    let (caller, target) = (other.caller.of(Which::Head), other.target.of(Which::Head));
    let same = (&cell.before, &cell.after, &cell.requests) == (&other.before, &other.after, &other.requests);
    same && cell.source.contains(caller) && cell.destination.contains(target) && cell.ports.contains(other.protocol, other.port)
}

#[test]
fn what_is_told_together_is_what_is_told_apart() {
    let (base, head) = (read(OPEN), read(&format!("{OPEN}{CLOSED}")));
    let known = names([&base, &head]);
    for (old, new) in [(&base, &head), (&head, &base)] {
        let (old, new) = (Yaml::new(old, known.clone()), Yaml::new(new, known.clone()));
        let pair = Pair::new(&old, &new);
        let seeds = sown(vec![Seed::Everything], None::<Policies<'_>>, &pair);
        let found = |told: Told| -> Found {
            let found = walk_where(&pair, None, &seeds, &Wanted { told, quota: Quota::LARGE, ..Wanted::any() });
            assert!(found.incomplete.is_empty());
            found
        };
        let (apart, together) = (found(Told::Apart).cells, found(Told::Together).cells);
        assert!(together.len() * 3 < apart.len() * 2, "{} of {}", together.len(), apart.len());
        for cell in &apart {
            assert!(together.iter().any(|other| covers(other, cell)), "{cell:#?}");
        }
        // And nothing else is: whoever is told together and stands for himself is told so apart.
        for cell in &apart {
            let (caller, target) = (cell.caller.of(Which::Head), cell.target.of(Which::Head));
            let tells = |other: &&Cell| {
                other.source.contains(caller) && other.destination.contains(target) && other.ports.contains(cell.protocol, cell.port)
            };
            assert!(together.iter().filter(tells).all(|other| covers(other, cell)), "{cell:#?}");
        }
    }
}
