//! A difference that is certain beside connections that the platform leaves open.

use super::{CONFIG, SHOP, UNDECIDED, json, narrower, wider};
use crate::cli::Place;

/// What is open takes nothing back of what is certain, and is told after it.
#[test]
fn what_is_certain_is_told_first_and_what_is_open_beside_it() {
    let program = format!("{SHOP}namespace pay {{\n  allow app=a -> app=b:80\n}}\n").replacen(
        "namespace shop labels env=prod\n",
        "namespace shop labels env=prod {\n",
        1,
    );
    let program = program.replacen("namespace pay", "}\nnamespace pay", 1);
    let open = UNDECIDED.replace("namespace: shop", "namespace: pay");
    let different = format!("{}---\n{}", wider(), narrower());
    for (relation, certain) in [("wider", wider()), ("narrower", narrower()), ("different", different)] {
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", CONFIG)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        place.put("theirs.yaml", format!("{certain}---\n{open}").as_bytes());
        let ran = place.run("verify --manifests manifests --manifests theirs.yaml");
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert!(first.starts_with(&format!("{relation}: ")), "{}", ran.stdout);
        assert!(first.ends_with("; the platform leaves open what becomes of others"), "{first}");
        assert_eq!(ran.status, 1);
        let value = json(&place.run("verify --manifests manifests --manifests theirs.yaml --format json"));
        assert_eq!(value["relation"], relation);
        let is_open = |line: &serde_json::Value| line["manifests"].as_str().unwrap().starts_with("unspecified (");
        let open: Vec<bool> = value["differences"].as_array().unwrap().iter().map(is_open).collect();
        assert!(open.is_sorted() && open.first() == Some(&false) && open.last() == Some(&true), "{open:?}");
    }
}
