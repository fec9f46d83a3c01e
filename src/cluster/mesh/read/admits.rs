//! From which namespaces a Gateway of the Gateway API lets other objects in.
//!
//! Owns: `Admits`, whatever objects these are. It must not know where a Gateway says it.

use crate::flow::{LabelCube, Labels, NAMESPACE_NAME};

/// Which objects a Gateway lets in, by their namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Admits {
    /// None.
    None,
    /// Those of its own namespace.
    Same,
    /// All.
    All,
    /// Those of namespaces with these labels.
    Labelled(LabelCube),
    /// Nobody knows.
    Unclear,
}

/// Whether an object is let in, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Admitted {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody knows, for this reason.
    Perhaps(&'static str),
}

/// Why it may not be known.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Doubts {
    /// What the Gateway says cannot be understood.
    pub(in super::super) unclear: &'static str,
    /// It says it by labels of namespaces, and these are not known.
    pub(in super::super) unlabelled: &'static str,
}

impl Admits {
    /// Whether an object is let in by a Gateway, by their namespaces; of that of the object the labels are given, if they are known.
    pub(in super::super) fn admit(&self, own: &str, namespace: &str, labels: Option<&Labels>, doubts: Doubts) -> Admitted {
        let is = |yes| if yes { Admitted::Yes } else { Admitted::No };
        match (self, labels) {
            (Self::None, _) => Admitted::No,
            (Self::All, _) => Admitted::Yes,
            (Self::Same, _) => is(own == namespace),
            (Self::Unclear, _) => Admitted::Perhaps(doubts.unclear),
            (Self::Labelled(cube), Some(labels)) => is(cube.contains(labels)),
            // Its name is the one label that is known.
            (Self::Labelled(cube), None) if !cube.get(NAMESPACE_NAME).contains(Some(namespace)) => Admitted::No,
            (Self::Labelled(cube), None) if cube.iter().all(|(key, _)| **key == *NAMESPACE_NAME) => Admitted::Yes,
            (Self::Labelled(_), None) => Admitted::Perhaps(doubts.unlabelled),
        }
    }
}
