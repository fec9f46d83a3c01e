//! Random clusters with one change of any object: whatever the evaluator then says otherwise of two workloads is told.

use proptest::prelude::*;
use proptest::sample::Index;
use twogate::cluster::{Addressed, Cluster, Endpoint, Question};
use twogate::diff::Compared;
use twogate::flow::{DataPlane, Peer, Protocol, Request, Token, Transport, Verdict};

use super::manifests::{compared, lines, read};

/// What may stand in each place of a cluster; empty for nothing.
const PLACES: &[&[&str]] = &[
    &[
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: x}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: disabled}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: wp}}}",
        "",
    ],
    &[
        "{apiVersion: v1, kind: Namespace, metadata: {name: pay, labels: {team: x}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: pay, labels: {team: z}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: pay, labels: {istio.io/dataplane-mode: ambient}}}",
        "",
    ],
    &[
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: a}}, spec: {serviceAccountName: web, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: b}}, spec: {serviceAccountName: web, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: a}}, spec: {serviceAccountName: other, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: a}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: a, sidecar.istio.io/inject: 'false'}}, spec: {containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: a}}, spec: {serviceAccountName: web, containers: [{name: c, image: x}]}, status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]}}",
    ],
    &[
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: b, role: db}}, spec: {containers: [{name: c, image: x, ports: [{name: sql, containerPort: 8080}]}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: b, role: db}}, spec: {containers: [{name: c, image: x, ports: [{name: sql, containerPort: 80}]}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: a, role: db}}, spec: {containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: b, role: db}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}}, spec: {containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: b, role: db}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: b, role: db, istio.io/dataplane-mode: none}}, spec: {containers: [{name: c, image: x}]}}",
    ],
    &[
        "{apiVersion: v1, kind: Pod, metadata: {name: api, namespace: pay, labels: {app: a}}, spec: {serviceAccountName: api, containers: [{name: c, image: x}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: api, namespace: pay, labels: {app: b}}, spec: {serviceAccountName: api, containers: [{name: c, image: x}]}}",
    ],
    &[
        "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {role: db}, ports: [{name: http, port: 80, targetPort: 8080}]}}",
        "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {role: db}, ports: [{name: tcp, port: 80, targetPort: 8080}]}}",
        "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop, labels: {istio.io/use-waypoint: none}}, spec: {selector: {role: db}, ports: [{name: http, port: 80, targetPort: 8080}]}}",
        "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop, labels: {istio.io/use-waypoint: wp}}, spec: {selector: {role: db}, ports: [{name: http, port: 80, targetPort: 8080}]}}",
    ],
    &[
        "",
        "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: wp, namespace: shop}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: m, port: 15008, protocol: HBONE}]}}",
        "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: wp, namespace: shop, labels: {istio.io/waypoint-for: all}}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: m, port: 15008, protocol: HBONE}]}}",
    ],
    &[
        "",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: shop}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: shop}, spec: {podSelector: {matchLabels: {app: b}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: shop}, spec: {podSelector: {}, ingress: [{ports: [{port: sql}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: shop}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: shop}, spec: {podSelector: {}, ingress: [{ports: [{port: 15008}]}]}}",
    ],
    &[
        "",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: pay}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 8080}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: pay}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: sql}]}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: pay}, spec: {podSelector: {}, policyTypes: [Egress]}}",
    ],
    &[
        "",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {selector: {matchLabels: {app: b}}, rules: [{from: [{source: {serviceAccounts: [shop/web, shop/wp]}}]}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {rules: [{to: [{operation: {methods: [GET], ports: ['8080']}}]}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {methods: [GET]}}]}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}}",
    ],
    &[
        "",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: q, namespace: shop}, spec: {targetRefs: [{group: '', kind: Service, name: db}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: q, namespace: shop}, spec: {targetRefs: [{group: '', kind: Service, name: db}], rules: [{to: [{operation: {methods: [GET]}}]}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: q, namespace: shop}, spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: wp}], rules: [{from: [{source: {namespaces: [pay]}}]}]}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: q, namespace: shop}, spec: {targetRefs: [{group: '', kind: Service, name: db}], action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}}",
    ],
    &[
        "",
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: t, namespace: shop}, spec: {mtls: {mode: STRICT}}}",
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: t, namespace: shop}, spec: {mtls: {mode: DISABLE}}}",
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: t, namespace: istio-system}, spec: {mtls: {mode: STRICT}}}",
    ],
    &[
        "",
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: d, namespace: shop}, spec: {host: db.shop.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}}",
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: d, namespace: shop}, spec: {host: db.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}}",
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: d, namespace: pay}, spec: {host: '*.shop.svc.cluster.local', trafficPolicy: {tls: {mode: DISABLE}}}}",
    ],
    &[
        "",
        "{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: r, namespace: shop}, spec: {jwtRules: [{issuer: one, jwks: '{}'}]}}",
        "{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: r, namespace: shop}, spec: {targetRefs: [{group: '', kind: Service, name: db}], jwtRules: [{issuer: one, jwks: '{}'}]}}",
    ],
    &[
        "",
        "",
        "",
        "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: u, namespace: shop}, spec: {a: 1}}",
        "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: u, namespace: shop}, spec: {a: 2}}",
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: u, namespace: shop}, spec: {endpointSelector: {}}}",
        "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: u}, spec: {tier: Admin, subject: {namespaces: {}}}}",
    ],
];

/// Two clusters that differ in one place.
fn clusters() -> impl Strategy<Value = (String, String, &'static str)> {
    let indices = prop::collection::vec(any::<Index>(), PLACES.len());
    let config = prop::sample::select(vec!["[mesh]\nmode = \"sidecar\"\n", "[mesh]\nmode = \"ambient\"\n", "[mesh]\nmode = \"none\"\n"]);
    (indices, any::<Index>(), any::<Index>(), config).prop_map(|(indices, place, other, config)| {
        let base: Vec<&str> = PLACES.iter().zip(indices).map(|(options, index)| options[index.index(options.len())]).collect();
        let place = place.index(PLACES.len());
        let mut head = base.clone();
        head[place] = PLACES[place][other.index(PLACES[place].len())];
        let stream =
            |all: Vec<&str>| all.iter().filter(|text| !text.is_empty()).fold(String::new(), |sum, text| sum + "---\n" + text + "\n");
        (stream(base), stream(head), config)
    })
}

fn request(method: &str) -> Request {
    Request { method: method.into(), path: "/".into(), host: "db.test".into(), headers: twogate::flow::Labels::new(), token: Token::None }
}

/// Whose connections are told, to whom and on which ports.
pub(super) fn ends(compared: &Compared) -> Vec<(String, String, String)> {
    let mut all: Vec<_> = compared.report.entries.iter().map(|entry| (entry.who.clone(), entry.whom.clone(), entry.on.clone())).collect();
    all.sort();
    all
}

/// A verdict without its reason.
fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Unspecified(_) => "unspecified",
    }
}

/// The same pairs of workloads on both sides.
fn pairs<'c>(before: &'c Cluster, after: &'c Cluster) -> Vec<[(&'c Endpoint, &'c Endpoint); 2]> {
    let both: Vec<(&Endpoint, &Endpoint)> = before
        .workloads()
        .iter()
        .filter_map(|old| {
            let same =
                |new: &&twogate::cluster::Workload| (old.namespace(), &old.kind, &old.name) == (new.namespace(), &new.kind, &new.name);
            Some((&old.endpoint, &after.workloads().iter().find(same)?.endpoint))
        })
        .collect();
    let others = both
        .iter()
        .enumerate()
        .flat_map(|(at, from)| both.iter().enumerate().filter(move |(to, _)| *to != at).map(move |(_, to)| [*from, *to]));
    others.collect()
}

/// Everything that is asked of a pair: over mTLS where both can speak it, and by the Service where it leads there.
fn questions(from: &Endpoint, to: &Endpoint, over: &[Option<Transport>]) -> Vec<Question> {
    let mut all = Vec::new();
    let service = Addressed::Service { namespace: "shop".into(), name: "db".into(), port: 80 };
    for (protocol, port) in [(Protocol::Tcp, 8080), (Protocol::Tcp, 80), (Protocol::Tcp, 15008), (Protocol::Udp, 80), (Protocol::Sctp, 80)]
    {
        let leads = is_db(to) && (protocol, port) == (Protocol::Tcp, 8080);
        for transport in over.iter().copied().filter(|transport| *transport != Some(Transport::Mtls) || protocol == Protocol::Tcp) {
            let called = [Addressed::Unsaid, Addressed::Pod].into_iter().chain(leads.then(|| service.clone()));
            for addressed in called {
                let requests =
                    if protocol == Protocol::Tcp { vec![None, Some(request("GET")), Some(request("DELETE"))] } else { vec![None] };
                all.extend(requests.into_iter().map(|request| Question {
                    source: from.clone(),
                    destination: to.clone(),
                    protocol,
                    port,
                    transport,
                    request,
                    addressed: addressed.clone(),
                }));
            }
        }
    }
    all
}

fn in_mesh(end: &Endpoint) -> bool {
    matches!(&end.peer, Peer::Pod(pod) if pod.plane != DataPlane::None)
}

fn is_db(end: &Endpoint) -> bool {
    matches!(&end.peer, Peer::Pod(pod) if pod.labels.contains_key("role"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the evaluator says otherwise of two workloads is no empty difference; and a cluster does not differ from itself.
    #[test]
    fn one_change_of_any_object_is_told((base, head, config) in clusters()) {
        let found = compared(&base, &head, config);
        prop_assert_eq!(compared(&base, &base, config).report.summary(), "no difference");
        let (before, after) = (read(&base, config), read(&head, config));
        for [(from, from_now), (to, to_now)] in pairs(&before, &after) {
            let meshed = [from, from_now, to, to_now].into_iter().all(in_mesh);
            let over = [None, Some(Transport::Plaintext), Some(Transport::Mtls)];
            let over = if meshed { &over[..] } else { &over[..2] };
            let asked = questions(from, to, over).into_iter().zip(questions(from_now, to_now, over));
            for (old, new) in asked {
                let (was, is) = (before.decide(&old).verdict, after.decide(&new).verdict);
                let is_told = found.report.changes_access();
                prop_assert!(kind(&was) == kind(&is) || is_told, "{} -> {} {:?} {} {:?} {:?}: {:?} {:?}\n{}\n{}\n{:#?}", from, to, old.protocol, old.port, old.transport, old.addressed, was, is, base, head, lines(&found));
            }
        }
    }

    /// Backwards, the same ends are told, and as much is not known.
    #[test]
    fn backwards_the_same_ends_are_told((base, head, config) in clusters()) {
        let (there, back) = (compared(&base, &head, config), compared(&head, &base, config));
        prop_assert_eq!(ends(&there), ends(&back), "{}\n{}", base, head);
        prop_assert_eq!(there.report.unknown().count(), back.report.unknown().count());
    }
}
