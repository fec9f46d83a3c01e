//! What is taken for granted of the platform, where nobody said it and every answer would hang on it.
//!
//! Owns: `Assumption`: its name, its words, where it may be said instead. Whoever takes it for granted says so with each answer.

use std::fmt;

/// Something that is taken for granted of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumption {
    /// The network plugin judges SCTP.
    Sctp,
    /// Pods take no part in a mesh.
    NoMesh,
    /// Pods of which nothing says how they take part in a mesh have sidecars.
    Sidecars,
    /// Pods of described namespaces of which nothing says how they take part in a mesh are outside of it.
    Unjoined,
    /// Pods call their ports as the workloads that are described with their labels do.
    PortNames,
    /// No CORS preflight carries a token.
    Preflight,
}

impl Assumption {
    /// Its name in machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sctp => "sctp",
            Self::NoMesh => "no-mesh",
            Self::Sidecars => "sidecars",
            Self::Unjoined => "unjoined",
            Self::PortNames => "port-names",
            Self::Preflight => "preflight",
        }
    }

    /// Where it may be said, so that nobody needs to take it for granted.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Sctp => "`network-plugin.sctp` in twogate.toml says whether it does",
            Self::NoMesh => "`mesh.mode` in twogate.toml says whether they do",
            Self::Sidecars | Self::Unjoined => "labels of their namespaces say whether they do, or `mesh.mode` in twogate.toml",
            Self::Preflight => "browsers send none",
            Self::PortNames => "manifests of other pods with these labels say how those call theirs",
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sctp => "the network plugin judges SCTP",
            Self::NoMesh => "pods take no part in a mesh, as no manifest speaks of one",
            Self::Sidecars => "pods have sidecars where neither they nor their namespaces say so, as others do",
            Self::Unjoined => {
                "pods are outside the mesh where neither they nor their namespace say otherwise, as labels or proxies take in others"
            }
            Self::Preflight => "no CORS preflight carries a token, at which the mesh would not look",
            Self::PortNames => "pods call their ports as the workloads with their labels do",
        })
    }
}
