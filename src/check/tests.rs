//! What no single check can be tested for: findings of a whole run, and idle rules held against the definition.
//!
//! Owns: the property that a policy without a rule that `covered-rule`, `duplicate-rule` or `allow-wholly-denied` calls idle
//! means the same, over small programs and all flows of a small world.

use proptest::prelude::*;

use super::accepts;
use super::testing::Program;
use crate::diagnostic::code;
use crate::flow::{DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Token, Transport};
use crate::ir::Policy;
use crate::meaning::passes;

#[test]
fn a_statement_of_many_namespaces_is_told_once() {
    let program = Program::of("namespace a, b, c {\n  allow app=x -> app=y:80\n  allow app=x -> app=y:80|81\n}\n");
    assert_eq!(program.found("covered-rule"), ["warning covered-rule `allow app=x -> app=y:80`"]);
}

#[test]
fn a_clause_accepts_once_for_all_its_namespaces() {
    let program = Program::of("namespace a, b {\n  allow anywhere -> app=y accept broad-rule accept covered-rule\n}\n");
    let accepted: Vec<_> = accepts(&program.policy).iter().map(|accept| accept.code.name()).collect();
    assert_eq!(accepted, ["broad-rule", "covered-rule"]);
}

const ENDS: [&str; 16] = [
    "app=x",
    "app=y",
    "app=x|y",
    "app!=x",
    "app=x,t=1",
    "t=1",
    "*",
    "*@*",
    "app=x@b",
    "app=x@a|b",
    "app=y@c",
    "(app=x or app=y@b)",
    "(app=x or 10.0.0.0/8)",
    "(* but t=1)",
    "anywhere",
    "10.1.0.0/16",
];
const PORTS: [&str; 5] = ["", ":80", ":81", ":80|81", ":80-90"];
const REQUIREMENTS: [&str; 4] = ["", " mtls", " http GET /a", " mtls http * /{**}"];

/// An `allow` or a `deny` of namespace `a`, by places in the lists above.
fn rule() -> impl Strategy<Value = String> {
    let head = prop_oneof![4 => Just("allow"), 1 => Just("allow in"), 1 => Just("allow out"), 3 => Just("deny")];
    let choice = (head, 0..ENDS.len(), 0..ENDS.len(), 0..PORTS.len(), 0..REQUIREMENTS.len());
    choice.prop_map(|(head, source, destination, port, requirement)| {
        let (ports, requirement) = (PORTS[port], REQUIREMENTS[requirement]);
        let requirement = if ports.is_empty() || head == "deny" { requirement.trim_start_matches(" mtls") } else { requirement };
        let requirement = if ports.is_empty() { "" } else { requirement };
        format!("{head} {} -> {}{ports}{requirement}\n", ENDS[source], ENDS[destination])
    })
}

fn program() -> impl Strategy<Value = String> {
    let open = prop_oneof![3 => Just(""), 1 => Just(" open ingress"), 1 => Just(" open egress")];
    (prop::collection::vec(rule(), 2..6), prop::collection::vec(rule(), 0..3), open)
        .prop_map(|(one, other, open)| format!("namespace a {{\n{}}}\nnamespace b{open} {{\n{}}}\n", one.concat(), other.concat()))
}

/// Every flow between a few pods and addresses.
fn flows() -> Vec<Flow> {
    let request =
        |path: &str| Request { method: "GET".into(), path: path.into(), host: "h".into(), headers: Labels::new(), token: Token::None };
    let (peers, mut flows) = (peers(), Vec::new());
    for (source, destination) in peers.iter().flat_map(|source| peers.iter().map(move |destination| (source, destination))) {
        for (port, transport) in [80, 81, 90, 443].into_iter().flat_map(|port| [(port, Transport::Mtls), (port, Transport::Plaintext)]) {
            for request in [None, Some(request("/a")), Some(request("/b"))] {
                let (source, destination) = (source.clone(), destination.clone());
                flows.push(Flow { source, destination, protocol: Protocol::Tcp, port, transport, request });
            }
        }
    }
    flows
}

fn peers() -> Vec<Peer> {
    let mut peers: Vec<Peer> = ["10.0.0.1", "10.1.0.1", "203.0.113.1"].map(|address| Peer::Address(address.parse().unwrap())).into();
    for namespace in ["a", "b", "c"] {
        for labels in [vec![("app", "x")], vec![("app", "x"), ("t", "1")], vec![("app", "y")], vec![("t", "1")], vec![]] {
            peers.push(Peer::Pod(Pod {
                namespace: namespace.into(),
                namespace_labels: Labels::from([(NAMESPACE_NAME.into(), namespace.into())]),
                labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
                account: "default".into(),
                plane: DataPlane::Sidecar,
            }));
        }
    }
    peers
}

fn meaning(policy: &Policy, flows: &[Flow]) -> Vec<bool> {
    flows.iter().map(|flow| passes(policy, flow)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_idle_rule_can_be_left_out(text in program()) {
        let program = Program::of(&text).config("[cluster]\npod-cidrs = [\"192.168.0.0/16\"]\n");
        let idle = [code::COVERED_RULE, code::DUPLICATE_RULE, code::ALLOW_WHOLLY_DENIED];
        let found = program.findings.iter().filter(|finding| idle.contains(&finding.code));
        let places: Vec<_> = found.filter_map(|finding| Some((finding.code, finding.location()?))).collect();
        let flows = flows();
        let before = meaning(&program.policy, &flows);
        for (code, place) in places {
            let mut policy = program.policy.clone();
            policy.rules.retain(|rule| rule.location != place);
            prop_assert_eq!(policy.rules.len() + 1, program.policy.rules.len());
            let changed = meaning(&policy, &flows).iter().zip(&before).zip(&flows).find(|((now, then), _)| now != then).map(|(_, flow)| flow.clone());
            prop_assert!(changed.is_none(), "{} {:?} {:?}\n{}", code, program.show(&program.findings), changed, text);
        }
    }
}
