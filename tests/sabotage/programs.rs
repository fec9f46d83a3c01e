//! Programs beside the examples, in which one gate stands alone: what examples stop twice is stopped once here.

use twogate::compile::{Input, compile};
use twogate::source::{Source, Sources};

use super::Example;

const CONFIG: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n[ingress]\nsource = \"client\"\n";

const PROGRAMS: &[(&str, &str)] = &[
    // No mesh, and callers that nobody rules: the ingress of the network alone.
    (
        "network alone",
        "namespace shop mesh none open egress {
  allow app=web@front -> app=api:8080
  allow app=web@front -> app=api:9000-9100
  allow app=web|job@[team=x] -> app=db,tier=a:5432|5433
  allow 203.0.113.0/24 -> app=api:8443
  allow *@!front -> app=dns:53/udp
}
",
    ),
    // Callers outside the intents, known by account or namespace: the mesh tells them apart, the network does not.
    (
        "mesh alone",
        "external namespace front mesh sidecar {
  workload web = app=web account web
  workload job = app=job account job
}
namespace shop open egress {
  workload api = app=api account api
  allow as web@front -> api:8080 mtls http GET|POST /orders, GET /orders/{*}
  allow as job@front -> api:8081 mtls
  allow *@front -> app=db:5432 mtls
  allow *@* -> app=cache:6379 mtls
  allow anywhere -> app=page:8080 http GET /{**} at shop.example.com
}
",
    ),
    // A namespace chosen by label, none of which is known: the mesh names any identity.
    (
        "by label",
        "namespace shop open egress
allow app=x@[env=prod] -> app=db:5432 mtls
allow app=x@[env=prod] -> app=web:80|443
",
    ),
    // Two namespaces that the network lets in on one port, and the mesh to other requests each.
    (
        "by namespace",
        "namespace shop open egress {
  allow *@front -> app=api:8080 mtls http GET /a
  allow *@back -> app=api:8080 mtls http POST /b
}
",
    ),
    // Half closed: what is not closed stays open.
    (
        "half closed",
        "namespace shop open ingress egress {
  workload db = app=db account db
  workload web = app=web account web
  close in db
  allow web -> db:5432 mtls
  close out app=batch
  allow app=batch -> db:5432 mtls
  allow app=batch -> internet:443
}
",
    ),
];

/// All of them, compiled.
pub(super) fn all() -> Vec<Example> {
    let example = |(name, text): &(&str, &str)| {
        let mut sources = Sources::default();
        let intents = vec![sources.add(Source::new("program.intent", *text))];
        let config = Some(sources.add(Source::new("twogate.toml", CONFIG)));
        Example::new(name, compile(Input { sources, intents, config, ..Input::default() }))
    };
    PROGRAMS.iter().map(example).collect()
}
