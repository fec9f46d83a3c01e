//! What the client sees, by the gate that decides.
//!
//! Owns: `sees`. Sources: `semantics.md` §2.2, §3.2, §4; what proxies write into their logs is Envoy's and ztunnel's own wording.

use crate::cluster::{Cluster, Decision, Gate, HBONE, OnlyHttp, Question, Reads, Silence, Step};
use crate::flow::{DataPlane, Peer, Protocol, Token, Transport, Verdict};

/// What the client of a connection sees, in one sentence without capital and full stop; none where it is not known.
pub(super) fn sees(cluster: &Cluster, question: &Question, decision: &Decision, short: (&str, &str)) -> Option<String> {
    let refused = decision.steps.iter().find(|step| step.verdict == Verdict::Denied);
    let arrives = refused.is_none_or(|step| !matches!(step.gate, Gate::Egress | Gate::Ingress));
    let is_unopened = arrives && question.protocol == Protocol::Tcp && is_unopened(cluster, question);
    match (&decision.verdict, refused) {
        // Where no gate leaves anything open, all that is open is whether anybody else listens.
        (Verdict::Unspecified(_), _) if !is_unopened || decision.steps.iter().any(|step| step.verdict != Verdict::Allowed) => None,
        _ if is_unopened => Some(unopened(cluster, question, short)),
        (Verdict::Unspecified(_), _) => None,
        (Verdict::Allowed, _) | (Verdict::Denied, None) => Some(passes(cluster, question, short)),
        (Verdict::Denied, Some(step)) if is_waypoint(decision, step) => Some(at_waypoint(cluster, question, step, short.0)),
        (Verdict::Denied, Some(step)) if is_past_proxies(question, decision, step) => Some(past_proxies(cluster, question, short)),
        (Verdict::Denied, Some(step)) if is_behind_waypoint(decision, step) => Some(behind_waypoint(question, step, short)),
        (Verdict::Denied, Some(step)) => Some(stopped(cluster, question, step, short)),
    }
}

fn is_unopened(cluster: &Cluster, question: &Question) -> bool {
    cluster.silence(&question.destination, question.port) == Some(Silence::Unopened)
}

/// What the client of a gRPC call sees: proxies answer it with a status of gRPC in the place of one of HTTP.
pub(super) fn as_grpc(seen: &str) -> String {
    const STATUSES: [(&str, &str); 3] = [
        ("HTTP 403", "gRPC status PERMISSION_DENIED"),
        ("HTTP 401", "gRPC status UNAUTHENTICATED"),
        ("HTTP 503", "gRPC status UNAVAILABLE"),
    ];
    STATUSES.iter().fold(seen.to_owned(), |seen, (http, grpc)| seen.replace(http, grpc))
}

/// Whether a gate stands at a waypoint: the way goes on behind it.
pub(super) fn is_waypoint(decision: &Decision, step: &Step) -> bool {
    let behind = decision.steps.iter().skip_while(|other| !std::ptr::eq(*other, step)).skip(1);
    matches!(step.gate, Gate::Transport | Gate::Token | Gate::Caller)
        && behind.into_iter().any(|other| matches!(other.gate, Gate::Ingress | Gate::Egress))
}

/// Whether a gate of the mesh stands behind a waypoint, at the pod to which the waypoint calls on.
fn is_behind_waypoint(decision: &Decision, step: &Step) -> bool {
    let before = decision.steps.iter().take_while(|other| !std::ptr::eq(*other, step));
    matches!(step.gate, Gate::Transport | Gate::Caller) && before.into_iter().any(|other| is_waypoint(decision, other))
}

/// A waypoint whose own connection closes answers requests itself.
fn behind_waypoint(question: &Question, step: &Step, short: (&str, &str)) -> String {
    let seen = if question.request.is_some() {
        "HTTP 503 from the waypoint, whose connection closes"
    } else {
        "the connection opens to the waypoint, then closes (not a timeout)"
    };
    format!("{seen}; {}", logged(question, step, short.1))
}

/// What the proxy beside the destination logs of a connection that it refuses.
fn logged(question: &Question, step: &Step, destination: &str) -> String {
    match (plane(&question.destination.peer), step.gate) {
        (DataPlane::Ambient, _) => format!("ztunnel beside {destination} logs a policy rejection"),
        (_, Gate::Transport) => format!("{destination}'s proxy logs filter_chain_not_found"),
        (_, _) => format!("{destination}'s proxy logs {}", matched(step)),
    }
}

/// Whether a connection goes by way of a waypoint.
pub(super) fn passes_waypoint(decision: &Decision) -> bool {
    decision.steps.iter().any(|step| is_waypoint(decision, step))
}

/// A waypoint is an Envoy, and answers as one.
fn at_waypoint(cluster: &Cluster, question: &Question, step: &Step, source: &str) -> String {
    if step.gate == Gate::Token {
        return unverified(question, "the waypoint");
    }
    let closed = format!("the connection opens to the ztunnel beside {source}, then closes");
    let reads = question.request.is_some().then(|| cluster.waypoint_reads(question));
    format!("{}; the waypoint's proxy logs {}", denied(reads, closed), matched(step))
}

/// What the client sees of a proxy that refuses the caller: only where it reads HTTP it answers, and closes the connection elsewhere, as it
/// has but a filter of the network there (`semantics.md` §2.2). Without a request nothing is read.
fn denied(reads: Option<Reads>, closed: String) -> String {
    const ANSWERED: &str = "HTTP 403 `RBAC: access denied`";
    match reads {
        Some(Reads::Http) => ANSWERED.to_owned(),
        Some(Reads::Either) => format!("{ANSWERED}, or {closed}, where the port is read as bytes"),
        Some(Reads::Bytes) | None => closed,
    }
}

/// Whether mTLS is what stops a connection where no proxy sees it: who answers does not speak it.
fn is_past_proxies(question: &Question, decision: &Decision, step: &Step) -> bool {
    let is_seen = match plane(&question.destination.peer) {
        DataPlane::None => false,
        DataPlane::Sidecar => Cluster::captures(&question.destination, question.port),
        DataPlane::Ambient => true,
    };
    step.gate == Gate::Transport && decision.transport == Some(Transport::Mtls) && !is_seen
}

/// The application itself gets a TLS handshake, and no proxy has anything to log.
fn past_proxies(cluster: &Cluster, question: &Question, (source, destination): (&str, &str)) -> String {
    let port = question.port;
    let unseen = match plane(&question.destination.peer) {
        DataPlane::None => format!("{destination} has no proxy"),
        DataPlane::Sidecar | DataPlane::Ambient => format!("{destination}'s proxy does not capture port {port} and logs nothing"),
    };
    let seen = match (plane(&question.source.peer), question.request.is_some()) {
        (DataPlane::Sidecar, true) => format!("HTTP 503 from {source}'s own proxy"),
        (DataPlane::Sidecar, false) if is_read_by_client(cluster, question) => at_own_proxy(source, "HTTP 503"),
        (DataPlane::Sidecar, false) => format!("the connection opens to {source}'s own proxy, then closes (not a timeout)"),
        (DataPlane::None | DataPlane::Ambient, _) => "the connection opens, then closes (not a timeout)".to_owned(),
    };
    format!("{seen}: the application gets the TLS handshake and cannot answer it, as {unseen}")
}

/// ztunnel knows no HTTP: it closes connections, and says nothing to whoever sent a request (istio/ztunnel#691).
fn at_ztunnel(cluster: &Cluster, question: &Question, (source, destination): (&str, &str)) -> String {
    let logs = format!("ztunnel beside {destination} logs a policy rejection");
    match (plane(&question.source.peer), question.request.is_some()) {
        (DataPlane::Sidecar, true) => format!("HTTP 503 from {source}'s own proxy, whose connection closes; {logs}"),
        (DataPlane::Sidecar, false) if is_read_by_client(cluster, question) => format!("{}; {logs}", at_own_proxy(source, "HTTP 503")),
        (_, true) => format!("the connection opens, then closes without an answer (no HTTP 403, not a timeout); {logs}"),
        (_, false) => format!("the connection opens, then closes (not a timeout); {logs}"),
    }
}

/// A gateway has listeners where its Gateways open some, and captures nothing else: who calls another port finds nobody.
fn unopened(cluster: &Cluster, question: &Question, (source, destination): (&str, &str)) -> String {
    let seen = match (plane(&question.source.peer), question.request.is_some()) {
        (DataPlane::None, _) => "the connection is refused (not a timeout)".to_owned(),
        (DataPlane::Sidecar, true) => format!("HTTP 503 from {source}'s own proxy"),
        (DataPlane::Sidecar, false) if is_read_by_client(cluster, question) => at_own_proxy(source, "HTTP 503"),
        (DataPlane::Sidecar, false) => format!("the connection opens to {source}'s own proxy, then closes (not a timeout)"),
        (DataPlane::Ambient, _) => format!("the connection opens to the ztunnel beside {source}, then closes (not a timeout)"),
    };
    format!("{seen}: no Gateway opens port {}, so {destination}'s proxy does not listen there", question.port)
}

fn passes(cluster: &Cluster, question: &Question, short: (&str, &str)) -> String {
    match (question.protocol, &question.request) {
        (Protocol::Tcp, None) => match reader(cluster, question, short) {
            Some(proxy) => format!("an open connection, on which {proxy} answers what is no HTTP with HTTP 400"),
            None => "an open connection".to_owned(),
        },
        (Protocol::Tcp, Some(_)) | (Protocol::Udp | Protocol::Sctp, _) => format!("the answer of {}", short.1),
    }
}

/// Whose proxy takes nothing but HTTP of a connection without a request; none if no proxy surely does.
fn reader(cluster: &Cluster, question: &Question, (source, destination): (&str, &str)) -> Option<String> {
    if question.request.is_some() {
        return None;
    }
    Some(match cluster.only_http(question)? {
        OnlyHttp::Waypoint => "the waypoint".to_owned(),
        OnlyHttp::Destination => format!("{destination}'s proxy"),
        OnlyHttp::Client => format!("{source}'s own proxy"),
        OnlyHttp::Some => "a proxy on the way".to_owned(),
    })
}

/// Whether the client's own sidecar surely takes the connection for one of HTTP, and a flow without a request for anything else; one that is
/// said to arrive in plaintext may go past it.
fn is_read_by_client(cluster: &Cluster, question: &Question) -> bool {
    let is_asked = question.request.is_none() && question.transport != Some(Transport::Plaintext);
    is_asked && cluster.only_http(question) == Some(OnlyHttp::Client)
}

/// What the client sees whose own proxy reads HTTP alone, of a connection that gets no further.
fn at_own_proxy(source: &str, answer: &str) -> String {
    format!("an open connection to {source}'s own proxy, which answers what is no HTTP with HTTP 400, and requests with {answer}")
}

/// That a port is read as HTTP, where the flow has no request: no gate stops what is none, and it gets no further than to the proxy
/// (`semantics.md` §2.2).
pub(super) fn only_http(cluster: &Cluster, question: &Question, decision: &Decision, short: (&str, &str)) -> Option<String> {
    if decision.verdict != Verdict::Allowed {
        return None;
    }
    let proxy = reader(cluster, question, short)?;
    Some(format!("{proxy} reads this port as HTTP alone: the verdict is on who may connect, and what is no HTTP is answered with HTTP 400"))
}

fn stopped(cluster: &Cluster, question: &Question, step: &Step, (source, destination): (&str, &str)) -> String {
    let at = plane(&question.destination.peer);
    let is_http = question.request.is_some();
    match step.gate {
        Gate::Egress | Gate::Ingress => dropped(cluster, question, source),
        Gate::Transport if question.port == HBONE && question.transport != Some(Transport::Mtls) => {
            format!("the connection opens, then closes (not a timeout): the port of the tunnel at {destination} takes only mTLS")
        }
        Gate::Token => unverified(question, "the proxy of the destination"),
        Gate::Transport => format!("{}; {}", refused(cluster, question, source), logged(question, step, destination)),
        Gate::Caller if at == DataPlane::Ambient => at_ztunnel(cluster, question, (source, destination)),
        Gate::Caller if !is_http && let Some(proxy) = reader(cluster, question, (source, destination)) => format!(
            "an open connection, on which {proxy} answers what is no HTTP with HTTP 400; of requests {destination}'s proxy answers those \
             that policies refuse with HTTP 403"
        ),
        Gate::Caller => {
            let reads = is_http.then(|| cluster.reads(&question.destination, question.port));
            let closed = "the connection opens, then resets (not a timeout)".to_owned();
            format!("{}; {destination}'s proxy logs {}", denied(reads, closed), matched(step))
        }
    }
}

/// What the client sees of a token that a proxy does not accept: one that is for others is no bad one to Envoy (its filter `jwt_authn`).
fn unverified(question: &Question, proxy: &str) -> String {
    let is_valid = question.request.as_ref().is_some_and(|request| matches!(request.token, Token::Valid { .. }));
    if is_valid {
        return format!(
            "HTTP 401 from {proxy} where its issuer is not configured, and HTTP 403 `Audiences in Jwt are not allowed` where it is"
        );
    }
    format!("HTTP 401 from {proxy}; `Jwt verification fails`, or that the issuer is not configured")
}

/// What the client sees of a connection that the mesh does not take: a proxy beside it takes its own, and answers requests itself, unless
/// the connection is said to go past that.
fn refused(cluster: &Cluster, question: &Question, source: &str) -> String {
    let at = plane(&question.destination.peer);
    match (plane(&question.source.peer), question.transport, question.request.is_some()) {
        (DataPlane::Sidecar, None, true) => format!("HTTP 503 from {source}'s own proxy, whose connection closes"),
        (DataPlane::Sidecar, None, false) if is_read_by_client(cluster, question) => at_own_proxy(source, "HTTP 503"),
        (DataPlane::Sidecar, None, false) => format!("the connection opens to {source}'s own proxy, then closes (not a timeout)"),
        _ if at == DataPlane::Ambient => "the connection opens, then closes (not a timeout)".to_owned(),
        _ => "the connection opens, then resets (not a timeout)".to_owned(),
    }
}

/// What Envoy writes into its log: the rule of a `DENY`, or that no `ALLOW` matched.
fn matched(step: &Step) -> String {
    let rule = step.decided_by.iter().find_map(|document| Some((document, document.rule?)));
    match rule {
        // Envoy counts rules from 0.
        Some((document, rule)) => format!(
            "rbac_access_denied_matched_policy[ns[{}]-policy[{}]-rule[{}]]",
            document.namespace,
            document.name,
            rule.saturating_sub(1)
        ),
        None => "rbac_access_denied_matched_policy[none]".to_owned(),
    }
}

/// Packets vanish; a proxy beside the client takes the connection first and gives up later.
fn dropped(cluster: &Cluster, question: &Question, source: &str) -> String {
    match (question.protocol, plane(&question.source.peer), question.request.is_some()) {
        (Protocol::Udp | Protocol::Sctp, _, _) => "no answer: packets are dropped".to_owned(),
        (Protocol::Tcp, DataPlane::None, _) => "a timeout: packets are dropped (some network plugins refuse at once)".to_owned(),
        (Protocol::Tcp, DataPlane::Sidecar, true) => {
            format!("no answer until {source}'s own proxy gives up: HTTP 503 with `connection timeout`")
        }
        (Protocol::Tcp, DataPlane::Sidecar, false) if is_read_by_client(cluster, question) => {
            at_own_proxy(source, "HTTP 503 with `connection timeout` when it gives up")
        }
        (Protocol::Tcp, DataPlane::Sidecar, false) => {
            format!("the connection opens to {source}'s own proxy and closes when that gives up: a timeout behind it")
        }
        (Protocol::Tcp, DataPlane::Ambient, _) => {
            format!("the connection opens to the ztunnel beside {source} and closes when that gives up: a timeout behind it")
        }
    }
}

fn plane(peer: &Peer) -> DataPlane {
    match peer {
        Peer::Pod(pod) => pod.plane,
        Peer::Address(_) => DataPlane::None,
    }
}
