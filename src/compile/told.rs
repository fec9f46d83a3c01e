//! Differences as they are told.
//!
//! Owns: `Told`. Whoever asks about the flow of a counterexample hears what it says: what nobody knows of the platform is left open though
//! the comparison takes it for granted, and what takes a pod into the mesh is told. Which flows differ is not asked here.

use super::expectations::decide;
use super::platform::platform;
use super::unanswered::unanswered;
use crate::cluster::{self, Cluster, Decision, Endpoint, Platform};
use crate::config::{Answer, Config};
use crate::flow::{Flow, Protocol, Verdict};
use crate::source::{FileId, Sources};
use crate::verify::{Difference, Meshed, Telling};

/// A difference as it is told.
#[derive(Debug, Clone)]
pub struct Told {
    /// The difference.
    pub difference: Difference,
    /// What the cluster does with its flow.
    pub decision: Decision,
    /// The flow in words.
    pub flow: String,
}

/// What differences are told by.
pub(super) struct Teller<'a> {
    pub(super) cluster: &'a Cluster,
    /// The same cluster on a network plugin of which nobody knows that it judges SCTP.
    pub(super) unjudged: Option<Cluster>,
    pub(super) telling: &'a Telling<'a>,
    pub(super) meshed: Meshed<'a>,
}

/// Manifests on a network plugin of which nobody knows that it judges SCTP, where they differ from the intents over that; `taken` is the
/// platform of the comparison, which takes it for granted (`semantics.md` §1.6).
pub(super) fn unjudged(
    differences: &[Difference],
    (sources, manifests): (&Sources, &[FileId]),
    config: &Config,
    taken: Platform,
) -> Option<Cluster> {
    let is_open = config.network_plugin.sctp != Answer::Yes && differences.iter().any(|one| one.flow.protocol == Protocol::Sctp);
    is_open.then(|| cluster::read(sources, manifests, Platform { sctp: platform(config).sctp, ..taken }).0)
}

impl Teller<'_> {
    /// Differences as they are told, what is certain first.
    pub(super) fn told(&self, differences: Vec<Difference>) -> Vec<Told> {
        let mut all: Vec<Told> = differences.into_iter().map(|difference| self.tell(difference)).collect();
        all.sort_by_key(|told| matches!(told.difference.right, Verdict::Unspecified(_)));
        all
    }

    /// A difference with what the cluster does with its flow. What one end lets through may be left open at the other, and what hangs on
    /// the network plugin is left open wherever it decides.
    fn tell(&self, mut difference: Difference) -> Told {
        let mut decision = self.decide(&difference.flow);
        if let Some((flow, again)) = self.as_asked(&difference.flow, &decision) {
            (difference.flow, decision) = (flow, again);
        }
        let hangs_on_plugin = difference.flow.protocol == Protocol::Sctp;
        if let Verdict::Unspecified(_) = decision.verdict
            && (hangs_on_plugin || difference.right == Verdict::Allowed)
        {
            difference.right = decision.verdict.clone();
        }
        Told { flow: self.telling.flow(&difference.flow), difference, decision }
    }

    fn decide(&self, flow: &Flow) -> Decision {
        let unjudged = self.unjudged.as_ref().filter(|_| flow.protocol == Protocol::Sctp);
        self.answered(flow, decide(unjudged.unwrap_or(self.cluster), flow))
    }

    /// What the cluster does with a flow, as far as somebody listens there.
    fn answered(&self, flow: &Flow, decision: Decision) -> Decision {
        if decision.verdict != Verdict::Allowed || flow.protocol != Protocol::Tcp {
            return decision;
        }
        let destination = Endpoint::from(flow.destination.clone());
        match unanswered(self.cluster, &destination, flow.port, "the pod's") {
            Some(reason) => Decision { verdict: Verdict::Unspecified(reason), ..decision },
            None => decision,
        }
    }

    /// The same flow with the labels without which whoever asks about its pods hears something else, and what the cluster does with it;
    /// none where the answer is the same without any, or another one with them.
    fn as_asked(&self, flow: &Flow, decision: &Decision) -> Option<(Flow, Decision)> {
        if self.decide(&self.meshed.taken(flow)).verdict == decision.verdict {
            return None;
        }
        let labelled = self.meshed.labelled(flow)?;
        let again = self.decide(&labelled);
        (again.verdict == decision.verdict).then_some((labelled, again))
    }
}
