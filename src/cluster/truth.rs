//! Three answers: no, yes, and "the platform leaves it open", with the reason.
//!
//! Owns: `Truth`, `Doubt` and the words for each doubt. The third answer is never turned into another one unless the rest of
//! a formula decides alone (`semantics.md` §0.1). A doubt is a reference to what causes it, so that nothing is written while it may
//! still be decided otherwise.

use std::fmt;

use super::network::Block;
use super::unmodelled::Unmodelled;
use crate::flow::Verdict;

/// The answer to one question about a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Truth<'a> {
    /// No.
    No,
    /// It is left open.
    Unknown(Doubt<'a>),
    /// Yes.
    Yes,
}

/// Why something is left open.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doubt<'a> {
    /// The other labels of this namespace (§1.5).
    NamespaceLabels { namespace: &'a str },
    /// A label whose value is not known.
    Label { key: &'a str },
    /// A policy that selects a pod on its node's network (§1.7).
    HostNetworkSubject,
    /// A selector that meets one as a peer (§1.7).
    HostNetworkPeer,
    /// A block against the address of a pod (§1.8).
    PodInBlock { block: &'a Block },
    /// A block against an address that is not known.
    AddressUnknown { block: &'a Block },
    /// A block that holds what a pod may use on a connection of one family of addresses, and nothing of the other.
    Family { block: &'a Block },
    /// A block with bits set behind its prefix (§1.9).
    HostBits { block: &'a Block },
    /// A port past the first of a range (§1.6).
    EndPort,
    /// A port by its name (§1.6).
    NamedPorts { name: &'a str },
    /// A port by its name, of a pod whose ports are not known.
    PortsUnknown { name: &'a str },
    /// SCTP (§1.6).
    Sctp,
    /// A Service's address, that may be seen or not (§1.6).
    ServiceAddress,
    /// A pod on the network of a node that may be the other end's own (§1.7).
    Perhaps,
    /// The address of probes, which some plugins take for the pod's own node and others do not (§5.4).
    Probe,
    /// From a pod to its own node (§1.7).
    NodeEgress,
    /// From a pod to itself (§1.7).
    Hairpin,
    /// A call of an address that may go over the waypoint of this `ServiceEntry` (§5.5).
    Entry { name: &'a str },
    /// An object that is not modelled, or could not be read.
    Object(&'a Unmodelled),
}

impl<'a> Truth<'a> {
    /// Yes or no.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both hold. Of two doubts the first is kept.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown(doubt), _) | (_, Self::Unknown(doubt)) => Self::Unknown(doubt),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    /// One of them holds. Of two doubts the first is kept.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Unknown(doubt), _) | (_, Self::Unknown(doubt)) => Self::Unknown(doubt),
            (Self::No, Self::No) => Self::No,
        }
    }

    /// Whether one of many holds.
    pub(super) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::No;
        for answer in answers {
            result = result.or(answer);
            if matches!(result, Self::Yes) {
                break;
            }
        }
        result
    }

    /// The same, with a no that cannot be relied upon.
    pub(super) fn unless(self, doubt: Doubt<'a>) -> Self {
        match self {
            Self::No => Self::Unknown(doubt),
            other => other,
        }
    }

    /// Whether it is yes.
    pub(super) fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether it is no.
    pub(super) fn is_no(self) -> bool {
        matches!(self, Self::No)
    }

    /// As a verdict, where yes lets the connection pass.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Yes => Verdict::Allowed,
            Self::No => Verdict::Denied,
            Self::Unknown(doubt) => Verdict::Unspecified(doubt.to_string()),
        }
    }
}

/// In one sentence without capital and full stop.
/// How the reason begins that nobody knows what a pod calls its ports.
const PORTS_UNKNOWN: &str = "which port the pod calls `";

/// Whether a reason is that nobody knows what a pod calls its ports.
pub(super) fn is_of_port_names(reason: &str) -> bool {
    reason.starts_with(PORTS_UNKNOWN)
}

impl fmt::Display for Doubt<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamespaceLabels { namespace } => write!(out, "the labels of namespace `{namespace}` are not known"),
            Self::Label { key } => write!(out, "the value of the label `{key}` is not known"),
            Self::HostNetworkSubject => out.write_str("a policy selects a host-network pod, which Kubernetes leaves undefined"),
            Self::HostNetworkPeer => out.write_str("a selector meets a host-network pod, which Kubernetes leaves undefined"),
            Self::PodInBlock { block } => write!(out, "whether the ipBlock `{block}` matches pods hangs on the network plugin"),
            Self::AddressUnknown { block } => write!(out, "whether the ipBlock `{block}` holds the pod's address is not known"),
            Self::Family { block } => {
                write!(out, "whether the connection is IPv4 or IPv6 is not known, and the ipBlock `{block}` holds the pod's address of one of them")
            }
            Self::HostBits { block } => write!(out, "which addresses the ipBlock `{block}` holds hangs on the network plugin"),
            Self::EndPort => out.write_str("whether `endPort` works hangs on the network plugin"),
            Self::NamedPorts { name } => write!(out, "whether the named port `{name}` works hangs on the network plugin"),
            Self::PortsUnknown { name } => write!(out, "{PORTS_UNKNOWN}{name}` is not known"),
            Self::Sctp => out.write_str("whether SCTP is judged hangs on the network plugin"),
            Self::ServiceAddress => out.write_str("whether a policy sees a Service's address or a pod behind it is undefined"),
            Self::Perhaps => out.write_str("the caller uses its node's network and may run on the pod's own node"),
            Self::Probe => out.write_str(
                "whether what probes and host processes of the pod's own node send from this address counts as that node's hangs on the network plugin",
            ),
            Self::NodeEgress => out.write_str("whether a pod always reaches its own node is undefined"),
            Self::Hairpin => out.write_str("whether a policy judges a pod that calls itself through a Service is undefined"),
            Self::Entry { name } => write!(out, "a call of it may go over the waypoint of ServiceEntry `{name}`"),
            Self::Object(object) => object.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Truth<'_> = Truth::Unknown(Doubt::Sctp);

    #[test]
    fn a_doubt_decides_nothing_and_hides_nothing() {
        assert!(matches!(Truth::any([Truth::No, OPEN, Truth::No]), Truth::Unknown(Doubt::Sctp)));
        assert!(Truth::any([OPEN, Truth::Yes]).is_yes());
        assert!(Truth::any([]).is_no());
        assert!(matches!(Truth::Yes.and(OPEN), Truth::Unknown(Doubt::Sctp)));
        assert!(OPEN.and(Truth::No).is_no());
        assert!(OPEN.or(Truth::Yes).is_yes());
        assert!(matches!(Truth::No.unless(Doubt::Hairpin), Truth::Unknown(Doubt::Hairpin)));
        assert!(Truth::Yes.unless(Doubt::Hairpin).is_yes());
    }
}
