//! Reads the servers of `Gateway` objects, Istio's own and those of the Gateway API.
//!
//! Owns: from a protocol and a mode of TLS to what a server takes. Nothing is reported about an object that is not as expected: what it
//! opens is not known then.

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
    let classic = Classic { object: object.clone(), selector, servers };
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

/// Reads the listeners of a Gateway of the Gateway API; nothing if they are not as expected.
pub(in super::super) fn listeners(root: &Node<'_>, reading: &mut Reading<'_>) -> Option<Vec<Server>> {
    reading.quietly(|reading| {
        let spec = root.get(reading, "spec");
        // What the whole Gateway asks of clients' certificates holds for each of its listeners.
        let usual = if spec.follow(reading, &["tls", "frontend"]).is_missing() { "SIMPLE" } else { "MUTUAL" };
        let mut listeners = Vec::new();
        for node in spec.get(reading, "listeners").list(reading) {
            let protocol = node.get(reading, "protocol").text(reading)?;
            if protocol != "UDP" {
                listeners.push(listener(&node, (protocol, usual), reading)?);
            }
        }
        Some(listeners)
    })?
}

/// A listener for TCP, which ends TLS as is `usual` where it does not say it.
fn listener(node: &Node<'_>, (protocol, usual): (&str, &str), reading: &mut Reading<'_>) -> Option<Server> {
    let port = node.get(reading, "port").port(reading)?;
    let tls = node.get(reading, "tls");
    let mode = match (tls.get(reading, "mode").text(reading), tls.follow(reading, &["options", TERMINATE_MODE]).text(reading)) {
        (Some("Passthrough"), _) => "PASSTHROUGH",
        (_, Some(mode)) => mode,
        _ if !tls.get(reading, "frontendValidation").is_missing() => "MUTUAL",
        _ => usual,
    };
    let mode = matches!(protocol, "HTTPS" | "TLS").then_some(mode);
    Some(Server { port, takes: takes(protocol, mode) })
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
