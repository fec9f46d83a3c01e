//! What intents take for granted and manifests break, what is taken for granted of manifests, and what nobody can judge.
//!
//! Owns: `broken`, `of_the_mesh`, `taken_for_http`, `unknown`. It must not offer remedies.

use std::collections::BTreeSet;

use super::call::Call;
use super::place;
use super::said;
use super::setting::Setting;
use super::world::{self, Known};
use crate::cluster::{Decision, Endpoint, Facts, Gate};
use crate::compile::Mesh;
use crate::flow::{DataPlane, Peer, Pod, Protocol, Symbol, Transport, Verdict};
use crate::ir::Rule;
use crate::syntax::ast::Action;

/// Assumptions of the intents that do not hold in the manifests, as far as this connection touches them.
pub(super) fn broken(setting: &Setting, call: &Call, decision: &Decision) -> Vec<String> {
    let mut found: Vec<String> = [&call.source, &call.destination]
        .into_iter()
        .filter_map(|known| match &known.endpoint.peer {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        })
        .flat_map(|pod| facts(setting, pod))
        .collect();
    found.extend(strangers(setting, decision));
    found.extend(stale(setting, call));
    found.dedup();
    found
}

/// What is taken for granted of how the pods of a call take part in the mesh, which sees TCP alone (`semantics.md` §0.1).
pub(super) fn of_the_mesh(setting: &Setting, call: &Call) -> Vec<String> {
    if call.protocol != Protocol::Tcp {
        return Vec::new();
    }
    [meshed_by_default(setting, call), unjoined(setting, call)].into_iter().flatten().collect()
}

/// That the intents take a connection which is no HTTP for one that does not occur, as a `deny` on requests stands on its port.
pub(super) fn taken_for_http(setting: &Setting, call: &Call) -> Option<String> {
    let flow = said::flow(&setting.policy, (&call.source, &call.destination), (call.protocol, call.port), None, call.request.as_ref());
    if flow.protocol != Protocol::Tcp || flow.request.is_some() {
        return None;
    }
    let denies = |rule: &&Rule| rule.action == Action::Deny && !rule.requests.is_all() && rule.reaches(&flow);
    let deny = setting.policy.rules.iter().find(denies)?;
    Some(format!(
        "port {} is taken to be served as HTTP, as `{}` stands there: of connections that are none the intents promise nothing",
        call.port, deny.text
    ))
}

/// That nothing says that the pods of a call are in a mesh, where they are taken for such and manifests could have said it.
fn meshed_by_default(setting: &Setting, call: &Call) -> Option<String> {
    let (cluster, policy) = (&setting.cluster, &setting.policy);
    let is_unsaid = |end: &Endpoint, pod: &Pod| {
        let is_declared = || policy.namespace(&pod.namespace).is_some_and(|namespace| namespace.plane.is_some());
        cluster.is_meshed_by_default(&pod.namespace) || cluster.is_taken_in(end) && !is_declared()
    };
    let meshed = |end: &Known| match &end.endpoint.peer {
        Peer::Pod(pod) if pod.plane != DataPlane::None && !setting.ground().is_told_by_labels(pod) => {
            is_unsaid(&end.endpoint, pod).then(|| format!("`{}`", pod.namespace))
        }
        _ => None,
    };
    let names: BTreeSet<String> = [&call.source, &call.destination].into_iter().filter_map(meshed).collect();
    let is_asked = setting.mesh == Mesh::Mentioned && !names.is_empty();
    is_asked.then(|| {
        let names = Vec::from_iter(names).join(" and ");
        format!("no label says that pods of {names} are in the mesh, and they are taken for such; `[mesh] mode` in `twogate.toml` says otherwise")
    })
}

/// That the pods of a call are taken to be outside the mesh, as no label of their namespace takes them in.
fn unjoined(setting: &Setting, call: &Call) -> Option<String> {
    let outside = |end: &Known| match &end.endpoint.peer {
        Peer::Pod(pod) if pod.plane == DataPlane::None && setting.cluster.is_unjoined(&pod.namespace) => {
            (!setting.ground().is_told_by_labels(pod)).then(|| Symbol::clone(&pod.namespace))
        }
        _ => None,
    };
    let namespaces: BTreeSet<Symbol> = [&call.source, &call.destination].into_iter().filter_map(outside).collect();
    let quoted = |namespace: &Symbol| format!("`{namespace}`");
    let names: Vec<String> = namespaces.iter().map(quoted).collect();
    let idle: Vec<String> = namespaces.iter().filter(|namespace| setting.cluster.has_idle_policies(namespace)).map(quoted).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(" and ");
        let idle = if idle.is_empty() { String::new() } else { format!(", where policies of the mesh in {} do nothing", idle.join(" and ")) };
        format!("no label takes pods of {names} into the mesh, as labels or proxies do others: they are taken to be outside{idle}; `[mesh] mode` in `twogate.toml` says otherwise")
    })
}

/// Facts of a workload and its namespace that are otherwise.
fn facts(setting: &Setting, pod: &Pod) -> Vec<String> {
    let mut found = Vec::new();
    let policy = &setting.policy;
    let workload = said::declared(policy, pod);
    if let Some((workload, account)) = workload.and_then(|workload| Some((workload, workload.account.as_ref()?)))
        && *account != pod.account
    {
        let labels = workload.labels.to_string();
        found.push(format!("the cluster breaks the assumption \"{labels}@{} runs as {account}\"", pod.namespace));
    }
    let Some(namespace) = policy.namespace(&pod.namespace).filter(|namespace| namespace.is_managed()) else { return found };
    for (key, value) in namespace.labels.iter().filter(|(key, value)| pod.namespace_labels.get(*key) != Some(*value)) {
        found.push(format!("the cluster breaks the assumption \"namespace {} is labelled {key}={value}\"", namespace.name));
    }
    let plane = workload.and_then(|workload| workload.plane).or(namespace.plane);
    if plane.is_some_and(|plane| plane != pod.plane) {
        let said = plane.map(plane_word).unwrap_or_default();
        found.push(format!(
            "the cluster breaks the assumption \"pods of {} are {said}\": these are {}",
            namespace.name,
            plane_word(pod.plane)
        ));
    }
    found
}

/// How pods take part in the mesh, in words.
pub(super) fn plane_word(plane: DataPlane) -> &'static str {
    match plane {
        DataPlane::None => "outside of the mesh",
        DataPlane::Sidecar => "with sidecars",
        DataPlane::Ambient => "ambient",
    }
}

/// Policies in managed namespaces that the intents know nothing of, where they decide.
fn strangers(setting: &Setting, decision: &Decision) -> Vec<String> {
    let managed = |namespace: &str| setting.policy.namespace(namespace).is_some_and(crate::ir::Namespace::is_managed);
    let documents = decision.steps.iter().flat_map(|step| &step.decided_by);
    let is_stranger = |document: &&crate::cluster::Document| {
        let object = setting.objects.iter().find(|object| place::is(object, &document.kind, &document.namespace, &document.name));
        managed(&document.namespace) && object.is_some_and(|object| !place::is_compiled(object))
    };
    let say = |document: &crate::cluster::Document| {
        format!(
            "the cluster breaks the assumption \"no other policy selects pods of {}\": {} {}/{} does",
            document.namespace, document.kind, document.namespace, document.name
        )
    };
    documents.filter(is_stranger).map(say).collect()
}

/// Objects about the two ends that are not what the intents compile to.
fn stale(setting: &Setting, call: &Call) -> Option<String> {
    let root = &setting.policy.config.mesh.root_namespace;
    let touches = |object: &serde_json::Value| {
        [&call.source, &call.destination].into_iter().any(|known| match &known.endpoint.peer {
            Peer::Pod(pod) => place::selects(object, &pod.namespace, &pod.labels, root),
            Peer::Address(_) => false,
        })
    };
    let is_there = |object: &serde_json::Value| {
        setting.objects.iter().any(|own| place::title(own) == place::title(object) && own.get("spec") == object.get("spec"))
    };
    let missing: Vec<String> = setting.compiled.iter().filter(|object| touches(object) && !is_there(object)).map(place::title).collect();
    match missing.as_slice() {
        [] => None,
        [only] => Some(format!("{only} is not what the intents compile to")),
        [first, rest @ ..] => Some(format!("{first} and {} more are not what the intents compile to", rest.len())),
    }
}

/// That a question is about plaintext which ambient pods do not speak by themselves (`semantics.md` §5.1).
fn bypassing(call: &Call) -> Option<String> {
    let is_ambient = matches!(&call.source.endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::Ambient);
    let short = &call.source.short;
    (is_ambient && call.transport == Some(Transport::Plaintext)).then(|| {
        format!(
            "how {short} comes to speak plaintext: ztunnel carries its TCP connections to ambient pods over mTLS, unless they pass it by"
        )
    })
}

/// That a question is about mTLS which sidecars do not speak to a pod's own address (`semantics.md` §3.3).
fn of_the_address(setting: &Setting, call: &Call) -> Option<String> {
    let is_sidecar = matches!(&call.source.endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar);
    if !call.is_pod || !is_sidecar || call.transport != Some(Transport::Mtls) {
        return None;
    }
    // A headless Service that declares the port makes the address one of its own.
    let by_itself = Call { transport: None, ..call.clone() }.decide(setting).transport;
    let short = &call.source.short;
    (by_itself != call.transport)
        .then(|| format!("how {short} comes to speak mTLS: sidecars pass on in plaintext what calls the pod's own address here"))
}

/// What nobody can judge.
pub(super) fn unknown(setting: &Setting, call: &Call) -> Vec<String> {
    of_the_address(setting, call).into_iter().chain(own_node(setting, call)).collect()
}

/// Who stands on the destination's own node (`semantics.md` §1.7, §5.4).
fn own_node(setting: &Setting, call: &Call) -> Vec<String> {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return Vec::new() };
    let short = &call.destination.short;
    if pod.plane == DataPlane::Ambient && call.protocol == Protocol::Tcp {
        let hosts = format!("host processes on {short}'s node: they skip ztunnel, so the mesh stops none of them");
        return bypassing(call).into_iter().chain([hosts]).collect();
    }
    let node = Endpoint { peer: world::address([192, 0, 2, 1].into()).endpoint.peer, facts: Facts::default() };
    let asked = crate::cluster::Question { source: node, transport: Some(Transport::Plaintext), ..call.question() };
    let decision = setting.cluster.decide(&asked);
    let stops = decision.steps.iter().find(|step| step.verdict == Verdict::Denied && matches!(step.gate, Gate::Transport | Gate::Caller));
    if let (None, Verdict::Unspecified(reason)) = (stops, &decision.verdict) {
        return vec![format!(
            "host processes on {short}'s node: NetworkPolicy admits them, and whether anything else stops them is open: {reason}"
        )];
    }
    let by = match stops.map(|step| step.gate) {
        Some(Gate::Transport) if setting.cluster.is_gateway(&asked.destination) => "the gateway's TLS stops them",
        Some(Gate::Transport) if setting.cluster.is_waypoint(&asked.destination) => "the tunnel's mTLS stops them",
        Some(Gate::Transport) => "STRICT stops them",
        Some(_) => "AuthorizationPolicy stops them",
        None => "nothing else stops them",
    };
    vec![format!("host processes on {short}'s node: NetworkPolicy admits them, {by}")]
}
