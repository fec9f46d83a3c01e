//! The other end of a difference.
//!
//! Owns: the search for a flow that shows a difference. Where one judge's end lets through what the other's does not, nothing
//! is gained as long as no such flow passes that judge's other end.

use std::collections::BTreeMap;

use super::compare::{Bench, Difference, oriented, subjects_within, transports};
use super::judge::{Judge, Way};
use crate::classes::{Among, PathCells, classes_within, port_classes, request_classes};
use crate::cluster::Endpoint;
use crate::flow::{Cut, Flow, NAMESPACE_NAME, Peer, PodCube, Protocol, Symbol, Values, Verdict};

/// The difference with a flow that shows it end to end; none if the other end stops all of them.
pub(super) fn shown(bench: Bench<'_>, difference: Difference) -> Option<Difference> {
    let judge = if difference.right == Verdict::Denied { bench.left } else { bench.right };
    let Among::Pods(cubes) = &difference.among else { return Some(difference) };
    let other = match difference.way {
        Way::Ingress => Way::Egress,
        Way::Egress => Way::Ingress,
    };
    // A namespace that nobody knows has no policies: nothing stops the flow there.
    let unknown = cubes.iter().filter(|cube| cube.namespace_names().is_none());
    if unknown.into_iter().any(|cube| bench.world.example(cube).is_some()) {
        return Some(difference);
    }
    for (name, inside) in by_name(cubes) {
        for far in subjects_within(bench, &inside, &name, other) {
            let far = Endpoint::from(Peer::Pod(far.example));
            if let Some(flow) = passing(bench, judge, &difference, &far, other) {
                return Some(Difference { flow, ..difference });
            }
        }
    }
    None
}

/// The parts of cubes by the names of their namespaces.
fn by_name(cubes: &[PodCube]) -> BTreeMap<Symbol, Vec<PodCube>> {
    let mut parts: BTreeMap<Symbol, Vec<PodCube>> = BTreeMap::new();
    for cube in cubes {
        for name in cube.namespace_names().unwrap_or_default() {
            let namespace = cube.namespace.clone().with(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name)));
            parts.entry(Symbol::clone(name)).or_default().push(PodCube { namespace, ..cube.clone() });
        }
    }
    parts
}

/// A flow between the near pods and this far pod that passes the far pod's end.
fn passing(bench: Bench<'_>, judge: &dyn Judge, difference: &Difference, far: &Endpoint, other: Way) -> Option<Flow> {
    let end = judge.end(far, other);
    let mut cuts = end.cuts();
    // Only ports of the class are of interest; its own line keeps every class of ports inside or outside of it.
    cuts.push(Cut { peers: crate::flow::Peers::all(), ports: difference.ports.clone(), requests: Default::default() });
    let cubes: Vec<(usize, &PodCube)> =
        cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
    for near in classes_within(&difference.subjects, &cubes, cuts.len(), bench.world) {
        let near = Endpoint::from(Peer::Pod(near.example));
        let held: Vec<usize> = cuts.iter().enumerate().filter(|(_, cut)| cut.peers.contains(&near.peer)).map(|(at, _)| at).collect();
        let ports = port_classes(&cuts, &held);
        let of_class = |protocol: Protocol, port: u16| difference.ports.contains(protocol, port);
        for class in ports.iter().filter(|class| of_class(class.protocol, class.example)) {
            let (source, destination) = oriented(difference.way, &near.peer, &far.peer);
            let flow = Flow {
                source: source.clone(),
                destination: destination.clone(),
                protocol: class.protocol,
                port: class.example,
                transport: difference.flow.transport,
                request: difference.flow.request.clone(),
            };
            let passes = |flow: &Flow| end.verdict(flow, &near) != Verdict::Denied;
            if other == Way::Egress {
                let arrives = transports(Way::Ingress, &flow).contains(&flow.transport);
                if arrives && passes(&flow) {
                    return Some(flow);
                }
                continue;
            }
            // The near end looked at neither transport nor request: any that passes the far end will do.
            let Ok(requests) = request_classes(&cuts, &class.cuts, &mut PathCells::default()) else { return Some(flow) };
            for transport in transports(Way::Ingress, &flow) {
                let found = requests
                    .iter()
                    .map(|request| Flow { transport: *transport, request: request.clone(), ..flow.clone() })
                    .find(|flow| passes(flow));
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}
