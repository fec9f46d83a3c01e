//! Sabotages of a `NetworkPolicy`.

use std::net::IpAddr;

use serde_yaml::Value;

use super::table::Change::{Edit, Remove, Replace};
use super::table::{NETWORK, Sabotage, append, has, rename, set, take, yaml};

const PORTS: &[&str] = &["spec/ingress|egress/*/ports"];
const PORT: &[&str] = &["spec/ingress|egress/*/ports/*"];
const PEERS: &[&str] = &["spec/ingress|egress/*/from|to"];
const PEER: &[&str] = &["spec/ingress|egress/*/from|to/*"];
const RULES: &[&str] = &["spec/ingress|egress"];
const RULE: &[&str] = &["spec/ingress|egress/*"];
const BLOCK: &[&str] = &["spec/ingress|egress/*/from|to/*/ipBlock"];
const CIDR: &[&str] = &["spec/ingress|egress/*/from|to/*/ipBlock/cidr"];
const EXPRESSION: &[&str] =
    &["spec/podSelector/matchExpressions/*", "spec/ingress|egress/*/from|to/*/podSelector|namespaceSelector/matchExpressions/*"];

macro_rules! sabotage {
    ($name:literal, $places:expr, $change:expr) => {
        Sabotage { name: $name, kinds: NETWORK, places: $places, change: $change }
    };
}

pub(super) const SABOTAGES: &[Sabotage] = &[
    sabotage!("drop a port", PORT, Remove),
    sabotage!("drop the ports", PORTS, Remove),
    sabotage!("empty the ports", PORTS, Edit(|ports| set(ports, yaml("[]")))),
    sabotage!("leave a port empty", PORT, Edit(|port| set(port, yaml("{}")))),
    sabotage!("shift a port", &["spec/ingress|egress/*/ports/*/port"], Edit(|port| shift(port, 1))),
    sabotage!("quote a number", &["spec/ingress|egress/*/ports/*/port"], Edit(quote)),
    sabotage!("name a port", &["spec/ingress|egress/*/ports/*/port"], Edit(|port| set(port, "http"))),
    sabotage!("drop the number of a port", &["spec/ingress|egress/*/ports/*/port"], Remove),
    sabotage!("make a port a range", PORT, Edit(open_range)),
    sabotage!("make a range a port", &["spec/ingress|egress/*/ports/*/endPort"], Remove),
    sabotage!("lengthen a range", &["spec/ingress|egress/*/ports/*/endPort"], Edit(|end| shift(end, 1))),
    sabotage!("shorten a range", &["spec/ingress|egress/*/ports/*/endPort"], Edit(|end| shift(end, -1))),
    sabotage!("end a range before it begins", &["spec/ingress|egress/*/ports/*/endPort"], Edit(|end| set(end, 1))),
    sabotage!("swap the protocol", &["spec/ingress|egress/*/ports/*/protocol"], Edit(swap_protocol)),
    sabotage!("drop a protocol other than TCP", PORT, Edit(|port| port["protocol"] != "TCP" && take(port, "protocol"))),
    sabotage!("drop a peer", PEER, Remove),
    sabotage!("drop from or to", PEERS, Remove),
    sabotage!("empty a from or to", PEERS, Edit(|peers| set(peers, yaml("[]")))),
    sabotage!("let in every pod", PEERS, Edit(|peers| push(peers, "{namespaceSelector: {}}"))),
    sabotage!("let in the neighbours", PEERS, Edit(|peers| push(peers, "{podSelector: {}}"))),
    sabotage!("let in all addresses", PEERS, Edit(|peers| push(peers, "{ipBlock: {cidr: 0.0.0.0/0}}"))),
    sabotage!("empty a peer's podSelector", &["spec/ingress|egress/*/from|to/*/podSelector"], Edit(empty)),
    sabotage!("empty a peer's namespaceSelector", &["spec/ingress|egress/*/from|to/*/namespaceSelector"], Edit(empty)),
    sabotage!("drop a peer's podSelector", PEER, Edit(|peer| has(peer, "namespaceSelector") && take(peer, "podSelector"))),
    sabotage!("drop a peer's namespaceSelector", PEER, Edit(|peer| has(peer, "podSelector") && take(peer, "namespaceSelector"))),
    sabotage!("swap AND for OR", PEER, Replace(apart)),
    sabotage!("swap OR for AND", PEERS, Edit(together)),
    sabotage!(
        "another label value of a peer",
        &["spec/ingress|egress/*/from|to/*/podSelector/matchLabels/*"],
        Edit(|value| append(value, "x"))
    ),
    sabotage!("another label key of a peer", &["spec/ingress|egress/*/from|to/*/podSelector/matchLabels"], Edit(other_key)),
    sabotage!(
        "another namespace of a peer",
        &["spec/ingress|egress/*/from|to/*/namespaceSelector/matchLabels/*"],
        Edit(|value| append(value, "x"))
    ),
    sabotage!("one more label of a peer", &["spec/ingress|egress/*/from|to/*/podSelector"], Edit(narrow)),
    sabotage!("turn an operator around", EXPRESSION, Edit(turn_operator)),
    sabotage!("drop a value of an expression", &["spec/podSelector/matchExpressions/*/values/*"], Remove),
    sabotage!(
        "one more value of an expression",
        EXPRESSION,
        Edit(|expression| has(expression, "values") && push(&mut expression["values"], "other"))
    ),
    sabotage!("drop an expression", EXPRESSION, Remove),
    sabotage!("widen a selector", &["spec/podSelector"], Edit(empty)),
    sabotage!("drop a selector", &["spec"], Edit(|spec| spec["podSelector"] != yaml("{}") && take(spec, "podSelector"))),
    sabotage!("another subject", &["spec/podSelector/matchLabels/*"], Edit(|value| append(value, "x"))),
    sabotage!("one more label of a subject", &["spec/podSelector"], Edit(narrow)),
    sabotage!("remove a policy type", &["spec/policyTypes/*"], Remove),
    sabotage!("leave the policy types to the rules", &["spec"], Edit(drop_telling_types)),
    sabotage!("the other policy type", &["spec/policyTypes"], Edit(other_type)),
    sabotage!("drop a rule", RULE, Remove),
    sabotage!("drop the rules", RULES, Remove),
    sabotage!("let everything through", RULES, Edit(|rules| push(rules, "{}"))),
    sabotage!("turn the rules around", &["spec"], Edit(turn_rules)),
    sabotage!("drop the default deny", &[""], Replace(|document| (document["metadata"]["name"] == "default-deny").then(Vec::new))),
    sabotage!("shorten a prefix", CIDR, Edit(|cidr| prefix(cidr, -1))),
    sabotage!("lengthen a prefix", CIDR, Edit(|cidr| prefix(cidr, 1))),
    sabotage!("leave host bits in a prefix", CIDR, Edit(host_bits)),
    sabotage!("drop the exceptions of a block", &["spec/ingress|egress/*/from|to/*/ipBlock/except"], Remove),
    sabotage!("one exception more", BLOCK, Edit(except_half)),
    sabotage!("misspell from or to", RULE, Edit(|rule| rename(rule, "from", "form") || rename(rule, "to", "too"))),
    sabotage!("misspell podSelector", PEER, Edit(|peer| rename(peer, "podSelector", "podselector"))),
];

fn shift(node: &mut Value, by: i64) -> bool {
    let Some(number) = node.as_i64() else { return false };
    (1..=65_535).contains(&(number + by)) && set(node, number + by)
}

fn quote(node: &mut Value) -> bool {
    let Some(number) = node.as_i64() else { return false };
    set(node, number.to_string())
}

fn open_range(port: &mut Value) -> bool {
    let Some(number) = port["port"].as_i64().filter(|number| *number < 65_000) else { return false };
    if has(port, "endPort") {
        return false;
    }
    port["endPort"] = (number + 9).into();
    true
}

fn swap_protocol(protocol: &mut Value) -> bool {
    let other = if *protocol == "TCP" { "UDP" } else { "TCP" };
    set(protocol, other)
}

fn push(list: &mut Value, item: &str) -> bool {
    let Some(items) = list.as_sequence_mut() else { return false };
    let item = yaml(item);
    if items.contains(&item) {
        return false;
    }
    items.push(item);
    true
}

fn empty(selector: &mut Value) -> bool {
    set(selector, yaml("{}"))
}

/// One peer with two selectors becomes two peers.
fn apart(peer: &Value) -> Option<Vec<Value>> {
    let (mut namespaces, mut pods) = (peer.clone(), peer.clone());
    (take(&mut namespaces, "podSelector") && take(&mut pods, "namespaceSelector")).then(|| vec![namespaces, pods])
}

/// The first two peers become one.
fn together(peers: &mut Value) -> bool {
    let Some(items) = peers.as_sequence_mut().filter(|items| items.len() > 1) else { return false };
    let second = items.remove(1);
    for (key, value) in second.as_mapping().unwrap() {
        items[0][key.as_str().unwrap()] = value.clone();
    }
    true
}

fn other_key(labels: &mut Value) -> bool {
    let Some(key) = labels.as_mapping().and_then(|labels| labels.keys().next()?.as_str()).map(str::to_owned) else { return false };
    rename(labels, &key, &format!("{key}x"))
}

fn narrow(selector: &mut Value) -> bool {
    selector["matchLabels"]["sabotage"] = "spoilt".into();
    true
}

fn turn_operator(expression: &mut Value) -> bool {
    let other = match expression["operator"].as_str().unwrap() {
        "In" => "NotIn",
        "NotIn" => "In",
        "Exists" => "DoesNotExist",
        _ => "Exists",
    };
    set(&mut expression["operator"], other)
}

/// Where the types that follow from the rules are others than those that are written.
fn drop_telling_types(spec: &mut Value) -> bool {
    let implied = if spec["egress"].as_sequence().is_some_and(|rules| !rules.is_empty()) { "[Ingress, Egress]" } else { "[Ingress]" };
    spec["policyTypes"] != yaml(implied) && take(spec, "policyTypes")
}

fn other_type(types: &mut Value) -> bool {
    let other = match types.as_sequence().map(std::vec::Vec::len) {
        Some(1) if types[0] == "Ingress" => "[Egress]",
        Some(1) => "[Ingress]",
        _ => return false,
    };
    set(types, yaml(other))
}

fn turn_rules(spec: &mut Value) -> bool {
    if has(spec, "ingress") == has(spec, "egress") {
        return false;
    }
    let (from, to) = if has(spec, "ingress") { (["ingress", "from"], ["egress", "to"]) } else { (["egress", "to"], ["ingress", "from"]) };
    rename(spec, from[0], to[0]);
    for rule in spec[to[0]].as_sequence_mut().unwrap() {
        rename(rule, from[1], to[1]);
    }
    true
}

fn split(cidr: &Value) -> (IpAddr, u8) {
    let (address, length) = cidr.as_str().unwrap().split_once('/').unwrap();
    (address.parse().unwrap(), length.parse().unwrap())
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv6() { 128 } else { 32 }
}

/// The first address of the block of this length that holds an address.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

fn prefix(cidr: &mut Value, by: i16) -> bool {
    let (address, length) = split(cidr);
    let Ok(length) = u8::try_from(i16::from(length) + by) else { return false };
    length <= bits(address) && set(cidr, format!("{}/{length}", masked(address, length)))
}

fn host_bits(cidr: &mut Value) -> bool {
    let (address, length) = split(cidr);
    let next = match address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) + 1).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) + 1).into()),
    };
    length < bits(address) && set(cidr, format!("{next}/{length}"))
}

fn except_half(block: &mut Value) -> bool {
    let (address, length) = split(&block["cidr"]);
    if length == bits(address) {
        return false;
    }
    let half = Value::from(format!("{address}/{}", length + 1));
    match block.get_mut("except").and_then(Value::as_sequence_mut) {
        Some(list) => list.push(half),
        None => block["except"] = vec![half].into(),
    }
    true
}
