//! A program as its manifests do it: with what its lines accept.
//!
//! Owns: `Accepting`, a judge. What a program says is `meaning`'s, what an accepted coupling lets in besides is `accounted`'s; a
//! `deny` stops that as far as it could be written so that it does.

use super::accounted::{AcceptedRegion, Accounted, Leaves};
use super::judge::{Judge, JudgedEnd, Way};
use super::program::{Program, ProgramEnd};
use crate::cluster::Endpoint;
use crate::flow::{Cut, Flow, LabelTests, Peer, Pod, PodCube, Protocol, Request, RequestSet, TestRole, Transport, Values, Verdict};
use crate::gates::{Coupled, Gates};
use crate::ir::Policy;

/// A program, with the couplings that it accepts.
#[derive(Debug)]
pub struct Accepting<'p> {
    program: Program<'p>,
    accounted: Accounted<'p>,
}

impl<'p> Accepting<'p> {
    /// A program, and what its gates were found to let in besides.
    pub fn new(policy: &'p Policy, gates: &'p Gates) -> Self {
        Self { program: Program::new(policy), accounted: Accounted::new(policy, gates) }
    }

    /// The program by itself.
    pub const fn program(&self) -> &Program<'p> {
        &self.program
    }

    /// Whether it accepts no coupling.
    pub const fn accepts_nothing(&self) -> bool {
        self.accounted.is_empty()
    }

    /// What it accepts.
    pub(super) const fn accounted(&self) -> &Accounted<'p> {
        &self.accounted
    }

    /// Flows among which all those are that only an accepted coupling lets in.
    pub fn regions(&self) -> impl Iterator<Item = AcceptedRegion> {
        self.accounted.regions()
    }

    /// The rules of the accepted couplings that let a flow in.
    pub fn letting_in<'s>(&'s self, flow: &'s Flow, leaves: Leaves) -> impl Iterator<Item = Coupled> + 's {
        self.accounted.entered(flow, leaves)
    }

    /// Whether a request to a pod is refused for its token, whoever sends it.
    pub fn refuses_token(&self, destination: &Peer, request: &Request) -> bool {
        let (protocol, transport) = (Protocol::Tcp, Transport::Plaintext);
        let flow = Flow {
            source: destination.clone(),
            destination: destination.clone(),
            protocol,
            port: 1,
            transport,
            request: Some(request.clone()),
        };
        self.program.end_of(&Endpoint::from(destination.clone()), Way::Ingress).refuses_token(&flow)
    }

    /// The requests that accepted couplings let further to a pod on a port.
    pub fn requests(&self, pod: &Pod, on: (Protocol, u16)) -> Vec<RequestSet> {
        self.accounted.requests(pod, on)
    }
}

impl Judge for Accepting<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let mut subjects = self.program.subjects(namespace, way);
        subjects.extend(self.accounted.subjects(namespace, way));
        subjects
    }

    /// What is accepted hangs on several tests of one pod at once, so all of these count.
    fn label_tests(&self) -> Option<LabelTests> {
        let mut tests = self.program.label_tests()?;
        self.accounted.label_tests().for_each(|test| tests.add(TestRole::Other, Values::any_ref(), test));
        Some(tests)
    }

    fn tests_to_pass(&self) -> usize {
        self.program.tests_to_pass()
    }

    fn stops_by_labels(&self) -> bool {
        self.program.stops_by_labels()
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        let end = self.program.end_of(pod, way);
        match &pod.peer {
            Peer::Pod(own) if !self.accounted.is_empty() => {
                let cuts = self.accounted.cuts(own, way);
                Box::new(AcceptingEnd { end, accounted: &self.accounted, cuts, way })
            }
            _ => Box::new(end),
        }
    }
}

struct AcceptingEnd<'j> {
    end: ProgramEnd<'j>,
    accounted: &'j Accounted<'j>,
    /// Of what is accepted at this end; none if nothing is.
    cuts: Vec<Cut>,
    way: Way,
}

impl JudgedEnd for AcceptingEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.end.cuts();
        cuts.extend(self.cuts.iter().cloned());
        cuts
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        let said = self.end.verdict(flow, far);
        let is_let_in = || self.accounted.covers(flow, self.way) && !self.accounted.is_refused(flow) && !self.end.refuses_token(flow);
        if said == Verdict::Denied && is_let_in() { Verdict::Allowed } else { said }
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.cuts.is_empty() && self.end.refuses(flow, far)
    }
}
