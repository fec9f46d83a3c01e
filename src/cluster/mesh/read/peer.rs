//! Reads `PeerAuthentication`.
//!
//! Owns: its fields and what is refused of them (`semantics.md` §3.1).

use std::collections::BTreeMap;

use super::super::attachment::Attachment;
use super::super::peer::{Mode, PeerPolicy};
use super::{Allowed, dry_run, selector, spec};
use crate::cluster::object::Object;
use crate::manifest::{Node, Reading};

/// Reads a policy; nothing if it has findings.
pub(in super::super) fn read(object: Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<PeerPolicy> {
    let spec = spec(root, reading);
    spec.only(reading, &["selector", "mtls", "portLevelMtls"]);
    dry_run(&object, Allowed::No, root, reading);
    let attachment = selector(&spec.get(reading, "selector"), reading);
    let mode = mode(&spec.get(reading, "mtls"), reading);
    let ports = ports(&spec, &attachment, reading);
    let created = root.follow(reading, &["metadata", "creationTimestamp"]).symbol(reading);
    let policy = PeerPolicy { object, attachment, created, mode, ports };
    reading.is_clean().then_some(policy)
}

/// The mode in a map; none for `UNSET` and nothing.
fn mode(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Mode> {
    node.only(reading, &["mode"]);
    let node = node.get(reading, "mode");
    match node.text(reading)? {
        "UNSET" => None,
        "DISABLE" => Some(Mode::Disable),
        "PERMISSIVE" => Some(Mode::Permissive),
        "STRICT" => Some(Mode::Strict),
        _ => {
            node.wrong(reading, "`STRICT`, `PERMISSIVE`, `DISABLE` or `UNSET` is expected");
            None
        }
    }
}

fn ports(spec: &Node<'_>, attachment: &Attachment, reading: &mut Reading<'_>) -> BTreeMap<u16, Option<Mode>> {
    let node = spec.get(reading, "portLevelMtls");
    let mut ports = BTreeMap::new();
    if node.is_missing() {
        return ports;
    }
    let entries = node.numbered();
    if entries.is_empty() {
        node.wrong(reading, "a map of at least one port is expected");
    }
    if !matches!(attachment, Attachment::Labels(_)) {
        node.wrong(reading, "modes of single ports need a selector with labels");
    }
    if entries.len() < node.size() {
        node.wrong(reading, "a port is a number from 1 to 65535");
    }
    for (key, value) in entries {
        let digits = key.bytes().all(|byte| byte.is_ascii_digit());
        match key.parse::<u16>().ok().filter(|port| *port > 0 && digits) {
            Some(port) => {
                ports.insert(port, mode(&value, reading));
            }
            None => value.wrong(reading, "a port is a number from 1 to 65535"),
        }
    }
    ports
}
