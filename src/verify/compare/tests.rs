//! Judges made of random lines, compared: what is found and what is dropped is held against every flow of a small world.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Bench, RuledOut, compare, differ, transports};
use crate::classes::{World, fresh_word, labels_within};
use crate::cluster::Endpoint;
use crate::flow::{
    Cut, DataPlane, Flow, LabelCube, Labels, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, Request, RequestSamples,
    Symbol, Token, Transport, Values, Verdict,
};
use crate::verify::judge::{Judge, JudgedEnd, Way};
use crate::verify::labels::Worlds;

/// The namespaces that are compared; pods of others are not stopped by anybody.
const RULED: [&str; 2] = ["a", "b"];
const KEYS: [&str; 3] = ["k", "l", "m"];

/// What one end lets through.
#[derive(Debug, Clone)]
struct Line {
    way: Way,
    near: PodCube,
    far: PodCube,
    ports: PortSet,
    /// Looked at where connections arrive.
    transport: Option<Transport>,
    /// Looked at where connections arrive.
    method: Option<Symbol>,
}

#[derive(Debug)]
struct Lines(Vec<Line>);

struct LinesEnd<'j> {
    lines: Vec<&'j Line>,
    way: Way,
    is_open: bool,
}

impl Judge for Lines {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let whole = PodCube::in_namespace(namespace);
        self.0.iter().filter(|line| line.way == way).filter_map(|line| line.near.intersect(&whole)).collect()
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        let Peer::Pod(pod) = &pod.peer else { panic!("an end of no pod") };
        let lines = self.0.iter().filter(|line| line.way == way && line.near.contains(pod)).collect();
        Box::new(LinesEnd { lines, way, is_open: !RULED.contains(&&*pod.namespace) })
    }
}

impl JudgedEnd for LinesEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let cut = |line: &&Line| {
            let methods: BTreeSet<Symbol> = line.method.iter().cloned().collect();
            let requests = RequestSamples { looks_inside: !methods.is_empty(), methods, ..RequestSamples::default() };
            let requests = if self.way == Way::Ingress { requests } else { RequestSamples::default() };
            Cut { peers: Peers::from(PodSet::from(line.far.clone())), ports: line.ports.clone(), requests }
        };
        if self.is_open { Vec::new() } else { self.lines.iter().map(cut).collect() }
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        let arrives = |line: &Line| {
            let asks = |method: &Symbol| flow.request.as_ref().is_some_and(|request| request.method == *method);
            line.transport.is_none_or(|transport| transport == flow.transport) && line.method.as_ref().is_none_or(asks)
        };
        let lets = |line: &&Line| {
            let is_far = matches!(&far.peer, Peer::Pod(pod) if line.far.contains(pod));
            is_far && line.ports.contains(flow.protocol, flow.port) && (self.way == Way::Egress || arrives(line))
        };
        if self.is_open || self.lines.iter().any(lets) { Verdict::Allowed } else { Verdict::Denied }
    }
}

/// Pods of `b` are outside of the mesh, all others in it.
#[derive(Debug)]
struct Small;

fn pod(namespace: &str, labels: Labels) -> Pod {
    let plane = if namespace == "b" { DataPlane::None } else { DataPlane::Sidecar };
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
    Pod { namespace: namespace.into(), namespace_labels, labels, account: "x".into(), plane }
}

impl World for Small {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let names = cube.names();
        let labels = labels_within(&cube.labels)?;
        if names.is_cofinite() {
            return Some(pod(&fresh_word(names.words().iter().map(|name| &**name)), labels));
        }
        names.words().iter().map(|name| pod(name, labels.clone())).max_by_key(|pod| pod.plane != DataPlane::None)
    }
}

#[derive(Debug)]
struct Nothing;

impl RuledOut for Nothing {
    fn rules_out(&self, _flow: &Flow) -> bool {
        false
    }
}

/// Every flow that lines can tell apart.
fn flows() -> Vec<Flow> {
    let mut labels = vec![Labels::new()];
    for (key, value) in KEYS.map(|key| (key, "x")).into_iter().chain([("k", "o")]) {
        let lacks = |labels: &&Labels| !labels.contains_key(key);
        let with = |labels: &Labels| labels.clone().into_iter().chain([(key.into(), value.into())]).collect::<Labels>();
        labels.extend(labels.clone().iter().filter(lacks).map(with));
    }
    let pods: Vec<Pod> = ["a", "b", "z"].iter().flat_map(|name| labels.iter().map(|labels| pod(name, labels.clone()))).collect();
    let request = |method: &str| {
        let (method, path, host) = (method.into(), "/".into(), "h".into());
        Some(Request { method, path, host, headers: Labels::new(), token: Token::None })
    };
    let mut flows = Vec::new();
    for (source, destination) in pods.iter().flat_map(|source| pods.iter().map(move |destination| (source, destination))) {
        for (port, request) in [80, 9].into_iter().flat_map(|port| [None, request("GET")].map(|request| (port, request))) {
            let (source, destination) = (Peer::Pod(source.clone()), Peer::Pod(destination.clone()));
            let flow = Flow { source, destination, protocol: Protocol::Tcp, port, transport: Transport::Plaintext, request };
            flows.extend(transports(Way::Ingress, &flow).iter().map(|transport| Flow { transport: *transport, ..flow.clone() }));
        }
    }
    flows
}

/// Whether two judges differ about an end of a flow that passes the other end as whoever lets it through says.
fn shows(judges: [&Lines; 2], flow: &Flow) -> bool {
    let (source, destination) = (Endpoint::from(flow.source.clone()), Endpoint::from(flow.destination.clone()));
    let verdict = |judge: &Lines, way: Way| match way {
        Way::Egress => judge.end(&source, way).verdict(flow, &destination),
        Way::Ingress => judge.end(&destination, way).verdict(flow, &source),
    };
    [(Way::Egress, Way::Ingress), (Way::Ingress, Way::Egress)].into_iter().any(|(way, other)| {
        let [left, right] = judges.map(|judge| verdict(judge, way));
        let lets_through = judges[usize::from(right != Verdict::Denied)];
        differ(&left, &right) && verdict(lets_through, other) != Verdict::Denied
    })
}

fn cube(names: &'static [&'static str]) -> impl Strategy<Value = PodCube> {
    let name = prop_oneof![prop::sample::select(names).prop_map(|name| Values::one(name.into())), Just(Values::any())];
    let key = || prop::sample::select(&KEYS[..]);
    let test = prop_oneof![
        2 => Just(LabelCube::all()),
        4 => key().prop_map(|key| LabelCube::of(key.into(), Values::one("x".into()))),
        1 => Just(LabelCube::of("k".into(), Values::absent())),
        2 => (key(), key()).prop_map(|(one, two)| LabelCube::of(one.into(), Values::one("x".into())).with(two.into(), Values::one("x".into()))),
    ];
    (name, test).prop_map(|(name, labels)| PodCube { labels, namespace: LabelCube::of(NAMESPACE_NAME.into(), name), ..PodCube::all() })
}

fn line() -> impl Strategy<Value = Line> {
    let ports = prop_oneof![
        2 => Just(PortSet::all()),
        2 => Just(PortSet::of(Protocol::Tcp, 80, 80)),
    ];
    let transport = prop_oneof![2 => Just(None), 1 => Just(Some(Transport::Mtls)), 1 => Just(Some(Transport::Plaintext))];
    let method = prop_oneof![3 => Just(None), 1 => Just(Some(Symbol::from("GET")))];
    let way = prop::sample::select(vec![Way::Ingress, Way::Egress]);
    (way, cube(&RULED), cube(&["a", "b", "z"]), ports, transport, method).prop_map(|(way, near, far, ports, transport, method)| Line {
        way,
        near,
        far,
        ports,
        transport,
        method,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    /// A difference is dropped only if every flow of its classes is stopped at the other end, and what is told does show. Most lines
    /// are shared, so that few differences are there; lines of a source alone are masked as a rule.
    #[test]
    fn differences_are_told_where_a_flow_shows_one(
        shared in prop::collection::vec(line(), 0..7),
        left in prop::collection::vec(line(), 0..3),
        right in prop::collection::vec(line(), 0..3),
    ) {
        let judges = [left, right].map(|own| Lines(shared.iter().cloned().chain(own).collect()));
        let [left, right] = &judges;
        let bench = Bench { left, right, worlds: Worlds::both(&Small), ruled_out: &Nothing };
        let found = compare(bench, &RULED.map(Symbol::from));
        prop_assert!(found.incomplete.is_empty());
        for difference in &found.differences {
            prop_assert!(shows([left, right], &difference.flow), "{:?}", difference.flow);
        }
        let showing = flows().into_iter().find(|flow| shows([left, right], flow));
        // What is told may be of a namespace or protocol that the small world lacks: that it shows was asked above.
        prop_assert!(showing.is_none() || !found.differences.is_empty(), "{:?}", showing);
    }
}
