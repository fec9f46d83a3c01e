//! The second gate's first door: who is captured, and `PeerAuthentication`, `semantics.md` §3.

use super::read::{Mode, Object, PeerAuthentication};
use super::{Cluster, Flow, Gate, Network, Peer, Plane, Pod, Protocol, Transport, Truth};

/// §3.2: inbound ports that the sidecar never captures.
const NEVER_CAPTURED: [u16; 4] = [HBONE, 15020, 15021, 15090];
/// Its own listener, always mutual TLS, and nothing that the sidecar's policies speak of (§3.2).
const HBONE: u16 = 15008;

/// The destination pod, where its sidecar sees this flow: TCP (§5.1), a meshed pod with its own network (§2.1), a
/// captured port (§3.2).
pub(super) fn guarded(flow: &Flow) -> Option<&Pod> {
    let Peer::Pod(pod) = &flow.destination else { return None };
    let meshed = pod.plane == Plane::Sidecar && pod.network == Network::Own;
    let captured = !NEVER_CAPTURED.contains(&flow.port) && !pod.uncaptured.contains(&flow.port);
    (flow.protocol == Protocol::Tcp && meshed && captured).then_some(pod)
}

/// §3.2 and §3.3: does the server take the connection as the client makes it? Open where several policies of one level
/// meet, their ages are not known, and the flow's fate depends on which is the oldest.
pub(super) fn gate(cluster: &Cluster, flow: &Flow) -> Gate {
    const NAME: &str = "PeerAuthentication";
    let Some(pod) = guarded(flow) else { return unguarded(flow) };
    let modes = modes(cluster, pod, flow.port);
    let why = format!("{modes:?} toward {:?}", flow.transport);
    let passes = if modes.iter().all(|mode| accepts(*mode, flow.transport)) {
        Truth::Yes
    } else if modes.iter().any(|mode| accepts(*mode, flow.transport)) {
        Truth::unknown("several policies of one level meet, and their ages are not known")
    } else {
        Truth::No
    };
    Gate::new(NAME, passes, why)
}

/// §3.2.
fn accepts(mode: Mode, transport: Transport) -> bool {
    match (mode, transport) {
        (Mode::Strict, Transport::Plaintext) | (Mode::Disable, Transport::Mtls) => false,
        (Mode::Strict, Transport::Mtls) | (Mode::Disable, Transport::Plaintext) | (Mode::Permissive | Mode::Unset, _) => true,
    }
}

/// §3.3, rows "no mesh": where no sidecar listens, a client that insists on Istio mutual TLS fails, and plaintext passes.
/// The same holds for a port that the sidecar leaves to the application.
fn unguarded(flow: &Flow) -> Gate {
    const NAME: &str = "transport";
    if flow.transport == Transport::Mtls && flow.port != HBONE {
        return Gate::new(NAME, Truth::No, "nothing there terminates Istio mutual TLS");
    }
    Gate::new(NAME, Truth::Yes, "the mesh does not see this flow")
}

/// §3.1: the mode of one port of one pod; several, where it depends on which of several policies of one level is the oldest.
fn modes(cluster: &Cluster, pod: &Pod, port: u16) -> Vec<Mode> {
    let root = &cluster.settings.root_namespace;
    let level = |choose: &dyn Fn(&Object<PeerAuthentication>) -> bool| {
        candidates(cluster.peer_authentications.iter().filter(|policy| choose(policy)).collect())
    };
    let mesh = level(&|policy| policy.namespace == *root && labels(policy).is_empty());
    let own = |policy: &Object<PeerAuthentication>| policy.namespace == pod.namespace && policy.namespace != *root;
    let namespace = level(&|policy| own(policy) && labels(policy).is_empty());
    // Selector policies in the root namespace are ignored.
    let workload =
        level(&|policy| own(policy) && !labels(policy).is_empty() && labels(policy).iter().all(|(k, v)| pod.labels.get(*k) == Some(*v)));
    let mut modes: Vec<Mode> = Vec::new();
    for mesh in &mesh {
        for namespace in &namespace {
            for workload in &workload {
                modes.push(effective([*mesh, *namespace, *workload], port));
            }
        }
    }
    modes
}

type Candidate<'a> = Option<&'a Object<PeerAuthentication>>;

fn labels(policy: &Object<PeerAuthentication>) -> Vec<(&String, &String)> {
    policy.spec.selector.iter().flat_map(|selector| selector.match_labels.iter().flatten()).collect()
}

/// §3.1: the oldest; tie: name, then namespace. Not decidable unless every age is known.
fn candidates(mut policies: Vec<&Object<PeerAuthentication>>) -> Vec<Candidate<'_>> {
    if policies.iter().all(|policy| policy.created.is_some()) {
        policies.sort_by_key(|policy| (&policy.created, &policy.name, &policy.namespace));
        return vec![policies.first().copied()];
    }
    policies.into_iter().map(Some).collect()
}

/// §3.1: from the mesh inwards, a mode that is set replaces the one before; the port map is that of the workload policy.
fn effective(levels: [Candidate<'_>; 3], port: u16) -> Mode {
    let set = |mode: Option<Mode>| mode.filter(|mode| *mode != Mode::Unset);
    let mut mode = Mode::Permissive;
    for policy in levels.into_iter().flatten() {
        mode = set(policy.spec.mtls.and_then(|mtls| mtls.mode)).unwrap_or(mode);
    }
    let [_, _, workload] = levels;
    let ports = workload.into_iter().flat_map(|policy| policy.spec.port_level_mtls.iter().flatten());
    let of_port = ports.filter(|(key, _)| key.number() == Some(port)).find_map(|(_, mtls)| set(mtls.mode));
    of_port.unwrap_or(mode)
}
