//! The one form that every source's expectations come to: single flows, each with the answer that is expected.
//!
//! Owns: `Claim`, what other tools grant (`Grant`), and how a list of grants becomes claims: one for each pair of ends, class of
//! ports and request, whatever no grant covers being refused.

use std::collections::BTreeSet;

use twogate::flow::{PortSet, Protocol};

use super::world::{End, World};

/// What somebody says of one flow.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Who connects, by its place among the ends.
    pub(super) from: usize,
    /// To whom.
    pub(super) to: usize,
    /// Over what.
    pub(super) protocol: Protocol,
    /// The port of the pod.
    pub(super) port: u16,
    /// Method and path, if it is HTTP.
    pub(super) request: Option<(String, String)>,
    /// Whether it passes.
    pub(super) allowed: bool,
}

/// Expectations about one cluster.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// All of them.
    pub(super) claims: Vec<Claim>,
}

/// Connections that somebody lists as passing. An absent list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Granted {
    /// The ports; none for all of them.
    pub(super) ports: Option<PortSet>,
    /// A port by a name that nobody resolved.
    pub(super) named: Option<(Protocol, String)>,
    /// Methods of HTTP.
    pub(super) methods: Vec<String>,
    /// Paths of HTTP.
    pub(super) paths: Vec<String>,
}

impl Granted {
    /// Only these ports.
    pub(super) fn ports(ports: PortSet) -> Self {
        Self { ports: Some(ports), ..Self::default() }
    }

    /// Whether it covers a connection.
    pub(super) fn covers(&self, protocol: Protocol, port: u16, request: Option<&(String, String)>) -> bool {
        let has = |list: &[String], word: &str| list.is_empty() || list.iter().any(|each| each == word);
        let inside = match request {
            Some((method, path)) => has(&self.methods, method) && has(&self.paths, path),
            None => self.methods.is_empty() && self.paths.is_empty(),
        };
        inside && self.named.is_none() && self.ports.as_ref().is_none_or(|ports| ports.contains(protocol, port))
    }
}

/// One line of a list.
#[derive(Debug, Clone)]
pub(super) struct Grant<S> {
    /// Who connects.
    pub(super) from: S,
    /// To whom.
    pub(super) to: S,
    /// By what.
    pub(super) granted: Granted,
}

/// A set of ends, in the words of a source.
pub(super) trait Side {
    /// Whether an end is in it.
    fn holds(&self, end: &End) -> bool;
}

/// Which flows of a cluster a list is about.
pub(super) struct Scope<'s> {
    /// The ports to ask, one for each class.
    pub(super) ports: Vec<u16>,
    /// The protocols to ask.
    pub(super) protocols: Vec<Protocol>,
    /// The requests to ask on TCP, none standing for raw bytes.
    pub(super) requests: Vec<Option<(String, String)>>,
    /// Whether a pair of ends is asked about.
    pub(super) pairs: &'s dyn Fn(&End, &End) -> bool,
}

/// Pairs of different owners of which one at least is a pod. A pod and itself are no matter of policy (`semantics.md` §1.7), and
/// tools that print owners print nothing about two pods of one.
pub(super) fn different_owners(from: &End, to: &End) -> bool {
    from.name != to.name && (from.as_pod().is_some() || to.as_pod().is_some())
}

/// Pairs of different pods, and of pods and addresses, for tools that look at single pods.
pub(super) fn different_pods(from: &End, to: &End) -> bool {
    from.pod != to.pod && (from.as_pod().is_some() || to.as_pod().is_some())
}

/// One port for each class that the numbers of the policies and of the lists tell apart.
pub(super) fn port_classes<'g>(world: &World, granted: impl IntoIterator<Item = &'g Granted>) -> Vec<u16> {
    let mut starts: BTreeSet<u16> = BTreeSet::from([1]);
    let written = granted.into_iter().filter_map(|granted| granted.ports.as_ref());
    let ranges = written.flat_map(|ports| ports.ranges().collect::<Vec<_>>()).map(|(_, low, high)| (low, high));
    for (low, high) in world.ports.iter().map(|port| (*port, *port)).chain(ranges) {
        starts.extend(Some(low).filter(|low| *low > 0));
        starts.extend(high.checked_add(1));
    }
    starts.into_iter().collect()
}

impl Expectation {
    /// What a complete list says: its grants pass, everything else in the scope does not.
    pub(super) fn of_list<S: Side>(world: &World, grants: &[Grant<S>], scope: &Scope<'_>) -> Self {
        let mut claims = Vec::new();
        for (from, source) in world.ends.iter().enumerate() {
            for (to, destination) in world.ends.iter().enumerate().filter(|(_, end)| (scope.pairs)(source, end)) {
                let of_pair: Vec<&Granted> = grants
                    .iter()
                    .filter(|grant| grant.from.holds(source) && grant.to.holds(destination))
                    .map(|grant| &grant.granted)
                    .collect();
                for protocol in &scope.protocols {
                    for (port, request) in scope.asked(*protocol) {
                        let allowed = of_pair.iter().any(|granted| granted.covers(*protocol, port, request));
                        claims.push(Claim { from, to, protocol: *protocol, port, request: request.cloned(), allowed });
                    }
                }
            }
        }
        Self { claims }
    }
}

impl Scope<'_> {
    /// Ports and requests to ask over a protocol.
    fn asked(&self, protocol: Protocol) -> impl Iterator<Item = (u16, Option<&(String, String)>)> {
        let requests = self.requests.iter().map(Option::as_ref).filter(move |request| protocol == Protocol::Tcp || request.is_none());
        self.ports.iter().flat_map(move |port| requests.clone().map(move |request| (*port, request)))
    }
}
