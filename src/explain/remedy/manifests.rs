//! Changes to manifests.
//!
//! Owns: the smallest edits of anyone's objects: another account, another rule, a rule less, another mode. They are made on plain
//! data; whether they do what is wished is asked by the room above.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::case::Call;
use super::super::place;
use super::super::said;
use super::super::setting::Setting;
use super::super::world::Known;
use super::{Candidate, Change, Make, Wish};
use crate::cluster::{Decision, Document, Gate, Step};
use crate::flow::{DataPlane, NAMESPACE_NAME, Peer, Pod, Protocol, Symbol, Transport, Verdict};

/// As many gates are mended one after the other.
const MOST_STEPS: usize = 8;

/// Other facts of the workloads that run: the account that the intents name, or one that a policy names.
pub(super) fn facts(setting: &Setting, call: &Call, wish: Wish) -> Vec<Candidate> {
    if wish == Wish::Stop {
        return Vec::new();
    }
    let Some((at, object)) = workload(setting, &call.source) else { return Vec::new() };
    let Peer::Pod(pod) = &call.source.endpoint.peer else { return Vec::new() };
    let mut accounts: Vec<Symbol> = Vec::new();
    accounts.extend(said::declared(&setting.policy, pod).and_then(|workload| workload.account.clone()));
    accounts.extend(named_accounts(setting, call, pod));
    accounts.retain(|account| *account != pod.account);
    let mut seen = BTreeSet::new();
    accounts.retain(|account| seen.insert(account.clone()));
    let change = |account: Symbol| {
        let mut objects = setting.objects.clone();
        let spec = pod_spec(objects.get_mut(at)?)?;
        spec.remove("serviceAccount");
        spec.insert("serviceAccountName".to_owned(), Value::from(&*account));
        let change = Change { place: place::title(object), text: format!("serviceAccountName: {account}") };
        Some(Candidate { changes: vec![change], make: Make::Objects(objects) })
    };
    accounts.into_iter().filter_map(change).collect()
}

/// Accounts of a pod's namespace that policies on the destination name.
fn named_accounts(setting: &Setting, call: &Call, pod: &Pod) -> Vec<Symbol> {
    let Peer::Pod(destination) = &call.destination.endpoint.peer else { return Vec::new() };
    let root = &setting.policy.config.mesh.root_namespace;
    let policies = setting.objects.iter().filter(|object| {
        place::kind(object) == "AuthorizationPolicy" && place::selects(object, &destination.namespace, &destination.labels, root)
    });
    let mut words = Vec::new();
    policies.for_each(|policy| texts(policy, &mut words));
    let own = format!("{}/", pod.namespace);
    let spiffe = format!("/ns/{}/sa/", pod.namespace);
    let account = |word: &&str| {
        let name = word.strip_prefix(&own).or_else(|| word.split_once(&spiffe).map(|(_, name)| name))?;
        (!name.is_empty() && !name.contains(['*', '/'])).then(|| Symbol::from(name))
    };
    words.iter().filter_map(account).collect()
}

/// Every text of a value.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The object of a known workload.
fn workload<'s>(setting: &'s Setting, known: &Known) -> Option<(usize, &'s Value)> {
    let name = known.name.as_deref()?;
    setting.objects.iter().enumerate().find(|(_, object)| place::title(object) == name)
}

/// The pod spec of a workload.
fn pod_spec(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let path = match place::kind(object) {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    object.pointer_mut(path)?.as_object_mut()
}

/// What the intents compile to in the place of what was compiled before.
pub(super) fn compiled(setting: &Setting) -> Option<Candidate> {
    let old = setting.objects.iter().filter(|object| place::is_compiled(object));
    let same = old.clone().count() == setting.compiled.len() && setting.compiled.iter().all(|object| old.clone().any(|own| own == object));
    let change = Change { place: "the cluster".to_owned(), text: "apply what the intents compile to".to_owned() };
    let objects = setting.others().chain(setting.compiled.iter().cloned()).collect();
    (!same).then_some(Candidate { changes: vec![change], make: Make::Objects(objects) })
}

/// Changes to the policies at the gates that decide, one after the other until the answer is the wished one.
pub(super) fn candidates(setting: &Setting, call: &Call, decision: &Decision, wish: Wish) -> Vec<Candidate> {
    let ways: &[Stopping] = match wish {
        Wish::Allow => &[Stopping::Entering],
        Wish::Stop => &[Stopping::Entering, Stopping::Leaving, Stopping::Mesh],
    };
    ways.iter().filter_map(|way| mended(setting, call, decision, wish, *way)).collect()
}

/// At which gate a connection is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    Entering,
    Leaving,
    Mesh,
}

fn mended(setting: &Setting, call: &Call, decision: &Decision, wish: Wish, way: Stopping) -> Option<Candidate> {
    let mut current = setting.clone();
    let mut decision = decision.clone();
    let mut changes: Vec<Change> = Vec::new();
    for _ in 0..MOST_STEPS {
        let step = step(&decision, wish, way)?;
        let mut objects = current.objects.clone();
        let change = match wish {
            Wish::Allow => opened(&mut objects, &current, call, step)?,
            Wish::Stop => closed(&mut objects, &current, call, step, way)?,
        };
        if changes.contains(&change) {
            return None;
        }
        changes.push(change);
        current = current.with_objects(objects)?;
        decision = call.in_setting(&current).decide(&current);
        let done = if wish == Wish::Allow { Verdict::Allowed } else { Verdict::Denied };
        if decision.verdict == done {
            return Some(Candidate { changes, make: Make::Objects(current.objects) });
        }
    }
    None
}

/// The gate to mend next.
fn step(decision: &Decision, wish: Wish, way: Stopping) -> Option<&Step> {
    match (wish, way) {
        (Wish::Allow, _) => decision.steps.iter().find(|step| step.verdict == Verdict::Denied),
        (Wish::Stop, Stopping::Entering) => decision.steps.iter().rev().find(|step| step.gate == Gate::Ingress),
        (Wish::Stop, Stopping::Leaving) => decision.steps.iter().find(|step| step.gate == Gate::Egress),
        (Wish::Stop, Stopping::Mesh) => decision.steps.iter().rev().find(|step| step.gate == Gate::Caller),
    }
}

/// Opens one gate.
fn opened(objects: &mut Vec<Value>, setting: &Setting, call: &Call, step: &Step) -> Option<Change> {
    if step.gate == Gate::Transport && call.is_pod_called(setting) {
        let service = service(setting, call)?;
        let change = Change { place: place::title(&service), text: format!("add {}", brief(service.get("spec")?)) };
        objects.push(service);
        return Some(change);
    }
    let document = narrowest(objects, step).or_else(|| step.misses.first().map(|miss| &miss.document));
    if matches!(step.gate, Gate::Egress | Gate::Ingress) && document.is_none_or(|document| is_for_all(objects, document)) {
        let policy = network_policy(call, step.gate)?;
        let change = Change { place: place::title(&policy), text: format!("add {}", brief(policy.get("spec")?)) };
        objects.push(policy);
        return Some(change);
    }
    let document = document?;
    let object = objects.iter_mut().find(|object| is_document(object, document))?;
    let title = place::title(object);
    if step.gate == Gate::Transport && object.pointer("/spec/selector").is_none() {
        let exception = exception(object, call)?;
        let change = Change { place: place::title(&exception), text: format!("add {}", brief(exception.get("spec")?)) };
        objects.push(exception);
        return Some(change);
    }
    if step.gate == Gate::Caller && refuses(object) && rules(object) == 1 {
        // Without a rule it would be refused itself (`semantics.md` §2.3).
        objects.retain(|object| !is_document(object, document));
        return Some(Change { place: title, text: "remove it".to_owned() });
    }
    let text = match step.gate {
        Gate::Egress => push_rule(object, "egress", &network_rule("to", &call.destination, call, &document.namespace))?,
        Gate::Ingress => push_rule(object, "ingress", &network_rule("from", &call.source, call, &document.namespace))?,
        Gate::Transport => permissive(object, call)?,
        Gate::Token => return None,
        Gate::Caller if refuses(object) => remove_rule(object, "rules", document.rule?)?,
        Gate::Caller => push_rule(object, "rules", &caller_rule(setting, call)?)?,
    };
    Some(Change { place: title, text })
}

/// The document that selects the fewest pods, as far as its labels tell.
fn narrowest<'d>(objects: &[Value], step: &'d Step) -> Option<&'d Document> {
    let labels = |document: &&Document| objects.iter().find(|object| is_document(object, document)).map_or(0, selected_labels);
    step.decided_by.iter().rev().max_by_key(labels)
}

fn is_document(object: &Value, document: &Document) -> bool {
    place::is(object, &document.kind, &document.namespace, &document.name)
}

/// How many labels a policy asks for.
fn selected_labels(object: &Value) -> usize {
    let selector = object.pointer("/spec/podSelector").or_else(|| object.pointer("/spec/selector"));
    let labels = selector.and_then(|selector| selector.get("matchLabels")?.as_object()).map_or(0, Map::len);
    let tests = selector.and_then(|selector| selector.get("matchExpressions")?.as_array()).map_or(0, Vec::len);
    labels + tests
}

/// Whether a document selects every pod of its namespace, so that a rule in it would be everybody's.
fn is_for_all(objects: &[Value], document: &Document) -> bool {
    objects.iter().find(|object| is_document(object, document)).is_some_and(|object| selected_labels(object) == 0)
}

/// A `NetworkPolicy` for one end of this connection.
fn network_policy(call: &Call, gate: Gate) -> Option<Value> {
    let (near, far, list, direction, kind) = match gate {
        Gate::Egress => (&call.source, &call.destination, "egress", "to", "Egress"),
        _ => (&call.destination, &call.source, "ingress", "from", "Ingress"),
    };
    let Peer::Pod(pod) = &near.endpoint.peer else { return None };
    let selector = json!({"matchLabels": told_labels(pod, &near.text)});
    let rule = network_rule(direction, far, call, &pod.namespace);
    Some(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": &*pod.namespace, "name": format!("{}-{list}", near.short)},
        "spec": {"podSelector": selector, "policyTypes": [kind], list: [rule]},
    }))
}

/// Whether an object is a `DENY`.
fn refuses(object: &Value) -> bool {
    place::text(object, &["spec", "action"]) == Some("DENY")
}

/// How many rules an `AuthorizationPolicy` has.
fn rules(object: &Value) -> usize {
    object.pointer("/spec/rules").and_then(Value::as_array).map_or(0, Vec::len)
}

/// Closes one gate: a rule less, or a refusal more.
fn closed(objects: &mut Vec<Value>, setting: &Setting, call: &Call, step: &Step, way: Stopping) -> Option<Change> {
    if way == Stopping::Mesh {
        let refusal = refusal(setting, call)?;
        let change = Change { place: place::title(&refusal), text: format!("add {}", brief(refusal.get("spec")?)) };
        objects.push(refusal);
        return Some(change);
    }
    let document = step.decided_by.first()?;
    let list = if step.gate == Gate::Egress { "egress" } else { "ingress" };
    let object = objects.iter_mut().find(|object| is_document(object, document))?;
    let title = place::title(object);
    Some(Change { place: title, text: remove_rule(object, list, document.rule?)? })
}

/// A Service that leads to the destination, by which a client with a sidecar speaks mTLS (`semantics.md` §3.3).
fn service(setting: &Setting, call: &Call) -> Option<Value> {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return None };
    let taken = setting.inventory.services_in(&pod.namespace).iter().any(|service| *service.name == *call.destination.short);
    let name = if taken { format!("{}-{}", call.destination.short, call.port) } else { call.destination.short.clone() };
    Some(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": &*pod.namespace, "name": name},
        "spec": {"selector": told_labels(pod, &call.destination.text), "ports": [{"name": format!("tcp-{}", call.port), "port": call.port}]},
    }))
}

/// A rule of a `NetworkPolicy` for this connection. In ambient mode the packet goes to the tunnel's port (`semantics.md` §5.1).
fn network_rule(direction: &str, far: &Known, call: &Call, namespace: &str) -> Value {
    let peer = match &far.endpoint.peer {
        Peer::Address(address) => {
            let length = if address.is_ipv4() { 32 } else { 128 };
            json!({"ipBlock": {"cidr": format!("{address}/{length}")}})
        }
        Peer::Pod(pod) => {
            let labels = json!({"matchLabels": told_labels(pod, &far.text)});
            if *pod.namespace == *namespace {
                json!({"podSelector": labels})
            } else {
                json!({"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: &*pod.namespace}}, "podSelector": labels})
            }
        }
    };
    let port = if is_tunnelled(call) { 15008 } else { call.port };
    json!({direction: [peer], "ports": [{"protocol": call.protocol.to_string(), "port": port}]})
}

fn is_tunnelled(call: &Call) -> bool {
    let plane = |known: &Known| match &known.endpoint.peer {
        Peer::Pod(pod) => pod.plane,
        Peer::Address(_) => DataPlane::None,
    };
    call.protocol == Protocol::Tcp
        && call.transport != Some(Transport::Plaintext)
        && plane(&call.source) != DataPlane::None
        && (plane(&call.destination) == DataPlane::Ambient
            || plane(&call.source) == DataPlane::Ambient && plane(&call.destination) == DataPlane::Sidecar)
}

/// The labels by which a pod is called.
fn told_labels(pod: &Pod, title: &str) -> Map<String, Value> {
    let told = title.rsplit_once('@').map_or(title, |(labels, _)| labels);
    let pair = |pair: &str| {
        let key = pair.split_once('=')?.0;
        Some((key.to_owned(), Value::from(&**pod.labels.get(key)?)))
    };
    told.split(',').filter_map(pair).collect()
}

/// A rule of an `AuthorizationPolicy` for this connection; none if the caller has no name that the mesh knows.
fn caller_rule(setting: &Setting, call: &Call) -> Option<Value> {
    let mut rule = json!({});
    let fields = rule.as_object_mut()?;
    let Peer::Pod(pod) = &call.source.endpoint.peer else { return Some(json!({"to": [{"operation": operation(call)}]})) };
    if pod.plane != DataPlane::None && call.transport != Some(Transport::Plaintext) {
        fields.insert("from".to_owned(), json!([{"source": source(setting, pod)}]));
    }
    fields.insert("to".to_owned(), json!([{"operation": operation(call)}]));
    Some(rule)
}

/// A caller by its account; by its principal where the oldest Istio does not know accounts (`semantics.md` §2.6).
fn source(setting: &Setting, pod: &Pod) -> Value {
    let platform = setting.cluster.platform();
    if platform.istio >= (1, 25, 0) {
        return json!({"serviceAccounts": [format!("{}/{}", pod.namespace, pod.account)]});
    }
    json!({"principals": [format!("{}/ns/{}/sa/{}", platform.trust_domain, pod.namespace, pod.account)]})
}

fn operation(call: &Call) -> Value {
    let mut operation = json!({"ports": [call.port.to_string()]});
    if let (Some(request), Some(fields)) = (&call.request, operation.as_object_mut()) {
        fields.insert("methods".to_owned(), json!([&*request.method]));
        fields.insert("paths".to_owned(), json!([&*request.path]));
    }
    operation
}

/// A `DENY` for this connection alone; none if the caller has no identity.
fn refusal(setting: &Setting, call: &Call) -> Option<Value> {
    let (Peer::Pod(pod), Peer::Pod(destination)) = (&call.source.endpoint.peer, &call.destination.endpoint.peer) else { return None };
    if pod.plane == DataPlane::None || destination.plane == DataPlane::None || call.protocol != Protocol::Tcp {
        return None;
    }
    let labels = told_labels(destination, &call.destination.text);
    let mut operation = operation(call);
    if destination.plane == DataPlane::Ambient {
        // ztunnel would read a rule without what it cannot see (`semantics.md` §2.9).
        operation = json!({"ports": operation.get("ports")?});
    }
    let rule = json!({"from": [{"source": source(setting, pod)}], "to": [{"operation": operation}]});
    Some(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"namespace": &*destination.namespace, "name": format!("{}-deny-{}", call.destination.short, call.source.short)},
        "spec": {"selector": {"matchLabels": labels}, "action": "DENY", "rules": [rule]},
    }))
}

/// Adds a rule to a list of an object's spec and says so.
fn push_rule(object: &mut Value, list: &str, rule: &Value) -> Option<String> {
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let rules = spec.entry(list).or_insert_with(|| json!([]));
    rules.as_array_mut()?.push(rule.clone());
    let singular = if list == "rules" { "rule" } else { list };
    Some(format!("add {singular} {}", brief(rule)))
}

/// Removes a rule, counted from 1, from a list of an object's spec and says so.
fn remove_rule(object: &mut Value, list: &str, number: usize) -> Option<String> {
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let rules = spec.get_mut(list)?.as_array_mut()?;
    let at = number.checked_sub(1).filter(|at| *at < rules.len())?;
    rules.remove(at);
    let what = if list == "rules" { "rule".to_owned() } else { format!("{list} rule") };
    if list != "rules" && !spec.contains_key("policyTypes") {
        // Without its last rule an object that does not say so would isolate another way (`semantics.md` §1.1).
        return None;
    }
    Some(format!("remove {what} {number}"))
}

/// Lets plaintext in on this port.
fn permissive(object: &mut Value, call: &Call) -> Option<String> {
    let spec = object.get_mut("spec")?.as_object_mut()?;
    let ports = spec.entry("portLevelMtls").or_insert_with(|| json!({}));
    ports.as_object_mut()?.insert(call.port.to_string(), json!({"mode": "PERMISSIVE"}));
    Some(format!("portLevelMtls {}: PERMISSIVE", call.port))
}

/// The mode of a namespace for the destination's pods, but for this port, which also takes plaintext (`semantics.md` §3.1).
fn exception(namespace: &Value, call: &Call) -> Option<Value> {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return None };
    let mode = place::text(namespace, &["spec", "mtls", "mode"])?;
    let labels = told_labels(pod, &call.destination.text);
    let ports = Map::from_iter([(call.port.to_string(), json!({"mode": "PERMISSIVE"}))]);
    Some(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"namespace": &*pod.namespace, "name": format!("{}-{}", call.destination.short, call.port)},
        "spec": {"selector": {"matchLabels": labels}, "mtls": {"mode": mode}, "portLevelMtls": ports},
    }))
}

/// A value on one line, as YAML in flow form.
fn brief(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{key}: {}", brief(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(brief).collect::<Vec<_>>().join(", ")),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() || text.contains([':', '#', ',']) => {
            format!("{text:?}")
        }
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
