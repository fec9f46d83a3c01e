//! The mesh's half of the evaluator: a placeholder that judges nothing.
//!
//! Owns: the seam, as the network half calls it. It must not know `NetworkPolicy`.

use super::object::Object;
use super::{Endpoint, Names, Platform, Question, Step};
use crate::diagnostic::Diagnostic;
use crate::flow::{Cut, LabelCube, Protocol, Request, Transport, Verdict};
use crate::inventory::Inventory;
use crate::manifest::{self, Reading};

/// Everything that manifests say about the mesh.
#[derive(Debug, Clone, Default)]
pub(super) struct Mesh {}

/// One packet's way, as `NetworkPolicy` sees it (`semantics.md` §5.1).
#[derive(Debug, Clone)]
pub(super) struct Hop {
    /// The pod or address that sends.
    pub(super) from: Endpoint,
    /// The pod or address that receives.
    pub(super) to: Endpoint,
    /// The protocol on the wire.
    pub(super) protocol: Protocol,
    /// The port on the wire.
    pub(super) wire_port: u16,
}

/// What the mesh says about a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// How it arrives; none if it is not known or no TCP.
    pub(super) transport: Option<Transport>,
    /// What each gate of the mesh says, in the order of the packet.
    pub(super) steps: Vec<Step>,
}

/// The mesh's part of the ingress end of one pod.
#[derive(Debug, Clone)]
pub(super) struct MeshEnd<'c> {
    mesh: std::marker::PhantomData<&'c Mesh>,
}

impl Mesh {
    /// Reads an object of one of the mesh's kinds; `object.kind` says which.
    pub(super) fn read(&mut self, _object: Object, _tree: &manifest::Object<'_>, _reading: &mut Reading<'_>) {}

    /// Takes in what another part of the manifests says; parts come in the order of the text.
    pub(super) fn merge(&mut self, _other: Self) {}

    /// Puts together what was read, once everything is.
    pub(super) fn settle(&mut self, _platform: &Platform, _inventory: &Inventory) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// The selectors by which its policies tell pods of a namespace apart.
    pub(super) fn selectors(&self, _platform: &Platform, _namespace: &str) -> Vec<LabelCube> {
        Vec::new()
    }

    /// The ingress end of a pod that is called directly.
    pub(super) fn end<'c>(&'c self, _platform: &'c Platform, _destination: &'c Endpoint) -> MeshEnd<'c> {
        MeshEnd { mesh: std::marker::PhantomData }
    }

    /// The hops that `NetworkPolicy` sees.
    pub(super) fn path(&self, _platform: &Platform, question: &Question) -> Vec<Hop> {
        let wire_port = match question.transport {
            Some(transport) => super::wire::port(&question.source, &question.destination, question.protocol, question.port, transport),
            None => question.port,
        };
        let (from, to) = (question.source.clone(), question.destination.clone());
        vec![Hop { from, to, protocol: question.protocol, wire_port }]
    }

    /// What the mesh's own gates say.
    pub(super) fn judge(&self, _platform: &Platform, question: &Question) -> Judged {
        Judged { transport: question.transport.filter(|_| question.protocol == Protocol::Tcp), steps: Vec::new() }
    }
}

impl MeshEnd<'_> {
    /// By what it tells connections apart.
    pub(super) fn cuts(&self, _names: &Names) -> Vec<Cut> {
        Vec::new()
    }

    /// Whether it lets a TCP connection pass.
    pub(super) fn decide(&self, _far: &Endpoint, _port: u16, _transport: Transport, _request: Option<&Request>) -> Verdict {
        Verdict::Allowed
    }
}
