//! Reads Services: whom they select, and which ports they make of which.
//!
//! Owns: Service ports, and how Istio classes their protocol (`semantics.md` §2.9). It must not know which pods exist.

use std::iter;
use std::net::IpAddr;

use super::object::Identity;
use super::pod;
use crate::flow::{AddressSet, Labels, Prefix, Protocol, Symbol};
use crate::manifest::{Node, Reading};
use crate::source::Location;

/// What is known of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Name of its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// Its own labels.
    pub labels: Labels,
    /// The labels of the pods that it selects, in its namespace; one without labels selects no pod.
    pub selector: Labels,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// What kind of Service it is.
    pub kind: ServiceKind,
    /// Its own addresses, one a family, as a cluster's dump holds them; empty if they are not known, or if it has none.
    pub addresses: Vec<IpAddr>,
    /// Addresses outside of the cluster that lead to it as well: its `externalIPs`, and those that a load balancer has for it.
    pub outside: Vec<OutsideAddress>,
    /// From which addresses calls of its load balancer are taken (`loadBalancerSourceRanges`); none for any.
    pub sources: Option<AddressSet>,
    /// The namespaces of which proxies are told of it, as its annotation lists them: `.` is its own, `*` any, `~` none; empty for any.
    pub exported: Vec<Symbol>,
    /// What becomes of the address of who calls it from outside.
    pub traffic: ExternalTraffic,
    /// When it was made, as a cluster's dump says it (`2006-01-02T15:04:05Z`, so that texts are ordered as times are); none if that is not known.
    pub created: Option<Symbol>,
    /// Where its name is written.
    pub location: Location,
}

/// An address outside of the cluster that leads to a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutsideAddress {
    /// The address.
    pub address: IpAddr,
    /// Who takes what is sent there for the Service.
    pub taken_by: TakenBy,
}

/// Who takes what is sent to an address outside for a Service (`status.loadBalancer.ingress[].ipMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TakenBy {
    /// Every node: it is one of `externalIPs`.
    Nodes,
    /// A load balancer, and every node as if it were that.
    Balancer,
    /// A load balancer that makes connections of its own: nodes need not take what is sent to it, and it may put its own address there.
    Proxy,
}

/// What becomes of a caller's address where a Service is called by a port of a node or an address outside (`externalTrafficPolicy`,
/// `semantics.md` §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalTraffic {
    /// Any node passes the call on, and may put its own address there.
    Cluster,
    /// The node keeps it.
    Local,
}

/// A kind of Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// One address inside the cluster.
    ClusterAddress,
    /// No address: its name stands for the pods themselves.
    Headless,
    /// A port of every node.
    NodePort,
    /// A load balancer.
    LoadBalancer,
    /// Another name for a host; it selects nothing.
    ExternalName,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name.
    pub name: Option<Symbol>,
    /// The port of the Service's own address.
    pub port: u16,
    /// The port of the pods behind it as it is written, the same number where it is not; [`ServiceFacts::arrival`] says where calls arrive.
    pub target: PortTarget,
    /// The port of every node that leads here; none if there is none, or if the cluster has yet to choose one.
    pub node_port: Option<u16>,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its `appProtocol`, as written.
    pub app_protocol: Option<Symbol>,
    /// What the mesh takes it for.
    pub class: ProtocolClass,
}

/// A port of a pod as a Service calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortTarget {
    /// By number.
    Number(u16),
    /// By the name that a container gives it; it may be another number in each pod.
    Name(Symbol),
}

/// What the mesh takes a Service port for; this decides which of its rules can match there (`semantics.md` §2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolClass {
    /// HTTP, HTTP/2 or gRPC.
    Http,
    /// Bytes: declared as TCP, TLS, HTTPS or a database's protocol.
    Tcp,
    /// Whatever the client's first bytes say.
    Auto,
    /// Nothing: the mesh does not see UDP and SCTP.
    Unseen,
}

impl ServiceFacts {
    /// The port of the pods at which whoever calls one of its ports arrives. Nobody translates the port of a Service without an address:
    /// its name stands for the pods, and `targetPort` is ignored (kubernetes/api : core/v1/types.go, `ServicePort.TargetPort`). Only
    /// proxies that choose the pod themselves go by [`ServicePort::target`] there, too.
    pub fn arrival(&self, port: &ServicePort) -> PortTarget {
        if self.kind == ServiceKind::Headless { PortTarget::Number(port.port) } else { port.target.clone() }
    }

    /// Whether proxies of a namespace are told of it (istio.io : docs/reference/config/annotations, `networking.istio.io/exportTo`).
    pub fn is_told_to(&self, namespace: &str) -> bool {
        let own = *self.namespace == *namespace;
        let is = |name: &Symbol| matches!(&**name, "*") || (&**name == "." && own) || **name == *namespace;
        self.exported.is_empty() || self.exported.iter().any(is)
    }

    /// What it is ordered and told apart by.
    pub(super) fn key(&self) -> (&Symbol, &Symbol) {
        (&self.namespace, &self.name)
    }

    /// Whether two manifests of one Service state the same facts, wherever they are written. Addresses, ports of nodes and its time are the
    /// cluster's to give.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let without = |ports: &[ServicePort]| ports.iter().map(|port| ServicePort { node_port: None, ..port.clone() }).collect();
        let own = Self { ports: without(&self.ports), ..self.clone() };
        let (addresses, outside, ports) = (self.addresses.clone(), self.outside.clone(), without(&other.ports));
        let (created, location) = (self.created.clone(), self.location);
        own == Self { ports, addresses, outside, created, location, ..other.clone() }
    }
}

/// Reads a Service; nothing if it has findings.
pub(super) fn read(object: &Node<'_>, name: Identity, reading: &mut Reading<'_>) -> Option<ServiceFacts> {
    let spec = object.get(reading, "spec");
    let kind = kind(&spec, reading);
    let selector = if kind == ServiceKind::ExternalName { Labels::new() } else { spec.get(reading, "selector").checked_labels(reading) };
    let ports = spec.get(reading, "ports").list(reading);
    let ports = ports.iter().filter_map(|node| port(node, reading)).collect();
    let location = reading.document.name();
    let labels = object.follow(reading, &["metadata", "labels"]).checked_labels(reading);
    let (addresses, outside) = (addresses(&spec, reading), outside(object, reading));
    let exported = exported(object, reading);
    let is_local = spec.get(reading, "externalTrafficPolicy").text(reading) == Some("Local");
    let traffic = if is_local { ExternalTraffic::Local } else { ExternalTraffic::Cluster };
    let sources = sources(&spec, reading);
    let created = created(object, reading);
    let Identity { namespace, name, .. } = name;
    let service =
        ServiceFacts { namespace, name, labels, selector, ports, kind, addresses, outside, sources, exported, traffic, created, location };
    reading.is_clean().then_some(service)
}

/// When it was made, as API servers write it; none in any other form.
fn created(object: &Node<'_>, reading: &mut Reading<'_>) -> Option<Symbol> {
    const FORM: &str = "2006-01-02T15:04:05Z";
    let text = object.follow(reading, &["metadata", "creationTimestamp"]).symbol(reading)?;
    let is_alike = |(own, form): (u8, u8)| if form.is_ascii_digit() { own.is_ascii_digit() } else { own == form };
    (text.len() == FORM.len() && text.bytes().zip(FORM.bytes()).all(is_alike)).then_some(text)
}

/// Which kind of Service this is.
fn kind(spec: &Node<'_>, reading: &mut Reading<'_>) -> ServiceKind {
    let node = spec.get(reading, "type");
    let headless = spec.get(reading, "clusterIP").text(reading) == Some("None");
    match node.text(reading) {
        None | Some("ClusterIP" | "") if headless => ServiceKind::Headless,
        None | Some("ClusterIP" | "") => ServiceKind::ClusterAddress,
        Some("NodePort") => ServiceKind::NodePort,
        Some("LoadBalancer") => ServiceKind::LoadBalancer,
        Some("ExternalName") => ServiceKind::ExternalName,
        Some(_) => {
            node.wrong(reading, "`ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName` is expected");
            ServiceKind::ClusterAddress
        }
    }
}

/// The addresses that the cluster gave it, or shall give it; `None` is written where it shall have none. What is no address is told.
fn addresses(spec: &Node<'_>, reading: &mut Reading<'_>) -> Vec<IpAddr> {
    let first = spec.get(reading, "clusterIP");
    // The first of them stands there again.
    let mut others = spec.get(reading, "clusterIPs").list(reading);
    others.retain(|node| first.is_missing() || node.json() != first.json());
    let written = iter::once(&first).chain(&others).filter(|node| node.text(reading) != Some("None")).collect::<Vec<_>>();
    let mut addresses: Vec<IpAddr> = written.into_iter().filter_map(|node| pod::address(node, reading)).collect();
    addresses.dedup();
    addresses
}

/// The namespaces that its annotation lists, with commas between them.
fn exported(object: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Symbol> {
    let listed = object.follow(reading, &["metadata", "annotations", "networking.istio.io/exportTo"]);
    let names = listed.text(reading).unwrap_or_default().split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(Symbol::from).collect()
}

/// The addresses outside of the cluster that lead to it. One that it has twice is every node's.
fn outside(object: &Node<'_>, reading: &mut Reading<'_>) -> Vec<OutsideAddress> {
    let written = object.follow(reading, &["spec", "externalIPs"]).list(reading);
    let mut outside = Vec::new();
    for node in &written {
        let address = node.text(reading).and_then(|text| text.parse().ok());
        outside.extend(address.map(|address| OutsideAddress { address, taken_by: TakenBy::Nodes }));
    }
    for node in &object.follow(reading, &["status", "loadBalancer", "ingress"]).list(reading) {
        let address = node.get(reading, "ip").text(reading).and_then(|text| text.parse().ok());
        let is_proxy = node.get(reading, "ipMode").text(reading) == Some("Proxy");
        let taken_by = if is_proxy { TakenBy::Proxy } else { TakenBy::Balancer };
        outside.extend(address.map(|address| OutsideAddress { address, taken_by }));
    }
    outside.sort_unstable();
    outside.dedup_by_key(|outside| outside.address);
    outside
}

/// From which addresses calls of its load balancer are taken. What is no range admits nobody.
fn sources(spec: &Node<'_>, reading: &mut Reading<'_>) -> Option<AddressSet> {
    let ranges = spec.get(reading, "loadBalancerSourceRanges").list(reading);
    let parsed = ranges.iter().filter_map(|node| Prefix::parse(node.text(reading)?.trim()).ok());
    let admitted: AddressSet = parsed.collect();
    (!ranges.is_empty()).then_some(admitted)
}

/// Reads a port.
fn port(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<ServicePort> {
    let name = node.get(reading, "name").symbol(reading);
    let protocol = pod::protocol(node, reading);
    let app_protocol = node.get(reading, "appProtocol").symbol(reading);
    let own = node.get(reading, "port");
    if own.is_missing() {
        own.wrong(reading, "a port is a number from 1 to 65535");
    }
    let port = own.port(reading)?;
    let target = target(&node.get(reading, "targetPort"), port, reading)?;
    let node = node.get(reading, "nodePort");
    let node_port = if node.is_missing() || node.is_zero() { None } else { node.port(reading) };
    let class = class(port, name.as_deref(), protocol, app_protocol.as_deref());
    Some(ServicePort { name, port, target, node_port, protocol, app_protocol, class })
}

/// The port of the pods behind a Service port: the same number where none, or zero, is written.
fn target(node: &Node<'_>, port: u16, reading: &mut Reading<'_>) -> Option<PortTarget> {
    if node.is_missing() || node.is_zero() {
        return Some(PortTarget::Number(port));
    }
    if !node.is_text() {
        return node.port(reading).map(PortTarget::Number);
    }
    let name = node.symbol(reading)?;
    if name.chars().all(|letter| letter.is_ascii_digit()) {
        node.wrong(reading, "a number in quotes is a name, and a name needs a letter");
        return None;
    }
    Some(PortTarget::Name(name))
}

/// What the mesh takes a port for, as Istio's own protocol selection has it.
///
/// `appProtocol` wins over the name; of either the part before the first `-` counts; ports of protocols in which the server
/// speaks first are TCP where nothing else is said.
fn class(port: u16, name: Option<&str>, protocol: Protocol, app_protocol: Option<&str>) -> ProtocolClass {
    const SERVER_SPEAKS_FIRST: [u16; 4] = [25, 53, 3306, 27017];
    if protocol != Protocol::Tcp {
        return ProtocolClass::Unseen;
    }
    let word = match app_protocol {
        Some("kubernetes.io/h2c" | "kubernetes.io/ws") => "http",
        Some("kubernetes.io/wss") => "https",
        Some(written) => written,
        None => name.unwrap_or_default(),
    };
    let word = word.split('-').next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "http" | "http2" | "http_proxy" | "grpc" => ProtocolClass::Http,
        "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis" => ProtocolClass::Tcp,
        "udp" => ProtocolClass::Unseen,
        _ if SERVER_SPEAKS_FIRST.contains(&port) => ProtocolClass::Tcp,
        _ => ProtocolClass::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_classed_as_istio_does() {
        let tcp = |port, name| class(port, name, Protocol::Tcp, None);
        assert_eq!(tcp(80, Some("http")), ProtocolClass::Http);
        assert_eq!(tcp(80, Some("GRPC-web-api")), ProtocolClass::Http);
        assert_eq!(tcp(80, Some("http2-api")), ProtocolClass::Http);
        assert_eq!(tcp(80, Some("https")), ProtocolClass::Tcp);
        assert_eq!(tcp(80, Some("httpx")), ProtocolClass::Auto);
        assert_eq!(tcp(80, Some("web-http")), ProtocolClass::Auto);
        assert_eq!(tcp(80, None), ProtocolClass::Auto);
        assert_eq!(tcp(3306, None), ProtocolClass::Tcp);
        assert_eq!(tcp(3306, Some("http")), ProtocolClass::Http);
        assert_eq!(class(80, Some("http"), Protocol::Tcp, Some("tcp")), ProtocolClass::Tcp);
        assert_eq!(class(80, Some("tcp"), Protocol::Tcp, Some("kubernetes.io/h2c")), ProtocolClass::Http);
        assert_eq!(class(80, Some("http"), Protocol::Tcp, Some("example.com/own")), ProtocolClass::Auto);
        assert_eq!(class(53, Some("dns"), Protocol::Udp, None), ProtocolClass::Unseen);
    }
}
