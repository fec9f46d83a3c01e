//! What a rule asks of whatever enforces it.
//!
//! Owns: `Need`, the closed list, and `needs`. It must not know any target: a target says what it covers, and the compiler asks
//! it for an answer to every need of this list.

use std::collections::BTreeSet;
use std::fmt;

use crate::flow::{LabelCube, NAMESPACE_NAME, Peers, PodCube, PortSet, Protocol, RequestCube, RequestSet, Values};
use crate::ir::Rule;
use crate::syntax::ast::{Action, Direction};

/// One thing that a rule can demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Telling pods apart by one value of a label: `app=web`.
    Labels,
    /// Telling pods apart by more than one value of a label, by its absence or by what it is not: `app=web|api`, `tier!=*`.
    LabelSets,
    /// Telling namespaces apart by name: `@shop`.
    NamespaceNames,
    /// Telling namespaces apart by their labels, as they are at any time: `@[env=prod]`.
    NamespaceLabels,
    /// Telling pods apart by the account that they run as: `as web-sa`.
    Accounts,
    /// Telling callers or destinations apart by address.
    Addresses,
    /// Judging a pod's outgoing connections.
    Egress,
    /// Judging a pod's incoming connections.
    Ingress,
    /// Telling TCP ports apart, one by one.
    Ports,
    /// Telling ranges of TCP ports apart.
    PortRanges,
    /// Judging UDP.
    Udp,
    /// Judging SCTP.
    Sctp,
    /// A caller that proves its identity: `mtls`.
    Mtls,
    /// Letting nothing but HTTP pass: any `http`, `grpc` or `jwt`.
    Http,
    /// Telling requests apart by method.
    HttpMethods,
    /// Telling requests apart by path.
    HttpPaths,
    /// Telling requests apart by host.
    HttpHosts,
    /// Telling requests apart by another header.
    HttpHeaders,
    /// Telling requests apart by the token that they carry.
    Tokens,
    /// Logging what matches: `audit`.
    Audit,
    /// Refusing by ends and ports: `deny` without requests.
    DenyEnds,
    /// Refusing by request: `deny` with `http` or `grpc`.
    DenyRequests,
}

impl Need {
    /// Every need, in order.
    pub const ALL: [Self; 22] = [
        Self::Labels,
        Self::LabelSets,
        Self::NamespaceNames,
        Self::NamespaceLabels,
        Self::Accounts,
        Self::Addresses,
        Self::Egress,
        Self::Ingress,
        Self::Ports,
        Self::PortRanges,
        Self::Udp,
        Self::Sctp,
        Self::Mtls,
        Self::Http,
        Self::HttpMethods,
        Self::HttpPaths,
        Self::HttpHosts,
        Self::HttpHeaders,
        Self::Tokens,
        Self::Audit,
        Self::DenyEnds,
        Self::DenyRequests,
    ];

    /// In a few words that fit behind "this rule asks for".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Labels => "pods chosen by one value of a label",
            Self::LabelSets => "pods chosen by several values of a label, or by what it is not",
            Self::NamespaceNames => "namespaces chosen by name",
            Self::NamespaceLabels => "namespaces chosen by label",
            Self::Accounts => "pods chosen by service account",
            Self::Addresses => "addresses",
            Self::Egress => "a judgement of outgoing connections",
            Self::Ingress => "a judgement of incoming connections",
            Self::Ports => "single ports",
            Self::PortRanges => "a range of ports",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
            Self::Mtls => "callers that prove their identity",
            Self::Http => "connections that are HTTP",
            Self::HttpMethods => "requests chosen by method",
            Self::HttpPaths => "requests chosen by path",
            Self::HttpHosts => "requests chosen by host",
            Self::HttpHeaders => "requests chosen by header",
            Self::Tokens => "requests that carry a token",
            Self::Audit => "a log of what matches",
            Self::DenyEnds => "a refusal by ends and ports",
            Self::DenyRequests => "a refusal by request",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.words())
    }
}

/// All that a rule demands.
pub fn needs(rule: &Rule) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    of_peers(&rule.source.peers(), &mut needs);
    for target in &rule.targets {
        of_peers(&target.end.peers(), &mut needs);
        of_ports(&target.ports, &mut needs);
    }
    of_requests(&rule.requests, &mut needs);
    needs.extend(rule.mtls.map(|_| Need::Mtls));
    needs.extend(of_action(rule));
    needs
}

/// An `audit` changes no verdict, so it asks for no judgement at either end.
fn of_action(rule: &Rule) -> Vec<Need> {
    let kind = match rule.action {
        Action::Audit => return vec![Need::Audit],
        Action::Allow => None,
        Action::Deny if rule.requests.is_all() => Some(Need::DenyEnds),
        Action::Deny => Some(Need::DenyRequests),
    };
    let opens_out = || !rule.source.opened().is_empty();
    let opens_in = || rule.targets.iter().any(|target| !target.end.opened().is_empty());
    let egress = (rule.faces(Direction::Out) && opens_out()).then_some(Need::Egress);
    let ingress = (rule.faces(Direction::In) && opens_in()).then_some(Need::Ingress);
    kind.into_iter().chain(egress).chain(ingress).collect()
}

fn of_peers(peers: &Peers, needs: &mut BTreeSet<Need>) {
    for cube in peers.pods.cubes() {
        of_labels(&cube.labels, needs);
        of_namespace(cube, needs);
        if !cube.account.is_any() {
            needs.insert(Need::Accounts);
        }
    }
    // Every address beside every pod is "anywhere", which asks nobody to look at an address.
    if !peers.addresses.is_empty() && !peers.addresses.is_all() {
        needs.insert(Need::Addresses);
    }
}

fn of_labels(labels: &LabelCube, needs: &mut BTreeSet<Need>) {
    needs.extend(labels.iter().map(|(_, values)| if values.single().is_some() { Need::Labels } else { Need::LabelSets }));
}

fn of_namespace(cube: &PodCube, needs: &mut BTreeSet<Need>) {
    let of_key = |key: &str| if key == NAMESPACE_NAME { Need::NamespaceNames } else { Need::NamespaceLabels };
    needs.extend(cube.namespace.iter().map(|(key, _)| of_key(key)));
}

fn of_ports(ports: &PortSet, needs: &mut BTreeSet<Need>) {
    if !ports.is_full(Protocol::Tcp) {
        let tcp = ports.get(Protocol::Tcp).ranges();
        needs.extend(tcp.iter().map(|(low, high)| if low == high { Need::Ports } else { Need::PortRanges }));
    }
    needs.extend(ports.protocols().filter_map(|protocol| match protocol {
        Protocol::Tcp => None,
        Protocol::Udp => Some(Need::Udp),
        Protocol::Sctp => Some(Need::Sctp),
    }));
}

fn of_requests(requests: &RequestSet, needs: &mut BTreeSet<Need>) {
    if requests.is_all() {
        return;
    }
    needs.insert(Need::Http);
    for cube in &requests.cubes {
        needs.extend(of_request(cube));
    }
}

fn of_request(cube: &RequestCube) -> impl Iterator<Item = Need> {
    let chooses = |values: &Values| !values.is_cofinite() || !values.words().is_empty();
    [
        (chooses(&cube.methods), Need::HttpMethods),
        (!cube.paths.is_any(), Need::HttpPaths),
        (chooses(&cube.hosts), Need::HttpHosts),
        (!cube.headers.is_all(), Need::HttpHeaders),
        (!cube.token.is_any(), Need::Tokens),
    ]
    .into_iter()
    .filter_map(|(asked, need)| asked.then_some(need))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{AddressSet, PathPattern, PathSet, PodSet, TokenTest};
    use crate::ir::{End, Naming, Ownership, Target};
    use crate::source::Location;

    fn rule(source: End, destination: End, ports: PortSet) -> Rule {
        let at = Location::default();
        Rule {
            action: Action::Allow,
            direction: None,
            namespace: "shop".into(),
            ownership: Ownership::Managed,
            source,
            source_location: at,
            targets: vec![Target { end: destination, ports, port_name: None, ports_location: None, location: at }],
            mtls: None,
            requests: RequestSet::all(),
            http: None,
            jwt: None,
            until: None,
            because: None,
            accepts: Vec::new(),
            location: at,
            text: String::new(),
        }
    }

    fn pods(cube: PodCube) -> End {
        End::Pods(PodSet::from(cube), Naming::ByPod)
    }

    fn web() -> End {
        pods(PodCube::in_namespace("shop").labelled("app".into(), Values::one("web".into())))
    }

    #[test]
    fn the_list_is_complete_and_in_order() {
        assert!(Need::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        let words: BTreeSet<&str> = Need::ALL.iter().map(|need| need.words()).collect();
        assert_eq!(words.len(), Need::ALL.len());
    }

    #[test]
    fn a_plain_rule_asks_for_little() {
        let plain = rule(web(), web(), PortSet::one(Protocol::Tcp, 80));
        let all = [Need::Labels, Need::NamespaceNames, Need::Egress, Need::Ingress, Need::Ports];
        assert_eq!(needs(&plain), BTreeSet::from(all));
    }

    #[test]
    fn ends_and_ports_are_told_apart() {
        let source = pods(PodCube {
            namespace: LabelCube::of("env".into(), Values::one("prod".into())),
            labels: LabelCube::of("app".into(), Values::except(["web".into()])),
            account: Values::one("sa".into()),
        });
        let ports = PortSet::of(Protocol::Tcp, 1, 9).union(&PortSet::one(Protocol::Udp, 53)).union(&PortSet::full(Protocol::Sctp));
        let found = needs(&rule(source, End::Addresses(AddressSet::internet()), ports));
        let all = [Need::LabelSets, Need::NamespaceLabels, Need::Accounts, Need::Addresses, Need::Egress, Need::PortRanges];
        assert_eq!(found, all.into_iter().chain([Need::Udp, Need::Sctp]).collect());
    }

    #[test]
    fn anywhere_asks_nobody_to_look_at_addresses() {
        let rule = rule(End::anywhere(AddressSet::all()), web(), PortSet::full(Protocol::Tcp));
        assert_eq!(needs(&rule), BTreeSet::from([Need::Labels, Need::NamespaceNames, Need::Ingress]));
    }

    #[test]
    fn requirements_are_told_apart() {
        let cube = RequestCube {
            methods: Values::one("GET".into()),
            paths: PathSet::of([PathPattern::exact("/a")]),
            hosts: Values::present(),
            headers: LabelCube::of("x".into(), Values::present()),
            token: TokenTest::valid("https://id".into()),
        };
        let asked = |requests| needs(&Rule { requests, mtls: Some(Location::default()), ..rule(web(), web(), PortSet::none()) });
        let found = asked(RequestSet::http(vec![cube]));
        for need in [Need::Mtls, Need::Http, Need::HttpMethods, Need::HttpPaths, Need::HttpHeaders, Need::Tokens] {
            assert!(found.contains(&need), "{need:?}");
        }
        assert!(!found.contains(&Need::HttpHosts));
        let any = asked(RequestSet::http(vec![RequestCube { methods: Values::present(), ..RequestCube::all() }]));
        assert!(any.contains(&Need::Http) && !any.contains(&Need::HttpMethods));
    }

    #[test]
    fn actions_ask_for_what_they_do() {
        let of =
            |action, direction, requests: RequestSet| needs(&Rule { action, direction, requests, ..rule(web(), web(), PortSet::none()) });
        assert!(of(Action::Audit, None, RequestSet::all()).contains(&Need::Audit));
        assert!(!of(Action::Audit, None, RequestSet::all()).contains(&Need::Ingress));
        assert!(of(Action::Deny, None, RequestSet::all()).contains(&Need::DenyEnds));
        assert!(of(Action::Deny, None, RequestSet::http(vec![RequestCube::all()])).contains(&Need::DenyRequests));
        let out = of(Action::Allow, Some(Direction::Out), RequestSet::all());
        assert!(out.contains(&Need::Egress) && !out.contains(&Need::Ingress));
    }
}
