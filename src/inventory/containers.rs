//! What the containers of a pod say of its ports, and of the mesh.
//!
//! Owns: their ports as declared, and which of them are the mesh's own. It must not know what they are for.

use super::pod::{ContainerPort, InitContainers, ProxyRole, protocol};
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
                self.ports.push(ContainerPort { name, number, protocol });
            }
        }
    }
}

/// What a container is for that is the mesh's proxy, already there. One with the image `auto` only waits for injection.
fn proxy(container: &Node<'_>, reading: &mut Reading<'_>) -> Option<ProxyRole> {
    let named = container.get(reading, "name").text(reading) == Some("istio-proxy");
    let is_there = named && container.get(reading, "image").text(reading).is_some_and(|image| image != "auto");
    is_there.then(|| role(container, reading))
}

/// What a proxy is told to be: the word behind `proxy` in its arguments.
fn role(container: &Node<'_>, reading: &mut Reading<'_>) -> ProxyRole {
    // Whatever they hold else is of no matter here.
    let arguments = reading.quietly(|reading| {
        let nodes = container.get(reading, "args").list(reading);
        nodes.iter().map(|node| node.text(reading)).collect::<Vec<_>>()
    });
    let arguments = arguments.unwrap_or_default();
    let word = arguments.iter().skip_while(|argument| **argument != Some("proxy")).nth(1).copied().flatten();
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
