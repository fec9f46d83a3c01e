//! Every example, from the same program with every namespace closed and nothing let through, and from nothing at all.

use twogate::classes::World as _;
use twogate::compile::{Input, compile};
use twogate::flow::{Flow, Peer, Protocol, Transport};
use twogate::ir::Policy;
use twogate::plan::{Options, Safety, intents};
use twogate::source::{Source, Sources};
use twogate::verify::PolicyWorld;

use super::walked::{against, objects, platform, revision};
use crate::examples::{Order, examples, name, read};

/// The same program without the statements that let through, refuse or expect.
fn closed(input: &Input) -> Input {
    let mut sources = Sources::default();
    for (file, source) in input.sources.iter() {
        let text = if input.intents.contains(&file) { without_rules(source.text()) } else { source.text().to_owned() };
        sources.add(Source::new(source.name(), text));
    }
    Input { sources, ..input.clone() }
}

/// Leaves out statements, each with the lines that it goes on in.
fn without_rules(text: &str) -> String {
    let mut kept = String::new();
    let mut left_out: Option<usize> = None;
    for line in text.lines() {
        let deep = line.len() - line.trim_start().len();
        if left_out.is_some_and(|at| deep > at && !line.trim().is_empty()) {
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        left_out = ["allow", "deny", "audit", "expect", "close"].contains(&word).then_some(deep);
        if left_out.is_none() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// A flow for each pair of ends that rules name, on each port that they name.
fn flows(policy: &Policy) -> Vec<Flow> {
    let world = PolicyWorld::new(policy);
    let some = |peers: &twogate::flow::Peers| -> Vec<Peer> {
        let pods = peers.pods.cubes().iter().filter_map(|cube| world.example(cube)).map(Peer::Pod);
        pods.chain(peers.addresses.first().map(Peer::Address)).collect()
    };
    let mut sources: Vec<Peer> = policy.rules.iter().flat_map(|rule| some(&rule.source.peers())).collect();
    let targets = policy.rules.iter().flat_map(|rule| &rule.targets);
    let mut targets: Vec<(Peer, Protocol, u16)> = targets
        .flat_map(|target| {
            let ports: Vec<(Protocol, u16)> = target.ports.ranges().map(|(protocol, low, _)| (protocol, low)).collect();
            some(&target.end.peers())
                .into_iter()
                .flat_map(move |peer| ports.clone().into_iter().map(move |(protocol, port)| (peer.clone(), protocol, port)))
        })
        .collect();
    sources.sort_unstable();
    sources.dedup();
    targets.sort_unstable();
    targets.dedup();
    let flow = |source: &Peer, (destination, protocol, port): &(Peer, Protocol, u16)| Flow {
        source: source.clone(),
        destination: destination.clone(),
        protocol: *protocol,
        port: *port,
        transport: Transport::Plaintext,
        request: None,
    };
    sources.iter().flat_map(|source| targets.iter().map(move |target| flow(source, target))).collect()
}

fn follow(name: &str, base: Input, head: &Input) {
    let rollout = intents(revision("base", base.clone()), revision("head", head.clone()), Options::default());
    let rollout = rollout.map_err(|unjudged| (name.to_owned(), unjudged.findings)).unwrap();
    assert_eq!(rollout.plan.safety, Safety::Safe, "{name}: {:#?}", super::walked::lines(&rollout.plan));
    assert!(!rollout.plan.steps.is_empty(), "{name}");
    let flows = flows(&compile(head.clone()).policy);
    assert!(!flows.is_empty(), "{name}");
    let found = against(&rollout.plan, &objects(base), &objects(head.clone()), &platform(head), &flows);
    assert_eq!(found, None, "{name}: {:#?}", super::walked::lines(&rollout.plan));
}

#[test]
fn examples_open_from_closed_namespaces() {
    for folder in examples() {
        let head = read(&folder, Order::Forward);
        follow(&name(&folder), closed(&head), &head);
    }
}

#[test]
fn examples_come_to_a_cluster_without_policies() {
    for folder in examples() {
        let head = read(&folder, Order::Forward);
        follow(&name(&folder), Input { intents: Vec::new(), ..head.clone() }, &head);
    }
}
