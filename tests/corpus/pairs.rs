//! Reads `expect.yaml` with `pairs`: the recipes and Istio's task pages.
//!
//! Owns: that form. An end is `namespace/name`, `namespace/name[Kind]` or `external`.

use std::path::Path;

use serde_yaml::Value;

use super::case::{Case, Outcome};
use super::expectation::{Claim, Expectation};
use super::judge::compare;
use super::manifests::{self, at, list, word};
use super::world::{self, End, Mesh, World};

/// An address outside of any cluster (RFC 5737).
const OUTSIDE: [u8; 4] = [198, 51, 100, 7];

/// Every case of a folder.
pub(super) fn cases(source: &'static str, corpus: &Path) -> Vec<Case> {
    let mut folders: Vec<_> = std::fs::read_dir(corpus.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let case = |folder: &Path| Case {
        source,
        kind: "pairs".to_owned(),
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        outcome: Outcome::Compared(ask(folder)),
    };
    folders.iter().map(|folder| case(folder)).collect()
}

fn ask(folder: &Path) -> super::case::Comparison {
    let mut world = World::read(&manifests::folder(folder), Mesh::Labelled);
    world.ends.push(End::address(OUTSIDE.into()));
    let expected = manifests::tree(&folder.join("expect.yaml"));
    let claims = list(&expected, &["pairs"]).iter().map(|pair| claim(&world, pair)).collect();
    compare(&world, &Expectation { claims })
}

fn claim(world: &World, pair: &Value) -> Claim {
    let find = |key: &str| {
        let name = word(pair, &[key]).unwrap();
        let matches = |end: &End| end.name == name || end.pod == name || name == "external" && end.as_address().is_some();
        world.ends.iter().position(matches).unwrap_or_else(|| panic!("nobody is {name}"))
    };
    let http = pair.get("http").map(|http| {
        let part = |key: &str, default: &str| word(http, &[key]).unwrap_or(default).to_owned();
        assert!(http.get("headers").is_none(), "headers are not read");
        (part("method", "GET"), part("path", "/"))
    });
    Claim {
        from: find("from"),
        to: find("to"),
        protocol: world::protocol(word(pair, &["protocol"]).unwrap()),
        port: u16::try_from(at(pair, &["port"]).and_then(Value::as_u64).unwrap()).unwrap(),
        request: http,
        allowed: at(pair, &["allowed"]).and_then(Value::as_bool).unwrap(),
    }
}
