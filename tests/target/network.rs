//! Network policies say what openings say: judged by a plain reading of the API's own type over random openings.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;
use twogate::flow::{
    AddressSet, DataPlane, Family, LabelCube, Labels, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, Prefix, Protocol, Symbol,
    Values,
};
use twogate::gates::{Cause, IsolatedBy, Isolation, NamespaceGates, Opening};
use twogate::ir::{Policy, RuleId};
use twogate::syntax::ast::Direction;
use twogate::target::{Kubernetes, Target};

use super::values::lossless;
use super::{app, gates, opening, pods, policy, tcp};

const NAMESPACES: [(&str, &str); 4] = [("shop", "prod"), ("pay", "prod"), ("dev", ""), ("kube-system", "prod")];
const PORTS: [u16; 6] = [1, 79, 80, 81, 443, 65535];
const ADDRESSES: [&str; 7] = ["10.0.0.1", "10.96.0.1", "192.0.2.1", "192.0.2.200", "0.0.0.0", "2001:db8::1", "fd00::1"];

fn emitted(policy: &Policy, namespace: NamespaceGates) -> Vec<NetworkPolicy> {
    Kubernetes.emit(policy, &gates(namespace)).iter().map(|manifest| lossless(&manifest.yaml)).collect()
}

// ── a plain reading of the API (`semantics.md` §1.2-1.5) ──

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key.as_str()).is_some_and(|own| **own == **value));
    let expressions = selector.match_expressions.iter().flatten();
    equal
        && expressions.into_iter().all(|test| {
            let own = labels.get(test.key.as_str());
            let listed = own.is_some_and(|own| test.values.iter().flatten().any(|value| **value == **own));
            match test.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => own.is_some(),
                "DoesNotExist" => own.is_none(),
                other => panic!("{other}"),
            }
        })
}

fn is_peer(peer: &NetworkPolicyPeer, who: &Peer) -> bool {
    match (who, &peer.ip_block) {
        (Peer::Pod(pod), None) => {
            let in_namespace = match &peer.namespace_selector {
                Some(selector) => selects(selector, &pod.namespace_labels),
                None => &*pod.namespace == "shop",
            };
            assert!(peer.namespace_selector.is_some() || peer.pod_selector.is_some(), "a peer that says nothing");
            in_namespace && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
        }
        (Peer::Address(address), Some(block)) => {
            let within = |cidr: &str| Prefix::parse(cidr).unwrap().contains(*address);
            within(&block.cidr) && !block.except.iter().flatten().any(|cidr| within(cidr))
        }
        (Peer::Pod(_), Some(_)) | (Peer::Address(_), None) => false,
    }
}

fn is_port(entry: &NetworkPolicyPort, protocol: Protocol, port: u16) -> bool {
    let number = |value: &IntOrString| match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => panic!("{name}"),
    };
    let first = entry.port.as_ref().map(number);
    let in_range = first.is_none_or(|first| (first..=entry.end_port.unwrap_or(first)).contains(&i32::from(port)));
    entry.protocol.as_deref() == Some(protocol.to_string().as_str()) && in_range
}

struct Verdict {
    isolated: bool,
    admitted: bool,
}

fn judge(policies: &[NetworkPolicy], own: &Labels, direction: Direction, flow: (&Peer, Protocol, u16)) -> Verdict {
    let (far, protocol, port) = flow;
    let mut verdict = Verdict { isolated: false, admitted: false };
    let listed = |peers: Option<&Vec<NetworkPolicyPeer>>, ports: Option<&Vec<NetworkPolicyPort>>| {
        assert!(peers.is_none_or(|list| !list.is_empty()) && ports.is_none_or(|list| !list.is_empty()), "an empty list means everything");
        peers.is_none_or(|list| list.iter().any(|peer| is_peer(peer, far)))
            && ports.is_none_or(|list| list.iter().any(|entry| is_port(entry, protocol, port)))
    };
    let word = if direction == Direction::In { "Ingress" } else { "Egress" };
    for policy in policies {
        let spec = policy.spec.as_ref().unwrap();
        let names_it = spec.policy_types.as_ref().unwrap().iter().any(|name| name == word);
        if !names_it || !selects(spec.pod_selector.as_ref().unwrap(), own) {
            continue;
        }
        verdict.isolated = true;
        verdict.admitted |= match direction {
            Direction::In => spec.ingress.iter().flatten().any(|rule| listed(rule.from.as_ref(), rule.ports.as_ref())),
            Direction::Out => spec.egress.iter().flatten().any(|rule| listed(rule.to.as_ref(), rule.ports.as_ref())),
        };
    }
    verdict
}

// ── random openings ──

fn values() -> impl Strategy<Value = Values> {
    let words = prop::sample::subsequence(vec!["a", "b", "c"], 0..3);
    (words, any::<bool>(), any::<bool>()).prop_map(|(words, cofinite, absent)| {
        let words = words.into_iter().map(Symbol::from);
        match (cofinite, absent) {
            (false, false) => Values::of(words),
            (false, true) => Values::of(words).union(&Values::absent()),
            (true, true) => Values::except(words),
            (true, false) => Values::except(words).intersect(&Values::present()),
        }
    })
}

fn labels() -> impl Strategy<Value = LabelCube> {
    let any = prop::collection::vec((prop::sample::select(vec!["app", "tier"]), values()), 0..3)
        .prop_map(|tests| tests.into_iter().fold(LabelCube::all(), |cube, (key, values)| cube.with(key.into(), values)));
    prop_oneof![Just(app("a")), any]
}

fn namespaces() -> impl Strategy<Value = LabelCube> {
    let name = |values| LabelCube::of(NAMESPACE_NAME.into(), values);
    let one = |name: &str| Values::one(name.into());
    prop_oneof![
        Just(name(one("shop"))),
        Just(name(one("pay"))),
        Just(name(Values::of(["shop".into(), "dev".into()]))),
        Just(name(Values::of(["shop".into()]).union(&Values::absent()))),
        Just(name(Values::except(["shop".into()]))),
        Just(LabelCube::all()),
        values().prop_map(|values| LabelCube::of("env".into(), values)),
        Just(LabelCube::of("env".into(), one("prod")).with(NAMESPACE_NAME.into(), one("shop"))),
    ]
}

fn peers() -> impl Strategy<Value = Peers> {
    let accounts = prop_oneof![4 => Just(Values::any()), 1 => Just(Values::one("sa".into()))];
    let cube = (namespaces(), labels(), accounts).prop_map(|(namespace, labels, account)| PodCube { namespace, labels, account });
    let blocks = ["192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8", "10.96.0.0/12", "2001:db8::/32", "::/0", "0.0.0.0/0"];
    let prefix = prop::sample::select(blocks.to_vec()).prop_map(|text| AddressSet::from(Prefix::parse(text).unwrap()));
    let addresses = prop_oneof![
        2 => Just(AddressSet::none()),
        1 => Just(AddressSet::all()),
        1 => Just(AddressSet::internet()),
        2 => prefix.clone(),
        1 => (prefix.clone(), prefix).prop_map(|(one, other)| one.subtract(&other)),
    ];
    let pods = prop_oneof![
        1 => Just(PodSet::all()),
        6 => prop::collection::vec(cube, 0..3).prop_map(|cubes| cubes.into_iter().collect::<PodSet>())
    ];
    (pods, addresses).prop_map(|(pods, addresses)| Peers { pods, addresses })
}

fn ports() -> impl Strategy<Value = PortSet> {
    let protocol = prop::sample::select(Protocol::ALL.to_vec());
    let range = (protocol.clone(), prop::sample::select(PORTS.to_vec()), prop::sample::select(PORTS.to_vec()));
    prop_oneof![
        Just(PortSet::all()),
        Just(tcp(80)),
        protocol.prop_map(PortSet::full),
        prop::collection::vec(range, 0..3).prop_map(|ranges| {
            let one = |set: PortSet, (protocol, low, high)| set.union(&PortSet::of(protocol, low, high));
            ranges.into_iter().fold(PortSet::none(), one)
        }),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(vec![Direction::In, Direction::Out])
}

fn openings() -> impl Strategy<Value = Vec<Opening>> {
    let cause = prop_oneof![Just(Cause::Baseline), Just(Cause::Open), (0..3_usize).prop_map(|id| Cause::Rule(RuleId(id)))];
    let one = (labels(), direction(), peers(), ports(), cause)
        .prop_map(|(subject, direction, peers, ports, cause)| Opening { cause, ..opening(subject, direction, peers, ports) });
    prop::collection::vec(one, 0..6)
}

fn isolations() -> impl Strategy<Value = Vec<Isolation>> {
    let one = (labels(), direction()).prop_map(|(subject, direction)| Isolation { subject, direction, by: IsolatedBy::Closed });
    prop::collection::vec(one, 0..3)
}

/// Every assignment of the labels that openings test.
fn label_sets() -> Vec<Labels> {
    let choices = [None, Some("a"), Some("b"), Some("z")];
    let labels = |app: Option<&str>, tier: Option<&str>| {
        let pairs = [("app", app), ("tier", tier)].into_iter().filter_map(|(key, value)| Some((key.into(), value?.into())));
        pairs.collect()
    };
    choices.iter().flat_map(|app| choices.iter().map(move |tier| labels(*app, *tier))).collect()
}

fn far_ends() -> Vec<Peer> {
    let mut peers: Vec<Peer> = ADDRESSES.iter().map(|text| Peer::Address(text.parse::<IpAddr>().unwrap())).collect();
    for (name, env) in NAMESPACES {
        let mut namespace_labels = Labels::from([(NAMESPACE_NAME.into(), name.into())]);
        if !env.is_empty() {
            namespace_labels.insert("env".into(), if env == "prod" { "a".into() } else { env.into() });
        }
        for labels in label_sets() {
            peers.push(Peer::Pod(Pod {
                namespace: name.into(),
                namespace_labels: namespace_labels.clone(),
                labels,
                account: "other".into(),
                plane: DataPlane::None,
            }));
        }
    }
    peers
}

fn check(namespace: &NamespaceGates, policies: &[NetworkPolicy], hidden: &AddressSet) {
    let isolates = |subject: &LabelCube, direction, labels: &Labels, way| direction == way && subject.contains(labels);
    for own in label_sets() {
        for way in [Direction::In, Direction::Out] {
            let near: Vec<&Opening> =
                namespace.openings.iter().filter(|opening| isolates(&opening.subject, opening.direction, &own, way)).collect();
            let is_isolated =
                !near.is_empty() || namespace.isolated.iter().any(|entry| isolates(&entry.subject, entry.direction, &own, way));
            for far in far_ends().iter().filter(|far| !matches!(far, Peer::Address(address) if hidden.contains(*address))) {
                let near: Vec<&&Opening> = near.iter().filter(|opening| opening.network_peers().contains(far)).collect();
                for protocol in Protocol::ALL {
                    for port in PORTS {
                        let verdict = judge(policies, &own, way, (far, protocol, port));
                        let wanted = near.iter().any(|opening| opening.ports.contains(protocol, port));
                        assert_eq!(verdict.isolated, is_isolated, "{own:?} {way:?}");
                        assert_eq!(verdict.admitted, wanted, "{own:?} {way:?} {far:?} {protocol} {port}\n{policies:#?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_admit_exactly_what_is_opened(openings in openings(), isolated in isolations()) {
        let namespace = NamespaceGates { isolated, openings, mesh: None };
        let policies = emitted(&policy(&["a", "b", "c"]), namespace.clone());
        check(&namespace, &policies, &AddressSet::none());
    }

    #[test]
    fn addresses_of_pods_and_services_are_in_no_block(openings in openings(), isolated in isolations()) {
        let mut policy = policy(&["a", "b", "c"]);
        policy.config.cluster.pods = Prefix::parse("10.0.0.0/12").unwrap().into();
        policy.config.cluster.services = Prefix::parse("10.96.0.0/12").unwrap().into();
        let hidden = policy.config.cluster.pods.union(&policy.config.cluster.services);
        let namespace = NamespaceGates { isolated, openings, mesh: None };
        let policies = emitted(&policy, namespace.clone());
        check(&namespace, &policies, &hidden);
        for block in policies.iter().flat_map(blocks) {
            prop_assert!(!block.overlaps(&hidden), "{:?}", block);
        }
    }

    #[test]
    fn order_leaves_no_trace(
        (openings, shuffled) in openings().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
        (isolated, reordered) in isolations().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
    ) {
        let policy = policy(&["a", "b", "c"]);
        let one = Kubernetes.emit(&policy, &gates(NamespaceGates { isolated, openings, mesh: None }));
        let other = Kubernetes.emit(&policy, &gates(NamespaceGates { isolated: reordered, openings: shuffled, mesh: None }));
        prop_assert_eq!(one, other);
    }
}

/// The addresses that the blocks of a policy admit.
fn blocks(policy: &NetworkPolicy) -> Vec<AddressSet> {
    let spec = policy.spec.as_ref().unwrap();
    let ingress = spec.ingress.iter().flatten().flat_map(|rule| rule.from.iter().flatten());
    let egress = spec.egress.iter().flatten().flat_map(|rule| rule.to.iter().flatten());
    let set = |text: &str| AddressSet::from(Prefix::parse(text).unwrap());
    let blocks = ingress.chain(egress).filter_map(|peer| peer.ip_block.as_ref());
    blocks
        .map(|block| set(&block.cidr).subtract(&block.except.iter().flatten().map(|text| Prefix::parse(text).unwrap()).collect()))
        .collect()
}

#[test]
fn everyone_is_said_by_leaving_the_peers_out() {
    let namespace =
        |peers| NamespaceGates { openings: vec![opening(app("web"), Direction::In, peers, tcp(80))], ..NamespaceGates::default() };
    let from = |policy: &Policy, peers| emitted(policy, namespace(peers))[0].spec.clone().unwrap().ingress.unwrap()[0].from.clone();
    let mut policy = policy(&["a"]);
    assert_eq!(from(&policy, Peers::all()), None);
    let but_pods = || Peers { addresses: AddressSet::all().subtract(&Prefix::parse("10.0.0.0/12").unwrap().into()), ..Peers::all() };
    assert_eq!(from(&policy, but_pods()).unwrap().len(), 3, "all pods, and a block of each family");
    policy.config.cluster.pods = Prefix::parse("10.0.0.0/12").unwrap().into();
    assert_eq!(from(&policy, but_pods()), None);
    assert_eq!(from(&policy, Peers::from(AddressSet::family(Family::V4))).unwrap().len(), 1);
}

#[test]
fn an_opening_for_nobody_opens_nothing() {
    let mut policy = policy(&["a"]);
    policy.config.cluster.pods = Prefix::parse("10.0.0.0/12").unwrap().into();
    let peers = Peers::from(AddressSet::from(Prefix::parse("10.0.0.0/24").unwrap()));
    let openings =
        vec![opening(app("web"), Direction::In, peers, tcp(80)), opening(app("web"), Direction::Out, Peers::all(), PortSet::none())];
    let policies = emitted(&policy, NamespaceGates { openings, ..NamespaceGates::default() });
    let spec = policies[0].spec.as_ref().unwrap();
    assert_eq!((spec.ingress.as_ref(), spec.egress.as_ref()), (None, None));
    assert_eq!(spec.policy_types.as_deref(), Some(["Ingress".to_owned(), "Egress".to_owned()].as_slice()));
}

#[test]
fn rules_with_equal_ports_or_equal_peers_are_one() {
    let from = |name, port| opening(app("db"), Direction::In, pods("shop", app(name)), tcp(port));
    let openings = vec![from("a", 1), from("b", 1), from("a", 2), from("b", 2), from("c", 3)];
    let policies = emitted(&policy(&["a"]), NamespaceGates { openings, ..NamespaceGates::default() });
    let ingress = policies[0].spec.as_ref().unwrap().ingress.as_ref().unwrap();
    assert_eq!((policies.len(), ingress.len()), (1, 2), "{ingress:#?}");
}

/// Every namespace has its name: a test that it may lack it is no test, and no second peer.
#[test]
fn names_of_namespaces_are_never_asked_to_be_absent() {
    let peers = |names: Values| {
        let namespace = LabelCube::of(NAMESPACE_NAME.into(), names);
        let peers = Peers::from(PodSet::from(PodCube { namespace, ..PodCube::all() }));
        let openings = vec![opening(app("db"), Direction::In, peers, tcp(80))];
        let policies = emitted(&policy(&["a"]), NamespaceGates { openings, ..NamespaceGates::default() });
        let spec = policies[0].spec.clone().unwrap();
        spec.ingress.unwrap()[0].from.clone().unwrap()
    };
    let one = Values::one("pay".into());
    assert_eq!(peers(one.union(&Values::absent())), peers(one));
    assert_eq!(peers(Values::present()), peers(Values::any()));
    assert_eq!(peers(Values::except(["pay".into()]).intersect(&Values::present())), peers(Values::except(["pay".into()])));
}

/// A hub that many call: every object stays below what the API server and `kubectl apply` take, and together they say it all.
#[test]
fn large_objects_are_divided_and_lose_nothing() {
    let word = |number: u32| format!("caller-{number:05}-{}", "x".repeat(40));
    let block = |number: u32| Prefix::parse(&format!("192.{}.{}.0/25", number / 256, number % 256)).unwrap();
    let mut openings: Vec<Opening> =
        (0..20_000).map(|number| opening(app("db"), Direction::In, pods("shop", app(&word(number))), tcp(5432))).collect();
    let port = |number: u32| tcp(u16::try_from(number % 2_000).unwrap() * 3 + 1);
    openings.extend((0..6_000).map(|number| opening(app("db"), Direction::Out, AddressSet::from(block(number)).into(), port(number))));
    let manifests = Kubernetes.emit(&policy(&["a"]), &gates(NamespaceGates { openings, ..NamespaceGates::default() }));
    assert!(manifests.len() > 3);
    assert!(manifests.iter().all(|manifest| manifest.yaml.len() < 220 * 1024));
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert!(names.contains(&"db") && names.contains(&"db-part-2"), "{names:?}");
    let policies: Vec<NetworkPolicy> = manifests.iter().map(|manifest| lossless(&manifest.yaml)).collect();
    let labels = |word: &str| Labels::from([("app".into(), word.into())]);
    let caller = |number| {
        Peer::Pod(Pod {
            namespace: "shop".into(),
            namespace_labels: Labels::from([(NAMESPACE_NAME.into(), "shop".into())]),
            labels: labels(&word(number)),
            account: "x".into(),
            plane: DataPlane::None,
        })
    };
    let admitted = |way, far: &Peer, port| judge(&policies, &labels("db"), way, (far, Protocol::Tcp, port)).admitted;
    assert!([0, 499, 500, 9_999, 19_999].into_iter().all(|number| admitted(Direction::In, &caller(number), 5432)));
    assert!(!admitted(Direction::In, &caller(20_000), 5432) && !admitted(Direction::In, &caller(7), 80));
    for number in [0, 1, 1_999, 5_999] {
        let far = Peer::Address(block(number).first());
        let port = u16::try_from(number % 2_000).unwrap() * 3 + 1;
        assert!(admitted(Direction::Out, &far, port) && !admitted(Direction::Out, &far, port + 1), "{number}");
    }
}
