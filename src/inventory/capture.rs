//! Which inbound ports of a pod its sidecar captures.
//!
//! Owns: the annotations about captured ports (`semantics.md` §3.2). Ports that are not captured meet no mesh policy. It must
//! not know whether the pod has a sidecar at all.

use std::collections::BTreeSet;

use crate::flow::{Intervals, Labels};
use crate::manifest::{Node, Reading};

/// The ports that no sidecar captures whatever the annotations say: the mesh's own (`semantics.md` §3.2).
const NEVER_CAPTURED: [u16; 4] = [15008, 15020, 15021, 15090];

/// The annotation that lists the captured ports, or says `*`.
const INCLUDE: &str = "traffic.sidecar.istio.io/includeInboundPorts";

/// What a pod's annotations say about the inbound TCP ports that a sidecar captures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InboundCapture {
    /// The ports that are captured, where they are listed; all of them where they are not.
    pub included: Option<BTreeSet<u16>>,
    /// The ports that are not captured though they would be.
    pub excluded: BTreeSet<u16>,
}

/// Whether mesh policy meets a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    /// It does.
    Yes,
    /// It does not: connections reach the application past the sidecar.
    No,
}

impl InboundCapture {
    /// Whether a sidecar captures an inbound TCP port.
    pub fn of(&self, port: u16) -> Captured {
        let included = self.included.as_ref().is_none_or(|ports| ports.contains(&port));
        let excluded = self.excluded.contains(&port) || NEVER_CAPTURED.contains(&port);
        if included && !excluded { Captured::Yes } else { Captured::No }
    }

    /// The inbound TCP ports that the annotations take from a sidecar.
    pub fn told_off(&self) -> Intervals<u16> {
        let excluded = Intervals::collect(self.excluded.iter().map(|port| (*port, *port)));
        match &self.included {
            None => excluded,
            Some(ports) => Intervals::collect(ports.iter().map(|port| (*port, *port))).complement().union(&excluded),
        }
    }
}

/// Reads the annotations of a pod; `node` is where they stand.
pub(super) fn read(annotations: &Labels, node: &Node<'_>, reading: &mut Reading<'_>) -> InboundCapture {
    let mut listed = |key: &'static str| {
        let text = annotations.get(key)?;
        let ports = ports(text);
        if ports.is_none() {
            node.get(reading, key).wrong(reading, "port numbers are expected, with commas between them");
        }
        ports
    };
    let excluded = listed("traffic.sidecar.istio.io/excludeInboundPorts").unwrap_or_default();
    let included = if annotations.get(INCLUDE).is_some_and(|text| &**text == "*") { None } else { listed(INCLUDE) };
    // Without interception nothing is redirected to the sidecar.
    let intercepts = annotations.get("sidecar.istio.io/interceptionMode").is_none_or(|mode| &**mode != "NONE");
    InboundCapture { included: if intercepts { included } else { Some(BTreeSet::new()) }, excluded }
}

/// A list such as `8080,9090`; nothing in it is an empty list.
fn ports(text: &str) -> Option<BTreeSet<u16>> {
    if text.trim().is_empty() {
        return Some(BTreeSet::new());
    }
    text.split(',').map(|port| port.trim().parse().ok()).collect()
}
