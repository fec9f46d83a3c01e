//! Explanations: for each pair of ends, which connections pass or not, and which rules of which policies decide at each end.
//!
//! Owns: that form. Compared are the answer, what either end says, the policies that are named there, and for whatever passes
//! the numbers of the rules too.

use std::collections::BTreeSet;

use twogate::cluster::{Gate, Step};
use twogate::flow::{PortSet, Protocol, Verdict};

use super::Entry;
use crate::corpus::case::Comparison;
use crate::corpus::connections::{Named, ports};
use crate::corpus::expectation::{Claim, Granted, Side, different_owners, port_classes};
use crate::corpus::judge::{count, decide};
use crate::corpus::world::World;

/// Some connections of one pair, and why they pass or not.
#[derive(Debug)]
struct Block {
    from: Named,
    to: Named,
    granted: Granted,
    allowed: bool,
    egress: Option<Reason>,
    ingress: Option<Reason>,
}

/// What one end says.
#[derive(Debug, Default)]
struct Reason {
    allows: bool,
    policies: BTreeSet<String>,
    rules: BTreeSet<(String, usize)>,
}

/// Holds the explanation against the evaluator.
pub(super) fn ask(entry: &Entry<'_>) -> Comparison {
    let blocks = read(&entry.text());
    let mut world = entry.world("dir");
    let ranges: Vec<(u32, u32)> = blocks.iter().flat_map(|block| [block.from.range(), block.to.range()]).flatten().collect();
    world.add_addresses(&ranges);
    let ports = port_classes(&world, blocks.iter().map(|block| &block.granted));
    let protocols = match entry.connection() {
        Some((protocol, _)) => vec![protocol],
        None => Protocol::ALL.to_vec(),
    };
    let mut comparison = Comparison::default();
    for (from, source) in world.ends.iter().enumerate() {
        for (to, _) in world.ends.iter().enumerate().filter(|(_, end)| different_owners(source, end) && entry.is_about(source, end)) {
            for (protocol, port) in protocols.iter().flat_map(|protocol| ports.iter().map(move |port| (*protocol, *port))) {
                let claim = Claim { from, to, protocol, port, request: None, allowed: false };
                hold(&mut comparison, &world, &blocks, &claim, entry);
            }
        }
    }
    comparison
}

fn hold(comparison: &mut Comparison, world: &World, blocks: &[Block], claim: &Claim, entry: &Entry<'_>) {
    let (source, destination) = (&world.ends[claim.from], &world.ends[claim.to]);
    let covers =
        |block: &&Block| block.from.holds(source) && block.to.holds(destination) && block.granted.covers(claim.protocol, claim.port, None);
    let Some(block) = blocks.iter().find(covers) else {
        let partial = entry.word("explain_only").is_some() || entry.connection().is_some();
        return comparison.hold(partial, || format!("{} => {}: no word about it", source.name, destination.name));
    };
    let decision = decide(&world.cluster, source, destination, claim);
    let reasons = [(Gate::Egress, &block.egress), (Gate::Ingress, &block.ingress)];
    count(comparison, world, &Claim { allowed: block.allowed, ..claim.clone() }, decision.verdict);
    if entry.has_cluster_policies() {
        return;
    }
    for (gate, reason) in reasons.iter().filter_map(|(gate, reason)| Some((gate, reason.as_ref()?))) {
        let step = decision.steps.iter().find(|step| step.gate == *gate);
        if let Some(Verdict::Unspecified(why)) = step.map(|step| &step.verdict) {
            comparison.leave_open(why);
            continue;
        }
        let wrong = step.map_or_else(|| missing(reason), |step| difference(reason, step));
        comparison.hold(wrong.is_none(), || {
            let pair = format!("{} => {} {:?} {}", source.name, destination.name, claim.protocol, claim.port);
            format!("{pair} at {gate:?}: {}", wrong.unwrap_or_default())
        });
    }
}

/// An end that is an address has no step, and then nothing may be said of it but the default.
fn missing(reason: &Reason) -> Option<String> {
    (!reason.policies.is_empty()).then(|| format!("no step, but they name {:?}", reason.policies))
}

fn difference(reason: &Reason, step: &Step) -> Option<String> {
    let name = |document: &twogate::cluster::Document| format!("{}/{}", document.namespace, document.name);
    if (step.verdict == Verdict::Allowed) != reason.allows {
        return Some(format!("they say allowed: {}, it is {:?}", reason.allows, step.verdict));
    }
    if reason.allows {
        let rules: BTreeSet<(String, usize)> =
            step.decided_by.iter().filter_map(|document| Some((name(document), document.rule?))).collect();
        return (rules != reason.rules).then(|| format!("they name {:?}, we {rules:?}", reason.rules));
    }
    let documents = step.decided_by.iter().chain(step.misses.iter().map(|miss| &miss.document));
    let policies: BTreeSet<String> = documents.map(name).collect();
    (policies != reason.policies).then(|| format!("they name {:?}, we {policies:?}", reason.policies))
}

fn read(text: &str) -> Vec<Block> {
    let text = text.split("Exposure Analysis Result").next().unwrap();
    let mut reading = Reading::default();
    for line in text.lines() {
        let depth = line.chars().take_while(|letter| *letter == '\t').count();
        reading.line(depth, line.trim());
    }
    reading.blocks
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reading {
    pair: Option<(Named, Named)>,
    blocks: Vec<Block>,
    at_egress: bool,
}

impl Reading {
    fn line(&mut self, depth: usize, words: &str) {
        if let Some(rest) = words.strip_prefix("Connections between ") {
            self.pair = Some(ends(rest.trim_end_matches(':')));
        } else if depth == 0 && words.contains(" => ") {
            let (from, to) = ends(words);
            let default = || Some(Reason { allows: true, ..Reason::default() });
            self.blocks.push(Block { from, to, granted: Granted::default(), allowed: true, egress: default(), ingress: default() });
        } else if let Some((connections, _)) = words.split_once(" due to the ").filter(|_| depth == 1) {
            let (kind, connections) = connections.split_once(' ').unwrap();
            let (from, to) = self.pair.clone().unwrap();
            self.blocks.push(Block { from, to, granted: bracketed(connections), allowed: kind == "Allowed", egress: None, ingress: None });
        } else if words.starts_with("Egress (") || words.starts_with("Ingress (") {
            self.at_egress = words.starts_with('E');
            *self.end() = Some(Reason { allows: words.contains("(Allowed)"), ..Reason::default() });
        } else if let Some(rest) = words.strip_prefix("NetworkPolicy '") {
            name(rest, self.end().as_mut().unwrap());
        }
    }

    /// The end that the lines are about.
    fn end(&mut self) -> &mut Option<Reason> {
        let block = self.blocks.last_mut().unwrap();
        if self.at_egress { &mut block.egress } else { &mut block.ingress }
    }
}

/// `policy' allows connections by Ingress rule #1,#2` or `policy' selects ..`.
fn name(rest: &str, reason: &mut Reason) {
    let (policy, what) = rest.split_once('\'').unwrap();
    reason.policies.insert(policy.to_owned());
    if what.contains("allows connections") {
        let numbers = what.split('#').skip(1).map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>());
        reason.rules.extend(numbers.map(|number| (policy.to_owned(), number.parse().unwrap())));
    }
}

fn ends(text: &str) -> (Named, Named) {
    let (from, to) = text.split_once(" => ").unwrap();
    (Named::read(from), Named::read(to))
}

/// `TCP:[80,90-99], UDP, SCTP`.
fn bracketed(text: &str) -> Granted {
    let each = text.split(", ").map(|item| {
        let (protocol, list) = item.split_once(":[").map_or((item, None), |(protocol, list)| (protocol, list.strip_suffix(']')));
        let range = |item: &str| {
            let (low, high) = item.split_once('-').unwrap_or((item, item));
            (low.parse().unwrap(), high.parse().unwrap())
        };
        let ranges: Vec<(u16, u16)> = list.into_iter().flat_map(|list| list.split(',')).map(range).collect();
        ports(&[crate::corpus::world::protocol(protocol)], &ranges).unwrap()
    });
    Granted::ports(each.fold(PortSet::none(), |all, some| all.union(&some)))
}

#[test]
fn brackets_are_ports() {
    let ports = bracketed("TCP:[1-79,81], UDP").ports.unwrap();
    assert!(ports.contains(Protocol::Tcp, 81) && !ports.contains(Protocol::Tcp, 80) && ports.is_full(Protocol::Udp));
    assert!(ports.get(Protocol::Sctp).is_empty());
}
