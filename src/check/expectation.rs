//! Expectations, decided over every pod that could exist.
//!
//! Owns: `expectation-failed`. It asks the normal form, whose openings are exactly what each end lets through; `meaning` has
//! the definition, and a property test holds the two together.

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{
    AddressSet, DataPlane, LabelCube, NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, Protocol, RequestSet, Symbol, Transport, Values,
};
use crate::gates::{Gates, IsolatedBy, Mtls, Region};
use crate::ir::{Expectation, Namespace, Policy, RuleId, Target, Workload, captured_ports};
use crate::syntax::ast::{Action, Direction, Quantifier};

/// A finding for every expectation that does not hold.
pub(super) fn check(policy: &Policy, gates: &Gates) -> Vec<Diagnostic> {
    if policy.expectations.is_empty() {
        return Vec::new();
    }
    let world = World::of(policy, gates);
    policy.expectations.iter().filter_map(|expectation| judge(policy, &world, expectation)).collect()
}

/// Something that one end lets through.
#[derive(Clone)]
struct Lane {
    region: Region,
    requests: RequestSet,
    mtls: Mtls,
    rule: Option<RuleId>,
}

/// What each end lets through, over all peers.
struct World {
    enters: Vec<Lane>,
    leaves: Vec<Lane>,
}

/// A flow that decides an expectation.
struct Witness {
    region: Region,
    rule: Option<RuleId>,
}

impl World {
    fn of(policy: &Policy, gates: &Gates) -> Self {
        Self { enters: lanes(policy, gates, Direction::In), leaves: lanes(policy, gates, Direction::Out) }
    }

    /// A flow of these regions that passes both ends over one of the transports, with one of the requests.
    fn passing(&self, regions: &[Region], requests: &RequestSet, transport: Option<Transport>) -> Option<Witness> {
        for region in regions {
            let reaching = self.enters.iter().filter(|lane| fits(lane, transport));
            for lane in reaching {
                let Some(part) = region.intersect(&lane.region) else { continue };
                if !lane.requests.overlaps(requests) {
                    continue;
                }
                if let Some(whole) = self.leaves.iter().find_map(|out| part.intersect(&out.region)) {
                    return Some(Witness { region: whole, rule: lane.rule });
                }
            }
        }
        None
    }

    /// A flow of these regions that passes both ends with a request outside of these.
    fn beyond(&self, regions: &[Region], requests: &RequestSet) -> Option<Witness> {
        let enters: Vec<Lane> = self.enters.iter().filter(|lane| !lane.requests.is_subset(requests)).cloned().collect();
        Self { enters, leaves: self.leaves.clone() }.passing(regions, &RequestSet::all(), None)
    }

    /// A flow of these regions that does not pass: at the caller, or at the destination whatever may be asked there.
    fn stopped(&self, policy: &Policy, regions: Vec<Region>, expectation: &Expectation) -> Option<Witness> {
        let left = self.leaves.iter().fold(regions.clone(), |left, lane| minus(left, &lane.region));
        if let Some(region) = left.into_iter().find_map(|region| real(policy, &region)) {
            return Some(Witness { region, rule: None });
        }
        if expectation.transport.is_none() && expectation.requests.is_all() {
            let left = self.enters.iter().fold(regions, |left, lane| minus(left, &lane.region));
            return left.into_iter().find_map(|region| real(policy, &region)).map(|region| Witness { region, rule: None });
        }
        let transports = expectation.transport.map_or_else(|| vec![Transport::Mtls, Transport::Plaintext], |transport| vec![transport]);
        transports.into_iter().find_map(|transport| {
            let lanes: Vec<&Lane> = self.enters.iter().filter(|lane| fits(lane, Some(transport))).collect();
            uncovered(policy, regions.clone(), &expectation.requests, &lanes)
        })
    }
}

/// Whether a lane lets flows of this transport through.
fn fits(lane: &Lane, transport: Option<Transport>) -> bool {
    transport != Some(Transport::Plaintext) || lane.mtls == Mtls::Optional
}

/// What of the regions and requests no lane lets through.
fn uncovered(policy: &Policy, regions: Vec<Region>, need: &RequestSet, lanes: &[&Lane]) -> Option<Witness> {
    if regions.is_empty() || need.is_empty() {
        return None;
    }
    let Some((lane, rest)) = lanes.split_first() else {
        return regions.into_iter().find_map(|region| real(policy, &region)).map(|region| Witness { region, rule: None });
    };
    let inside: Vec<Region> = regions.iter().filter_map(|region| region.intersect(&lane.region)).collect();
    if inside.is_empty() {
        return uncovered(policy, regions, need, rest);
    }
    let outside = minus(regions, &lane.region);
    uncovered(policy, inside, &need.subtract(&lane.requests), rest).or_else(|| uncovered(policy, outside, need, rest))
}

fn minus(regions: Vec<Region>, other: &Region) -> Vec<Region> {
    regions.into_iter().flat_map(|region| region.subtract(other)).collect()
}

/// What one end lets through: openings where pods are isolated, everything elsewhere.
fn lanes(policy: &Policy, gates: &Gates, direction: Direction) -> Vec<Lane> {
    let mut lanes = vec![Lane { region: free(policy, gates, direction), requests: RequestSet::all(), mtls: Mtls::Optional, rule: None }];
    for (name, entry) in &gates.namespaces {
        for opening in entry.openings.iter().filter(|opening| opening.direction == direction) {
            let near = Peers::from(PodSet::from(PodCube { labels: opening.subject.clone(), ..PodCube::in_namespace(name) }));
            let region = facing(direction, near, possible(policy, &opening.peers), opening.ports.clone());
            let region = if opening.mtls == Mtls::Optional { region } else { spoken(policy, &region) };
            let rule = match opening.cause {
                crate::gates::Cause::Rule(rule) => Some(rule),
                crate::gates::Cause::Baseline | crate::gates::Cause::Open => None,
            };
            let requests = policy.verified(opening.requests.clone());
            lanes.extend(served(policy, Lane { region, requests, mtls: opening.mtls, rule }));
        }
    }
    lanes
}

/// A lane without the connections that do not occur: where a `deny` on requests stands, ports are served as HTTP, as a proof assumes.
fn served(policy: &Policy, lane: Lane) -> Vec<Lane> {
    let denies = policy.rules.iter().filter(|rule| rule.action == Action::Deny && !rule.requests.is_all());
    let everybody = |target: &Target| Region { sources: Peers::all(), destinations: target.end.peers(), ports: target.ports.clone() };
    let ports: Vec<Region> = denies.flat_map(|rule| &rule.targets).map(everybody).filter(|region| region.overlaps(&lane.region)).collect();
    if !lane.requests.raw || ports.is_empty() {
        return vec![lane];
    }
    let left = ports.iter().fold(vec![lane.region.clone()], minus);
    let outside = left.into_iter().map(|region| Lane { region, ..lane.clone() });
    let requests = RequestSet { raw: false, ..lane.requests.clone() };
    let within = ports.iter().filter_map(|region| lane.region.intersect(region));
    let within = within.map(|region| Lane { region, requests: requests.clone(), ..lane.clone() });
    outside.chain(within.filter(|lane| !lane.requests.is_empty())).collect()
}

/// Ends that are judged by nobody: addresses, pods of namespaces that are not managed, pods that are not isolated this way.
fn free(policy: &Policy, gates: &Gates, direction: Direction) -> Region {
    let managed = policy.namespaces.values().filter(|namespace| namespace.is_managed()).map(|namespace| namespace.name.clone());
    let elsewhere = LabelCube::of(NAMESPACE_NAME.into(), Values::except(managed));
    let mut pods = PodSet::from(PodCube { namespace: elsewhere, ..PodCube::all() });
    for (name, entry) in &gates.namespaces {
        let mut inside = PodSet::from(PodCube::in_namespace(name));
        for isolation in entry.isolated.iter().filter(|isolation| isolation.direction == direction) {
            // Both kinds of isolation leave nothing but openings; `by` matters to the mesh alone.
            debug_assert!(matches!(isolation.by, IsolatedBy::Closed | IsolatedBy::Denied), "both isolate");
            inside = inside.subtract(&PodSet::from(PodCube { labels: isolation.subject.clone(), ..PodCube::in_namespace(name) }));
        }
        pods = pods.union(&inside);
    }
    facing(direction, Peers { pods, addresses: AddressSet::all() }, Peers::all(), PortSet::all())
}

fn facing(direction: Direction, near: Peers, far: Peers, ports: PortSet) -> Region {
    match direction {
        Direction::In => Region { sources: far, destinations: near, ports },
        Direction::Out => Region { sources: near, destinations: far, ports },
    }
}

fn judge(policy: &Policy, world: &World, expectation: &Expectation) -> Option<Diagnostic> {
    let sources = possible(policy, &expectation.source.peers());
    let region = |target: &Target, sources: &Peers| Region {
        sources: sources.clone(),
        destinations: possible(policy, &target.end.peers()),
        ports: target.ports.clone(),
    };
    let whole: Vec<Region> = expectation.targets.iter().map(|target| region(target, &sources)).collect();
    let product: Vec<Region> =
        whole.into_iter().map(|region| satisfying(policy, expectation, region)).filter(|region| !region.is_empty()).collect();
    if product.is_empty() {
        return Some(failed(expectation, "it speaks of no flow at all", None, policy));
    }
    let needs_ports = matches!(expectation.quantifier, Quantifier::Allow | Quantifier::Only);
    if needs_ports && expectation.targets.iter().any(|target| target.ports_location.is_none()) {
        // Already an error: it would speak of every port there is.
        return None;
    }
    match expectation.quantifier {
        Quantifier::Deny => {
            let witness = world.passing(&product, &expectation.requests, expectation.transport)?;
            Some(failed(expectation, "a flow passes", Some(&witness), policy))
        }
        Quantifier::Some => match world.passing(&product, &expectation.requests, expectation.transport) {
            Some(_) => None,
            None => Some(failed(expectation, "no flow passes", None, policy)),
        },
        Quantifier::Allow => {
            world.stopped(policy, product, expectation).map(|witness| failed(expectation, "a flow is stopped", Some(&witness), policy))
        }
        Quantifier::Only => {
            if let Some(witness) = world.stopped(policy, product.clone(), expectation) {
                return Some(failed(expectation, "a flow is stopped", Some(&witness), policy));
            }
            let others = possible(policy, &Peers::all().subtract(&sources));
            let beside: Vec<Region> = expectation.targets.iter().map(|target| region(target, &others)).collect();
            let witness =
                world.passing(&beside, &RequestSet::all(), None).or_else(|| without_requirement(policy, world, &product, expectation))?;
            Some(failed(expectation, "somebody else gets in", Some(&witness), policy))
        }
    }
}

/// The part of a region whose flows can meet what is required of them: requests are made over TCP, and mTLS is spoken by two pods that are
/// both in the mesh, on a port that it captures.
fn satisfying(policy: &Policy, expectation: &Expectation, region: Region) -> Region {
    match (expectation.transport, expectation.requests.is_all()) {
        (Some(Transport::Mtls), _) => spoken(policy, &region),
        (_, false) => Region { ports: region.ports.intersect(&PortSet::full(Protocol::Tcp)), ..region },
        (_, true) => region,
    }
}

/// The part of a region over which the mesh's mTLS can be spoken.
fn spoken(policy: &Policy, region: &Region) -> Region {
    Region {
        sources: meshed(policy, &region.sources),
        destinations: meshed(policy, &region.destinations),
        ports: region.ports.intersect(&captured_ports()),
    }
}

/// The pods among some peers that are not said to be outside the mesh.
fn meshed(policy: &Policy, peers: &Peers) -> Peers {
    let namespaces = |is_meant: fn(&Namespace) -> bool| {
        policy.namespaces.values().filter(move |namespace| is_meant(namespace)).map(|namespace| Symbol::clone(&namespace.name))
    };
    // Of namespaces that nobody speaks of it is the mesh's mode that says it.
    let outside = match policy.config.mesh.mode {
        DataPlane::None => Values::except(namespaces(|namespace| namespace.plane.is_some_and(|plane| plane != DataPlane::None))),
        _ => Values::of(namespaces(|namespace| namespace.plane == Some(DataPlane::None))),
    };
    let outside = PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), outside), ..PodCube::all() };
    let unmeshed = policy.workloads.iter().filter(|workload| workload.plane == Some(DataPlane::None)).map(Workload::cube);
    let pods = std::iter::once(outside).chain(unmeshed).fold(peers.pods.clone(), |pods, cube| pods.subtract(&PodSet::from(cube)));
    Peers::from(pods)
}

/// The peers that can exist: a namespace has the labels that are known of it, a managed one no others, and who has an address of pods is
/// one, as a proof assumes.
fn possible(policy: &Policy, peers: &Peers) -> Peers {
    let narrowed = |cube: &PodCube| {
        let others = policy.namespaces.values().filter(|namespace| !namespace.may_match(&cube.namespace));
        let others = others.map(|namespace| namespace.name.clone());
        let namespace = cube.namespace.intersect(&LabelCube::of(NAMESPACE_NAME.into(), Values::except(others)))?;
        Some(PodCube { namespace, ..cube.clone() })
    };
    let cluster = &policy.config.cluster;
    let addresses = peers.addresses.subtract(&cluster.pods).subtract(&cluster.services);
    Peers { pods: peers.pods.cubes().iter().filter_map(narrowed).collect(), addresses }
}

/// The part of a region whose peers can exist: what is left when others are taken away may be none of them.
fn real(policy: &Policy, region: &Region) -> Option<Region> {
    let (sources, destinations) = (possible(policy, &region.sources), possible(policy, &region.destinations));
    Some(Region { sources, destinations, ports: region.ports.clone() }).filter(|region| !region.is_empty())
}

/// A flow of the product that passes without what is required.
fn without_requirement(policy: &Policy, world: &World, product: &[Region], expectation: &Expectation) -> Option<Witness> {
    let otherwise = expectation.transport.and_then(|transport| match transport {
        Transport::Mtls => world.passing(product, &RequestSet::all(), Some(Transport::Plaintext)),
        Transport::Plaintext => {
            let spoken: Vec<Region> = product.iter().map(|region| spoken(policy, region)).filter(|region| !region.is_empty()).collect();
            world.passing(&spoken, &RequestSet::all(), Some(Transport::Mtls))
        }
    });
    // Judged by lane and not by the complement of the requests: a set of requests cannot say "without a valid token".
    otherwise.or_else(|| world.beyond(product, &expectation.requests))
}

fn failed(expectation: &Expectation, what: &str, witness: Option<&Witness>, policy: &Policy) -> Diagnostic {
    let finding =
        Diagnostic::new(code::EXPECTATION_FAILED, expectation.location, format!("expected `{}`, but {what}", expectation.words()))
            .label("does not hold");
    let Some(witness) = witness else { return finding.help("correct the expectation or the rules") };
    let finding = finding.note(format!("for example `{}`", example(&witness.region)));
    match witness.rule.and_then(|rule| policy.rule(rule)) {
        Some(rule) => finding.related(rule.location, "let in by this rule").help("correct the rule or the expectation"),
        None => finding.help("correct the expectation or the rules"),
    }
}

/// One flow of a region.
fn example(region: &Region) -> String {
    let (protocol, port) = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
        .into_iter()
        .find_map(|protocol| Some((protocol, region.ports.get(protocol).ranges().first()?.0)))
        .unwrap_or((Protocol::Tcp, 0));
    format!("{} -> {}:{}", peer(&region.sources), peer(&region.destinations), PortSet::one(protocol, port))
}

fn peer(peers: &Peers) -> String {
    match peers.pods.cubes().first() {
        Some(cube) => cube.to_string(),
        None => peers.addresses.prefixes().first().map(ToString::to_string).unwrap_or_default(),
    }
}
