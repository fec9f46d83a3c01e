//! Of whom an `AuthorizationPolicy` speaks that lets callers in.
//!
//! Owns: `spoken`. Whoever is not spoken of is stopped by such a policy, unless another one lets him in; so of two that select the same
//! pods, both do the same to him (`semantics.md` §2.3). That it is one of these is asked of the evaluator, not of the text.

use super::{Alone, nobody};
use crate::classes::{PathCells, port_classes, request_classes};
use crate::cluster::{Cluster, End, Endpoint, Names};
use crate::flow::{AddressSet, Cut, DataPlane, Flow, Peer, Peers, Pod, PodCube, Protocol, Request, Transport, Verdict};
use crate::verify::{Way, transports};

/// Whom a policy tells from others at the pods that it selects, in either mode of the mesh; none if it may do anything to others but not
/// let them in.
pub(super) fn spoken(policy: &Alone<'_>, names: &Names) -> Option<Vec<Peers>> {
    if policy.object.kind != "AuthorizationPolicy" {
        return None;
    }
    let everybody = format!(
        "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: beside.{}, namespace: {}}}, spec: {{rules: [{{}}]}}}}",
        policy.object.own_name, policy.object.namespace
    );
    let beside = policy.read_with(&[&policy.object.text, &everybody])?;
    let nothing = policy.read_with(&[])?;
    let selected = policy.selected(Way::Ingress)?;
    let mut all = Vec::new();
    for plane in [DataPlane::Sidecar, DataPlane::Ambient] {
        let near = Endpoint::from(Peer::Pod(Pod { plane, ..selected.clone() }));
        let end = |cluster| Cluster::end(cluster, &near, Way::Ingress);
        let without = end(&nothing);
        let usual = without.cuts(names);
        let gate = Gate { near: &near, alone: end(&policy.cluster), beside: end(&beside), without, usual };
        all.extend(gate.spoken(names)?);
    }
    Some(all)
}

/// What lets callers into a pod.
struct Gate<'a> {
    near: &'a Endpoint,
    /// The policy by itself.
    alone: End<'a>,
    /// The policy beside one that lets everybody in.
    beside: End<'a>,
    /// No policy at all.
    without: End<'a>,
    /// By what flows are told apart where there is none.
    usual: Vec<Cut>,
}

impl Gate<'_> {
    /// Whom the policy alone tells from others; none if these are not just stopped.
    fn spoken(&self, names: &Names) -> Option<Vec<Peers>> {
        let cuts = self.alone.cuts(names);
        let telling: Vec<Peers> =
            without_each(&cuts, &self.usual).into_iter().map(|cut| cut.peers).filter(|peers| !are_all(peers)).collect();
        let is_usual = self.usual.iter().all(|cut| are_all(&cut.peers));
        let is_stopped = |far: Peer| !telling.iter().any(|peers| peers.contains(&far)) && self.stops(&far.into(), &cuts);
        (is_usual && others(&telling).into_iter().all(is_stopped)).then_some(telling)
    }

    /// Whether a peer is stopped by the policy alone, and beside another one let in as without any, whatever it asks for.
    fn stops(&self, far: &Endpoint, cuts: &[Cut]) -> bool {
        let held: Vec<usize> = (0..).zip(cuts).filter(|(_, cut)| cut.peers.contains(&far.peer)).map(|(at, _)| at).collect();
        let mut paths = PathCells::default();
        port_classes(cuts, &held).iter().filter(|class| class.protocol == Protocol::Tcp).all(|class| {
            let requests = request_classes(cuts, &class.cuts, &mut paths);
            requests.is_ok_and(|requests| requests.iter().all(|request| self.stops_request(far, class.example, request.as_ref())))
        })
    }

    fn stops_request(&self, far: &Endpoint, port: u16, request: Option<&Request>) -> bool {
        let (source, destination, protocol) = (far.peer.clone(), self.near.peer.clone(), Protocol::Tcp);
        let flow = Flow { source, destination, protocol, port, transport: Transport::Plaintext, request: request.cloned() };
        // Some ports of a proxy are nobody's to judge.
        let is_special = self.usual.iter().any(|cut| cut.ports.contains(protocol, port) && !cut.ports.is_full(protocol));
        transports(Way::Ingress, &flow).iter().all(|transport| {
            let verdict = |end: &End<'_>| end.decide(far, protocol, port, *transport, request);
            let (alone, usual) = (verdict(&self.alone), verdict(&self.without));
            verdict(&self.beside) == usual && (alone == Verdict::Denied || is_special && alone == usual)
        })
    }
}

/// A list without each of some others, as often as these are there.
fn without_each(all: &[Cut], others: &[Cut]) -> Vec<Cut> {
    let mut left: Vec<&Cut> = others.iter().collect();
    let mut rest = Vec::new();
    for cut in all {
        match left.iter().position(|other| *other == cut) {
            Some(at) => drop(left.swap_remove(at)),
            None => rest.push(cut.clone()),
        }
    }
    rest
}

/// Whether peers are all pods, or all addresses, or both.
fn are_all(peers: &Peers) -> bool {
    let Peers { pods, addresses } = peers;
    (pods.is_empty() || pods.cubes().contains(&PodCube::all())) && (addresses.is_empty() || addresses.is_all())
}

/// Peers of whom nobody speaks by name: pods by how they take part in the mesh, and an address if there is one.
fn others(telling: &[Peers]) -> Vec<Peer> {
    let pods = [DataPlane::Sidecar, DataPlane::Ambient, DataPlane::None].map(|plane| nobody(telling, plane));
    let spoken = telling.iter().fold(AddressSet::none(), |sum, peers| sum.union(&peers.addresses));
    let address = AddressSet::all().subtract(&spoken).first().map(Peer::Address);
    pods.into_iter().chain(address).collect()
}
