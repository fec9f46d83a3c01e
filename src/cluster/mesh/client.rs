//! How a client's side of the mesh speaks when nobody says it (`semantics.md` §3.3).
//!
//! Owns: `DestinationRule`, and the choice of one for a call. What only a `VirtualService` could say is left open.

use super::Mesh;
use super::attachment::{carries, cube};
use super::end::plane;
use crate::cluster::decision::Document;
use crate::cluster::object::Object;
use crate::cluster::question::{Addressed, Endpoint};
use crate::flow::{DataPlane, LabelCube, Labels, Peer, Pod, Symbol};

/// An object of kind `DestinationRule`.
#[derive(Debug, Clone)]
pub(super) struct DestinationRule {
    /// What it is, for reasons.
    pub(super) object: Object,
    /// The host that it is about; `*` in front is any beginning.
    pub(super) host: Symbol,
    /// How clients speak to it.
    pub(super) policy: TrafficPolicy,
    /// How they speak to some of its pods.
    pub(super) subsets: Vec<Subset>,
    /// The namespaces whose clients see it; empty for all.
    pub(super) exported: Vec<Symbol>,
    /// The clients that it is for; none for all.
    pub(super) clients: Option<Labels>,
}

/// How clients speak.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TrafficPolicy {
    /// On every port.
    pub(super) tls: Option<Tls>,
    /// On single ports of the Service, in place of that.
    pub(super) ports: Vec<(u16, Option<Tls>)>,
}

/// Pods of a host that a `VirtualService` may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subset {
    /// Their labels.
    pub(super) labels: Labels,
    /// How clients speak to them, where it says so.
    pub(super) policy: Option<TrafficPolicy>,
}

/// A way to speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// None.
    Disable,
    /// The mesh's own mutual TLS.
    Istio,
    /// TLS with certificates that are no workload's.
    Foreign,
    /// Never written: as the mesh chooses among pods that are all marked for its mutual TLS.
    Marked,
    /// The same among pods of which none is.
    Unmarked,
}

/// A `DestinationRule` that speaks of TLS.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// The rule.
    pub document: Document,
    /// Whether it asks for the mesh's own mutual TLS on some port.
    pub asks_for_mutual: bool,
    /// Whether it asks for anything else on some port: plaintext, or TLS with certificates that are no workload's.
    pub asks_for_other: bool,
}

/// That a `DestinationRule` says how a client speaks TLS in a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientRule {
    /// The rule.
    pub document: Document,
    /// Whether what it says is known; another rule, a subset or a `VirtualService` may say something else.
    pub is_sure: bool,
}

impl Mesh {
    /// The rule that says how a client speaks in a call of a pod by Service; none for clients without a sidecar, which no rule reaches.
    pub(crate) fn client_rule(&self, client: &Endpoint, destination: &Endpoint, addressed: &Addressed) -> Option<ClientRule> {
        let (Peer::Pod(from), Peer::Pod(pod)) = (&client.peer, &destination.peer) else { return None };
        let Addressed::Service { namespace, name, port } = addressed else { return None };
        if plane(client) != DataPlane::Sidecar {
            return None;
        }
        let (rule, is_sure) = match self.said(from, Call { namespace, name, port: *port, pod }) {
            Said::Nothing => return None,
            Said::Tls(_, rule) => (rule, true),
            Said::Open(rule) => (rule, false),
        };
        Some(ClientRule { document: rule.object.document(None), is_sure })
    }

    /// What its rules say about a call of a Service by a client. Pods of a Service without an address are told apart by their marks only
    /// where the mesh is set up so (istio/istio : `pilot/pkg/networking/core/cluster_tls.go`, `applyUpstreamTLSSettings`).
    pub(super) fn said(&self, client: &Pod, call: Call<'_>) -> Said<'_> {
        match said(&self.destinations, &self.platform.root_namespace, client, call) {
            Said::Tls(Tls::Marked | Tls::Unmarked, rule) if self.is_headless(call.namespace, call.name) => Said::Open(rule),
            said => said,
        }
    }

    /// Whether any rule says how some client speaks in a call of a pod.
    pub(super) fn is_told(&self, pod: &Pod, addressed: &Addressed) -> bool {
        let Addressed::Service { namespace, name, port } = addressed else { return false };
        let call = Call { namespace, name, port: *port, pod };
        self.destinations.iter().any(|rule| rule.mentions_tls() && rule.fit(call) != Fit::None)
    }
}

/// The rules that speak of TLS with Services of a namespace, for any client (`semantics.md` §3.3).
pub(super) fn rules_about(rules: &[DestinationRule], namespace: &str) -> Vec<ClientTls> {
    let told = |rule: &DestinationRule| {
        let modes = rule.modes();
        let mutual = |mode: &Tls| *mode == Tls::Istio;
        let (asks_for_mutual, asks_for_other) = (modes.iter().any(mutual), !modes.iter().all(mutual));
        ClientTls { document: rule.object.document(None), asks_for_mutual, asks_for_other }
    };
    rules.iter().filter(|rule| rule.mentions_tls() && rule.may_be_about(namespace)).map(told).collect()
}

/// What the rules of a mesh say about a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said<'m> {
    /// Nothing, so that the mesh chooses by itself.
    Nothing,
    /// This.
    Tls(Tls, &'m DestinationRule),
    /// Nobody knows, because of this one.
    Open(&'m DestinationRule),
}

/// How well a rule's host fits a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    None,
    /// It may be another spelling of the same host.
    Perhaps,
    /// By this many letters behind its `*`.
    Wildcard(usize),
    Exact,
}

/// What the rules say about a call of a Service by a client, on a port of the Service, to a pod with these labels.
fn said<'m>(rules: &'m [DestinationRule], root: &str, client: &Pod, call: Call<'_>) -> Said<'m> {
    // The client's own namespace comes first, then the Service's, then the root (`semantics.md` §3.3). What the root says to everybody comes
    // last for its own clients too (istio/istio : pilot/pkg/model/push_context.go, `destinationRule`).
    let is_of_all = |rule: &DestinationRule| *client.namespace == *root && !rule.is_private();
    for (at, namespace) in [&*client.namespace, call.namespace, root].into_iter().enumerate() {
        let visible =
            |rule: &&DestinationRule| *rule.object.namespace == *namespace && rule.is_seen_by(client) && !(at == 0 && is_of_all(rule));
        let fitting: Vec<(Fit, &DestinationRule)> =
            rules.iter().filter(visible).map(|rule| (rule.fit(call), rule)).filter(|(fit, _)| *fit != Fit::None).collect();
        let Some(best) = fitting.iter().map(|(fit, _)| *fit).max() else { continue };
        let is_doubtful = |rule: &DestinationRule| rule.mentions_tls() && (rule.clients.is_none() || rule.is_meant_for(client));
        let doubtful = fitting.iter().find(|(fit, rule)| *fit == Fit::Perhaps && is_doubtful(rule));
        if let Some((_, rule)) = doubtful {
            return Said::Open(rule);
        }
        if best > Fit::Perhaps {
            let nearest: Vec<&DestinationRule> = fitting.iter().filter(|(fit, _)| *fit == best).map(|(_, rule)| *rule).collect();
            return agreed(chosen(&nearest, client), call);
        }
    }
    Said::Nothing
}

/// Those of the rules of one host in one namespace that count for a client: what is for some clients before what is for all. Where none does
/// no other namespace is asked (istio/istio : `pilot/pkg/model/sidecar.go`, `DestinationRule`).
fn chosen<'m>(rules: &[&'m DestinationRule], client: &Pod) -> Vec<&'m DestinationRule> {
    let of = |counts: &dyn Fn(&DestinationRule) -> bool| rules.iter().copied().filter(|rule| counts(rule)).collect::<Vec<_>>();
    let meant = of(&|rule| rule.is_meant_for(client));
    if meant.is_empty() { of(&|rule| rule.clients.is_none()) } else { meant }
}

/// A call of a Service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'c> {
    /// The Service's namespace.
    pub(super) namespace: &'c str,
    /// Its name.
    pub(super) name: &'c str,
    /// The port of the Service.
    pub(super) port: u16,
    /// The pod that answers.
    pub(super) pod: &'c Pod,
}

/// What all of some rules say; open where they or their subsets do not agree.
fn agreed<'m>(rules: Vec<&'m DestinationRule>, call: Call<'_>) -> Said<'m> {
    let mut said: Option<(Option<Tls>, &DestinationRule)> = None;
    for rule in rules {
        let own = rule.policy.on(call.port);
        let mut subsets = rule.subsets.iter().filter(|subset| carries(call.pod, &subset.labels));
        let differs = subsets.any(|subset| subset.on(call.port, own) != own);
        if differs || said.is_some_and(|(other, _)| other != own) {
            return Said::Open(rule);
        }
        said = Some((own, rule));
    }
    match said {
        Some((Some(tls), rule)) => Said::Tls(tls, rule),
        _ => Said::Nothing,
    }
}

impl Subset {
    /// What it says about a port, or what is said of all: the cluster of a subset takes that over, but the marks of its pods do not.
    fn on(&self, port: u16, of_all: Option<Tls>) -> Option<Tls> {
        match (&self.policy, of_all) {
            (Some(policy), _) if policy.says_something(port) => policy.on(port),
            (_, Some(Tls::Marked | Tls::Unmarked)) => None,
            _ => of_all,
        }
    }
}

impl TrafficPolicy {
    /// What it says about a port: what stands for that port alone goes before. A port for which something stands that is not TLS takes none
    /// over, so that clients go by the marks of pods; these are made by the TLS of the whole all the same (istio/istio :
    /// `pilot/pkg/networking/core/cluster_builder.go`, `MergeTrafficPolicy`; I-AUTOMTLS, `trafficPolicyTLSModeForPort`).
    fn on(&self, port: u16) -> Option<Tls> {
        let of_port = self.ports.iter().find(|(number, _)| *number == port);
        match (of_port, self.tls) {
            (None, tls) => tls,
            (Some((_, Some(tls))), _) => Some(*tls),
            (Some((_, None)), None) => None,
            (Some((_, None)), Some(Tls::Istio)) => Some(Tls::Marked),
            (Some((_, None)), Some(_)) => Some(Tls::Unmarked),
        }
    }

    /// Whether a port takes none of its TLS over.
    fn has_bare_ports(&self) -> bool {
        self.tls.is_some() && self.ports.iter().any(|(_, tls)| tls.is_none())
    }

    /// Whether it says anything of TLS on a port.
    fn says_something(&self, port: u16) -> bool {
        self.tls.is_some() || self.ports.iter().any(|(number, _)| *number == port)
    }
}

impl DestinationRule {
    /// Whether a client sees it, be it meant by it or not. What is for some clients no other namespace sees (istio/istio :
    /// `pilot/pkg/model/push_context.go`, `setDestinationRules`).
    fn is_seen_by(&self, client: &Pod) -> bool {
        let own = self.object.namespace == client.namespace;
        let sees = |name: &Symbol| &**name == "*" || (&**name == "." && own) || *name == client.namespace;
        if self.clients.is_some() { own } else { self.exported.is_empty() || self.exported.iter().any(sees) }
    }

    /// Whether it is for some clients, and this is one.
    fn is_meant_for(&self, client: &Pod) -> bool {
        self.clients.as_ref().is_some_and(|labels| carries(client, labels))
    }

    /// Whether clients of its own namespace alone see it.
    fn is_private(&self) -> bool {
        self.clients.is_some() || matches!(self.exported.as_slice(), [name] if &**name == "." || *name == self.object.namespace)
    }

    /// Whether it says anything of TLS.
    pub(super) fn mentions_tls(&self) -> bool {
        let says = |policy: &TrafficPolicy| policy.tls.is_some() || policy.ports.iter().any(|(_, tls)| tls.is_some());
        says(&self.policy) || self.subsets.iter().filter_map(|subset| subset.policy.as_ref()).any(says)
    }

    /// The labels of the clients that it is for, if not for all: clients of its own namespace.
    pub(super) fn client_tests(&self) -> impl Iterator<Item = LabelCube> {
        self.clients.iter().map(cube)
    }

    /// The labels of the pods that it singles out with words of their own.
    pub(super) fn subset_tests(&self) -> impl Iterator<Item = LabelCube> {
        let all = self.policy.has_bare_ports();
        self.subsets.iter().filter(move |subset| all || subset.policy.is_some()).map(|subset| cube(&subset.labels))
    }

    /// Every mode that it asks for, on any port and for any of its subsets.
    fn modes(&self) -> Vec<Tls> {
        let of = |policy: &TrafficPolicy| policy.ports.iter().map(|(_, tls)| *tls).chain([policy.tls]).flatten().collect::<Vec<_>>();
        let subsets = self.subsets.iter().filter_map(|subset| subset.policy.as_ref());
        std::iter::once(&self.policy).chain(subsets).flat_map(of).collect()
    }

    /// Whether its host may be a Service of a namespace.
    pub(super) fn may_be_about(&self, namespace: &str) -> bool {
        let host = &*self.host;
        if let Some(end) = host.strip_prefix('*') {
            let ends = |own: &str, end: &str| own.ends_with(end) || end.ends_with(own);
            let of_other_domain = before_domain(end).is_some_and(|before| ends(&format!(".{namespace}"), before));
            return of_other_domain || ends(&format!(".{namespace}.svc.cluster.local"), end);
        }
        match host.split_once('.') {
            None => *self.object.namespace == *namespace,
            Some((_, behind)) => behind.split('.').next() == Some(namespace),
        }
    }

    /// How well its host fits a Service. A name without dots is one of the rule's own namespace.
    fn fit(&self, call: Call<'_>) -> Fit {
        let start = format!("{}.{}", call.name, call.namespace);
        let whole = format!("{start}.svc.cluster.local");
        let host = &*self.host;
        if !host.contains(['.', '*']) {
            let same = host == call.name && *self.object.namespace == *call.namespace;
            return if same { Fit::Exact } else { Fit::None };
        }
        if let Some(end) = host.strip_prefix('*') {
            return match before_domain(end) {
                _ if whole.ends_with(end) => Fit::Wildcard(end.len()),
                Some(before) if start.ends_with(before) => Fit::Perhaps,
                _ => Fit::None,
            };
        }
        let longer = host.strip_prefix(start.as_str()).is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."));
        match (host == whole, longer) {
            (true, _) => Fit::Exact,
            (false, true) => Fit::Perhaps,
            (false, false) => Fit::None,
        }
    }
}

/// What stands before the domain of a cluster, if one is named: which it is of this cluster nobody says.
fn before_domain(end: &str) -> Option<&str> {
    end.split_once(".svc.").map(|(before, _)| before)
}
