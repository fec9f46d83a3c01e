//! Where an Istio object acts (`semantics.md` §2.1).
//!
//! Owns: `Attachment` and which proxy it reaches. It must not know what the object says.

use crate::cluster::question::Facts;
use crate::flow::{LabelCube, Labels, Pod, Symbol, Values};

/// How an object says where it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attachment {
    /// On every workload of its namespace, or of the mesh.
    Everywhere,
    /// The same, by a selector that is written and empty.
    EmptySelector,
    /// On the pods with these labels.
    Labels(Labels),
    /// On what these name.
    Targets(Vec<Target>),
}

/// What an object names as its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// What it is.
    pub(super) kind: TargetKind,
    /// Its name.
    pub(super) name: Symbol,
}

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    /// A Service.
    Service,
    /// A `ServiceEntry`.
    ServiceEntry,
    /// A Gateway of the Gateway API.
    Gateway,
    /// A class of such Gateways.
    GatewayClass,
}

/// Whether an object acts on a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acts {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody knows, for this reason.
    Perhaps(&'static str),
}

const OPEN_LABEL: &str = "a selector asks for a label whose value is not known";

/// A pod, and what else is known of it.
pub(super) type Known<'p> = (&'p Pod, &'p Facts);

impl Attachment {
    /// The labels by which it chooses pods, if it does so by labels.
    pub(super) const fn labels(&self) -> Option<&Labels> {
        if let Self::Labels(labels) = self { Some(labels) } else { None }
    }

    /// Whether it reaches the sidecar of a pod; `own` is the object's namespace.
    pub(super) fn on_sidecar(&self, own: &str, root: &str, known: Known<'_>) -> Acts {
        let (pod, _) = known;
        let near = *own == *pod.namespace || own == root;
        match self {
            _ if !near => Acts::No,
            Self::Everywhere | Self::EmptySelector => Acts::Yes,
            Self::Labels(labels) => selects(known, labels),
            // A pod of a Gateway of the Gateway API carries its name.
            Self::Targets(targets) => {
                let gateway = pod.labels.get(GATEWAY_NAME).filter(|_| *own == *pod.namespace);
                let is_it = |target: &Target| target.kind == TargetKind::Gateway && Some(&target.name) == gateway;
                if targets.iter().any(is_it) { Acts::Yes } else { Acts::No }
            }
        }
    }

    /// Whether ztunnel is told of it for a pod.
    pub(super) fn on_ztunnel(&self, own: &str, root: &str, known: Known<'_>) -> Acts {
        let (pod, _) = known;
        let near = *own == *pod.namespace || own == root;
        match self {
            Self::EmptySelector if near => Acts::Perhaps("what an empty `selector` selects in ambient mode is not known"),
            Self::Everywhere if near => Acts::Yes,
            Self::Labels(labels) if near => selects(known, labels),
            _ => Acts::No,
        }
    }

    /// What it is a target of, if it names targets.
    pub(super) fn targets(&self) -> &[Target] {
        match self {
            Self::Targets(targets) => targets,
            _ => &[],
        }
    }

    /// Every test of pods' labels by which it finds its pods: a pod that passes one of them is one of these. A Gateway's pods carry its
    /// name.
    pub(super) fn label_tests(&self) -> Vec<LabelCube> {
        let gateways = self.targets().iter().filter(|target| target.kind == TargetKind::Gateway);
        let named = |target: &Target| LabelCube::of(GATEWAY_NAME.into(), Values::one(Symbol::clone(&target.name)));
        self.cube().into_iter().chain(gateways.map(named)).collect()
    }

    /// Where it acts, in words, as ``pods `app=db` ``; none for everywhere.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Everywhere => None,
            Self::EmptySelector => Some("an empty selector".to_owned()),
            Self::Labels(labels) => Some(format!("pods `{}`", cube(labels))),
            Self::Targets(targets) => {
                let words: Vec<String> = targets.iter().map(|target| format!("{:?} `{}`", target.kind, target.name)).collect();
                Some(words.join(", "))
            }
        }
    }

    /// The labels that tell its pods from others.
    pub(super) fn cube(&self) -> Option<LabelCube> {
        match self {
            Self::Labels(labels) => Some(cube(labels)),
            _ => None,
        }
    }
}

/// The label under which pods carry the name of their Gateway.
pub(in crate::cluster) const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Whether a pod has all of these labels, as far as its labels are known.
pub(super) fn selects((pod, facts): Known<'_>, labels: &Labels) -> Acts {
    let has = |(key, value): (&Symbol, &Symbol)| pod.labels.get(key) == Some(value) || facts.injected(pod, key) == Some(value);
    let is_open = |key: &Symbol| facts.open_labels.contains(key) && facts.injected(pod, key).is_none();
    let may_have = |pair: (&Symbol, &Symbol)| has(pair) || is_open(pair.0);
    if labels.iter().all(has) {
        Acts::Yes
    } else if labels.iter().all(may_have) {
        Acts::Perhaps(OPEN_LABEL)
    } else {
        Acts::No
    }
}

/// Whether a pod has all of these labels.
pub(super) fn carries(pod: &Pod, labels: &Labels) -> bool {
    labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
}

/// Label assignments with all of these.
pub(super) fn cube(labels: &Labels) -> LabelCube {
    labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value))))
}
