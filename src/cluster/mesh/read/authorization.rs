//! Reads `AuthorizationPolicy`.
//!
//! Owns: its fields and what is refused of them (`semantics.md` §2.3, §2.6 to §2.8, §2.12).

use super::super::attachment::Attachment;
use super::super::rule::{Action, Attribute, AuthorizationPolicy, Clause, Enforced, Field, Place, Rule};
use super::{Allowed, attachment, checked, dry_run, empty, spec, values};
use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::manifest::{Node, Reading};

/// The most rules, and the most sources of a rule (`semantics.md` §2.12).
const MAX_LIST: usize = 512;

/// The most accounts of a source (`semantics.md` §2.12).
const MAX_ACCOUNTS: usize = 16;

const UNKNOWN_ACTION: &str = "`ALLOW`, `DENY`, `AUDIT` or `CUSTOM` is expected";

/// Reads a policy; nothing if it has findings.
pub(in super::super) fn read(object: Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<AuthorizationPolicy> {
    let spec = spec(root, reading);
    spec.only(reading, &["selector", "targetRef", "targetRefs", "action", "provider", "rules"]);
    let attachment = attachment(&spec, reading);
    if attachment == Attachment::EmptySelector {
        empty::selector(&spec.get(reading, "selector"), reading);
    }
    let action = action(&spec, reading);
    provider(&spec, action, reading);
    let may_be_dry = if matches!(action, Action::Allow | Action::Deny) { Allowed::Yes } else { Allowed::No };
    let enforced = if dry_run(&object, may_be_dry, root, reading) { Enforced::No } else { Enforced::Yes };
    let node = spec.get(reading, "rules");
    let listed = node.list(reading);
    if listed.len() > MAX_LIST {
        node.wrong(reading, "at most 512 rules are accepted");
    }
    if listed.is_empty() && matches!(action, Action::Deny | Action::Custom) {
        node.wrong(reading, "without rules it would do nothing, and Istio refuses it");
    }
    let rules = listed.iter().enumerate().map(|(index, node)| rule(index + 1, node, action, reading)).collect();
    let policy = AuthorizationPolicy { object, attachment, action, enforced, rules };
    reading.is_clean().then_some(policy)
}

fn action(spec: &Node<'_>, reading: &mut Reading<'_>) -> Action {
    let node = spec.get(reading, "action");
    match node.text(reading) {
        None | Some("ALLOW") => Action::Allow,
        Some("DENY") => Action::Deny,
        Some("AUDIT") => Action::Audit,
        Some("CUSTOM") => Action::Custom,
        Some(_) => {
            node.wrong(reading, UNKNOWN_ACTION);
            Action::Allow
        }
    }
}

/// `provider` stands with CUSTOM and only there.
fn provider(spec: &Node<'_>, action: Action, reading: &mut Reading<'_>) {
    let node = spec.get(reading, "provider");
    node.only(reading, &["name"]);
    let name = node.get(reading, "name").text(reading).unwrap_or_default();
    if action == Action::Custom && name.is_empty() {
        node.wrong(reading, "CUSTOM needs the name of a provider");
    }
    if action != Action::Custom && !node.is_missing() {
        node.wrong(reading, "a provider stands with CUSTOM only");
    }
}

fn rule(number: usize, node: &Node<'_>, action: Action, reading: &mut Reading<'_>) -> Rule {
    if node.is_missing() {
        node.wrong(reading, "a rule is expected");
    }
    node.only(reading, &["from", "to", "when"]);
    let mut clauses = Vec::new();
    let from = node.get(reading, "from");
    if !from.is_missing() {
        let listed = from.list(reading);
        if listed.len() > MAX_LIST {
            from.wrong(reading, "at most 512 sources are accepted");
        }
        if listed.is_empty() && reading.is_clean() {
            empty::list(&from, ["from", "any source"], reading);
        }
        let alternatives = listed.iter().map(|node| source(node, action, reading)).collect();
        clauses.push(Clause { alternatives });
    }
    let to = node.get(reading, "to");
    if !to.is_missing() {
        let listed = to.list(reading);
        if listed.is_empty() && reading.is_clean() {
            empty::list(&to, ["to", "any operation"], reading);
        }
        let alternatives = listed.iter().map(|node| operation(node, reading)).collect();
        clauses.push(Clause { alternatives });
    }
    for node in node.get(reading, "when").list(reading) {
        clauses.extend(condition(&node, action, reading).map(|field| Clause { alternatives: vec![vec![field]] }));
    }
    Rule { number, clauses }
}

/// A field of a source or an operation, with its negation.
struct Known {
    attribute: Attribute,
    wanted: &'static str,
    unwanted: &'static str,
    problem: fn(&str) -> Option<String>,
}

fn any(_: &str) -> Option<String> {
    None
}

fn sources() -> [Known; 7] {
    use Attribute::{Account, Namespace, Principal, RemoteAddress, RequestPrincipal, SourceAddress, TrustDomain};
    let known = |attribute, wanted, unwanted, problem| Known { attribute, wanted, unwanted, problem };
    [
        known(Principal, "principals", "notPrincipals", any),
        known(RequestPrincipal, "requestPrincipals", "notRequestPrincipals", any),
        known(Namespace, "namespaces", "notNamespaces", any),
        known(Account, "serviceAccounts", "notServiceAccounts", values::account),
        known(TrustDomain, "trustDomains", "notTrustDomains", values::trust_domain),
        known(SourceAddress, "ipBlocks", "notIpBlocks", values::address),
        known(RemoteAddress, "remoteIpBlocks", "notRemoteIpBlocks", values::address),
    ]
}

fn operations() -> [Known; 4] {
    use Attribute::{Host, Method, Path, Port};
    let known = |attribute, wanted, unwanted, problem| Known { attribute, wanted, unwanted, problem };
    [
        known(Host, "hosts", "notHosts", any),
        known(Port, "ports", "notPorts", values::port),
        known(Method, "methods", "notMethods", any),
        known(Path, "paths", "notPaths", values::path),
    ]
}

/// The fields of a map that are given.
fn fields(node: &Node<'_>, known: impl IntoIterator<Item = Known>, reading: &mut Reading<'_>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut names = Vec::new();
    for Known { attribute, wanted, unwanted, problem } in known {
        names.extend([wanted, unwanted]);
        let field = Field {
            attribute,
            place: Place::Clause,
            wanted: checked(node, wanted, reading, problem),
            unwanted: checked(node, unwanted, reading, problem),
        };
        if !field.is_empty() {
            fields.push(field);
        }
    }
    node.only(reading, &names);
    fields
}

fn source(node: &Node<'_>, action: Action, reading: &mut Reading<'_>) -> Vec<Field> {
    node.only(reading, &["source"]);
    let node = node.get(reading, "source");
    let fields = fields(&node, sources(), reading);
    if fields.is_empty() && reading.is_clean() {
        node.wrong(reading, "a source names at least one thing; leave out `from` for any");
    }
    let has = |wanted: &[Attribute]| fields.iter().any(|field| wanted.contains(&field.attribute));
    let accounts = fields.iter().find(|field| field.attribute == Attribute::Account);
    if accounts.is_some_and(|field| field.wanted.len() > MAX_ACCOUNTS || field.unwanted.len() > MAX_ACCOUNTS) {
        node.wrong(reading, "at most 16 service accounts are accepted in one source");
    }
    if accounts.is_some() && has(&[Attribute::Principal, Attribute::Namespace]) {
        node.wrong(reading, "`serviceAccounts` does not go with `principals` and `namespaces`");
    }
    if action == Action::Custom && fields.iter().any(|field| is_identity(&field.attribute)) {
        node.wrong(reading, "CUSTOM is asked before identities and tokens are known");
    }
    fields
}

fn operation(node: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Field> {
    node.only(reading, &["operation"]);
    let node = node.get(reading, "operation");
    let fields = fields(&node, operations(), reading);
    if fields.is_empty() && reading.is_clean() {
        node.wrong(reading, "an operation names at least one thing; leave out `to` for any");
    }
    fields
}

fn condition(node: &Node<'_>, action: Action, reading: &mut Reading<'_>) -> Option<Field> {
    node.only(reading, &["key", "values", "notValues"]);
    let key_node = node.get(reading, "key");
    let attribute = match values::key(key_node.text(reading).unwrap_or_default()) {
        Ok(attribute) => attribute,
        Err(reason) => {
            key_node.wrong(reading, &reason);
            return None;
        }
    };
    let problem = match attribute {
        Attribute::SourceAddress | Attribute::DestinationAddress | Attribute::RemoteAddress => values::address,
        Attribute::Port => values::port,
        Attribute::Account => values::account,
        Attribute::TrustDomain => values::trust_domain,
        _ => any,
    };
    if action == Action::Custom && is_identity(&attribute) {
        key_node.wrong(reading, "CUSTOM is asked before identities and tokens are known");
    }
    let wanted: Vec<Symbol> = checked(node, "values", reading, problem);
    let unwanted = checked(node, "notValues", reading, problem);
    if wanted.is_empty() && unwanted.is_empty() && reading.is_clean() {
        node.wrong(reading, "a condition needs `values` or `notValues`");
    }
    Some(Field { attribute, place: Place::When, wanted, unwanted })
}

/// What CUSTOM may not look at (`semantics.md` §2.12).
const fn is_identity(attribute: &Attribute) -> bool {
    use Attribute::{Account, Claim, Namespace, Principal, RequestPrincipal, TrustDomain};
    matches!(attribute, Account | Claim(_) | Namespace | Principal | RequestPrincipal | TrustDomain)
}
