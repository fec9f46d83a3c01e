//! The second gate's last door: `AuthorizationPolicy` at a sidecar, `semantics.md` §2.

use std::net::IpAddr;

use super::address::Block;
use super::read::{Action, AuthorizationPolicy, Condition, From, Object, Operation, Rule, Source, TargetRef, To, Values, WorkloadSelector};
use super::token::Verified;
use super::{Cluster, Flow, Gate, Payload, Peer, Pod, Request, Settings, Transport, Truth, values};

/// What decides where an Istio object attaches (§2.1).
#[derive(Debug)]
pub(super) struct Attachment<'a> {
    pub(super) selector: Option<&'a WorkloadSelector>,
    pub(super) target: Option<&'a TargetRef>,
    pub(super) targets: Option<&'a [TargetRef]>,
}

/// §2.1: the root namespace's and the pod's own objects whose labels the pod carries; those with targets, if they name the Gateway of
/// their own namespace that the pod is a proxy of.
pub(super) fn attached(cluster: &Cluster, namespace: &str, attachment: &Attachment<'_>, pod: &Pod) -> bool {
    // The singular field is read where the plural is empty.
    let targets = attachment.targets.filter(|targets| !targets.is_empty()).or(attachment.target.map(std::slice::from_ref));
    if let Some(targets) = targets {
        let name = pod.labels.get("gateway.networking.k8s.io/gateway-name");
        let names = |target: &TargetRef| {
            target.group.as_deref() == Some("gateway.networking.k8s.io") && target.kind == "Gateway" && Some(&target.name) == name
        };
        return namespace == pod.namespace && targets.iter().any(names);
    }
    let near = namespace == pod.namespace || namespace == cluster.settings.root_namespace;
    let mut labels = attachment.selector.iter().flat_map(|selector| selector.match_labels.iter().flatten());
    near && labels.all(|(key, value)| pod.labels.get(key) == Some(value))
}

/// §2.2 and §2.9: which filter chain judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    Http,
    Tcp,
}

/// What the proxy knows of a connection, and of the request if it speaks HTTP.
struct Facts<'a> {
    settings: &'a Settings,
    identity: Option<Identity<'a>>,
    peer_address: Option<IpAddr>,
    own_address: Option<IpAddr>,
    port: u16,
    request: Option<&'a Request>,
    token: Option<Verified<'a>>,
}

/// §6.1. All pods of the model are of the mesh's own trust domain.
#[derive(Clone, Copy)]
struct Identity<'a> {
    trust_domain: &'a str,
    namespace: &'a str,
    account: &'a str,
}

/// §2.2: DENY, then ALLOW; CUSTOM leaves it open where it matches; AUDIT never counts.
pub(super) fn gate(cluster: &Cluster, pod: &Pod, flow: &Flow, token: Option<Verified<'_>>) -> Gate {
    const NAME: &str = "AuthorizationPolicy";
    let facts = facts(cluster, pod, flow, token);
    // §2.7: a method that is not upper case is answered 400 before any rule.
    if facts.request.is_some_and(|request| request.method.chars().any(|c| c.is_ascii_lowercase())) {
        return Gate::new(NAME, Truth::No, "the method is not upper case");
    }
    let set = |action: Action| -> Vec<_> {
        let of_action = |policy: &&Object<AuthorizationPolicy>| policy.spec.action.unwrap_or(Action::Allow) == action;
        cluster.authorization_policies.iter().filter(of_action).filter(|policy| enforced(cluster, policy, pod)).collect()
    };
    let matched = |policies: &[&Object<AuthorizationPolicy>], action| {
        Truth::any(
            policies.iter().flat_map(|policy| policy.spec.rules.iter().flatten().map(|rule| rule_matches(rule, action, policy, &facts))),
        )
    };
    let (custom, deny, allow) = (set(Action::Custom), set(Action::Deny), set(Action::Allow));
    let custom_passes = match matched(&custom, Action::Custom) {
        Truth::No => Truth::Yes,
        Truth::Yes | Truth::Unknown(_) => Truth::unknown(format!("an external authorizer decides ({})", ids(&custom))),
    };
    let deny_passes = matched(&deny, Action::Deny).not();
    let allow_passes = if allow.is_empty() { Truth::Yes } else { matched(&allow, Action::Allow) };
    let why = if deny_passes == Truth::No {
        format!("DENY matches ({})", ids(&deny))
    } else {
        format!("ALLOW: {allow_passes:?} ({})", ids(&allow))
    };
    Gate::new(NAME, Truth::all([custom_passes, deny_passes, allow_passes]), why)
}

fn ids(policies: &[&Object<AuthorizationPolicy>]) -> String {
    policies.iter().map(|policy| policy.id()).collect::<Vec<_>>().join(", ")
}

/// Attached (§2.1) and not a dry run (§2.10).
fn enforced(cluster: &Cluster, policy: &Object<AuthorizationPolicy>, pod: &Pod) -> bool {
    let spec = &policy.spec;
    let attachment =
        Attachment { selector: spec.selector.as_ref(), target: spec.target_ref.as_ref(), targets: spec.target_refs.as_deref() };
    attached(cluster, &policy.namespace, &attachment, pod) && !is_dry_run(policy.annotations.get("istio.io/dry-run").map(String::as_str))
}

/// §2.10: parsed as Go parses a bool.
pub(super) fn is_dry_run(annotation: Option<&str>) -> bool {
    annotation.is_some_and(|text| ["1", "t", "T", "true", "TRUE", "True"].contains(&text))
}

fn facts<'a>(cluster: &'a Cluster, pod: &Pod, flow: &'a Flow, token: Option<Verified<'a>>) -> Facts<'a> {
    // §3.2: plaintext brings no identity, whatever the mode.
    let identity = match (&flow.source, flow.transport) {
        (Peer::Pod(source), Transport::Mtls) => {
            Some(Identity { trust_domain: &cluster.settings.trust_domain, namespace: &source.namespace, account: &source.account })
        }
        (Peer::Pod(_) | Peer::Address(_) | Peer::OwnNode(_), _) => None,
    };
    let peer_address = match &flow.source {
        Peer::Pod(source) => source.ip,
        Peer::Address(ip) | Peer::OwnNode(ip) => Some(*ip),
    };
    let request = match &flow.payload {
        Payload::Http(request) => Some(request),
        Payload::Raw => None,
    };
    Facts { settings: &cluster.settings, identity, peer_address, own_address: pod.ip, port: flow.port, request, token }
}

/// One field of a source, an operation or a condition.
struct Field<'a> {
    layer: Layer,
    wanted: &'a [String],
    unwanted: &'a [String],
    /// Does one value match? Missing data never matches (§2.6), so that its negation holds.
    matches: Box<dyn Fn(&str) -> Truth + 'a>,
}

/// §2.9: which attributes exist only where there is HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    L4,
    Http,
}

impl<'a> Field<'a> {
    fn new(layer: Layer, wanted: &'a Values, unwanted: &'a Values, matches: impl Fn(&str) -> Truth + 'a) -> Self {
        Field {
            layer,
            wanted: wanted.as_deref().unwrap_or_default(),
            unwanted: unwanted.as_deref().unwrap_or_default(),
            matches: Box::new(matches),
        }
    }

    fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// §2.4: one of the values must match; `notX` is "none of them"; both must hold.
    fn holds(&self) -> Truth {
        let wanted = if self.wanted.is_empty() { Truth::Yes } else { Truth::any(self.wanted.iter().map(|value| (self.matches)(value))) };
        let unwanted = Truth::any(self.unwanted.iter().map(|value| (self.matches)(value)));
        Truth::all([wanted, unwanted.not()])
    }
}

/// §2.4, and §2.9 where there is no HTTP.
fn rule_matches(rule: &Rule, action: Action, policy: &Object<AuthorizationPolicy>, facts: &Facts<'_>) -> Truth {
    let chain = if facts.request.is_some() { Chain::Http } else { Chain::Tcp };
    let sources = clauses(rule.from.as_ref(), |from: &From| from.source.as_ref().map(|source| source_fields(source, policy, facts)));
    let operations = clauses(rule.to.as_ref(), |to: &To| to.operation.as_ref().map(|operation| operation_fields(operation, facts)));
    let mut conditions = Vec::new();
    for condition in rule.when.iter().flatten() {
        // §2.12: a rule with an unknown key is dropped when the proxy's configuration is built.
        let Some(field) = condition_field(condition, policy, facts) else { return Truth::No };
        conditions.push(field);
    }
    let parts = [sources, operations];
    let fields = parts.iter().flatten().flatten().flatten().flatten().chain(&conditions);
    // §2.9: one HTTP-only value discards a whole ALLOW rule.
    if chain == Chain::Tcp && action == Action::Allow && fields.into_iter().any(|field| field.layer == Layer::Http && !field.is_empty()) {
        return Truth::No;
    }
    let [sources, operations] = parts;
    Truth::all([clause_holds(sources, chain), clause_holds(operations, chain), fields_hold(&conditions, chain)])
}

/// The alternatives of a `from` or `to`, each with its fields; a missing source or operation has none at all.
type Clause<'a> = Option<Vec<Option<Vec<Field<'a>>>>>;

fn clauses<'a, T>(list: Option<&'a Vec<T>>, fields: impl Fn(&'a T) -> Option<Vec<Field<'a>>>) -> Clause<'a> {
    list.map(|items| items.iter().map(fields).collect())
}

/// §2.3: missing is any; an empty list is [U]; an empty or missing source or operation is refused by the webhook.
fn clause_holds(clause: Clause<'_>, chain: Chain) -> Truth {
    let Some(alternatives) = clause else { return Truth::Yes };
    if alternatives.is_empty() {
        return Truth::unknown("an empty `from` or `to` list (§2.3)");
    }
    Truth::any(alternatives.into_iter().map(|fields| match fields {
        Some(fields) if !fields.iter().all(Field::is_empty) => fields_hold(&fields, chain),
        Some(_) | None => Truth::unknown("an empty source or operation (§2.3)"),
    }))
}

/// §2.9: on a TCP chain the HTTP-only values are deleted, and what is left empty matches everything.
fn fields_hold(fields: &[Field<'_>], chain: Chain) -> Truth {
    Truth::all(fields.iter().filter(|field| chain == Chain::Http || field.layer == Layer::L4).map(Field::holds))
}

/// §2.6.
fn source_fields<'a>(source: &'a Source, policy: &'a Object<AuthorizationPolicy>, facts: &'a Facts<'a>) -> Vec<Field<'a>> {
    use Layer::{Http, L4};
    let remote = |_: &str| Truth::unknown("remoteIpBlocks depends on the gateway topology");
    vec![
        Field::new(L4, &source.principals, &source.not_principals, |v| principal(v, facts)),
        Field::new(L4, &source.namespaces, &source.not_namespaces, |v| namespace(v, facts)),
        Field::new(L4, &source.service_accounts, &source.not_service_accounts, |v| account(v, policy, facts)),
        Field::new(L4, &source.trust_domains, &source.not_trust_domains, |v| trust_domain(v, facts)),
        Field::new(L4, &source.ip_blocks, &source.not_ip_blocks, |v| address(v, facts.peer_address)),
        Field::new(L4, &source.remote_ip_blocks, &source.not_remote_ip_blocks, remote),
        Field::new(Http, &source.request_principals, &source.not_request_principals, |v| request_principal(v, facts)),
    ]
}

/// §2.7.
fn operation_fields<'a>(operation: &'a Operation, facts: &'a Facts<'a>) -> Vec<Field<'a>> {
    use Layer::{Http, L4};
    vec![
        Field::new(L4, &operation.ports, &operation.not_ports, |v| port(v, facts)),
        Field::new(Http, &operation.methods, &operation.not_methods, |v| {
            of_request(facts, |request| Truth::of(values::matches(v, &request.method)))
        }),
        Field::new(Http, &operation.hosts, &operation.not_hosts, |v| {
            of_request(facts, |request| Truth::of(values::matches(&v.to_lowercase(), &request.host.to_lowercase())))
        }),
        Field::new(Http, &operation.paths, &operation.not_paths, |v| {
            of_request(facts, |request| path(v, &values::normalise(&request.path)))
        }),
    ]
}

/// What a `when` key asks about (§2.8).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attribute<'a> {
    Principal,
    Namespace,
    Account,
    TrustDomain,
    SourceIp,
    DestinationIp,
    DestinationPort,
    RequestPrincipal,
    Header(&'a str),
    Claim(Vec<&'a str>),
    /// Known to Istio, not to a flow of this model.
    Opaque,
}

/// §2.8; nothing for a key that the webhook rejects.
pub(super) fn attribute(key: &str) -> Option<Attribute<'_>> {
    Some(match key {
        "source.principal" => Attribute::Principal,
        "source.namespace" => Attribute::Namespace,
        "source.serviceAccount" => Attribute::Account,
        "source.trustDomain" => Attribute::TrustDomain,
        "source.ip" => Attribute::SourceIp,
        "destination.ip" => Attribute::DestinationIp,
        "destination.port" => Attribute::DestinationPort,
        "request.auth.principal" => Attribute::RequestPrincipal,
        "request.auth.audiences" => Attribute::Claim(vec!["aud"]),
        "request.auth.presenter" => Attribute::Claim(vec!["azp"]),
        "remote.ip" | "connection.sni" => Attribute::Opaque,
        _ if key.starts_with("experimental.envoy.filters.") => Attribute::Opaque,
        _ => match (key.strip_prefix("request.headers"), key.strip_prefix("request.auth.claims")) {
            (Some(name), _) => Attribute::Header(brackets(name).filter(|names| names.len() == 1)?.first()?),
            (None, Some(path)) => Attribute::Claim(brackets(path)?),
            (None, None) => return None,
        },
    })
}

/// `[a][b]` to `["a", "b"]`; nothing for another form.
fn brackets(text: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = text.strip_prefix('[')?.strip_suffix(']')?.split("][").collect();
    names.iter().all(|name| !name.is_empty() && !name.contains(['[', ']'])).then_some(names)
}

impl Attribute<'_> {
    fn layer(&self) -> Layer {
        match self {
            Attribute::RequestPrincipal | Attribute::Header(_) | Attribute::Claim(_) => Layer::Http,
            Attribute::Principal
            | Attribute::Namespace
            | Attribute::Account
            | Attribute::TrustDomain
            | Attribute::SourceIp
            | Attribute::DestinationIp
            | Attribute::DestinationPort
            | Attribute::Opaque => Layer::L4,
        }
    }

    fn matches(&self, value: &str, policy: &Object<AuthorizationPolicy>, facts: &Facts<'_>) -> Truth {
        match self {
            Attribute::Principal => principal(value, facts),
            Attribute::Namespace => namespace(value, facts),
            Attribute::Account => account(value, policy, facts),
            Attribute::TrustDomain => trust_domain(value, facts),
            Attribute::SourceIp => address(value, facts.peer_address),
            Attribute::DestinationIp => address(value, facts.own_address),
            Attribute::DestinationPort => port(value, facts),
            Attribute::RequestPrincipal => request_principal(value, facts),
            Attribute::Header(name) => of_request(facts, |request| header(name, value, request)),
            Attribute::Claim(path) => claim(value, path, facts),
            Attribute::Opaque => Truth::unknown("a condition on what a flow of this model does not say"),
        }
    }
}

fn condition_field<'a>(condition: &'a Condition, policy: &'a Object<AuthorizationPolicy>, facts: &'a Facts<'a>) -> Option<Field<'a>> {
    let attribute = attribute(&condition.key)?;
    let layer = attribute.layer();
    Some(Field::new(layer, &condition.values, &condition.not_values, move |value| attribute.matches(value, policy, facts)))
}

/// §2.6: without the scheme. A principal of five segments in a trust domain of the mesh, or in `cluster.local`, stands for
/// itself in every one of them.
fn principal(pattern: &str, facts: &Facts<'_>) -> Truth {
    let Some(Identity { trust_domain, namespace, account }) = facts.identity else { return Truth::No };
    let own = || std::iter::once(&facts.settings.trust_domain).chain(&facts.settings.trust_domain_aliases);
    let expanded: Vec<String> = match pattern.split_once('/') {
        Some((first, rest)) if rest.split('/').count() == 4 && (first == "cluster.local" || own().any(|domain| domain == first)) => {
            own().map(|domain| format!("{domain}/{rest}")).collect()
        }
        Some(_) | None => vec![pattern.to_owned()],
    };
    let name = format!("{trust_domain}/ns/{namespace}/sa/{account}");
    Truth::of(expanded.iter().any(|pattern| values::matches(pattern, &name)))
}

fn namespace(pattern: &str, facts: &Facts<'_>) -> Truth {
    Truth::of(facts.identity.is_some_and(|identity| values::glob(pattern, identity.namespace)))
}

/// §2.6: `ns/sa`, or `sa` for the policy's own namespace; exact, any trust domain.
fn account(value: &str, policy: &Object<AuthorizationPolicy>, facts: &Facts<'_>) -> Truth {
    let (namespace, name) = value.split_once('/').unwrap_or((&policy.namespace, value));
    Truth::of(facts.identity.is_some_and(|identity| identity.namespace == namespace && identity.account == name))
}

fn trust_domain(pattern: &str, facts: &Facts<'_>) -> Truth {
    Truth::of(facts.identity.is_some_and(|identity| values::matches(pattern, identity.trust_domain)))
}

/// An address that the model does not know lies in no block.
fn address(block: &str, ip: Option<IpAddr>) -> Truth {
    Block::parse_or_address(block).map_or_else(Truth::Unknown, |block| Truth::of(ip.is_some_and(|ip| block.contains(ip))))
}

/// §2.7: the port on the workload; a decimal in quotes.
fn port(text: &str, facts: &Facts<'_>) -> Truth {
    text.parse::<u16>()
        .map_or_else(|_| Truth::unknown(format!("the webhook refuses the port `{text}`")), |port| Truth::of(port == facts.port))
}

/// §2.7, last line: without a request nothing matches.
fn of_request(facts: &Facts<'_>, matches: impl Fn(&Request) -> Truth) -> Truth {
    facts.request.map_or(Truth::No, matches)
}

fn path(pattern: &str, path: &str) -> Truth {
    match (values::is_template(pattern), values::template_problem(pattern)) {
        (true, Some(problem)) => Truth::Unknown(problem),
        (true, None) => Truth::of(values::template(pattern, path)),
        (false, _) => Truth::of(values::matches(pattern, path)),
    }
}

/// §2.8: headers of one name are joined with commas; names compare without case. On `*` over an empty header the sources
/// disagree: §2.5 asks for a value, the configuration that Istio builds asks for presence only.
fn header(name: &str, pattern: &str, request: &Request) -> Truth {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Truth::unknown("a header condition on a pseudo-header");
    }
    let values: Vec<&str> =
        request.headers.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
    let joined = values.join(",");
    if pattern == "*" && !values.is_empty() && joined.is_empty() {
        return Truth::unknown("a header that is present and empty");
    }
    Truth::of(!values.is_empty() && values::matches(pattern, &joined))
}

fn request_principal(pattern: &str, facts: &Facts<'_>) -> Truth {
    facts.token.as_ref().map_or(Truth::No, |token| token.is_principal(pattern))
}

fn claim(pattern: &str, path: &[&str], facts: &Facts<'_>) -> Truth {
    let texts = facts.token.as_ref().map(|token| token.texts(path)).unwrap_or_default();
    Truth::of(texts.iter().any(|text| values::matches(pattern, text)))
}
