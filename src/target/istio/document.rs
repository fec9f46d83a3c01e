//! The specs of Istio's kinds as their API has them.
//!
//! Owns: the fields and their order, sources, operations and conditions in writing, the limits of one object. No list and no
//! selector is ever written empty (`semantics.md` traps 34, 35 and 57).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::object::print;
use super::super::settings::AccountForm;
use super::super::split::split;
use super::rules::Rule as Merged;
use crate::flow::{LabelCube, PathPattern, PathSet, RequestCube, Symbol, TokenTest, Values};
use crate::gates::{Callers, Identities, Selector, TransportMode};
use crate::ir::Issuer;
use crate::syntax::ast::Action;

/// `serviceAccounts` of one source (`semantics.md` §2.12).
const MAX_ACCOUNTS: usize = 16;
/// Values of any other list, which has no limit but the object's.
const MAX_VALUES: usize = 500;
/// Sources of one rule, and rules of one object (`semantics.md` §2.12).
const MAX_ITEMS: usize = 512;
/// Bytes of the names in the sources of one rule, so that no rule fills an object by itself.
const MAX_SOURCES: usize = 64 * 1024;
/// What a line of a rule is indented further in its object than by itself.
const INDENT: usize = 4;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchLabels {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct AuthorizationSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<MatchLabels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
}

/// One rule in writing.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Rule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from: Vec<FromItem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<ToItem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<Condition>,
}

#[derive(Debug, Clone, Serialize)]
struct FromItem {
    source: Source,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_principals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_namespaces: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service_accounts: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct ToItem {
    operation: Operation,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    key: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_values: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PeerSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<MatchLabels>,
    mtls: Mode,
}

#[derive(Debug, Serialize)]
struct Mode {
    mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<MatchLabels>,
    jwt_rules: Vec<JwtRule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JwtRule {
    issuer: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    forward_original_token: bool,
}

/// An ALLOW that lets nothing through.
pub(super) fn deny_all(selector: &Selector) -> AuthorizationSpec {
    // For a whole namespace the usual form is an empty spec, which people know by sight.
    let action = (!selector.is_empty()).then_some(action_word(Action::Allow));
    AuthorizationSpec { selector: match_labels(selector), action, rules: Vec::new() }
}

/// The `AuthorizationPolicy` of one selector and action.
pub(super) fn authorization(selector: &Selector, action: Action, rules: Vec<Rule>) -> AuthorizationSpec {
    AuthorizationSpec { selector: match_labels(selector), action: Some(action_word(action)), rules }
}

impl AuthorizationSpec {
    /// Whether it keeps the limits of Istio's own validation.
    pub(super) fn is_within_limits(&self) -> bool {
        self.rules.len() <= MAX_ITEMS
    }

    /// The same as several specs within the limits and of about at most so many bytes in writing each: rules add up.
    pub(super) fn parts(self, bytes: usize) -> Vec<Self> {
        let head = Self { rules: Vec::new(), ..self.clone() };
        let left = bytes.saturating_sub(print(&head).len());
        let parts = split(self.rules, MAX_ITEMS, left, |rule| written(&print(rule)));
        parts.into_iter().map(|rules| Self { rules, ..head.clone() }).collect()
    }
}

/// One merged rule in writing: one rule, or several where it tests a header for "one of these values, or absent" or has too
/// many sources; none where the operation is nothing that Istio can say.
pub(super) fn rules(rule: &Merged<'_>, accounts: AccountForm<'_>) -> Vec<Rule> {
    let sources = match &rule.callers {
        Callers::Anyone => vec![Vec::new()],
        Callers::Some(identities) => split(sources(identities, accounts), MAX_ITEMS, MAX_SOURCES, length),
    };
    let alternatives = operations(rule.request, rule.ports.as_ref());
    let written = |from: &Vec<FromItem>| {
        let from = from.clone();
        move |(operation, when): &(Operation, Vec<Condition>)| {
            let to = (*operation != Operation::default()).then(|| ToItem { operation: operation.clone() });
            Rule { from: from.clone(), to: to.into_iter().collect(), when: when.clone() }
        }
    };
    sources.iter().flat_map(|from| alternatives.iter().map(written(from))).collect()
}

/// One source for each rung of the identity ladder: fields of one source must all hold at once.
fn sources(identities: &Identities, form: AccountForm<'_>) -> Vec<FromItem> {
    let mut sources = accounts(&identities.accounts, form);
    let names: Vec<String> = identities.namespaces.iter().map(ToString::to_string).collect();
    sources.extend(chunks(&names, MAX_VALUES).into_iter().map(|namespaces| Source { namespaces, ..Source::default() }));
    sources.extend(identities.any_but.as_ref().map(any_but));
    sources.extend(identities.unidentified.then(|| Source { not_principals: vec!["*".to_owned()], ..Source::default() }));
    sources.into_iter().map(|source| FromItem { source }).collect()
}

/// Any identity but those of some namespaces. Who has no identity is in no namespace, and `notNamespaces` alone would let them in (`semantics.md`
/// §2.6).
fn any_but(left_out: &BTreeSet<Symbol>) -> Source {
    Source { principals: vec!["*".to_owned()], not_namespaces: left_out.iter().map(ToString::to_string).collect(), ..Source::default() }
}

fn accounts(accounts: &BTreeSet<(Symbol, Symbol)>, form: AccountForm<'_>) -> Vec<Source> {
    match form {
        AccountForm::ServiceAccounts => {
            let names: Vec<String> = accounts.iter().map(|(namespace, account)| format!("{namespace}/{account}")).collect();
            let source = |service_accounts| Source { service_accounts, ..Source::default() };
            chunks(&names, MAX_ACCOUNTS).into_iter().map(source).collect()
        }
        AccountForm::Principals(domain) => {
            let principal = |(namespace, account): &(Symbol, Symbol)| format!("{domain}/ns/{namespace}/sa/{account}");
            let names: Vec<String> = accounts.iter().map(principal).collect();
            chunks(&names, MAX_VALUES).into_iter().map(|principals| Source { principals, ..Source::default() }).collect()
        }
    }
}

/// The operations and conditions that say together which requests on which ports.
fn operations(request: Option<&RequestCube>, ports: Option<&BTreeSet<u16>>) -> Vec<(Operation, Vec<Condition>)> {
    let ports = ports.into_iter().flatten().map(ToString::to_string).collect();
    let Some(request) = request else { return vec![(Operation { ports, ..Operation::default() }, Vec::new())] };
    let Some(mut operation) = http(request) else { return Vec::new() };
    let is_plain = operation == Operation::default() && request.headers.is_all() && request.token.is_any();
    if is_plain {
        // Without any HTTP field the rule would also match connections that are no HTTP.
        operation.methods = vec!["*".to_owned()];
    }
    operation.ports = ports;
    let with = |headers: &LabelCube| (operation.clone(), conditions(headers, &request.token));
    request.headers.selectors().iter().map(with).collect()
}

/// The HTTP fields of an operation; none if the paths must match two lists at once, which no operation can say.
fn http(request: &RequestCube) -> Option<Operation> {
    let (paths, not_paths) = paths(&request.paths)?;
    let (methods, not_methods) = listed(&request.methods, |method| vec![method.to_string()]);
    let (hosts, not_hosts) = listed(&request.hosts, |host| vec![host.to_string(), format!("{host}:*")]);
    Some(Operation { hosts, not_hosts, methods, not_methods, paths, not_paths, ports: Vec::new() })
}

fn paths(paths: &PathSet) -> Option<(Vec<String>, Vec<String>)> {
    let texts = |patterns: &[PathPattern]| patterns.iter().map(ToString::to_string).collect();
    let within = match paths.within() {
        [] => Vec::new(),
        [patterns] => texts(patterns),
        _ => return None,
    };
    Some((within, texts(paths.excluded())))
}

/// The values that an attribute may have, and those that it may not have; it is never absent. A host is compared with its port
/// (`semantics.md` §2.7).
fn listed(values: &Values, write: impl Fn(&Symbol) -> Vec<String>) -> (Vec<String>, Vec<String>) {
    let words = values.words().iter().flat_map(write).collect();
    if values.is_cofinite() { (Vec::new(), words) } else { (words, Vec::new()) }
}

/// Headers first, then the token; all must hold.
fn conditions(headers: &LabelCube, token: &TokenTest) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = headers.iter().map(|(name, values)| header(name, values)).collect();
    let TokenTest::Valid { issuer, claims } = token else { return conditions };
    let claim = |name: &str, values: Vec<String>| Condition { key: format!("request.auth.claims[{name}]"), values, not_values: Vec::new() };
    // The issuer as a claim, since `requestPrincipals` needs tokens with a subject (`semantics.md` trap 91).
    conditions.push(claim("iss", vec![issuer.to_string()]));
    conditions.extend(claims.iter().map(|(name, values)| claim(name, values.iter().map(ToString::to_string).collect())));
    conditions
}

/// One header. `*` is any value that is not empty; what is not to match holds for a header that is absent (`semantics.md` §2.6).
fn header(name: &Symbol, values: &Values) -> Condition {
    let words: Vec<String> = values.words().iter().map(ToString::to_string).collect();
    let any = || vec!["*".to_owned()];
    let (values, not_values) = match (values.is_cofinite(), values.allows_absent()) {
        (false, true) => (Vec::new(), any()),
        (false, false) => (words, Vec::new()),
        (true, true) => (Vec::new(), words),
        (true, false) => (any(), words),
    };
    Condition { key: format!("request.headers[{name}]"), values, not_values }
}

pub(super) fn transport(selector: &Selector, mode: TransportMode) -> PeerSpec {
    let mode = match mode {
        TransportMode::Strict => "STRICT",
        TransportMode::Permissive => "PERMISSIVE",
    };
    PeerSpec { selector: match_labels(selector), mtls: Mode { mode } }
}

/// The issuers whose tokens are verified; none if there are none.
pub(super) fn tokens(selector: &Selector, issuers: &[&Issuer]) -> Option<TokenSpec> {
    let rule = |issuer: &&Issuer| JwtRule {
        issuer: issuer.url.to_string(),
        audiences: issuer.audiences.iter().map(ToString::to_string).collect(),
        jwks_uri: issuer.jwks.as_ref().map(ToString::to_string),
        // Else the next proxy on the way finds no token and refuses (`semantics.md` trap 94).
        forward_original_token: true,
    };
    (!issuers.is_empty()).then(|| TokenSpec { selector: match_labels(selector), jwt_rules: issuers.iter().map(rule).collect() })
}

fn match_labels(selector: &Selector) -> Option<MatchLabels> {
    let match_labels = selector.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    (!selector.is_empty()).then_some(MatchLabels { match_labels })
}

const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Allow => "ALLOW",
        Action::Deny => "DENY",
        Action::Audit => "AUDIT",
    }
}

/// How long the names in a source are.
fn length(item: &FromItem) -> usize {
    let FromItem { source: Source { principals, not_principals, namespaces, not_namespaces, service_accounts } } = item;
    [principals, not_principals, namespaces, not_namespaces, service_accounts].into_iter().flatten().map(String::len).sum()
}

/// How long a text is where every line is indented.
fn written(text: &str) -> usize {
    text.len() + text.lines().count() * INDENT
}

fn chunks<T: Clone>(list: &[T], length: usize) -> Vec<Vec<T>> {
    list.chunks(length).map(<[T]>::to_vec).collect()
}
