//! Random clusters: what is listed is what the evaluator says, pair by pair, port by port, request by request.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use twogate::cluster::{Addressed, Cluster, Endpoint, Names, Platform, Question, WaypointCall};
use twogate::flow::{DataPlane, Labels, Peer, Protocol, Request, Token, Transport, Verdict};
use twogate::list::{self, Listing, Options, Party, Reasons, Scope, Side};

use super::{addresses, read};

/// Decisions, taken from numbers: where they run out, or are 0, the simplest.
pub(super) struct Choices<'a>(pub(super) std::slice::Iter<'a, u8>);

impl Choices<'_> {
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }

    fn of<'t, const N: usize>(&mut self, texts: [&'t str; N]) -> &'t str {
        texts[self.below(N)]
    }

    /// Some of these, joined.
    fn some(&mut self, most: usize, of: impl Fn(&mut Self) -> String) -> String {
        (0..self.below(most + 1)).map(|_| of(self)).collect::<Vec<_>>().join(", ")
    }
}

fn selector(choices: &mut Choices<'_>) -> String {
    choices
        .of([
            "{}",
            "{matchLabels: {app: web}}",
            "{matchLabels: {app: db}}",
            "{matchExpressions: [{key: app, operator: In, values: [web, api]}]}",
            "{matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}",
            "{matchExpressions: [{key: tier, operator: Exists}]}",
            "{matchExpressions: [{key: pod-template-hash, operator: Exists}]}",
        ])
        .to_owned()
}

fn peer(choices: &mut Choices<'_>) -> String {
    let namespaces = "{namespaceSelector: ";
    match choices.below(7) {
        0 => format!("{{podSelector: {}}}", selector(choices)),
        1 => format!("{namespaces}{{}}, podSelector: {}}}", selector(choices)),
        2 => format!("{namespaces}{{matchLabels: {{kubernetes.io/metadata.name: pay}}}}}}"),
        3 => format!("{namespaces}{{matchLabels: {{team: x}}}}, podSelector: {}}}", selector(choices)),
        4 => "{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}}".to_owned(),
        5 => format!("{namespaces}{{matchExpressions: [{{key: team, operator: NotIn, values: [x]}}]}}}}"),
        _ => choices.of(["{ipBlock: {cidr: 10.0.0.0/8}}", "{ipBlock: {cidr: 0.0.0.0/0}}", "{ipBlock: {cidr: '::/0'}}"]).to_owned(),
    }
}

fn port(choices: &mut Choices<'_>) -> String {
    choices
        .of([
            "{port: 80}",
            "{}",
            "{port: web}",
            "{port: 80, endPort: 90}",
            "{protocol: UDP, port: 53}",
            "{port: 15008}",
            "{protocol: SCTP}",
        ])
        .to_owned()
}

fn network_policy(choices: &mut Choices<'_>, number: usize) -> String {
    let rules = |choices: &mut Choices<'_>, ends: &str| {
        let rule = |choices: &mut Choices<'_>| format!("{{{ends}: [{}], ports: [{}]}}", choices.some(2, peer), choices.some(2, port));
        choices.some(2, rule)
    };
    let namespace = choices.of(["shop", "pay"]);
    let types = choices.of(["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
    let subject = selector(choices);
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{number}, namespace: {namespace}}}\n\
         spec: {{podSelector: {subject}, policyTypes: {types}, ingress: [{}], egress: [{}]}}\n",
        rules(choices, "from"),
        rules(choices, "to")
    )
}

fn source(choices: &mut Choices<'_>) -> String {
    let source = choices.of([
        "principals: ['cluster.local/ns/shop/sa/web-sa']",
        "namespaces: [pay]",
        "namespaces: ['sh*']",
        "notPrincipals: ['*']",
        "notNamespaces: [shop]",
        "serviceAccounts: [shop/web-sa, pay/default]",
        "ipBlocks: ['203.0.113.0/24', '10.0.0.7']",
        "principals: ['*']",
        "requestPrincipals: ['https://id.example.com/*']",
        // Whom these name is left open of some callers (`semantics.md` §2.6).
        "serviceAccounts: [shop/web.sa]",
        "principals: ['*web.sa']",
        "notPrincipals: ['*.sa']",
        "namespaces: ['*a*']",
    ]);
    format!("{{source: {{{source}}}}}")
}

fn operation(choices: &mut Choices<'_>) -> String {
    let operation = choices.of([
        "ports: ['80']",
        "methods: [GET, HEAD]",
        "paths: ['/a/{**}', /b], methods: [GET]",
        "paths: ['/a*'], ports: ['80', '8080']",
        "notPaths: ['/a/x']",
        "hosts: ['shop.example.com', '*.shop.example.com']",
        "notMethods: [POST], notPorts: ['8080']",
    ]);
    format!("{{operation: {{{operation}}}}}")
}

fn authorization(choices: &mut Choices<'_>, number: usize) -> String {
    let namespace = choices.of(["shop", "pay", "istio-system"]);
    let action = choices.of(["ALLOW", "ALLOW", "DENY"]);
    let selector = choices.of(["", "selector: {matchLabels: {app: db}}, ", "selector: {matchLabels: {tier: front}}, "]);
    let rule = |choices: &mut Choices<'_>| {
        let when = choices.of([
            "",
            "",
            "when: [{key: 'request.headers[x-role]', values: [admin]}]",
            "when: [{key: 'request.auth.claims[groups]', values: [ops]}]",
        ]);
        let list = |name: &str, items: String| if items.is_empty() { None } else { Some(format!("{name}: [{items}]")) };
        let parts = [list("from", choices.some(2, source)), list("to", choices.some(2, operation)), Some(when.to_owned())];
        let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        format!("{{{}}}", parts.join(", "))
    };
    let rules = choices.some(3, rule);
    if action == "DENY" && rules.is_empty() {
        return String::new();
    }
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a{number}, namespace: {namespace}}}\n\
         spec: {{{selector}action: {action}, rules: [{rules}]}}\n"
    )
}

fn mesh_policy(choices: &mut Choices<'_>, number: usize) -> String {
    let mode = choices.of(["STRICT", "PERMISSIVE", "DISABLE"]);
    match choices.below(4) {
        0 => format!(
            "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: m{number}, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        ),
        1 => format!(
            "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: m{number}, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: db}}}}, mtls: {{mode: {mode}}}, portLevelMtls: {{8080: {{mode: PERMISSIVE}}}}}}\n"
        ),
        2 => format!(
            "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: m{number}, namespace: shop}}\n\
             spec: {{jwtRules: [{{issuer: 'https://id.example.com', jwksUri: 'https://id.example.com/keys'}}]}}\n"
        ),
        _ => authorization(choices, number),
    }
}

fn workload(choices: &mut Choices<'_>, number: usize) -> String {
    let namespace = choices.of(["shop", "shop", "pay", "dev"]);
    let app = choices.of(["web", "api", "db"]);
    let tier = choices.of(["", ", tier: front", ", tier: back"]);
    let account = choices.of(["", "serviceAccountName: web-sa, ", "serviceAccountName: api-sa, ", "serviceAccountName: web.sa, "]);
    let host = if choices.below(8) == 7 { "hostNetwork: true, " } else { "" };
    let ports = choices.of(["", ", ports: [{name: web, containerPort: 80}]", ", ports: [{name: web, containerPort: 8080}]"]);
    let mesh = choices.of(["", "", ", sidecar.istio.io/inject: 'false'"]);
    let spec = format!("{{{account}{host}containers: [{{name: c, image: i{ports}}}]}}");
    let labels = format!("{{app: {app}{tier}{mesh}}}");
    match choices.below(3) {
        0 => format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w{number}, namespace: {namespace}}}\n\
             spec: {{selector: {{matchLabels: {{app: {app}}}}}, template: {{metadata: {{labels: {labels}}}, spec: {spec}}}}}\n"
        ),
        1 => format!(
            "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: w{number}, namespace: {namespace}}}\n\
             spec: {{selector: {{matchLabels: {{app: {app}}}}}, template: {{metadata: {{labels: {labels}}}, spec: {spec}}}}}\n"
        ),
        _ => {
            let node = choices.of(["n1", "n2"]);
            let spec = spec.replacen('{', &format!("{{nodeName: {node}, "), 1);
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: w{number}, namespace: {namespace}, uid: u{number}, labels: {labels}}}\nspec: {spec}\n\
                 status: {{podIP: 10.0.0.{}, podIPs: [{{ip: 10.0.0.{}}}]}}\n",
                number + 5,
                number + 5
            )
        }
    }
}

fn manifests(choices: &mut Choices<'_>) -> String {
    let shop = choices.of(["istio-injection: enabled", "istio.io/dataplane-mode: ambient", "none: none"]);
    let pay = choices.of(["istio-injection: enabled", "istio.io/dataplane-mode: ambient", "istio-injection: disabled"]);
    let mut yaml = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{shop}}}}}\n---\napiVersion: v1\nkind: Namespace\n\
         metadata: {{name: pay, labels: {{team: x, {pay}}}}}\n"
    );
    for number in 0..2 + choices.below(5) {
        yaml += &workload(choices, number);
    }
    for number in 0..choices.below(5) {
        yaml += &network_policy(choices, number);
    }
    for number in 0..choices.below(5) {
        yaml += &mesh_policy(choices, number);
    }
    if choices.below(3) == 2 {
        yaml += &waypoint(choices);
    }
    if choices.below(3) == 2 {
        yaml += &gateway(choices);
    }
    yaml
}

/// A gateway with servers on ports that policies speak of, and a pod with its labels that is none.
fn gateway(choices: &mut Choices<'_>) -> String {
    let servers = [
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}",
        "{port: {number: 8080, name: tcp, protocol: TCP}, hosts: ['*']}",
    ];
    let https = |mode: &str| {
        format!("{{port: {{number: 8080, name: https, protocol: HTTPS}}, tls: {{mode: {mode}, credentialName: c}}, hosts: ['*']}}")
    };
    let servers =
        [servers[0].to_owned(), servers[1].to_owned(), https("SIMPLE"), https("MUTUAL"), https("ISTIO_MUTUAL"), https("PASSTHROUGH")];
    let chosen = [choices.below(servers.len()), choices.below(servers.len())].map(|at| servers[at].clone());
    let deployment = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{template: {{metadata: {{annotations: {{{annotations}}}, labels: {{app: db, istio: gw, sidecar.istio.io/inject: 'true'}}}}, \
             spec: {{containers: [{{name: istio-proxy, image: auto}}]}}}}}}\n"
        )
    };
    format!(
        "{}{}---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\nspec: {{selector: {{istio: gw}}, servers: [{}]}}\n",
        deployment("gw", "inject.istio.io/templates: gateway"),
        deployment("none", ""),
        chosen.join(", ")
    )
}

/// A waypoint before the Service `db`, or before pods, and a policy of it.
fn waypoint(choices: &mut Choices<'_>) -> String {
    let serves = choices.of(["service", "all", "workload"]);
    let rule = format!("{{from: [{}], to: [{}]}}", source(choices), operation(choices));
    let action = choices.of(["ALLOW", "DENY"]);
    let told = choices.of(["", ", istio.io/ingress-use-waypoint: 'true'"]);
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: wp, namespace: shop, labels: {{istio.io/waypoint-for: {serves}}}}}\n\
         spec: {{gatewayClassName: istio-waypoint, listeners: [{{name: mesh, port: 15008, protocol: HBONE}}]}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop, labels: {{istio.io/use-waypoint: wp{told}}}}}\n\
         spec: {{selector: {{app: db}}, ports: [{{name: http, port: 81, targetPort: 80}}]}}\n\
         ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: at-wp, namespace: shop}}\n\
         spec: {{targetRefs: [{{kind: Service, group: '', name: db}}], action: {action}, rules: [{rule}]}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: bound, namespace: shop}}\n\
         spec: {{selector: {{matchLabels: {{app: db}}}}, template: {{metadata: {{labels: {{app: db, istio.io/use-waypoint: wp}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n"
    )
}

fn platform(choices: &mut Choices<'_>) -> Platform {
    let mut knob = || [Some(true), None, Some(false)][choices.below(3)];
    Platform {
        default_namespace: Some("default".into()),
        ipblock_matches_pods: knob(),
        end_port: knob(),
        named_ports: knob(),
        sctp: knob(),
        hbone_from_sidecars: knob(),
        layered_waypoint_policies: knob(),
        auto_allow_waypoint: knob(),
        pods: addresses(choices.of(["", "10.0.0.0/16"])),
        nodes: addresses(choices.of(["", "192.0.2.0/24"])),
        ..Platform::default()
    }
}

/// Requests of every kind that these policies tell apart, and some that they do not.
fn requests() -> Vec<Option<Request>> {
    let issuer = "https://id.example.com";
    let claims = |groups: &[&str]| {
        let own = |name: &str, values: &[&str]| (name.into(), values.iter().map(|value| (*value).into()).collect());
        Token::Valid { issuer: issuer.into(), claims: [own("iss", &[issuer]), own("sub", &["u"]), own("groups", groups)].into() }
    };
    let mut all = vec![None];
    for method in ["GET", "POST"] {
        for path in ["/a/x", "/a/y", "/b", "/c"] {
            let request = |host: &str, headers: Labels, token: Token| {
                Some(Request { method: method.into(), path: path.into(), host: host.into(), headers, token })
            };
            let role = |value: &str| Labels::from([("x-role".into(), value.into())]);
            all.push(request("shop.example.com", Labels::new(), Token::None));
            all.push(request("other", role("admin"), Token::None));
            all.push(request("other", role("guest"), Token::Unverified));
            all.push(request("other", role("admin"), claims(&["ops"])));
            all.push(request("shop.example.com", Labels::new(), claims(&["dev"])));
        }
    }
    all
}

/// What a listing says of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Allowed,
    Denied,
    Unspecified,
}

impl From<&Verdict> for Said {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allowed => Self::Allowed,
            Verdict::Denied => Self::Denied,
            Verdict::Unspecified(_) => Self::Unspecified,
        }
    }
}

/// One end as the listing names it: a workload by its place, or an address.
#[derive(Clone, Copy)]
enum Which {
    Workload(usize),
    Address(std::net::IpAddr),
}

struct Connection<'a> {
    protocol: Protocol,
    port: u16,
    transport: Transport,
    request: Option<&'a Request>,
}

/// Which way a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Nothing,
    Waypoint,
}

fn said(listing: &Listing, from: Which, to: Which, connection: &Connection<'_>, over: Over) -> Said {
    let goes = |via: Option<&twogate::flow::Symbol>| via.is_some() == (over == Over::Waypoint);
    let is = |side: Side, which: Which| match (side, which) {
        (Side::Peer(at), Which::Workload(own)) => at == own,
        (Side::Outside(at), Which::Address(address)) => listing.outside[at].contains(address),
        _ => false,
    };
    let has = |party: &Party, which: Which| match (party, which) {
        (Party::Peers(peers), Which::Workload(own)) => peers.contains(&own),
        (Party::Outside(at), Which::Address(address)) => listing.outside[*at].contains(address),
        _ => false,
    };
    let rows = listing.rows.iter().filter(|row| is(row.source, from) && is(row.destination, to));
    let passes = rows.flat_map(|row| listing.passages(row)).any(|passage| {
        goes(passage.via.as_ref())
            && passage.ports.contains(connection.protocol, connection.port)
            && carries(passage.transport, connection)
            && passage.requests.admits(connection.request)
    });
    let doubts = listing.doubts.iter().filter(|row| has(&row.sources, from) && has(&row.destinations, to));
    let doubted = doubts.map(|row| &row.doubt).any(|doubt| {
        goes(doubt.via.as_ref())
            && doubt.ports.contains(connection.protocol, connection.port)
            && carries(doubt.transport, connection)
            && doubt.requests.admits(connection.request)
    });
    assert!(!(passes && doubted), "it passes and nobody knows");
    match (passes, doubted) {
        (true, _) => Said::Allowed,
        (false, true) => Said::Unspecified,
        (false, false) => Said::Denied,
    }
}

fn carries(transport: Option<list::Transports>, connection: &Connection<'_>) -> bool {
    match (connection.protocol, transport, connection.transport) {
        (Protocol::Tcp, None, _) => panic!("TCP has a transport"),
        (Protocol::Udp | Protocol::Sctp, _, _) | (Protocol::Tcp, Some(list::Transports::Either), _) => true,
        (Protocol::Tcp, Some(list::Transports::Mtls), transport) => transport == Transport::Mtls,
        (Protocol::Tcp, Some(list::Transports::Plaintext), transport) => transport == Transport::Plaintext,
    }
}

/// Everybody who can be asked about: the workloads, and some addresses.
fn everybody(cluster: &Cluster, space: &twogate::flow::AddressSet) -> Vec<(Which, Endpoint)> {
    let workloads = cluster.workloads().iter().enumerate().map(|(at, workload)| (Which::Workload(at), workload.endpoint.clone()));
    let outside = ["203.0.113.1", "203.0.113.200", "8.8.8.8", "10.0.0.7", "192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
    let outside = outside.into_iter().filter(|address| space.contains(*address));
    workloads.chain(outside.map(|address| (Which::Address(address), Endpoint::from(Peer::Address(address))))).collect()
}

/// Whether a connection with mutual TLS can be at all between the two.
fn is_meshed(endpoint: &Endpoint) -> bool {
    matches!(&endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None)
}

fn is_ambient(endpoint: &Endpoint) -> bool {
    matches!(&endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::Ambient)
}

fn agree(yaml: &str, platform: &Platform) -> Result<(), TestCaseError> {
    agree_on(yaml, platform, &requests())
}

/// Whether a listing and the evaluator say the same of each pair of ends, for these requests.
pub(super) fn agree_on(yaml: &str, platform: &Platform, requests: &[Option<Request>]) -> Result<(), TestCaseError> {
    let (cluster, _) = read(platform.clone(), yaml);
    let listing = list::list(&cluster, &Options::default());
    // What is assumed holds for the evaluator, too.
    let cluster = if Cluster::leave_sctp_open(&[&cluster]) { cluster.with_sctp_judged() } else { cluster };
    let named = list::list(&cluster, &Options { reasons: Reasons::Named, ..Options::default() });
    let everybody = everybody(&cluster, &listing.space);
    for (from, source) in &everybody {
        for (to, destination) in &everybody {
            if is_left_out(&cluster, *from, *to) {
                continue;
            }
            let pair = Pair { cluster: &cluster, listings: [&listing, &named], from: (*from, source), to: (*to, destination) };
            for (protocol, port) in ports() {
                // Policies speak of requests on these two ports, or on all.
                let asked = if [80, 8080].contains(&port) && protocol == Protocol::Tcp { requests } else { &requests[..1] };
                for request in asked {
                    let fault =
                        pair.directly(protocol, port, request.as_ref()).or_else(|| pair.over_a_waypoint(protocol, port, request.as_ref()));
                    prop_assert!(fault.is_none(), "{}\n{}\n{:?}", fault.unwrap_or_default(), yaml, platform);
                }
            }
        }
    }
    Ok(())
}

/// The same of calls of the first workload from all others, on the port of which policies speak.
pub(super) fn agree_of_first(yaml: &str, platform: &Platform, requests: &[Option<Request>]) -> Result<(), TestCaseError> {
    let (cluster, _) = read(platform.clone(), yaml);
    let listing = list::list(&cluster, &Options::default());
    let endpoint = |at: usize| &cluster.workloads()[at].endpoint;
    for source in 1..cluster.workloads().len() {
        let to = (Which::Workload(0), endpoint(0));
        let pair = Pair { cluster: &cluster, listings: [&listing, &listing], from: (Which::Workload(source), endpoint(source)), to };
        for request in requests {
            let fault = pair.directly(Protocol::Tcp, 80, request.as_ref());
            prop_assert!(fault.is_none(), "{}\n{}\n{:?}", fault.unwrap_or_default(), yaml, platform);
        }
    }
    Ok(())
}

/// Two ends, and what is to be compared.
struct Pair<'a> {
    cluster: &'a Cluster,
    listings: [&'a Listing; 2],
    from: (Which, &'a Endpoint),
    to: (Which, &'a Endpoint),
}

impl Pair<'_> {
    /// Where a listing and the evaluator differ about a connection with the pod itself.
    fn directly(&self, protocol: Protocol, port: u16, request: Option<&Request>) -> Option<String> {
        let meshed = is_meshed(self.from.1) && is_meshed(self.to.1);
        let transports: &[Transport] =
            if protocol == Protocol::Tcp { &[Transport::Plaintext, Transport::Mtls] } else { &[Transport::Plaintext] };
        // A call of a bound pod may go over the waypoint by itself, if no gateway makes it.
        let bound = is_ambient(self.from.1)
            && protocol == Protocol::Tcp
            && self.cluster.waypoint_calls(self.to.1, &Names::default()).iter().any(|call| call.addressed == Addressed::Pod);
        let transports = if bound { &[] } else { transports };
        transports.iter().find_map(|transport| {
            let connection = Connection { protocol, port, transport: *transport, request };
            let question = self.question(&connection, (protocol == Protocol::Tcp).then_some(*transport), Addressed::Pod);
            // Nobody speaks mTLS with a gateway without a rule that says so, and there is none here.
            let spoken = meshed && !self.cluster.is_unannounced(self.to.1);
            // Between two pods that ztunnel serves everything is carried in mTLS (`semantics.md` §5.1).
            let carried = is_ambient(self.from.1) && is_ambient(self.to.1) && protocol == Protocol::Tcp;
            let possible = if *transport == Transport::Plaintext { !carried } else { spoken };
            let wanted = match self.by_tunnel(&connection) {
                Some(by_tunnel) => by_tunnel,
                None if possible => self.heard(port, protocol, Said::from(&self.cluster.decide(&question).verdict)),
                None => Said::Denied,
            };
            self.fault(&connection, wanted, Over::Nothing)
        })
    }

    /// What becomes of an answer on a port where nobody listens who is known.
    fn heard(&self, port: u16, protocol: Protocol, answer: Said) -> Said {
        let is_silent = protocol == Protocol::Tcp && self.cluster.silence(self.to.1, port).is_some();
        if answer == Said::Allowed && is_silent { Said::Unspecified } else { answer }
    }

    /// What a sidecar gets that may call a pod outside of the mesh by the tunnel; none where nobody does.
    fn by_tunnel(&self, connection: &Connection<'_>) -> Option<Said> {
        let has_sidecar = is_meshed(self.from.1) && !is_ambient(self.from.1);
        if connection.transport != Transport::Mtls || !has_sidecar || !self.cluster.may_be_tunnelled_to(self.to.1) {
            return None;
        }
        let question = self.question(connection, Some(Transport::Mtls), Addressed::Unsaid);
        Some(Said::from(&self.cluster.decide(&question).verdict))
    }

    /// The same about a call that goes over the waypoint: of the Service, or of a pod that is bound to it.
    fn over_a_waypoint(&self, protocol: Protocol, port: u16, request: Option<&Request>) -> Option<String> {
        if protocol != Protocol::Tcp || !self.cluster.takes_waypoints(self.from.1) {
            return None;
        }
        let calls = self.cluster.waypoint_calls(self.to.1, &Names::default());
        let leads = |ports: &Option<Vec<u16>>| ports.as_ref().is_none_or(|ports| ports.contains(&port));
        let calls: Vec<_> = calls.into_iter().filter(|call| leads(&call.ports)).collect();
        // Where several calls go the same way to the port, a row stands there for what each lets pass.
        let alone = |call: &&WaypointCall<'_>| calls.iter().filter(|other| other.waypoint == call.waypoint).count() == 1;
        let goes = |call: &&WaypointCall<'_>| is_ambient(self.from.1) || self.cluster.tells_gateways(&call.addressed);
        calls.iter().filter(goes).filter(alone).find_map(|call| self.by_call(call, port, request))
    }

    fn by_call(&self, call: &WaypointCall<'_>, port: u16, request: Option<&Request>) -> Option<String> {
        let protocol = Protocol::Tcp;
        let over = if call.waypoint.is_some() { Over::Waypoint } else { Over::Nothing };
        let connection = |transport| Connection { protocol, port, transport, request };
        let answer = Said::from(&self.cluster.decide(&self.question(&connection(Transport::Mtls), None, call.addressed.clone())).verdict);
        let wanted = self.heard(port, protocol, answer);
        let hear = |listing: &Listing| {
            [Transport::Mtls, Transport::Plaintext].map(|transport| said(listing, self.from.0, self.to.0, &connection(transport), over))
        };
        let heard = self.listings.map(hear);
        let agrees = |heard: &[Said; 2]| match wanted {
            Said::Denied => *heard == [Said::Denied; 2],
            wanted => heard.contains(&wanted),
        };
        (!heard.iter().all(agrees))
            .then(|| format!("{} -> {} over a waypoint, {port} {request:?}: {heard:?}, and not {wanted:?}", self.from.1, self.to.1))
    }

    fn question(&self, connection: &Connection<'_>, transport: Option<Transport>, addressed: Addressed) -> Question {
        Question {
            source: self.from.1.clone(),
            destination: self.to.1.clone(),
            protocol: connection.protocol,
            port: connection.port,
            transport,
            request: connection.request.cloned(),
            addressed,
        }
    }

    fn fault(&self, connection: &Connection<'_>, wanted: Said, over: Over) -> Option<String> {
        let Connection { protocol, port, transport, request } = connection;
        let listed = request.map(with_single_scopes);
        let connection = &Connection { request: listed.as_ref(), ..*connection };
        let heard = self.listings.map(|listing| said(listing, self.from.0, self.to.0, connection, over));
        let is_left_open = request.is_some_and(has_port) && heard == [Said::Unspecified; 2];
        (heard != [wanted; 2] && !is_left_open).then(|| {
            format!("{} -> {} {protocol:?} {port} {transport:?} {request:?}: {heard:?}, and not {wanted:?}", self.from.1, self.to.1)
        })
    }
}

/// Whether it is said which port the client writes behind the host: a listing speaks of the host, whatever port is written.
fn has_port(request: &Request) -> bool {
    request.host.contains(':')
}

/// The same request with each scope of its token by itself, as a listing speaks of them.
fn with_single_scopes(request: &Request) -> Request {
    let mut request = request.clone();
    if let Token::Valid { claims, .. } = &mut request.token
        && let Some(scopes) = claims.get_mut("scope")
    {
        *scopes = scopes.iter().flat_map(|scope| scope.split(' ')).map(twogate::flow::Symbol::from).collect();
    }
    request
}

fn ports() -> Vec<(Protocol, u16)> {
    let tcp = [80, 85, 8080, 443, 15008, 15020].map(|port| (Protocol::Tcp, port));
    tcp.into_iter().chain([(Protocol::Udp, 53), (Protocol::Udp, 80), (Protocol::Sctp, 80)]).collect()
}

/// Two addresses are no pair, and what a pod says to itself is not listed.
fn is_left_out(cluster: &Cluster, from: Which, to: Which) -> bool {
    match (from, to) {
        (Which::Address(_), Which::Address(_)) => true,
        (Which::Workload(own), Which::Workload(other)) => own == other && cluster.workloads()[own].endpoint.facts.one_pod.is_some(),
        _ => false,
    }
}

/// How many clusters are tried; `TWOGATE_CASES` asks for more, and for others each time.
fn runner() -> TestRunner {
    runner_of(40)
}

/// The same, with so many by itself.
pub(super) fn runner_of(cases: u32) -> TestRunner {
    let more: Option<u32> = std::env::var("TWOGATE_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config { cases: more.unwrap_or(cases), failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    match more {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

#[test]
fn a_listing_is_what_the_evaluator_says_of_each_connection() {
    let result = runner().run(&prop::collection::vec(any::<u8>(), 0..160), |bytes| {
        let mut choices = Choices(bytes.iter());
        let platform = platform(&mut choices);
        agree(&manifests(&mut choices), &platform)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_part_of_a_listing_is_that_part_of_the_whole() {
    let result = runner().run(&prop::collection::vec(any::<u8>(), 0..160), |bytes| {
        let mut choices = Choices(bytes.iter());
        let platform = platform(&mut choices);
        let yaml = manifests(&mut choices);
        let (cluster, _) = read(platform, &yaml);
        let whole = list::list(&cluster, &Options::default());
        let outside = list::list(&cluster, &Options { scope: Scope::Outside, ..Options::default() });
        let is_outside = |row: &&list::Row| matches!((row.source, row.destination), (Side::Outside(_), _) | (_, Side::Outside(_)));
        let shown = |listing: &Listing, row: &list::Row| {
            let side = |side: Side| match side {
                Side::Peer(at) => format!("{:?}", listing.peers[at].title),
                Side::Outside(at) => format!("{:?}", listing.outside[at]),
            };
            format!("{} {} {:?}", side(row.source), side(row.destination), listing.passages(row))
        };
        let rows = |listing: &Listing| listing.rows.iter().filter(is_outside).map(|row| shown(listing, row)).collect::<Vec<_>>();
        prop_assert_eq!(rows(&whole), rows(&outside), "{}", yaml);
        prop_assert!(outside.rows.iter().all(|row| is_outside(&row)));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
