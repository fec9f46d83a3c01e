//! That what a state does against both sides is found among pods of few labels, held against every pod of a small world.

use std::collections::BTreeSet;

use super::*;
use crate::cluster::{Cluster, Names, Platform};
use crate::diff::middle::Turned;
use crate::diff::yaml::{Yaml, names, read};
use crate::flow::{DataPlane, NAMESPACE_NAME, Pod, Protocol, Request, Token};
use crate::ir::UNCAPTURED;
use crate::verify::Manifests;

const SIDECARS: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}\n";
const AMBIENT: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}\n";

/// Numbers that look as if nobody had chosen them.
struct Dice {
    state: u64,
    /// How many labels there are.
    keys: u64,
}

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % sides
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }

    /// Two labels at most, and now and then one that must not be there. The last one is asked for by name alone, the others by value: so
    /// it is enough to know of each whether a pod has it.
    fn selector(&mut self) -> String {
        let last = self.keys - 1;
        let test = |key: u64, is_there: bool| match (key == last, is_there) {
            (true, true) => format!("{{key: k{key}, operator: Exists}}"),
            (true, false) => format!("{{key: k{key}, operator: DoesNotExist}}"),
            (false, true) => format!("{{key: k{key}, operator: In, values: [a]}}"),
            (false, false) => format!("{{key: k{key}, operator: NotIn, values: [a]}}"),
        };
        let keys: BTreeSet<u64> = (0..=self.roll(2)).map(|_| self.roll(self.keys)).collect();
        let mut all: Vec<String> = keys.into_iter().map(|key| test(key, true)).collect();
        if self.roll(4) == 0 {
            all.push(test(self.roll(self.keys), false));
        }
        format!("{{matchExpressions: [{}]}}", all.join(", "))
    }

    fn spec(&mut self) -> (&'static str, String) {
        let subject = if self.roll(5) == 0 { "{}".to_owned() } else { self.selector() };
        let (peer, ports) =
            (self.selector(), self.one_of(&["", ", ports: [{port: 80}]", ", ports: [{port: 81}]", ", ports: [{port: 15008}]"]));
        let peers = self.one_of(&["one", "one", "one", "none", "all"]);
        let rules = |to: &str| match peers {
            "none" => "[]".to_owned(),
            "all" => "[{}]".to_owned(),
            _ => format!("[{{{to}: [{{podSelector: {peer}}}]{ports}}}]"),
        };
        let own = format!("{{matchLabels: {{k{}: a}}}}", self.roll(self.keys - 1));
        match self.roll(8) {
            0..=2 => ("NetworkPolicy", format!("podSelector: {subject}, policyTypes: [Ingress], ingress: {}", rules("from"))),
            3..=5 => ("NetworkPolicy", format!("podSelector: {subject}, policyTypes: [Egress], egress: {}", rules("to"))),
            6 if self.roll(4) == 0 => ("PeerAuthentication", "mtls: {mode: STRICT}".to_owned()),
            6 => {
                let rule = self.one_of(&["", "to: [{operation: {methods: [GET]}}]", "to: [{operation: {ports: ['80']}}]"]);
                ("AuthorizationPolicy", format!("selector: {own}, rules: [{{{rule}}}]"))
            }
            _ => {
                let whom = self.one_of(&["namespaces: [shop]", "notPrincipals: ['*']"]);
                ("AuthorizationPolicy", format!("selector: {own}, action: DENY, rules: [{{from: [{{source: {{{whom}}}}}]}}]"))
            }
        }
    }

    fn object(&mut self, name: usize) -> String {
        let (kind, spec) = self.spec();
        let group = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
        format!("{{apiVersion: {group}, kind: {kind}, metadata: {{name: p{name}, namespace: shop}}, spec: {{{spec}}}}}\n")
    }
}

/// What a base, a state and a head have of one object.
type Versions = [Option<String>; 3];

/// Some objects that are always there, and some that change, each of which may be in the state as it was, as it is to be, or not at all.
fn objects(dice: &mut Dice, same: usize, changed: usize) -> Vec<Versions> {
    let mut all = Vec::new();
    for name in 0..same {
        let text = dice.object(name);
        all.push([Some(text.clone()), Some(text.clone()), Some(text)]);
    }
    for name in same..same + changed {
        let [old, new] = [0, 1].map(|_| (dice.roll(5) > 0).then(|| dice.object(name)));
        let now = match dice.roll(5) {
            0 | 1 => old.clone(),
            2 | 3 => new.clone(),
            _ => None,
        };
        all.push([old, now, new]);
    }
    all
}

/// A base, a state and a head.
struct Case {
    objects: Vec<Versions>,
    clusters: [Cluster; 3],
    names: Names,
    platform: Platform,
}

impl Case {
    fn new(namespace: &str, objects: Vec<Versions>) -> Self {
        let text = |at: usize| {
            objects.iter().filter_map(|versions| versions[at].clone()).fold(namespace.to_owned(), |all, one| all + "---\n" + &one)
        };
        let clusters = [0, 1, 2].map(|at| read(&text(at)));
        let names = names([&clusters[0], &clusters[2]]);
        let platform = clusters[0].platform().clone();
        Self { objects, clusters, names, platform }
    }

    fn differing(&self) -> Differing<'_> {
        let between = |one: usize, other: usize| {
            let differ = self.objects.iter().filter(move |versions| versions[one] != versions[other]);
            [one, other].map(|at| differ.clone().filter_map(|versions| versions[at].as_deref()).collect::<Vec<_>>())
        };
        Differing::new(Some(vec![between(0, 1), between(1, 2), between(0, 2)]), &self.platform)
    }

    /// What pods of few labels show, if they are told apart by more than so many; and whether something was not looked at.
    fn found(&self, keys: usize, differing: &Differing<'_>) -> BTreeSet<Way> {
        let anything = self.found_of(keys, differing, Touching::Any);
        // What a step from the base to the state has not touched is as it was there.
        let altered = self.objects.iter().filter(|versions| versions[0] != versions[1]);
        let altered = altered.map(|versions| versions.iter().flatten().map(String::as_str).collect()).collect();
        assert_eq!(self.found_of(keys, differing, Touching::These(altered)), anything, "{:#?}", self.objects);
        anything
    }

    fn found_of(&self, keys: usize, differing: &Differing<'_>, touching: Touching<'_>) -> BTreeSet<Way> {
        let [base, _, head] = &self.clusters;
        let sides = (Yaml::new(base, self.names.clone()), Yaml::new(head, self.names.clone()));
        let pair = Pair::new(&sides.0, &sides.1);
        let turned = Turned::default();
        let judge = Box::new(Manifests::new(&self.clusters[1], self.names.clone()));
        let middle = Middle::new(judge, &pair, &turned, &[], &BTreeSet::new());
        let own: BTreeSet<Symbol> = ["shop".into()].into();
        let moved = Moved { from_base: Some(own.clone()), from_head: Some(own.clone()), is_local: true };
        let touched = Touched::Namespaces([("shop".into(), touching)].into());
        let (found, incomplete) = super::found(&middle, &touched, &moved, differing, keys);
        assert_eq!(incomplete, []);
        let ends = |breach: &Breach| [breach.flow.source.clone(), breach.flow.destination.clone()];
        let is_here = |peer: Peer| matches!(peer, Peer::Pod(pod) if *pod.namespace == *"shop");
        let is_shown = |breach: &Breach| breach.flow.protocol == Protocol::Tcp && ends(breach).into_iter().all(is_here);
        found.into_iter().filter(is_shown).map(|breach| breach.way).collect()
    }

    /// Of a class that is against both sides in both ways one is found.
    fn check(&self, found: &BTreeSet<Way>, shown: &BTreeSet<Way>, seed: u64) {
        assert!(found.is_subset(shown) && found.is_empty() == shown.is_empty(), "{seed}: {found:?} {shown:?} {:#?}", self.objects);
    }

    /// What shows among all pods that have each of so many labels or not.
    fn shown(&self, keys: u64, plane: DataPlane) -> BTreeSet<Way> {
        let pods: Vec<Endpoint> = (0..1_u64 << keys).map(|carried| pod(carried, keys, plane)).collect();
        let mut shown = BTreeSet::new();
        let ends = self
            .clusters
            .each_ref()
            .map(|cluster| [End::Egress, End::Ingress].map(|way| pods.iter().map(|pod| cluster.end(pod, way)).collect::<Vec<_>>()));
        for (from, source) in pods.iter().enumerate() {
            for (to, destination) in pods.iter().enumerate() {
                for (port, request) in [80, 81, 82, 15008].into_iter().flat_map(|port| requests().map(|request| (port, request))) {
                    // Where no mTLS can be, what is said over plaintext is all there is.
                    let mtls = if UNCAPTURED.contains(&port) { Transport::Plaintext } else { Transport::Mtls };
                    let said = ends.each_ref().map(|[out, into]| {
                        [mtls, Transport::Plaintext].map(|transport| {
                            let left = out[from].decide(destination, Protocol::Tcp, port, transport, request.as_ref());
                            let entered = into[to].decide(source, Protocol::Tcp, port, transport, request.as_ref());
                            Said::from(&left).min(Said::from(&entered))
                        })
                    });
                    shown.extend(ways(said));
                }
            }
        }
        shown
    }
}

/// No request, and two that policies tell apart.
fn requests() -> [Option<Request>; 3] {
    let of = |method: &str| Request { method: method.into(), path: "/".into(), host: "db".into(), headers: [].into(), token: Token::None };
    [None, Some(of("GET")), Some(of("POST"))]
}

/// In which ways a state is against both sides, by what each says over mTLS and over plaintext.
fn ways([base, now, head]: [[Said; 2]; 3]) -> Vec<Way> {
    let best = |said: [Said; 2]| said[0].max(said[1]);
    let is_closed = |at: usize| base[at] == Said::Denied && head[at] == Said::Denied;
    let is_shut = best(base) == Said::Denied && best(head) == Said::Denied;
    let opens = now[1] != Said::Denied && is_closed(1) || now[0] != Said::Denied && is_shut;
    let open = |at: usize| base[at] == Said::Allowed && head[at] == Said::Allowed;
    let drops = (0..2).any(|at| open(at) && now[at] != Said::Allowed)
        || best(base) == Said::Allowed && best(head) == Said::Allowed && best(now) != Said::Allowed;
    [(opens, Way::Opens), (drops, Way::Drops)].into_iter().filter(|(is_so, _)| *is_so).map(|(_, way)| way).collect()
}

fn pod(carried: u64, keys: u64, plane: DataPlane) -> Endpoint {
    let labels = (0..keys).filter(|key| carried & (1 << key) != 0).map(|key| (format!("k{key}").as_str().into(), "a".into())).collect();
    let plane_label = if plane == DataPlane::Ambient {
        ("istio.io/dataplane-mode".into(), "ambient".into())
    } else {
        ("istio-injection".into(), "enabled".into())
    };
    let namespace_labels = [(NAMESPACE_NAME.into(), "shop".into()), plane_label].into();
    Endpoint::from(Peer::Pod(Pod { namespace: "shop".into(), namespace_labels, labels, account: "default".into(), plane }))
}

/// Whatever is against both sides among all pods shows among those of few labels, and nothing else does.
#[test]
fn pods_of_few_labels_show_what_a_state_does_against_both_sides() {
    let mut counts = std::collections::BTreeMap::<Vec<Way>, usize>::new();
    for seed in 0..100 {
        let mut dice = Dice { state: seed, keys: 4 };
        let (namespace, plane) = if seed % 3 == 0 { (AMBIENT, DataPlane::Ambient) } else { (SIDECARS, DataPlane::Sidecar) };
        let (same, changed) = (usize::try_from(dice.roll(5)).unwrap(), usize::try_from(1 + dice.roll(4)).unwrap());
        let case = Case::new(namespace, objects(&mut dice, same, changed));
        let shown = case.shown(4, plane);
        let unknown = Differing::new(None, &case.platform);
        for (keys, differing) in [(usize::MAX, &unknown), (0, &unknown), (0, &case.differing())] {
            case.check(&case.found(keys, differing), &shown, seed);
        }
        *counts.entry(shown.into_iter().collect()).or_default() += 1;
    }
    assert!(counts.len() == 4 && counts.values().all(|count| *count > 1), "{counts:?}");
}

/// The same where there are more labels than all classes are made of, as plans have it.
#[test]
fn many_labels_show_it_too() {
    let mut counts = std::collections::BTreeMap::<Vec<Way>, usize>::new();
    for seed in 0..2 {
        let mut dice = Dice { state: 1000 + seed, keys: 7 };
        let case = Case::new(SIDECARS, objects(&mut dice, 9, 3));
        let shown = case.shown(7, DataPlane::Sidecar);
        case.check(&case.found(FEW_KEYS, &case.differing()), &shown, seed);
        *counts.entry(shown.into_iter().collect()).or_default() += 1;
    }
    assert!(!counts.is_empty(), "{counts:?}");
}

/// A policy of pods with one label, or of all, for others with another, or for nobody.
fn policy(name: &str, way: &str, own: &str, other: &str) -> String {
    let labels = |key: &str| if key == "all" { "{}".to_owned() } else { format!("{{matchLabels: {{{key}: a}}}}") };
    let (rules, peers) = if way == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    let rule = if other == "nobody" { String::new() } else { format!("{{{peers}: [{{podSelector: {}}}]}}", labels(other)) };
    let own = labels(own);
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: shop}}, spec: {{podSelector: {own}, policyTypes: [{way}], {rules}: [{rule}]}}}}\n"
    )
}

fn shown_by(objects: Vec<Versions>) -> Vec<Way> {
    let case = Case::new(SIDECARS, objects);
    case.found(0, &case.differing()).into_iter().collect()
}

/// All that leaves pods is stopped but for one rule, and one label isolates those who are called.
fn common() -> Vec<Versions> {
    let all = [policy("closed", "Egress", "all", "nobody"), policy("out", "Egress", "k0", "k1"), policy("in", "Ingress", "k2", "nobody")];
    all.map(|text| [Some(text.clone()), Some(text.clone()), Some(text)]).to_vec()
}

/// Only a pod shows that it opens which has the label of the rule by which it is called, that which isolates it, and that of the rule which comes for
/// a while.
#[test]
fn a_rule_that_comes_for_a_while_opens() {
    let passing = [None, Some(policy("passing", "Ingress", "k3", "k4")), None];
    assert_eq!(shown_by([common(), vec![passing]].concat()), [Way::Opens, Way::Drops]);
    assert_eq!(shown_by(common()), []);
}

/// The one rule goes before the other comes: pods of both, that a third policy isolates, are cut off.
#[test]
fn a_rule_that_goes_before_another_comes_drops() {
    let (old, new) = (policy("old", "Ingress", "k3", "k4"), policy("new", "Ingress", "k5", "k4"));
    let changed = |now: [bool; 2]| {
        vec![[Some(old.clone()), now[0].then(|| old.clone()), None], [None, now[1].then(|| new.clone()), Some(new.clone())]]
    };
    assert_eq!(shown_by([common(), changed([false, false])].concat()), [Way::Opens, Way::Drops]);
    assert_eq!(shown_by([common(), changed([true, true])].concat()), []);
}

/// The called end is open already, that of the caller still: one end alone shows it only of a pod with the labels of two policies.
#[test]
fn an_end_that_is_open_already_meets_one_that_still_is() {
    let keep = |text: String| [Some(text.clone()), Some(text.clone()), Some(text)];
    let common = vec![keep(policy("closed", "Egress", "all", "nobody")), keep(policy("in", "Ingress", "k2", "nobody"))];
    let (out, new) = (policy("out", "Egress", "k0", "k1"), policy("new", "Ingress", "k3", "k4"));
    let changed = |now: bool| vec![[Some(out.clone()), now.then(|| out.clone()), None], [None, Some(new.clone()), Some(new.clone())]];
    assert_eq!(shown_by([common.clone(), changed(true)].concat()), [Way::Opens]);
    assert_eq!(shown_by([common, changed(false)].concat()), []);
}

/// The same with more labels, each of which is asked for alone.
#[test]
fn many_labels_asked_for_one_by_one_show_it_too() {
    let mut counts = std::collections::BTreeMap::<Vec<Way>, usize>::new();
    for seed in 0..60 {
        let mut dice = Dice { state: 7000 + seed, keys: 6 };
        let key = |dice: &mut Dice| format!("k{}", dice.roll(5));
        let object = |dice: &mut Dice, name: usize| {
            let (way, own) = (dice.one_of(&["Ingress", "Egress"]), key(dice));
            let other = if dice.roll(4) == 0 { "nobody".to_owned() } else { key(dice) };
            policy(&format!("p{name}"), way, &own, &other)
        };
        let mut all: Vec<Versions> =
            (0..6).map(|name| Some(object(&mut dice, name))).map(|text| [text.clone(), text.clone(), text]).collect();
        let closed = policy("closed", dice.one_of(&["Ingress", "Egress"]), "all", "nobody");
        all.push([Some(closed.clone()), Some(closed.clone()), Some(closed)]);
        for name in 6..9 {
            let [old, new] = [0, 1].map(|_| (dice.roll(4) > 0).then(|| object(&mut dice, name)));
            let now = match dice.roll(3) {
                0 => old.clone(),
                1 => new.clone(),
                _ => None,
            };
            all.push([old, now, new]);
        }
        let case = Case::new(SIDECARS, all);
        let unknown = Differing::new(None, &case.platform);
        let whole = case.found(usize::MAX, &unknown);
        for differing in [&unknown, &case.differing()] {
            case.check(&case.found(0, differing), &whole, seed);
        }
        *counts.entry(whole.into_iter().collect()).or_default() += 1;
    }
    assert!(counts.len() == 4, "{counts:?}");
}
