//! Flows end to end: which of a product of sources, destinations and ports pass one judge.
//!
//! Owns: the joint classes of both ends. Ends are cut lazily: a source's own end is looked at only where the destination's lets
//! something through, or where the caller wants to know of every flow.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::compare::{RuledOut, transports};
use super::judge::{Judge, JudgedEnd, Way};
use super::labels::Worlds;
use super::masked::outside_mesh;
use crate::classes::{Far, PathCells, PortClass, TooManyPods, classes_among, deciding_requests, far_classes, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{
    AddressSet, Cut, DataPlane, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PortSet, Protocol, Request, RequestSamples,
    Symbol, Transport, Values, Verdict,
};

/// What is asked: every flow from some peers to some others on some ports.
#[derive(Debug, Clone)]
pub struct Product {
    /// Who calls. Each set is told apart from the others.
    pub sources: Vec<Peers>,
    /// Who is called.
    pub destinations: Peers,
    /// On which ports.
    pub ports: PortSet,
    /// What requests are told apart by.
    pub requests: RequestSamples,
}

/// Which flows are worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those that may pass.
    Passing,
}

/// All flows of one class of sources, destinations and ports.
#[derive(Debug, Clone)]
pub struct Triple {
    /// One flow for each transport and request, with what both ends together say of it.
    pub flows: Vec<(Flow, Verdict)>,
    /// Whether pods or requests fell into too many classes to be tried; then `flows` is empty.
    pub is_incomplete: bool,
}

impl Triple {
    const fn incomplete() -> Self {
        Self { flows: Vec::new(), is_incomplete: true }
    }
}

/// Answers questions about whole flows.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// Who judges.
    pub judge: &'a dyn Judge,
    /// Which pods can exist.
    pub worlds: Worlds<'a>,
    /// Which flows do not occur.
    pub ruled_out: &'a dyn RuledOut,
    /// The namespaces that the judge may tell apart from one that nobody knows, besides those that it says it does.
    pub namespaces: &'a [Symbol],
}

/// A class of destinations: one of them, and all that are alike to its own end.
struct Called {
    example: Endpoint,
    all: AllCalled,
}

enum AllCalled {
    Pods(Vec<PodCube>, Part),
    Addresses(AddressSet),
}

/// What part pods have in the mesh.
#[derive(Clone, Copy)]
enum Part {
    /// What is known of them.
    AsKnown,
    /// None, as nobody says it of their namespace.
    OutsideMesh,
}

impl Reach<'_> {
    /// Visits the flows of a product, one of each class, until the visitor breaks off.
    pub fn visit(&self, product: &Product, wanted: Wanted, visit: &mut dyn FnMut(Triple) -> ControlFlow<()>) -> ControlFlow<()> {
        let Ok(all) = self.called(product) else { return visit(Triple::incomplete()) };
        for called in all {
            self.visit_called(product, &called, wanted, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// Whether the product holds any flow at all.
    pub fn is_empty(&self, product: &Product) -> bool {
        let mut found = false;
        let _ = self.visit(product, Wanted::All, &mut |_| {
            found = true;
            ControlFlow::Break(())
        });
        !found
    }

    fn called(&self, product: &Product) -> Result<Vec<Called>, TooManyPods> {
        let mut called = Vec::new();
        for (wholes, own) in self.parts(Way::Ingress, &[PodCube::all()]) {
            let cubes = own.iter().chain(product.destinations.pods.cubes());
            let cubes: Vec<(usize, &PodCube)> = cubes.enumerate().collect();
            let classes = classes_among(wholes, &cubes, cubes.len(), self.worlds.destinations)?;
            let wanted = classes.into_iter().filter(|class| product.destinations.pods.contains(&class.example));
            for class in wanted {
                let outside = outside_mesh(&class.example, self.worlds.destinations, Way::Ingress);
                let of =
                    |pod: Pod, part| Called { example: Endpoint::from(Peer::Pod(pod)), all: AllCalled::Pods(class.parts.clone(), part) };
                called.extend(outside.map(|pod| of(pod, Part::OutsideMesh)));
                called.push(of(class.example, Part::AsKnown));
            }
        }
        if let Some(first) = product.destinations.addresses.first() {
            let all = AllCalled::Addresses(product.destinations.addresses.clone());
            called.push(Called { example: Endpoint::from(Peer::Address(first)), all });
        }
        Ok(called)
    }

    /// Cubes by namespace: the parts in each namespace that is known, and the parts elsewhere, each with what tells its pods apart.
    fn parts(&self, way: Way, cubes: &[PodCube]) -> Vec<(Vec<PodCube>, Vec<PodCube>)> {
        let policed = self.judge.policed();
        let namespaces: BTreeSet<&Symbol> = self.namespaces.iter().chain(&policed).collect();
        let within = |names: Values| cubes.iter().filter_map(|cube| narrowed(cube, names.clone())).collect::<Vec<_>>();
        let mut parts = Vec::new();
        for name in namespaces.iter().filter(|name| cubes.iter().any(|cube| cube.names().contains(Some(name)))) {
            let inside = within(Values::one(Symbol::clone(name)));
            if !inside.is_empty() {
                parts.push((inside, self.judge.subjects(name, way)));
            }
        }
        let elsewhere = within(Values::except(namespaces.into_iter().cloned()));
        if !elsewhere.is_empty() {
            parts.push((elsewhere, self.judge.subjects_elsewhere(way)));
        }
        parts
    }

    fn visit_called(
        &self,
        product: &Product,
        called: &Called,
        wanted: Wanted,
        visit: &mut dyn FnMut(Triple) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let end = is_pod(&called.example).then(|| self.judge.end(&called.example, Way::Ingress));
        let mut cuts = end.as_ref().map(|end| end.cuts()).unwrap_or_default();
        cuts.extend(self.ruled_out.cuts(Way::Ingress));
        let first_asked = cuts.len();
        let asked = |peers: &Peers| Cut { peers: peers.clone(), ports: product.ports.clone(), requests: product.requests.clone() };
        cuts.extend(product.sources.iter().map(asked));
        let Ok(classes) = far_classes(&cuts, self.worlds.sources) else { return visit(Triple::incomplete()) };
        for far in classes {
            if !far.cuts.iter().any(|at| *at >= first_asked) {
                continue;
            }
            let callers = Caller { reach: self, called, end: end.as_deref(), cuts: &cuts, product };
            if wanted == Wanted::Passing && !callers.may_enter(&far) {
                continue;
            }
            callers.visit(&far, wanted, visit)?;
        }
        ControlFlow::Continue(())
    }
}

/// A cube, as far as its namespace's name is one of these.
fn narrowed(cube: &PodCube, names: Values) -> Option<PodCube> {
    let namespace = cube.namespace.intersect(&LabelCube::of(NAMESPACE_NAME.into(), names))?;
    Some(PodCube { namespace, ..cube.clone() }).filter(|cube| !cube.is_empty())
}

fn is_pod(endpoint: &Endpoint) -> bool {
    matches!(endpoint.peer, Peer::Pod(_))
}

fn is_meshed(endpoint: &Endpoint) -> bool {
    matches!(&endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None)
}

/// One source and one destination.
struct Pair<'a> {
    source: &'a Endpoint,
    /// The source's own end; none where nothing judges it.
    leaves: Option<&'a dyn JudgedEnd>,
    called: &'a Endpoint,
}

/// The callers of one class of destinations.
struct Caller<'a> {
    reach: &'a Reach<'a>,
    called: &'a Called,
    end: Option<&'a (dyn JudgedEnd + 'a)>,
    cuts: &'a [Cut],
    product: &'a Product,
}

impl Caller<'_> {
    /// Whether the destination's end lets anything of these callers through that is asked about.
    fn may_enter(&self, far: &Far) -> bool {
        let Some(end) = self.end else { return true };
        let caller = Endpoint::from(far.example.clone());
        let flows = |ports: &PortClass| self.flows(&caller, &self.called.example, self.cuts, ports);
        self.asked_ports(self.cuts, &far.cuts).iter().any(|ports| match flows(ports) {
            Some(flows) => flows.iter().any(|flow| end.verdict(flow, &caller) != Verdict::Denied),
            None => true,
        })
    }

    /// The classes of ports that are asked about.
    fn asked_ports(&self, cuts: &[Cut], active: &[usize]) -> Vec<PortClass> {
        let asked = |class: &PortClass| self.product.ports.contains(class.protocol, class.example);
        port_classes(cuts, active).into_iter().filter(asked).collect()
    }

    /// One flow for each transport and request; none if the requests are too many.
    fn flows(&self, source: &Endpoint, destination: &Endpoint, cuts: &[Cut], ports: &PortClass) -> Option<Vec<Flow>> {
        let flow = Flow {
            source: source.peer.clone(),
            destination: destination.peer.clone(),
            protocol: ports.protocol,
            port: ports.example,
            transport: Transport::Plaintext,
            request: None,
        };
        let requests: Vec<Option<Request>> = if ports.protocol == Protocol::Tcp {
            deciding_requests(cuts, &ports.cuts, &mut PathCells::default()).ok()?
        } else {
            vec![None]
        };
        let transports = transports(Way::Ingress, &flow);
        let all = transports.iter().flat_map(|transport| requests.iter().map(move |request| (*transport, request)));
        let flows = all.map(|(transport, request)| Flow { transport, request: request.clone(), ..flow.clone() });
        Some(flows.filter(|flow| !self.reach.ruled_out.rules_out(flow)).collect())
    }

    fn visit(&self, far: &Far, wanted: Wanted, visit: &mut dyn FnMut(Triple) -> ControlFlow<()>) -> ControlFlow<()> {
        if matches!(far.example, Peer::Address(_)) {
            let source = Endpoint::from(far.example.clone());
            return self.visit_pair(&Pair { source: &source, leaves: None, called: &self.called.example }, self.cuts, wanted, visit);
        }
        for (parts, own) in self.reach.parts(Way::Egress, &far.parts) {
            let cubes: Vec<(usize, &PodCube)> = own.iter().enumerate().collect();
            let Ok(classes) = classes_among(parts, &cubes, own.len(), self.reach.worlds.sources) else {
                return visit(Triple::incomplete());
            };
            for class in classes {
                self.visit_source(&Endpoint::from(Peer::Pod(class.example)), wanted, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// One class of sources: its own end cuts the destinations once more.
    fn visit_source(&self, source: &Endpoint, wanted: Wanted, visit: &mut dyn FnMut(Triple) -> ControlFlow<()>) -> ControlFlow<()> {
        let end = self.reach.judge.end(source, Way::Egress);
        let mut own = end.cuts();
        own.extend(self.reach.ruled_out.cuts(Way::Egress));
        let mut cuts = self.cuts.to_vec();
        // From here on destinations are concrete: what a cut of the caller's end says of them is settled for each.
        let Ok(all) = self.called_by(&own) else { return visit(Triple::incomplete()) };
        for called in all {
            cuts.truncate(self.cuts.len());
            let held = own.iter().filter(|cut| cut.peers.contains(&called.peer));
            cuts.extend(held.map(|cut| Cut { peers: Peers::all(), ports: cut.ports.clone(), requests: RequestSamples::default() }));
            self.visit_pair(&Pair { source, leaves: Some(&*end), called: &called }, &cuts, wanted, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// The destinations of this class, as a caller's end tells them apart.
    fn called_by(&self, own: &[Cut]) -> Result<Vec<Endpoint>, TooManyPods> {
        Ok(match &self.called.all {
            AllCalled::Pods(parts, part) => {
                let cubes: Vec<(usize, &PodCube)> =
                    own.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
                let classes = classes_among(parts.clone(), &cubes, own.len(), self.reach.worlds.destinations)?;
                let taken = |pod: Pod| match part {
                    Part::AsKnown => pod,
                    Part::OutsideMesh => Pod { plane: DataPlane::None, ..pod },
                };
                let pods = classes.into_iter().map(|class| taken(class.example));
                // Of the pods of a class those that take part in the mesh otherwise than its example are a class of their own.
                pods.map(|pod| Endpoint::from(Peer::Pod(pod))).filter(|pod| is_meshed(pod) == is_meshed(&self.called.example)).collect()
            }
            AllCalled::Addresses(addresses) => {
                let cells = own.iter().fold(vec![addresses.clone()], |cells, cut| split(cells, &cut.peers.addresses));
                cells.iter().filter_map(|cell| Some(Endpoint::from(Peer::Address(cell.first()?)))).collect()
            }
        })
    }

    /// All flows of one source and one destination.
    fn visit_pair(
        &self,
        pair: &Pair<'_>,
        cuts: &[Cut],
        wanted: Wanted,
        visit: &mut dyn FnMut(Triple) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Pair { source, leaves, called } = *pair;
        let active: Vec<usize> = cuts.iter().enumerate().filter(|(_, cut)| cut.peers.contains(&source.peer)).map(|(at, _)| at).collect();
        for ports in self.asked_ports(cuts, &active) {
            let Some(flows) = self.flows(source, called, cuts, &ports) else {
                visit(Triple::incomplete())?;
                continue;
            };
            let judged = |flow: Flow| {
                let out = leaves.map_or(Verdict::Allowed, |end| end.verdict(&flow, called));
                let into = self.end.map_or(Verdict::Allowed, |end| end.verdict(&flow, source));
                (flow, both(out, into))
            };
            let mut flows: Vec<(Flow, Verdict)> = flows.into_iter().map(judged).collect();
            if wanted == Wanted::Passing {
                flows.retain(|(_, verdict)| *verdict != Verdict::Denied);
            }
            if !flows.is_empty() {
                visit(Triple { flows, is_incomplete: false })?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// What two ends say together.
fn both(out: Verdict, into: Verdict) -> Verdict {
    match (out, into) {
        (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
        (Verdict::Allowed, verdict) | (verdict, Verdict::Allowed | Verdict::Unspecified(_)) => verdict,
    }
}

fn split(cells: Vec<AddressSet>, by: &AddressSet) -> Vec<AddressSet> {
    let parts = cells.into_iter().flat_map(|cell| [cell.intersect(by), cell.subtract(by)]);
    parts.filter(|cell| !cell.is_empty()).collect()
}
