//! What the API server refuses in a `NetworkPolicy`: `semantics.md` §1.4 to §1.9, and the API's own type.

use k8s_openapi::api::networking::v1::NetworkPolicy as ApiNetworkPolicy;

use super::{BTreeMap, Block, Problems, Value, is_label_key, is_label_value, is_lower_alphanumeric, labels};
use crate::model::read::{IpBlock, LabelSelector, NetworkPolicy, PolicyPeer, PolicyPort, PortValue};

pub(super) fn network_policy(spec: &NetworkPolicy, tree: &Value, problems: &mut Problems) {
    if let Err(difference) = round_trip(tree) {
        problems.refused(difference);
    }
    selector(spec.pod_selector.as_ref(), problems);
    let types = spec.policy_types.as_deref().unwrap_or_default();
    for each in types {
        problems.refuse_if(each != "Ingress" && each != "Egress", || format!("`{each}` is no policy type"));
    }
    problems.refuse_if(types.len() > 2, || "more than two policy types".to_owned());
    if types.is_empty() {
        // §8 traps 2 and 3.
        problems.never_emit("no policyTypes");
    }
    for rule in spec.ingress.iter().flatten() {
        rule.from.iter().flatten().for_each(|each| peer(each, problems));
        rule.ports.iter().flatten().for_each(|each| port(each, problems));
    }
    for rule in spec.egress.iter().flatten() {
        rule.to.iter().flatten().for_each(|each| peer(each, problems));
        rule.ports.iter().flatten().for_each(|each| port(each, problems));
    }
}

/// Reads the document as the API's own type and prints it again: what the type does not know would be lost.
fn round_trip(tree: &Value) -> Result<(), String> {
    let typed: ApiNetworkPolicy = serde_yaml::from_value(tree.clone()).map_err(|e| format!("the API's type refuses it: {e}"))?;
    let printed = serde_yaml::to_value(&typed).map_err(|e| e.to_string())?;
    let (before, after) = (without_nulls(tree), without_nulls(&printed));
    if before == after { Ok(()) } else { Err(format!("the API's type reads it as {after:?}, not {before:?}")) }
}

/// A null is an absent field (§1.3), and map keys have no order.
fn without_nulls(value: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    collect(value, String::new(), &mut leaves);
    leaves
}

fn collect(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Mapping(map) => {
            leaves.insert(path.clone(), "a map".to_owned());
            map.iter().for_each(|(key, each)| collect(each, format!("{path}/{key:?}"), leaves));
        }
        Value::Sequence(list) => {
            leaves.insert(path.clone(), "a list".to_owned());
            list.iter().enumerate().for_each(|(index, each)| collect(each, format!("{path}/{index}"), leaves));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            leaves.insert(path, format!("{value:?}"));
        }
    }
}

/// §1.5, §1.9.
fn selector(selector: Option<&LabelSelector>, problems: &mut Problems) {
    let Some(selector) = selector else { return };
    labels(selector.match_labels.iter().flatten(), problems);
    for requirement in selector.match_expressions.iter().flatten() {
        let values = requirement.values.as_deref().unwrap_or_default();
        let key = &requirement.key;
        problems.refuse_if(!is_label_key(key), || format!("`{key}` is no label key"));
        match requirement.operator.as_str() {
            "In" | "NotIn" => problems.refuse_if(values.is_empty(), || format!("`{key}`: In and NotIn need a value")),
            "Exists" | "DoesNotExist" => {
                problems.refuse_if(!values.is_empty(), || format!("`{key}`: Exists and DoesNotExist take no value"));
            }
            other => problems.refused(format!("`{other}` is no operator of a label selector")),
        }
        for value in values {
            problems.refuse_if(!is_label_value(value), || format!("`{value}` is no label value"));
        }
    }
}

/// §1.4.
fn peer(peer: &PolicyPeer, problems: &mut Problems) {
    let selectors = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
    match &peer.ip_block {
        None => problems.refuse_if(!selectors, || "a peer without a field".to_owned()),
        Some(block) => {
            problems.refuse_if(selectors, || "an ipBlock beside a selector".to_owned());
            ip_block(block, problems);
        }
    }
    selector(peer.pod_selector.as_ref(), problems);
    selector(peer.namespace_selector.as_ref(), problems);
}

/// §1.9.
fn ip_block(block: &IpBlock, problems: &mut Problems) {
    let outer = cidr(&block.cidr, problems);
    for text in block.except.iter().flatten() {
        let inner = cidr(text, problems);
        let outside = inner.zip(outer).is_some_and(|(inner, outer)| !inner.strictly_inside(outer));
        problems.refuse_if(outside, || format!("the exception `{text}` is not strictly inside `{}`", block.cidr));
    }
}

fn cidr(text: &str, problems: &mut Problems) -> Option<Block> {
    match Block::parse(text) {
        Ok(block) => {
            if block.canonical() != text {
                problems.never_emit(format!("`{text}` is not the canonical `{}`", block.canonical()));
            }
            Some(block)
        }
        Err(error) => {
            problems.refused(error);
            None
        }
    }
}

/// §1.6, §1.9.
fn port(port: &PolicyPort, problems: &mut Problems) {
    let protocol = port.protocol.as_deref();
    problems.refuse_if(!matches!(protocol, None | Some("TCP" | "UDP" | "SCTP")), || format!("the protocol {protocol:?}"));
    let is_port = |number: i64| (1..=65535).contains(&number);
    match (&port.port, port.end_port) {
        (Some(PortValue::Number(first)), last) => {
            problems.refuse_if(!is_port(*first), || format!("{first} is no port"));
            problems.refuse_if(last.is_some_and(|last| !is_port(last) || last < *first), || format!("the endPort {last:?} after {first}"));
        }
        (Some(PortValue::Name(name)), last) => {
            problems.refuse_if(!is_port_name(name), || format!("`{name}` is no port name"));
            problems.refuse_if(last.is_some(), || "an endPort beside a port name".to_owned());
        }
        (None, last) => problems.refuse_if(last.is_some(), || "an endPort without a port".to_owned()),
    }
}

/// §1.9, named port.
fn is_port_name(name: &str) -> bool {
    let characters = (1..=15).contains(&name.len()) && name.chars().all(|c| is_lower_alphanumeric(c) || c == '-');
    characters && name.contains(|c: char| c.is_ascii_lowercase()) && !name.contains("--") && !name.starts_with('-') && !name.ends_with('-')
}
