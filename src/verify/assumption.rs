//! What a proof takes for granted.
//!
//! Owns: the list, each with the words for it. `twogate verify` holds the same list against manifests.

use std::collections::BTreeSet;
use std::fmt;

use crate::flow::{AddressSet, Labels, PodCube, PodSet, PortSet, Protocol, Symbol};

/// Something that a proof does not show and that its result hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assumption {
    /// Pods run as one of these accounts.
    Account {
        /// The pods.
        pods: PodCube,
        /// The accounts.
        accounts: BTreeSet<Symbol>,
    },
    /// No other pods of a namespace run as an account.
    AccountPods {
        /// The namespace.
        namespace: Symbol,
        /// The account.
        account: Symbol,
        /// The pods.
        pods: PodSet,
    },
    /// Pods serve a port, which rules name, on this number.
    NamedPort {
        /// The pods.
        pods: PodSet,
        /// The name of the port.
        name: Symbol,
        /// Its protocol.
        protocol: Protocol,
        /// The number that the name stands for.
        number: u16,
    },
    /// Of the labels that rules and policies look at a namespace has these and no others. Which it has besides, nothing hangs on.
    NamespaceLabels {
        /// The namespace.
        namespace: Symbol,
        /// Those of its labels, as `env=prod,team=pay`.
        labels: String,
        /// The keys that are looked at.
        keys: BTreeSet<Symbol>,
    },
    /// A namespace that others manage has these labels, and perhaps more.
    KnownLabels {
        /// The namespace.
        namespace: Symbol,
        /// What is known of its labels but for its name.
        labels: Labels,
    },
    /// The sidecars of these namespaces' pods capture the ports of the rules.
    Captured {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// Pods of these namespaces, and these pods of others, take no part in a mesh.
    OutsideMesh {
        /// The namespaces.
        namespaces: Vec<Symbol>,
        /// The pods.
        pods: Vec<PodCube>,
    },
    /// Pods of namespaces that are not managed have sidecars where a rule lets them call over mTLS.
    MeshedCallers,
    /// Pods of namespaces that are not managed take part in the mesh as it is said of these; those of which rules speak are in ambient mode
    /// only if that is said.
    OthersPlanes,
    /// Clients speak to pods of these namespaces as the mesh chooses by itself.
    ClientTls {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// No pod of these namespaces uses the network of its node, where policies do not reach it.
    PodNetwork {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// A rule's ports are served as HTTP, because a `deny` on requests stands there.
    Http {
        /// The destinations and ports, in the language's words.
        target: String,
    },
    /// No address block that was written holds the address of a pod.
    NoPodAddress {
        /// The pods' addresses as configured; empty if they are not.
        pods: AddressSet,
    },
    /// The mesh normalises paths as configured, so that a path is written in one way only.
    PathNormalization,
    /// The network plugin judges SCTP.
    Sctp,
    /// The network plugin does not judge SCTP, and nobody speaks it.
    NoSctp,
    /// The network plugin knows `endPort`.
    EndPort,
    /// A connection to a Service is judged at the pod behind it, never at the Service's address, and none comes from there.
    ServiceAddresses,
    /// Nobody but an issuer signs with the keys at this address.
    Keys {
        /// The issuer's `iss`.
        issuer: Symbol,
        /// Where its keys are.
        address: Symbol,
    },
    /// No CORS preflight carries a token; the mesh would not look at it.
    Preflight,
    /// No namespaces but these have the labels by which a rule chooses its callers.
    NamespaceSnapshot {
        /// The rule's callers.
        source: PodSet,
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// No other policy selects pods of these namespaces.
    NoOtherPolicies {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// No pod of these namespaces that rules or policies choose is a gateway besides, by a label.
    NoGateways {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
    /// The intents read with `--with` are applied in these namespaces.
    WithApplied {
        /// The namespaces.
        namespaces: Vec<Symbol>,
    },
}

impl Assumption {
    /// Its name in machine formats.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account",
            Self::AccountPods { .. } => "account-pods",
            Self::NamedPort { .. } => "named-port",
            Self::NamespaceLabels { .. } | Self::KnownLabels { .. } => "namespace-labels",
            Self::Captured { .. } => "captured",
            Self::OutsideMesh { .. } => "outside-mesh",
            Self::MeshedCallers => "meshed-callers",
            Self::OthersPlanes => "others-planes",
            Self::ClientTls { .. } => "client-tls",
            Self::PodNetwork { .. } => "pod-network",
            Self::Http { .. } => "http",
            Self::NoPodAddress { .. } => "no-pod-address",
            Self::PathNormalization => "path-normalization",
            Self::Sctp | Self::NoSctp => "sctp",
            Self::EndPort => "end-port",
            Self::ServiceAddresses => "service-addresses",
            Self::Keys { .. } => "keys",
            Self::Preflight => "preflight",
            Self::NamespaceSnapshot { .. } => "namespace-snapshot",
            Self::NoOtherPolicies { .. } => "no-other-policies",
            Self::NoGateways { .. } => "no-gateways",
            Self::WithApplied { .. } => "with-applied",
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { pods, accounts } => write!(out, "pods `{pods}` run as {}", quoted(accounts.iter(), " or ")),
            Self::AccountPods { namespace, account, pods } => {
                write!(out, "of `{namespace}`, only pods {} run as `{account}`", any_of(pods))
            }
            Self::NamedPort { pods, name, protocol, number } => {
                write!(out, "port `{name}` of pods {} is {}", any_of(pods), PortSet::one(*protocol, *number))
            }
            Self::NamespaceLabels { namespace, labels, keys } => {
                let has = if labels.is_empty() { "none".to_owned() } else { format!("`{labels}`") };
                let noun = if keys.len() == 1 { "label" } else { "labels" };
                let keys = quoted(keys.iter(), ", ");
                write!(out, "of the {noun} {keys} that rules or policies look at, namespace `{namespace}` has {has}")
            }
            Self::KnownLabels { namespace, labels } => {
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(out, "namespace `{namespace}` is labelled `{}`", labels.join(","))
            }
            Self::Captured { namespaces } => {
                write!(out, "sidecars capture the ports of the rules on every pod of {} that is not declared `unmeshed`", named(namespaces))
            }
            Self::OutsideMesh { namespaces, pods } => write!(out, "{} take no part in a mesh", pods_of(namespaces, pods)),
            Self::MeshedCallers => write!(out, "pods of other namespaces that may call over `mtls` have sidecars"),
            Self::OthersPlanes => write!(
                out,
                "pods of other namespaces take part in the mesh as it is said of these, and in ambient mode only where that is said"
            ),
            Self::ClientTls { namespaces } => {
                write!(out, "no `DestinationRule` turns clients of {} away from the mesh's mTLS", named(namespaces))
            }
            Self::PodNetwork { namespaces } => write!(out, "no pod of {} uses the network of its node", named(namespaces)),
            Self::Http { target } => write!(out, "`{target}` is served as HTTP"),
            Self::NoPodAddress { pods } if pods.is_empty() => write!(out, "no address block that is written holds a pod's address"),
            Self::NoPodAddress { .. } => write!(out, "the addresses of `cluster.pod-cidrs` are those of pods, and pods have no others"),
            Self::PathNormalization => write!(out, "the mesh normalises paths as `mesh.path-normalization` says"),
            Self::Sctp => write!(out, "the network plugin judges SCTP"),
            Self::NoSctp => write!(out, "nobody speaks SCTP, which the network plugin does not judge"),
            Self::EndPort => write!(out, "the network plugin knows port ranges"),
            Self::ServiceAddresses => {
                write!(out, "a connection to a Service is judged at the pod behind it, and none comes from a Service's address")
            }
            Self::Keys { issuer, address } => {
                write!(out, "tokens of `{issuer}` are verified by the keys at `{address}`, and nobody else signs with them")
            }
            Self::Preflight => write!(out, "no CORS preflight carries a token: the mesh does not look at it"),
            Self::NamespaceSnapshot { source, namespaces } => {
                let source = source.cubes().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                write!(out, "no namespaces but {} are among `{source}`", named(namespaces))
            }
            Self::NoOtherPolicies { namespaces } => write!(out, "no other policy selects pods of {}", named(namespaces)),
            Self::NoGateways { namespaces } => {
                let of = named(namespaces);
                write!(out, "no pod of {of} that rules or policies choose is a gateway besides, by the labels of one")
            }
            Self::WithApplied { namespaces } => write!(out, "the intents read with `--with` are applied in {}", named(namespaces)),
        }
    }
}

fn any_of(pods: &PodSet) -> String {
    pods.cubes().iter().map(|cube| format!("`{cube}`")).collect::<Vec<_>>().join(" or ")
}

/// Pods of whole namespaces, and pods one by one.
fn pods_of(namespaces: &[Symbol], pods: &[PodCube]) -> String {
    let whole = (!namespaces.is_empty()).then(|| format!("pods of {}", named(namespaces)));
    let single = pods.iter().map(|cube| format!("pods `{cube}`"));
    whole.into_iter().chain(single).collect::<Vec<_>>().join(" and ")
}

/// How many namespaces are named one by one; a longer list helps nobody.
const NAMED: usize = 8;

fn named(namespaces: &[Symbol]) -> String {
    match namespaces.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more namespaces", quoted(first.iter(), ", "), rest.len()),
        _ => quoted(namespaces.iter(), ", "),
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a Symbol>, between: &str) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(between)
}
