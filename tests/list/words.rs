//! Words in every place where policies compare them: what is listed is what the evaluator says of hosts with ports, of values with blanks, of
//! stars that are no patterns, of what must not match, and of tokens of several issuers for several audiences.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use twogate::flow::{Request, Symbol, Token};

use super::agreement::{Choices, agree_of_first, runner_of};
use super::claims::cluster;
use super::{on, platform};

const HOSTS: [&str; 18] = [
    "*",
    "a.com",
    "a.com:*",
    "a.com:8080",
    "*.com",
    "*.com:80",
    "*:8080",
    "b.*",
    "b.com:80*",
    "*0",
    "[::1]",
    "[::1]:*",
    "[::1]:80",
    "*1]",
    "x*y.com:80",
    "*b*",
    "*.com:*",
    "s*:*",
];

const SENT_HOSTS: [&str; 24] = [
    "a.com",
    "a.com:",
    "a.com:8080",
    "a.com:80",
    "b.com",
    "b.com:8080",
    "b.com:80",
    "b.org",
    "q",
    "q:",
    "q:80",
    "q:8080",
    "x*y.com",
    "x*y.com:80",
    "xay.com:80",
    "[::1]",
    "[::1]:80",
    "[::2]",
    "[::2]:8080",
    "ab*",
    "x0",
    "x0:81",
    "s*",
    "sa:80",
];

const PATHS: [&str; 9] = ["/a", "/a*", "*z", "*b*", "/a*b", "/{*}/x", "/**", "*", "/a/{**}"];

const SENT_PATHS: [&str; 9] = ["/a", "/ab", "/a*b", "/axb", "/z", "/xb*", "/*", "/q/x", "/a/z"];

const USERS: [&str; 9] =
    ["https://id0/*-bot", "https://id0/*", "*", "*-bot", "*/ann", "https://id1/x*", "https://id0/ann", "https://id1/*", "*0/x*"];

const SUBJECTS: [&str; 6] = ["", "*-bot", "a-bot", "ann", "xa", "x*"];

const GROUPS: [&str; 7] = ["a*", "*a", "a b", "a", "*b*", "*", "r"];

const HELD_GROUPS: [&[&str]; 9] = [&[], &["a"], &["a b"], &["ba"], &["ab*"], &["r"], &["r", "a b"], &["ra", "ar"], &["q"]];

const SCOPES: [&str; 7] = ["openid profile", "reader", "r*", "*r", "*", "other", "openid p*"];

const HELD_SCOPES: [&[&str]; 8] =
    [&[], &["reader"], &["openid profile"], &["openid reader"], &["rx"], &["other"], &["profile", "xr"], &["reader other"]];

const AUDIENCES: [&str; 5] = ["", "you", "common, you", "'you*'", "me"];

const HELD_AUDIENCES: [&[&str]; 7] = [&[], &["you"], &["common"], &["you*"], &["yours"], &["me"], &["me", "you"]];

const ROLES: [&str; 6] = ["ad*", "*in", "admin", "*", "a b", "*b*"];

const SENT_ROLES: [Option<&str>; 7] = [None, Some(""), Some("admin"), Some("adx"), Some("xin"), Some("a b"), Some("ab*")];

/// A field of a rule with some of these values, or of those that it must not have.
fn field(choices: &mut Choices<'_>, name: &str, values: &[&str]) -> String {
    let name = if choices.below(4) == 3 { format!("not{}{}", name[..1].to_uppercase(), &name[1..]) } else { name.to_owned() };
    let values: BTreeSet<&str> = (0..=choices.below(3)).map(|_| values[choices.below(values.len())]).collect();
    format!("{name}: [{}]", values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", "))
}

fn condition(choices: &mut Choices<'_>) -> String {
    let (key, values): (&str, &[&str]) = [
        ("request.auth.claims[groups]", &GROUPS[..]),
        ("request.auth.claims[scope]", &SCOPES[..]),
        ("request.auth.audiences", &["you", "common", "me*"][..]),
        ("request.headers[x-role]", &ROLES[..]),
        ("request.auth.principal", &USERS[..]),
    ][choices.below(5)];
    format!("{{key: '{key}', {}}}", field(choices, "values", values))
}

fn rule(choices: &mut Choices<'_>) -> String {
    let mut parts = Vec::new();
    if choices.below(3) == 2 {
        parts.push(format!("from: [{{source: {{{}}}}}]", field(choices, "requestPrincipals", &USERS)));
    }
    let hosts = (choices.below(2) == 1).then(|| field(choices, "hosts", &HOSTS));
    let paths = (choices.below(3) == 2).then(|| field(choices, "paths", &PATHS));
    let operation: Vec<String> = hosts.into_iter().chain(paths).collect();
    if !operation.is_empty() {
        parts.push(format!("to: [{{operation: {{{}}}}}]", operation.join(", ")));
    }
    let conditions: Vec<String> = (0..choices.below(2)).map(|_| condition(choices)).collect();
    if !conditions.is_empty() {
        parts.push(format!("when: [{}]", conditions.join(", ")));
    }
    if parts.is_empty() {
        format!("{{to: [{{operation: {{{}}}}}]}}", field(choices, "hosts", &HOSTS))
    } else {
        format!("{{{}}}", parts.join(", "))
    }
}

/// The tokens that are accepted instead of those of one issuer.
fn accepting(cluster: &str, audiences: &[&str]) -> String {
    let issuer =
        |(at, audiences): (usize, &&str)| format!("{{issuer: 'https://id{at}', jwksUri: 'https://id{at}/k', audiences: [{audiences}]}}");
    let rules: Vec<String> = audiences.iter().enumerate().map(issuer).collect();
    cluster.replace("{issuer: i, jwksUri: 'https://i/keys'}", &rules.join(", ")).replace(", audiences: []", "")
}

fn token(choices: &mut Choices<'_>) -> Token {
    if choices.below(6) == 5 {
        return [Token::None, Token::Unverified][choices.below(2)].clone();
    }
    let issuer = ["https://id0", "https://id1", "https://id2"][choices.below(3)];
    let subject = SUBJECTS[choices.below(SUBJECTS.len())];
    let mut claims: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
    let mut hold = |name: &str, values: &[&str]| {
        let values: BTreeSet<Symbol> = values.iter().filter(|value| !value.is_empty()).map(|value| Symbol::from(*value)).collect();
        if !values.is_empty() {
            claims.insert(name.into(), values);
        }
    };
    hold("sub", &[subject]);
    hold("groups", HELD_GROUPS[choices.below(HELD_GROUPS.len())]);
    hold("scope", HELD_SCOPES[choices.below(HELD_SCOPES.len())]);
    hold("aud", HELD_AUDIENCES[choices.below(HELD_AUDIENCES.len())]);
    Token::Valid { issuer: issuer.into(), claims }
}

fn request(choices: &mut Choices<'_>) -> Request {
    let role = SENT_ROLES[choices.below(SENT_ROLES.len())];
    Request {
        method: "GET".into(),
        path: SENT_PATHS[choices.below(SENT_PATHS.len())].into(),
        host: SENT_HOSTS[choices.below(SENT_HOSTS.len())].into(),
        headers: role.into_iter().map(|role| ("x-role".into(), role.into())).collect(),
        token: token(choices),
    }
}

#[test]
fn words_are_listed_as_they_are_compared() {
    let bytes = (prop::collection::vec(any::<u8>(), 0..60), prop::collection::vec(any::<u8>(), 600));
    let result = runner_of(60).run(&bytes, |(policies, requests)| {
        let mut choices = Choices(policies.iter());
        let allow: Vec<String> = (0..=choices.below(2)).map(|_| rule(&mut choices)).collect();
        let deny: Vec<String> = (0..choices.below(2)).map(|_| rule(&mut choices)).collect();
        let audiences: Vec<&str> = (0..=choices.below(2)).map(|_| AUDIENCES[choices.below(AUDIENCES.len())]).collect();
        let mut choices = Choices(requests.iter());
        let requests: Vec<Option<Request>> = (0..60).map(|_| Some(request(&mut choices))).collect();
        agree_of_first(&accepting(&cluster(&allow, &deny), &audiences), &platform(), &requests)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// What is listed from `web` to `db` on port 80 alone of what these rules let through.
fn listed(allow: &str, deny: &str, audiences: &[&str]) -> Vec<String> {
    let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    let yaml = accepting(&cluster(&list(allow), &list(deny)), audiences);
    let lines = on(platform(), &yaml, "deploy/web@shop", "deploy/db@shop");
    let said = |line: &String| line.split_once("TCP 80 | mTLS | ").map(|(_, said)| said.to_owned());
    lines.iter().filter_map(said).collect()
}

fn to(operation: &str) -> String {
    format!("{{to: [{{operation: {{{operation}, ports: ['80']}}}}]}}")
}

const OPEN: &str = "unspecified: it hangs on whether the client writes the port behind the host";

#[test]
fn what_is_said_of_a_port_behind_a_host_is_told_of_the_host() {
    let hosts = |values: &str| to(&format!("hosts: [{values}]"));
    let listed = |allow: &str, deny: &str| {
        let lines = listed(allow, deny, &[""]);
        lines.iter().map(|line| line.replace(" jwt none or https://id0", "")).collect::<Vec<_>>()
    };
    let open = |host: &str| format!("* at {host}; {OPEN}");
    assert_eq!(listed(&hosts("'*'"), &hosts("'z.example.com:8080'")), ["* at * but z.example.com".to_owned(), open("z.example.com")]);
    assert_eq!(listed(&hosts("'*'"), &hosts("'a.com:*'")), ["* at * but a.com".to_owned(), open("a.com")]);
    assert_eq!(listed(&hosts("'*.example.com:80'"), ""), [open("*.example.com")]);
    assert_eq!(listed(&hosts("'*:80'"), ""), [format!("*; {OPEN}")]);
    assert_eq!(listed(&hosts("a.com, 'a.com:*'"), ""), ["* at a.com"]);
    assert_eq!(listed(&hosts("'*'"), &hosts("'[::1]', '[::1]:*'")), ["* at * but [::1]"]);
    assert_eq!(listed(&hosts("'[::1]:80', '[::2]'"), ""), [open("[::1]|[::2]")]);
}

#[test]
fn values_with_blanks_stand_for_no_word_of_several() {
    let asks = |claim: &str| {
        format!(
            "{{to: [{{operation: {{ports: ['80']}}}}], when: [{{key: 'request.auth.claims[{claim}]', values: [openid profile, reader]}}]}}"
        )
    };
    assert_eq!(listed(&asks("scope"), "", &[""]), ["* jwt https://id0 scope=reader"]);
    assert_eq!(listed(&asks("groups"), "", &[""]), ["* jwt https://id0 groups=\"openid profile\" or https://id0 groups=reader"]);
}

#[test]
fn a_star_that_is_no_pattern_stands_in_quotes() {
    let users = |users: &str| format!("{{from: [{{source: {{requestPrincipals: [{users}]}}}}], to: [{{operation: {{ports: ['80']}}}}]}}");
    assert_eq!(listed(&users("'https://id0/*-bot'"), "", &[""]), ["* jwt https://id0 sub=\"*-bot\""]);
    assert_eq!(listed(&users("'*-bot'"), "", &[""]), ["* jwt https://id0 sub=*-bot"]);
    assert_eq!(listed(&users("'https://id0/ann'"), "", &["'you*'"]), ["* jwt https://id0 aud=\"you*\" sub=ann"]);
}

#[test]
fn an_audience_of_one_issuer_is_not_told_of_another() {
    let listed = listed(&to("paths: [/a]"), "", &["you", "common, you"]);
    assert_eq!(listed, ["* /a jwt none or https://id0 aud=you or https://id1 aud=common or https://id1 aud=you"]);
}
