//! The entries of a difference in access.
//!
//! Owns: `Entry`, `Kind`, `Cause`. They are plain data; words for people are made in `words` and by the formats.

use std::collections::BTreeSet;

use super::side::Which;
use crate::flow::{Flow, Peers, PortSet, Symbol};
use crate::source::Location;

/// What kind of difference it is. Ordered by risk, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Public addresses get in, or get reached, that were not.
    Internet,
    /// Addresses outside the cluster get in, or get reached, that were not.
    Outside,
    /// Pods of other namespaces get in that did not.
    Across,
    /// Pods of the same namespace get in that did not.
    Workloads,
    /// Those who get in reach more ports, or send more requests.
    PortsOrRequests,
    /// Connections over mTLS pass where policies let only plaintext pass.
    MtlsToo,
    /// mTLS or a token is no longer required.
    Weakened,
    /// Two gates stopped somebody, and one does.
    OneGate,
    /// The platform leaves open what passes.
    Unspecified,
    /// Somebody got in and does not.
    Closed,
    /// Somebody gets in on fewer ports, with fewer requests, or only over mTLS or with a token.
    Tightened,
}

impl Kind {
    /// Every kind, by risk.
    pub const ALL: [Self; 11] = [
        Self::Internet,
        Self::Outside,
        Self::Across,
        Self::Workloads,
        Self::PortsOrRequests,
        Self::MtlsToo,
        Self::Weakened,
        Self::OneGate,
        Self::Unspecified,
        Self::Closed,
        Self::Tightened,
    ];

    /// Its name in machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internet => "internet",
            Self::Outside => "outside",
            Self::Across => "across-namespaces",
            Self::Workloads => "workloads",
            Self::PortsOrRequests => "ports-or-requests",
            Self::MtlsToo => "mtls-too",
            Self::Weakened => "weakened",
            Self::OneGate => "one-gate",
            Self::Unspecified => "unspecified",
            Self::Closed => "closed",
            Self::Tightened => "tightened",
        }
    }

    /// What has happened, as a heading and behind a number.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Internet => "opened to the internet",
            Self::Outside => "opened to the outside",
            Self::Across => "opened across namespaces",
            Self::Workloads => "opened to more workloads",
            Self::PortsOrRequests => "more ports or requests",
            Self::MtlsToo => "mTLS accepted too",
            Self::Weakened => "mTLS or a token no longer required",
            Self::OneGate => "one gate now alone",
            Self::Unspecified => "unspecified",
            Self::Closed => "closed",
            Self::Tightened => "tightened",
        }
    }

    /// Whether something passes that did not.
    pub const fn is_gain(self) -> bool {
        matches!(self, Self::Internet | Self::Outside | Self::Across | Self::Workloads | Self::PortsOrRequests | Self::MtlsToo)
    }

    /// Whether a safeguard is gone.
    pub const fn is_weakened(self) -> bool {
        matches!(self, Self::Weakened | Self::OneGate)
    }

    /// Whether something passed that does not.
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Closed | Self::Tightened)
    }
}

/// One difference in access: equal changes over sets of peers and ports.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What kind it is: by what it is told.
    pub kind: Kind,
    /// Every kind that it holds, its own among them: a gain may stand in the place of something that is lost.
    pub kinds: BTreeSet<Kind>,
    /// Who calls.
    pub source: Peers,
    /// Who is called.
    pub destination: Peers,
    /// On which ports.
    pub ports: PortSet,
    /// The callers in the language's words.
    pub who: String,
    /// Those who are called, in the language's words.
    pub whom: String,
    /// The ports in the language's words; empty where every port of every protocol is meant.
    pub on: String,
    /// What passed.
    pub before: String,
    /// What passes.
    pub after: String,
    /// What did it.
    pub causes: Vec<Cause>,
    /// What else is to be known of it.
    pub remarks: Vec<String>,
    /// What is said of it where the rest of it is as it was; it is among the remarks.
    pub partly: Option<String>,
    /// A flow about which the sides differ, as each side sees its ends.
    pub example: Example,
    /// A flow that is lost, where that is not what it is told by.
    pub lost: Option<Example>,
    /// The workloads of the inventory that call, by kind, namespace and name.
    pub callers: Vec<String>,
    /// The workloads of the inventory that are called.
    pub called: Vec<String>,
    /// That it is accepted, where it is.
    pub accepted: Option<Accepted>,
}

impl Entry {
    /// Whether something passed that does not, whatever the kind.
    pub fn loses(&self) -> bool {
        self.kinds.iter().any(|kind| kind.is_loss())
    }

    /// Whether it takes something away, which its kind does not say.
    pub fn takes_too(&self) -> bool {
        self.loses() && !self.kind.is_loss()
    }

    /// What it takes away, as an entry of its own: what it gives is accepted.
    pub(super) fn loss(&self) -> Self {
        let others = self.remarks.iter().filter(|remark| !ALSO.iter().any(|(_, words)| remark == words)).cloned();
        Self {
            kind: Kind::Tightened,
            kinds: BTreeSet::from([Kind::Tightened]),
            remarks: others.chain(["what is gained in its place is accepted".to_owned()]).collect(),
            example: self.lost.clone().unwrap_or_else(|| self.example.clone()),
            lost: None,
            accepted: None,
            ..self.clone()
        }
    }
}

/// What is said of what a line holds besides what it is told by. A set that was swapped reads otherwise than a wider one; what is left
/// open is told with its reason.
const ALSO: [(Kind, &str); 5] = [
    (Kind::PortsOrRequests, "more requests pass, too"),
    (Kind::MtlsToo, "connections over mTLS pass, too"),
    (Kind::Weakened, "mTLS or a token is no longer required for some of it"),
    (Kind::OneGate, "one gate is alone for some of it"),
    (Kind::Tightened, "some of what passed no longer does"),
];

/// What is said of the kinds that a line holds besides its own. Where it is told by something that is gained, or lost, more of that is no
/// news.
pub(super) fn also(kind: Kind, kinds: &BTreeSet<Kind>) -> impl Iterator<Item = String> {
    let is_news = move |other: Kind| other != kind && !(other.is_gain() && kind.is_gain()) && !(other.is_loss() && kind.is_loss());
    ALSO.into_iter().filter(move |(other, _)| kinds.contains(other) && is_news(*other)).map(|(_, words)| words.to_owned())
}

/// A flow about which the sides differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// As the base sees its ends.
    pub base: Flow,
    /// As the head sees them.
    pub head: Flow,
}

/// Why an entry is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The reason that is given.
    pub reason: String,
    /// The last day, as `YYYY-MM-DD`.
    pub until: String,
}

/// What is different about the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It stands on the head only.
    Added,
    /// It stood on the base only.
    Removed,
    /// It was something else.
    Changed,
}

impl Change {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What made a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What is different about it.
    pub change: Change,
    /// The rule, or what else it is, in words.
    pub text: String,
    /// Whether it is a rule of the program.
    pub is_rule: bool,
    /// The side that it stands on: the head if it is there.
    pub side: Which,
    /// What it was, where it was something else.
    pub was: Option<String>,
    /// Where it stands, on the head if it is there, else on the base; none where it is no line.
    pub location: Option<Location>,
    /// The reason that its `because` gives.
    pub because: Option<String>,
    /// The day of its `until`.
    pub until: Option<String>,
    /// The namespace that a rule stands in.
    pub namespace: Option<Symbol>,
}
