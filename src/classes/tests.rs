use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::flow::{
    AddressSet, Cut, DataPlane, LabelCube, Labels, NAMESPACE_NAME, PathPattern, Peer, Peers, PodCube, PodSet, PortSet, Prefix, Protocol,
    Request, RequestSamples, Symbol, Token, Values,
};

/// A world in which every pod can exist and all take part in the mesh.
#[derive(Debug)]
struct Everything;

impl World for Everything {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let names = cube.names();
        let name =
            names.finite().map_or_else(|| Some(fresh_word(names.words().iter().map(|word| &**word))), |names| names.first().cloned())?;
        let mut namespace_labels: Labels = labels_within(&cube.namespace)?;
        namespace_labels.insert(NAMESPACE_NAME.into(), Symbol::clone(&name));
        let account = cube
            .account
            .finite()
            .map_or_else(|| Some(fresh_word(cube.account.words().iter().map(|word| &**word))), |accounts| accounts.first().cloned())?;
        let pod = Pod { namespace: name, namespace_labels, labels: labels_within(&cube.labels)?, account, plane: DataPlane::Sidecar };
        cube.contains(&pod).then_some(pod)
    }
}

/// The same, but for the pods of some workloads, which take no part in the mesh. Of several namespaces it gives a pod of one that does.
#[derive(Debug)]
struct Outside(Vec<PodCube>);

impl Outside {
    fn holds(&self, pod: &Pod) -> bool {
        self.0.iter().any(|cube| cube.contains(pod))
    }
}

impl World for Outside {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let within = |name: &Symbol| {
            let namespace = cube.namespace.intersect(&LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name))))?;
            Everything.example(&PodCube { namespace, ..cube.clone() })
        };
        let named = cube.names().finite().map(|names| names.iter().filter_map(within).collect::<Vec<_>>());
        let mut pods = named.unwrap_or_else(|| Everything.example(cube).into_iter().collect());
        pods.iter_mut().filter(|pod| self.holds(pod)).for_each(|pod| pod.plane = DataPlane::None);
        pods.sort_by_key(|pod| pod.plane == DataPlane::None);
        pods.into_iter().next()
    }

    fn planes(&self) -> &[PodCube] {
        &self.0
    }
}

/// The same where only a part of all pods is cut, and what no cube holds of it is of two data planes.
#[test]
fn pods_that_no_cube_holds_are_of_one_data_plane_too() {
    let within = |app: Values| PodCube::in_namespace("a").labelled("app".into(), app);
    let (cube, world) = (within(words(&["a", "b"]).complement()), Outside(vec![within(words(&["a"]))]));
    let classes = classes_within(PodCube::in_namespace("a"), &[(0, &cube)], 1, &world).unwrap();
    assert!(classes.iter().any(|class| class.held_by.is_empty() && class.example.plane == DataPlane::Sidecar), "{classes:?}");
}

/// Pods with each label, account and namespace that cubes speak of, and with others.
fn every_pod() -> impl Iterator<Item = Pod> {
    let each = || ["a", "b", "c", "other"].into_iter();
    let pod = |(name, env, app, account): (&str, Option<&str>, Option<&str>, &str)| {
        let labels =
            |key: &str, value: Option<&str>| value.map(|value| (Symbol::from(key), Symbol::from(value))).into_iter().collect::<Labels>();
        let mut namespace_labels = labels("env", env);
        namespace_labels.insert(NAMESPACE_NAME.into(), name.into());
        Pod { namespace: name.into(), namespace_labels, labels: labels("app", app), account: account.into(), plane: DataPlane::Sidecar }
    };
    let with_none = move || each().map(Some).chain([None]);
    each().flat_map(move |name| {
        with_none().flat_map(move |env| with_none().flat_map(move |app| each().map(move |account| pod((name, env, app, account)))))
    })
}

/// The pods of a workload that says how they take part in the mesh.
fn workload() -> impl Strategy<Value = PodCube> {
    let names = prop::sample::select(vec!["a", "b", "c"]);
    (names.clone(), prop::option::of(names)).prop_map(|(name, app)| {
        let whole = PodCube::in_namespace(name);
        app.map_or(whole.clone(), |app| whole.labelled("app".into(), words(&[app])))
    })
}

fn words(named: &[&str]) -> Values {
    Values::of(named.iter().map(|word| Symbol::from(*word)))
}

fn cube() -> impl Strategy<Value = PodCube> {
    let values = || {
        prop_oneof![
            2 => Just(Values::any()),
            3 => prop::sample::subsequence(vec!["a", "b", "c"], 1..=2).prop_map(|named| words(&named)),
            1 => prop::sample::subsequence(vec!["a", "b", "c"], 1..=2).prop_map(|named| words(&named).complement()),
        ]
    };
    (values(), values(), values(), values()).prop_map(|(name, env, app, account)| PodCube {
        namespace: crate::flow::LabelCube::of(NAMESPACE_NAME.into(), name).with("env".into(), env),
        labels: crate::flow::LabelCube::of("app".into(), app),
        account: account.always_present(),
    })
}

fn addresses() -> impl Strategy<Value = AddressSet> {
    let block = prop::sample::select(vec!["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24", "2001:db8::/32", "::/0"]);
    prop::collection::vec(block, 0..2).prop_map(|blocks| {
        blocks.into_iter().fold(AddressSet::none(), |set, block| set.union(&AddressSet::from(Prefix::parse(block).unwrap())))
    })
}

fn ports() -> impl Strategy<Value = PortSet> {
    let part = (prop::sample::select(Protocol::ALL.to_vec()), 1_u16..6, 0_u16..3);
    prop::collection::vec(part, 0..3).prop_map(|parts| {
        parts.into_iter().fold(PortSet::none(), |set, (protocol, low, more)| set.union(&PortSet::of(protocol, low, low + more)))
    })
}

fn cut() -> impl Strategy<Value = Cut> {
    (prop::collection::vec(cube(), 0..3), addresses(), ports()).prop_map(|(cubes, addresses, ports)| Cut {
        peers: Peers { pods: cubes.into_iter().collect::<PodSet>(), addresses },
        ports,
        requests: RequestSamples::default(),
    })
}

fn pods() -> Vec<Peer> {
    let optional = [None, Some("a"), Some("b"), Some("c"), Some("x")];
    let mut pods = Vec::new();
    for name in ["a", "b", "c", "x"] {
        for env in optional {
            for (app, account) in optional.iter().flat_map(|app| ["a", "b", "c", "x"].map(|account| (app, account))) {
                let labels = |key: &str, value: Option<&str>| value.map(|value| (Symbol::from(key), Symbol::from(value)));
                let namespace_labels = labels("env", env).into_iter().chain([(NAMESPACE_NAME.into(), name.into())]).collect();
                pods.push(Peer::Pod(Pod {
                    namespace: name.into(),
                    namespace_labels,
                    labels: labels("app", *app).into_iter().collect(),
                    account: account.into(),
                    plane: DataPlane::Sidecar,
                }));
            }
        }
    }
    pods.extend(
        ["9.9.9.9", "10.1.2.3", "10.2.0.1", "203.0.113.9", "2001:db8::9", "fe80::1"].map(|text| Peer::Address(text.parse().unwrap())),
    );
    pods
}

fn held(cuts: &[Cut], peer: &Peer) -> Vec<usize> {
    cuts.iter().enumerate().filter(|(_, cut)| cut.peers.contains(peer)).map(|(at, _)| at).collect()
}

proptest! {
    #[test]
    fn every_far_end_has_a_class_and_every_example_is_in_its_own(cuts in prop::collection::vec(cut(), 0..4)) {
        let classes = far_classes(&cuts, &Everything).unwrap();
        for class in &classes {
            prop_assert_eq!(&class.cuts, &held(&cuts, &class.example));
        }
        let known: BTreeSet<(bool, Vec<usize>)> =
            classes.iter().map(|class| (matches!(class.example, Peer::Pod(_)), class.cuts.clone())).collect();
        for peer in pods() {
            prop_assert!(known.contains(&(matches!(peer, Peer::Pod(_)), held(&cuts, &peer))), "{:?}", peer);
        }
        prop_assert_eq!(known.len(), classes.len(), "one class for each way to be held");
    }

    /// What others asked before, of the same cubes or of others, changes nothing.
    #[test]
    fn far_ends_of_many_near_ends_are_those_of_each_alone(
        cuts in prop::collection::vec(cut(), 1..12),
        asked in prop::collection::vec(prop::collection::vec(0_usize..12, 0..12), 1..5),
    ) {
        let (mut partitions, mut numbered) = (Partitions::default(), BTreeMap::new());
        for own in asked {
            let cuts: Vec<Cut> = own.into_iter().filter_map(|at| cuts.get(at).cloned()).collect();
            let ends = partitions.far_ends(&cuts, &Everything, &mut Limits::NONE.clone()).unwrap();
            let is_pod = |peer: &Peer| matches!(peer, Peer::Pod(_));
            let known: BTreeSet<(bool, Vec<usize>)> = ends.iter().map(|end| (is_pod(&end.example), end.cuts.clone())).collect();
            prop_assert_eq!(known.len(), ends.len(), "one class for each way to be held");
            let alone = far_classes(&cuts, &Everything).unwrap();
            prop_assert_eq!(known, alone.into_iter().map(|far| (is_pod(&far.example), far.cuts)).collect());
            for end in ends.iter().filter(|end| is_pod(&end.example)) {
                prop_assert_eq!(&end.cuts, &held(&cuts, &end.example));
                for peer in pods() {
                    let Peer::Pod(pod) = &peer else { continue };
                    let is_in = end.parts.iter().any(|part| part.contains(pod));
                    prop_assert_eq!(is_in, end.cuts == held(&cuts, &peer), "{:?}", pod);
                }
                let (partition, places) = end.parts.number();
                let parts: Vec<PodCube> = end.parts.iter().cloned().collect();
                prop_assert_eq!(end.parts.count(), parts.len());
                let before = numbered.entry((partition, places.to_vec())).or_insert_with(|| parts.clone());
                prop_assert_eq!(&*before, &parts, "one number, two things");
            }
        }
    }

    /// No example without a mesh stands alone for pods with one.
    #[test]
    fn a_class_with_pods_in_the_mesh_has_an_example_in_the_mesh(
        cubes in prop::collection::vec(cube(), 1..4),
        outside in prop::collection::vec(workload(), 0..3),
        whole in prop_oneof![Just(PodCube::all()), Just(PodCube::in_namespace("a")), cube()],
    ) {
        let world = Outside(outside);
        let cuts: Vec<Cut> = cubes.iter().map(|cube| Cut { peers: Peers { pods: PodSet::from(cube.clone()), addresses: AddressSet::none() }, ports: PortSet::all(), requests: RequestSamples::default() }).collect();
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let classes = classes_within(whole.clone(), &numbered, cubes.len(), &world).unwrap();
        let ends = Partitions::default().far_ends(&cuts, &world, &mut Limits::NONE.clone()).unwrap();
        let shown = classes.iter().map(|class| (class.example.clone(), class.held_by.clone()));
        let far = ends.iter().filter_map(|end| match &end.example {
            Peer::Pod(pod) => Some((pod.clone(), end.cuts.clone())),
            Peer::Address(_) => None,
        });
        let in_mesh = |(pod, held): (Pod, Vec<usize>)| (pod.plane != DataPlane::None).then_some(held);
        let (shown, far): (BTreeSet<Vec<usize>>, BTreeSet<Vec<usize>>) = (shown.filter_map(in_mesh).collect(), far.filter_map(in_mesh).collect());
        for pod in every_pod().filter(|pod| !world.holds(pod)) {
            let held: Vec<usize> = numbered.iter().filter(|(_, cube)| cube.contains(&pod)).map(|(at, _)| *at).collect();
            prop_assert!(shown.contains(&held) || !whole.contains(&pod), "{pod:?} of {held:?}");
            prop_assert!(far.contains(&held), "{pod:?} of {held:?}");
        }
    }

    #[test]
    fn ports_fall_into_the_classes_that_hold_them(cuts in prop::collection::vec(cut(), 0..4)) {
        let active: Vec<usize> = (0..cuts.len()).collect();
        let classes = port_classes(&cuts, &active);
        for protocol in Protocol::ALL {
            for port in (1..=10).chain([80, 65535]) {
                let own: Vec<&PortClass> = classes.iter().filter(|class| class.ports.contains(protocol, port)).collect();
                prop_assert_eq!(own.len(), 1);
                let holders: Vec<usize> = active.iter().copied().filter(|at| cuts[*at].ports.contains(protocol, port)).collect();
                prop_assert_eq!(&own[0].cuts, &holders);
                prop_assert!(own[0].ports.contains(protocol, own[0].example));
            }
        }
    }
}

fn requests(samples: RequestSamples) -> Vec<Option<crate::flow::Request>> {
    let cut = Cut { peers: Peers::all(), ports: PortSet::all(), requests: samples };
    request_classes(&[cut], &[0], &mut PathCells::default()).unwrap()
}

#[test]
fn a_connection_that_nobody_looks_into_is_one_class() {
    assert_eq!(requests(RequestSamples::default()), [None]);
    assert_eq!(requests(RequestSamples { looks_inside: true, ..RequestSamples::default() }).len(), 3, "no HTTP, no token, a bad token");
}

#[test]
fn paths_are_cut_into_all_their_cells() {
    let patterns = ["/a/{**}", "/a/{*}", "/{*}/b", "/c"];
    let parsed: Vec<PathPattern> = patterns.iter().map(|text| PathPattern::parse(text).unwrap()).collect();
    let samples = RequestSamples { paths: parsed.iter().cloned().collect(), looks_inside: true, ..RequestSamples::default() };
    let signature = |path: &str| parsed.iter().map(|pattern| pattern.matches(path)).collect::<Vec<_>>();
    let found: BTreeSet<Vec<bool>> = requests(samples).into_iter().flatten().map(|request| signature(&request.path)).collect();
    for path in ["/a/x", "/a/b", "/a/", "/a/x/y", "/z/b", "/c", "/", "/a"] {
        assert!(found.contains(&signature(path)), "{path}");
    }
    assert_eq!(found.len(), 6);
}

#[test]
fn claims_are_tried_in_every_combination_that_a_test_tells_apart() {
    let token = |values: &[&str]| Token::Valid {
        issuer: "https://id.test".into(),
        claims: [("groups".into(), values.iter().map(|value| Symbol::from(*value)).collect())].into(),
    };
    let samples =
        RequestSamples { tokens: [token(&["a", "b"]), token(&["b", "c"]), token(&["x", "y"])].into(), ..RequestSamples::default() };
    let classes = requests(samples);
    let tokens: BTreeSet<Token> = classes.into_iter().flatten().map(|request| request.token).collect();
    assert!(tokens.contains(&Token::None) && tokens.contains(&Token::Unverified));
    let of = |values: &[&str]| tokens.contains(&token(values));
    assert!(of(&["b"]) && of(&["a", "b"]) && of(&["a", "c"]) && of(&["a", "x"]) && !of(&["y"]), "x stands for y too");
    // Absent, unknown and all 15 combinations of four for the issuer, one of an unknown issuer, and the two without claims.
    assert_eq!(tokens.len(), 17 + 1 + 2);
}

/// A sample tests the tokens of one issuer.
#[test]
fn claims_are_tried_for_the_issuers_whose_tests_look_at_them() {
    let token =
        |issuer: &str, claim: &str| Token::Valid { issuer: issuer.into(), claims: [(claim.into(), [Symbol::from("yes")].into())].into() };
    let samples = RequestSamples { tokens: [token("https://a", "x"), token("https://b", "y")].into(), ..RequestSamples::default() };
    let tokens: BTreeSet<Token> = requests(samples).into_iter().flatten().map(|request| request.token).collect();
    assert!(tokens.contains(&token("https://a", "x")) && tokens.contains(&token("https://b", "y")));
    assert!(!tokens.contains(&token("https://a", "y")) && !tokens.contains(&token("https://b", "x")));
    assert_eq!(tokens.len(), 2 * 3 + 1 + 2);
}

#[test]
fn too_many_classes_are_said_to_be_too_many() {
    let wide: BTreeSet<Symbol> = (0..600).map(|number| Symbol::from(format!("w{number}"))).collect();
    let samples = RequestSamples { methods: wide.clone(), hosts: wide, ..RequestSamples::default() };
    let cut = Cut { peers: Peers::all(), ports: PortSet::all(), requests: samples };
    assert_eq!(request_classes(&[cut], &[0], &mut PathCells::default()), Err(TooManyRequests));
}

#[test]
fn fresh_words_share_no_letter_with_named_ones() {
    for named in [vec!["web", "api"], vec!["other"], vec!["abcdefghijklmnopqrstuvwxyz0123456789"], vec!["team-a", "other", "sum"]] {
        let word = fresh_word(named.iter().copied());
        let shares = named.iter().any(|known| known.chars().any(|letter| word.contains(letter)));
        assert!(!shares || word.len() > named.iter().map(|known| known.len()).max().unwrap(), "{word}");
    }
}

#[test]
fn bits_hold_what_was_put_in() {
    let mut bits = Bits::none(130);
    for number in [0, 63, 64, 129] {
        bits.insert(number);
    }
    assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
    assert!(bits.contains(129) && !bits.contains(128));
}

/// Tests of one key cut into as many parts as there are tests; tests of keys that may stand together double them each.
#[test]
fn too_many_keys_are_told_and_not_tried() {
    let world = Everything;
    let cubes = |labels: &dyn Fn(usize) -> LabelCube, count: usize| -> Vec<PodCube> {
        (0..count).map(|at| PodCube { labels: labels(at), ..PodCube::all() }).collect()
    };
    let classes = |cubes: &[PodCube]| {
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        classes_within(PodCube::all(), &numbered, cubes.len(), &world).map(|classes| classes.len())
    };
    let values = cubes(&|at| LabelCube::of("app".into(), Values::one(format!("app-{at}").into())), 2000);
    assert_eq!(classes(&values), Ok(2001));
    let keys = |count: usize| cubes(&|at| LabelCube::of(format!("key-{at}").into(), Values::one("yes".into())), count);
    assert_eq!(classes(&keys(10)), Ok(1024));
    assert_eq!(classes(&keys(40)), Err(TooManyPods));
}

/// Whoever may look just often enough finds what there is; whoever may look less, or at fewer parts, is told.
#[test]
fn cutting_ends_where_its_limits_say() {
    let key = |at: usize| PodCube::all().labelled(format!("key-{at}").into(), Values::one("yes".into()));
    let cubes: Vec<PodCube> = (0..10).map(key).collect();
    let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
    let cut = |limits: &mut Limits| {
        let classes = classes_cut(vec![PodCube::all()], &numbered, cubes.len(), &Everything, limits);
        classes.map(|classes| classes.len())
    };
    let mut all = Limits::NONE.clone();
    assert_eq!(cut(&mut all), Ok(1024));
    let used = usize::MAX - all.looks;
    // Each of 1 + 2 + … + 512 parts is looked at, and cut.
    assert_eq!(used, 1023 * (1 + Limits::LOOKS_A_CUT));
    let mut enough = Limits { looks: used, ..Limits::NONE };
    assert_eq!((cut(&mut enough), enough.looks), (Ok(1024), 0));
    assert_eq!(cut(&mut Limits { looks: used - 1, ..Limits::NONE }), Err(TooManyPods));
    let parts = |parts: usize| cut(&mut Limits { parts, ..Limits::NONE });
    assert_eq!((parts(1024), parts(512)), (Ok(1024), Err(TooManyPods)));
    assert!(parts(1024 - 16 * 11).is_ok(), "so many for each cube besides");
}

/// Pods over the keys of the tests below, each absent or one of two values.
fn labelled(keys: &[&str]) -> Vec<Pod> {
    let mut all = vec![Labels::new()];
    for key in keys {
        let more: Vec<Labels> = all
            .iter()
            .flat_map(|labels| ["x", "y"].map(|value| labels.clone().into_iter().chain([((*key).into(), value.into())]).collect()))
            .collect();
        all.extend(more);
    }
    let pod = |labels| Pod {
        namespace: "a".into(),
        namespace_labels: [(NAMESPACE_NAME.into(), "a".into())].into(),
        labels,
        account: "x".into(),
        plane: DataPlane::Sidecar,
    };
    all.into_iter().map(pod).collect()
}

fn label_test() -> impl Strategy<Value = LabelCube> {
    let key = || prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let present = |key: &str| LabelCube::of(key.into(), words(&["x"]));
    prop_oneof![
        4 => key().prop_map(present),
        3 => (key(), key()).prop_map(move |(one, two)| present(one).with(two.into(), Values::present())),
        1 => key().prop_map(|key| LabelCube::of(key.into(), words(&["x"]).complement())),
    ]
}

/// A cut that looks at some headers, the last of which may settle anything, or at nothing.
fn header_cut() -> impl Strategy<Value = Cut> {
    let names = prop::sample::subsequence(vec!["a", "b", "c", "d", "e", "f", "s"], 0..=3);
    names.prop_map(|names| {
        let headers = names.iter().map(|name| (Symbol::from(*name), [Symbol::from("x")].into())).collect();
        let settling_headers = names.iter().filter(|name| **name == "s").map(|name| Symbol::from(*name)).collect();
        let requests = RequestSamples { looks_inside: !names.is_empty(), headers, settling_headers, ..RequestSamples::default() };
        Cut { peers: Peers::all(), ports: PortSet::all(), requests }
    })
}

#[test]
fn headers_that_matter_with_one_method_are_tried_with_that_alone() {
    let cut = |method: &str, header: &str, header_methods| {
        let headers = [(header.into(), [Symbol::from("x")].into())].into();
        let requests = RequestSamples { methods: [method.into()].into(), headers, header_methods, ..RequestSamples::default() };
        Cut { peers: Peers::all(), ports: PortSet::all(), requests }
    };
    let cuts = [cut("OPTIONS", "origin", Some([Symbol::from("OPTIONS")].into())), cut("GET", "a", None)];
    let requests = request_classes(&cuts, &[0, 1], &mut PathCells::default()).unwrap();
    let has = |method: &str, header: &str| {
        requests.iter().flatten().any(|request| *request.method == *method && request.headers.contains_key(header))
    };
    assert_eq!(["OPTIONS", "GET"].map(|method| (has(method, "origin"), has(method, "a"))), [(true, true), (false, true)]);
    assert!(
        requests.iter().flatten().filter(|request| &*request.method != "OPTIONS").all(|request| !request.headers.contains_key("origin"))
    );
}

/// A cut that asks for values of some claims, the last of which it promises nothing about, and of others only at times.
fn claim_cut() -> impl Strategy<Value = Cut> {
    let test = (prop::sample::select(vec!["a", "b", "s"]), prop::sample::select(vec!["x", "y", "z"]));
    (prop::collection::vec(test, 0..=3), prop::bool::weighted(0.9)).prop_map(|(tests, promises)| {
        let mut requests = RequestSamples { looks_inside: !tests.is_empty(), ..RequestSamples::default() };
        for (name, value) in tests {
            let claims = [(name.into(), [value.into()].into())].into();
            requests.tokens.insert(Token::Valid { issuer: "i".into(), claims });
            if promises && name != "s" {
                *requests.few_claims.entry(name.into()).or_default() += 1;
            }
        }
        Cut { peers: Peers::all(), ports: PortSet::all(), requests }
    })
}

fn asks_for(cut: &Cut, name: &Symbol, is_wanted: impl Fn(&BTreeSet<Symbol>) -> bool) -> bool {
    cut.requests.tokens.iter().any(|token| matches!(token, Token::Valid { claims, .. } if claims.get(name).is_some_and(&is_wanted)))
}

/// A cut that asks for a path, mostly before anything else.
fn bound_cut() -> impl Strategy<Value = Cut> {
    let some = |words: &'static [&'static str]| prop::sample::subsequence(words.to_vec(), 0..=words.len());
    let paths = prop::sample::subsequence(vec!["/a", "/a/{**}", "/b", "/{*}"], 0..=2);
    (paths, prop::bool::weighted(0.8), some(&["GET", "POST"]), some(&["h", "k"]), some(&["x", "y"]), some(&["ops", "dev"])).prop_map(
        |(paths, is_bound, methods, hosts, values, roles)| {
            let set = |words: Vec<&str>| words.into_iter().map(Symbol::from).collect::<BTreeSet<Symbol>>();
            let paths: BTreeSet<PathPattern> = paths.iter().map(|path| PathPattern::parse(path).unwrap()).collect();
            let token = |role: &str| Token::Valid { issuer: "i".into(), claims: [("role".into(), [role.into()].into())].into() };
            let only = |words: &Vec<&str>| (is_bound && !words.is_empty()).then(|| set(words.clone()));
            let requests = RequestSamples {
                bound: (is_bound && !paths.is_empty()).then(|| paths.clone()),
                bound_methods: only(&methods),
                bound_hosts: only(&hosts),
                paths,
                methods: set(methods),
                hosts: set(hosts),
                headers: if values.is_empty() { BTreeMap::new() } else { [("x".into(), set(values))].into() },
                tokens: roles.into_iter().map(token).collect(),
                looks_inside: true,
                ..RequestSamples::default()
            };
            Cut { peers: Peers::all(), ports: PortSet::all(), requests }
        },
    )
}

fn unbound(requests: RequestSamples) -> RequestSamples {
    RequestSamples { bound: None, bound_methods: None, bound_hosts: None, ..requests }
}

/// Whether a request passes a rule that asks for one of the words of each kind that it has.
fn is_matched(rule: &RequestSamples, request: &Request) -> bool {
    let header = request.headers.get("x");
    let holds = |test: &Token| match (test, &request.token) {
        (Token::Valid { claims: wanted, .. }, Token::Valid { issuer, claims }) => {
            &**issuer == "i" && wanted.iter().all(|(name, values)| claims.get(name).is_some_and(|own| !own.is_disjoint(values)))
        }
        _ => false,
    };
    rule.speaks_of(&request.path)
        && (rule.methods.is_empty() || rule.methods.contains(&request.method))
        && (rule.hosts.is_empty() || rule.hosts.contains(&request.host))
        && rule.headers.get("x").is_none_or(|values| header.is_some_and(|value| values.contains(value)))
        && (rule.tokens.is_empty() || rule.tokens.iter().any(holds))
}

/// A rule that asks for a role, and promises that it needs no other value, or nothing.
fn role_cut(role: &str, few: Option<usize>) -> Cut {
    let claims = [("role".into(), [role.into()].into())].into();
    let requests = RequestSamples {
        looks_inside: true,
        tokens: [Token::Valid { issuer: "i".into(), claims }].into(),
        few_claims: few.map(|count| ("role".into(), count)).into_iter().collect(),
        ..RequestSamples::default()
    };
    Cut { peers: Peers::all(), ports: PortSet::all(), requests }
}

/// Twenty rules that each ask for a role of its own are told apart by tokens of two roles.
#[test]
fn many_roles_are_told_apart_by_tokens_of_two() {
    let cuts: Vec<Cut> = (0..20).map(|role| role_cut(&format!("r{role}"), Some(1))).collect();
    let active: Vec<usize> = (0..cuts.len()).collect();
    assert_eq!(request_classes(&cuts, &active, &mut PathCells::default()), Err(TooManyRequests));
    let few = deciding_requests(&cuts, &active, &mut PathCells::default()).unwrap();
    // No HTTP; then no token, a bad one, that of a stranger; of the issuer without a role, with another one, with one, with two.
    assert_eq!(few.len(), 1 + 3 + 2 + 20 + 20 * 19 / 2);
}

/// Of a rule that promises nothing the value that it looks for is tried with all others, and no other is.
#[test]
fn only_the_values_that_settle_something_are_tried_besides_any_others() {
    let cuts: Vec<Cut> = (0..20).map(|role| role_cut(&format!("r{role}"), Some(1))).chain([role_cut("banned", None)]).collect();
    let active: Vec<usize> = (0..cuts.len()).collect();
    for few in [deciding_requests, differing_requests] {
        let few = few(&cuts, &active, &mut PathCells::default()).unwrap();
        assert_eq!(few.len(), 1 + 3 + 1 + 2 * (1 + 20 + 20 * 19 / 2));
    }
}

/// A token has one subject, so thirty users make as many tokens and no more.
#[test]
fn a_token_has_one_subject() {
    let cut = |user: usize| {
        let claims = [("sub".into(), [format!("u{user}").into()].into())].into();
        let tokens = [Token::Valid { issuer: "i".into(), claims }].into();
        Cut { peers: Peers::all(), ports: PortSet::all(), requests: RequestSamples { tokens, ..RequestSamples::default() } }
    };
    let cuts: Vec<Cut> = (0..30).map(cut).collect();
    let active: Vec<usize> = (0..cuts.len()).collect();
    let found = request_classes(&cuts, &active, &mut PathCells::default()).unwrap();
    // No HTTP; then no token, a bad one, that of a stranger; of the issuer without a subject, with another one, with each.
    assert_eq!(found.len(), 1 + 3 + 2 + 30);
}

proptest! {
    /// For any two cuts, every request has a stand-in with the same headers of those two and of what settles; whatever was asked before.
    #[test]
    fn requests_that_decide_have_all_headers_of_any_two_cuts(
        cuts in prop::collection::vec(header_cut(), 1..7),
        asked in prop::collection::vec(prop::collection::btree_set(0_usize..7, 0..7), 1..5),
    ) {
        let mut deciding = DecidingRequests::new(&cuts);
        for active in asked {
            let active: Vec<usize> = active.into_iter().filter(|at| *at < cuts.len()).collect();
            let few = deciding.of(&active, &mut PathCells::default()).unwrap().to_vec();
            let anew = deciding_requests(&cuts, &active, &mut PathCells::default());
            prop_assert_eq!(Ok(few.clone()), anew);
            let all = request_classes(&cuts, &active, &mut PathCells::default()).unwrap();
            prop_assert!(few.iter().all(|request| all.contains(request)));
            let looked: Vec<&RequestSamples> = active.iter().map(|at| &cuts[*at].requests).filter(|samples| !samples.is_empty()).collect();
            for (one, two) in looked.iter().flat_map(|one| looked.iter().map(move |two| (one, two))) {
                let kept = |name: &Symbol| &**name == "s" || one.headers.contains_key(name) || two.headers.contains_key(name);
                for request in all.iter().flatten() {
                    let headers = request.headers.iter().filter(|(name, _)| kept(name)).map(|(name, word)| (name.clone(), word.clone()));
                    let stand_in = Some(Request { headers: headers.collect(), ..request.clone() });
                    prop_assert!(few.contains(&stand_in), "{:?}", stand_in);
                }
            }
        }
    }

    /// Rules that look at anything with some paths, methods and hosts alone say together whatever they say of all requests.
    #[test]
    fn requests_by_place_show_all_that_rules_say_together(cuts in prop::collection::vec(bound_cut(), 1..5)) {
        let active: Vec<usize> = (0..cuts.len()).collect();
        let wide: Vec<Cut> = cuts.iter().cloned().map(|cut| Cut { requests: unbound(cut.requests), ..cut }).collect();
        let said = |requests: Vec<Option<Request>>| {
            let of = |request: Request| cuts.iter().map(|cut| is_matched(&cut.requests, &request)).collect::<Vec<bool>>();
            requests.into_iter().flatten().map(of).collect::<BTreeSet<_>>()
        };
        let all = request_classes(&wide, &active, &mut PathCells::default()).unwrap();
        let by_path = request_classes(&cuts, &active, &mut PathCells::default()).unwrap();
        prop_assert!(by_path.len() <= all.len());
        prop_assert_eq!(said(by_path), said(all));
    }

    /// For any two cuts, every token has a stand-in with as many values of each claim as the two need, and with all that settle something.
    #[test]
    fn tokens_that_decide_have_the_claims_that_any_two_cuts_need(cuts in prop::collection::vec(claim_cut(), 1..6)) {
        let active: Vec<usize> = (0..cuts.len()).collect();
        let tokens = |requests: Vec<Option<Request>>| requests.into_iter().flatten().map(|request| request.token).collect::<BTreeSet<_>>();
        let few = tokens(deciding_requests(&cuts, &active, &mut PathCells::default()).unwrap());
        let all = tokens(request_classes(&cuts, &active, &mut PathCells::default()).unwrap());
        prop_assert!(few.is_subset(&all));
        let settles = |name: &Symbol, value: &Symbol| {
            cuts.iter().any(|cut| asks_for(cut, name, |held| held.contains(value)) && !cut.requests.few_claims.contains_key(name))
        };
        let pairs = || cuts.iter().flat_map(|one| cuts.iter().map(move |two| [one, two]));
        let needed = |pair: [&Cut; 2], name: &Symbol| pair.iter().filter_map(|cut| cut.requests.few_claims.get(name)).sum::<usize>();
        for pair in pairs() {
            for token in &all {
                let Token::Valid { issuer, claims } = token else { continue };
                for last in [false, true] {
                    let some = |(name, values): (&Symbol, &BTreeSet<Symbol>)| {
                        let (mut kept, others): (BTreeSet<Symbol>, BTreeSet<Symbol>) = values.iter().cloned().partition(|value| settles(name, value));
                        let most = needed(pair, name).min(others.len());
                        let skipped = if last { others.len() - most } else { 0 };
                        kept.extend(others.into_iter().skip(skipped).take(most));
                        (!kept.is_empty()).then(|| (name.clone(), kept))
                    };
                    let stand_in = Token::Valid { issuer: issuer.clone(), claims: claims.iter().filter_map(some).collect() };
                    prop_assert!(few.contains(&stand_in), "{:?}", stand_in);
                }
            }
        }
    }

    /// Pods whose labels few tests name all have a class; no class is of a pod with more labels.
    #[test]
    fn pods_of_few_labels_are_those_whose_labels_few_tests_name(
        first in prop::collection::btree_set(label_test(), 1..5),
        second in prop::collection::btree_set(label_test(), 0..3),
        given in prop::collection::btree_set(label_test(), 0..3),
        free in prop::sample::subsequence(vec!["a", "b"], 0..=1),
        most in 0_usize..3,
    ) {
        let free: BTreeSet<Symbol> = free.into_iter().map(Symbol::from).collect();
        let all: BTreeSet<&LabelCube> = first.iter().chain(&second).chain(&given).collect();
        let names = |test: &LabelCube| test.iter().map(|(key, _)| Symbol::clone(key)).filter(|key| !free.contains(key)).collect::<BTreeSet<_>>();
        let keys: BTreeSet<Symbol> = all.iter().flat_map(|test| names(test)).collect();
        let few = |tests, most: [usize; 2]| Carried::few(tests, &most);
        let groups = [few(&first, [most, 0]), Carried::all(&given, 2), few(&second, [1, 2])];
        let few = FewLabels::new(&Everything, &keys.iter().map(|key| (key, None)).collect(), &groups);
        let cubes: Vec<PodCube> = all.iter().map(|test| PodCube { labels: (*test).clone(), ..PodCube::in_namespace("a") }).collect();
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let classes = classes_within(PodCube::in_namespace("a"), &numbered, cubes.len(), &few).unwrap();
        let found: BTreeSet<Vec<usize>> = classes.iter().map(|class| class.held_by.clone()).collect();
        // All that are given, and some of the first and one of the second, or two of the second.
        let some: Vec<&BTreeSet<LabelCube>> = std::iter::repeat_n(&first, most).chain([&second]).collect();
        let reasons = [some, vec![&second, &second]];
        let is_few = |pod: &Pod| {
            let carried: BTreeSet<Symbol> = pod.labels.keys().filter(|key| keys.contains(*key)).cloned().collect();
            let covered_by = |sets: &Vec<&BTreeSet<LabelCube>>| {
                let given = given.iter().filter(|test| test.contains(&pod.labels)).flat_map(names).collect();
                let mut covered: Vec<BTreeSet<Symbol>> = vec![given];
                for set in sets {
                    let holding = || set.iter().filter(|test| test.contains(&pod.labels));
                    let wider: Vec<_> = covered.iter().flat_map(|own| holding().map(|test| own.union(&names(test)).cloned().collect())).collect();
                    covered.extend(wider);
                }
                covered
            };
            reasons.iter().flat_map(covered_by).any(|covered| carried.is_subset(&covered))
        };
        let held = |pod: &Pod| cubes.iter().enumerate().filter(|(_, cube)| cube.contains(pod)).map(|(at, _)| at).collect::<Vec<_>>();
        for pod in labelled(&["a", "b", "c", "d", "e"]) {
            prop_assert!(!is_few(&pod) || found.contains(&held(&pod)), "{:?} is left out", pod.labels);
        }
        for class in &classes {
            prop_assert!(is_few(&class.example), "{:?} has too many", class.example.labels);
        }
    }
}
