//! The promises about labels and headers, on random policies: every choice of what may be taken away is tried.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::cluster;
use super::generate::{Asked, asked, manifests, object, platforms, pods};
use crate::cluster::{Cluster, Endpoint, Names, Platform, Way};
use crate::flow::{DataPlane, LabelCube, LabelTests, Labels, Peer, Protocol, Request, Symbol, Token, Transport, Values, Verdict};

/// The same policies on each run, unless `PROPTEST_RNG_SEED` says otherwise; `PROPTEST_CASES` asks for more.
fn config() -> Config {
    let given = Config::default();
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { given.rng_seed };
    Config { rng_seed, failure_persistence: None, max_shrink_iters: 20_000, ..given }
}

/// An answer without its reason.
fn kind(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::Denied => 1,
        Verdict::Unspecified(_) => 2,
    }
}

fn labels(end: &Endpoint) -> &Labels {
    let Peer::Pod(pod) = &end.peer else { panic!("it is a pod") };
    &pod.labels
}

fn only(end: &Endpoint, kept: impl Fn(&Symbol) -> bool) -> Endpoint {
    let mut end = end.clone();
    let Peer::Pod(pod) = &mut end.peer else { panic!("it is a pod") };
    pod.labels.retain(|key, _| kept(key));
    end
}

/// A pod with each choice of its labels that may be taken away, by the bits of those that are left.
struct Reduced {
    free: Vec<Symbol>,
    ends: Vec<Endpoint>,
    /// The bits of the tests that hold it, each once.
    tests: BTreeSet<usize>,
}

impl Reduced {
    fn new(end: &Endpoint, tests: &LabelTests) -> Self {
        let passes_absent = |(key, values): (&Symbol, &Values)| values.allows_absent().then(|| Symbol::clone(key));
        let kept: BTreeSet<Symbol> = tests.others.iter().flat_map(LabelCube::iter).map(|(key, _)| Symbol::clone(key)).collect();
        let kept: BTreeSet<Symbol> =
            kept.into_iter().chain(tests.rules.iter().flat_map(LabelCube::iter).filter_map(passes_absent)).collect();
        let free: Vec<Symbol> = labels(end).keys().filter(|key| !kept.contains(*key)).cloned().collect();
        let bit = |key: &Symbol| free.iter().position(|own| own == key);
        let ends = (0..1_usize << free.len()).map(|mask| only(end, |key| bit(key).is_none_or(|bit| mask >> bit & 1 == 1))).collect();
        let holding = tests.rules.iter().filter(|cube| cube.contains(labels(end)));
        let tests = holding.map(|cube| cube.iter().filter_map(|(key, _)| bit(key)).fold(0, |mask, bit| mask | 1 << bit)).collect();
        Self { free, ends, tests }
    }

    /// What may have to be kept: the keys of at most so many tests.
    fn choices(&self, most: usize) -> BTreeSet<usize> {
        let grow =
            |all: BTreeSet<usize>, _| all.iter().flat_map(|own| self.tests.iter().map(move |test| own | test)).chain(all.clone()).collect();
        (0..most).fold(BTreeSet::from([0]), grow)
    }
}

/// Whether one choice of what is kept leaves an answer as it is, whatever else is taken away: every other pod is tried.
fn is_kept(cluster: &Cluster, way: Way, [near, far]: [&Reduced; 2], asked: &Asked) -> bool {
    let answers: Vec<Vec<u8>> = near
        .ends
        .iter()
        .map(|near| {
            let end = cluster.end(near, way);
            let ask = |far: &Endpoint| kind(&end.decide(far, asked.protocol, asked.port, asked.transport, asked.request.as_ref()));
            far.ends.iter().map(ask).collect()
        })
        .collect();
    let whole = answers[near.ends.len() - 1][far.ends.len() - 1];
    let near_choices = near.choices(if whole == 1 { 1 } else { 2 });
    let far_choices = far.choices(1);
    let above = |mask: usize, all: usize| (0..all).filter(move |other| other & mask == mask);
    let stays = |own: usize, other: usize| {
        above(own, near.ends.len()).all(|own| above(other, far.ends.len()).all(|other| answers[own][other] == whole))
    };
    near_choices.iter().any(|own| far_choices.iter().any(|other| stays(*own, *other)))
}

/// Whether an answer needs the headers that settle something and those of one cut at most, whatever else is taken away.
fn needs_one_cut(cluster: &Cluster, near: &Endpoint, far: &Endpoint, asked: &Asked) -> bool {
    let Some(request) = &asked.request else { return true };
    let end = cluster.end(near, Way::Ingress);
    let names = Names { namespaces: BTreeSet::from(["shop".into(), "dev".into()]), accounts: BTreeSet::default() };
    let cuts = end.cuts(&names);
    let settling: BTreeSet<&Symbol> = cuts.iter().flat_map(|cut| &cut.requests.settling_headers).collect();
    let free: Vec<&Symbol> = request.headers.keys().filter(|name| !settling.contains(name)).collect();
    let answer = |mask: usize| {
        let mut request = request.clone();
        request.headers.retain(|name, _| free.iter().position(|own| *own == name).is_none_or(|bit| mask >> bit & 1 == 1));
        kind(&end.decide(far, asked.protocol, asked.port, asked.transport, Some(&request)))
    };
    let answers: Vec<u8> = (0..1_usize << free.len()).map(answer).collect();
    let whole = answers[answers.len() - 1];
    let of = |named: &dyn Fn(&Symbol) -> bool| (0..free.len()).filter(|bit| named(free[*bit])).fold(0, |mask, bit| mask | 1 << bit);
    let choices = cuts.iter().map(|cut| of(&|name| cut.requests.headers.contains_key(name))).chain([0]);
    let stays = |mask: usize| (0..answers.len()).filter(|other| other & mask == mask).all(|other| answers[other] == whole);
    choices.into_iter().any(stays)
}

/// A namespace that is closed to all but what one policy of each kind opens by one label.
const OPENED: &str = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all, namespace: shop}\nspec: {podSelector: {}}\n\
    ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: shop}\n\
    spec: {podSelector: {matchLabels: {a: x}}, ingress: [{from: [{podSelector: {matchLabels: {d: x}}}]}]}\n\
    ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: all, namespace: shop}\nspec: {}\n\
    ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: b, namespace: shop}\n\
    spec: {selector: {matchLabels: {b: x}}, rules: [{}]}\n";

/// Each of these counts beside the two that open the pod, so that it would be a third test of one answer.
#[test]
fn what_counts_beside_rules_that_open_a_pod_is_no_alternative_to_them() {
    let istio = |kind: &str, spec: &str| object("security.istio.io/v1", kind, "shop", "", spec).replace("NAME", "more");
    let authorization = |spec: &str| istio("AuthorizationPolicy", &format!("{{selector: {{matchLabels: {{c: x}}}}, {spec}}}"));
    let service = |name: &str, selector: &str, port: &str| {
        object("v1", "Service", "shop", "", &format!("{{selector: {selector}, ports: [{port}]}}")).replace("NAME", name)
    };
    let (plain, other) = ("{name: tcp-x, port: 1, targetPort: 80}", "{name: x, port: 1, targetPort: 80}");
    let issuer = "jwtRules: [{issuer: i, jwksUri: 'https://i/k'}]";
    let strict = istio("PeerAuthentication", "{mtls: {mode: STRICT}}").replace("more", "all");
    let more = [
        authorization("action: DENY, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]"),
        authorization("action: CUSTOM, provider: {name: p}, rules: [{}]"),
        [
            authorization("action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]"),
            service("plain", "{e: x}", plain),
            service("other", "{e: x}", other),
        ]
        .concat(),
        strict + &istio("PeerAuthentication", "{selector: {matchLabels: {c: x}}, mtls: {mode: PERMISSIVE}}"),
        istio("RequestAuthentication", &format!("{{{issuer}}}")) + &service("plain", "{c: x}", plain),
        istio("RequestAuthentication", &format!("{{selector: {{matchLabels: {{c: x}}}}, {issuer}}}"))
            + &authorization("action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['i/*']}}]}]").replace("c: x", "e: x"),
    ];
    let labels = ["a", "b", "c", "d", "e"].map(|key| (key, "x"));
    let end = super::pod("shop", &labels, DataPlane::Sidecar);
    for (at, more) in more.iter().enumerate() {
        let cluster = cluster(Platform::default(), &[OPENED, more].concat());
        let claims = BTreeMap::from([("sub".into(), BTreeSet::from(["s".into()]))]);
        let token = if at == 5 { Token::Valid { issuer: "i".into(), claims } } else { Token::None };
        let token = if at == 4 { Token::Unverified } else { token };
        let request = Request { method: "GET".into(), path: "/".into(), host: "h".into(), headers: Labels::new(), token };
        let asked = Asked { protocol: Protocol::Tcp, port: 80, transport: Transport::Plaintext, request: Some(request) };
        let stays = |tests: &LabelTests| {
            let end = Reduced::new(&end, tests);
            is_kept(&cluster, Way::Ingress, [&end, &end], &asked)
        };
        let tests = cluster.label_tests();
        let rules = tests.rules.union(&tests.others).cloned().collect();
        assert!(stays(&tests), "{more}");
        assert!(!stays(&LabelTests { rules, others: BTreeSet::new() }), "{more}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_answer_needs_the_labels_of_few_tests(
        yaml in manifests(), platform in platforms(), ends in prop::collection::vec((pods(), pods(), asked()), 6),
    ) {
        let cluster = cluster(platform, &yaml);
        let tests = cluster.label_tests();
        for (near, far, asked) in &ends {
            let [own, other] = [near, far].map(|end| Reduced::new(end, &tests));
            for way in [Way::Ingress, Way::Egress] {
                let stays = is_kept(&cluster, way, [&own, &other], asked);
                prop_assert!(stays, "{:?}: {:#?}\nfar {:#?}\n{:?}\nfree {:?} {:?}\n{}", way, near, far, asked, own.free, other.free, yaml);
            }
        }
    }

    #[test]
    fn an_answer_needs_the_headers_of_one_cut(
        yaml in manifests(), platform in platforms(), ends in prop::collection::vec((pods(), pods(), asked()), 6),
    ) {
        let cluster = cluster(platform, &yaml);
        for (near, far, asked) in &ends {
            prop_assert!(needs_one_cut(&cluster, near, far, asked), "{:#?}\nfar {:#?}\n{:#?}\n{}", near, far, asked, yaml);
        }
    }
}
