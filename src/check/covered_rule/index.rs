//! Which rules may cover another: an index by both ends.
//!
//! Owns: the keys. A rule stands under a test that each of its ends makes; whatever it covers makes the same test, narrower.

use std::collections::HashMap;

use super::{Shape, Side};
use crate::flow::{PodCube, Symbol};

/// Keys of one end past which a rule is held against every other.
const MAX_KEYS: usize = 16;

/// What an end asks of its peers, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    /// Too much to be told in few keys.
    Anything,
    /// To be an address.
    Address,
    /// To be a pod of this namespace, or of any, with this label, or whatever labels.
    Pod { namespace: Option<&'a Symbol>, label: Option<(&'a Symbol, &'a Symbol)> },
}

/// Rules by what their destinations and then their sources ask.
#[derive(Debug)]
pub(super) struct Index<'a> {
    rules: HashMap<Key<'a>, HashMap<Key<'a>, Vec<usize>>>,
}

impl<'a> Index<'a> {
    /// An index over rules by their places in the list.
    pub(super) fn of(shapes: &'a [Shape<'a>]) -> Self {
        let mut index = Self { rules: HashMap::with_capacity(shapes.len()) };
        for (at, shape) in shapes.iter().enumerate() {
            let sources = asked(std::iter::once(&shape.source));
            for destination in asked(shape.targets.iter().map(|(side, _)| side)) {
                let by_source = index.rules.entry(destination).or_default();
                for source in &sources {
                    by_source.entry(*source).or_default().push(at);
                }
            }
        }
        index
    }

    /// The rules that may cover this one, some of them perhaps more than once.
    pub(super) fn near(&self, shape: &'a Shape<'_>) -> impl Iterator<Item = usize> {
        let sources = met(&shape.source);
        let destinations = shape.targets.first().map(|(side, _)| met(side)).unwrap_or_default();
        let by_source = destinations.into_iter().filter_map(|destination| self.rules.get(&destination));
        let lists = by_source.flat_map(move |rules| sources.clone().into_iter().filter_map(|source| rules.get(&source)));
        lists.flatten().copied()
    }
}

/// The keys under which a rule stands: whatever lies in one of these ends meets one of them.
fn asked<'a>(sides: impl Iterator<Item = &'a Side<'a>>) -> Vec<Key<'a>> {
    let mut keys: Vec<Key<'a>> = Vec::new();
    for side in sides {
        let pods = side.pods.cubes().iter().flat_map(asked_of_pods);
        let addresses = (!side.addresses.is_empty()).then_some(Key::Address);
        for key in pods.chain(addresses) {
            if keys.len() >= MAX_KEYS {
                return vec![Key::Anything];
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

fn asked_of_pods(cube: &PodCube) -> Vec<Key<'_>> {
    let labels: Vec<Option<(&Symbol, &Symbol)>> = match tests(cube).next() {
        Some((key, values)) => values.iter().map(|value| Some((key, value))).collect(),
        None => vec![None],
    };
    let namespaces: Vec<Option<&Symbol>> = match cube.namespace_names() {
        Some(names) => names.iter().map(Some).collect(),
        None => vec![None],
    };
    namespaces.iter().flat_map(|namespace| labels.iter().map(|label| Key::Pod { namespace: *namespace, label: *label })).collect()
}

/// The keys under which a rule that covers this end may stand: those of one of its peers.
fn met<'a>(side: &'a Side<'_>) -> Vec<Key<'a>> {
    let Some(cube) = side.pods.cubes().first() else { return vec![Key::Address, Key::Anything] };
    let named = cube.namespace_names().and_then(<[Symbol]>::first);
    let namespaces = named.map(Some).into_iter().chain([None]);
    let labels: Vec<Option<(&Symbol, &Symbol)>> =
        tests(cube).filter_map(|(key, values)| Some(Some((key, values.first()?)))).chain([None]).collect();
    let keys = namespaces.flat_map(|namespace| labels.iter().map(move |label| Key::Pod { namespace, label: *label }));
    keys.chain([Key::Anything]).collect()
}

/// The tests of a cube that name their values.
fn tests(cube: &PodCube) -> impl Iterator<Item = (&Symbol, &[Symbol])> {
    cube.labels.iter().filter_map(|(key, values)| Some((key, values.finite()?)))
}
