//! How routings are written.
//!
//! Owns: which objects are some, and which of their fields do anything to what is asked for. What only chooses among the pods of a host, tries
//! again, waits, copies, or changes answers is passed over.

use serde_json::Value;

use super::super::place;
use super::{About, Act, Deed, Layer, Routing};

/// What mesh proxies are called where a `VirtualService` says to whom it is told.
const MESH: &str = "mesh";

/// What an object is, if it is one.
pub(super) fn routing(object: &Value, default_namespace: &str) -> Option<Routing> {
    let group = place::text(object, &["apiVersion"])?.split_once('/')?.0;
    let namespace = place::namespace(object).unwrap_or_else(|| default_namespace.into());
    let kind = place::kind(object);
    let spec = object.get("spec")?;
    let Parts { about, exported, acts, takes_all } = match (group, kind) {
        ("networking.istio.io", "VirtualService") => of_virtual_service(spec)?,
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => of_route(spec, &namespace, Layer::Requests)?,
        ("gateway.networking.k8s.io", "TCPRoute" | "TLSRoute") => of_route(spec, &namespace, Layer::Connections)?,
        _ => return None,
    };
    let title = format!("{kind} {namespace}/{}", place::text(object, &["metadata", "name"]).unwrap_or_default());
    (takes_all || !acts.is_empty()).then_some(Routing { title, namespace, about, exported, acts, takes_all })
}

/// What is written in an object, by the names that `Routing` gives it.
struct Parts {
    about: About,
    exported: Vec<String>,
    acts: Vec<Act>,
    takes_all: bool,
}

/// The entries of a list.
fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The texts of a list.
fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a field says something.
fn says(value: &Value, key: &str) -> bool {
    match value.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(_) => true,
    }
}

fn port(value: &Value, keys: &[&str]) -> Option<u16> {
    let number = keys.iter().try_fold(value, |value, key| value.get(key))?.as_u64()?;
    u16::try_from(number).ok()
}

/// A `VirtualService`; none if it is for gateways alone, or has no hosts, so that only others lead to it.
fn of_virtual_service(spec: &Value) -> Option<Parts> {
    let gateways = texts(spec, "gateways");
    let hosts = texts(spec, "hosts");
    let is_of_mesh = gateways.is_empty() || gateways.iter().any(|gateway| gateway == MESH);
    if !is_of_mesh || hosts.is_empty() {
        return None;
    }
    let requests: Vec<&Value> = list(spec, "http").filter(|route| may_match(route)).collect();
    let takes_all = requests.iter().any(|route| is_for_all(list(route, "match"), "uri"));
    let mut acts: Vec<Act> = requests.iter().flat_map(|route| of_http(route)).collect();
    acts.extend(lack("http", takes_all || requests.is_empty()));
    let others = ["tcp", "tls"].into_iter().flat_map(|key| list(spec, key).filter(|route| may_match(route)));
    acts.extend(others.flat_map(|route| leads(route, Layer::Connections)));
    Some(Parts { about: About::Hosts(hosts), exported: texts(spec, "exportTo"), acts, takes_all })
}

/// Whether what requests a route is for are all of them: it says nothing, or one entry wants nothing but a path that all begin with, under
/// this key.
fn is_for_all<'v>(matches: impl Iterator<Item = &'v Value>, path: &str) -> bool {
    // A name wants nothing, and those of gateways alone are left out.
    let wants = |(key, value): (&String, &Value)| match key.as_str() {
        "name" | "gateways" => false,
        key => key != path || !begins_all(value),
    };
    let is_whole = |one: &Value| one.as_object().is_some_and(|fields| !fields.iter().any(wants));
    let mut matches = matches.peekable();
    matches.peek().is_none() || matches.any(is_whole)
}

/// Whether a wanted path is one that all begin with, as a `VirtualService` or a route of the Gateway API writes it.
fn begins_all(path: &Value) -> bool {
    let prefix = match place::text(path, &["type"]) {
        Some("PathPrefix") => place::text(path, &["value"]),
        Some(_) => None,
        None => place::text(path, &["prefix"]).or_else(|| place::text(path, &["value"])),
    };
    prefix == Some("/")
}

/// That no route is for all requests, where that is so.
fn lack(field: &str, takes_all: bool) -> Option<Act> {
    (!takes_all).then(|| Act { field: field.to_owned(), deed: Deed::Lacks, to: Layer::Requests })
}

/// Whether a route may be for the proxies of the mesh.
fn may_match(route: &Value) -> bool {
    let is_of_mesh = |gateways: &[String]| gateways.is_empty() || gateways.iter().any(|gateway| gateway == MESH);
    let mut all = list(route, "match").peekable();
    all.peek().is_none() || all.any(|one| is_of_mesh(&texts(one, "gateways")))
}

/// What a route of HTTP does.
fn of_http(route: &Value) -> Vec<Act> {
    let act = |field: &str, deed| Act { field: field.to_owned(), deed, to: Layer::Requests };
    let mut acts = Vec::new();
    acts.extend(says(route, "rewrite").then(|| act("rewrite", Deed::Changes)));
    acts.extend(changes_headers(route).then(|| act("headers.request", Deed::Changes)));
    acts.extend(list(route, "route").any(changes_headers).then(|| act("route.headers.request", Deed::Changes)));
    acts.extend(["redirect", "directResponse"].into_iter().filter(|field| says(route, field)).map(|field| act(field, Deed::Ends)));
    acts.extend(aborts(route).then(|| act("fault.abort", Deed::Ends)));
    acts.extend(says(route, "delegate").then(|| act("delegate", Deed::LeadsOn)));
    acts.extend(leads(route, Layer::Requests));
    acts
}

/// Whether headers of requests are changed.
fn changes_headers(value: &Value) -> bool {
    let request = value.get("headers").and_then(|headers| headers.get("request"));
    request.is_some_and(|request| ["set", "add", "remove"].into_iter().any(|key| says(request, key)))
}

/// Whether some requests are failed on purpose; all of them are where it does not say how many.
fn aborts(route: &Value) -> bool {
    let abort = route.get("fault").and_then(|fault| fault.get("abort")).filter(|abort| abort.is_object());
    let share = |abort: &Value| abort.get("percentage").and_then(|share| share.get("value").map_or(Some(0.0), Value::as_f64));
    abort.is_some_and(|abort| share(abort) != Some(0.0))
}

/// Where a route leads.
fn leads(route: &Value, to: Layer) -> Vec<Act> {
    let is_only = list(route, "route").count() == 1;
    let counts = |entry: &&Value| is_only || entry.get("weight").and_then(Value::as_u64) != Some(0);
    let lead = |entry: &Value| {
        let destination = entry.get("destination")?;
        let host = place::text(destination, &["host"])?.to_owned();
        Some(Act { field: "route.destination".to_owned(), deed: Deed::Leads(host, port(destination, &["port", "number"])), to })
    };
    list(route, "route").filter(counts).filter_map(lead).collect()
}

/// A route of the Gateway API; none if no Service is its parent.
fn of_route(spec: &Value, namespace: &str, to: Layer) -> Option<Parts> {
    let is_service =
        |parent: &&Value| place::text(parent, &["kind"]) == Some("Service") && matches!(place::text(parent, &["group"]), Some("" | "core"));
    let of = |parent: &Value| {
        let own = place::text(parent, &["namespace"]).unwrap_or(namespace);
        Some((own.to_owned(), place::text(parent, &["name"])?.to_owned(), port(parent, &["port"])))
    };
    let services: Vec<_> = list(spec, "parentRefs").filter(is_service).filter_map(of).collect();
    if services.is_empty() {
        return None;
    }
    // Of another namespace's Service it is told to clients of its own alone.
    let is_of_owner = services.iter().any(|(own, ..)| own == namespace);
    let exported = if is_of_owner { Vec::new() } else { vec![".".to_owned()] };
    let takes_all = to == Layer::Requests && list(spec, "rules").any(|rule| is_for_all(list(rule, "matches"), "path"));
    let mut acts: Vec<Act> = list(spec, "rules").flat_map(|rule| of_rule(rule, namespace, to)).collect();
    acts.extend(lack("rules", takes_all || to != Layer::Requests));
    Some(Parts { about: About::Services(services), exported, acts, takes_all })
}

/// What a rule of a route does.
fn of_rule(rule: &Value, namespace: &str, to: Layer) -> Vec<Act> {
    let mut acts: Vec<Act> = of_filters(rule, to);
    let is_only = list(rule, "backendRefs").count() == 1;
    for backend in list(rule, "backendRefs") {
        if !is_only && backend.get("weight").and_then(Value::as_u64) == Some(0) {
            continue;
        }
        acts.extend(of_filters(backend, to));
        acts.extend(backend_lead(backend, namespace).map(|deed| Act { field: "backendRefs".to_owned(), deed, to }));
    }
    if !says(rule, "backendRefs") && !acts.iter().any(|act| act.deed == Deed::Ends) {
        acts.push(Act { field: "rules".to_owned(), deed: Deed::Ends, to });
    }
    acts
}

/// Where a backend leads.
fn backend_lead(backend: &Value, namespace: &str) -> Option<Deed> {
    if place::text(backend, &["kind"]).is_some_and(|kind| kind != "Service") {
        return Some(Deed::LeadsOn);
    }
    let own = place::text(backend, &["namespace"]).unwrap_or(namespace);
    Some(Deed::Leads(format!("{}.{own}.svc", place::text(backend, &["name"])?), port(backend, &["port"])))
}

/// What the filters of a rule or a backend do.
fn of_filters(value: &Value, to: Layer) -> Vec<Act> {
    let act = |filter: &Value| {
        let kind = place::text(filter, &["type"])?;
        let deed = match kind {
            "ResponseHeaderModifier" | "RequestMirror" | "CORS" => return None,
            "RequestHeaderModifier" | "URLRewrite" => Deed::Changes,
            "RequestRedirect" => Deed::Ends,
            _ => Deed::LeadsOn,
        };
        Some(Act { field: kind.to_owned(), deed, to })
    };
    list(value, "filters").filter_map(act).collect()
}
