//! The whole way of one connection, with reasons.
//!
//! Owns: the order of the gates, and what objects that are not modelled make of them. What each gate says is its own room's.

use super::end::{isolated, matters};
use super::mesh::{self, Hop, Route};
use super::network::{self, Connection, Untranslated};
use super::unmodelled::Unmodelled;
use super::{Addressed, Cluster, Decision, Endpoint, Gate, Question, Step, Way, wire};
use crate::flow::{AddressSet, DataPlane, Peer, Protocol, Verdict};
use crate::inventory::ServiceKind;

/// Decides a question. Where it does not say enough to know the way that the connection takes, every way must be judged alike.
pub(super) fn decide(cluster: &Cluster, question: &Question) -> Decision {
    let routes = cluster.mesh.routes(question);
    let mut decisions: Vec<Decision> = routes.iter().map(|route| on_route(cluster, question, route)).collect();
    let hangs_on = routes.iter().find_map(|route| route.hangs_on);
    let transport = decisions.first().and_then(|first| first.transport);
    let transport = transport.filter(|transport| decisions.iter().all(|decision| decision.transport == Some(*transport)));
    let alike = |decision: &Decision, other: &Decision| match (&decision.verdict, &other.verdict) {
        (Verdict::Unspecified(_), Verdict::Unspecified(_)) => true,
        (own, other) => own == other,
    };
    let agree = decisions.iter().zip(decisions.iter().skip(1)).all(|(decision, other)| alike(decision, other));
    // What a refusal says helps most where ways differ.
    let refused = decisions.iter().position(|decision| decision.verdict == Verdict::Denied).unwrap_or_default();
    let told = if decisions.is_empty() { Decision::nothing() } else { decisions.swap_remove(refused) };
    let verdict = match hangs_on {
        Some(reason) if !agree => Verdict::Unspecified(format!("it hangs on {reason}")),
        _ => told.verdict,
    };
    Decision { verdict, transport, steps: told.steps }
}

/// Decides a question on one way: on each hop `NetworkPolicy` at both ends, then the gates of the mesh at the end of it.
fn on_route(cluster: &Cluster, question: &Question, route: &Route) -> Decision {
    let mut judged = cluster.mesh.judge(question, route);
    if let (Protocol::Tcp, Some((last, before))) = (question.protocol, judged.steps.split_last_mut()) {
        for (hop, steps) in route.hops.iter().zip(before) {
            let proxy = mesh::in_mesh(&hop.to);
            let objects = cluster.unmodelled.at_mesh(&proxy).filter(|object| object.minds_request(question.request.as_ref()));
            let objects: Vec<&Unmodelled> = objects.collect();
            unsettle(&objects, &hop.to, steps);
        }
        doubt(cluster, question, last);
    }
    let mut steps = Vec::new();
    for (at, (hop, of_mesh)) in route.hops.iter().zip(judged.steps).enumerate() {
        let is_last = at + 1 == route.hops.len();
        let open = route.open_end.filter(|_| is_last);
        steps.extend(hop_steps(cluster, hop, question).into_iter().map(|step| open.map_or(step.clone(), |reason| left_open(step, reason))));
        steps.extend(of_mesh);
    }
    let verdict = match (route.doubt, verdict(&steps)) {
        (Some(_), Verdict::Denied) if route.may_only_be_refused() => Verdict::Denied,
        (Some(reason), _) => Verdict::Unspecified(reason.to_owned()),
        (None, verdict) => verdict,
    };
    Decision { verdict, transport: judged.transport, steps }
}

/// Where the probes of a pod come from that is not in ambient mode: from nowhere but its node.
static NO_ADDRESSES: AddressSet = AddressSet::none();

/// The steps of `NetworkPolicy` on a hop; an address has no policies.
fn hop_steps(cluster: &Cluster, hop: &Hop, question: &Question) -> Vec<Step> {
    let ends = [(&hop.from, &hop.to, Way::Egress), (&hop.to, &hop.from, Way::Ingress)];
    let pods = ends.into_iter().filter(|(near, ..)| matches!(near.peer, Peer::Pod(_)));
    let step = |(near, far, way): (&Endpoint, &Endpoint, Way)| {
        let connection = Connection {
            platform: &cluster.platform,
            near,
            far,
            way,
            protocol: hop.protocol,
            port: hop.wire_port,
            addressed: &question.addressed,
            service: if way == Way::Egress { untranslated(cluster, hop, question) } else { None },
            probes: if wire::plane(near) == DataPlane::Ambient { &cluster.platform.probe_sources } else { &NO_ADDRESSES },
        };
        let selected = cluster.network.selecting(near, way);
        let objects: Vec<&Unmodelled> = cluster.unmodelled.at_network(near, way, isolated(&selected)).collect();
        network::step(&selected, &connection, &objects)
    };
    pods.map(step).collect()
}

/// The Service to whose address the packets of a hop are sent: proxies choose the pod themselves, and see TCP alone (`semantics.md`
/// §5.1).
fn untranslated<'a>(cluster: &'a Cluster, hop: &Hop, question: &Question) -> Option<Untranslated<'a>> {
    if let Peer::Address(address) = hop.to.peer {
        let of_service = cluster.mesh.is_address_of_service(address);
        return of_service.then_some(Untranslated { addresses: &[], port: hop.wire_port });
    }
    let has_proxy = wire::plane(&hop.from) != DataPlane::None && hop.protocol == Protocol::Tcp;
    if has_proxy || hop.from != question.source {
        return None;
    }
    let Addressed::Service { namespace, name, port } = &question.addressed else { return None };
    let service = cluster.mesh.service(namespace, name)?;
    let has_address = !matches!(service.kind, ServiceKind::Headless | ServiceKind::ExternalName);
    has_address.then_some(Untranslated { addresses: &service.addresses, port: *port })
}

/// A step at a hop of which the far end is not known: where no policy selects the pod, it says the same to everybody.
fn left_open(step: Step, reason: &str) -> Step {
    if step.decided_by.is_empty() {
        return step;
    }
    Step { verdict: Verdict::Unspecified(reason.to_owned()), reason: reason.to_owned(), ..step }
}

/// Lets objects that are not modelled unsettle the mesh's steps.
fn doubt(cluster: &Cluster, question: &Question, steps: &mut Vec<Step>) {
    let (source, destination) = (&question.source, &question.destination);
    let at_destination: Vec<&Unmodelled> = cluster.unmodelled.at_mesh(destination).collect();
    let at_source = cluster.unmodelled.at_client(source).filter(|object| !at_destination.iter().any(|other| std::ptr::eq(*other, *object)));
    let matters = |object: &&Unmodelled| {
        matters(object, source, destination)
            && object.minds_request(question.request.as_ref())
            && !object.is_passed_by(source, question.port)
    };
    let objects: Vec<&Unmodelled> = at_destination.iter().copied().chain(at_source).filter(matters).collect();
    let refused = cluster.is_mtls_impossible(question).then(|| steps.iter().find(|step| step.verdict == Verdict::Denied).cloned());
    unsettle(&objects, destination, steps);
    let transport = refused.flatten().filter(|step| step.gate == Gate::Transport);
    if let Some((step, refused)) = steps.iter_mut().find(|step| step.gate == Gate::Transport).zip(transport) {
        *step = refused;
    }
}

/// Leaves the steps of an enforcement point open, because of these objects.
fn unsettle(objects: &[&Unmodelled], at: &Endpoint, steps: &mut Vec<Step>) {
    let Some(first) = objects.first() else { return };
    let reason = first.to_string();
    let verdict = Verdict::Unspecified(reason.clone());
    let may_change = |step: &Step| step.verdict != Verdict::Allowed || objects.iter().any(|object| object.may_change(step.gate));
    for step in steps.iter_mut().filter(|step| may_change(step)) {
        step.verdict = verdict.clone();
        step.reason = format!("{}, but {reason}", step.reason);
    }
    let decided_by = objects.iter().map(|object| object.object.document(None)).collect();
    steps.push(Step { gate: Gate::Caller, at: at.to_string(), verdict, decided_by, misses: Vec::new(), reason });
}

/// A connection passes if every gate lets it; one sure refusal decides.
fn verdict(steps: &[Step]) -> Verdict {
    if steps.iter().any(|step| step.verdict == Verdict::Denied) {
        return Verdict::Denied;
    }
    let open = steps.iter().find(|step| step.verdict != Verdict::Allowed);
    open.map_or(Verdict::Allowed, |step| step.verdict.clone())
}
