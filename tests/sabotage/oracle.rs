//! What the independent model says of a sabotage.
//!
//! Owns: the three questions to it: does it refuse the text too, is a counterexample one, and does nothing change. It must not
//! ask the evaluator.

use std::collections::BTreeSet;

use serde_yaml::Value;
use twogate::flow::Flow;
use twogate::meaning;

use super::{Example, Place, world};
use crate::agreement::world::modelled;
use crate::model::{self, Cluster, Truth};

/// The model's view of an example.
pub(super) struct Oracle<'e> {
    example: &'e Example,
    cluster: Cluster,
}

/// What each gate says, in the order in which a flow meets them; none where that is left open.
type Gates = Vec<(&'static str, Option<bool>)>;

fn gates(cluster: &Cluster, flow: &Flow) -> Gates {
    let passes = |truth: &Truth| match truth {
        Truth::Yes => Some(true),
        Truth::No => Some(false),
        Truth::Unknown(_) => None,
    };
    cluster.gates(&modelled(flow)).iter().map(|gate| (gate.name, passes(&gate.passes))).collect()
}

/// Whether all gates together let a flow pass; none where that is left open.
fn verdict(gates: &Gates) -> Option<bool> {
    if gates.iter().any(|(_, passes)| *passes == Some(false)) {
        return Some(false);
    }
    gates.iter().all(|(_, passes)| *passes == Some(true)).then_some(true)
}

/// A fault if the model takes a text that the reader refused.
pub(super) fn refuses(text: &str) -> Option<String> {
    let is_refused = !model::validate(text).is_empty() || Cluster::read(text).is_err();
    (!is_refused).then(|| "refused, though the model takes it".to_owned())
}

impl<'e> Oracle<'e> {
    pub(super) fn new(example: &'e Example) -> Self {
        Self { example, cluster: Cluster::read(&example.stream(None)).unwrap() }
    }

    /// A fault if one of these flows is no counterexample to the model.
    pub(super) fn confirms(&self, text: &str, flows: &[Flow]) -> Option<String> {
        let cluster = match Cluster::read(text) {
            Ok(cluster) => cluster,
            Err(reason) => return Some(format!("decided, though the model refuses it: {reason}")),
        };
        let meant = |flow: &Flow| Some(meaning::passes(&self.example.outcome.policy, flow));
        let wrong = flows.iter().find(|flow| verdict(&gates(&cluster, flow)) == meant(flow));
        wrong.map(|flow| format!("to the model this is no counterexample: {flow:?}"))
    }

    /// Whether the world around a place shows what the sabotage does.
    pub(super) fn sees(&self, place: &Place, text: &str) -> bool {
        self.finds_nothing(place, text).is_err()
    }

    /// Why a sabotage changes nothing, or the flow that it changes.
    pub(super) fn finds_nothing(&self, place: &Place, text: &str) -> Result<String, String> {
        let cluster = Cluster::read(text).map_err(|reason| format!("taken, though the model refuses it: {reason}"))?;
        let original = &self.example.files[place.file][place.at];
        let acting: Vec<&Value> = [original].into_iter().chain(&place.sabotaged.documents).collect();
        let all: Vec<Value> = self.example.files.iter().flatten().chain(&place.sabotaged.documents).cloned().collect();
        let mut stopped_by: BTreeSet<&'static str> = BTreeSet::new();
        for flow in world::flows(&self.example.outcome.policy, &all, &acting) {
            let (before, after) = (gates(&self.cluster, &flow), gates(&cluster, &flow));
            if verdict(&before) != verdict(&after) {
                return Err(format!("not caught: {flow:?}\n before {before:?}\n after {after:?}"));
            }
            if before != after {
                let stops = |gate: &&(&'static str, Option<bool>)| gate.1 == Some(false) && before.contains(gate);
                stopped_by.extend(after.iter().find(stops).map(|(name, _)| *name));
            }
        }
        if stopped_by.is_empty() {
            return Ok("No gate says anything else".to_owned());
        }
        let names: Vec<&str> = stopped_by.into_iter().collect();
        Ok(format!("Stopped before and after by {}", names.join(", ")))
    }
}
