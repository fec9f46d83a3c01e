//! What a walk finds.
//!
//! Owns: `Cell`, `LeftOpen` and `Found`. It asks nobody about flows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Addressed;
use crate::diff::access::Access;
use crate::diff::news::with_news;
use crate::diff::side::{Both, Which};
use crate::flow::{Flow, Peers, PortSet, Protocol, Request, RequestSet, Symbol, Transport};
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

/// Flows between two peers on one port of which both sides leave open whether they pass. Each may be left open by other rules.
#[derive(Debug, Clone)]
pub(in crate::diff) struct LeftOpen {
    /// Who calls.
    pub(in crate::diff) caller: Both,
    /// Who is called.
    pub(in crate::diff) target: Both,
    /// The protocol of the port.
    pub(in crate::diff) protocol: Protocol,
    /// The port.
    pub(in crate::diff) port: u16,
    /// What is asked for on this port, and on others.
    pub(in crate::diff) requests: Arc<Vec<Option<Request>>>,
    /// Over which transports, and with which of the requests.
    pub(in crate::diff) places: Vec<(Transport, usize)>,
    /// The workloads that call and are called, where those alone are meant.
    pub(in crate::diff) workloads: [Option<Symbol>; 2],
    /// How the connection is made, where it is no matter of the two ends alone.
    pub(in crate::diff) call: Option<Call>,
}

impl LeftOpen {
    /// The flows, as the head sees them.
    pub(in crate::diff) fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.places.iter().map(|(transport, at)| Flow {
            source: self.caller.of(Which::Head).clone(),
            destination: self.target.of(Which::Head).clone(),
            protocol: self.protocol,
            port: self.port,
            transport: *transport,
            request: self.requests.get(*at).cloned().flatten(),
        })
    }
}

/// So many pairs of peers and ports that both sides leave open are kept of one namespace.
const MAX_LEFT_OPEN: usize = 100_000;

/// What a walk found.
#[derive(Debug, Default)]
pub(in crate::diff) struct Found {
    /// The classes about which the sides differ.
    pub(in crate::diff) cells: Vec<Cell>,
    /// Flows whose pods or requests fall into too many classes.
    pub(in crate::diff) incomplete: Vec<Flow>,
    /// Flows that both sides leave open.
    pub(in crate::diff) left_open: Vec<LeftOpen>,
    /// One of those that were not kept, as there are too many.
    pub(super) unkept: Option<Flow>,
    /// Where only pods of few labels were looked at.
    pub(in crate::diff) few: Sampled,
}

/// Namespaces whose pods were looked at only as far as they have few labels, as ends of connections of these ways, with the labels of
/// which they may have more.
pub(in crate::diff) type Sampled = BTreeMap<(Symbol, Way), BTreeSet<Symbol>>;

impl Found {
    /// With those cells of another walk over the same flows that show something else.
    pub(in crate::diff) fn with_news(mut self, other: Self) -> Self {
        self.cells = with_news(self.cells, other.cells);
        self.incomplete.extend(other.incomplete);
        self.few.extend(other.few);
        self
    }

    /// Adds what was found later.
    pub(super) fn extend(&mut self, later: Self) {
        self.cells.extend(later.cells);
        self.incomplete.extend(later.incomplete);
        self.few.extend(later.few);
        self.left_open.extend(later.left_open);
        self.unkept = self.unkept.take().or(later.unkept);
    }

    /// Takes in flows that both sides leave open.
    pub(super) fn leave_open(&mut self, open: LeftOpen) {
        if self.left_open.len() < MAX_LEFT_OPEN {
            self.left_open.push(open);
        } else if self.unkept.is_none() {
            self.unkept = open.flows().next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Peer;

    /// What is not kept is not passed over in silence.
    #[test]
    fn of_more_open_flows_than_are_kept_one_is_told() {
        let address = Both::address(Peer::Address("1.2.3.4".parse().unwrap()));
        let open = LeftOpen {
            caller: address.clone(),
            target: address,
            protocol: Protocol::Tcp,
            port: 80,
            requests: Arc::new(vec![None]),
            places: vec![(Transport::Plaintext, 0)],
            workloads: [None, None],
            call: None,
        };
        let mut found = Found::default();
        for _ in 0..MAX_LEFT_OPEN {
            found.leave_open(open.clone());
        }
        assert!(found.unkept.is_none());
        found.leave_open(LeftOpen { port: 81, ..open.clone() });
        found.leave_open(open);
        assert_eq!((found.left_open.len(), found.unkept.as_ref().map(|flow| flow.port)), (MAX_LEFT_OPEN, Some(81)));
        let mut all = Found::default();
        all.extend(found);
        assert_eq!(all.unkept.map(|flow| flow.port), Some(81));
    }
}
