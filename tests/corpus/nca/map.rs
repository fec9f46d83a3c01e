//! Maps of connections, held against the evaluator flow by flow.
//!
//! Owns: which reader a file goes to.

use std::path::Path;

use twogate::flow::Protocol;

use super::rule::{self, Map};
use super::scheme::Scheme;
use crate::corpus::case::Comparison;
use crate::corpus::expectation::{Expectation, Scope, different_pods, port_classes};
use crate::corpus::judge::compare;
use crate::corpus::manifests;

/// Holds a file against the configurations that it maps.
pub(super) fn ask(scheme: &Scheme, configurations: &[&str], file: &Path) -> Comparison {
    let mut comparison = Comparison::default();
    let maps = read(file);
    for configuration in configurations {
        let map = maps.iter().find(|map| map.configuration == *configuration);
        comparison.hold(map.is_some(), || format!("the file says nothing about {configuration}"));
        if let Some(map) = map {
            comparison.add(hold(scheme, map));
        }
    }
    comparison
}

fn read(file: &Path) -> Vec<Map> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "json") => rule::tree(&manifests::tree(file)),
        Some("csv") => rule::csv(&manifests::text(file).1),
        _ => rule::plain(&manifests::text(file).1),
    }
}

fn hold(scheme: &Scheme, map: &Map) -> Comparison {
    let mut world = scheme.world(&map.configuration);
    let blocks: Vec<(u32, u32)> = map.rules.iter().flat_map(|rule| [&rule.from.blocks, &rule.to.blocks]).flatten().copied().collect();
    world.add_addresses(&blocks);
    let ports = port_classes(&world, map.rules.iter().map(|rule| &rule.granted));
    let scope = Scope { ports, protocols: Protocol::ALL.to_vec(), requests: vec![None], pairs: &different_pods };
    let expectation = Expectation::of_list(&world, &map.rules, &scope);
    compare(&world, &expectation)
}
