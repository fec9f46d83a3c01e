//! What a cluster does with manifests: YAML text × flow → verdict with reasons, by the rules of `semantics.md`.
//!
//! Owns: the reading of policies and of what they act on, and every decision about a flow. It knows nothing of intents, nor of
//! how this tool writes manifests: it shares no code and no author with `target`, so that each can be held against the other.

mod decision;
mod mesh;
mod platform;
mod question;

use crate::diagnostic::Diagnostic;
use crate::flow::{Cut, LabelCube, Labels, Protocol, Request, Symbol, Transport, Verdict};
use crate::source::{FileId, Sources};

pub use decision::{Decision, Document, Gate, Miss, Step};
pub use platform::Platform;
pub use question::{Addressed, Endpoint, Facts, NamedPort, Network, Question};

/// Which way a pod's end faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Connections that reach the pod.
    Ingress,
    /// Connections that leave it.
    Egress,
}

/// Manifests, read and ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    platform: Platform,
    workloads: Vec<Workload>,
}

/// The pods of one workload that the manifests hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind, as `Deployment`; that of its owner where pods of one owner are one.
    pub kind: Symbol,
    /// Its name.
    pub name: Symbol,
    /// One of its pods.
    pub endpoint: Endpoint,
}

/// Names that somebody else knows, so that a pattern of names is cut where they lie.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Namespaces.
    pub namespaces: std::collections::BTreeSet<Symbol>,
    /// Service accounts.
    pub accounts: std::collections::BTreeSet<Symbol>,
}

/// Reads manifests.
///
/// What is modelled is read strictly; kinds that cannot affect a flow are passed over by a stated list; everything else makes
/// the flows that it may touch unspecified, with a finding.
pub fn read(_sources: &Sources, _files: &[FileId], platform: Platform) -> (Cluster, Vec<Diagnostic>) {
    (Cluster { platform, workloads: Vec::new() }, Vec::new())
}

impl Cluster {
    /// What is assumed of the platform.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The workloads that the manifests hold, by namespace, kind and name. Pods of one owner are one, unless a policy may tell
    /// them apart.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The labels of a namespace that the manifests describe, its name among them.
    pub fn namespace_labels(&self, _namespace: &str) -> Option<&Labels> {
        None
    }

    /// The selectors by which policies tell pods of a namespace apart, as the pods that they act on.
    pub fn selectors(&self, _namespace: &str) -> Vec<LabelCube> {
        Vec::new()
    }

    /// One end of connections, with the policies that act on this pod found once.
    pub fn end<'c>(&'c self, subject: &'c Endpoint, way: Way) -> End<'c> {
        End { cluster: self, subject, way }
    }

    /// Whether a connection passes, hop by hop and gate by gate, and why.
    pub fn decide(&self, _question: &Question) -> Decision {
        Decision { verdict: Verdict::Unspecified("not modelled".to_owned()), transport: None, steps: Vec::new() }
    }
}

/// One end of a pod: the policies that act on it there.
#[derive(Debug, Clone)]
pub struct End<'c> {
    cluster: &'c Cluster,
    subject: &'c Endpoint,
    way: Way,
}

impl End<'_> {
    /// By what this end tells connections apart; see [`Cut`] for what that promises.
    pub fn cuts(&self, _names: &Names) -> Vec<Cut> {
        Vec::new()
    }

    /// Whether this end lets a connection pass, for the far end, port, transport and request of it. Without reasons, and fast.
    ///
    /// Egress is the network gate alone; ingress is the network gate, the transport and the caller together, for a pod that is
    /// called directly. A path over a waypoint is [`Cluster::decide`]'s to judge.
    pub fn decide(&self, _far: &Endpoint, _protocol: Protocol, _port: u16, _transport: Transport, _request: Option<&Request>) -> Verdict {
        let _ = (self.cluster, self.subject, self.way);
        Verdict::Unspecified("not modelled".to_owned())
    }
}
