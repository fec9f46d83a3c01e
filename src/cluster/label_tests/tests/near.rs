//! The promise about pods at their own end, on random policies: those that the same selectors choose are answered alike.

use proptest::prelude::*;

use super::generate::{Asked, LABELS, asked, manifests, platforms, pods};
use super::random::{config, kind, labels};
use super::{cluster, istio, network, object, pod, service};
use crate::cluster::{Cluster, Endpoint, Platform, Way};
use crate::flow::{DataPlane, LabelCube, Peer, Symbol};

/// A pod with one of its labels changed or left out, in each way.
fn changed(end: &Endpoint) -> Vec<Endpoint> {
    let with = |key: &str, value: Option<&str>| {
        let mut end = end.clone();
        let Peer::Pod(pod) = &mut end.peer else { panic!("it is a pod") };
        pod.labels.remove(key);
        pod.labels.extend(value.map(|value| (Symbol::from(key), Symbol::from(value))));
        end
    };
    LABELS.into_iter().flat_map(|(key, values)| values.iter().copied().map(Some).chain([None]).map(move |value| with(key, value))).collect()
}

/// Which selectors of its namespace choose a pod.
fn chosen(cluster: &Cluster, end: &Endpoint, way: Way) -> Vec<bool> {
    let Peer::Pod(pod) = &end.peer else { panic!("it is a pod") };
    cluster.selectors(&pod.namespace, way).iter().map(|cube| cube.contains(&pod.labels)).collect()
}

fn answers(cluster: &Cluster, end: &Endpoint, way: Way, questions: &[(Endpoint, Asked)]) -> Vec<u8> {
    let end = cluster.end(end, way);
    let answer = |(far, asked): &(Endpoint, Asked)| end.decide(far, asked.protocol, asked.port, asked.transport, asked.request.as_ref());
    questions.iter().map(|question| kind(&answer(question))).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_answer_needs_no_labels_of_its_own_pod_but_those_of_selectors(
        yaml in manifests(), platform in platforms(), near in pods(), other in pods(), questions in prop::collection::vec((pods(), asked()), 8),
    ) {
        let cluster = cluster(platform, &yaml);
        let mut alike = changed(&near);
        let Peer::Pod(other) = &other.peer else { panic!("it is a pod") };
        let mut twin = near.clone();
        if let Peer::Pod(pod) = &mut twin.peer {
            pod.labels = other.labels.clone();
        }
        alike.push(twin);
        for way in [Way::Ingress, Way::Egress] {
            let (own, said) = (chosen(&cluster, &near, way), answers(&cluster, &near, way, &questions));
            for end in alike.iter().filter(|end| chosen(&cluster, end, way) == own) {
                let others = answers(&cluster, end, way, &questions);
                prop_assert_eq!(&said, &others, "{:?}: {:#?}\nas {:?}\n{:#?}\n{}", way, near, labels(end), questions, yaml);
            }
        }
    }
}

/// The selectors of namespace `shop`, in words.
fn selectors(yaml: &str, way: Way) -> Vec<String> {
    let platform = Platform { auto_allow_waypoint: Some(false), ..Platform::default() };
    cluster(platform, yaml).selectors("shop", way).iter().map(LabelCube::to_string).collect()
}

#[test]
fn policies_for_a_gateway_choose_its_pods() {
    const FRONT: &str = "gateway.networking.k8s.io/gateway-name=front";
    let target = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]";
    let rules = istio("AuthorizationPolicy", &format!("{{{target}, action: DENY, rules: [{{}}]}}"));
    let tokens = istio("RequestAuthentication", &format!("{{{target}, jwtRules: [{{issuer: i, jwksUri: 'https://i/k'}}]}}"));
    for yaml in [rules, tokens] {
        assert_eq!(selectors(&yaml, Way::Ingress), [FRONT], "{yaml}");
        assert_eq!(selectors(&yaml, Way::Egress), [""; 0], "{yaml}");
    }
}

#[test]
fn services_choose_pods_by_what_they_may_disagree_on() {
    const PLAIN: &str = "{name: tcp-x, port: 1, targetPort: 80}";
    let tokens = istio("RequestAuthentication", "{jwtRules: [{issuer: i, jwksUri: 'https://i/k'}]}");
    let plain = service("{}", "plain", PLAIN) + &tokens;
    let web = |port: &str| service("{}", "web", port);
    let of = |port: &str| selectors(&[plain.clone(), web(port)].concat(), Way::Ingress);
    assert_eq!(of("{name: http-x, port: 1, targetPort: 80}"), ["app=plain", "app=web"]);
    assert_eq!(of("{name: http-x, port: 1, targetPort: 81}"), ["app=plain"]);
    // Which number the name stands for each pod says for itself.
    assert_eq!(of("{name: http-x, port: 1, targetPort: web}"), ["app=plain", "app=web"]);
    assert_eq!(of("{name: x, port: 1, targetPort: 80, protocol: UDP}"), ["app=plain"]);
    let elsewhere = web("{name: http-x, port: 1, targetPort: 80}").replace("shop", "dev");
    assert_eq!(selectors(&[plain.clone(), elsewhere].concat(), Way::Ingress), ["app=plain"]);
    assert_eq!(selectors(&plain, Way::Egress), [""; 0]);
    // Where nobody makes a difference between requests, it is nothing.
    assert_eq!(selectors(&service("{}", "plain", PLAIN), Way::Ingress), [""; 0]);
    let asks = istio("AuthorizationPolicy", "{selector: {matchLabels: {app: web}}, rules: [{to: [{operation: {methods: [GET]}}]}]}");
    assert_eq!(selectors(&[service("{}", "plain", PLAIN), web(PLAIN), asks].concat(), Way::Ingress), ["app=web"]);
}

#[test]
fn what_leaves_a_pod_is_told_apart_by_policies_for_that_way_alone() {
    let yaml = [
        network("{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: b}}}]}]}"),
        network("{podSelector: {matchLabels: {app: c}}, ingress: [{from: [{podSelector: {matchLabels: {app: d}}}]}]}")
            .replace("one", "two"),
        istio("AuthorizationPolicy", "{selector: {matchLabels: {app: e}}}"),
        object(
            "networking.istio.io/v1",
            "DestinationRule",
            "{host: h, workloadSelector: {matchLabels: {app: f}}, trafficPolicy: {tls: {}}}",
        ),
    ]
    .concat();
    assert_eq!(selectors(&yaml, Way::Egress), ["app=a"]);
    assert_eq!(selectors(&yaml, Way::Ingress), ["app=c", "app=e"]);
}

/// The pod's own label hides that of its namespace, even one that names nothing; and it may name a waypoint of another namespace.
#[test]
fn pods_choose_the_waypoints_that_istio_lets_in() {
    let yaml = [super::WAYPOINT, &istio("AuthorizationPolicy", "{}")].concat();
    let yaml = yaml.replace(
        "namespace: shop}\nspec: {gatewayClassName",
        "namespace: shop, labels: {istio.io/waypoint-for: all}}\nspec: {gatewayClassName",
    );
    let cluster = cluster(Platform { auto_allow_waypoint: Some(true), ..Platform::default() }, &yaml);
    let mut waypoint = pod("shop", &[], DataPlane::Ambient);
    let labelled = |labels: &[(&str, &str)]| {
        let mut end = pod("shop", labels, DataPlane::Ambient);
        if let Peer::Pod(pod) = &mut end.peer {
            pod.namespace_labels.insert("istio.io/use-waypoint".into(), "w".into());
        }
        end
    };
    if let Peer::Pod(pod) = &mut waypoint.peer {
        pod.account = "w".into();
    }
    let use_w = ("istio.io/use-waypoint", "w");
    let ends = [
        (labelled(&[]), true),
        (labelled(&[("istio.io/use-waypoint", "v")]), false),
        (labelled(&[use_w]), true),
        (labelled(&[use_w, ("istio.io/use-waypoint-namespace", "shop")]), true),
        (labelled(&[use_w, ("istio.io/use-waypoint-namespace", "dev")]), false),
    ];
    let passes = |end: &Endpoint| {
        let end = cluster.end(end, Way::Ingress);
        end.decide(&waypoint, crate::flow::Protocol::Tcp, 80, crate::flow::Transport::Mtls, None) == crate::flow::Verdict::Allowed
    };
    for (end, expected) in &ends {
        assert_eq!(passes(end), *expected, "{:?}", labels(end));
        let alike = ends.iter().filter(|(other, _)| chosen(&cluster, other, Way::Ingress) == chosen(&cluster, end, Way::Ingress));
        assert!(alike.into_iter().all(|(_, other)| other == expected), "{:?}", labels(end));
    }
}

/// A pod that names a waypoint that is not there is told from one that names none.
#[test]
fn pods_choose_waypoints_that_nobody_knows() {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n";
    let cluster = cluster(Platform { auto_allow_waypoint: Some(true), ..Platform::default() }, namespace);
    let plain = pod("shop", &[], DataPlane::Ambient);
    let none = pod("shop", &[("istio.io/use-waypoint", "none")], DataPlane::Ambient);
    let unseen = pod("shop", &[("istio.io/use-waypoint", "v")], DataPlane::Ambient);
    let verdict = |end: &Endpoint| {
        let end = cluster.end(end, Way::Ingress);
        end.decide(&plain, crate::flow::Protocol::Tcp, 80, crate::flow::Transport::Mtls, None)
    };
    assert_eq!(verdict(&plain), crate::flow::Verdict::Allowed);
    assert_eq!(verdict(&none), crate::flow::Verdict::Allowed);
    assert!(matches!(verdict(&unseen), crate::flow::Verdict::Unspecified(_)));
    for other in [&plain, &none] {
        assert_ne!(chosen(&cluster, other, Way::Ingress), chosen(&cluster, &unseen, Way::Ingress));
    }
}
