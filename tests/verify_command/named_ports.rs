//! The number that a port's name stands for is taken for granted, and held against what workloads declare.

use super::{CONFIG, json};
use crate::cli::Place;

const PROGRAM: &str = "namespace shop\n\nworkload web = app=web port http=8080 port admin=9000\nallow app=job -> web:http\n";

/// A Deployment of `app=web` that declares these ports.
fn deployment(ports: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: main, image: x, ports: [{ports}]}}]}}\n"
    )
}

/// What is said of ports by name, and the exit status, when a program's own manifests are verified beside a Deployment.
fn said(program: &str, arguments: &str, ports: &str) -> (Vec<String>, i32) {
    let place = Place::with(&[
        ("intents/shop.intent", program),
        ("twogate.toml", CONFIG),
        ("known.yaml", &deployment("{name: http, containerPort: 8081}")),
    ]);
    assert_eq!(place.run(&format!("compile -o manifests{arguments}")).status, 0);
    place.put("running.yaml", deployment(ports).as_bytes());
    let ran = place.run(&format!("verify --manifests manifests --manifests running.yaml --format json{arguments}"));
    let value = json(&ran);
    assert_eq!(value["relation"] == "equal", ran.status == 0, "{value}");
    let all = value["assumptions"].as_array().unwrap().iter().filter(|one| one["name"] == "named-port");
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let words = |one: &serde_json::Value| format!("{} {}: {}", word(&one["status"]), word(&one["text"]), word(&one["reason"]));
    (all.map(words).collect(), ran.status)
}

#[test]
fn another_number_in_the_manifests_breaks_what_a_line_says() {
    let one = |ports: &str| {
        let (said, exit) = said(PROGRAM, "", ports);
        assert_eq!(said.len(), 1, "{said:?}");
        (said[0].clone(), exit)
    };
    let text = "port `http` of pods `app=web@shop` is 8080: ";
    let why = "Deployment shop/web serves it on 8090, and `intents/shop.intent:3` says 8080";
    assert_eq!(one("{name: http, containerPort: 8090}"), (format!("broken {text}{why}"), 1));
    assert_eq!(one("{name: http, containerPort: 8080}"), (format!("holds {text}"), 0));
    // Pods serve ports that they do not declare, and what a name of another protocol is says nothing. No rule writes the other name.
    for ports in ["", "{containerPort: 8090}", "{name: http, containerPort: 8090, protocol: UDP}", "{name: admin, containerPort: 9001}"] {
        assert_eq!(one(ports), (format!("open {text}"), 0), "{ports}");
    }
}

/// A rule that writes the number hangs on no name.
#[test]
fn ports_by_number_are_taken_as_they_are() {
    let by_number = PROGRAM.replace("web:http", "web:8080");
    assert_eq!(said(&by_number, "", "{name: http, containerPort: 8090}"), (Vec::new(), 0));
}

/// Nor is it otherwise where the inventory said the number.
#[test]
fn another_number_than_that_of_the_inventory_breaks_it_too() {
    let program = "namespace shop\nallow app=job -> app=web:http\n";
    let (broken, exit) = said(program, " --inventory known.yaml", "{name: http, containerPort: 8090}");
    assert_eq!((broken.len(), exit), (1, 1), "{broken:?}");
    assert_eq!(broken[0], "broken port `http` of pods `app=web@shop` is 8081: Deployment shop/web serves it on 8090");
    let (held, exit) = said(program, " --inventory known.yaml", "{name: http, containerPort: 8081}");
    assert!(held[0].starts_with("holds ") && exit == 0, "{held:?}");
}
