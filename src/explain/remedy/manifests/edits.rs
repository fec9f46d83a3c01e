//! Single edits of objects, and objects that are added.
//!
//! Owns: the rules and objects that speak of one connection alone, and how an edit is told. It must not choose among them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::super::call::Call;
use super::super::super::claims;
use super::super::super::place;
use super::super::super::setting::Setting;
use super::super::super::subject;
use super::super::super::world::Known;
use crate::cluster::Gate;
use crate::flow::{AddressBlock, DataPlane, NAMESPACE_NAME, Peer, Pod, Protocol, Symbol, Token, Transport};

/// A `NetworkPolicy` for one end of this connection.
pub(super) fn network_policy(call: &Call, gate: Gate) -> Option<Value> {
    let (near, far, list, direction, kind) = match gate {
        Gate::Egress => (&call.source, &call.destination, "egress", "to", "Egress"),
        _ => (&call.destination, &call.source, "ingress", "from", "Ingress"),
    };
    let Peer::Pod(pod) = &near.endpoint.peer else { return None };
    let selector = json!({"matchLabels": told_labels(pod, &near.text)});
    let rule = network_rule(direction, far, call, &pod.namespace)?;
    Some(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": &*pod.namespace, "name": format!("{}-{list}", near.short)},
        "spec": {"podSelector": selector, "policyTypes": [kind], list: [rule]},
    }))
}

/// A Service that leads to the destination, by which a client with a sidecar speaks mTLS (`semantics.md` §3.3).
pub(super) fn service(setting: &Setting, call: &Call) -> Option<Value> {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return None };
    let taken = setting.inventory.services_in(&pod.namespace).iter().any(|service| *service.name == *call.destination.short);
    let name = if taken { format!("{}-{}", call.destination.short, call.port) } else { call.destination.short.clone() };
    Some(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": &*pod.namespace, "name": name},
        "spec": {"selector": told_labels(pod, &call.destination.text), "ports": [{"name": format!("tcp-{}", call.port), "port": call.port}]},
    }))
}

/// A rule of a `NetworkPolicy` for this connection. In ambient mode the packet goes to the tunnel's port (`semantics.md` §5.1).
/// None if it takes too many blocks of addresses for anybody to add.
pub(super) fn network_rule(direction: &str, far: &Known, call: &Call, namespace: &str) -> Option<Value> {
    let peers = match &far.endpoint.peer {
        Peer::Address(_) => ip_blocks(&far.range.blocks())?,
        Peer::Pod(pod) => {
            let labels = json!({"matchLabels": told_labels(pod, &far.text)});
            vec![if *pod.namespace == *namespace {
                json!({"podSelector": labels})
            } else {
                json!({"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: &*pod.namespace}}, "podSelector": labels})
            }]
        }
    };
    let port = if is_tunnelled(call) { 15008 } else { call.port };
    Some(json!({direction: peers, "ports": [{"protocol": call.protocol.to_string(), "port": port}]}))
}

/// As many blocks and exceptions stand in a rule that is offered.
const MOST_BLOCKS: usize = 40;

/// Blocks as peers of a rule.
fn ip_blocks(blocks: &[AddressBlock]) -> Option<Vec<Value>> {
    let entries: usize = blocks.iter().map(|block| 1 + block.except.len()).sum();
    (entries <= MOST_BLOCKS).then(|| blocks.iter().map(ip_block).collect())
}

/// A block as a peer of a rule.
fn ip_block(block: &AddressBlock) -> Value {
    let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
    let cidr = block.prefix.to_string();
    if except.is_empty() { json!({"ipBlock": {"cidr": cidr}}) } else { json!({"ipBlock": {"cidr": cidr, "except": except}}) }
}

fn is_tunnelled(call: &Call) -> bool {
    let plane = |known: &Known| match &known.endpoint.peer {
        Peer::Pod(pod) => pod.plane,
        Peer::Address(_) => DataPlane::None,
    };
    call.protocol == Protocol::Tcp
        && call.transport != Some(Transport::Plaintext)
        && plane(&call.source) != DataPlane::None
        && (plane(&call.destination) == DataPlane::Ambient
            || plane(&call.source) == DataPlane::Ambient && plane(&call.destination) == DataPlane::Sidecar)
}

/// The labels by which a pod is called.
fn told_labels(pod: &Pod, title: &str) -> Map<String, Value> {
    let told = title.rsplit_once('@').map_or(title, |(labels, _)| labels);
    let pair = |pair: &str| {
        let key = pair.split_once('=')?.0;
        Some((key.to_owned(), Value::from(&**pod.labels.get(key)?)))
    };
    told.split(',').filter_map(pair).collect()
}

/// A rule of an `AuthorizationPolicy` for this connection; none if the caller has no name that the mesh knows.
pub(super) fn caller_rule(setting: &Setting, call: &Call) -> Option<Value> {
    let mut rule = json!({});
    let fields = rule.as_object_mut()?;
    match &call.source.endpoint.peer {
        Peer::Pod(pod) if pod.plane != DataPlane::None && call.transport != Some(Transport::Plaintext) => {
            fields.insert("from".to_owned(), json!([{"source": source(setting, pod)}]));
        }
        Peer::Pod(_) | Peer::Address(_) => {}
    }
    fields.insert("to".to_owned(), json!([{"operation": operation(call)}]));
    let conditions = token_conditions(call);
    if !conditions.is_empty() {
        fields.insert("when".to_owned(), json!(conditions));
    }
    Some(rule)
}

/// What a rule asks of the token of this connection: its user and its other claims, so that it admits nobody without one.
fn token_conditions(call: &Call) -> Vec<Value> {
    let Some(Token::Valid { issuer, claims }) = call.request.as_ref().map(|request| &request.token) else { return Vec::new() };
    let whose = match subject::user(issuer, claims) {
        Some(user) => json!({"key": "request.auth.principal", "values": [user]}),
        None => json!({"key": claims::key("iss"), "values": [&**issuer]}),
    };
    let others = claims.iter().filter(|(name, _)| !matches!(&***name, "sub" | "aud" | "iss"));
    let of = |(name, values): (&Symbol, &BTreeSet<Symbol>)| {
        let values: Vec<&str> = values.iter().map(|value| &**value).collect();
        json!({"key": claims::key(name), "values": values})
    };
    std::iter::once(whose).chain(others.map(of)).collect()
}

/// A caller by its account; by its principal where the oldest Istio does not know accounts (`semantics.md` §2.6).
fn source(setting: &Setting, pod: &Pod) -> Value {
    let platform = setting.cluster.platform();
    if platform.istio >= (1, 25, 0) {
        return json!({"serviceAccounts": [format!("{}/{}", pod.namespace, pod.account)]});
    }
    json!({"principals": [format!("{}/ns/{}/sa/{}", platform.trust_domain, pod.namespace, pod.account)]})
}

fn operation(call: &Call) -> Value {
    let mut operation = json!({"ports": [call.port.to_string()]});
    if let (Some(request), Some(fields)) = (&call.request, operation.as_object_mut()) {
        fields.insert("methods".to_owned(), json!([&*request.method]));
        fields.insert("paths".to_owned(), json!([&*request.path]));
    }
    operation
}

/// A `DENY` for this connection alone, and one for whoever proves no identity besides: that is what the caller is to whom he calls by his own
/// address. None if the caller has no identity.
pub(super) fn refusals(setting: &Setting, call: &Call) -> Option<[Value; 2]> {
    let (Peer::Pod(pod), Peer::Pod(destination)) = (&call.source.endpoint.peer, &call.destination.endpoint.peer) else { return None };
    if pod.plane == DataPlane::None || destination.plane == DataPlane::None || call.protocol != Protocol::Tcp {
        return None;
    }
    let labels = told_labels(destination, &call.destination.text);
    let mut operation = operation(call);
    if destination.plane == DataPlane::Ambient {
        // ztunnel would read a rule without what it cannot see (`semantics.md` §2.9).
        operation = json!({"ports": operation.get("ports")?});
    }
    let name = format!("{}-deny-{}", call.destination.short, call.source.short);
    let refusal = |callers: &[Value]| {
        let from: Vec<Value> = callers.iter().map(|caller| json!({"source": caller})).collect();
        json!({
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"namespace": &*destination.namespace, "name": &*name},
            "spec": {"selector": {"matchLabels": &labels}, "action": "DENY", "rules": [{"from": from, "to": [{"operation": &operation}]}]},
        })
    };
    let callers = [source(setting, pod), json!({"notPrincipals": ["*"]})];
    Some([refusal(callers.get(..1)?), refusal(&callers)])
}

/// Adds a rule to a list of an object's spec and says so.
pub(super) fn push_rule(object: &mut Value, list: &str, rule: &Value) -> Option<String> {
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let rules = spec.entry(list).or_insert_with(|| json!([]));
    rules.as_array_mut()?.push(rule.clone());
    let singular = if list == "rules" { "rule" } else { list };
    Some(format!("add {singular} {}", brief(rule)))
}

/// The rules that were removed, by object and list, with their numbers in the file as it was before any was.
#[derive(Debug, Default)]
pub(super) struct Removed(BTreeMap<(String, String), BTreeSet<usize>>);

impl Removed {
    /// Notes that a rule is removed, counted from 1 among those that are left, and gives its number among all.
    fn note(&mut self, object: String, list: &str, number: usize) -> usize {
        let removed = self.0.entry((object, list.to_owned())).or_default();
        let own = removed.iter().fold(number, |own, before| if *before <= own { own + 1 } else { own });
        removed.insert(own);
        own
    }
}

/// Removes a rule, counted from 1, from a list of an object's spec and says so, with its number in the file.
pub(super) fn remove_rule(object: &mut Value, list: &str, number: usize, removed: &mut Removed) -> Option<String> {
    let title = place::title(object);
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let rules = spec.get_mut(list)?.as_array_mut()?;
    let at = number.checked_sub(1).filter(|at| *at < rules.len())?;
    rules.remove(at);
    let is_last = rules.is_empty();
    let what = if list == "rules" { "rule".to_owned() } else { format!("{list} rule") };
    if list == "egress" && is_last && !spec.contains_key("policyTypes") {
        // Without its last rule an object that does not say so would not isolate this way (`semantics.md` §1.1).
        return None;
    }
    Some(format!("remove {what} {}", removed.note(title, list, number)))
}

/// Lets plaintext in on this port.
pub(super) fn permissive(object: &mut Value, call: &Call) -> Option<String> {
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let ports = spec.entry("portLevelMtls").or_insert_with(|| json!({}));
    ports.as_object_mut()?.insert(call.port.to_string(), json!({"mode": "PERMISSIVE"}));
    Some(format!("portLevelMtls {}: PERMISSIVE", call.port))
}

/// The mode of a namespace for the destination's pods, but for this port, which also takes plaintext (`semantics.md` §3.1).
pub(super) fn exception(namespace: &Value, call: &Call) -> Option<Value> {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return None };
    let mode = place::text(namespace, &["spec", "mtls", "mode"])?;
    let labels = told_labels(pod, &call.destination.text);
    let ports = Map::from_iter([(call.port.to_string(), json!({"mode": "PERMISSIVE"}))]);
    Some(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"namespace": &*pod.namespace, "name": format!("{}-{}", call.destination.short, call.port)},
        "spec": {"selector": {"matchLabels": labels}, "mtls": {"mode": mode}, "portLevelMtls": ports},
    }))
}

/// A value on one line, as YAML in flow form.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{}: {}", name(key), brief(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(brief).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text as YAML reads it as one, also inside brackets: in quotes unless it can be nothing else.
fn scalar(text: &str) -> String {
    const OTHERS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./*@-".contains(&byte))
        && !OTHERS.iter().any(|other| text.eq_ignore_ascii_case(other));
    // Two dots make no number, nor does a prefix.
    let is_address = text.split('/').next().is_some_and(|address| address.parse::<std::net::Ipv4Addr>().is_ok())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"./".contains(&byte));
    if is_word || is_address { text.to_owned() } else { Value::from(text).to_string() }
}

/// A field's name; numbers are names, too.
fn name(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.to_owned() } else { scalar(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_are() {
        let texts = ["web", "true", "No", "1.5", "1e3", "0x1f", "", "*", "a b", "-", "@x", "/v1/*", "10.0.0.0/8", "203.0.113.9", "::1"];
        for text in texts {
            let written = brief(&json!([text, {"app": text}]));
            let file = crate::source::Source::new("x.yaml", format!("apiVersion: v1\nkind: X\nx: {written}\n"));
            let read = crate::manifest::plain(&file);
            assert_eq!(read.first().and_then(|object| object.get("x")), Some(&json!([text, {"app": text}])), "{written}");
        }
        assert_eq!(brief(&json!({"app": "web", "track": "true", "8080": "10.0.0.0/8"})), "{app: web, track: \"true\", 8080: 10.0.0.0/8}");
    }
}
