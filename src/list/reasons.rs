//! Which documents and rules let a connection pass.
//!
//! Owns: `tell`. Each passage is taken apart again into what its two ends tell apart, and the cluster is asked about one
//! connection of each part, with reasons.

use std::collections::BTreeSet;

use crate::cluster::{Addressed, Cluster, Document, Endpoint, Question};
use crate::flow::{PortSet, Protocol, Request, Transport};

use super::answer::{Passage, Transports};
use super::ends::View;
use super::groups::Ports;
use super::requests::Spaces;

/// A pair that stands for all whose ends say the same.
pub(super) struct Witness<'a, 'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) from: &'a Endpoint,
    pub(super) to: &'a Endpoint,
    /// The end of the source, if it is a pod's, and the cuts there that hold the destination.
    pub(super) leaving: Option<(&'a View<'c>, &'a [usize])>,
    /// The end of the destination, if it is a pod's, and the cuts there that hold the source.
    pub(super) entering: Option<(&'a View<'c>, &'a [usize])>,
}

/// Names the documents and rules of every passage.
pub(super) fn tell(passages: &mut [Passage], witness: &Witness<'_, '_>, spaces: &mut Spaces) {
    for passage in passages {
        passage.by = documents(passage, witness, spaces).into_iter().collect();
    }
}

fn documents(passage: &Passage, witness: &Witness<'_, '_>, spaces: &mut Spaces) -> BTreeSet<Document> {
    let leaving = witness.leaving.map(|(view, held)| view.ports(witness.cluster, witness.to, held));
    let entering = witness.entering.map(|(view, held)| view.ports(witness.cluster, witness.from, held));
    let mut found = BTreeSet::new();
    for (ports, entered) in parts(&passage.ports, leaving.as_deref(), entering.as_deref()) {
        for protocol in ports.protocols() {
            let Some(port) = ports.get(protocol).ranges().first().map(|(low, _)| *low) else { continue };
            for transport in transports(protocol, passage.transport) {
                for request in requests(protocol, passage, witness, entered, spaces) {
                    found.extend(witness.ask(protocol, port, *transport, request));
                }
            }
        }
    }
    found
}

/// The ports of a passage, as far as both ends tell them apart, with the group at the ingress that each is in.
fn parts<'a>(ports: &PortSet, leaving: Option<&[Ports]>, entering: Option<&'a [Ports]>) -> Vec<(PortSet, Option<&'a Ports>)> {
    let cut = |groups: Option<&[Ports]>| match groups {
        Some(groups) => groups.iter().map(|group| group.ports.intersect(ports)).collect(),
        None => vec![ports.clone()],
    };
    let mut found = Vec::new();
    for left in cut(leaving) {
        match entering {
            Some(groups) => found.extend(groups.iter().map(|group| (group.ports.intersect(&left), Some(group)))),
            None => found.push((left, None)),
        }
    }
    found.retain(|(both, _)| !both.is_empty());
    found
}

/// One request of each kind that passes and that the ingress tells apart.
fn requests(
    protocol: Protocol,
    passage: &Passage,
    witness: &Witness<'_, '_>,
    entered: Option<&Ports>,
    spaces: &mut Spaces,
) -> Vec<Option<Request>> {
    let space = match (protocol, witness.entering, entered) {
        (Protocol::Tcp, Some((view, _)), Some(group)) => spaces.of(&view.samples(&group.held)),
        _ => None,
    };
    let Some(space) = space else { return vec![None] };
    let is_asked = |question: &&Option<Request>| {
        passage.requests.admits(question.as_ref()) && !question.as_ref().is_some_and(Request::is_preflight_with_token)
    };
    space.questions().iter().filter(is_asked).cloned().collect()
}

/// The transports that a passage goes over; other protocols than TCP are what they are.
fn transports(protocol: Protocol, transports: Option<Transports>) -> &'static [Transport] {
    match (protocol, transports) {
        (Protocol::Tcp, Some(Transports::Mtls)) => &[Transport::Mtls],
        (Protocol::Tcp, Some(Transports::Either)) => &[Transport::Mtls, Transport::Plaintext],
        _ => &[Transport::Plaintext],
    }
}

impl Witness<'_, '_> {
    /// The documents that let one connection pass; none if it does not.
    fn ask(&self, protocol: Protocol, port: u16, transport: Transport, request: Option<Request>) -> Vec<Document> {
        let question = Question {
            source: self.from.clone(),
            destination: self.to.clone(),
            protocol,
            port,
            transport: (protocol == Protocol::Tcp).then_some(transport),
            request,
            addressed: Addressed::Pod,
        };
        self.cluster.decide(&question).steps.into_iter().flat_map(|step| step.decided_by).collect()
    }
}
