//! Where the ends of rules stand, and what they are made of.
//!
//! Owns: the walks over ends that several checks share. It judges nothing.

use crate::flow::{AddressSet, PodCube};
use crate::ir::{End, Naming, Ownership, Policy, Rule, RuleId, Target};
use crate::source::{Location, Span};

/// One end of a rule, where it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) side: Side,
    pub(super) end: &'a End,
    /// The endpoint without its ports.
    pub(super) location: Location,
}

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Source,
    Destination,
}

impl Side {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// The rules of the program that is compiled: others' are not ours to criticise.
pub(super) fn ours(policy: &Policy) -> impl Iterator<Item = (RuleId, &Rule)> {
    let numbered = policy.rules.iter().enumerate().map(|(index, rule)| (RuleId(index), rule));
    numbered.filter(|(_, rule)| rule.ownership == Ownership::Managed)
}

/// The ends of a rule.
pub(super) fn places(rule: &Rule) -> impl Iterator<Item = Place<'_>> {
    let source = Place { side: Side::Source, end: &rule.source, location: rule.source_location };
    std::iter::once(source).chain(rule.targets.iter().map(destination))
}

/// A destination.
pub(super) fn destination(target: &Target) -> Place<'_> {
    Place { side: Side::Destination, end: &target.end, location: without_ports(target) }
}

/// Where a destination stands, its ports left out.
pub(super) fn without_ports(target: &Target) -> Location {
    let inside = |ports: &Location| ports.file == target.location.file && ports.span.start >= target.location.span.start;
    match target.ports_location.filter(inside) {
        Some(ports) => Location { span: Span { end: ports.span.start, ..target.location.span }, ..target.location },
        None => target.location,
    }
}

/// The selectors of pods that an end names; what a `but` takes away is left out, and so is `anywhere`.
pub(super) fn selectors(end: &End) -> Vec<&PodCube> {
    match end {
        End::Pods(pods, Naming::ByPod) => pods.cubes().iter().collect(),
        End::Pods(_, Naming::InPassing) | End::Addresses(_) => Vec::new(),
        End::Or(ends) => ends.iter().flat_map(selectors).collect(),
        End::But(end, _) | End::Within(end, _) => selectors(end),
    }
}

/// The pods that a destination names: of a port by name, only those that have it.
pub(super) fn served(target: &Target) -> Vec<&PodCube> {
    match &target.end {
        End::Within(_, pods) => pods.cubes().iter().collect(),
        end => selectors(end),
    }
}

/// The addresses that an end names; what a `but` takes away is left out, and so is `anywhere`.
pub(super) fn addresses(end: &End) -> Vec<&AddressSet> {
    match end {
        End::Addresses(addresses) => vec![addresses],
        End::Or(ends) if ends.iter().any(|end| matches!(end, End::Pods(_, Naming::InPassing))) => Vec::new(),
        End::Or(ends) => ends.iter().flat_map(addresses).collect(),
        End::But(end, _) => addresses(end),
        End::Pods(..) | End::Within(..) => Vec::new(),
    }
}
