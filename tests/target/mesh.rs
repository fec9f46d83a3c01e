//! Istio's objects say what permissions say: judged by a plain and strict reading over random permissions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::Deserialize;
use twogate::config::Version;
use twogate::flow::{LabelCube, Labels, PathPattern, PathSet, Request, RequestCube, Symbol, Values};
use twogate::flow::{Token, TokenTest};
use twogate::gates::{Callers, Identities, MeshGate, NamespaceGates, Permission, Selector, TransportMode};
use twogate::ir::{Issuer, Policy, RuleId};
use twogate::source::Location;
use twogate::syntax::ast::Action;
use twogate::target::{Istio, Manifest, Target};

use super::{gates, policy};

fn emit(policy: &Policy, mesh: MeshGate) -> Vec<Manifest> {
    Istio.emit(policy, &gates(NamespaceGates { mesh: Some(mesh), ..NamespaceGates::default() }))
}

fn emit_permissions(permissions: Vec<Permission>) -> Vec<Object> {
    let manifests = emit(&policy(&["a", "b", "c"]), MeshGate { permissions, ..MeshGate::default() });
    manifests.iter().map(|manifest| read(&manifest.yaml)).collect()
}

// ── a plain and strict reading of `AuthorizationPolicy` (`semantics.md` §2.3-2.9) ──

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    api_version: String,
    kind: String,
    #[serde(rename = "metadata")]
    _metadata: serde_yaml::Value,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    selector: Option<MatchLabels>,
    action: Option<String>,
    rules: Option<Vec<Rule>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MatchLabels {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: Option<Vec<From>>,
    to: Option<Vec<To>>,
    when: Option<Vec<Condition>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    source: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    operation: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Condition {
    key: String,
    values: Option<Vec<String>>,
    not_values: Option<Vec<String>>,
}

/// One connection, and the request on it if it is HTTP.
#[derive(Debug)]
struct Call {
    caller: Option<(&'static str, &'static str)>,
    port: u16,
    request: Option<Request>,
}

/// Reads one object and holds it to Istio's validation.
fn read(yaml: &str) -> Object {
    let object: Object = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!((object.api_version.as_str(), object.kind.as_str()), ("security.istio.io/v1", "AuthorizationPolicy"));
    assert!(object.spec.selector.as_ref().is_none_or(|selector| !selector.match_labels.is_empty()), "{yaml}");
    assert!(object.spec.rules.as_ref().is_none_or(|rules| (1..=512).contains(&rules.len())), "{yaml}");
    for rule in object.spec.rules.iter().flatten() {
        assert!(rule.from.as_ref().is_none_or(|list| (1..=512).contains(&list.len())), "{yaml}");
        assert!(rule.to.as_ref().is_none_or(|list| !list.is_empty()), "{yaml}");
        for source in rule.from.iter().flatten().map(|from| &from.source) {
            let accounts = source.get("serviceAccounts").map_or(0, Vec::len);
            // Alone, who is not in some namespaces is also who has no identity.
            let is_any_but =
                source.len() == 2 && source.contains_key("notNamespaces") && source.get("principals") == Some(&vec!["*".to_owned()]);
            let is_one = source.len() == 1 && !source.contains_key("notNamespaces");
            assert!((is_one || is_any_but) && accounts <= 16 && source.values().all(|list| !list.is_empty()), "{yaml}");
        }
        for operation in rule.to.iter().flatten().map(|to| &to.operation) {
            assert!(!operation.is_empty() && operation.values().all(|list| !list.is_empty()), "{yaml}");
        }
        for test in rule.when.iter().flatten() {
            let lists = [&test.values, &test.not_values].into_iter().flatten();
            assert!(lists.clone().count() > 0 && lists.into_iter().all(|list| !list.is_empty()), "{yaml}");
        }
    }
    object
}

fn like(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => !text.is_empty(),
        (_, Some(start)) => text.starts_with(start),
        (Some(end), None) => text.ends_with(end),
        (None, None) => pattern == text,
    }
}

fn like_path(pattern: &str, path: &str) -> bool {
    if pattern.contains('{') { PathPattern::parse(pattern).unwrap().matches(path) } else { like(pattern, path) }
}

fn is_source(source: &BTreeMap<String, Vec<String>>, caller: Option<(&str, &str)>) -> bool {
    let one_of = |list: &Vec<String>, text: Option<String>| text.is_some_and(|text| list.iter().any(|pattern| like(pattern, &text)));
    let principal = || caller.map(|(namespace, account)| format!("cluster.local/ns/{namespace}/sa/{account}"));
    source.iter().all(|(field, list)| match field.as_str() {
        "principals" => one_of(list, principal()),
        "notPrincipals" => !one_of(list, principal()),
        "namespaces" => one_of(list, caller.map(|(namespace, _)| namespace.to_owned())),
        "notNamespaces" => !one_of(list, caller.map(|(namespace, _)| namespace.to_owned())),
        "serviceAccounts" => one_of(list, caller.map(|(namespace, account)| format!("{namespace}/{account}"))),
        other => panic!("{other}"),
    })
}

fn is_operation(operation: &BTreeMap<String, Vec<String>>, call: &Call) -> bool {
    operation.iter().all(|(field, list)| {
        if field == "ports" {
            return list.contains(&call.port.to_string());
        }
        let Some(request) = &call.request else { return false };
        // A client may name the port with the host.
        let hosts = [request.host.to_string(), format!("{}:8080", request.host)];
        let host = |list: &[String]| hosts.each_ref().map(|host| list.iter().any(|pattern| like(pattern, host)));
        match field.as_str() {
            "methods" => list.iter().any(|pattern| like(pattern, &request.method)),
            "notMethods" => !list.iter().any(|pattern| like(pattern, &request.method)),
            "paths" => list.iter().any(|pattern| like_path(pattern, &request.path)),
            "notPaths" => !list.iter().any(|pattern| like_path(pattern, &request.path)),
            "hosts" => host(list) == [true, true],
            "notHosts" => host(list) == [false, false],
            other => panic!("{other}"),
        }
    })
}

fn holds(test: &Condition, request: Option<&Request>) -> bool {
    let Some(request) = request else { return false };
    let name = |prefix: &str| Some(test.key.strip_prefix(prefix)?.strip_suffix(']')?.to_owned());
    let held: Vec<String> = match (name("request.headers["), name("request.auth.claims[")) {
        (Some(header), _) => request.headers.get(header.as_str()).map(ToString::to_string).into_iter().collect(),
        (_, Some(claim)) => match &request.token {
            Token::Valid { issuer, .. } if claim == "iss" => vec![issuer.to_string()],
            Token::Valid { claims, .. } => claims.get(claim.as_str()).into_iter().flatten().map(ToString::to_string).collect(),
            Token::None | Token::Unverified => Vec::new(),
        },
        (None, None) => panic!("{}", test.key),
    };
    let one_of = |list: &Vec<String>| held.iter().any(|value| list.iter().any(|pattern| like(pattern, value)));
    test.values.as_ref().is_none_or(one_of) && !test.not_values.as_ref().is_some_and(one_of)
}

fn matches(object: &Object, pod: &Labels, call: &Call) -> bool {
    let labels = object.spec.selector.iter().flat_map(|selector| &selector.match_labels);
    let selected = labels.into_iter().all(|(key, value)| pod.get(key.as_str()).is_some_and(|own| **own == **value));
    selected
        && object.spec.rules.iter().flatten().any(|rule| {
            rule.from.as_ref().is_none_or(|list| list.iter().any(|from| is_source(&from.source, call.caller)))
                && rule.to.as_ref().is_none_or(|list| list.iter().any(|to| is_operation(&to.operation, call)))
                && rule.when.iter().flatten().all(|test| holds(test, call.request.as_ref()))
        })
}

// ── random permissions ──

fn values(words: [&'static str; 2]) -> impl Strategy<Value = Values> {
    let words = prop::sample::subsequence(words.to_vec(), 0..=2);
    (words, any::<bool>()).prop_map(|(words, cofinite)| {
        let words = words.into_iter().map(Symbol::from);
        if cofinite { Values::except(words) } else { Values::of(words) }
    })
}

fn headers() -> impl Strategy<Value = LabelCube> {
    let header = prop_oneof![
        3 => Just(Values::any()),
        1 => values(["a", "b"]),
        1 => Just(Values::present()),
        1 => Just(Values::absent()),
        1 => Just(Values::one("a".into()).union(&Values::absent())),
        1 => Just(Values::except(["a".into()]).intersect(&Values::present())),
    ];
    header.prop_map(|values| LabelCube::of("x-env".into(), values))
}

fn token() -> impl Strategy<Value = TokenTest> {
    let valid = || TokenTest::valid("https://id".into());
    prop_oneof![
        4 => Just(TokenTest::Any),
        1 => Just(valid()),
        1 => Just(valid().claim("groups".into(), ["a".into(), "b".into()])),
        1 => Just(valid().claim("groups".into(), ["a".into()]).claim("groups".into(), ["b".into()])),
    ]
}

fn paths() -> impl Strategy<Value = PathSet> {
    let pattern = |text: &str| PathPattern::parse(text).unwrap();
    prop_oneof![
        3 => Just(PathSet::any()),
        1 => Just(PathSet::of([pattern("/a"), pattern("/v1/{**}")])),
        1 => Just(PathSet::any().except([pattern("/v1/{*}")])),
        1 => Just(PathSet::of([pattern("/v1/{**}")]).except([pattern("/v1/x")])),
        1 => Just(PathSet::of([PathPattern::starting_with("/v1")])),
        1 => Just(PathSet::none()),
    ]
}

fn request() -> impl Strategy<Value = Option<RequestCube>> {
    let methods = prop_oneof![Just(Values::present()), values(["GET", "POST"])];
    let hosts = prop_oneof![2 => Just(Values::any()), 1 => values(["shop", "pay"])];
    let cube = (methods, paths(), hosts, headers(), token()).prop_map(|(methods, paths, hosts, headers, token)| RequestCube {
        methods,
        paths,
        hosts,
        headers,
        token,
    });
    prop_oneof![1 => Just(None), 3 => cube.prop_map(Some)]
}

fn callers() -> impl Strategy<Value = Callers> {
    let accounts = prop::sample::subsequence(vec![("shop", "web"), ("shop", "api"), ("pay", "web")], 0..3);
    let namespaces = prop::sample::subsequence(vec!["shop", "pay"], 0..2);
    let others = prop::option::weighted(0.3, prop::sample::subsequence(vec!["shop", "pay"], 0..=2));
    let some = (accounts, namespaces, others, any::<bool>()).prop_map(|(accounts, namespaces, others, unidentified)| {
        let names = |list: Vec<&str>| list.into_iter().map(Symbol::from).collect::<BTreeSet<_>>();
        let accounts = accounts.into_iter().map(|(namespace, account)| (namespace.into(), account.into())).collect();
        Callers::Some(Identities { accounts, namespaces: names(namespaces), any_but: others.map(names), unidentified })
    });
    prop_oneof![1 => Just(Callers::Anyone), 4 => some]
}

/// Permissions that often differ in their callers alone, as those are merged.
fn permissions() -> impl Strategy<Value = Vec<Permission>> {
    let selector = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect::<Selector>();
    let selectors = vec![selector(&[]), selector(&[("app", "db")]), selector(&[("app", "db"), ("tier", "a")])];
    let ports = prop_oneof![
        1 => Just(None),
        4 => prop::collection::btree_set(prop::sample::select(vec![80_u16, 81, 443]), 0..3).prop_map(Some)
    ];
    prop::collection::vec((ports, request()), 1..4).prop_flat_map(move |operations| {
        let action = prop::sample::select(vec![Action::Allow, Action::Allow, Action::Deny, Action::Audit]);
        let one = (action, prop::sample::select(selectors.clone()), callers(), prop::sample::select(operations), 0..3_usize).prop_map(
            |(action, selector, callers, (ports, request), rule)| Permission {
                action,
                selector,
                callers,
                ports,
                request,
                rule: RuleId(rule),
            },
        );
        prop::collection::vec(one, 0..8)
    })
}

fn requests() -> Vec<Option<Request>> {
    let mut requests = vec![None];
    let claims = |list: &[&str]| BTreeMap::from([("groups".into(), list.iter().map(|value| Symbol::from(*value)).collect())]);
    let valid = |issuer: &str, list: &[&str]| Token::Valid { issuer: issuer.into(), claims: claims(list) };
    let tokens = [Token::None, valid("https://id", &["a"]), valid("https://id", &["a", "b"]), valid("https://other", &["a", "b"])];
    for (method, path, host) in [("GET", "/a", "shop"), ("POST", "/v1/x", "pay"), ("PUT", "/v1/x/y", "other"), ("GET", "/v1", "shop")] {
        for header in [None, Some("a"), Some("z")] {
            for token in &tokens {
                requests.push(Some(Request {
                    method: method.into(),
                    path: path.into(),
                    host: host.into(),
                    headers: header.map(|value| ("x-env".into(), value.into())).into_iter().collect(),
                    token: token.clone(),
                }));
            }
        }
    }
    requests
}

fn calls() -> Vec<Call> {
    let callers = [None, Some(("shop", "web")), Some(("shop", "api")), Some(("pay", "web")), Some(("dev", "x"))];
    let of =
        |caller| [80, 81, 443, 8443].into_iter().flat_map(move |port| requests().into_iter().map(move |request| (caller, port, request)));
    callers.into_iter().flat_map(of).map(|(caller, port, request)| Call { caller, port, request }).collect()
}

/// What a permission says of a call.
fn says(permission: &Permission, pod: &Labels, call: &Call) -> bool {
    let caller = match (&permission.callers, call.caller) {
        (Callers::Anyone, _) => true,
        (Callers::Some(identities), None) => identities.unidentified,
        (Callers::Some(identities), Some((namespace, account))) => {
            let is_other = identities.any_but.as_ref().is_some_and(|left_out| !left_out.contains(namespace));
            is_other || identities.namespaces.contains(namespace) || identities.accounts.contains(&(namespace.into(), account.into()))
        }
    };
    let request = match (&permission.request, &call.request) {
        (None, _) => true,
        (Some(cube), Some(request)) => cube.contains(request),
        (Some(_), None) => false,
    };
    caller
        && request
        && permission.selector.iter().all(|(key, value)| pod.get(key) == Some(value))
        && permission.ports.as_ref().is_none_or(|ports| ports.contains(&call.port))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_match_exactly_what_is_permitted(permissions in permissions()) {
        let objects = emit_permissions(permissions.clone());
        let pods = [&[][..], &[("app", "db")], &[("app", "db"), ("tier", "a")], &[("app", "web")]];
        for pod in pods.map(|pairs| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect::<Labels>()) {
            for call in calls() {
                for (action, word) in [(Action::Allow, "ALLOW"), (Action::Deny, "DENY"), (Action::Audit, "AUDIT")] {
                    let ours = objects.iter().filter(|object| object.spec.action.as_deref() == Some(word));
                    let printed = ours.into_iter().any(|object| matches(object, &pod, &call));
                    let meant = permissions.iter().any(|permission| permission.action == action && says(permission, &pod, &call));
                    prop_assert_eq!(printed, meant, "{:?} {:?} {:?}\n{:#?}", pod, call, action, objects);
                }
            }
        }
    }

    #[test]
    fn order_leaves_no_trace(
        (one, other) in permissions().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
    ) {
        let of = |permissions| emit(&policy(&["a", "b", "c"]), MeshGate { permissions, ..MeshGate::default() });
        prop_assert_eq!(of(one), of(other));
    }

    /// On a connection that is no HTTP, Istio drops a rule that has any HTTP field, its other parts with it (trap 37).
    #[test]
    fn no_rule_mixes_requests_and_connections(permissions in permissions()) {
        let is_http = |field: &String| field != "ports";
        for object in emit_permissions(permissions) {
            for rule in object.spec.rules.iter().flatten() {
                let operations: Vec<bool> = rule.to.iter().flatten().map(|to| to.operation.keys().any(is_http)).collect();
                prop_assert!(operations.iter().all(|http| *http) || operations.iter().all(|http| !*http), "{:?}", rule);
            }
        }
    }
}

fn allow(callers: Callers) -> Permission {
    let selector = Selector::from([("app".into(), "db".into())]);
    Permission { action: Action::Allow, selector, callers, ports: Some(BTreeSet::from([80])), request: None, rule: RuleId(0) }
}

fn accounts(count: usize) -> Callers {
    let accounts = (0..count).map(|number| ("shop".into(), format!("sa-{number:05}").into())).collect();
    Callers::Some(Identities { accounts, ..Identities::default() })
}

#[test]
fn accounts_are_listed_by_sixteen() {
    let objects = emit_permissions(vec![allow(accounts(40))]);
    let rules = objects[0].spec.rules.as_ref().unwrap();
    let sizes: Vec<usize> = rules[0].from.iter().flatten().map(|from| from.source["serviceAccounts"].len()).collect();
    assert_eq!(sizes, [16, 16, 8]);
}

#[test]
fn an_older_istio_is_told_principals() {
    let mut policy = policy(&["a"]);
    policy.config.mesh.istio = Version::new(1, 24);
    policy.config.mesh.trust_domain = "corp".into();
    let manifests = emit(&policy, MeshGate { permissions: vec![allow(accounts(1))], ..MeshGate::default() });
    let object = read(&manifests[0].yaml);
    assert_eq!(object.spec.rules.unwrap()[0].from.as_ref().unwrap()[0].source["principals"], ["corp/ns/shop/sa/sa-00000"]);
}

#[test]
fn limits_of_one_object_and_one_rule_are_kept() {
    let ports = |number: u16| Permission { ports: Some(BTreeSet::from([number])), ..allow(accounts(usize::from(number))) };
    let mut permissions: Vec<Permission> = (1..=600).map(ports).collect();
    permissions.push(Permission { ports: None, ..allow(accounts(9_000)) });
    let manifests = emit(&policy(&["a"]), MeshGate { permissions, ..MeshGate::default() });
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert!(names.len() == manifests.len() && names.contains("db") && names.contains("db-part-2"), "{names:?}");
    assert!(manifests.iter().all(|manifest| manifest.yaml.len() < 210 * 1024));
    // `read` holds every object to the limits.
    let rules: usize = manifests.iter().map(|manifest| read(&manifest.yaml).spec.rules.map_or(0, |rules| rules.len())).sum();
    assert_eq!(rules, 602, "one for each port, and two for more names than one takes");
}

#[test]
fn a_closed_namespace_is_an_empty_spec_and_closed_pods_are_an_allow_without_rules() {
    let closed = BTreeSet::from([Selector::new(), Selector::from([("app".into(), "db".into())])]);
    let manifests = emit(&policy(&[]), MeshGate { closed, ..MeshGate::default() });
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names, ["deny-all", "deny-all-db"]);
    assert!(manifests[0].yaml.ends_with("\nspec: {}\n"), "{}", manifests[0].yaml);
    assert!(
        manifests[1].yaml.ends_with("\nspec:\n  selector:\n    matchLabels:\n      app: db\n  action: ALLOW\n"),
        "{}",
        manifests[1].yaml
    );
}

/// Two lists that a path must both match are more than an operation can say: such a rule is left out, and what it would have
/// let through stays refused.
#[test]
fn a_permission_that_cannot_be_said_lets_nothing_through() {
    let pattern = |text: &str| PathPattern::parse(text).unwrap();
    let paths = PathSet::of([pattern("/{*}/b/{**}")]).intersect(&PathSet::of([pattern("/a/{*}/c")]));
    assert_eq!(paths.within().len(), 2);
    let request = Some(RequestCube { paths, ..RequestCube::all() });
    let objects = emit_permissions(vec![Permission { request: request.clone(), ..allow(Callers::Anyone) }]);
    assert!(objects.len() == 1 && objects[0].spec.rules.is_none() && objects[0].spec.action.as_deref() == Some("ALLOW"));
    assert!(emit_permissions(vec![Permission { action: Action::Deny, request, ..allow(Callers::Anyone) }]).is_empty());
}

#[test]
fn transports_and_tokens_are_spelled_out() {
    let mut policy = policy(&[]);
    let issuer = Issuer {
        name: "corp".into(),
        url: "https://id.example.com".into(),
        jwks: Some("https://id.example.com/keys".into()),
        audiences: vec!["shop".into()],
        location: Location::default(),
    };
    policy.issuers.insert("corp".into(), issuer);
    let db = Selector::from([("app".into(), "db".into())]);
    let transports = BTreeMap::from([(Selector::new(), TransportMode::Strict), (db.clone(), TransportMode::Permissive)]);
    let tokens = BTreeMap::from([(db, BTreeSet::from(["corp".into(), "gone".into()])), (Selector::new(), BTreeSet::from(["gone".into()]))]);
    let text: Vec<String> = emit(&policy, MeshGate { transports, tokens, ..MeshGate::default() })
        .iter()
        .map(|manifest| format!("{} {}\n{}", manifest.kind, manifest.name, manifest.yaml.split_once("spec:\n").unwrap().1))
        .collect();
    insta::assert_snapshot!(text.concat(), @r"
    PeerAuthentication db
      selector:
        matchLabels:
          app: db
      mtls:
        mode: PERMISSIVE
    PeerAuthentication default
      mtls:
        mode: STRICT
    RequestAuthentication db
      selector:
        matchLabels:
          app: db
      jwtRules:
      - issuer: https://id.example.com
        audiences:
        - shop
        jwksUri: https://id.example.com/keys
        forwardOriginalToken: true
    ");
}
