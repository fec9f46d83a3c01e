//! Random rules that ask for claims, on a path, by a method and at a host or on all: what is listed of them is what they say of every choice of
//! values.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::flow::{Labels, PathPattern, Request, RequestSamples, Symbol, Token, WrittenWords};
use crate::list::bits::Bits;
use crate::list::requests::part::Part;
use crate::list::requests::places::Places;
use crate::list::requests::{Looked, Requests, Spaces, paths};

const ISSUER: &str = "corp";
const GROUPS: [&str; 10] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"];
const TENANTS: [&str; 2] = ["t0", "t1"];
const PATHS: [&str; 3] = ["/a", "/b", "/c"];
const METHODS: [&str; 2] = ["GET", "POST"];
const HOSTS: [&str; 2] = ["h", "k"];

/// Asks whether one of the claim's values is one of these, or whether none is.
#[derive(Debug, Clone)]
struct Condition {
    claim: &'static str,
    words: Vec<&'static str>,
    wanted: bool,
}

/// Lets requests pass, or stops them, that fulfil every condition.
#[derive(Debug, Clone)]
struct Rule {
    stops: bool,
    path: Option<&'static str>,
    method: Option<&'static str>,
    host: Option<&'static str>,
    conditions: Vec<Condition>,
}

/// One of these words, as a sample.
fn named(word: Option<&str>) -> BTreeSet<Symbol> {
    word.into_iter().map(Symbol::from).collect()
}

impl Rule {
    fn matches(&self, request: &Request) -> bool {
        let Token::Valid { claims, .. } = &request.token else { return false };
        let holds = |condition: &Condition| {
            let held = claims.get(condition.claim).into_iter().flatten();
            held.clone().any(|value| condition.words.iter().any(|word| **word == **value)) == condition.wanted
        };
        self.path.is_none_or(|path| *path == *request.path)
            && self.method.is_none_or(|method| *method == *request.method)
            && self.host.is_none_or(|host| *host == *request.host)
            && self.conditions.iter().all(holds)
    }

    /// As the evaluator says by what it tells requests apart.
    fn samples(&self) -> RequestSamples {
        let values = |condition: &Condition| condition.words.iter().map(|word| Symbol::from(*word)).collect::<BTreeSet<Symbol>>();
        let mut lists: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>> = BTreeMap::new();
        let mut few: BTreeMap<Symbol, usize> = BTreeMap::new();
        for condition in &self.conditions {
            lists.entry(condition.claim.into()).or_default().insert(values(condition));
            *few.entry(condition.claim.into()).or_default() += 1;
        }
        few.retain(|name, _| self.conditions.iter().all(|condition| condition.claim != &**name || condition.wanted));
        let all = lists.iter().map(|(name, lists)| (Symbol::clone(name), lists.iter().flatten().cloned().collect())).collect();
        let paths: BTreeSet<PathPattern> = self.path.map(|path| PathPattern::parse(path).unwrap()).into_iter().collect();
        RequestSamples {
            bound: self.path.map(|_| paths.clone()),
            bound_methods: self.method.map(|_| named(self.method)),
            bound_hosts: self.host.map(|_| named(self.host)),
            methods: named(self.method),
            hosts: named(self.host),
            paths,
            tokens: [BTreeMap::new(), all].map(|claims| Token::Valid { issuer: ISSUER.into(), claims }).into(),
            few_claims: few,
            stops: self.stops,
            looks_inside: true,
            written: WrittenWords { claims: lists, ..WrittenWords::default() },
            ..RequestSamples::default()
        }
    }
}

/// Where some rule lets it pass and none stops it.
fn passes(rules: &[Rule], request: &Request) -> bool {
    let matching = || rules.iter().filter(|rule| rule.matches(request));
    matching().any(|rule| !rule.stops) && !matching().any(|rule| rule.stops)
}

fn request(path: &str, claims: BTreeMap<Symbol, BTreeSet<Symbol>>) -> Request {
    let token = Token::Valid { issuer: ISSUER.into(), claims };
    Request { method: "GET".into(), path: path.into(), host: "h".into(), headers: Labels::new(), token }
}

/// One request for every path, some methods and hosts, and every choice of at most three groups.
fn requests() -> Vec<Request> {
    let held = |names: &[&'static str], mask: usize| {
        names.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, name)| Symbol::from(*name)).collect::<BTreeSet<Symbol>>()
    };
    let mut all = Vec::new();
    for (groups, tenants) in (0_usize..1 << GROUPS.len())
        .filter(|groups| groups.count_ones() < 4)
        .flat_map(|groups| (0..1 << TENANTS.len()).map(move |tenants| (groups, tenants)))
    {
        let claims = [("groups", held(&GROUPS, groups)), ("tenant", held(&TENANTS, tenants))];
        let claims: BTreeMap<Symbol, BTreeSet<Symbol>> =
            claims.into_iter().filter(|(_, held)| !held.is_empty()).map(|(name, held)| (name.into(), held)).collect();
        all.extend(PATHS.iter().chain(&["/other"]).map(|path| request(path, claims.clone())));
    }
    let at = |method: &str, host: &str| {
        let at = |request: &Request| Request { method: method.into(), host: host.into(), ..request.clone() };
        all.iter().map(at).collect::<Vec<Request>>()
    };
    [("POST", "k"), ("GET", "k"), ("PUT", "z")].into_iter().flat_map(|(method, host)| at(method, host)).chain(all.iter().cloned()).collect()
}

/// The numbers of the questions that pass.
fn passing(rules: &[Rule], questions: &[Option<Request>]) -> Bits {
    questions.iter().enumerate().filter(|(_, one)| one.as_ref().is_some_and(|one| passes(rules, one))).map(|(at, _)| at).collect()
}

/// What is listed of the requests that pass these rules; none if it cannot be said.
fn listed(rules: &[Rule]) -> Option<std::sync::Arc<Requests>> {
    let samples: Vec<RequestSamples> = rules.iter().map(Rule::samples).collect();
    let mut spaces = Spaces::default();
    let space = spaces.of(&Looked::of(samples.iter()))?;
    spaces.name(&space, &passing(rules, space.questions()))
}

/// The same, place by place however few the rules tell apart.
fn listed_by_place(rules: &[Rule]) -> Option<Requests> {
    let samples: Vec<RequestSamples> = rules.iter().map(Rule::samples).collect();
    let looked = Looked::of(samples.iter());
    let patterns: Vec<PathPattern> = looked.samples.paths.iter().cloned().collect();
    let places = Places::new(&looked, Part::new(paths::samples(&patterns), patterns).into())?;
    places.describe(&passing(rules, &places.questions))
}

fn rule(negatives: bool) -> impl Strategy<Value = Rule> {
    let path = prop::option::weighted(0.6, prop::sample::select(&PATHS[..]));
    let groups = prop::sample::subsequence(&GROUPS[..], 1..=4).prop_map(|words| ("groups", words));
    let tenants = prop::sample::subsequence(&TENANTS[..], 1..=1).prop_map(|words| ("tenant", words));
    let condition = (prop_oneof![3 => groups, 1 => tenants], prop::bool::weighted(0.4))
        .prop_map(move |((claim, words), refused)| Condition { claim, words, wanted: !(negatives && refused) });
    let method = prop::option::weighted(0.2, prop::sample::select(&METHODS[..]));
    let host = prop::option::weighted(0.2, prop::sample::select(&HOSTS[..]));
    (prop::bool::weighted(0.3), path, method, host, prop::collection::vec(condition, 1..3))
        .prop_map(|(stops, path, method, host, conditions)| Rule { stops, path, method, host, conditions })
}

/// Nothing is made up where nothing can be said.
fn agree(rules: &[Rule]) -> Result<(), TestCaseError> {
    let requests = requests();
    for listed in [listed(rules).map(|listed| Requests::clone(&listed)), listed_by_place(rules)].into_iter().flatten() {
        for request in &requests {
            prop_assert_eq!(listed.admits(Some(request)), passes(rules, request), "{}: {:?}", listed, request);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rules_that_ask_for_values_are_listed_as_they_are(rules in prop::collection::vec(rule(false), 1..10)) {
            agree(&rules)?;
    }

    #[test]
    fn rules_that_refuse_values_are_listed_as_they_are(rules in prop::collection::vec(rule(true), 1..6)) {
            agree(&rules)?;
    }
}

/// Lets everything pass.
const ANY: Rule = Rule { stops: false, path: None, method: None, host: None, conditions: Vec::new() };

/// What stops a request by any of a dozen values is one test, however many there are.
#[test]
fn a_list_of_many_values_is_one_test() {
    let words: Vec<&'static str> = (0..12).map(|at| &*format!("role{at}").leak()).collect();
    let none_of = Condition { claim: "groups", words, wanted: false };
    let rules = [Rule { conditions: vec![none_of], ..ANY }];
    let listed = listed(&rules).unwrap();
    let with = |groups: &[&str]| request("/a", [("groups".into(), groups.iter().map(|group| Symbol::from(*group)).collect())].into());
    assert!(listed.admits(Some(&with(&["other"]))) && !listed.admits(Some(&with(&["other", "role7"]))), "{listed}");
}

/// Thirty rules with a role and a path of their own: each path is listed with its role.
#[test]
fn as_many_roles_as_there_are_paths_are_listed() {
    let text = |name: &str, at: usize| -> &'static str { format!("{name}{at}").leak() };
    let asks = |at: usize| Condition { claim: "groups", words: vec![text("role", at)], wanted: true };
    let rules: Vec<Rule> = (0..30).map(|at| Rule { path: Some(text("/path", at)), conditions: vec![asks(at)], ..ANY }).collect();
    let listed = listed(&rules).unwrap();
    assert_eq!(listed.kinds.len(), rules.len(), "{listed}");
    let held = |groups: &[&str]| [("groups".into(), groups.iter().map(|group| Symbol::from(*group)).collect())].into();
    assert!(listed.admits(Some(&request("/path7", held(&["role3", "role7", "role9"])))), "{listed}");
    assert!(!listed.admits(Some(&request("/path7", held(&["role3", "role9"])))), "{listed}");
}

/// A hundred and fifty rules that each let one role pass, on a path of its own or on all, beside one that stops requests by the same claim: by
/// a value that some of them ask for, by another one, or by having none of some. Tokens of each choice of a few roles are tried.
#[test]
fn many_roles_beside_what_stops_by_the_same_claim_are_listed() {
    let text = |name: &str, at: usize| -> &'static str { format!("{name}{at}").leak() };
    let role = |at: usize| text("role", at);
    let asks = |words: Vec<&'static str>, wanted| Condition { claim: "groups", words, wanted };
    let held = |groups: &[&str]| BTreeMap::from([("groups".into(), groups.iter().map(|group| Symbol::from(*group)).collect())]);
    let tried = [role(3), role(5), role(9), "banned", "staff", "other"];
    let claims: Vec<_> = (0..1_usize << tried.len())
        .map(|mask| held(&tried.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, one)| *one).collect::<Vec<_>>()))
        .collect();
    let all: Vec<&'static str> = (0..150).map(role).collect();
    let stopping = [asks(vec![role(5)], true), asks(vec!["banned"], true), asks(vec!["staff"], false), asks(all, false)];
    for (has_paths, stop) in [true, false].into_iter().flat_map(|has_paths| stopping.iter().map(move |stop| (has_paths, stop))) {
        let lets = |at: usize| Rule { path: has_paths.then(|| text("/path", at)), conditions: vec![asks(vec![role(at)], true)], ..ANY };
        let stop = Rule { stops: true, conditions: vec![stop.clone()], ..ANY };
        let rules: Vec<Rule> = (0..150).map(lets).chain([stop.clone()]).collect();
        let Some(listed) = listed(&rules) else {
            assert!(!has_paths && stop.conditions[0].words.len() == 150, "{stop:?}");
            continue;
        };
        for (path, claims) in ["/path3", "/path5", "/other"].into_iter().flat_map(|path| claims.iter().map(move |claims| (path, claims))) {
            let request = request(path, claims.clone());
            assert_eq!(listed.admits(Some(&request)), passes(&rules, &request), "{request:?}\n{stop:?}");
        }
    }
}
