//! The other end of a difference.
//!
//! Owns: the search for a flow that shows a difference. Where one judge's end lets through what the other's does not, nothing
//! is gained as long as no such flow passes that judge's other end. Pods that are alike to the end at which the judges differ
//! may be told apart by the other end, so all parts of both classes are looked at.

use std::collections::BTreeSet;

use super::compare::{Bench, Difference, Effort, differ, oriented, subjects_within, transports};
use super::judge::{Judge, JudgedEnd, Way};
use crate::classes::{Among, PathCells, Pods, TooManyPods, classes_among, port_classes, request_classes};
use crate::cluster::Endpoint;
use crate::flow::{
    Cut, DataPlane, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, PodCube, Protocol, RequestSamples, Symbol, Transport, Values, Verdict,
};

/// All pods of the two classes of a difference, and the namespaces that are compared.
pub(super) struct Classes<'a> {
    pub(super) near: &'a [PodCube],
    pub(super) far: &'a [PodCube],
    pub(super) namespaces: &'a [Symbol],
}

/// The difference with a flow that shows it end to end; none if the other end stops all of them. An error if that would be looked
/// for among too many pods.
pub(super) fn shown(
    bench: Bench<'_>,
    difference: Difference,
    classes: &Classes<'_>,
    effort: &mut Effort,
) -> Result<Option<Difference>, TooManyPods> {
    let judge = if difference.right == Verdict::Denied { bench.left } else { bench.right };
    if matches!(difference.among, Among::Addresses(_)) {
        return Ok(Some(difference));
    }
    let other = match difference.way {
        Way::Ingress => Way::Egress,
        Way::Egress => Way::Ingress,
    };
    let search = Search { bench, judge, difference: &difference, other, near: classes.near };
    for far in far_pods(bench, classes, other) {
        if let Some(flow) = search.passing(&Endpoint::from(Peer::Pod(far?.example)), effort)? {
            return Ok(Some(Difference { flow, ..difference }));
        }
    }
    Ok(None)
}

/// One far pod of each class that its own end tells apart: first of namespaces that nobody rules, where nothing is stopped.
fn far_pods<'a>(bench: Bench<'a>, classes: &'a Classes<'a>, other: Way) -> impl Iterator<Item = Result<Pods, TooManyPods>> + 'a {
    let written = classes.far.iter().filter_map(PodCube::namespace_names).flatten();
    let names: BTreeSet<&Symbol> = classes.namespaces.iter().chain(written).collect();
    let elsewhere = inside(classes.far, &Values::except(names.iter().map(|name| Symbol::clone(name))));
    let strangers = classes_among(elsewhere, &[], 0, bench.world);
    let ruled = names.into_iter().flat_map(move |name| {
        let parts = inside(classes.far, &Values::one(Symbol::clone(name)));
        if parts.is_empty() { Vec::new() } else { each(subjects_within(bench, parts, name, other)) }
    });
    each(strangers).into_iter().chain(ruled)
}

/// A result as a list of results.
fn each(found: Result<Vec<Pods>, TooManyPods>) -> Vec<Result<Pods, TooManyPods>> {
    match found {
        Ok(all) => all.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// The parts of cubes in namespaces of these names.
fn inside(cubes: &[PodCube], names: &Values) -> Vec<PodCube> {
    let listed = LabelCube::of(NAMESPACE_NAME.into(), names.clone());
    let part = |cube: &PodCube| Some(PodCube { namespace: cube.namespace.intersect(&listed)?, ..cube.clone() });
    cubes.iter().filter_map(part).filter(|cube| !cube.is_empty()).collect()
}

struct Search<'a> {
    bench: Bench<'a>,
    /// Who lets the flow through.
    judge: &'a dyn Judge,
    difference: &'a Difference,
    /// The end that is not the one at which the two differ.
    other: Way,
    near: &'a [PodCube],
}

impl Search<'_> {
    /// A flow between the near pods and this far pod that passes the far pod's end.
    fn passing(&self, far: &Endpoint, effort: &mut Effort) -> Result<Option<Flow>, TooManyPods> {
        let end = self.judge.end(far, self.other);
        let mut cuts = end.cuts();
        // Only ports of the class are of interest; its own line keeps every class of ports inside or outside of it.
        cuts.push(Cut { peers: Peers::all(), ports: self.difference.ports.clone(), requests: RequestSamples::default() });
        let cubes: Vec<(usize, &PodCube)> =
            cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
        let nears = classes_among(self.near.to_vec(), &cubes, cuts.len(), self.bench.world)?;
        effort.spend((1 + cubes.len()) * nears.iter().map(|near| 1 + near.parts.len()).sum::<usize>())?;
        Ok(nears.into_iter().find_map(|near| self.between(&*end, &cuts, &Endpoint::from(Peer::Pod(near.example)), far)))
    }

    /// A flow between these two pods.
    fn between(&self, end: &dyn JudgedEnd, cuts: &[Cut], near: &Endpoint, far: &Endpoint) -> Option<Flow> {
        let held: Vec<usize> = cuts.iter().enumerate().filter(|(_, cut)| cut.peers.contains(&near.peer)).map(|(at, _)| at).collect();
        let (source, destination) = oriented(self.difference.way, &near.peer, &far.peer);
        let of_class = |protocol: Protocol, port: u16| self.difference.ports.contains(protocol, port);
        for class in port_classes(cuts, &held).iter().filter(|class| of_class(class.protocol, class.example)) {
            let flow = Flow {
                source: source.clone(),
                destination: destination.clone(),
                protocol: class.protocol,
                port: class.example,
                ..self.difference.flow.clone()
            };
            let found = match self.other {
                Way::Egress => Some(flow).filter(|flow| end.verdict(flow, near) != Verdict::Denied),
                Way::Ingress => entering(end, cuts, &class.cuts, near, flow),
            };
            if let Some(flow) = found.filter(|flow| self.differs(flow, near, far)) {
                return Some(flow);
            }
        }
        None
    }

    /// Whether the two judges still differ about the near pod: another pod of its class may be no part of the mesh.
    fn differs(&self, flow: &Flow, near: &Endpoint, far: &Endpoint) -> bool {
        let can_prove = |peer: &Peer| matches!(peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
        if flow.transport == Transport::Mtls && !(can_prove(&flow.source) && can_prove(&flow.destination)) {
            return false;
        }
        if self.bench.ruled_out.rules_out(flow) {
            return false;
        }
        let verdict = |judge: &dyn Judge| judge.end(near, self.difference.way).verdict(flow, far);
        differ(&verdict(self.bench.left), &verdict(self.bench.right))
    }
}

/// The near end looked at neither transport nor request: any that passes the far end will do.
fn entering(end: &dyn JudgedEnd, cuts: &[Cut], held: &[usize], near: &Endpoint, flow: Flow) -> Option<Flow> {
    let Ok(requests) = request_classes(cuts, held, &mut PathCells::default()) else { return Some(flow) };
    let flows = transports(Way::Ingress, &flow)
        .iter()
        .flat_map(|transport| requests.iter().map(|request| Flow { transport: *transport, request: request.clone(), ..flow.clone() }));
    flows.into_iter().find(|flow| end.verdict(flow, near) != Verdict::Denied)
}
