//! Callers of whom nobody knows whether a policy names them: a listing says so, whoever else it names for certain.

use proptest::prelude::*;

use super::agreement::{agree_of_first, runner_of};
use super::{on, platform};
use twogate::cluster::Platform;

/// Names of namespaces and accounts that a `.` in a pattern, read as any letter, takes for one another.
const NAMESPACES: [&str; 4] = ["lisa", "ns-a", "ns-b", "sa"];

/// The namespace of the pod that is called: the first one by name.
const CALLED: &str = "called";
const ACCOUNTS: [&str; 5] = ["a.b", "axb", "a-b", "xa.b", "web"];

/// What a source asks of identities; much of it is left open for some callers (`semantics.md` §2.6), by each reason there is.
const SOURCES: [&str; 19] = [
    "serviceAccounts: [ns-a/a.b]",
    "serviceAccounts: [ns-a/a.b, ns-b/axb]",
    "principals: ['*a.b']",
    "principals: ['*/sa/a.b']",
    "principals: ['*ns-a/sa/a.b']",
    "principals: ['*/ns/ns-a/sa/a.b']",
    "principals: ['corp/ns/ns-a/*']",
    "principals: ['old/*']",
    "principals: ['corp/ns/ns-a/*', 'cluster.local/ns/ns-b/sa/axb']",
    "namespaces: ['*sa']",
    "namespaces: ['n*a', 'ns-b']",
    "namespaces: ['*a*']",
    "namespaces: ['l.sa']",
    "notNamespaces: ['*sa']",
    "notPrincipals: ['*a.b']",
    "notServiceAccounts: [ns-a/a.b]",
    "namespaces: [ns-a], notPrincipals: ['*/sa/a.b']",
    "principals: ['*.b'], notNamespaces: ['*a*']",
    "principals: ['*']",
];

fn pod(namespace: &str, name: &str, account: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\n\
         spec: {{serviceAccountName: {account}, containers: [{{name: c, image: i}}]}}\n"
    )
}

fn namespaces(plane: &str) -> String {
    let of = |name: &&str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{plane}}}}}\n");
    NAMESPACES.iter().chain([&CALLED]).map(of).collect()
}

fn policy(name: &str, action: &str, rules: &[String]) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: {CALLED}}}\n\
         spec: {{selector: {{matchLabels: {{app: srv}}}}, action: {action}, rules: [{}]}}\n",
        rules.join(", ")
    )
}

fn from(sources: &[&str]) -> String {
    let of = |source: &&str| format!("{{source: {{{source}}}}}");
    format!("{{from: [{}]}}", sources.iter().map(of).collect::<Vec<_>>().join(", "))
}

/// One caller of each account in each namespace, and the pod that is called.
fn world(plane: &str) -> String {
    let callers = NAMESPACES
        .iter()
        .flat_map(|namespace| ACCOUNTS.iter().enumerate().map(move |(at, account)| pod(namespace, &format!("p{at}"), account)));
    namespaces(plane) + &callers.collect::<String>() + &pod(CALLED, "srv", "srv")
}

/// A mesh of several trust domains, with an Istio that may be old or is new.
fn meshes() -> [Platform; 3] {
    let aliases = ["old".into()].into();
    let new = Platform { istio: (1, 30, 0), ..platform() };
    [platform(), Platform { trust_domain: "corp".into(), trust_domain_aliases: aliases, ..platform() }, new]
}

/// `semantics.md` §2.6: which caller a dot in a pattern takes in hangs on Istio's version, and the caller that is named for certain does not
/// answer for the one that may be.
#[test]
fn a_caller_that_may_be_named_is_not_listed_as_one_that_is() {
    let policy = policy("p", "ALLOW", &[from(&["serviceAccounts: [ns-a/a.b]"])]);
    let yaml = namespaces("istio-injection: enabled") + &pod("ns-a", "p1", "a.b") + &pod("ns-a", "p2", "axb") + &pod(CALLED, "srv", "srv");
    let yaml = yaml + &policy;
    let over_mtls = |lines: Vec<String>, name: &str| {
        let of_name = |line: &&String| line.contains(&format!("ns-a/{name}[Pod] | called/srv[Pod]")) && line.contains("mTLS");
        lines.iter().filter(of_name).map(|line| line.starts_with('?')).collect::<Vec<_>>()
    };
    for (name, is_open) in [("p1", false), ("p2", true)] {
        let alone = on(platform(), &yaml, &format!("ns-a/{name}"), "called/srv");
        assert_eq!(over_mtls(alone, name), [is_open], "{name} alone");
        assert_eq!(over_mtls(super::lines(&yaml), name), [is_open], "{name} beside others");
    }
}

/// Every source by itself, allowed and denied.
#[test]
fn callers_of_each_source_are_listed_as_they_are_judged() {
    for source in SOURCES {
        for action in ["ALLOW", "DENY"] {
            let yaml = world("istio-injection: enabled") + &policy("p", action, &[from(&[source])]);
            for platform in meshes() {
                if let Err(error) = agree_of_first(&yaml, &platform, &[None]) {
                    panic!("{error}");
                }
            }
        }
    }
}

/// Several rules of several policies, by sidecars and by ztunnels.
#[test]
fn callers_of_several_policies_are_listed_as_they_are_judged() {
    let rule = prop::collection::vec(prop::sample::select(&SOURCES[..]), 1..3).prop_map(|sources| from(&sources));
    let rules = || prop::collection::vec(rule.clone(), 0..3);
    let plane = prop::sample::select(vec!["istio-injection: enabled", "istio.io/dataplane-mode: ambient"]);
    let result = runner_of(64).run(&(rules(), rules(), plane, 0..3_usize), |(allow, deny, plane, mesh)| {
        let of = |name: &str, action: &str, rules: &[String]| if rules.is_empty() { String::new() } else { policy(name, action, rules) };
        let yaml = world(plane) + &of("allow", "ALLOW", &allow) + &of("deny", "DENY", &deny);
        agree_of_first(&yaml, &meshes()[mesh], &[None])
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
