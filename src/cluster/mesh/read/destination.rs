//! Reads `DestinationRule`, as far as it says how clients speak TLS (`semantics.md` §3.3).
//!
//! Owns: the fields about TLS, and the names of all others, which decide nothing here.

use super::super::client::{DestinationRule, Subset, Tls, TrafficPolicy};
use super::{spec, words};
use crate::cluster::object::Object;
use crate::manifest::{Node, Reading};

/// Reads a rule; nothing if it has findings.
pub(in super::super) fn read(object: Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<DestinationRule> {
    let spec = spec(root, reading);
    spec.only(reading, &["host", "trafficPolicy", "subsets", "exportTo", "workloadSelector"]);
    let host_node = spec.get(reading, "host");
    let host = host_node.symbol(reading);
    if host.is_none() {
        host_node.wrong(reading, "a host is expected");
    }
    let policy = traffic_policy(&spec.get(reading, "trafficPolicy"), reading);
    let subsets = spec.get(reading, "subsets").list(reading);
    let subsets = subsets.iter().map(|node| subset(node, reading)).collect();
    let selector = spec.get(reading, "workloadSelector");
    selector.only(reading, &["matchLabels"]);
    let clients = (!selector.is_missing()).then(|| selector.get(reading, "matchLabels").labels(reading));
    let exported = words(&spec, "exportTo", reading);
    let rule = DestinationRule { object, host: host?, policy, subsets, exported, clients };
    reading.is_clean().then_some(rule)
}

fn subset(node: &Node<'_>, reading: &mut Reading<'_>) -> Subset {
    node.only(reading, &["name", "labels", "trafficPolicy"]);
    let name_node = node.get(reading, "name");
    if name_node.symbol(reading).is_none() {
        name_node.wrong(reading, "a subset needs a name");
    }
    let policy_node = node.get(reading, "trafficPolicy");
    let policy = (!policy_node.is_missing()).then(|| traffic_policy(&policy_node, reading));
    Subset { labels: node.get(reading, "labels").labels(reading), policy }
}

fn traffic_policy(node: &Node<'_>, reading: &mut Reading<'_>) -> TrafficPolicy {
    const FIELDS: [&str; 8] =
        ["loadBalancer", "connectionPool", "outlierDetection", "tls", "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget"];
    node.only(reading, &FIELDS);
    let tls = tls(&node.get(reading, "tls"), reading);
    let mut ports = Vec::new();
    for node in node.get(reading, "portLevelSettings").list(reading) {
        node.only(reading, &["port", "loadBalancer", "connectionPool", "outlierDetection", "tls"]);
        let port = node.get(reading, "port");
        port.only(reading, &["number"]);
        let number = port.get(reading, "number");
        if number.is_missing() {
            number.wrong(reading, "the number of a port is expected");
        }
        let own = self::tls(&node.get(reading, "tls"), reading);
        ports.extend(number.port(reading).map(|number| (number, own)));
    }
    TrafficPolicy { tls, ports }
}

/// How clients speak TLS; none where nothing is said.
fn tls(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Tls> {
    const FIELDS: [&str; 9] = [
        "mode",
        "clientCertificate",
        "privateKey",
        "caCertificates",
        "caCrl",
        "credentialName",
        "subjectAltNames",
        "sni",
        "insecureSkipVerify",
    ];
    if node.is_missing() {
        return None;
    }
    node.only(reading, &FIELDS);
    let mode = node.get(reading, "mode");
    match mode.text(reading) {
        // The first of the modes is what an unwritten one is.
        None | Some("DISABLE") => Some(Tls::Disable),
        Some("SIMPLE" | "MUTUAL") => Some(Tls::Foreign),
        Some("ISTIO_MUTUAL") => Some(Tls::Istio),
        Some(_) => {
            mode.wrong(reading, "`DISABLE`, `SIMPLE`, `MUTUAL` or `ISTIO_MUTUAL` is expected");
            None
        }
    }
}
