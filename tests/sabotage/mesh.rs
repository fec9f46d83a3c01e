//! Sabotages of `AuthorizationPolicy`, `PeerAuthentication` and `RequestAuthentication`.

use serde_yaml::Value;

use super::table::Change::{Edit, Remove, Replace};
use super::table::{CALLER, MESH, Sabotage, TOKEN, TRANSPORT, append, has, rename, set, take, yaml};

const RULE: &[&str] = &["spec/rules/*"];
const FROM: &[&str] = &["spec/rules/*/from"];
const SOURCE: &[&str] = &["spec/rules/*/from/*/source"];
const ACCOUNT: &[&str] = &["spec/rules/*/from/*/source/serviceAccounts/*"];
const OPERATION: &[&str] = &["spec/rules/*/to/*/operation"];
const PORT: &[&str] = &["spec/rules/*/to/*/operation/ports/*"];
const METHODS: &[&str] = &["spec/rules/*/to/*/operation/methods"];
const PATH: &[&str] = &["spec/rules/*/to/*/operation/paths/*"];
const CONDITION: &[&str] = &["spec/rules/*/when/*"];
const MODE: &[&str] = &["spec/mtls/mode"];
const JWT_RULE: &[&str] = &["spec/jwtRules/*"];

macro_rules! sabotage {
    ($name:literal, $kinds:ident, $places:expr, $change:expr) => {
        Sabotage { name: $name, kinds: $kinds, places: $places, change: $change }
    };
}

pub(super) const SABOTAGES: &[Sabotage] = &[
    // Who.
    sabotage!("drop the callers", CALLER, FROM, Remove),
    sabotage!("empty the callers", CALLER, FROM, Edit(|from| set(from, yaml("[]")))),
    sabotage!("drop a caller", CALLER, &["spec/rules/*/from/*"], Remove),
    sabotage!("leave a source empty", CALLER, SOURCE, Edit(|source| set(source, yaml("{}")))),
    sabotage!("another account", CALLER, ACCOUNT, Edit(|account| append(account, "x"))),
    sabotage!("drop an account", CALLER, ACCOUNT, Remove),
    sabotage!("an account without its namespace", CALLER, ACCOUNT, Edit(without_namespace)),
    sabotage!("an account as a principal", CALLER, SOURCE, Edit(|source| rename(source, "serviceAccounts", "principals"))),
    sabotage!("any identity", CALLER, SOURCE, Edit(|source| set(source, yaml("{principals: ['*']}")))),
    sabotage!("any caller of the namespace", CALLER, SOURCE, Edit(by_namespace)),
    sabotage!("another namespace of a caller", CALLER, &["spec/rules/*/from/*/source/namespaces/*"], Edit(|name| append(name, "x"))),
    sabotage!("callers of all namespaces", CALLER, &["spec/rules/*/from/*/source/namespaces"], Edit(|names| set(names, yaml("['*']")))),
    sabotage!("negate a source", CALLER, SOURCE, Edit(negate_source)),
    // What.
    sabotage!("drop the operations", CALLER, &["spec/rules/*/to"], Remove),
    sabotage!("leave an operation empty", CALLER, OPERATION, Edit(|operation| set(operation, yaml("{}")))),
    sabotage!("drop the ports of an operation", CALLER, OPERATION, Edit(|operation| take(operation, "ports"))),
    sabotage!("drop a port of an operation", CALLER, PORT, Remove),
    sabotage!("shift a port of an operation", CALLER, PORT, Edit(shift)),
    sabotage!("unquote a number", CALLER, PORT, Edit(unquote)),
    sabotage!("a range of ports in an operation", CALLER, PORT, Edit(|port| append(port, "-65535"))),
    sabotage!("drop the methods", CALLER, METHODS, Remove),
    sabotage!("drop a method", CALLER, &["spec/rules/*/to/*/operation/methods|notMethods/*"], Remove),
    sabotage!("one more method", CALLER, METHODS, Edit(|methods| push(methods, "PATCH"))),
    sabotage!("a method in lower case", CALLER, &["spec/rules/*/to/*/operation/methods/*"], Edit(lower)),
    sabotage!("negate the methods", CALLER, OPERATION, Edit(|operation| swap(operation, "methods", "notMethods"))),
    sabotage!("drop the paths", CALLER, &["spec/rules/*/to/*/operation/paths"], Remove),
    sabotage!("drop a path", CALLER, PATH, Remove),
    sabotage!("lengthen a path", CALLER, PATH, Edit(|path| append(path, "/x"))),
    sabotage!("widen a path", CALLER, PATH, Edit(|path| set(path, "/*"))),
    sabotage!("make every rest of a path one part", CALLER, PATH, Edit(|path| replace(path, "{**}", "{*}"))),
    sabotage!("make a part of a path any rest", CALLER, PATH, Edit(|path| replace(path, "/{*}", "/*"))),
    sabotage!("a path in upper case", CALLER, PATH, Edit(|path| replace(path, "/orders", "/ORDERS"))),
    sabotage!("permit another host only", CALLER, OPERATION, Edit(|operation| set(&mut operation["hosts"], yaml("[other.example.com]")))),
    // Under which conditions.
    sabotage!("drop a condition", CALLER, CONDITION, Remove),
    sabotage!("drop the conditions", CALLER, &["spec/rules/*/when"], Remove),
    sabotage!("another value of a claim", CALLER, &["spec/rules/*/when/*/values/*"], Edit(|value| append(value, "x"))),
    sabotage!("one more value of a claim", CALLER, &["spec/rules/*/when/*/values"], Edit(|values| push(values, "everyone"))),
    sabotage!("negate a condition", CALLER, CONDITION, Edit(|condition| swap(condition, "values", "notValues"))),
    sabotage!("another claim", CALLER, CONDITION, Edit(|condition| set(&mut condition["key"], "request.auth.claims[role]"))),
    // Which rules.
    sabotage!("drop a permission", CALLER, RULE, Remove),
    sabotage!("drop all permissions", CALLER, &["spec/rules"], Remove),
    sabotage!("permit everything", CALLER, &["spec"], Edit(permit_everything)),
    sabotage!("swap AND for OR in the mesh", CALLER, RULE, Replace(apart)),
    sabotage!("swap OR for AND in the mesh", CALLER, &["spec/rules"], Edit(together)),
    sabotage!("mix two permissions", CALLER, &["spec/rules"], Edit(mix)),
    sabotage!("split an operation", CALLER, &["spec/rules/*/to/*"], Replace(split_operation)),
    // Which action.
    sabotage!("turn an action around", CALLER, &["spec/action"], Edit(turn_action)),
    sabotage!("only log", CALLER, &["spec/action"], Edit(|action| set(action, "AUDIT"))),
    sabotage!("ask somebody else", CALLER, &["spec/action"], Edit(|action| set(action, "CUSTOM"))),
    // On which pods.
    sabotage!("drop a selector in the mesh", MESH, &["spec/selector"], Remove),
    sabotage!("empty a selector in the mesh", MESH, &["spec/selector"], Edit(|selector| set(selector, yaml("{}")))),
    sabotage!("another subject in the mesh", MESH, &["spec/selector/matchLabels/*"], Edit(|value| append(value, "x"))),
    sabotage!(
        "one more label of a subject in the mesh",
        MESH,
        &["spec/selector/matchLabels"],
        Edit(|labels| set(&mut labels["sabotage"], "spoilt"))
    ),
    sabotage!("act on a gateway", CALLER, &["spec"], Edit(act_on_gateway)),
    // Transport and tokens.
    sabotage!("weaken mTLS", TRANSPORT, MODE, Edit(|mode| *mode == "STRICT" && set(mode, "PERMISSIVE"))),
    sabotage!("switch mTLS off", TRANSPORT, MODE, Edit(|mode| set(mode, "DISABLE"))),
    sabotage!("leave mTLS unset", TRANSPORT, MODE, Edit(|mode| set(mode, "UNSET"))),
    sabotage!("demand mTLS", TRANSPORT, MODE, Edit(|mode| *mode == "PERMISSIVE" && set(mode, "STRICT"))),
    sabotage!("drop the mode", TRANSPORT, &["spec/mtls"], Remove),
    sabotage!("demand mTLS of one port", TRANSPORT, &["spec"], Edit(demand_on_port)),
    sabotage!("another issuer", TOKEN, &["spec/jwtRules/*/issuer"], Edit(|issuer| append(issuer, ".example"))),
    sabotage!("drop the audiences", TOKEN, &["spec/jwtRules/*/audiences"], Remove),
    sabotage!("another audience", TOKEN, &["spec/jwtRules/*/audiences/*"], Edit(|audience| append(audience, "x"))),
    sabotage!("drop a token rule", TOKEN, JWT_RULE, Remove),
    sabotage!("misspell a token rule", TOKEN, JWT_RULE, Edit(|rule| rename(rule, "issuer", "issuers"))),
];

fn push(list: &mut Value, item: &str) -> bool {
    let Some(items) = list.as_sequence_mut().filter(|items| !items.iter().any(|known| known == item)) else { return false };
    items.push(item.into());
    true
}

fn replace(node: &mut Value, from: &str, to: &str) -> bool {
    let text = node.as_str().unwrap().replace(from, to);
    set(node, text)
}

fn lower(node: &mut Value) -> bool {
    let text = node.as_str().unwrap().to_lowercase();
    set(node, text)
}

/// Whichever of two keys is there becomes the other.
fn swap(node: &mut Value, one: &str, other: &str) -> bool {
    rename(node, one, other) || rename(node, other, one)
}

fn without_namespace(account: &mut Value) -> bool {
    let name = account.as_str().unwrap().split('/').next_back().unwrap().to_owned();
    set(account, name)
}

fn by_namespace(source: &mut Value) -> bool {
    let Some(account) = source.get("serviceAccounts").and_then(|accounts| accounts[0].as_str()) else { return false };
    let namespace = account.split('/').next().unwrap().to_owned();
    set(source, yaml(&format!("{{namespaces: [{namespace}]}}")))
}

fn negate_source(source: &mut Value) -> bool {
    swap(source, "serviceAccounts", "notServiceAccounts")
        || swap(source, "namespaces", "notNamespaces")
        || swap(source, "principals", "notPrincipals")
}

fn shift(port: &mut Value) -> bool {
    let number: u16 = port.as_str().unwrap().parse().unwrap();
    set(port, (number + 1).to_string())
}

fn unquote(port: &mut Value) -> bool {
    let number: u16 = port.as_str().unwrap().parse().unwrap();
    set(port, number)
}

fn permit_everything(spec: &mut Value) -> bool {
    if spec.get("action").is_some_and(|action| action != "ALLOW") {
        return false;
    }
    match spec.get_mut("rules").and_then(Value::as_sequence_mut) {
        Some(rules) => rules.push(yaml("{}")),
        None => spec["rules"] = yaml("[{}]"),
    }
    true
}

fn turn_action(action: &mut Value) -> bool {
    let other = if *action == "ALLOW" { "DENY" } else { "ALLOW" };
    set(action, other)
}

/// A rule that wants a caller and an operation becomes two, each of which wants one of them.
fn apart(rule: &Value) -> Option<Vec<Value>> {
    let (mut callers, mut operations) = (rule.clone(), rule.clone());
    (take(&mut callers, "to") && take(&mut operations, "from")).then(|| vec![callers, operations])
}

/// The first two rules become one that wants what both want: the callers of the one, the operations of the other.
fn together(rules: &mut Value) -> bool {
    let Some(items) = rules.as_sequence_mut().filter(|items| items.len() > 1) else { return false };
    let second = items.remove(1);
    if let Some(operations) = second.get("to") {
        items[0]["to"] = operations.clone();
    }
    true
}

/// The first two rules become one that takes the callers and operations of both.
fn mix(rules: &mut Value) -> bool {
    let Some(items) = rules.as_sequence_mut().filter(|items| items.len() > 1) else { return false };
    let second = items.remove(1);
    for key in ["from", "to"] {
        let more = second.get(key).and_then(Value::as_sequence).cloned();
        match (items[0].get_mut(key).and_then(Value::as_sequence_mut), more) {
            (Some(list), Some(more)) => list.extend(more),
            _ => return false,
        }
    }
    true
}

/// An operation with ports and more becomes two, one of them with the ports alone.
fn split_operation(to: &Value) -> Option<Vec<Value>> {
    let mut rest = to.clone();
    let ports = to["operation"].get("ports")?.clone();
    take(&mut rest["operation"], "ports");
    if rest["operation"] == yaml("{}") {
        return None;
    }
    let mut only = yaml("{operation: {}}");
    only["operation"]["ports"] = ports;
    Some(vec![rest, only])
}

fn act_on_gateway(spec: &mut Value) -> bool {
    take(spec, "selector") && set(&mut spec["targetRefs"], yaml("[{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}]"))
}

fn demand_on_port(spec: &mut Value) -> bool {
    has(spec, "selector")
        && spec["mtls"]["mode"] != "STRICT"
        && set(&mut spec["portLevelMtls"], yaml("{8080: {mode: STRICT}, 8081: {mode: STRICT}, 8443: {mode: STRICT}}"))
}
