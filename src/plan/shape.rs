//! What a policy object is to the gates: whom it acts on, what it lets through or refuses, whom it isolates.
//!
//! Owns: `Shape`, and the reading of it from an object. It is enough to know that a change of one object can only open, or only
//! close; whether that is safe is the evaluator's to say. What it does not understand is `Gate::Other`, of which nothing is
//! taken for granted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::object::Object;
use super::rules::{Rules, istio_rules, network_rules};
use crate::flow::{LabelCube, PodCube, PodSet, Symbol, Values};

/// Where an object works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// `NetworkPolicy`: pods that any of them selects let through what one of them says.
    Network,
    /// `AuthorizationPolicy` that allows: the same.
    Allow,
    /// `AuthorizationPolicy` that denies.
    Deny,
    /// `PeerAuthentication`.
    Transport,
    /// It changes no verdict: what it only logs, tries out, or names.
    Silent,
    /// Anything else.
    Other,
}

/// A way through a gate in which an object isolates pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Door {
    /// Into a pod.
    In,
    /// Out of it.
    Out,
}

/// What an object is to the gates.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) gate: Gate,
    /// The pods that it acts on, in its namespace.
    pub(super) subject: PodCube,
    /// What it says, for each way that it speaks of.
    pub(super) rules: BTreeMap<Door, Rules>,
    /// The modes of transport that it names.
    pub(super) modes: BTreeSet<String>,
}

/// The annotation by which a policy is only tried out, and the words that set it (`semantics.md` §2.10).
pub(super) const DRY_RUN: &str = "istio.io/dry-run";
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

impl Shape {
    /// Reads the shape of an object. Istio's objects in the root namespace act on every namespace.
    pub(super) fn of(object: &Object, root: &str) -> Self {
        let spec = object.value().get("spec").unwrap_or(&Value::Null);
        let kind = object.id.kind.as_str();
        let is_wide = *object.id.namespace == *root;
        let (gate, rules) = match kind {
            "NetworkPolicy" => (Gate::Network, network_doors(spec)),
            "AuthorizationPolicy" => authorization(object, spec, is_wide),
            "PeerAuthentication" => (if is_wide { Gate::Other } else { Gate::Transport }, BTreeMap::new()),
            "ServiceAccount" | "Namespace" => (Gate::Silent, BTreeMap::new()),
            _ => (Gate::Other, BTreeMap::new()),
        };
        let selector = if kind == "NetworkPolicy" { spec.get("podSelector") } else { spec.get("selector") };
        let namespace = PodCube::in_namespace(&object.id.namespace);
        match selector.map_or_else(|| Some(LabelCube::all()), cube) {
            Some(labels) => Self { gate, subject: PodCube { labels, ..namespace }, rules, modes: modes(spec) },
            None => Self { gate: Gate::Other, subject: namespace, rules: BTreeMap::new(), modes: modes(spec) },
        }
    }

    /// Whether pods that it selects let through only what is said, this way.
    pub(super) fn isolates(&self, gate: Gate, door: Door) -> bool {
        self.gate == gate && matches!(gate, Gate::Network | Gate::Allow) && self.rules.contains_key(&door)
    }

    pub(super) fn pods(&self) -> PodSet {
        PodSet::from(self.subject.clone())
    }

    /// The ways in which it isolates pods.
    pub(super) fn doors(&self) -> BTreeSet<Door> {
        self.rules.keys().copied().collect()
    }

    pub(super) fn namespace(&self) -> Option<&Symbol> {
        self.subject.namespace_names()?.first()
    }
}

fn authorization(object: &Object, spec: &Value, is_wide: bool) -> (Gate, BTreeMap<Door, Rules>) {
    let annotation = object.value().get("metadata").and_then(|metadata| metadata.get("annotations")?.get(DRY_RUN)?.as_str());
    let action = spec.get("action").and_then(Value::as_str).unwrap_or("ALLOW");
    let gate = match action {
        "AUDIT" => return (Gate::Silent, BTreeMap::new()),
        "ALLOW" | "DENY" if annotation.is_some_and(|word| TRUE.contains(&word)) => return (Gate::Silent, BTreeMap::new()),
        _ if is_wide || spec.get("targetRefs").is_some() || spec.get("targetRef").is_some() => Gate::Other,
        "ALLOW" => Gate::Allow,
        "DENY" => Gate::Deny,
        _ => Gate::Other,
    };
    (gate, BTreeMap::from([(Door::In, istio_rules(spec.get("rules")))]))
}

/// The directions of a `NetworkPolicy`: those that it names, else ingress, and egress if it has such rules (`semantics.md` §1.2).
fn network_doors(spec: &Value) -> BTreeMap<Door, Rules> {
    let list = |key: &str| spec.get(key).and_then(Value::as_array);
    let named = list("policyTypes").filter(|types| !types.is_empty());
    let has = |word: &str, default: bool| named.map_or(default, |types| types.iter().any(|one| one.as_str() == Some(word)));
    let mut doors = BTreeMap::new();
    if has("Ingress", true) {
        doors.insert(Door::In, network_rules(spec.get("ingress"), "from"));
    }
    if has("Egress", list("egress").is_some()) {
        doors.insert(Door::Out, network_rules(spec.get("egress"), "to"));
    }
    doors
}

/// A label selector as a cube (`semantics.md` §1.5); none if it cannot be read.
fn cube(selector: &Value) -> Option<LabelCube> {
    let mut cube = LabelCube::all();
    let mut add = |key: &str, values: Values| -> Option<()> {
        let test = LabelCube::of(key.into(), values);
        cube = cube.intersect(&test)?;
        Some(())
    };
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        add(key, Values::one(value.as_str()?.into()))?;
    }
    for test in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let words = test.get("values").and_then(Value::as_array).into_iter().flatten();
        let words: Vec<Symbol> = words.filter_map(Value::as_str).map(Symbol::from).collect();
        let values = match test.get("operator")?.as_str()? {
            "In" => Values::of(words),
            "NotIn" => Values::except(words),
            "Exists" => Values::present(),
            "DoesNotExist" => Values::absent(),
            _ => return None,
        };
        add(test.get("key")?.as_str()?, values)?;
    }
    Some(cube)
}

/// The modes that a `PeerAuthentication` names, for all ports and for some.
fn modes(spec: &Value) -> BTreeSet<String> {
    let mode = |value: &Value| value.get("mode").and_then(Value::as_str).map(str::to_owned);
    let whole = spec.get("mtls").and_then(mode);
    let ports = spec.get("portLevelMtls").and_then(Value::as_object).into_iter().flatten();
    whole.into_iter().chain(ports.filter_map(|(_, value)| mode(value))).collect()
}
