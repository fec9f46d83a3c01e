//! Sets of requests, and of what else may be said over a connection.
//!
//! Owns: `RequestCube`, `RequestSet`. It must not know which proxy judges them.
//!
//! Tokens have no complement here: "a token without this claim" is nothing that any rule can say. Subtraction is exact all the
//! same wherever it matters, see [`RequestSet::subtract`].

pub use token::TokenTest;

mod token;

use super::{LabelCube, PathSet, Request, Values};

/// The requests that pass each of these tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestCube {
    /// What the method may be; it is never absent.
    pub methods: Values,
    /// What the path may be.
    pub paths: PathSet,
    /// What the host may be, lower case; it is never absent.
    pub hosts: Values,
    /// What each other header may be, by lower-case name.
    pub headers: LabelCube,
    /// What the token may be.
    pub token: TokenTest,
}

impl RequestCube {
    /// Every request.
    pub const fn all() -> Self {
        Self { methods: Values::any(), paths: PathSet::any(), hosts: Values::any(), headers: LabelCube::all(), token: TokenTest::Any }
    }

    /// Whether it has no test at all, and so is every request.
    pub fn is_all(&self) -> bool {
        self.methods.is_any() && self.paths.is_any() && self.hosts.is_any() && self.headers.is_all() && self.token.is_any()
    }

    /// Whether no request is in it.
    pub fn is_empty(&self) -> bool {
        self.token.is_empty() || self.misses_a_test()
    }

    /// Whether the request is in it.
    pub fn contains(&self, request: &Request) -> bool {
        self.methods.contains(Some(&request.method))
            && self.hosts.contains(Some(request.host_name()))
            && self.headers.contains(&request.headers)
            && self.token.contains(&request.token)
            && self.paths.matches(&request.path)
    }

    /// The requests in both; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        // The paths are by far the dearest to compare, so they come last.
        if !self.methods.overlaps(&other.methods) || !self.hosts.overlaps(&other.hosts) {
            return None;
        }
        let token = self.token.intersect(&other.token)?;
        let headers = self.headers.intersect(&other.headers)?;
        let methods = self.methods.intersect(&other.methods);
        let hosts = self.hosts.intersect(&other.hosts);
        let meet = Self { methods, paths: self.paths.intersect(&other.paths), hosts, headers, token };
        (!meet.is_empty()).then_some(meet)
    }

    /// Whether some request is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.intersect(other).is_some()
    }

    /// Whether every request of this cube is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.is_empty() || self.token.is_subset(&other.token) && self.outside(other).is_empty()
    }

    /// The requests of this cube that fail a test of the other than that of the token, as disjoint cubes, none empty.
    fn outside(&self, other: &Self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self.clone();
        if !other.methods.is_any() {
            let methods = self.methods.subtract(&other.methods);
            pieces.push(Self { methods, ..rest.clone() });
            rest.methods = rest.methods.intersect(&other.methods);
        }
        if !other.hosts.is_any() {
            let hosts = self.hosts.subtract(&other.hosts);
            pieces.push(Self { hosts, ..rest.clone() });
            rest.hosts = rest.hosts.intersect(&other.hosts);
        }
        let headers = self.headers.subtract(&other.headers);
        pieces.extend(headers.into_iter().map(|headers| Self { headers, ..rest.clone() }));
        match self.headers.intersect(&other.headers) {
            Some(headers) => rest.headers = headers,
            None => rest.methods = Values::none(),
        }
        if !other.paths.is_any() && !rest.misses_a_test() {
            let paths = self.paths.subtract(&other.paths);
            pieces.extend(paths.into_iter().map(|paths| Self { paths, ..rest.clone() }));
        }
        pieces.retain(|piece| !piece.misses_a_test());
        pieces
    }

    /// Whether some test other than that of the token leaves nothing.
    fn misses_a_test(&self) -> bool {
        let lacks_words = |values: &Values| !values.is_cofinite() && values.words().is_empty();
        lacks_words(&self.methods) || lacks_words(&self.hosts) || self.headers.is_empty() || self.paths.is_empty()
    }
}

impl Default for RequestCube {
    fn default() -> Self {
        Self::all()
    }
}

/// A set of what may be said over a connection: requests, and whatever is no HTTP.
///
/// Two equal sets may be different values; ask with [`RequestSet::is_subset`] both ways.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestSet {
    /// Whether connections that are no HTTP are in it.
    pub raw: bool,
    /// The requests in it, as a union; cubes may overlap.
    pub cubes: Vec<RequestCube>,
}

impl RequestSet {
    /// The empty set.
    pub const fn none() -> Self {
        Self { raw: false, cubes: Vec::new() }
    }

    /// Everything that may be said.
    pub fn all() -> Self {
        Self { raw: true, cubes: vec![RequestCube::all()] }
    }

    /// The requests in these cubes, and nothing that is no HTTP.
    pub fn http(cubes: Vec<RequestCube>) -> Self {
        Self { raw: false, cubes }
    }

    /// Whether it is written as everything. An equal set may be written otherwise; [`RequestSet::is_subset`] knows.
    pub fn is_all(&self) -> bool {
        self.raw && self.cubes.iter().any(RequestCube::is_all)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.raw && self.cubes.iter().all(RequestCube::is_empty)
    }

    /// Whether the request is in it.
    pub fn contains(&self, request: &Request) -> bool {
        self.cubes.iter().any(|cube| cube.contains(request))
    }

    /// Whether the request, or with `None` a connection that is no HTTP, is in it.
    pub fn admits(&self, request: Option<&Request>) -> bool {
        request.map_or(self.raw, |request| self.contains(request))
    }

    /// What is in either; cubes inside others are left out.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut cubes: Vec<RequestCube> = Vec::with_capacity(self.cubes.len() + other.cubes.len());
        for cube in self.cubes.iter().chain(&other.cubes) {
            if !cube.is_empty() && !cubes.iter().any(|known| cube.is_subset(known)) {
                cubes.retain(|known| !known.is_subset(cube));
                cubes.push(cube.clone());
            }
        }
        Self { raw: self.raw || other.raw, cubes }
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let pairs = self.cubes.iter().flat_map(|own| other.cubes.iter().map(move |cube| (own, cube)));
        let cubes = pairs.filter_map(|(own, cube)| own.intersect(cube)).collect();
        Self { raw: self.raw && other.raw, cubes }
    }

    /// Whether anything is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.raw && other.raw || self.cubes.iter().any(|own| other.cubes.iter().any(|cube| own.overlaps(cube)))
    }

    /// What is in this set and not in the other; disjoint cubes where this set's cubes are disjoint.
    ///
    /// Exact wherever each token test of the other set accepts all tokens of a cube of this one or none, above all where the
    /// other set tests no tokens. Otherwise the cube falls into parts by the claim values that the other set tells apart, and
    /// a part of which the other set takes some tokens only stays whole, as no cube says the rest. So the answer holds
    /// at least the difference, and it is empty exactly when the difference is: token tests are monotone, a part that is
    /// covered is covered for its smallest token, and a cube that accepts that token accepts all tokens of the part.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let cubes = self.cubes.iter().filter(|cube| !cube.is_empty()).flat_map(|cube| minus(cube, &other.cubes)).collect();
        Self { raw: self.raw && !other.raw, cubes }
    }

    /// Whether everything in this set is in the other; exact, see [`RequestSet::subtract`].
    pub fn is_subset(&self, other: &Self) -> bool {
        self.raw <= other.raw && self.cubes.iter().all(|cube| cube.is_empty() || minus(cube, &other.cubes).is_empty())
    }
}

/// What is left of one cube, as [`RequestSet::subtract`] has it.
fn minus(cube: &RequestCube, others: &[RequestCube]) -> Vec<RequestCube> {
    if others.iter().any(|other| other == cube || other.is_all()) {
        return Vec::new();
    }
    let others: Vec<&RequestCube> = others.iter().filter(|other| cube.overlaps(other)).collect();
    let tests: Vec<&TokenTest> = others.iter().map(|other| &other.token).collect();
    let mut left = Vec::new();
    for token in cube.token.split(&tests) {
        let mut rest = vec![RequestCube { token: token.clone(), ..cube.clone() }];
        for other in others.iter().filter(|other| token.is_subset(&other.token)) {
            rest = rest.iter().flat_map(|piece| piece.outside(other)).collect();
        }
        left.extend(rest);
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::token::tests::{test, tokens};
    use super::*;
    use crate::flow::{PathPattern, Symbol, Token};

    /// One request for every way in which the strategies' cubes can tell requests apart.
    fn universe() -> Vec<Request> {
        let mut all = Vec::new();
        for method in ["GET", "POST", "OTHER"] {
            for path in ["/a", "/b", "/a/x", "/other", "/other/y"] {
                for (host, header) in
                    [("h", None), ("h", Some("1")), ("h", Some("other")), ("other", None), ("other", Some("1")), ("other", Some("other"))]
                {
                    let headers = header.map(|value| ("x".into(), value.into())).into_iter().collect();
                    all.extend(tokens().into_iter().map(|token| request([method, path, host], &headers, token)));
                }
            }
        }
        all
    }

    fn request([method, path, host]: [&str; 3], headers: &super::super::Labels, token: Token) -> Request {
        Request { method: method.into(), path: path.into(), host: host.into(), headers: headers.clone(), token }
    }

    fn values(words: &'static [&'static str]) -> impl Strategy<Value = Values> {
        let named = prop::sample::subsequence(words.to_vec(), 0..=words.len());
        (named, any::<bool>(), any::<bool>()).prop_map(|(named, cofinite, absent)| {
            let words = named.into_iter().map(Symbol::from);
            let base = if cofinite { Values::except(words) } else { Values::of(words) };
            if absent { base } else { base.intersect(&Values::present()) }
        })
    }

    fn paths() -> impl Strategy<Value = PathSet> {
        let texts = || prop::sample::subsequence(vec!["/a", "/b", "/a/{**}", "/{*}"], 0..=3);
        let parse = |texts: Vec<&str>| texts.into_iter().map(|text| PathPattern::parse(text).unwrap()).collect::<Vec<_>>();
        let within = prop::option::of(texts());
        (within, texts())
            .prop_map(move |(within, except)| within.map_or(PathSet::any(), |texts| PathSet::of(parse(texts))).except(parse(except)))
    }

    prop_compose! {
        fn cube()(
            methods in prop::option::of(values(&["GET", "POST"])),
            hosts in prop::option::of(values(&["h"])),
            header in prop::option::of(values(&["1"])),
            paths in prop::option::of(paths()),
            token in prop::option::of(test()),
        ) -> RequestCube {
            RequestCube {
                methods: methods.unwrap_or(Values::any()),
                paths: paths.unwrap_or_default(),
                hosts: hosts.unwrap_or(Values::any()),
                headers: LabelCube::of("x".into(), header.unwrap_or(Values::any())),
                token: token.unwrap_or_default(),
            }
        }
    }

    prop_compose! {
        fn set()(raw: bool, cubes in prop::collection::vec(cube(), 0..4)) -> RequestSet {
            RequestSet { raw, cubes }
        }
    }

    /// Whether each request, and last a connection that is no HTTP, is in the set.
    fn members(set: &RequestSet) -> Vec<bool> {
        universe().iter().map(Some).chain([None]).map(|request| set.admits(request)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn algebra_agrees_with_membership(ours in set(), theirs in set()) {
            let pairs: Vec<(bool, bool)> = members(&ours).into_iter().zip(members(&theirs)).collect();
            let each = |of: fn(bool, bool) -> bool| pairs.iter().map(|(own, other)| of(*own, *other)).collect::<Vec<_>>();
            prop_assert!(members(&ours.intersect(&theirs)) == each(|own, other| own && other));
            prop_assert!(members(&ours.union(&theirs)) == each(|own, other| own || other));
            prop_assert_eq!(ours.overlaps(&theirs), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            let difference = each(|own, other| own && !other);
            let left = ours.subtract(&theirs);
            prop_assert_eq!(left.is_empty(), !difference.contains(&true));
            prop_assert!(left.cubes.iter().all(|cube| !cube.is_empty()));
            let left = members(&left);
            prop_assert!(left.iter().zip(&difference).all(|(left, exact)| *left || !exact), "it keeps what is not in the other");
            prop_assert!(left.iter().zip(&pairs).all(|(left, (own, _))| !left || *own), "it makes nothing up");
            if theirs.cubes.iter().all(|cube| cube.token.is_any()) {
                prop_assert!(left == difference);
            }
        }

        #[test]
        fn one_cube_against_one(ours in cube(), theirs in cube()) {
            let universe = universe();
            let none_fails = universe.iter().all(|request| !ours.contains(request) || theirs.contains(request));
            prop_assert_eq!(ours.is_subset(&theirs), none_fails);
            prop_assert_eq!(ours.is_empty(), !universe.iter().any(|request| ours.contains(request)));
            let pieces = ours.outside(&RequestCube { token: TokenTest::Any, ..theirs.clone() });
            prop_assert!(universe.iter().all(|request| pieces.iter().filter(|piece| piece.contains(request)).count() < 2), "disjoint");
        }
    }

    fn corp() -> TokenTest {
        TokenTest::valid("corp".into())
    }

    fn groups(words: &[&str]) -> TokenTest {
        corp().claim("groups".into(), words.iter().copied().map(Symbol::from))
    }

    fn with_token(token: TokenTest) -> RequestSet {
        RequestSet::http(vec![RequestCube { token, ..RequestCube::all() }])
    }

    #[test]
    fn claims_may_be_covered_by_several_rules() {
        let either = with_token(groups(&["admin", "ops"]));
        let apart = with_token(groups(&["admin"])).union(&with_token(groups(&["ops"])));
        assert!(either.is_subset(&apart) && apart.is_subset(&either));
        assert!(!either.is_subset(&with_token(groups(&["admin"]))));
        let left = either.subtract(&with_token(groups(&["admin"])));
        assert_eq!(left, with_token(groups(&["ops"])), "a token with both groups is in both sets; no cube says otherwise");
        assert!(!with_token(TokenTest::Any).is_subset(&with_token(corp())), "a request may carry no token");
        assert!(either.is_subset(&with_token(corp())) && either.is_subset(&with_token(TokenTest::Any)));
    }

    #[test]
    fn a_claim_asked_twice_must_hold_twice() {
        let both = groups(&["admin"]).claim("groups".into(), ["ops".into()]);
        let held = |words: &[&str]| {
            let claims = BTreeMap::from([("groups".into(), words.iter().copied().map(Symbol::from).collect::<BTreeSet<_>>())]);
            Token::Valid { issuer: "corp".into(), claims }
        };
        assert!(both.contains(&held(&["admin", "ops"])) && !both.contains(&held(&["admin"])));
        assert_eq!(groups(&["admin"]).intersect(&groups(&["ops"])), Some(both));
    }

    #[test]
    fn raw_connections_are_no_requests() {
        let http = RequestSet::http(vec![RequestCube::all()]);
        assert!(!http.is_all() && RequestSet::all().is_all());
        assert!(http.is_subset(&RequestSet::all()) && !RequestSet::all().is_subset(&http));
        assert_eq!(RequestSet::all().subtract(&http), RequestSet { raw: true, cubes: Vec::new() });
        assert!(!http.admits(None) && RequestSet::all().admits(None));
        assert!(!http.overlaps(&RequestSet { raw: true, cubes: Vec::new() }));
    }

    #[test]
    fn a_request_always_has_a_method_and_a_host() {
        let present = RequestCube { methods: Values::present(), hosts: Values::present(), ..RequestCube::all() };
        assert!(RequestCube::all().is_subset(&present));
        assert!(RequestCube { methods: Values::absent(), ..RequestCube::all() }.is_empty());
        let with_header = RequestCube { headers: LabelCube::of("x".into(), Values::present()), ..RequestCube::all() };
        assert!(!RequestCube::all().is_subset(&with_header), "a header may be absent");
    }
}
