//! Asks the evaluator and compares.
//!
//! Owns: how a claim becomes a question. It knows no source.

use std::net::IpAddr;

use twogate::cluster::{Addressed, Cluster, Decision, End as ClusterEnd, Gate, Question, Way};
use twogate::flow::{DataPlane, Labels, Peer, Protocol, Request, Token, Transport, Verdict};

use super::case::Comparison;
use super::cuts::Promise;
use super::expectation::{Claim, Expectation};
use super::world::{End, World};

/// The whole decision with its reasons is made for about this many claims of a case; the two ends are asked for all of them.
const DECISIONS: usize = 400;

/// A cluster whose ends are found once.
#[derive(Debug)]
pub(super) struct Judge<'w> {
    world: &'w World,
    egress: Vec<Option<ClusterEnd<'w>>>,
    ingress: Vec<Option<ClusterEnd<'w>>>,
}

/// What the two ends of a flow say; none where an end is an address.
#[derive(Debug)]
struct Said {
    egress: Option<Verdict>,
    ingress: Option<Verdict>,
}

impl Said {
    /// Both must let it pass; whatever one refuses is refused, whatever the other says.
    fn together(self) -> Verdict {
        match (self.egress.unwrap_or(Verdict::Allowed), self.ingress.unwrap_or(Verdict::Allowed)) {
            (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
            (Verdict::Unspecified(reason), _) | (_, Verdict::Unspecified(reason)) => Verdict::Unspecified(reason),
            (Verdict::Allowed, Verdict::Allowed) => Verdict::Allowed,
        }
    }
}

impl<'w> Judge<'w> {
    /// Finds the policies of each end.
    pub(super) fn new(world: &'w World) -> Self {
        let of = |way| move |end: &'w End| end.as_pod().map(|_| world.cluster.end(&end.endpoint, way));
        let egress = world.ends.iter().map(of(Way::Egress)).collect();
        let ingress = world.ends.iter().map(of(Way::Ingress)).collect();
        Self { world, egress, ingress }
    }

    /// What becomes of a flow: what both ends together say. Only a whole decision knows what the mesh makes of a connection to
    /// an address, where it has no end.
    pub(super) fn ask(&self, claim: &Claim) -> Verdict {
        let (source, destination) = (&self.world.ends[claim.from], &self.world.ends[claim.to]);
        if is_meshed(source) && destination.as_address().is_some() {
            return decide(&self.world.cluster, source, destination, claim).verdict;
        }
        self.ask_ends(claim).together()
    }

    fn ask_ends(&self, claim: &Claim) -> Said {
        let (source, destination) = (&self.world.ends[claim.from], &self.world.ends[claim.to]);
        let (transport, request) = (transport(source, destination, claim.protocol), request(claim));
        let decide = |end: &Option<ClusterEnd<'w>>, far: &End| {
            end.as_ref().map(|end| end.decide(&far.endpoint, claim.protocol, claim.port, transport, request.as_ref()))
        };
        Said { egress: decide(&self.egress[claim.from], destination), ingress: decide(&self.ingress[claim.to], source) }
    }
}

/// The promises of all ends of a cluster.
#[derive(Debug)]
struct Promises {
    egress: Vec<Option<Promise>>,
    ingress: Vec<Option<Promise>>,
}

impl Promises {
    fn new(judge: &Judge<'_>) -> Self {
        let of = |ends: &[Option<ClusterEnd<'_>>]| ends.iter().map(|end| end.as_ref().map(Promise::of)).collect();
        Self { egress: of(&judge.egress), ingress: of(&judge.ingress) }
    }

    fn are_kept(&mut self, world: &World, claim: &Claim, said: &Said) -> bool {
        let (source, destination) = (&world.ends[claim.from], &world.ends[claim.to]);
        let transport = transport(source, destination, claim.protocol);
        let kept = |promise: &mut Option<Promise>, far, verdict: &Option<Verdict>| {
            promise.as_mut().zip(verdict.as_ref()).is_none_or(|(promise, verdict)| promise.is_kept(claim, far, transport, verdict))
        };
        kept(&mut self.egress[claim.from], (claim.to, destination), &said.egress)
            && kept(&mut self.ingress[claim.to], (claim.from, source), &said.ingress)
    }
}

/// As the clients of the corpus connect: mutual TLS where both ends have a sidecar.
fn transport(source: &End, destination: &End, protocol: Protocol) -> Transport {
    if protocol == Protocol::Tcp && is_meshed(source) && is_meshed(destination) { Transport::Mtls } else { Transport::Plaintext }
}

fn is_meshed(end: &End) -> bool {
    end.as_pod().is_some_and(|pod| pod.plane == DataPlane::Sidecar)
}

fn request(claim: &Claim) -> Option<Request> {
    claim.request.as_ref().map(|(method, path)| Request {
        method: method.as_str().into(),
        path: path.as_str().into(),
        host: "shop.example.com".into(),
        headers: Labels::new(),
        token: Token::None,
    })
}

/// The whole decision of a flow.
pub(super) fn decide(cluster: &Cluster, source: &End, destination: &End, claim: &Claim) -> Decision {
    cluster.decide(&Question {
        source: source.endpoint.clone(),
        destination: destination.endpoint.clone(),
        protocol: claim.protocol,
        port: claim.port,
        transport: (claim.protocol == Protocol::Tcp).then(|| transport(source, destination, claim.protocol)),
        request: request(claim),
        addressed: Addressed::Pod,
    })
}

/// Holds every claim against the evaluator.
pub(super) fn compare(world: &World, expectation: &Expectation) -> Comparison {
    let judge = Judge::new(world);
    let mut promises = Promises::new(&judge);
    let mut comparison = Comparison::default();
    let step = expectation.claims.len().div_ceil(DECISIONS).max(1);
    for (index, claim) in expectation.claims.iter().enumerate() {
        let said = judge.ask_ends(claim);
        if !promises.are_kept(world, claim, &said) {
            comparison.differ.push(format!("{}: no cut tells it from a flow with another answer, {said:?}", line(world, claim)));
        }
        let verdict = judge.ask(claim);
        if index % step == 0 {
            let whole = decide(&world.cluster, &world.ends[claim.from], &world.ends[claim.to], claim).verdict;
            if std::mem::discriminant(&whole) != std::mem::discriminant(&verdict) {
                comparison.differ.push(format!("{}: the ends say {verdict:?}, the decision {whole:?}", line(world, claim)));
            }
        }
        count(&mut comparison, world, claim, verdict);
    }
    comparison
}

/// Counts one answer.
pub(super) fn count(comparison: &mut Comparison, world: &World, claim: &Claim, verdict: Verdict) {
    if let Verdict::Unspecified(reason) = verdict {
        return comparison.leave_open(&reason);
    }
    comparison.hold((verdict == Verdict::Allowed) == claim.allowed, || {
        let expected = if claim.allowed { "allowed" } else { "denied" };
        format!("{}: expected {expected}, is {verdict:?}", line(world, claim))
    });
}

/// A claim in words.
fn line(world: &World, claim: &Claim) -> String {
    let name = |end: &End| match &end.endpoint.peer {
        Peer::Pod(_) => format!("{} ({})", end.name, end.pod),
        Peer::Address(IpAddr::V4(address)) => address.to_string(),
        Peer::Address(IpAddr::V6(address)) => address.to_string(),
    };
    let request = claim.request.as_ref().map(|(method, path)| format!(" {method} {path}")).unwrap_or_default();
    let (from, to) = (name(&world.ends[claim.from]), name(&world.ends[claim.to]));
    format!("{from} => {to} {} {}{request}", claim.protocol.word(), claim.port)
}

/// Whether any policy acts on a pod at a gate.
pub(super) fn selects(cluster: &Cluster, pod: &End, gate: Gate) -> bool {
    let outside = End::address([198, 51, 100, 7].into());
    let (source, destination) = if gate == Gate::Egress { (pod, &outside) } else { (&outside, pod) };
    let claim = Claim { from: 0, to: 0, protocol: Protocol::Tcp, port: 1, request: None, allowed: false };
    let decision = decide(cluster, source, destination, &claim);
    let mut steps = decision.steps.iter().filter(|step| step.gate == gate);
    steps.any(|step| !step.decided_by.is_empty() || !step.misses.is_empty())
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let pod = |name: &str| {
        let metadata = format!("{{name: {name}, namespace: shop, labels: {{app: {name}}}}}");
        format!("---\napiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: []}}\n")
    };
    let policy = r"---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
";
    let world = World::read(&[("all.yaml".to_owned(), pod("web") + &pod("db") + policy)], super::world::Mesh::Nobody);
    let claim = |port, allowed| Claim { from: 0, to: 1, protocol: Protocol::Tcp, port, request: None, allowed };
    let right = compare(&world, &Expectation { claims: vec![claim(5432, true), claim(80, false)] });
    assert_eq!((right.answers, right.differ.len(), right.unspecified.len()), (2, 0, 0));
    let wrong = compare(&world, &Expectation { claims: vec![claim(5432, false), claim(80, true), claim(443, false)] });
    assert_eq!((wrong.answers, wrong.differ.len()), (3, 2));
    assert!(selects(&world.cluster, &world.ends[1], Gate::Ingress) && !selects(&world.cluster, &world.ends[1], Gate::Egress));
}
