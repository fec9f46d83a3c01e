//! Reads `ListenerSet`s of the Gateway API, and which of them a Gateway lets in.
//!
//! Owns: `ListenerSet`, `Admits`. Nothing is reported about an object that is not as expected: what it opens is not known then.

use super::server;
use crate::cluster::mesh::gateway::Server;
use crate::cluster::object::Object;
use crate::cluster::selector;
use crate::flow::{LabelCube, Labels, NAMESPACE_NAME, Symbol};
use crate::manifest::{Node, Reading};

/// More listeners for a Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ListenerSet {
    /// What it is, for reasons.
    pub(in super::super) object: Object,
    /// The Gateway that it is for, by namespace and name; none for an object of another kind.
    pub(in super::super) parent: Option<(Symbol, Symbol)>,
    /// Its listeners where the Gateway asks for no certificates; none if they cannot be understood.
    pub(in super::super) asking_nothing: Option<Vec<Server>>,
    /// The same where it does.
    pub(in super::super) asking_certificates: Option<Vec<Server>>,
}

/// Which `ListenerSet`s a Gateway lets in, by their namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Admits {
    /// None, as if nothing is said.
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

/// Whether a set is let in, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Admitted {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody knows, for this reason.
    Perhaps(&'static str),
}

/// The kind whose version is not a graduated one.
pub(in super::super) const EXPERIMENTAL: &str = "XListenerSet";

/// Reads an object of either kind; nothing if its Gateway cannot be told.
pub(in super::super) fn read(named: &Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<ListenerSet> {
    let parent_node = root.follow(reading, &["spec", "parentRef"]);
    let word = |key: &'static str, reading: &mut Reading<'_>| parent_node.get(reading, key).symbol(reading);
    let kind = word("kind", reading).unwrap_or_else(|| "Gateway".into());
    let group = word("group", reading).unwrap_or_else(|| server::GROUP.into());
    let namespace = word("namespace", reading).unwrap_or_else(|| Symbol::clone(&named.namespace));
    let name = word("name", reading);
    if !reading.is_clean() {
        return None;
    }
    let parent = if (&*group, &*kind) == (server::GROUP, "Gateway") { Some((namespace, name?)) } else { None };
    let [asking_nothing, asking_certificates] =
        ["SIMPLE", "MUTUAL"].map(|usual| server::listeners_of(root, (usual, server::port_of_set), reading));
    Some(ListenerSet { object: named.clone(), parent, asking_nothing, asking_certificates })
}

/// Which sets a Gateway lets in.
pub(in super::super) fn admits(root: &Node<'_>, reading: &mut Reading<'_>) -> Admits {
    let read = reading.quietly(|reading| {
        let namespaces = root.follow(reading, &["spec", "allowedListeners", "namespaces"]);
        let selector_node = namespaces.get(reading, "selector");
        match namespaces.get(reading, "from").text(reading) {
            Some("All") => Admits::All,
            Some("Same") => Admits::Same,
            Some("Selector") if !selector_node.is_missing() => Admits::Labelled(selector::read(&selector_node, reading)),
            _ => Admits::None,
        }
    });
    read.unwrap_or(Admits::Unclear)
}

impl Admits {
    /// Whether a set is let in by a Gateway, by their namespaces; of that of the set the labels are given, if they are known.
    pub(in super::super) fn admit(&self, own: &str, namespace: &str, labels: Option<&Labels>) -> Admitted {
        const UNCLEAR: &str = "which ListenerSets the Gateway lets in cannot be understood";
        const UNKNOWN: &str = "the labels of the namespace, by which the Gateway lets ListenerSets in, are not known";
        let is = |yes| if yes { Admitted::Yes } else { Admitted::No };
        match (self, labels) {
            (Self::None, _) => Admitted::No,
            (Self::All, _) => Admitted::Yes,
            (Self::Same, _) => is(own == namespace),
            (Self::Unclear, _) => Admitted::Perhaps(UNCLEAR),
            (Self::Labelled(cube), Some(labels)) => is(cube.contains(labels)),
            // Its name is the one label that is known.
            (Self::Labelled(cube), None) if !cube.get(NAMESPACE_NAME).contains(Some(namespace)) => Admitted::No,
            (Self::Labelled(cube), None) if cube.iter().all(|(key, _)| **key == *NAMESPACE_NAME) => Admitted::Yes,
            (Self::Labelled(_), None) => Admitted::Perhaps(UNKNOWN),
        }
    }
}
