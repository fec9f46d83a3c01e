//! What passes between two peers.
//!
//! Owns: `Answer` and its parts, and how the answers of two ends become one. It must not ask anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexSet;

use crate::cluster::Document;
use crate::flow::{PortSet, Protocol, Symbol, Transport};

use super::requests::Requests;

/// What passes from one peer to another. Nothing passes that is in neither list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Answer {
    /// What passes.
    pub(super) passages: Vec<Passage>,
    /// What passes or not as the platform pleases.
    pub(super) doubts: Vec<Doubt>,
}

/// Connections that pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// On which ports of the destination's pod.
    pub ports: PortSet,
    /// Over which transport; none where no port is TCP.
    pub transport: Option<Transports>,
    /// What may be said over them.
    pub requests: Arc<Requests>,
    /// The waypoint that they go over, as `shop/waypoint`, if they do.
    pub via: Option<Symbol>,
    /// The documents and rules that let them pass, where they were asked for. Where no document selects a pod, none is named.
    pub by: Vec<Document>,
}

/// Connections of which nobody knows whether they pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// On which ports of the destination's pod.
    pub ports: PortSet,
    /// Over which transport; none where no port is TCP.
    pub transport: Option<Transports>,
    /// What would be said over them.
    pub requests: Arc<Requests>,
    /// The waypoint that they go over, as `shop/waypoint`, if they do and it is known.
    pub via: Option<Symbol>,
    /// Why nobody knows.
    pub reason: Symbol,
}

/// Over which transport TCP connections pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transports {
    /// Mutual TLS alone.
    Mtls,
    /// Plaintext alone.
    Plaintext,
    /// Both.
    Either,
}

impl Transports {
    /// As people read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mtls => "mTLS",
            Self::Plaintext => "plaintext",
            Self::Either => "either",
        }
    }
}

/// What one end says to a far end, part by part; what is in no part is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct EndAnswer {
    /// Disjoint in ports and transport.
    pub(super) pieces: Vec<Piece>,
}

/// What one end says on some ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) protocol: Protocol,
    pub(super) ports: PortSet,
    pub(super) transport: Transport,
    pub(super) said: Vec<Said>,
}

/// Connections of which two ends alone do not say what passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Away {
    /// All of TCP.
    Tcp,
    /// Those over mutual TLS on these ports.
    Mtls(PortSet),
}

/// What one end says to some requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Said {
    pub(super) requests: Arc<Requests>,
    /// Why nobody knows; none if they pass.
    pub(super) doubt: Option<Symbol>,
}

/// What the two ends say together. An end that is no pod's says nothing against anything.
pub(super) fn meet(egress: Option<&EndAnswer>, ingress: Option<&EndAnswer>) -> Answer {
    let mut parts = Parts::default();
    match (egress, ingress) {
        (Some(egress), Some(ingress)) => {
            for leaving in &egress.pieces {
                for entering in ingress.pieces.iter().filter(|piece| piece.protocol == leaving.protocol) {
                    parts.meet(leaving, entering);
                }
            }
        }
        (Some(only), None) | (None, Some(only)) => only.pieces.iter().for_each(|piece| parts.add(piece, &piece.ports, &piece.said)),
        (None, None) => {}
    }
    parts.finish()
}

/// The parts of an answer by what is said: ports by transport.
#[derive(Default)]
struct Parts {
    tcp: BTreeMap<Said, [PortSet; 2]>,
    others: BTreeMap<Said, PortSet>,
}

impl Parts {
    /// Adds what a piece of the egress and one of the ingress leave together. Egress does not look at requests.
    fn meet(&mut self, leaving: &Piece, entering: &Piece) {
        if leaving.transport != entering.transport || !leaving.ports.overlaps(&entering.ports) {
            return;
        }
        let ports = leaving.ports.intersect(&entering.ports);
        for left in &leaving.said {
            let both = |entered: &Said| Said {
                requests: Arc::clone(&entered.requests),
                doubt: either(left.doubt.as_ref(), entered.doubt.as_ref()),
            };
            self.add(leaving, &ports, &entering.said.iter().map(both).collect::<Vec<_>>());
        }
    }

    fn add(&mut self, piece: &Piece, ports: &PortSet, said: &[Said]) {
        for said in said {
            let place = match (piece.protocol, piece.transport) {
                (Protocol::Tcp, Transport::Mtls) => &mut self.tcp.entry(said.clone()).or_default()[0],
                (Protocol::Tcp, Transport::Plaintext) => &mut self.tcp.entry(said.clone()).or_default()[1],
                (Protocol::Udp | Protocol::Sctp, _) => self.others.entry(said.clone()).or_default(),
            };
            *place = place.union(ports);
        }
    }

    fn finish(mut self) -> Answer {
        let mut answer = Answer::default();
        for (said, [mtls, plaintext]) in self.tcp {
            let both = mtls.intersect(&plaintext);
            let mut parts = [
                (Transports::Either, both.clone()),
                (Transports::Plaintext, plaintext.subtract(&both)),
                (Transports::Mtls, mtls.subtract(&both)),
            ];
            // Other protocols know no transport: they stand with TCP that is not bound to one, if there is any.
            let host = parts.iter_mut().find(|(transport, ports)| *transport != Transports::Mtls && !ports.is_empty());
            if let Some((_, ports)) = host {
                *ports = ports.union(&self.others.remove(&said).unwrap_or_default());
            }
            for (transport, ports) in parts.into_iter().filter(|(_, ports)| !ports.is_empty()) {
                answer.add(&said, ports, Some(transport));
            }
        }
        for (said, ports) in self.others {
            answer.add(&said, ports, None);
        }
        answer.passages.sort_unstable();
        answer.doubts.sort_unstable();
        answer
    }
}

impl Answer {
    fn add(&mut self, said: &Said, ports: PortSet, transport: Option<Transports>) {
        let requests = Arc::clone(&said.requests);
        match &said.doubt {
            None => self.passages.push(Passage { ports, transport, requests, via: None, by: Vec::new() }),
            Some(reason) => self.doubts.push(Doubt { ports, transport, requests, via: None, reason: Symbol::clone(reason) }),
        }
    }
}

/// The reasons of two ends together.
fn either(left: Option<&Symbol>, right: Option<&Symbol>) -> Option<Symbol> {
    match (left, right) {
        (Some(left), Some(right)) if left != right => Some(format!("{left}; {right}").into()),
        (Some(reason), _) | (None, Some(reason)) => Some(Symbol::clone(reason)),
        (None, None) => None,
    }
}

/// Answers, each once: ends that say the same share one number.
#[derive(Debug, Default)]
pub(super) struct EndAnswers {
    answers: IndexSet<EndAnswer>,
}

impl EndAnswers {
    /// The number of an answer.
    pub(super) fn number(&mut self, answer: EndAnswer) -> usize {
        self.answers.insert_full(answer).0
    }

    /// Takes in answers that were numbered by themselves: the number here of each, by its number there.
    pub(super) fn adopt(&mut self, others: Self) -> Vec<usize> {
        others.answers.into_iter().map(|answer| self.number(answer)).collect()
    }

    /// The number of an answer without what it says of connections that go another way.
    pub(super) fn without(&mut self, number: usize, away: &Away) -> usize {
        let pieces = self.get(number).into_iter().flat_map(|answer| &answer.pieces);
        let left = |piece: &Piece| {
            let ports = match away {
                Away::Tcp => PortSet::full(Protocol::Tcp),
                Away::Mtls(ports) if piece.transport == Transport::Mtls => ports.clone(),
                Away::Mtls(_) => PortSet::none(),
            };
            let ports = piece.ports.subtract(&ports);
            (!ports.is_empty()).then(|| Piece { ports, ..piece.clone() })
        };
        let pieces = pieces.filter_map(left).collect();
        self.number(EndAnswer { pieces })
    }

    /// The answer of a number.
    pub(super) fn get(&self, number: usize) -> Option<&EndAnswer> {
        self.answers.get_index(number)
    }
}
