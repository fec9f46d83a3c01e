//! Changes to manifests.
//!
//! Owns: the smallest edits of anyone's objects: another account, another rule, a rule less, another mode. They are made on plain
//! data; whether they do what is wished is asked by the room above.

mod edits;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::call::Call;
use super::super::place;
use super::super::said;
use super::super::setting::Setting;
use super::super::world::Known;
use super::{Candidate, Change, Make, Wish, does};
use crate::cluster::{Addressed, Decision, Document, Gate, Step};
use crate::flow::{DataPlane, Labels, Peer, Pod, Symbol, Token, Verdict};
use edits::{Removed, brief, caller_rule, exception, network_policy, network_rule, permissive, push_rule, refusals, remove_rule, service};

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
    let mut removed = Removed::default();
    for _ in 0..MOST_STEPS {
        let step = step(&decision, wish, way)?;
        let mut objects = current.objects.clone();
        let change = match wish {
            Wish::Allow => opened(&mut objects, &current, &hop(call, &decision, step), (step, &mut removed))?,
            Wish::Stop => closed(&mut objects, &current, call, (step, &mut removed), way)?,
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

/// The stretch of the way that a gate stands on: over a waypoint there are two (`semantics.md` §5.1).
fn hop(call: &Call, decision: &Decision, step: &Step) -> Call {
    let before = decision.steps.iter().take_while(|other| !std::ptr::eq(*other, step));
    let passed = before.filter(|other| other.gate == Gate::Ingress).count();
    let at_end = matches!(step.gate, Gate::Transport | Gate::Token | Gate::Caller);
    let number = if at_end { passed.saturating_sub(1) } else { passed };
    let arrivals: Vec<&Step> = decision.steps.iter().filter(|other| other.gate == Gate::Ingress).collect();
    let mut hop = call.clone();
    if !is_verified(decision, step)
        && let Some(request) = &mut hop.request
    {
        // A rule that asked for the token would find none.
        request.token = Token::None;
    }
    if let Some(from) = number.checked_sub(1).and_then(|at| arrivals.get(at)) {
        hop.source = waypoint(&from.at, call);
    }
    if let Some(to) = arrivals.get(number).filter(|_| number + 1 < arrivals.len()) {
        hop.destination = waypoint(&to.at, call);
        if let Addressed::Service { port, .. } = &call.addressed {
            hop.port = *port;
        }
    }
    hop
}

/// Whether the token of a connection is known to whoever asks who calls there.
fn is_verified(decision: &Decision, step: &Step) -> bool {
    decision.steps.iter().any(|other| other.gate == Gate::Token && other.at == step.at && other.verdict == Verdict::Allowed)
}

/// The label by which a waypoint's pods are known, and which names its account too (`semantics.md` §2.11).
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// The pods of a waypoint, from how a step names them.
fn waypoint(at: &str, call: &Call) -> Known {
    let (labels, namespace) = at.rsplit_once('@').unwrap_or((at, ""));
    let labels: Labels = labels.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect();
    let account = labels.get(GATEWAY_NAME).cloned().unwrap_or_else(|| "waypoint".into());
    let mut known =
        Known { name: None, text: format!("{GATEWAY_NAME}={account}@{namespace}"), short: account.to_string(), ..call.source.clone() };
    if let Peer::Pod(pod) = &mut known.endpoint.peer {
        // It speaks for itself in the tunnel, though nothing captures it.
        *pod = Pod { namespace: namespace.into(), labels, account, plane: DataPlane::Ambient, ..pod.clone() };
    }
    known
}

/// Opens one gate.
fn opened(objects: &mut Vec<Value>, setting: &Setting, call: &Call, (step, removed): (&Step, &mut Removed)) -> Option<Change> {
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
        Gate::Egress => push_rule(object, "egress", &network_rule("to", &call.destination, call, &document.namespace)?)?,
        Gate::Ingress => push_rule(object, "ingress", &network_rule("from", &call.source, call, &document.namespace)?)?,
        Gate::Transport => permissive(object, call)?,
        Gate::Token => return None,
        Gate::Caller if refuses(object) => remove_rule(object, "rules", document.rule?, removed)?,
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

/// Whether an object is a `DENY`.
fn refuses(object: &Value) -> bool {
    place::text(object, &["spec", "action"]) == Some("DENY")
}

/// How many rules an `AuthorizationPolicy` has.
fn rules(object: &Value) -> usize {
    object.pointer("/spec/rules").and_then(Value::as_array).map_or(0, Vec::len)
}

/// Closes one gate: a rule less, or a refusal more.
fn closed(
    objects: &mut Vec<Value>,
    setting: &Setting,
    call: &Call,
    (step, removed): (&Step, &mut Removed),
    way: Stopping,
) -> Option<Change> {
    if way == Stopping::Mesh {
        let refusal = refusals(setting, call)?.into_iter().find(|refusal| stops(setting, objects, refusal, call))?;
        let change = Change { place: place::title(&refusal), text: format!("add {}", brief(refusal.get("spec")?)) };
        objects.push(refusal);
        return Some(change);
    }
    let document = step.decided_by.first()?;
    let list = if step.gate == Gate::Egress { "egress" } else { "ingress" };
    let object = objects.iter_mut().find(|object| is_document(object, document))?;
    let title = place::title(object);
    Some(Change { place: title, text: remove_rule(object, list, document.rule?, removed)? })
}

/// Whether an object more stops a connection on every way that the flow may mean.
fn stops(setting: &Setting, objects: &[Value], more: &Value, call: &Call) -> bool {
    let objects = objects.iter().chain([more]).cloned().collect();
    setting.with_objects(objects).is_some_and(|changed| does(&changed, call, Wish::Stop))
}
