//! The kinds of requests that a judge tells apart, and what a set of them is called.
//!
//! Owns: `Space`, `Spaces`. A space is the product of what is looked at: methods, paths, hosts, headers, tokens, each with one
//! value that nobody names. Spaces, and the names of their sets, are made once for all ends that look at the same.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::Assumption;
use crate::flow::{Labels, PREFLIGHT_HEADERS, PathPattern, Request, Symbol, Token};

use super::super::bits::Bits;
use super::boxes;
use super::cells::Cells;
use super::paths;
use super::tokens::{self, TokenLine};
use super::{Choice, HeaderTest, Looked, Pattern, RequestKind, Requests, WordPattern, sorted};

/// So many kinds of requests are asked for one by one; where a policy tells more apart, no answer is made up.
const MAX_KINDS: usize = 200_000;

/// Which of the dimensions of a space the tokens are.
const TOKENS: usize = 3;

/// The spaces known so far.
#[derive(Debug, Default)]
pub(in super::super) struct Spaces {
    known: HashMap<Looked, Option<Rc<Space>>>,
    paths: HashMap<BTreeSet<PathPattern>, Rc<Part<PathPattern>>>,
    names: HashMap<(Looked, Bits), Option<Arc<Requests>>>,
    /// Whether some set has another name than it would have if CORS preflights carried tokens.
    leaves_out_preflights: bool,
}

/// The kinds of requests that some samples tell apart.
#[derive(Debug)]
pub(in super::super) struct Space {
    looked: Looked,
    methods: Part<WordPattern>,
    paths: Rc<Part<PathPattern>>,
    hosts: Part<WordPattern>,
    tokens: (Vec<Token>, Cells<TokenLine>),
    /// Of each header the values, without the choice that it is not there.
    headers: Vec<(Symbol, Part<WordPattern>)>,
    /// How far the number of a request stands behind that of the same without the header by which it is a CORS preflight with a
    /// token; none where it is none.
    preflights: Vec<Option<usize>>,
    sizes: Vec<usize>,
    questions: Vec<Option<Request>>,
}

/// Words, one of each cell.
#[derive(Debug)]
struct Part<P> {
    words: Vec<Symbol>,
    cells: Cells<P>,
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
        let space = Space::new(looked, Rc::clone(paths)).map(Rc::new);
        self.known.insert(looked.clone(), space.clone());
        space
    }

    /// What was taken for granted of requests.
    pub(in super::super) fn assumption(&self) -> Option<Assumption> {
        self.leaves_out_preflights.then_some(Assumption::Preflight)
    }

    /// What the questions of these numbers are together; none if that has no exact name.
    pub(in super::super) fn name(&mut self, space: &Space, wanted: &Bits) -> Option<Arc<Requests>> {
        self.leaves_out_preflights |= !space.preflights.is_empty() && space.classes(wanted) != plain(wanted);
        let key = (space.looked.clone(), wanted.clone());
        self.names.entry(key).or_insert_with(|| space.describe(wanted).map(Arc::new)).clone()
    }
}

impl Space {
    fn new(looked: &Looked, paths: Rc<Part<PathPattern>>) -> Option<Self> {
        let samples = &looked.samples;
        let nothing = BTreeSet::new();
        let header = |(name, values): (&Symbol, &BTreeSet<Symbol>)| {
            let part = match (samples.written.headers.get(name), values.first()) {
                (None, Some(value)) if PREFLIGHT_HEADERS.contains(&&**name) => Part::of_one(value),
                (written, _) => Part::of_words('a', values, written.unwrap_or(&nothing)),
            };
            (Symbol::clone(name), part)
        };
        let mut space = Self {
            looked: looked.clone(),
            methods: Part::of_words('A', &samples.methods, &samples.written.methods),
            paths,
            hosts: Part::of_words('a', &samples.hosts, &samples.written.hosts),
            tokens: tokens::cut(looked)?,
            headers: samples.headers.iter().map(header).collect(),
            sizes: Vec::new(),
            preflights: Vec::new(),
            questions: vec![None],
        };
        if samples.is_empty() {
            return Some(space);
        }
        let sizes = [space.paths.words.len(), space.methods.words.len(), space.hosts.words.len(), space.tokens.0.len()];
        space.sizes = sizes.into_iter().chain(space.headers.iter().map(|(_, part)| part.words.len() + 1)).collect();
        let count = space.sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))?;
        if count > MAX_KINDS {
            return None;
        }
        space.questions.extend(space.requests().into_iter().map(Some));
        space.preflights = space.preflights();
        Some(space)
    }

    /// By how much numbers of requests that nobody sends stand behind those of usual ones. Without the header that makes them
    /// preflights they are usual requests, and nobody minds what is said of them.
    fn preflights(&self) -> Vec<Option<usize>> {
        let Some(at) = self.headers.iter().position(|(name, _)| **name == *PREFLIGHT_HEADERS[0]) else { return Vec::new() };
        let before = self.sizes.len() - self.headers.len() + at;
        let step: usize = self.sizes.iter().take(before).product();
        let absent = self.sizes.get(before).map_or(0, |size| size - 1);
        let ahead = |(number, question): (usize, &Option<Request>)| {
            let is_one = question.as_ref().is_some_and(Request::is_preflight_with_token);
            is_one.then(|| (absent - number / step % (absent + 1)) * step)
        };
        self.questions.iter().skip(1).enumerate().map(ahead).collect()
    }

    /// The numbers of wanted requests, with those that nobody sends where the usual ones are wanted.
    fn classes(&self, wanted: &Bits) -> Bits {
        if self.preflights.is_empty() {
            return plain(wanted);
        }
        let is_wanted = |(number, ahead): (usize, &Option<usize>)| wanted.contains(number + ahead.unwrap_or_default() + 1);
        self.preflights.iter().enumerate().filter(|pair| is_wanted(*pair)).map(|(number, _)| number).collect()
    }

    /// One question for each kind of request, after one for a connection that is no HTTP. Where nothing looks inside, that one
    /// stands for all.
    pub(in super::super) fn questions(&self) -> &[Option<Request>] {
        &self.questions
    }

    /// A request of each kind; paths count fastest.
    fn requests(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        for headers in self.header_lists() {
            for token in &self.tokens.0 {
                for host in &self.hosts.words {
                    for method in &self.methods.words {
                        let with = |path: &Symbol| Request {
                            method: Symbol::clone(method),
                            path: Symbol::clone(path),
                            host: Symbol::clone(host),
                            headers: headers.clone(),
                            token: token.clone(),
                        };
                        requests.extend(self.paths.words.iter().map(with));
                    }
                }
            }
        }
        requests
    }

    /// Every choice of headers; of each its values, then none. The first header counts fastest.
    fn header_lists(&self) -> Vec<Labels> {
        let mut lists = vec![Labels::new()];
        for (name, part) in &self.headers {
            let with = |list: &Labels, value: Option<&Symbol>| {
                let own = value.map(|value| (Symbol::clone(name), Symbol::clone(value)));
                list.clone().into_iter().chain(own).collect()
            };
            let choices = part.words.iter().map(Some).chain([None]);
            lists = choices.flat_map(|value| lists.iter().map(move |list| with(list, value)).collect::<Vec<Labels>>()).collect();
        }
        lists
    }

    fn describe(&self, wanted: &Bits) -> Option<Requests> {
        let raw = wanted.contains(0);
        if self.sizes.is_empty() {
            return Some(if raw { Requests::everything() } else { Requests { raw, kinds: Vec::new() } });
        }
        let classes = self.classes(wanted);
        // Boxes may have some tokens in common, and any of a few tokens may be in this box or in that; where not all are tried, what is said
        // of one place must hold by itself.
        let kinds = if self.tokens.1.are_told_in_part() {
            boxes::cover_by(TOKENS, &self.sizes, &classes)
        } else {
            boxes::cover(&self.sizes, &classes)
        };
        let mut kinds: Vec<RequestKind> = kinds.iter().map(|cells| self.kind(cells)).collect::<Option<_>>()?;
        kinds.sort_unstable();
        Some(Requests { raw, kinds })
    }

    /// The kind that a box is; none if it cannot be said exactly.
    fn kind(&self, cells: &boxes::Cells) -> Option<RequestKind> {
        let [paths, methods, hosts, tokens, headers @ ..] = cells.as_slice() else { return None };
        let header = |((name, part), cells): (&(Symbol, Part<WordPattern>), &Bits)| Some((Symbol::clone(name), part.header(cells)?));
        Some(RequestKind {
            methods: self.methods.cells.describe(methods)?,
            paths: self.paths.cells.describe(paths)?,
            hosts: self.hosts.cells.describe(hosts)?,
            headers: self.headers.iter().zip(headers).filter_map(header).collect(),
            tokens: tokens::said(self.tokens.1.describe(tokens)?)?,
        })
    }
}

/// The numbers of requests, of those of questions.
fn plain(wanted: &Bits) -> Bits {
    wanted.iter().filter_map(|at| at.checked_sub(1)).collect()
}

impl<P: Pattern<Value = str>> Part<P> {
    fn new(words: Vec<Symbol>, patterns: Vec<P>) -> Self {
        let cells = Cells::new(patterns, &words.iter().map(|word| &**word));
        Self { words, cells }
    }
}

impl Part<WordPattern> {
    /// Words that are looked for, and one that nobody names; they are said as the policies write them.
    fn of_words(first: char, samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> Self {
        let other = fresh(first, samples);
        let written = || written.iter().cloned().map(WordPattern);
        let is_said = |word: &Symbol| written().any(|pattern| pattern.matches(word));
        let unsaid = samples.iter().filter(|word| !is_said(word)).cloned().map(WordPattern);
        let patterns = sorted(unsaid.chain(written()));
        let mut seen = BTreeSet::new();
        // Of words that match the same one stands for all.
        let is_new = |word: &Symbol| seen.insert(patterns.iter().map(|pattern| pattern.matches(word)).collect::<Vec<bool>>());
        let words = samples.iter().cloned().chain([other]).filter(is_new).collect();
        Self::new(words, patterns)
    }

    /// One word for all: whether a request is a preflight hangs on its headers being there, and no policy looks at what they hold.
    fn of_one(word: &Symbol) -> Self {
        Self::new(vec![Symbol::clone(word)], Vec::new())
    }

    /// What a header of these cells is, the last of which is no such header; nothing if it may be anything.
    fn header(&self, cells: &Bits) -> Option<HeaderTest> {
        let absent = cells.contains(self.words.len());
        let values = cells.intersect(&Bits::below(self.words.len()));
        let values = if values.is_empty() { None } else { self.cells.describe(&values) };
        let test = HeaderTest { values, absent };
        (test != HeaderTest { values: Some(Choice::Any), absent: true }).then_some(test)
    }
}

/// A word that shares no letter with any of these.
pub(super) fn fresh(first: char, words: &BTreeSet<Symbol>) -> Symbol {
    let unused = |letter: &char| !words.iter().any(|word| word.contains(*letter));
    let letter = (first..='z').filter(char::is_ascii_alphabetic).chain('0'..='9').chain('\u{e000}'..='\u{f8ff}').find(unused);
    letter.unwrap_or(first).to_string().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{RequestSamples, Token, WrittenWords};

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
