//! What the evaluator is asked about a call, and what it says.
//!
//! Owns: the questions, one for each side. It must not know which calls there are.

use super::{Client, Door};
use crate::cluster::{Addressed, Cluster, Decision, Question};
use crate::diff::access::Access;
use crate::diff::side::{Said, Which};
use crate::diff::walk::Call;
use crate::flow::{DataPlane, Flow, Pod, Protocol, Request, Transport, Verdict};

impl<'a> Door<'a> {
    /// What passes on one side, and why that is left open where it is.
    pub(super) fn access(&self, client: &Client, which: Which, call: &Call, requests: &[Option<Request>]) -> (Access, Option<String>) {
        let mut why = None;
        let (mut plaintext, mut mtls) = (Vec::new(), Vec::new());
        for request in requests {
            let decision = self.decide(client, which, call, request.as_ref());
            let said = Said::from(&decision.verdict);
            if let Verdict::Unspecified(reason) = decision.verdict {
                why.get_or_insert(reason);
            }
            let over_mtls = decision.transport == Some(Transport::Mtls);
            plaintext.push(if over_mtls { Said::Denied } else { said });
            mtls.push(if over_mtls { said } else { Said::Denied });
        }
        let in_mesh = |pod: Option<&Pod>| pod.is_some_and(|pod| pod.plane != DataPlane::None);
        let mtls = (in_mesh(client.pod(which)) && in_mesh(self.target.pod(which))).then_some(mtls);
        (Access { plaintext: Some(plaintext), mtls, stops: Vec::new() }, why)
    }

    /// Decides a call on one side. Where there is no such Service, the pod is called over what the Service's clients speak.
    fn decide(&self, client: &Client, which: Which, call: &Call, request: Option<&Request>) -> Decision {
        let question = self.question(client, which, call, request.cloned());
        let is_stand_in = call.service.is_some() && question.addressed == Addressed::Pod;
        let other = || self.cluster(which.other()).decide(&self.question(client, which.other(), call, request.cloned()));
        let transport = if is_stand_in { other().transport } else { None };
        self.cluster(which).decide(&Question { transport, ..question })
    }

    const fn cluster(&self, which: Which) -> &'a Cluster {
        let [base, head] = self.sides.clusters;
        match which {
            Which::Base => base,
            Which::Head => head,
        }
    }

    fn question(&self, client: &Client, which: Which, call: &Call, request: Option<Request>) -> Question {
        let (addressed, port) = call.of(which);
        Question {
            source: client.both.end(which).clone(),
            destination: self.target.both.end(which).clone(),
            protocol: Protocol::Tcp,
            port,
            transport: None,
            request,
            addressed: addressed.clone(),
        }
    }

    pub(super) fn flow(&self, client: &Client, which: Which, call: &Call, request: Option<Request>) -> Flow {
        Flow {
            source: client.both.of(which).clone(),
            destination: self.target.both.of(which).clone(),
            protocol: Protocol::Tcp,
            port: call.of(which).1,
            transport: Transport::Plaintext,
            request,
        }
    }
}

impl Call {
    /// What is addressed on one side, and the port of the pod that it leads to.
    pub(in crate::diff) const fn of(&self, which: Which) -> (&Addressed, u16) {
        let [base, head] = &self.leads;
        match which {
            Which::Base => (&base.0, base.1),
            Which::Head => (&head.0, head.1),
        }
    }
}
