//! Differences as they are told.
//!
//! Owns: `Told`. Whoever asks about the flow of a counterexample hears what it says: what nobody knows of the platform is left open though
//! the comparison takes it for granted, what takes a pod into the mesh is told, and pods are told as the manifests have them. Which flows
//! differ is not asked here.

use std::collections::BTreeSet;
use std::mem::discriminant;

use super::platform::platform;
use super::unanswered::unanswered;
use crate::cluster::{self, Cluster, Decision, Endpoint, Network, Platform};
use crate::config::{Answer, Config};
use crate::flow::{Flow, Peer, Protocol, Symbol, Transport, Verdict};
use crate::ir::Policy;
use crate::meaning::passes;
use crate::source::{FileId, Sources};
use crate::verify::{Difference, Meshed, Telling, Way};

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

impl Told {
    /// Whether the platform leaves open what the manifests do with the flow.
    pub(super) const fn is_left_open(&self) -> bool {
        matches!(self.difference.right, Verdict::Unspecified(_))
    }
}

/// Differences, as far as there is one to whoever asks about them.
#[derive(Debug, Default)]
pub(super) struct AllTold {
    /// Those that are told.
    pub(super) differences: Vec<Told>,
    /// Those of which there is none as the manifests have their pods, as these take part in the mesh otherwise than the comparison takes for
    /// granted.
    pub(super) hanging: Vec<Told>,
}

/// So many pods are looked at of those that an end of a flow stands for in words.
const MOST_BESIDES: usize = 64;

/// What differences are told by.
pub(super) struct Teller<'a> {
    pub(super) policy: &'a Policy,
    pub(super) cluster: &'a Cluster,
    /// The same cluster on a network plugin of which nobody knows that it judges SCTP.
    pub(super) unjudged: Option<Cluster>,
    pub(super) telling: &'a Telling<'a>,
    pub(super) meshed: Meshed<'a>,
}

/// Manifests on a network plugin of which nobody knows that it judges SCTP, where they differ from the intents over that; `taken` is the
/// platform of the comparison, which takes it for granted (`semantics.md` §1.6).
pub(super) fn unjudged<'d>(
    mut differences: impl Iterator<Item = &'d Difference>,
    (sources, manifests): (&Sources, &[FileId]),
    config: &Config,
    taken: Platform,
) -> Option<Cluster> {
    let is_open = config.network_plugin.sctp != Answer::Yes && differences.any(|one| one.flow.protocol == Protocol::Sctp);
    is_open.then(|| cluster::read(sources, manifests, Platform { sctp: platform(config).sctp, ..taken }).0)
}

impl Teller<'_> {
    /// Differences as they are told, what is certain first.
    pub(super) fn told(&self, differences: Vec<Difference>) -> AllTold {
        let all = differences.into_iter().map(|difference| self.tell(difference));
        let (hanging, mut differences): (Vec<Told>, Vec<Told>) = all.partition(|told| told.difference.left == told.difference.right);
        differences.sort_by_key(Told::is_left_open);
        AllTold { differences, hanging }
    }

    /// A difference with what the cluster does with its flow. What one end lets through may be left open at the other, and what hangs on
    /// the network plugin is left open wherever it decides.
    fn tell(&self, mut difference: Difference) -> Told {
        let mut decision = self.decide(&difference.flow);
        if let Some((flow, again)) = self.as_asked(&difference.flow, &decision) {
            if again.verdict != decision.verdict || flow.transport != difference.flow.transport {
                difference.left = self.intended(&flow);
                difference.right = again.verdict.clone();
            }
            (difference.flow, decision) = (flow, again);
        }
        let hangs_on_plugin = difference.flow.protocol == Protocol::Sctp || self.is_on_host_network(&difference.flow);
        if let Verdict::Unspecified(_) = decision.verdict
            && (hangs_on_plugin || difference.right == Verdict::Allowed)
        {
            difference.right = decision.verdict.clone();
        }
        let lacking = [Way::Egress, Way::Ingress].map(|way| self.lacking(&difference.flow, way, &decision.verdict));
        Told { flow: self.telling.flow_lacking(&difference.flow, &lacking), difference, decision }
    }

    /// The labels without which a pod of a flow is decided like this and is to be, where with these besides it would not: who reads nothing of
    /// them thinks of both.
    fn lacking(&self, flow: &Flow, way: Way, verdict: &Verdict) -> BTreeSet<Symbol> {
        let mut keys = BTreeSet::new();
        let own = if way == Way::Egress { &flow.source } else { &flow.destination };
        if !matches!(own, Peer::Pod(pod) if self.meshed.may_lack(pod, way)) {
            return keys;
        }
        for (key, pod) in self.telling.besides(flow, way).into_iter().take(MOST_BESIDES) {
            if keys.contains(&key) {
                continue;
            }
            let mut other = flow.clone();
            *(if way == Way::Egress { &mut other.source } else { &mut other.destination }) = Peer::Pod(pod);
            let is_decided_otherwise = || discriminant(&self.decide(&self.meshed.taken(&other)).verdict) != discriminant(verdict);
            if passes(self.policy, &other) != passes(self.policy, flow) || is_decided_otherwise() {
                keys.insert(key);
            }
        }
        keys
    }

    fn decide(&self, flow: &Flow) -> Decision {
        let unjudged = self.unjudged.as_ref().filter(|_| flow.protocol == Protocol::Sctp);
        self.answered(flow, unjudged.unwrap_or(self.cluster).decide(&self.meshed.question(flow)))
    }

    /// Whether an end of a flow stands for pods on the network of their node: what policies do with these hangs on the network plugin
    /// (`semantics.md` §1.7).
    fn is_on_host_network(&self, flow: &Flow) -> bool {
        let question = self.meshed.question(flow);
        [question.source, question.destination].iter().any(|end| end.facts.network == Network::Host)
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

    /// The flow that whoever asks about this one asks about, and what the cluster does with it, where it does something else than with this
    /// one: with the labels by which it does the same, else as the manifests have its pods.
    fn as_asked(&self, flow: &Flow, decision: &Decision) -> Option<(Flow, Decision)> {
        let taken = self.meshed.taken(flow);
        let asked = self.decide(&taken);
        if asked.verdict == decision.verdict && self.meshed.is_taken_in_one_way(flow) {
            return None;
        }
        let labelled = self.meshed.labelled(flow).map(|labelled| (self.decide(&labelled), labelled));
        if let Some((again, labelled)) = labelled.filter(|(again, _)| again.verdict == decision.verdict) {
            return Some((labelled, again));
        }
        let in_plaintext = Flow { transport: Transport::Plaintext, ..taken.clone() };
        let again = self.decide(&in_plaintext);
        // Whoever takes no part in the mesh speaks plaintext.
        if self.intended(&taken) == asked.verdict && self.intended(&in_plaintext) != again.verdict {
            return Some((in_plaintext, again));
        }
        Some((taken, asked))
    }

    /// What the intents say of a flow.
    fn intended(&self, flow: &Flow) -> Verdict {
        if passes(self.policy, flow) { Verdict::Allowed } else { Verdict::Denied }
    }
}
