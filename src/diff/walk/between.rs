//! Two classes of peers, compared on both sides.
//!
//! Owns: `Between`: the classes of ports and requests of flows between the two, and what passes of each.

use std::borrow::Borrow;
use std::rc::Rc;
use std::sync::Arc;

use super::asked::Asked;
use super::few::Few;
use super::{Cell, Ends, Found, LeftOpen, Open, Piece, Shows, Told, Walk, Wanted, line};
use crate::classes::{PortClass, TooManyRequests, differing_requests, port_classes, request_classes};
use crate::diff::access::{Access, Stops};
use crate::diff::seeds::Sown;
use crate::diff::side::{Both, Pair, Said, Which};
use crate::flow::{Cut, Flow, Peer, Peers, Protocol, Request, RequestSamples, Transport, Verdict};
use crate::verify::{JudgedEnd, Way, transports};

/// The ends that flows between two peers pass; one that is not given lets everything pass.
#[derive(Clone, Copy)]
pub(super) struct Doors<'a> {
    pub(super) out: Option<&'a Ends<'a>>,
    pub(super) into: Option<&'a Ends<'a>>,
}

/// Flows between two classes of peers.
pub(super) struct Between<'a> {
    pub(super) walk: &'a Walk<'a>,
    pub(super) seeds: &'a [&'a Sown],
    pub(super) caller: &'a Piece,
    pub(super) target: &'a Piece,
    /// The places among the cuts of the end that is called of those which hold the caller. They are the first ones of all by which flows
    /// between the two are told apart.
    pub(super) entered: &'a [usize],
}

impl Between<'_> {
    /// Compares both sides on every class of ports of the seeds.
    pub(super) fn compare<C: Borrow<Cut>>(&self, doors: Doors<'_>, cuts: &[C], held: &[usize], found: &mut Found) {
        let policies = self.walk.policies;
        let (source, target) = (&self.caller.example, &self.target.example);
        let seeds: Vec<&&Sown> = self.seeds.iter().filter(|seed| seed.has_ends(policies, source, target)).collect();
        if seeds.is_empty() {
            return;
        }
        let first = found.cells.len();
        let mut flows = self.flows();
        let mut somewhere = [false; 2];
        for class in self.ports(cuts, held) {
            if !seeds.iter().any(|seed| seed.has_port(policies, target, class.protocol, class.example)) {
                continue;
            }
            let Ok(asked) = self.asked(doors, cuts, &class) else {
                let [_, flow] = self.flows();
                found.incomplete.push(Flow { protocol: class.protocol, port: class.example, ..flow });
                somewhere = [true; 2];
                continue;
            };
            let [(before, was), (after, why)] = self.both(doors, &mut flows, &class, &asked);
            if self.walk.wanted.doubts == Open::Kept {
                self.leave_open(&class, &asked, left_open(&before, &after), found);
            }
            for (passes, access) in somewhere.iter_mut().zip([&before, &after]) {
                *passes |= access.best().contains(&Said::Allowed);
            }
            if (self.walk.wanted.differ)(&before, &after) {
                self.tell(Cell { was_why: was, ..self.cell(class, &asked, before, after, why) }, first, found);
            }
        }
        let is_all = seeds.iter().any(|seed| seed.has_all_ports());
        for cell in found.cells.iter_mut().skip(first) {
            cell.somewhere = is_all.then_some(somewhere);
        }
    }

    /// The classes of ports; none has ports that are to be looked at and others.
    fn ports<C: Borrow<Cut>>(&self, cuts: &[C], held: &[usize]) -> Vec<PortClass> {
        let Some(within) = self.walk.wanted.within else { return port_classes(cuts, held) };
        let line = line(&Peers::none(), &within.ports);
        let cuts: Vec<&Cut> = cuts.iter().map(Borrow::borrow).chain([&line]).collect();
        let held: Vec<usize> = held.iter().copied().chain(cuts.len().checked_sub(1)).collect();
        port_classes(&cuts, &held)
    }

    /// Takes in a cell, together with one of those between these two that differs from it in nothing but its ports.
    fn tell(&self, cell: Cell, first: usize, found: &mut Found) {
        let is_alike = |other: &&mut Cell| {
            (other.protocol, &other.before, &other.after, &other.why, &other.was_why)
                == (cell.protocol, &cell.before, &cell.after, &cell.why, &cell.was_why)
                && other.requests == cell.requests
        };
        match found.cells.iter_mut().skip(first).find(is_alike).filter(|_| self.walk.wanted.told == Told::Together) {
            Some(other) => other.ports = other.ports.union(&cell.ports),
            None => found.cells.push(cell),
        }
    }

    fn cell(&self, class: PortClass, asked: &Asked, before: Access, after: Access, why: Option<String>) -> Cell {
        Cell {
            source: Arc::clone(&self.caller.peers),
            destination: Arc::clone(&self.target.peers),
            ports: class.ports,
            caller: self.caller.example.clone(),
            target: self.target.example.clone(),
            protocol: class.protocol,
            port: class.example,
            requests: Arc::clone(&asked.requests),
            before,
            after,
            why,
            was_why: None,
            somewhere: None,
            workloads: [self.caller.workload.clone(), self.target.workload.clone()],
            call: None,
            meant: Vec::new(),
        }
    }

    /// Takes in what both sides leave open. Of requests that neither tells apart one is enough.
    fn leave_open(&self, class: &PortClass, asked: &Asked, open: Vec<(Transport, usize)>, found: &mut Found) {
        let places: Vec<(Transport, usize)> = open.into_iter().filter(|(_, at)| asked.is_first(*at)).collect();
        if places.is_empty() {
            return;
        }
        found.leave_open(LeftOpen {
            caller: self.caller.example.clone(),
            target: self.target.example.clone(),
            protocol: class.protocol,
            port: class.example,
            requests: Arc::clone(&asked.requests),
            places,
            workloads: [self.caller.workload.clone(), self.target.workload.clone()],
            call: None,
        });
    }

    /// What is asked on a class of ports; only a TCP connection to a pod can be looked into.
    pub(super) fn asked<C: Borrow<Cut>>(&self, doors: Doors<'_>, cuts: &[C], class: &PortClass) -> Result<Rc<Asked>, TooManyRequests> {
        let is_pod = matches!(self.target.example.of(Which::Head), Peer::Pod(_));
        let looks = |at: &&usize| cuts.get(**at).is_some_and(|cut| !cut.borrow().requests.is_empty());
        let looking: Vec<usize> = class.cuts.iter().filter(looks).copied().collect();
        if looking.is_empty() || class.protocol != Protocol::Tcp || !is_pod {
            return Ok(Rc::new(Asked::nothing()));
        }
        let new = || {
            let cuts: Vec<&Cut> = looking.iter().filter_map(|at| cuts.get(*at)).map(Borrow::borrow).collect();
            let asked = Asked::new(self.requests(&cuts)?, doors.into);
            self.walk.looks.set(self.walk.looks.get() + asked.requests.len());
            Ok(asked)
        };
        let places: Option<Vec<usize>> = looking.iter().map(|at| self.entered.get(*at).copied()).collect();
        match (doors.into, places) {
            (Some(into), Some(places)) => into.asked.of(places, new),
            _ => new().map(Rc::new),
        }
    }

    /// The classes of requests into which cuts that look into connections cut them, or as many as two sides need to differ.
    fn requests(&self, cuts: &[&Cut]) -> Result<Vec<Option<Request>>, TooManyRequests> {
        let (all, mut paths): (Vec<usize>, _) = ((0..cuts.len()).collect(), self.walk.paths.borrow_mut());
        match self.walk.wanted.shows {
            Shows::Difference | Shows::Step(_) => differing_requests(cuts, &all, &mut paths),
            Shows::AtEnd | Shows::Against(..) => request_classes(cuts, &all, &mut paths),
        }
    }

    /// A flow between the two, as each side sees it.
    pub(super) fn flows(&self) -> [Flow; 2] {
        [Which::Base, Which::Head].map(|which| Flow {
            source: self.caller.example.of(which).clone(),
            destination: self.target.example.of(which).clone(),
            protocol: Protocol::Tcp,
            port: 1,
            transport: Transport::Plaintext,
            request: None,
        })
    }

    /// What passes on each side.
    pub(super) fn both(
        &self,
        doors: Doors<'_>,
        [base, head]: &mut [Flow; 2],
        class: &PortClass,
        asked: &Asked,
    ) -> [(Access, Option<String>); 2] {
        [(Which::Base, base), (Which::Head, head)].map(|(which, flow)| self.access(doors, (which, flow), class, asked))
    }

    /// What passes on one side, and why that is left open where it is.
    fn access(&self, doors: Doors<'_>, (which, flow): (Which, &mut Flow), class: &PortClass, asked: &Asked) -> (Access, Option<String>) {
        self.walk.looks.set(self.walk.looks.get() + asked.distinct().len());
        (flow.protocol, flow.port, flow.transport) = (class.protocol, class.example, Transport::Plaintext);
        let mut access = Access::default();
        let mut why = None;
        let (out, into) = (doors.out.and_then(|ends| ends.of(which)), doors.into.and_then(|ends| ends.of(which)));
        let (from, to) = (self.caller.example.end(which), self.target.example.end(which));
        for transport in transports(Way::Ingress, flow) {
            flow.transport = *transport;
            flow.request = None;
            // Only the end that is called looks into connections.
            let left = out.map_or(Verdict::Allowed, |end| end.verdict(flow, to));
            let (mut said, mut stops) = (Vec::with_capacity(asked.distinct().len()), Vec::new());
            for request in asked.distinct() {
                flow.request.clone_from(request);
                let (entered, stopped) = match (&left, into) {
                    (Verdict::Denied, into) => (Verdict::Denied, into.and_then(|end| end.stops(flow, from))),
                    (_, Some(end)) => end.judge(flow, from),
                    (_, None) => (Verdict::Allowed, None),
                };
                for verdict in [&left, &entered] {
                    if let Verdict::Unspecified(reason) = verdict {
                        why.get_or_insert_with(|| reason.clone());
                    }
                }
                said.push(Said::from(&left).min(Said::from(&entered)));
                stops.extend(stopped.map(|[network, mesh]| Stops { network: network || left == Verdict::Denied, mesh }));
            }
            access.stops.extend(asked.all(&stops));
            access.set(*transport, asked.all(&said));
        }
        (access, why)
    }
}

/// The transports and the places of requests of which both leave open whether they pass.
pub(in crate::diff) fn left_open(before: &Access, after: &Access) -> Vec<(Transport, usize)> {
    let over = |transport: Transport| {
        let both = before.over(transport).unwrap_or_default().iter().zip(after.over(transport).unwrap_or_default());
        let are_open = |said: (&Said, &Said)| said == (&Said::Unspecified, &Said::Unspecified);
        both.enumerate().filter(move |(_, said)| are_open(*said)).map(move |(at, _)| (transport, at))
    };
    [Transport::Mtls, Transport::Plaintext].into_iter().flat_map(over).collect()
}

/// The places of the cuts that hold a peer, each as its own side sees it; the first ones are the base's.
pub(super) fn holding(cuts: &[Cut], of_base: usize, peer: &Both) -> Vec<usize> {
    let holds = |(at, cut): &(usize, &Cut)| cut.peers.contains(peer.of(if *at < of_base { Which::Base } else { Which::Head }));
    cuts.iter().enumerate().filter(holds).map(|(at, _)| at).collect()
}

/// Whether anything passes on one side between two peers, on any port.
pub(in crate::diff) fn passes_somewhere(pair: &Pair<'_>, which: Which, caller: &Both, target: &Both) -> bool {
    let wanted = Wanted::any();
    let few = Few::new(pair, &wanted);
    let walk = Walk::new(&few, None, &wanted);
    let piece = |peer: &Both| Piece { peers: Arc::default(), example: peer.clone(), held_by: Vec::new(), workload: None };
    let (from_piece, to_piece) = (piece(caller), piece(target));
    let (out, into) = (caller.ends(pair, Way::Egress), target.ends(pair, Way::Ingress));
    let cuts_of = |ends: &Ends<'_>, far: &Both| {
        let cuts = ends.of(which).map(JudgedEnd::cuts).unwrap_or_default();
        cuts.into_iter().filter(|cut| cut.peers.contains(far.of(which))).collect::<Vec<_>>()
    };
    let mut cuts = cuts_of(&into, caller);
    let looked_into = cuts.len();
    cuts.extend(cuts_of(&out, target));
    for cut in cuts.iter_mut().skip(looked_into) {
        cut.requests = RequestSamples::default();
    }
    let all: Vec<usize> = (0..cuts.len()).collect();
    let entered: Vec<usize> = (0..looked_into).collect();
    let between = Between { walk: &walk, seeds: &[], caller: &from_piece, target: &to_piece, entered: &entered };
    let [base, head] = &mut between.flows();
    let flow = if which == Which::Base { base } else { head };
    let doors = Doors { out: Some(&out), into: Some(&into) };
    port_classes(&cuts, &all).iter().any(|class| {
        let Ok(asked) = between.asked(doors, &cuts, class) else { return true };
        let (access, _) = between.access(doors, (which, &mut *flow), class, &asked);
        access.best().contains(&Said::Allowed)
    })
}
