//! The promise about paths, methods and hosts: of a request with a path that no rule asks for, nothing else matters; of one with a path, a
//! method and a host that no rule asks for together, only those.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::generate::Text;
use super::random::{config, cuts, kind};
use super::{cluster, issuer, istio, pod, service};
use crate::cluster::{Cluster, Endpoint, Platform, Way};
use crate::flow::{Cut, DataPlane, Labels, Protocol, Request, Token, Transport};

const PATHS: [&str; 6] = ["/a", "/b", "/ab", "/a/c", "/", "/z"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const HOSTS: [&str; 4] = ["h", "other", "h:80", "z"];

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// An operation of a rule: mostly with a path.
fn operation() -> Text {
    one_of(&[
        "paths: [/a]",
        "paths: [/b, /ab]",
        "paths: ['/a*']",
        "paths: ['*b']",
        "paths: ['/a/{*}']",
        "paths: ['/b=/{**}']",
        "paths: [/a], notPaths: [/a]",
        "paths: [/a], methods: [GET]",
        "paths: [/b], hosts: [h]",
        "paths: ['/a*'], ports: ['80']",
        "notPaths: [/a]",
        "methods: [POST]",
        "hosts: [h]",
        "hosts: ['H*']",
        "hosts: ['h:80', 'g:*']",
        "hosts: ['*:80']",
        "hosts: ['*80']",
        "hosts: ['*er'], methods: ['P*']",
        "methods: [GET, post], hosts: [h, 'h:*']",
        "notHosts: [h]",
        "notMethods: [GET]",
    ])
}

fn rule() -> Text {
    let operations = prop::collection::vec(operation(), 1..3);
    let when = one_of(&[
        "",
        ", when: [{key: 'request.headers[h]', values: [v]}]",
        ", when: [{key: 'request.headers[h]', notValues: [v]}]",
        ", when: [{key: 'request.auth.claims[a]', values: [v]}]",
        ", when: [{key: remote.ip, values: [10.0.0.0/8]}]",
    ]);
    (operations, when)
        .prop_map(|(operations, when)| {
            let to: Vec<String> = operations.iter().map(|operation| format!("{{operation: {{{operation}}}}}")).collect();
            format!("{{to: [{}]{when}}}", to.join(", "))
        })
        .boxed()
}

fn manifests() -> Text {
    let policy = (one_of(&["ALLOW", "ALLOW", "DENY", "CUSTOM, provider: {name: p}"]), prop::collection::vec(rule(), 1..3)).prop_filter_map(
        "a rule of CUSTOM that asks for a token is refused",
        |(action, rules)| {
            let rules = rules.join(", ");
            let is_refused = action.starts_with("CUSTOM") && rules.contains("claims");
            (!is_refused).then(|| istio("AuthorizationPolicy", &format!("{{action: {action}, rules: [{rules}]}}")))
        },
    );
    let ports = one_of(&["{name: http, port: 80}", "{name: tcp, port: 80}"]);
    (prop::collection::vec(policy, 1..3), ports)
        .prop_map(|(policies, port)| {
            let mut all = vec![issuer(""), service("{}", "web", &port)];
            all.extend(policies.into_iter().enumerate().map(|(at, text)| text.replace("name: one", &format!("name: p{at}"))));
            all.concat()
        })
        .boxed()
}

/// Requests with a path, whatever else is in them.
fn requests(path: &str) -> Vec<Request> {
    let token = Token::Valid { issuer: "i".into(), claims: [("a".into(), BTreeSet::from(["v".into()]))].into() };
    let mut all = Vec::new();
    for method in METHODS {
        for host in HOSTS {
            for headers in [Labels::new(), Labels::from([("h".into(), "v".into())])] {
                for token in [Token::None, token.clone()] {
                    let (method, path, host, headers) = (method.into(), path.into(), host.into(), headers.clone());
                    all.push(Request { method, path, host, headers, token });
                }
            }
        }
    }
    all
}

fn web() -> Endpoint {
    pod("shop", &[("app", "web")], DataPlane::Sidecar)
}

/// What is said of requests at the end of `web`.
fn answers(cluster: &Cluster, requests: &[Request]) -> BTreeSet<u8> {
    let (near, far) = (web(), pod("shop", &[("app", "far")], DataPlane::Sidecar));
    let end = cluster.end(&near, Way::Ingress);
    requests.iter().map(|request| kind(&end.decide(&far, Protocol::Tcp, 80, Transport::Mtls, Some(request)))).collect()
}

/// Whether a cut is of tokens alone, which are verified whatever the rules say.
fn is_of_tokens(cut: &Cut) -> bool {
    cut.requests.paths.is_empty() && cut.requests.headers.contains_key("origin")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn of_a_path_that_no_rule_asks_for_nothing_else_matters(yaml in manifests(), old in any::<bool>()) {
        let istio = if old { (1, 20, 0) } else { (1, 30, 0) };
        let cluster = cluster(Platform { istio, ..Platform::default() }, &yaml);
        let cuts = cuts(&cluster, &web());
        let rules: Vec<&Cut> = cuts.iter().filter(|cut| !cut.requests.is_empty() && !is_of_tokens(cut)).collect();
        for bound in rules.iter().filter_map(|cut| cut.requests.bound.as_ref().map(|bound| (cut, bound))) {
            prop_assert!(bound.1.is_subset(&bound.0.requests.paths), "{bound:?}");
        }
        for path in PATHS.into_iter().filter(|path| !rules.iter().any(|cut| cut.requests.speaks_of(path))) {
            prop_assert_eq!(answers(&cluster, &requests(path)).len(), 1, "{}\n{}", path, yaml);
        }
    }

    #[test]
    fn of_a_method_and_a_host_that_no_rule_asks_for_nothing_else_matters(yaml in manifests()) {
        let cluster = cluster(Platform::default(), &yaml);
        let cuts = cuts(&cluster, &web());
        let rules: Vec<&Cut> = cuts.iter().filter(|cut| !cut.requests.is_empty() && !is_of_tokens(cut)).collect();
        for ((path, method), host) in PATHS.iter().flat_map(|path| METHODS.map(|method| (path, method))).flat_map(|at| HOSTS.map(|host| (at, host))) {
            let requests: Vec<Request> = requests(path).into_iter().filter(|one| (&*one.method, &*one.host) == (method, host)).collect();
            let speaking = || rules.iter().filter(|cut| cut.requests.speaks_of(path) && cut.requests.speaks_at(method, host));
            let looks_at = [speaking().any(|cut| !cut.requests.headers.is_empty()), speaking().any(|cut| !cut.requests.tokens.is_empty())];
            // Of whatever no speaking rule looks at, one of each will do.
            let alike = |request: &&Request| (request.headers.is_empty() || looks_at[0]) && (request.token == Token::None || looks_at[1]);
            let some: Vec<Request> = requests.iter().filter(alike).cloned().collect();
            prop_assert_eq!(answers(&cluster, &some), answers(&cluster, &requests), "{} {} {}\n{}", method, host, path, yaml);
        }
    }
}

#[test]
fn a_path_that_may_be_any_binds_nothing() {
    let bounds = |istio_version, operations: &str| {
        let yaml = istio("AuthorizationPolicy", &format!("{{rules: [{{to: [{operations}]}}]}}"));
        let cuts = cuts(&cluster(Platform { istio: istio_version, ..Platform::default() }, &yaml), &web());
        let bound = cuts.iter().find(|cut| !cut.requests.paths.is_empty()).and_then(|cut| cut.requests.bound.clone());
        bound.map(|patterns| patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let new = (1, 30, 0);
    assert_eq!(bounds(new, "{operation: {paths: [/a, '/b*']}}"), Some(vec!["/a".to_owned(), "/b*".to_owned()]));
    assert_eq!(bounds(new, "{operation: {paths: [/a]}}, {operation: {paths: ['/b/{*}'], methods: [GET]}}").map(|all| all.len()), Some(2));
    assert_eq!(bounds(new, "{operation: {paths: [/a]}}, {operation: {methods: [GET]}}"), None);
    assert_eq!(bounds(new, "{operation: {notPaths: [/a]}}"), None);
    // An Istio that does not know templates, or a template that no proxy may take.
    assert_eq!(bounds((1, 20, 0), "{operation: {paths: [/a, '/b/{*}']}}"), None);
    assert_eq!(bounds(new, "{operation: {paths: [/a, '/b=/{**}']}}"), None);
}
