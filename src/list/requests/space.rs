//! The kinds of requests that a judge tells apart, and what a set of them is called.
//!
//! Owns: `Space`, `Spaces`. A space is the product of all that is looked at, or where that is too much, or tells tokens apart by part of what
//! they hold, what is looked at place by place. Spaces, and the names of their sets, are made once for all ends that look at the same.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::Assumption;
use crate::flow::{PathPattern, Request};

use super::super::bits::Bits;
use super::part::Part;
use super::paths;
use super::places::Places;
use super::product::{MAX_KINDS, Product};
use super::{Looked, Requests};

/// Up to so many kinds all choices are asked for, though place by place they may be fewer.
const FEW_KINDS: usize = 1 << 14;

/// The spaces known so far.
#[derive(Debug, Default)]
pub(in super::super) struct Spaces {
    known: HashMap<Looked, Option<Rc<Space>>>,
    paths: HashMap<BTreeSet<PathPattern>, Rc<Part<PathPattern>>>,
    /// By the number of a space and those of questions.
    names: HashMap<(usize, Bits), Name>,
    /// Whether some set has another name than it would have if CORS preflights carried tokens.
    leaves_out_preflights: bool,
}

/// What a set is called, if that can be said exactly, and whether CORS preflights are left out of it.
type Name = (Option<Arc<Requests>>, bool);

/// The kinds of requests that some samples tell apart.
#[derive(Debug)]
pub(in super::super) struct Space {
    number: usize,
    kinds: Kinds,
}

#[derive(Debug)]
enum Kinds {
    Product(Product),
    Places(Places),
}

impl Spaces {
    /// The space of what is looked at; none if it has too many kinds.
    pub(in super::super) fn of(&mut self, looked: &Looked) -> Option<Rc<Space>> {
        if let Some(known) = self.known.get(looked) {
            return known.clone();
        }
        let paths = self.paths.entry(looked.samples.paths.clone()).or_insert_with_key(|patterns| {
            let patterns: Vec<PathPattern> = patterns.iter().cloned().collect();
            Rc::new(Part::new(paths::samples(&patterns), patterns))
        });
        let (kinds, number) = (Kinds::new(looked, paths), self.known.len());
        let space = kinds.map(|kinds| Rc::new(Space { number, kinds }));
        self.known.insert(looked.clone(), space.clone());
        space
    }

    /// What was taken for granted of requests.
    pub(in super::super) fn assumption(&self) -> Option<Assumption> {
        self.leaves_out_preflights.then_some(Assumption::Preflight)
    }

    /// What the questions of these numbers are together; none if that has no exact name.
    pub(in super::super) fn name(&mut self, space: &Space, wanted: &Bits) -> Option<Arc<Requests>> {
        let name = || match &space.kinds {
            Kinds::Product(product) => (product.describe(wanted).map(Arc::new), product.leaves_out_preflights(wanted)),
            Kinds::Places(places) => (places.describe(wanted).map(Arc::new), places.leaves_out_preflights(wanted)),
        };
        let (name, leaves_out) = self.names.entry((space.number, wanted.clone())).or_insert_with(name);
        self.leaves_out_preflights |= *leaves_out;
        name.clone()
    }
}

impl Kinds {
    fn new(looked: &Looked, paths: &Rc<Part<PathPattern>>) -> Option<Self> {
        let product = |most| Product::new(looked, Rc::clone(paths), most);
        let few = product(FEW_KINDS);
        if let Some(few) = few.filter(|few| !few.is_told_in_part()) {
            return Some(Self::Product(few));
        }
        Places::new(looked, Rc::clone(paths)).map(Self::Places).or_else(|| product(MAX_KINDS).map(Self::Product))
    }
}

impl Space {
    /// Its number among the spaces that were made with it.
    pub(in super::super) const fn number(&self) -> usize {
        self.number
    }

    /// One question for each kind of request, after one for a connection that is no HTTP. Where nothing looks inside, that one
    /// stands for all.
    pub(in super::super) fn questions(&self) -> &[Option<Request>] {
        match &self.kinds {
            Kinds::Product(product) => &product.questions,
            Kinds::Places(places) => &places.questions,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{RequestSamples, Symbol, Token, WrittenWords};

    fn set(words: &[&str]) -> BTreeSet<Symbol> {
        words.iter().map(|word| Symbol::from(*word)).collect()
    }

    fn patterns(texts: &[&str]) -> BTreeSet<PathPattern> {
        texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
    }

    fn token(groups: &[&str]) -> Token {
        Token::Valid {
            issuer: "corp".into(),
            claims: if groups.is_empty() { BTreeMap::new() } else { [("groups".into(), set(groups))].into() },
        }
    }

    fn samples() -> impl Strategy<Value = RequestSamples> {
        let some = |words: &'static [&'static str]| prop::sample::subsequence(words.to_vec(), 0..=words.len());
        let hosts = some(&["shop", "a.shop", "*.shop", "*"]);
        (some(&["GET", "POST"]), some(&["/a", "/a/{**}", "/{*}"]), hosts, some(&["1"]), any::<bool>(), any::<bool>()).prop_map(
            |(methods, paths, hosts, values, has_header, has_token)| RequestSamples {
                methods: set(&methods),
                paths: patterns(&paths),
                hosts: set(&hosts.iter().map(|host| if *host == "*" { "any" } else { host.trim_start_matches('*') }).collect::<Vec<_>>())
                    .into_iter()
                    .map(|host| if host.starts_with('.') { format!("x{host}").into() } else { host })
                    .collect(),
                headers: has_header.then(|| ("x".into(), set(&values))).into_iter().collect(),
                tokens: if has_token {
                    [token(&[]), token(&["ops"]), token(&["dev"]), token(&["dev", "ops"])].into()
                } else {
                    BTreeSet::new()
                },
                looks_inside: true,
                written: WrittenWords { hosts: set(&hosts), ..WrittenWords::default() },
                ..RequestSamples::default()
            },
        )
    }

    proptest! {
        #[test]
        fn a_name_says_exactly_what_was_meant(samples in samples(), choice in prop::collection::vec(any::<bool>(), 2_000)) {
            let mut spaces = Spaces::default();
            let space = spaces.of(&Looked::of(std::iter::once(&samples))).unwrap();
            prop_assert!(space.questions().len() <= choice.len());
            let wanted: Bits = (0..space.questions().len()).filter(|at| choice[*at]).collect();
            let name = spaces.name(&space, &wanted).unwrap();
            for (at, question) in space.questions().iter().enumerate() {
                prop_assert_eq!(name.admits(question.as_ref()), wanted.contains(at), "{}: {:?}", name, question);
            }
        }
    }

    /// What the requests that pass a test are called.
    fn called(samples: &RequestSamples, wanted: &dyn Fn(&Request) -> bool) -> String {
        let mut spaces = Spaces::default();
        let space = spaces.of(&Looked::of(std::iter::once(samples))).unwrap();
        let numbers = space.questions().iter().enumerate().filter(|(_, question)| question.as_ref().is_some_and(wanted));
        let numbers = numbers.map(|(at, _)| at).collect();
        spaces.name(&space, &numbers).unwrap().to_string()
    }

    #[test]
    fn methods_and_paths_read_as_in_the_language() {
        let samples = RequestSamples {
            methods: set(&["GET", "HEAD", "POST"]),
            paths: patterns(&["/v1/orders", "/v1/{**}"]),
            looks_inside: true,
            ..RequestSamples::default()
        };
        let reads = |request: &Request| ["GET", "HEAD"].contains(&&*request.method) && request.path.starts_with("/v1/");
        let posts = |request: &Request| &*request.method == "POST" && &*request.path == "/v1/orders";
        assert_eq!(called(&samples, &|request| reads(request) || posts(request)), "GET|HEAD /v1/{**}, POST /v1/orders");
        assert_eq!(called(&samples, &|_| true), "any HTTP");
        assert_eq!(called(&samples, &|request| &*request.method != "POST"), "!POST");
        assert_eq!(called(&samples, &|request| &*request.method == "GET" || &*request.path == "/v1/orders"), "* /v1/orders, GET");
    }

    #[test]
    fn hosts_headers_and_tokens_read_as_the_policies_write_them() {
        let samples = RequestSamples {
            hosts: set(&["shop", "x.shop", "a.shop"]),
            headers: [("x-role".into(), set(&["admin"]))].into(),
            tokens: [token(&[]), token(&["opsx"])].into(),
            looks_inside: true,
            written: WrittenWords {
                hosts: set(&["shop", "*.shop", "a.shop"]),
                headers: [("x-role".into(), set(&["admin"]))].into(),
                claims: [("groups".into(), [set(&["ops*"])].into())].into(),
                ..WrittenWords::default()
            },
            ..RequestSamples::default()
        };
        let is = |token: &Token, wanted: bool| matches!(token, Token::Valid { claims, .. } if !wanted || !claims.is_empty());
        assert_eq!(called(&samples, &|request| request.host.ends_with(".shop")), "* at *.shop");
        assert_eq!(called(&samples, &|request| &*request.host == "x.shop"), "* at *.shop but a.shop");
        assert_eq!(called(&samples, &|request| request.host.contains("shop")), "* at *.shop|shop");
        assert_eq!(
            called(&samples, &|request| request.headers.get("x-role").is_some_and(|role| &**role == "admin")),
            "* header x-role=admin"
        );
        assert_eq!(called(&samples, &|request| request.headers.contains_key("x-role")), "* header x-role=*");
        assert_eq!(called(&samples, &|request| request.headers.is_empty()), "* header x-role absent");
        assert_eq!(called(&samples, &|request| request.token == Token::None), "* jwt none");
        assert_eq!(called(&samples, &|request| is(&request.token, false)), "* jwt corp");
        assert_eq!(called(&samples, &|request| is(&request.token, true)), "* jwt corp groups=ops*");
        assert_eq!(called(&samples, &|request| request.token != Token::Unverified), "* jwt none or corp");
    }

    #[test]
    fn too_many_kinds_are_not_asked_for() {
        let many = |name: &str| (0..80).map(|at| Symbol::from(format!("{name}{at}"))).collect::<BTreeSet<_>>();
        let samples =
            RequestSamples { methods: many("M"), hosts: many("h"), headers: [("x".into(), many("v"))].into(), ..Default::default() };
        assert!(Spaces::default().of(&Looked::of(std::iter::once(&samples))).is_none());
    }
}
