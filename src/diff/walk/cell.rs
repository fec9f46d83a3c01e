//! What a walk finds.
//!
//! Owns: `Cell`, `LeftOpen` and `Found`. It asks nobody about flows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Addressed;
use crate::diff::access::Access;
use crate::diff::side::Both;
use crate::flow::{Flow, Peers, PortSet, Protocol, Request, RequestSet, Symbol};
use crate::verify::Way;

/// A class of flows about which the sides differ.
#[derive(Debug, Clone)]
pub(in crate::diff) struct Cell {
    /// Who calls.
    pub(in crate::diff) source: Arc<Peers>,
    /// Who is called.
    pub(in crate::diff) destination: Arc<Peers>,
    /// On which ports.
    pub(in crate::diff) ports: PortSet,
    /// One caller.
    pub(in crate::diff) caller: Both,
    /// One of those that are called.
    pub(in crate::diff) target: Both,
    /// The protocol of the ports.
    pub(in crate::diff) protocol: Protocol,
    /// One of the ports.
    pub(in crate::diff) port: u16,
    /// The classes of requests.
    pub(in crate::diff) requests: Arc<Vec<Option<Request>>>,
    /// What passed.
    pub(in crate::diff) before: Access,
    /// What passes.
    pub(in crate::diff) after: Access,
    /// Why it is left open what passes now, where it is.
    pub(in crate::diff) why: Option<String>,
    /// Why it was left open before.
    pub(in crate::diff) was_why: Option<String>,
    /// Whether anything passes between the two on any port, on each side; none if not all ports were looked at.
    pub(in crate::diff) somewhere: Option<[bool; 2]>,
    /// The workloads that call and are called, where those alone are meant.
    pub(in crate::diff) workloads: [Option<Symbol>; 2],
    /// How the connection is made, where it is no matter of the two ends alone.
    pub(in crate::diff) call: Option<Call>,
    /// Sets of requests by which what passes on the way is told in words, besides those of the two ends.
    pub(in crate::diff) meant: Vec<RequestSet>,
}

/// A connection as its client makes it.
#[derive(Debug, Clone)]
pub(in crate::diff) struct Call {
    /// The Service that is called, on a port of it; none where the pod itself is.
    pub(in crate::diff) service: Option<(Symbol, u16)>,
    /// What is addressed on each side, and the port of the pod that it leads to.
    pub(in crate::diff) leads: [(Addressed, u16); 2],
}

/// A flow of which both sides leave open whether it passes.
#[derive(Debug, Clone)]
pub(in crate::diff) struct LeftOpen {
    /// Who calls.
    pub(in crate::diff) caller: Both,
    /// Who is called.
    pub(in crate::diff) target: Both,
    /// As the head sees it.
    pub(in crate::diff) flow: Flow,
    /// How it is made, where it is no matter of the two ends alone.
    pub(in crate::diff) call: Option<Call>,
}

/// By what flows that both sides leave open are one: the reason, the namespace of the caller, the target and the port.
type Openness = (String, Option<Symbol>, String, Protocol, u16);

/// What a walk found.
#[derive(Debug, Default)]
pub(in crate::diff) struct Found {
    /// The classes about which the sides differ.
    pub(in crate::diff) cells: Vec<Cell>,
    /// Flows whose pods or requests fall into too many classes.
    pub(in crate::diff) incomplete: Vec<Flow>,
    /// Flows that both sides leave open: of each reason one for every target and port, and namespace of callers.
    pub(in crate::diff) left_open: BTreeMap<Openness, LeftOpen>,
    /// Where only pods of few labels were looked at.
    pub(in crate::diff) few: Sampled,
}

/// Namespaces whose pods were looked at only as far as they have few labels, as ends of connections of these ways, with the labels of
/// which they may have more.
pub(in crate::diff) type Sampled = BTreeMap<(Symbol, Way), BTreeSet<Symbol>>;

impl Found {
    /// Adds what was found later.
    pub(super) fn extend(&mut self, later: Self) {
        self.cells.extend(later.cells);
        self.incomplete.extend(later.incomplete);
        self.few.extend(later.few);
        for (key, open) in later.left_open {
            self.left_open.entry(key).or_insert(open);
        }
    }
}
