//! Patterns of words against manifests that have others: a word may match one of either.

use proptest::prelude::*;
use twogate::cluster::{Cluster, Question};
use twogate::flow::{DataPlane, Flow, Labels, Peer, Pod, Protocol, Request, Token, Transport, Verdict};

use super::manifests::{compared, lines, read};
use crate::agreement::world::CONFIG;

const SHOP: &str = "---
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {app: db}, ports: [{name: http, port: 80}]}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users, namespace: shop}
spec: {jwtRules: [{issuer: i, jwksUri: 'https://i/keys'}]}
";

fn policy(name: &str, action: &str, rule: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: db}}}}, action: {action}, rules: [{rule}]}}\n"
    )
}

/// What is said of words in each place: what must match, and what must not.
const PLACES: [fn(&str, &str) -> String; 6] = [
    |wanted, unwanted| format!("{{when: [{{key: 'request.headers[x]', values: {wanted}, notValues: {unwanted}}}]}}"),
    |wanted, unwanted| format!("{{to: [{{operation: {{hosts: {wanted}, notHosts: {unwanted}}}}}]}}"),
    |wanted, unwanted| format!("{{to: [{{operation: {{methods: {}, notMethods: {}}}}}]}}", wanted.to_uppercase(), unwanted.to_uppercase()),
    |wanted, unwanted| format!("{{from: [{{source: {{namespaces: {wanted}, notNamespaces: {unwanted}}}}}]}}"),
    |wanted, unwanted| format!("{{when: [{{key: 'request.auth.claims[g]', values: {wanted}, notValues: {unwanted}}}]}}"),
    |wanted, unwanted| format!("{{when: [{{key: 'request.auth.claims[sub]', values: {wanted}, notValues: {unwanted}}}]}}"),
];

/// Manifests of rules.
fn manifests(rules: &[(&str, String)]) -> String {
    let policies = rules.iter().enumerate().map(|(at, (action, rule))| policy(&format!("p{at}"), action, rule));
    policies.fold(SHOP.to_owned(), |all, one| all + &one)
}

fn differ(base: &[(&str, String)], head: &[(&str, String)]) -> Vec<String> {
    let compared = compared(&manifests(base), &manifests(head), CONFIG);
    assert!(compared.report.incomplete.is_empty(), "{base:?} {head:?} {:?}", compared.report.incomplete);
    lines(&compared)
}

#[test]
fn a_word_may_match_a_beginning_here_and_an_end_there() {
    for place in PLACES {
        let rule = |values: &str| place(values, "[q]");
        let base = [("ALLOW", rule("['team-*']"))];
        let head = [("ALLOW", rule("['team-*']")), ("DENY", rule("['*-dev']"))];
        assert_ne!(differ(&base, &head), [""; 0], "{}", head[1].1);
        assert_eq!(differ(&head, &head), [""; 0]);
        // Each side has one of the patterns.
        let (left, right) = ([("DENY", rule("['team-*']"))], [("DENY", rule("['*-dev', 'team-*']"))]);
        assert_ne!(differ(&left, &right), [""; 0], "{}", right[0].1);
    }
}

#[test]
fn what_must_not_match_is_told_from_what_must() {
    let pairs = [
        ("{when: [{key: 'request.headers[x]', values: ['a*']WITHOUT}]}", ", notValues: ['*z']"),
        ("{to: [{operation: {hosts: ['www.*']WITHOUT}}]}", ", notHosts: ['*.com', '*.com:*']"),
        ("{to: [{operation: {methods: ['G*']WITHOUT}}]}", ", notMethods: ['*T']"),
        ("{from: [{source: {namespaces: ['team-*']WITHOUT}}]}", ", notNamespaces: ['*-dev']"),
        ("{from: [{source: {principals: ['cluster.local/ns/team-*']WITHOUT}}]}", ", notNamespaces: ['*-dev']"),
        ("{from: [{source: {principals: ['cluster.local/ns/shop/sa/web-*']WITHOUT}}]}", ", notPrincipals: ['*-dev']"),
        ("{from: [{source: {requestPrincipals: ['i/an*']WITHOUT}}]}", ", notRequestPrincipals: ['*nn']"),
        ("{when: [{key: 'request.headers[x]', values: ['a*']WITHOUT}]}", ", notValues: ['ab*', '*xb']"),
    ];
    for (rule, without) in pairs {
        let [base, head] = [without, ""].map(|without| [("ALLOW", rule.replace("WITHOUT", without))]);
        assert_ne!(differ(&base, &head), [""; 0], "{rule} {without}");
    }
}

/// The colons of an address in brackets are no beginning of a port.
#[test]
fn hosts_that_are_addresses_are_told_apart() {
    let pairs = [
        ("['[fd00::1]', '[fd00::1]:*']", "['[fd00::2]', '[fd00::2]:*']"),
        ("['[fd00::1]']", "['[fd00::2]']"),
        ("['[fd00::1]:8080']", "['[fd00::2]:8080']"),
        ("['[fd00:*']", "['[fd01:*']"),
        ("['[fd00::1]*']", "['[fd00::2]*']"),
        ("['*::1]', '*::1]:8080']", "['*::2]', '*::2]:8080']"),
    ];
    for (left, right) in pairs {
        let [base, head] = [left, right].map(|hosts| [("ALLOW", format!("{{to: [{{operation: {{hosts: {hosts}}}}}]}}"))]);
        assert_ne!(differ(&base, &head), [""; 0], "{left} {right}");
        assert_eq!(differ(&head, &head), [""; 0]);
    }
    // Beginnings and ends that one address has both of.
    let base = [("ALLOW", "{to: [{operation: {hosts: ['[fd00:*']}}]}".to_owned())];
    let head = [("ALLOW", "{to: [{operation: {hosts: ['[fd00:*'], notHosts: ['*:1]', '*:1]:*']}}]}".to_owned())];
    assert_ne!(differ(&base, &head), [""; 0]);
}

/// A rule for callers from namespaces that have each of these letters in their names.
fn with_letters(letters: &str) -> String {
    let tests: Vec<String> = letters.chars().map(|letter| format!("{{key: source.namespace, values: ['*{letter}*']}}")).collect();
    format!("{{when: [{}]}}", tests.join(", "))
}

/// A rule for callers from namespaces that have one of these letters in their names, and that are none: it lets in nobody.
fn with_any_letter(letters: impl Iterator<Item = char>) -> String {
    let globs: Vec<String> = letters.map(|letter| format!("'*{letter}*'")).collect();
    format!("{{from: [{{source: {{namespaces: [{}], notNamespaces: ['*']}}}}]}}", globs.join(", "))
}

/// Of nine patterns with something between two stars those names are tried that match any five of them, and not only each two.
#[test]
fn a_name_may_match_any_choice_of_many_patterns() {
    let base = [("ALLOW", with_any_letter('a'..='i'))];
    let head = [("ALLOW", with_any_letter('a'..='i')), ("ALLOW", with_letters("bdfhi"))];
    let found = differ(&base, &head);
    assert!(found.iter().any(|line| line.contains(" -> app=db@shop:") && line.contains("denied => allowed")), "{found:?}");
    assert_eq!(differ(&head, &head), [""; 0]);
}

/// A glob is no name that matches it: whoever reads it as it stands finds nobody.
#[test]
fn a_glob_is_not_a_name_itself() {
    let rule = |wanted: &str, unwanted: &str| format!("{{from: [{{source: {{namespaces: ['{wanted}'], notNamespaces: [{unwanted}]}}}}]}}");
    let letters = ('a'..='z').chain('0'..='9').chain(['-']);
    let longer = letters.map(|letter| format!("'a{letter}*'")).collect::<Vec<_>>().join(", ");
    let nobody = [("ALLOW", rule("q", "q"))];
    assert_eq!(differ(&nobody, &[("ALLOW", rule("a*b", &longer))]), [""; 0]);
    let found = differ(&nobody, &[("ALLOW", rule("a*b", "q"))]);
    assert!(!found.is_empty() && !found.iter().any(|line| line.contains("a*b")), "{found:?}");
}

/// Of too many patterns not all names are tried, and that is said.
#[test]
fn names_of_too_many_patterns_are_not_taken_for_compared() {
    let base = manifests(&[("ALLOW", with_any_letter('a'..='p'))]);
    let head = manifests(&[("ALLOW", with_any_letter('a'..='p')), ("DENY", with_letters("bdfhjln"))]);
    let compared = super::manifests::compared(&base, &head, CONFIG);
    assert!(
        compared.report.incomplete.iter().any(|what| what.starts_with("callers from further namespaces")),
        "{:?}",
        compared.report.incomplete
    );
    assert!(compared.report.summary().contains("not everything could be compared"), "{}", compared.report.summary());
    // Where nothing has changed nothing hangs on it.
    let same = super::manifests::compared(&head, &head, CONFIG);
    assert_eq!((same.report.incomplete.len(), same.report.summary().as_str()), (0, "no difference"));
}

fn word() -> impl Strategy<Value = String> {
    "[ab]{1,2}|[ab]{1,2}\\*|\\*[ab]{1,2}"
}

fn words_of_a_rule() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(), 1..3)
}

/// What must match, and what must not.
type Rule = [Vec<String>; 2];

/// Rules of two sides that are nearly the same: whether each allows, and what it says.
fn sides() -> impl Strategy<Value = [Vec<(bool, Rule)>; 2]> {
    let rule = || (words_of_a_rule(), words_of_a_rule()).prop_map(|(wanted, unwanted)| [wanted, unwanted]);
    let more = prop_oneof![words_of_a_rule().prop_map(|words| (true, words)), words_of_a_rule().prop_map(|words| (false, words))];
    (rule(), more).prop_map(|([wanted, unwanted], (is_other, words))| {
        let base = vec![(true, [wanted.clone(), unwanted.clone()])];
        if is_other {
            return [base, vec![(true, [wanted, words])]];
        }
        let head = [base.clone(), vec![(false, [words, unwanted])]].concat();
        [base, head]
    })
}

/// Of a path that one rule asks for only what this rule asks for is tried, so that many rules of a path and a role each are not too many.
#[test]
fn many_rules_with_a_path_and_a_role_each_are_compared() {
    let rule = |(at, role): (usize, usize)| {
        let path = format!("to: [{{operation: {{paths: [/p{at}]}}}}]");
        ("ALLOW", format!("{{{path}, when: [{{key: 'request.auth.claims[role]', values: [r{role}]}}]}}"))
    };
    let base: Vec<(&str, String)> = (0..20).map(|at| rule((at, at))).collect();
    let head: Vec<(&str, String)> = (0..20).map(|at| rule((at, if at == 7 { 8 } else { at }))).collect();
    assert_ne!(differ(&base, &head), [""; 0]);
    assert_eq!(differ(&base, &base), [""; 0]);
}

/// Every word of three letters up to a length.
fn words() -> Vec<String> {
    let mut words = Vec::new();
    let mut last = vec![String::new()];
    for _ in 0..4 {
        last = last.iter().flat_map(|word| ["a", "b", "c"].map(|letter| format!("{word}{letter}"))).collect();
        words.extend(last.clone());
    }
    words
}

fn flow(place: usize, word: &str) -> Flow {
    let namespace = if place == 3 { word } else { "shop" };
    let pod = |namespace: &str, app: &str| {
        Peer::Pod(Pod {
            namespace: namespace.into(),
            namespace_labels: Labels::from([("kubernetes.io/metadata.name".into(), namespace.into())]),
            labels: Labels::from([("app".into(), app.into())]),
            account: "default".into(),
            plane: DataPlane::Sidecar,
        })
    };
    let text = |own: usize, other: &str| if place == own { word.to_owned() } else { other.to_owned() };
    let claim = if place == 4 { "g" } else { "sub" };
    let claims = [(claim.into(), [word.into()].into())].into();
    let request = Request {
        method: text(2, "GET").to_uppercase().into(),
        path: "/".into(),
        host: text(1, "h.test").into(),
        headers: if place == 0 { Labels::from([("x".into(), word.into())]) } else { Labels::new() },
        token: if place >= 4 { Token::Valid { issuer: "i".into(), claims } } else { Token::None },
    };
    Flow {
        source: pod(namespace, "web"),
        destination: pod("shop", "db"),
        protocol: Protocol::Tcp,
        port: 80,
        transport: Transport::Mtls,
        request: Some(request),
    }
}

fn verdict(cluster: &Cluster, flow: &Flow) -> Verdict {
    cluster.decide(&Question::from(flow)).verdict
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_for_any_word_is_found(place in 0..PLACES.len(), [base, head] in sides()) {
        let list = |words: &[String]| format!("[{}]", words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "));
        let written = |rules: &[(bool, Rule)]| {
            let rule = |(allows, [wanted, unwanted]): &(bool, Rule)| {
                (if *allows { "ALLOW" } else { "DENY" }, PLACES[place](&list(wanted), &list(unwanted)))
            };
            manifests(&rules.iter().map(rule).collect::<Vec<_>>())
        };
        let (base, head) = (written(&base), written(&head));
        let found = lines(&compared(&base, &head, CONFIG));
        let (left, right) = (read(&base, CONFIG), read(&head, CONFIG));
        let differs = |word: &String| verdict(&left, &flow(place, word)) != verdict(&right, &flow(place, word));
        let differing = words().into_iter().find(differs);
        prop_assert!(!found.is_empty() || differing.is_none(), "{:?} in {}\n{}", differing, base, head);
    }
}
