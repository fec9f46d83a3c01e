//! Reads the servers of `Gateway` objects, Istio's own and those of the Gateway API.
//!
//! Owns: from a protocol and a mode of TLS to what a server takes. Nothing is reported about an object that is not as expected: what it
//! opens is not known then.

use super::gateway::Frontend;
use crate::cluster::mesh::gateway::{Classic, Server, Takes, Tls};
use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::manifest::{Node, Reading};

const BOUND: &str = "a server of a Gateway is bound to an address of its own";
const UNKNOWN: &str = "what a server of a Gateway takes is not known";

/// Reads an object of Istio's own kind; nothing if it is not as expected.
pub(in super::super) fn classic(object: &Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<Classic> {
    let spec = root.get(reading, "spec");
    let selector = spec.get(reading, "selector").labels(reading);
    let mut servers = Vec::new();
    for node in spec.get(reading, "servers").list(reading) {
        let protocol = node.follow(reading, &["port", "protocol"]).text(reading)?.to_ascii_uppercase();
        if protocol != "UDP" {
            servers.push(server(&node, &protocol, reading)?);
        }
    }
    let classic = Classic { object: object.clone(), selector, servers, doubt: None };
    reading.is_clean().then_some(classic)
}

/// A server for TCP; nothing if it is not as expected.
fn server(node: &Node<'_>, protocol: &str, reading: &mut Reading<'_>) -> Option<Server> {
    let port = node.follow(reading, &["port", "number"]).port(reading)?;
    let tls = node.get(reading, "tls");
    let mode = tls.get(reading, "mode");
    let mode = match (tls.is_missing(), mode.is_missing()) {
        (true, _) => None,
        // The first of all modes is the one that is meant where none is written.
        (false, true) => Some("PASSTHROUGH"),
        (false, false) => Some(mode.text(reading)?),
    };
    let is_bound = node.get(reading, "bind").text(reading).is_some_and(|bind| !bind.is_empty());
    let takes = if is_bound { Takes::Unknown(BOUND) } else { takes(protocol, mode) };
    Some(Server { port, takes })
}

/// What a server takes (istio/istio : pilot/pkg/networking/core/gateway.go, pkg/config/gateway/gateway.go, pkg/config/protocol).
fn takes(protocol: &str, mode: Option<&str>) -> Takes {
    if matches!(protocol, "HTTP" | "HTTP2" | "HTTP_PROXY" | "GRPC" | "GRPC-WEB") {
        return Takes::Http(Tls::None);
    }
    let is_http = match protocol {
        "HTTPS" => true,
        "TLS" | "TCP" | "MONGO" | "REDIS" | "MYSQL" => false,
        _ => return Takes::Unknown(UNKNOWN),
    };
    let ended = |tls| if is_http { Takes::Http(tls) } else { Takes::Bytes(tls) };
    match mode {
        None if is_http => Takes::Unknown(UNKNOWN),
        None => Takes::Bytes(Tls::None),
        Some("PASSTHROUGH") => Takes::Bytes(Tls::Own),
        Some("AUTO_PASSTHROUGH") => Takes::Through,
        Some("SIMPLE") => ended(Tls::Own),
        Some("OPTIONAL_MUTUAL") => ended(Tls::Optional),
        Some("MUTUAL") => ended(Tls::Certificate),
        Some("ISTIO_MUTUAL") => ended(Tls::Mesh),
        Some(_) => Takes::Unknown(UNKNOWN),
    }
}

/// The option of a listener that says how it ends TLS.
const TERMINATE_MODE: &str = "gateway.istio.io/tls-terminate-mode";

/// The group of the Gateway API.
pub(super) const GROUP: &str = "gateway.networking.k8s.io";

/// From a listener and its protocol to its port.
type PortOf = fn(&Node<'_>, &str, &mut Reading<'_>) -> Option<u16>;

/// What a Gateway asks of the clients of all its listeners.
pub(super) fn frontend(root: &Node<'_>, reading: &mut Reading<'_>) -> Frontend {
    let asks = reading.quietly(|reading| !root.follow(reading, &["spec", "tls", "frontend"]).is_missing());
    if asks == Some(true) { Frontend::AsksCertificates } else { Frontend::AsksNothing }
}

/// Reads the listeners of an object of the Gateway API, which end TLS as is `usual` where they do not say it; nothing if they are not as
/// expected.
pub(super) fn listeners_of(root: &Node<'_>, (usual, port_of): (&str, PortOf), reading: &mut Reading<'_>) -> Option<Vec<Server>> {
    reading.quietly(|reading| {
        let mut listeners = Vec::new();
        for node in root.follow(reading, &["spec", "listeners"]).list(reading) {
            let protocol = node.get(reading, "protocol").text(reading)?;
            if protocol != "UDP" {
                let port = port_of(&node, protocol, reading)?;
                listeners.push(listener(&node, port, (protocol, usual), reading));
            }
        }
        Some(listeners)
    })?
}

/// The port of a Gateway's own listener, which must be there.
pub(super) fn port_of_gateway(node: &Node<'_>, _: &str, reading: &mut Reading<'_>) -> Option<u16> {
    node.get(reading, "port").port(reading)
}

/// The port of a listener of a `ListenerSet`, which may be that of its protocol (`detectListenerPortNumber`).
pub(super) fn port_of_set(node: &Node<'_>, protocol: &str, reading: &mut Reading<'_>) -> Option<u16> {
    let port = node.get(reading, "port");
    if !port.is_missing() && port.number(reading) != Some(0) {
        return port.port(reading);
    }
    match protocol {
        "HTTP" => Some(80),
        "HTTPS" => Some(443),
        _ => None,
    }
}

/// A listener for TCP, which ends TLS as is `usual` where it does not say it.
fn listener(node: &Node<'_>, port: u16, (protocol, usual): (&str, &str), reading: &mut Reading<'_>) -> Server {
    let tls = node.get(reading, "tls");
    let mode = match (tls.get(reading, "mode").text(reading), tls.follow(reading, &["options", TERMINATE_MODE]).text(reading)) {
        (Some("Passthrough"), _) => "PASSTHROUGH",
        (_, Some(mode)) => mode,
        _ if !tls.get(reading, "frontendValidation").is_missing() => "MUTUAL",
        _ => usual,
    };
    let mode = matches!(protocol, "HTTPS" | "TLS").then_some(mode);
    Server { port, takes: takes(protocol, mode) }
}

/// The Services behind which a Gateway of the Gateway API finds pods that somebody else made, by namespace and name.
pub(in super::super) fn behind(root: &Node<'_>, namespace: &str, reading: &mut Reading<'_>) -> Vec<(Symbol, Symbol)> {
    let read = reading.quietly(|reading| {
        let addresses = root.follow(reading, &["spec", "addresses"]).list(reading);
        let hosts = addresses.iter().filter_map(|address| {
            let is_name = address.get(reading, "type").text(reading) == Some("Hostname");
            address.get(reading, "value").text(reading).filter(|_| is_name)
        });
        let name = |host: &str| {
            let mut labels = host.split('.');
            let name = labels.next().unwrap_or_default();
            (labels.next().unwrap_or(namespace).into(), name.into())
        };
        hosts.map(name).collect()
    });
    read.unwrap_or_default()
}
