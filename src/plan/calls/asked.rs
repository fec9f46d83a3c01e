//! What the evaluator is asked about a call, and what it says.
//!
//! Owns: the questions, request by request and moment by moment. It must not know which calls there are.

use std::borrow::Borrow;

use super::door::{By, Called, Door};
use super::{Answers, Moment, Passage, Said, in_mesh};
use crate::classes::{PathCells, request_classes};
use crate::cluster::{Addressed, Decision, Endpoint, Question};
use crate::flow::{Cut, Protocol, Request, Symbol, Transport};

impl Door<'_, '_> {
    /// What is said of each class of requests of a client, at all moments; none if there are too many classes.
    pub(super) fn answers(&self, source: usize, called: &Called, paths: &mut PathCells) -> Option<Answers> {
        let requests = if called.protocol == Protocol::Tcp { self.requests(source, paths)? } else { vec![None] };
        let said = |request: Option<Request>| {
            let moments = 0..self.calls.moments.len();
            let all: Option<Vec<Passage>> = moments.map(|at| self.passage(at, source, called, request.as_ref())).collect();
            all.map(|all| (request, all))
        };
        requests.into_iter().map(said).collect()
    }

    /// The requests that anybody on the way tells apart of this client.
    fn requests(&self, source: usize, paths: &mut PathCells) -> Option<Vec<Option<Request>>> {
        let holds = |(at, cut): &(usize, Cut)| {
            let client = self.calls.moments.get(*at).and_then(|moment| moment.calling(source));
            client.is_some_and(|client| cut.peers.contains(&client.peer))
        };
        let held: Vec<usize> = self.cuts.iter().enumerate().filter(|(_, cut)| holds(cut)).map(|(at, _)| at).collect();
        let cuts: Vec<Held<'_>> = self.cuts.iter().map(|(_, cut)| Held(cut)).collect();
        request_classes(&cuts, &held, paths).ok()
    }

    /// What is said of one request at a moment.
    fn passage(&self, at: usize, source: usize, called: &Called, request: Option<&Request>) -> Option<Passage> {
        let moment = self.calls.moments.get(at)?;
        let ends = [moment.calling(source)?, moment.called(self.target)?];
        let ask = |asked: Asked<'_>| {
            self.calls.asked.set(self.calls.asked.get() + 1);
            asked.of(moment, ends, called.protocol)
        };
        let by_address = |transport: Option<Transport>| Asked { addressed: Addressed::Pod, port: called.port, transport, request };
        let said = |decision: &Decision| Said::from(&decision.verdict);
        let is_meshed = called.protocol == Protocol::Tcp && ends.iter().all(|end| in_mesh(end));
        Some(match &called.by {
            By::Address => Passage {
                plaintext: said(&ask(by_address(Some(Transport::Plaintext)))),
                mtls: is_meshed.then(|| said(&ask(by_address(Some(Transport::Mtls))))),
            },
            By::AddressAsChosen => Passage { plaintext: said(&ask(by_address(None))), mtls: None },
            By::Service(named) => {
                let (namespace, name, number) = named;
                let by_service = |port: u16| {
                    let (namespace, name) = (Symbol::clone(namespace), Symbol::clone(name));
                    Asked { addressed: Addressed::Service { namespace, name, port: *number }, port, transport: None, request }
                };
                let decision = match self.leads.get(at).and_then(|leads| leads.get(named)) {
                    Some(port) => ask(by_service(*port)),
                    // Where there is no such Service, what remains is to call the pod, as the Service's clients speak.
                    None => ask(by_address(self.spoken(source, called, &by_service))),
                };
                Passage { plaintext: said(&decision), mtls: None }
            }
        })
    }

    /// How clients of a Service speak with the pod, at the first moment at which it leads there.
    fn spoken<'r>(&self, source: usize, called: &Called, by_service: &dyn Fn(u16) -> Asked<'r>) -> Option<Transport> {
        let By::Service(named) = &called.by else { return None };
        let (at, port) = self.leads.iter().enumerate().find_map(|(at, leads)| Some((at, *leads.get(named)?)))?;
        let moment = self.calls.moments.get(at)?;
        by_service(port).of(moment, [moment.calling(source)?, moment.called(self.target)?], called.protocol).transport
    }
}

/// A question but for its ends.
struct Asked<'r> {
    addressed: Addressed,
    port: u16,
    transport: Option<Transport>,
    request: Option<&'r Request>,
}

impl Asked<'_> {
    fn of(self, moment: &Moment<'_>, [from, to]: [&Endpoint; 2], protocol: Protocol) -> Decision {
        moment.cluster.decide(&Question {
            source: from.clone(),
            destination: to.clone(),
            protocol,
            port: self.port,
            transport: self.transport,
            request: self.request.cloned(),
            addressed: self.addressed,
        })
    }
}

/// A cut that somebody else holds.
struct Held<'c>(&'c Cut);

impl Borrow<Cut> for Held<'_> {
    fn borrow(&self) -> &Cut {
        self.0
    }
}
