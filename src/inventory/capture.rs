//! Which connections of a pod its proxy captures.
//!
//! Owns: the annotations about what is captured (`semantics.md` §3.2), and which of them are read without being understood. Ports that are
//! not captured meet no mesh policy. It must not know whether the pod has a sidecar at all.

use std::collections::BTreeSet;

use super::injection::TEMPLATES;
use crate::flow::{Intervals, Labels};
use crate::manifest::{Node, Reading, plain};
use crate::source::Source;

/// The ports that no sidecar captures whatever the annotations say: the mesh's own (`semantics.md` §3.2).
const NEVER_CAPTURED: [u16; 4] = [15008, 15020, 15021, 15090];

/// The annotation that says how a sidecar intercepts; where it is `NONE`, nothing is redirected to it.
const INTERCEPTION: &str = "sidecar.istio.io/interceptionMode";

/// The annotation that holds configuration of the proxy, as YAML in a text.
const CONFIG: &str = "proxy.istio.io/config";

/// The number of `NONE` among the modes of interception (istio/api : mesh/v1alpha1/proxy.proto, `InboundInterceptionMode`).
const NONE: u64 = 2;

/// The annotation that names what a proxy starts with in place of what Istio gives it.
const BOOTSTRAP: &str = "sidecar.istio.io/bootstrapOverride";

/// The annotation that names the port of the agent, which is not captured in the place of the usual one.
const STATUS_PORT: &str = "status.sidecar.istio.io/port";

/// The port of the agent that is usual.
const USUAL_STATUS_PORT: &str = "15020";

/// Annotations by which a proxy captures less, or is another one than Istio's.
const NOT_MODELLED: [&str; 5] = [
    "ambient.istio.io/bypass-inbound-capture",
    BOOTSTRAP,
    STATUS_PORT,
    "traffic.sidecar.istio.io/excludeInterfaces",
    "traffic.sidecar.istio.io/kubevirtInterfaces",
];

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

/// Whether a sidecar takes over the connections that its pod makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OutboundCapture {
    /// It does.
    #[default]
    All,
    /// It does, but for those to these ports, as they are called.
    AllBut(BTreeSet<u16>),
    /// It does not with those to these ports, and annotations take others from it: which these are hangs on addresses that are not known.
    NotAll(BTreeSet<u16>),
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
    let intercepts = annotations.get(INTERCEPTION).is_none_or(|mode| &**mode != "NONE");
    InboundCapture { included: if intercepts { included } else { Some(BTreeSet::new()) }, excluded }
}

/// What a pod's annotations say of the connections that it makes.
pub(super) fn outbound(annotations: &Labels) -> OutboundCapture {
    const EXCLUDED: [&str; 2] = ["excludeOutboundIPRanges", "excludeInterfaces"];
    let said = |key: &str| annotations.get(format!("traffic.sidecar.istio.io/{key}").as_str()).map(|text| text.trim());
    let excludes = EXCLUDED.into_iter().any(|key| said(key).is_some_and(|text| !text.is_empty()));
    // Ports are left out before anything else is looked at (istio/istio : tools/istio-iptables/pkg/capture/run.go).
    let listed = ports(said("excludeOutboundPorts").unwrap_or_default());
    let (is_listed, ports) = (listed.is_some(), listed.unwrap_or_default());
    let includes_all = said("includeOutboundIPRanges").is_none_or(|text| text == "*");
    let intercepts = annotations.get(INTERCEPTION).is_none_or(|mode| &**mode != "NONE") && !is_configured_to_pass(annotations);
    let intercepts = intercepts && !annotations.contains_key(BOOTSTRAP);
    match is_listed && !excludes && includes_all && intercepts {
        true if ports.is_empty() => OutboundCapture::All,
        true => OutboundCapture::AllBut(ports),
        false => OutboundCapture::NotAll(ports),
    }
}

/// The annotations of a pod that may change what its proxy captures or does, and of which that is not understood.
pub(super) fn unmodelled(annotations: &Labels) -> Vec<&'static str> {
    let mut keys: Vec<&'static str> =
        NOT_MODELLED.into_iter().filter(|key| annotations.get(*key).is_some_and(|text| is_set(key, text))).collect();
    keys.extend(is_configured_to_pass(annotations).then_some(CONFIG));
    keys.extend(is_without_envoy(annotations).then_some(TEMPLATES));
    keys
}

/// Whether a template is injected that brings no Envoy: the mesh acts as far as the application itself does it, by gRPC (istio/istio :
/// manifests/charts/istio-control/istio-discovery/files/{grpc-agent,grpc-simple}.yaml).
fn is_without_envoy(annotations: &Labels) -> bool {
    let named = annotations.get(TEMPLATES).into_iter().flat_map(|names| names.split(','));
    named.map(str::trim).any(|name| matches!(name, "grpc-agent" | "grpc-simple"))
}

fn is_set(key: &str, text: &str) -> bool {
    let text = text.trim();
    !matches!(text, "" | "false") && (key != STATUS_PORT || text != USUAL_STATUS_PORT)
}

/// Whether the configuration that a pod gives its proxy asks for no interception, where no annotation says how it intercepts: the template of
/// sidecars goes by both in this order (istio/istio : manifests/charts/istio-control/istio-discovery/files/injection-template.yaml). A
/// configuration in which anything is not as expected is passed over as a whole, so that what it asks for is not sure.
fn is_configured_to_pass(annotations: &Labels) -> bool {
    let Some(text) = annotations.get(CONFIG).filter(|_| !annotations.contains_key(INTERCEPTION)) else { return false };
    let said = plain(&Source::new(CONFIG, text.to_string())).into_iter().next();
    said.is_some_and(|said| passes(&said))
}

/// Whether a proxy's configuration asks for no interception; the numbers of such words are taken too.
pub(super) fn passes(config: &serde_json::Value) -> bool {
    let mode = ["interceptionMode", "interception_mode"].into_iter().find_map(|key| config.get(key));
    mode.is_some_and(|mode| mode.as_str() == Some("NONE") || mode.as_u64() == Some(NONE))
}

/// A list such as `8080,9090`; nothing in it is an empty list.
fn ports(text: &str) -> Option<BTreeSet<u16>> {
    if text.trim().is_empty() {
        return Some(BTreeSet::new());
    }
    text.split(',').map(|port| port.trim().parse().ok()).collect()
}
