//! What the containers of a pod say of its ports, and of the mesh.
//!
//! Owns: their ports as declared, and which of them are the mesh's own. It must not know what they are for.

use std::net::IpAddr;

use super::pod::protocol;
use super::workload::{ContainerPort, HostPort, InitContainers, ProxyRole};
use crate::manifest::{Node, Reading};

/// What a pod's containers say.
#[derive(Default)]
pub(super) struct Containers {
    /// The ports that they declare.
    pub(super) ports: Vec<ContainerPort>,
    /// What runs before a sidecar does.
    pub(super) init: InitContainers,
    /// What the mesh's proxy is for, if it is one of them.
    pub(super) proxy: Option<ProxyRole>,
}

impl Containers {
    /// Reads them from a pod's `spec`.
    pub(super) fn read(spec: &Node<'_>, reading: &mut Reading<'_>) -> Self {
        let mut all = Self::default();
        for container in spec.get(reading, "containers").list(reading) {
            all.add_ports(&container, reading);
            all.proxy = all.proxy.or(proxy(&container, reading));
        }
        for container in spec.get(reading, "initContainers").list(reading) {
            // A sidecar in Kubernetes' own sense: it goes on running, so its ports count.
            if container.get(reading, "restartPolicy").text(reading) == Some("Always") {
                all.add_ports(&container, reading);
                all.proxy = all.proxy.or(proxy(&container, reading));
            } else if !is_of_the_mesh(&container, reading) {
                all.init = InitContainers::Present;
            }
        }
        all
    }

    fn add_ports(&mut self, container: &Node<'_>, reading: &mut Reading<'_>) {
        for port in container.get(reading, "ports").list(reading) {
            let name = port.get(reading, "name").symbol(reading);
            let protocol = protocol(&port, reading);
            let number = port.get(reading, "containerPort");
            if number.is_missing() {
                number.wrong(reading, "a port is a number from 1 to 65535");
            }
            if let Some(number) = number.port(reading) {
                let host = host(&port, reading);
                self.ports.push(ContainerPort { name, number, protocol, host });
            }
        }
    }
}

/// The port of its node that leads to a port.
fn host(port: &Node<'_>, reading: &mut Reading<'_>) -> Option<HostPort> {
    let node = port.get(reading, "hostPort");
    if node.is_missing() || node.is_zero() {
        return None;
    }
    let number = node.port(reading)?;
    let address: Option<IpAddr> = port.get(reading, "hostIP").text(reading).and_then(|text| text.parse().ok());
    Some(HostPort { number, address: address.filter(|address| !address.is_unspecified()) })
}

/// What a container is for that is the mesh's proxy, already there. One with the image `auto` only waits for injection; one of another name
/// is the proxy if it runs its image as one.
fn proxy(container: &Node<'_>, reading: &mut Reading<'_>) -> Option<ProxyRole> {
    let named = container.get(reading, "name").text(reading) == Some("istio-proxy");
    let image = container.get(reading, "image").text(reading)?;
    if named {
        return (image != "auto").then(|| role(container, reading));
    }
    let is_proxy = image_name(image) == PROXY_IMAGE;
    is_proxy.then(|| role(container, reading)).filter(|role| *role != ProxyRole::Unknown)
}

/// The name of the image of the mesh's proxy.
const PROXY_IMAGE: &str = "proxyv2";

/// The name of an image, without where it comes from and which one of that name it is.
fn image_name(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(['@', ':']).next().unwrap_or(last)
}

/// What a proxy is told to be: the word behind `proxy` in what it is called with.
fn role(container: &Node<'_>, reading: &mut Reading<'_>) -> ProxyRole {
    // Whatever they hold else is of no matter here.
    let words = reading.quietly(|reading| {
        let nodes: Vec<Node<'_>> = ["command", "args"].into_iter().flat_map(|key| container.get(reading, key).list(reading)).collect();
        nodes.iter().map(|node| node.text(reading)).collect::<Vec<_>>()
    });
    let words = words.unwrap_or_default();
    let word = words.iter().skip_while(|word| **word != Some("proxy")).nth(1).copied().flatten();
    match word {
        Some("sidecar") => ProxyRole::Sidecar,
        Some("router") => ProxyRole::Gateway,
        Some("waypoint") => ProxyRole::Waypoint,
        _ => ProxyRole::Unknown,
    }
}

/// Whether an init container is the mesh's own.
fn is_of_the_mesh(container: &Node<'_>, reading: &mut Reading<'_>) -> bool {
    matches!(container.get(reading, "name").text(reading), Some("istio-init" | "istio-validation" | "enable-core-dump"))
}
