//! The promise about claims, on random policies that ask for them: every choice of values that a token may lose is tried.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;

use super::generate::{Asked, Text, object};
use super::random::{config, cuts, fewest_values, fewest_values_by};
use super::{cluster, issuer, istio, pod, service, settling_claims};
use crate::cluster::{Endpoint, Platform};
use crate::flow::{Cut, DataPlane, Labels, Protocol, Request, Token, Transport};

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// Some, as a YAML list.
fn list(one: Text, sizes: std::ops::Range<usize>) -> Text {
    prop::collection::vec(one, sizes).prop_map(|all| format!("[{}]", all.join(", "))).boxed()
}

/// Whether rules may ask for what must not be: where they do, little is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negation {
    Often,
    Never,
}

fn condition(negation: Negation) -> Text {
    const KEYS: &[&str] = &[
        "claims[a]",
        "claims[a]",
        "claims[a]",
        "claims[a]",
        "claims[b]",
        "claims[b]",
        "claims[b]",
        "claims[a][b]",
        "claims[scope]",
        "claims[sub]",
        "claims[iss]",
        "audiences",
    ];
    let values = || one_of(&["[v]", "[v]", "[w]", "[w]", "['v*']", "['*w']", "['*']", "[v, x]", "[i]"]);
    let wanted = values().prop_map(|values| format!("values: {values}"));
    let unwanted = values().prop_map(|values| format!("notValues: {values}"));
    let both = (values(), values()).prop_map(|(values, others)| format!("values: {values}, notValues: {others}"));
    let asked = if negation == Negation::Never { wanted.boxed() } else { prop_oneof![8 => wanted, 1 => unwanted, 1 => both].boxed() };
    let claim = (one_of(KEYS), asked).prop_map(|(key, asked)| format!("{{key: 'request.auth.{key}', {asked}}}"));
    prop_oneof![15 => claim, 1 => Just("{key: 'request.headers[h]', values: [v]}".to_owned())].boxed()
}

fn authorization(negation: Negation) -> Text {
    let source = match negation {
        Negation::Never => one_of(&["", "", "", "", "namespaces: [shop]", "ipBlocks: [10.0.0.0/8]", "ipBlocks: [10.0.0.0/8]"]),
        Negation::Often => {
            one_of(&["", "", "", "", "requestPrincipals: ['i/*']", "requestPrincipals: ['*']", "notRequestPrincipals: ['*']"])
        }
    };
    let from = source.prop_map(|source| if source.is_empty() { source } else { format!("from: [{{source: {{{source}}}}}], ") });
    let to = one_of(&["", "", "", "", "", "", "to: [{operation: {methods: [GET]}}], ", "to: [{operation: {hosts: [h]}}], "]);
    let rule = (from, to, list(condition(negation), 1..4)).prop_map(|(from, to, when)| format!("{{{from}{to}when: {when}}}"));
    let custom = one_of(&["{when: [{key: 'request.headers[h]', values: [v]}]}", "{to: [{operation: {methods: [POST]}}]}"]);
    let ruled = prop_oneof![
        8 => (one_of(&["ALLOW", "ALLOW", "DENY"]), list(rule.clone().boxed(), 1..4)),
        1 => (one_of(&["AUDIT"]), list(rule.boxed(), 1..2)),
        1 => (one_of(&["CUSTOM, provider: {name: p}"]), list(custom, 1..2)),
    ];
    let bound = prop_oneof![
        10 => Just(String::new()),
        2 => Just("selector: {matchLabels: {open: x}}, ".to_owned()),
        1 => Just("targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}], ".to_owned()),
    ];
    let dry = prop::bool::weighted(0.1);
    (bound, ruled, dry)
        .prop_map(|(bound, (action, rules), dry)| {
            let is_dry = dry && (action == "ALLOW" || action == "DENY");
            let annotations = if is_dry { ", annotations: {istio.io/dry-run: 'true'}" } else { "" };
            let spec = format!("{{{bound}action: {action}, rules: {rules}}}");
            object("security.istio.io/v1", "AuthorizationPolicy", "shop", annotations, &spec)
        })
        .boxed()
}

fn tokens() -> Text {
    let rule = one_of(&[
        "issuer: i",
        "issuer: i",
        "issuer: i",
        "issuer: i",
        "issuer: i",
        "issuer: i",
        "issuer: k",
        "issuer: i, audiences: [v]",
        "issuer: i, audiences: [v]",
        "issuer: k, audiences: [w], spaceDelimitedClaims: [b]",
        "issuer: i, spaceDelimitedClaims: [b]",
        "issuer: i, audiences: [v, w], spaceDelimitedClaims: [a, sub]",
        "issuer: i, fromHeaders: [{name: x}]",
    ]);
    let rule = rule.prop_map(|rule| format!("{{{rule}, jwksUri: 'https://i/k'}}")).boxed();
    let bound = one_of(&["", "", "", "", "", "", "", "selector: {matchLabels: {open: x}}, "]);
    (bound, list(rule, 1..3))
        .prop_map(|(bound, rules)| {
            object("security.istio.io/v1", "RequestAuthentication", "shop", "", &format!("{{{bound}jwtRules: {rules}}}"))
        })
        .boxed()
}

fn manifests() -> Text {
    let rules = |negation: Negation| prop::collection::vec(authorization(negation), 1..5);
    let rules = prop_oneof![2 => rules(Negation::Never), 1 => rules(Negation::Often)];
    let ports = || select(vec!["{name: tcp-x, port: 1, targetPort: 80}", "{name: http-x, port: 1, targetPort: 80}"]);
    let services = prop_oneof![5 => Just(Vec::new()), 1 => prop::collection::vec(ports(), 2)];
    (prop::collection::vec(tokens(), 1..3), rules, services)
        .prop_map(|(tokens, rules, services)| {
            let all = tokens.into_iter().chain(rules).enumerate().map(|(at, text)| text.replace("NAME", &format!("n{at}")));
            let named = |(at, port): (usize, &str)| service("{}", "web", port).replace("name: web,", &format!("name: s{at},"));
            all.chain(services.into_iter().enumerate().map(named)).collect()
        })
        .boxed()
}

/// Claims with a value each, of which some match several tests.
const HELD: [(&str, &str); 13] = [
    ("a", "v"),
    ("a", "w"),
    ("a", "vw"),
    ("b", "v"),
    ("b", "w"),
    ("b", "v w"),
    ("[a][b]", "v"),
    ("[a][b]", "w"),
    ("scope", "v w"),
    ("aud", "v"),
    ("aud", "w"),
    ("sub", "v"),
    ("sub", "w"),
];

fn token(issuer: &str, held: Held<'_>) -> Token {
    let mut claims: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, value) in held {
        claims.entry((*name).into()).or_default().insert((*value).into());
    }
    Token::Valid { issuer: issuer.into(), claims }
}

fn questions() -> impl Strategy<Value = (Endpoint, Asked)> {
    // A token has one subject.
    let held = subsequence(HELD.to_vec(), 4..10).prop_map(|mut held| {
        let subjects = held.iter().filter(|(name, _)| *name == "sub").count();
        held.truncate(held.len() - subjects.saturating_sub(1));
        held
    });
    let token = (select(&["i", "i", "i", "i", "i", "i", "k", "z"][..]), held).prop_map(|(issuer, held)| token(issuer, &held));
    let words = (select(&["GET", "GET", "POST"][..]), select(&["h", "g"][..]), prop::option::of(select(&["v", "w"][..])));
    let transport = prop_oneof![3 => Just(Transport::Mtls), 1 => Just(Transport::Plaintext)];
    (words, token, transport, select(&["shop", "dev"][..])).prop_map(|((method, host, header), token, transport, namespace)| {
        let headers: Labels = header.into_iter().map(|value| ("h".into(), value.into())).collect();
        let request = Request { method: method.into(), path: "/".into(), host: host.into(), headers, token };
        let far = pod(namespace, &[], DataPlane::Sidecar);
        (far, Asked { protocol: Protocol::Tcp, port: 80, transport, request: Some(request) })
    })
}

/// A pod with a label whose value may not be known.
fn near() -> impl Strategy<Value = Endpoint> {
    prop::bool::weighted(0.5).prop_map(|is_known| {
        let mut end = pod("shop", &[("app", "web")], DataPlane::Sidecar);
        end.facts.open_labels.extend((!is_known).then(|| "open".into()));
        end
    })
}

/// Claims and their values, as a token of one issuer holds them.
type Held<'h> = &'h [(&'h str, &'h str)];

/// In each of these an answer hangs on more than one rule needs: were it promised of these claims, too, it would be wrong.
#[test]
fn what_settles_something_is_rightly_not_promised() {
    let policy = |action: &str, more: &str, rules: &str| {
        istio("AuthorizationPolicy", &format!("{{{more}action: {action}, rules: [{rules}]}}"))
            .replace("name: one", &format!("name: {}", action.to_lowercase()))
    };
    let when = |claims: &[(&str, &str)]| {
        let all = claims.iter().map(|(claim, asked)| format!("{{key: 'request.auth.claims[{claim}]', {asked}}}"));
        format!("when: [{}]", all.collect::<Vec<_>>().join(", "))
    };
    let rule = |claim: &str, asked: &str| format!("{{{}}}", when(&[(claim, asked)]));
    let is_v = |claim: &str| rule(claim, "values: [v]");
    let user = |user: &str| format!("{{from: [{{source: {{requestPrincipals: ['{user}']}}}}]}}");
    let perhaps = "selector: {matchLabels: {open: x}}, ";
    let open = is_v("a").replace("{when", "{from: [{source: {ipBlocks: [10.0.0.0/8]}}], when");
    let allows = policy("ALLOW", "", &is_v("b"));
    let both = [("a", "v"), ("b", "v")];
    let spaced =
        issuer(", spaceDelimitedClaims: [b]").replace("{jwtRules", &format!("{{{perhaps}jwtRules")).replace("name: one", "name: two");
    let readings = [when(&[("b", "values: ['v w']"), ("a", "values: [v]")]), when(&[("b", "values: [v]"), ("c", "values: [v]")])];
    let readings = readings.map(|rule| format!("{{{rule}}}")).join(", ");
    let cases: [(String, Held<'_>); 7] = [
        // One rule leaves it open only where another one lets the request pass.
        ([issuer(""), policy("DENY", "", &open), allows.clone()].concat(), &both),
        ([issuer(""), policy("DENY", perhaps, &is_v("a")), allows.clone()].concat(), &both),
        // Each of two values keeps a rule from matching.
        (
            [issuer(""), policy("ALLOW", "", &[rule("a", "notValues: [v]"), rule("a", "notValues: [w]")].join(", "))].concat(),
            &[("a", "v"), ("a", "w")],
        ),
        (
            [
                issuer(""),
                policy("ALLOW", "", &[rule("a", "values: [x], notValues: [v]"), rule("a", "values: [x], notValues: [w]")].join(", ")),
            ]
            .concat(),
            &[("a", "v"), ("a", "w"), ("a", "x")],
        ),
        ([issuer(""), policy("ALLOW", "", &[user("i/v"), user("i/w")].join(", "))].concat(), &[("sub", "v"), ("sub", "w")]),
        // The token is looked at before the rules.
        ([issuer(", audiences: [v]"), policy("ALLOW", "", &is_v("a"))].concat(), &[("a", "v"), ("aud", "v")]),
        // Each of two readings has a rule of its own.
        ([issuer(""), spaced, policy("ALLOW", "", &readings)].concat(), &[("a", "v"), ("b", "v w"), ("c", "v")]),
    ];
    let far = pod("shop", &[], DataPlane::Sidecar);
    let mut near = pod("shop", &[], DataPlane::Sidecar);
    near.facts.open_labels.insert("open".into());
    for (yaml, held) in cases {
        let cluster = cluster(Platform::default(), &yaml);
        let request = Request { method: "GET".into(), path: "/".into(), host: "h".into(), headers: Labels::new(), token: token("i", held) };
        let asked = Asked { protocol: Protocol::Tcp, port: 80, transport: Transport::Mtls, request: Some(request) };
        assert!(fewest_values(&cluster, &near, &far, &asked).is_some(), "{yaml}");
        let mut cuts = cuts(&cluster, &near);
        for cut in &mut cuts {
            cut.requests.few_claims = cut.requests.written.claims.keys().map(|name| (name.clone(), 1)).collect();
        }
        assert_eq!(fewest_values_by(&cuts, &BTreeMap::new(), &cluster, [&near, &far], &asked), None, "{yaml}");
    }
}

/// The cuts are those that hold the far end and the port. It is counted how often something is needed at all, so that what is promised is no promise about nothing.
#[test]
fn an_answer_needs_few_values_of_the_claims_of_one_cut() {
    let counts: [Cell<usize>; 3] = Default::default();
    let platforms = select(vec![(1, 20, 0), (1, 30, 0)]).prop_map(|istio| Platform { istio, ..Platform::default() });
    let tried = TestRunner::new(config()).run(
        &(manifests(), platforms, near(), prop::collection::vec(questions(), 10)),
        |(yaml, platform, near, questions)| {
            let cluster = cluster(platform, &yaml);
            let cuts = cuts(&cluster, &near);
            for (far, asked) in &questions {
                let holds = |cut: &&Cut| cut.peers.contains(&far.peer) && cut.ports.contains(asked.protocol, asked.port);
                let active: Vec<Cut> = cuts.iter().filter(holds).cloned().collect();
                let fewest = fewest_values_by(&active, &settling_claims(&active), &cluster, [&near, far], asked);
                prop_assert!(fewest.is_some(), "{:#?}\nfar {:#?}\n{:#?}\n{}", near, far, asked, yaml);
                let count = &counts[fewest.unwrap().min(2)];
                count.set(count.get() + 1);
            }
            Ok(())
        },
    );
    if let Err(failure) = tried {
        panic!("{failure}");
    }
    let [none, one, several] = counts.map(Cell::into_inner);
    let all = none + one + several;
    assert!(one + 20 >= all / 20 && several + 20 >= all / 100, "of {all} answers {one} need a value of a claim, {several} more of them");
}
