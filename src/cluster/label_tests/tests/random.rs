//! The promises about labels and headers, on random policies: every choice of what may be taken away is tried.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::generate::{Asked, asked, manifests, object, platforms, pods};
use super::{Words, cluster, settling_claims};
use crate::cluster::{Cluster, Endpoint, Names, Platform, Way};
use crate::flow::{
    Cut, DataPlane, LabelCube, LabelTests, Labels, Peer, PodTests, Protocol, Request, RequestSamples, Symbol, Token, Transport, Verdict,
    is_written, rest,
};

/// The same policies on each run, unless `PROPTEST_RNG_SEED` says otherwise; `PROPTEST_CASES` asks for more.
pub(super) fn config() -> Config {
    let given = Config::default();
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { given.rng_seed };
    Config { rng_seed, failure_persistence: None, max_shrink_iters: 20_000, ..given }
}

/// An answer without its reason.
pub(super) fn kind(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::Denied => 1,
        Verdict::Unspecified(_) => 2,
    }
}

pub(super) fn labels(end: &Endpoint) -> &Labels {
    let Peer::Pod(pod) = &end.peer else { panic!("it is a pod") };
    &pod.labels
}

/// A pod some of whose labels rest, by what they rest.
fn rested<'r>(end: &Endpoint, resting: impl Iterator<Item = &'r (Symbol, Option<Symbol>)>) -> Endpoint {
    let mut end = end.clone();
    let Peer::Pod(pod) = &mut end.peer else { panic!("it is a pod") };
    for (key, rest) in resting {
        match rest {
            Some(value) => pod.labels.insert(key.clone(), value.clone()),
            None => pod.labels.remove(key),
        };
    }
    end
}

/// A pod with each choice of its labels put to rest that may be, by the bits of those that are as they were.
struct Reduced {
    free: Vec<Symbol>,
    ends: Vec<Endpoint>,
    tests: PodTests,
}

impl Reduced {
    fn new(end: &Endpoint, tests: &LabelTests) -> Self {
        let Peer::Pod(pod) = &end.peer else { panic!("it is a pod") };
        Self::by(end, tests.of(&pod.namespace))
    }

    /// By the tests of its namespace.
    fn by(end: &Endpoint, tests: PodTests) -> Self {
        let holding = tests.others.iter().filter(|cube| cube.contains(labels(end))).flat_map(LabelCube::iter).map(|(key, _)| key);
        let kept: BTreeSet<&Symbol> = holding.collect();
        let keys: BTreeSet<&Symbol> = labels(end).keys().chain(tests.iter().flat_map(LabelCube::iter).map(|(key, _)| key)).collect();
        let of = |key: &Symbol| {
            tests.iter().flat_map(LabelCube::iter).filter(|(own, _)| *own == key).map(|(_, values)| values).collect::<Vec<_>>()
        };
        let resting = keys.into_iter().filter(|key| !kept.contains(key)).filter_map(|key| Some((key.clone(), rest(&of(key).into_iter())?)));
        // Those that do not rest yet.
        let resting: Vec<(Symbol, Option<Symbol>)> = resting.filter(|(key, rest)| labels(end).get(key) != rest.as_ref()).collect();
        let of = |mask: usize| rested(end, resting.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 0).map(|(_, own)| own));
        let ends = (0..1_usize << resting.len()).map(of).collect();
        Self { free: resting.into_iter().map(|(key, _)| key).collect(), ends, tests }
    }

    /// The pod as it is.
    fn whole(&self) -> &Endpoint {
        &self.ends[self.ends.len() - 1]
    }

    /// The bits that one of these tests asks for, of those that hold it, and those of none.
    fn one_of(&self, tests: &BTreeSet<LabelCube>) -> BTreeSet<usize> {
        let bit = |key: &Symbol| self.free.iter().position(|own| own == key);
        let holding = tests.iter().filter(|cube| cube.contains(labels(self.whole())));
        holding.map(|cube| cube.iter().filter_map(|(key, _)| bit(key)).fold(0, |mask, bit| mask | 1 << bit)).chain([0]).collect()
    }
}

/// The bits of one choice of each.
fn both(one: &BTreeSet<usize>, other: &BTreeSet<usize>) -> BTreeSet<usize> {
    one.iter().flat_map(|own| other.iter().map(move |other| own | other)).collect()
}

/// The labels that a destination may have to keep for an answer of an end: of one test of rules of either gate, of one in all where it is
/// stopped, and of two that say what a port is.
fn kept_of_destination(end: &Reduced, way: Way, is_denied: bool) -> BTreeSet<usize> {
    let network = end.one_of(&end.tests.destinations);
    if way == Way::Egress {
        return network;
    }
    let (mesh, ports) = (end.one_of(&end.tests.mesh), end.one_of(&end.tests.ports));
    let rules = if is_denied { network.union(&mesh).copied().collect() } else { both(&network, &mesh) };
    both(&rules, &both(&ports, &ports))
}

/// Whether one choice of what is kept leaves the answer of an end as it is, whatever else is taken away from either pod: all are tried.
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
    let (source, destination) = if way == Way::Ingress { (far, near) } else { (near, far) };
    let of_source = source.one_of(&source.tests.sources);
    let of_destination = kept_of_destination(destination, way, whole == 1);
    let (near_choices, far_choices) = if way == Way::Ingress { (of_destination, of_source) } else { (of_source, of_destination) };
    let above = |mask: usize, all: usize| (0..all).filter(move |other| other & mask == mask);
    let stays = |own: usize, other: usize| {
        above(own, near.ends.len()).all(|own| above(other, far.ends.len()).all(|other| answers[own][other] == whole))
    };
    near_choices.iter().any(|own| far_choices.iter().any(|other| stays(*own, *other)))
}

/// One thing that a request may lose.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A header, by its name.
    Header(Symbol),
    /// A claim, and one value of it.
    Value(Symbol, Symbol),
}

impl Part {
    fn of(request: &Request) -> Vec<Self> {
        let claims = if let Token::Valid { claims, .. } = &request.token { Some(claims) } else { None };
        let pairs = claims.into_iter().flatten().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let values = pairs.map(|(name, value)| Self::Value(name.clone(), value.clone()));
        request.headers.keys().cloned().map(Self::Header).chain(values).collect()
    }

    fn lose(&self, request: &mut Request) {
        match (self, &mut request.token) {
            (Self::Header(name), _) => drop(request.headers.remove(name)),
            (Self::Value(name, value), Token::Valid { claims, .. }) => {
                claims.get_mut(name).unwrap().remove(value);
                claims.retain(|_, values| !values.is_empty());
            }
            (Self::Value(..), _) => panic!("it is of a token"),
        }
    }
}

/// Whether these may be the parts that an answer needs for a cut: it names the headers, and says of no claim that fewer values do.
fn may_be_needed(cut: &RequestSamples, parts: &[&Part]) -> bool {
    let count = |name: &Symbol| parts.iter().filter(|part| matches!(part, Part::Value(own, _) if own == name)).count();
    let may_be = |part: &&Part| match part {
        Part::Header(name) => cut.headers.contains_key(name),
        Part::Value(name, _) => cut.few_claims.get(name).is_some_and(|most| count(name) <= *most),
    };
    parts.iter().all(may_be)
}

/// How many values of claims an answer needs at least, as [`fewest_values_by`] has it, by what the cluster promises.
pub(super) fn fewest_values(cluster: &Cluster, near: &Endpoint, far: &Endpoint, asked: &Asked) -> Option<usize> {
    let cuts = cuts(cluster, near);
    fewest_values_by(&cuts, &settling_claims(&cuts), cluster, [near, far], asked)
}

/// What an end tells connections apart by.
pub(super) fn cuts(cluster: &Cluster, near: &Endpoint) -> Vec<Cut> {
    let names = Names::new(BTreeSet::from(["shop".into(), "dev".into()]), BTreeSet::default());
    cluster.end(near, Way::Ingress).cuts(&names)
}

/// How many values of claims an answer needs at least, besides what settles something and headers of the same cut, so that it stays
/// whatever else the request loses; none if no one cut has what it needs. Every choice is tried.
pub(super) fn fewest_values_by(
    cuts: &[Cut],
    settling: &Words,
    cluster: &Cluster,
    [near, far]: [&Endpoint; 2],
    asked: &Asked,
) -> Option<usize> {
    let Some(request) = &asked.request else { return Some(0) };
    let end = cluster.end(near, Way::Ingress);
    let headers: BTreeSet<&Symbol> = cuts.iter().flat_map(|cut| &cut.requests.settling_headers).collect();
    let settles = |part: &Part| match part {
        Part::Header(name) => headers.contains(name),
        // A value may be several words.
        Part::Value(name, value) => {
            let matches = |written: &Symbol| is_written(written, value) || value.split(' ').any(|word| is_written(written, word));
            settling.get(name).is_some_and(|words| words.iter().any(matches))
        }
    };
    let free: Vec<Part> = Part::of(request).into_iter().filter(|part| !settles(part)).collect();
    let has = |mask: usize, bit: usize| mask >> bit & 1 == 1;
    let answer = |mask: usize| {
        let mut request = request.clone();
        free.iter().enumerate().filter(|(bit, _)| !has(mask, *bit)).for_each(|(_, part)| part.lose(&mut request));
        kind(&end.decide(far, asked.protocol, asked.port, asked.transport, Some(&request)))
    };
    let whole = answer((1 << free.len()) - 1);
    let mut stays = vec![true; 1 << free.len()];
    for mask in (0..stays.len()).rev() {
        stays[mask] = (0..free.len()).all(|bit| stays[mask | 1 << bit]) && answer(mask) == whole;
    }
    let left = |mask: usize| free.iter().enumerate().filter(|(bit, _)| has(mask, *bit)).map(|(_, part)| part).collect::<Vec<_>>();
    let enough = (0..stays.len()).filter(|mask| stays[*mask]).map(left);
    let of_one = enough.filter(|parts| parts.is_empty() || cuts.iter().any(|cut| may_be_needed(&cut.requests, parts)));
    of_one.map(|parts| parts.iter().filter(|part| matches!(part, Part::Value(..))).count()).min()
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
        let stays = |tests: PodTests| {
            let end = Reduced::by(&end, tests);
            is_kept(&cluster, Way::Ingress, [&end, &end], &asked)
        };
        let tests = cluster.label_tests().of("shop");
        let mesh = tests.mesh.iter().chain(&tests.others).chain(&tests.ports).cloned().collect();
        assert!(stays(tests.clone()), "{more}");
        assert!(!stays(PodTests { mesh, others: BTreeSet::new(), ports: BTreeSet::new(), ..tests }), "{more}");
    }
}

/// What isolates a pod that calls, and what lets it in, is nothing to a pod that is called, and the other way round; the mesh's tests are
/// none of the network's.
#[test]
fn no_kind_of_tests_does_for_another() {
    let yaml = [
        OPENED,
        &object("networking.k8s.io/v1", "NetworkPolicy", "shop", "", "{podSelector: {}, policyTypes: [Egress]}").replace("NAME", "out"),
        &object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "shop",
            "",
            "{podSelector: {matchLabels: {c: x}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {e: x}}}]}]}",
        )
        .replace("NAME", "c"),
    ]
    .concat();
    let cluster = cluster(Platform::default(), &yaml);
    let end = super::pod("shop", &["a", "b", "c", "d", "e"].map(|key| (key, "x")), DataPlane::Sidecar);
    let asked = Asked { protocol: Protocol::Tcp, port: 80, transport: Transport::Plaintext, request: None };
    let stays = |tests: PodTests| {
        let end = Reduced::by(&end, tests);
        [Way::Ingress, Way::Egress].map(|way| is_kept(&cluster, way, [&end, &end], &asked))
    };
    let tests = cluster.label_tests().of("shop");
    assert_eq!(stays(tests.clone()), [true, true]);
    let PodTests { sources, destinations, mesh, .. } = tests.clone();
    let turned = PodTests { sources: destinations.clone(), destinations: sources, ..tests.clone() };
    assert_eq!(stays(turned), [false, false]);
    let merged = PodTests { destinations: destinations.union(&mesh).cloned().collect(), mesh: BTreeSet::new(), ..tests };
    assert_eq!(stays(merged), [false, true]);
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
            prop_assert!(fewest_values(&cluster, near, far, asked).is_some(), "{:#?}\nfar {:#?}\n{:#?}\n{}", near, far, asked, yaml);
        }
    }
}
