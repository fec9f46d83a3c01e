//! Reads `ListenerSet`s of the Gateway API, and which of them a Gateway lets in.
//!
//! Owns: `ListenerSet`. Nothing is reported about an object that is not as expected: what it opens is not known then.

use super::admits::Admits;
use super::server;
use crate::cluster::mesh::gateway::Server;
use crate::cluster::object::Object;
use crate::cluster::selector;
use crate::flow::Symbol;
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
