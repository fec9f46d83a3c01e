//! Who is compared in two settings: the two ends that are asked about, the known, and pods like them that nobody described.
//!
//! Owns: `Pair`, `pairs`. Pods that only policies tell apart are `strangers`', addresses are `addresses`'. It must not judge.

use std::collections::{BTreeMap, BTreeSet};

use super::super::call::Call;
use super::super::setting::Setting;
use super::super::world::Known;
use crate::flow::{DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Symbol};

/// What is added to the name of pods that are no part of the mesh, where others of that name are.
pub(super) const OUTSIDE: &str = " outside of the mesh";

/// One who is compared, as each setting knows it.
pub(super) struct Pair {
    pub(super) title: String,
    pub(super) before: Known,
    pub(super) after: Known,
    /// Whether nobody described it: it stands for a class of pods.
    pub(super) is_class: bool,
    /// Whether it is like somebody else to whoever calls it.
    pub(super) is_caller_alone: bool,
}

/// Everybody who is compared: the two ends, the known, and classes of pods that nobody described.
pub(super) fn pairs(before: &Setting, after: &Setting, call: &Call) -> Vec<Pair> {
    let again = |known: &Known| after.world.again(known, after.ground());
    let mut pairs: Vec<Pair> = Vec::new();
    let ends = [(&call.source, &call.written.0.title), (&call.destination, &call.written.1.title)];
    let known = before.world.pods.iter().map(|known| (known, &known.text));
    for (known, title) in ends.into_iter().chain(known) {
        if !pairs.iter().any(|pair| pair.before.endpoint == known.endpoint) {
            pairs.push(Pair { title: title.clone(), before: known.clone(), after: again(known), is_class: false, is_caller_alone: false });
        }
    }
    let sources = classes(&call.source, before, after).into_iter().chain(own_classes(&call.source));
    let known = sources.chain(classes(&call.destination, before, after));
    for (title, class) in known {
        if !pairs.iter().any(|pair| pair.title == title) {
            pairs.push(Pair { title, before: class.clone(), after: class, is_class: true, is_caller_alone: false });
        }
    }
    pairs
}

/// Pods that share only a namespace, an account or a place in the mesh with a known one.
fn classes(known: &Known, before: &Setting, after: &Setting) -> Vec<(String, Known)> {
    let mut found = Vec::new();
    let Peer::Pod(pod) = &known.endpoint.peer else { return found };
    let (namespace, account) = (&pod.namespace, &pod.account);
    let labels = Labels::new;
    found.push((format!("other pods of {namespace}"), class(known, Pod { labels: labels(), account: "other".into(), ..pod.clone() })));
    if pod.plane != DataPlane::None {
        found.push((format!("other pods that run as {namespace}/{account}"), class(known, Pod { labels: labels(), ..pod.clone() })));
    }
    let name = elsewhere(before, after);
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), name.clone())]);
    found.push(("pods of other namespaces".to_owned(), class(known, Pod { namespace: name, namespace_labels, ..pod.clone() })));
    found
}

/// Pods with the labels of a known caller that are not that caller.
fn own_classes(known: &Known) -> Vec<(String, Known)> {
    let Peer::Pod(pod) = &known.endpoint.peer else { return Vec::new() };
    if pod.plane == DataPlane::None {
        // Nobody sees its account.
        return Vec::new();
    }
    let account = class(known, Pod { account: "other".into(), ..pod.clone() });
    let outside = class(known, Pod { plane: DataPlane::None, ..pod.clone() });
    vec![(format!("{} under another account", known.text), account), (format!("{}{OUTSIDE}", known.text), outside)]
}

/// A pod that nobody described: none of those that run, so it has neither their addresses nor their node.
fn class(known: &Known, pod: Pod) -> Known {
    let mut class = Known { name: None, ..known.clone() };
    class.endpoint.peer = Peer::Pod(pod);
    let facts = &mut class.endpoint.facts;
    (facts.one_pod, facts.node) = (None, None);
    facts.addresses.clear();
    class
}

/// Names the accounts of those who are called alike and run as several.
pub(super) fn name_accounts(pairs: &mut [Pair]) {
    let mut accounts: BTreeMap<String, BTreeSet<Symbol>> = BTreeMap::new();
    for pair in &*pairs {
        let own = accounts.entry(pair.title.clone()).or_default();
        own.extend(pair.before.pod().map(|pod| Symbol::clone(&pod.account)));
    }
    for pair in pairs {
        let is_shared = accounts.get(&pair.title).is_some_and(|accounts| accounts.len() > 1);
        if let Some(pod) = pair.before.pod().filter(|_| is_shared) {
            pair.title = format!("{} as {}", pair.title, pod.account);
        }
    }
}

/// A namespace that nobody speaks of.
fn elsewhere(before: &Setting, after: &Setting) -> Symbol {
    let is_free = |name: &Symbol| {
        [before, after]
            .into_iter()
            .all(|setting| setting.policy.namespace(name).is_none() && setting.cluster.namespace_labels(name).is_none())
    };
    let names = (0..100).map(|number| Symbol::from(if number == 0 { "elsewhere".to_owned() } else { format!("elsewhere-{number}") }));
    names.into_iter().find(is_free).unwrap_or_else(|| "elsewhere".into())
}
