//! The kinds of requests that a judge tells apart, and what a set of them is called.
//!
//! Owns: `Space`, `Spaces`. A space is the product of what is looked at: methods, paths, hosts, headers, tokens, each with one
//! value that nobody names. Spaces, and the names of their sets, are made once for all ends that look at the same.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::flow::{Labels, PathPattern, Request, RequestSamples, Symbol, Token};

use super::super::bits::Bits;
use super::boxes::{self, Cells};
use super::paths::PathCells;
use super::{HeaderTest, RequestKind, Requests, Tokens, Words};

/// So many kinds of requests are asked for one by one; where a policy tells more apart, no answer is made up.
const MAX_KINDS: usize = 20_000;

/// The spaces known so far.
#[derive(Debug, Default)]
pub(in super::super) struct Spaces {
    spaces: HashMap<RequestSamples, Option<Rc<Space>>>,
    paths: HashMap<Vec<PathPattern>, Rc<PathCells>>,
    names: HashMap<(RequestSamples, Bits), Arc<Requests>>,
}

/// The kinds of requests that some samples tell apart.
#[derive(Debug)]
pub(in super::super) struct Space {
    samples: RequestSamples,
    methods: Vec<Symbol>,
    paths: Rc<PathCells>,
    hosts: Vec<Symbol>,
    headers: Vec<(Symbol, Vec<Symbol>)>,
    tokens: Vec<Token>,
    sizes: Vec<usize>,
    questions: Vec<Option<Request>>,
}

impl Spaces {
    /// The space of these samples; none if it has too many kinds.
    pub(in super::super) fn of(&mut self, samples: &RequestSamples) -> Option<Rc<Space>> {
        if let Some(known) = self.spaces.get(samples) {
            return known.clone();
        }
        let patterns: Vec<PathPattern> = samples.paths.iter().cloned().collect();
        let paths = self.paths.entry(patterns).or_insert_with_key(|patterns| Rc::new(PathCells::new(patterns.clone())));
        let space = Space::new(samples, Rc::clone(paths)).map(Rc::new);
        self.spaces.insert(samples.clone(), space.clone());
        space
    }

    /// What the questions of these numbers are together.
    pub(in super::super) fn name(&mut self, space: &Space, wanted: &Bits) -> Arc<Requests> {
        let key = (space.samples.clone(), wanted.clone());
        Arc::clone(self.names.entry(key).or_insert_with(|| Arc::new(space.describe(wanted))))
    }
}

impl Space {
    fn new(samples: &RequestSamples, paths: Rc<PathCells>) -> Option<Self> {
        let words = |words: &BTreeSet<Symbol>| words.iter().cloned().collect::<Vec<_>>();
        let known = [Token::None, Token::Unverified];
        let others = samples.tokens.iter().filter(|token| !known.contains(token));
        let tokens = known.iter().chain(others).cloned().collect();
        let headers = samples.headers.iter().map(|(name, values)| (Symbol::clone(name), words(values))).collect();
        let (methods, hosts) = (words(&samples.methods), words(&samples.hosts));
        let (sizes, questions) = (Vec::new(), vec![None]);
        let mut space = Self { samples: samples.clone(), methods, paths, hosts, headers, tokens, sizes, questions };
        if samples.is_empty() {
            return Some(space);
        }
        let headers = space.headers.iter().map(|(_, values)| values.len() + 2);
        let sizes = [space.paths.samples().len(), space.methods.len() + 1, space.hosts.len() + 1, space.tokens.len()];
        space.sizes = sizes.into_iter().chain(headers).collect();
        let count = space.sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))?;
        if count > MAX_KINDS {
            return None;
        }
        space.questions.extend(space.requests().into_iter().map(Some));
        Some(space)
    }

    /// One question for each kind of request, after one for a connection that is no HTTP. Where nothing looks inside, that one
    /// stands for all.
    pub(in super::super) fn questions(&self) -> &[Option<Request>] {
        &self.questions
    }

    /// A request of each kind; paths count fastest.
    fn requests(&self) -> Vec<Request> {
        let method = |at: usize| self.methods.get(at).cloned().unwrap_or_else(|| fresh('A', &self.methods));
        let host = |at: usize| self.hosts.get(at).cloned().unwrap_or_else(|| fresh('a', &self.hosts));
        let mut requests = Vec::new();
        for headers in self.header_lists() {
            for token in &self.tokens {
                for host in (0..=self.hosts.len()).map(host) {
                    for method in (0..=self.methods.len()).map(method) {
                        let with = |path: &Symbol| Request {
                            method: Symbol::clone(&method),
                            path: Symbol::clone(path),
                            host: Symbol::clone(&host),
                            headers: headers.clone(),
                            token: token.clone(),
                        };
                        requests.extend(self.paths.samples().map(with));
                    }
                }
            }
        }
        requests
    }

    /// Every choice of headers; of each its values, then one that nobody names, then none. The first header counts fastest.
    fn header_lists(&self) -> Vec<Labels> {
        let mut lists = vec![Labels::new()];
        for (name, values) in &self.headers {
            let other = fresh('a', values);
            let choices: Vec<Option<&Symbol>> = values.iter().chain([&other]).map(Some).chain([None]).collect();
            let with = |list: &Labels, value: Option<&Symbol>| {
                let own = value.map(|value| (Symbol::clone(name), Symbol::clone(value)));
                list.clone().into_iter().chain(own).collect()
            };
            lists = choices.iter().flat_map(|value| lists.iter().map(move |list| with(list, *value)).collect::<Vec<Labels>>()).collect();
        }
        lists
    }

    fn describe(&self, wanted: &Bits) -> Requests {
        let raw = wanted.contains(0);
        if self.sizes.is_empty() {
            return if raw { Requests::everything() } else { Requests { raw, kinds: Vec::new() } };
        }
        let classes: Bits = wanted.iter().filter_map(|at| at.checked_sub(1)).collect();
        let mut kinds: Vec<RequestKind> = boxes::cover(&self.sizes, &classes).iter().filter_map(|cells| self.kind(cells)).collect();
        kinds.sort_unstable();
        Requests { raw, kinds }
    }

    /// The kind that a box is.
    fn kind(&self, cells: &Cells) -> Option<RequestKind> {
        let [paths, methods, hosts, tokens, headers @ ..] = cells.as_slice() else { return None };
        let header = |((name, values), cells): (&(Symbol, Vec<Symbol>), &Bits)| Some((Symbol::clone(name), self::header(values, cells)?));
        Some(RequestKind {
            methods: words(&self.methods, methods).unwrap_or(Words::OneOf(Vec::new())),
            paths: self.paths.describe(paths),
            hosts: words(&self.hosts, hosts).unwrap_or(Words::OneOf(Vec::new())),
            headers: self.headers.iter().zip(headers).filter_map(header).collect(),
            tokens: self.tokens_in(tokens),
        })
    }

    fn tokens_in(&self, cells: &Bits) -> Tokens {
        let is_in = |(at, _): &(usize, &Token)| cells.contains(*at);
        let tokens: Vec<Token> = self.tokens.iter().enumerate().filter(is_in).map(|(_, token)| token.clone()).collect();
        let lacks_unverified = !tokens.contains(&Token::Unverified);
        match self.tokens.len() - tokens.len() {
            0 => Tokens::Any,
            1 if lacks_unverified => Tokens::NoneOrVerified,
            _ => Tokens::Like(tokens),
        }
    }
}

/// What the words of these cells are: a cell for each known word, then one for every other; none if there is no cell.
fn words(known: &[Symbol], cells: &Bits) -> Option<Words> {
    let held = |wanted: bool| known.iter().enumerate().filter(move |(at, _)| cells.contains(*at) == wanted).map(|(_, word)| Symbol::clone(word));
    let (inside, outside): (Vec<Symbol>, Vec<Symbol>) = (held(true).collect(), held(false).collect());
    match (cells.contains(known.len()), inside.is_empty(), outside.is_empty()) {
        (true, _, true) => Some(Words::Any),
        (true, _, false) => Some(Words::NoneOf(outside)),
        (false, false, _) => Some(Words::OneOf(inside)),
        (false, true, _) => None,
    }
}

/// What a header of these cells is: a cell for each known value, one for every other, one for no such header. Nothing if it may
/// be anything.
fn header(known: &[Symbol], cells: &Bits) -> Option<HeaderTest> {
    let test = HeaderTest { words: words(known, cells), absent: cells.contains(known.len() + 1) };
    (test != HeaderTest { words: Some(Words::Any), absent: true }).then_some(test)
}

/// A word that shares no letter with any of these.
fn fresh(first: char, words: &[Symbol]) -> Symbol {
    let unused = |letter: &char| !words.iter().any(|word| word.contains(*letter));
    let letter = (first..='z').filter(char::is_ascii_alphabetic).chain('0'..='9').chain('\u{e000}'..='\u{f8ff}').find(unused);
    letter.unwrap_or(first).to_string().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::PathPattern;

    fn set(words: &[&str]) -> BTreeSet<Symbol> {
        words.iter().map(|word| Symbol::from(*word)).collect()
    }

    fn samples() -> impl Strategy<Value = RequestSamples> {
        let some = |words: &'static [&'static str]| prop::sample::subsequence(words.to_vec(), 0..=words.len());
        (some(&["GET", "POST"]), some(&["/a", "/a/{**}", "/{*}"]), some(&["shop"]), some(&["1"]), any::<bool>(), any::<bool>()).prop_map(
            |(methods, paths, hosts, values, has_header, has_token)| RequestSamples {
                methods: set(&methods),
                paths: paths.iter().map(|text| PathPattern::parse(text).unwrap()).collect(),
                hosts: set(&hosts),
                headers: has_header.then(|| ("x".into(), set(&values))).into_iter().collect(),
                tokens: has_token.then(|| Token::Valid { issuer: "corp".into(), claims: Default::default() }).into_iter().collect(),
                looks_inside: true,
            },
        )
    }

    proptest! {
        #[test]
        fn a_name_says_exactly_what_was_meant(samples in samples(), choice in prop::collection::vec(any::<bool>(), 400)) {
            let mut spaces = Spaces::default();
            let space = spaces.of(&samples).unwrap();
            prop_assert!(space.questions().len() <= choice.len());
            let wanted: Bits = (0..space.questions().len()).filter(|at| choice[*at]).collect();
            let name = spaces.name(&space, &wanted);
            for (at, question) in space.questions().iter().enumerate() {
                prop_assert_eq!(name.admits(question.as_ref()), wanted.contains(at), "{}: {:?}", name, question);
            }
        }
    }

    #[test]
    fn kinds_read_as_in_the_language() {
        let samples = RequestSamples {
            methods: set(&["GET", "HEAD", "POST"]),
            paths: ["/v1/orders", "/v1/{**}"].iter().map(|text| PathPattern::parse(text).unwrap()).collect(),
            looks_inside: true,
            ..RequestSamples::default()
        };
        let mut spaces = Spaces::default();
        let space = spaces.of(&samples.clone()).unwrap();
        let mut of = |wanted: &dyn Fn(&Request) -> bool| {
            let numbers = space.questions().iter().enumerate().filter(|(_, question)| question.as_ref().is_some_and(wanted));
            let numbers = numbers.map(|(at, _)| at).collect();
            spaces.name(&space, &numbers).to_string()
        };
        let reads = |request: &Request| ["GET", "HEAD"].contains(&&*request.method) && request.path.starts_with("/v1/");
        let posts = |request: &Request| &*request.method == "POST" && &*request.path == "/v1/orders";
        assert_eq!(of(&|request| reads(request) || posts(request)), "GET|HEAD /v1/{**}, POST /v1/orders");
        assert_eq!(of(&|_| true), "any HTTP");
        assert_eq!(of(&|request| &*request.method != "POST"), "!POST");
        assert_eq!(of(&|request| request.token != Token::Unverified), "* jwt none or verified");
        let token = Token::Valid { issuer: "corp".into(), claims: [("groups".into(), set(&["ops"]))].into() };
        let space = spaces.of(&RequestSamples { tokens: [token].into(), looks_inside: true, ..samples }).unwrap();
        let mut of = |wanted: &dyn Fn(&Token) -> bool| {
            let is_wanted = |question: &Option<Request>| question.as_ref().is_some_and(|request| wanted(&request.token));
            let numbers = space.questions().iter().enumerate().filter(|(_, question)| is_wanted(question)).map(|(at, _)| at).collect();
            spaces.name(&space, &numbers).to_string()
        };
        assert_eq!(of(&|token| *token == Token::None), "* jwt none");
        assert_eq!(of(&|token| *token != Token::Unverified), "* jwt none or verified");
        assert_eq!(of(&|token| matches!(token, Token::Valid { .. })), "* jwt corp groups=ops");
    }

    #[test]
    fn too_many_kinds_are_not_asked_for() {
        let many = |name: &str| (0..40).map(|at| Symbol::from(format!("{name}{at}"))).collect::<BTreeSet<_>>();
        let samples = RequestSamples { methods: many("M"), hosts: many("h"), headers: [("x".into(), many("v"))].into(), ..Default::default() };
        assert!(Spaces::default().of(&samples).is_none());
    }
}
