//! Requests, cut along the samples of the cuts that hold a far end and a port.
//!
//! Owns: the product of methods, paths, hosts, headers and tokens, and its bound: past it nothing is skipped, the caller is
//! told that the classes are too many. Which words there are is `looked`'s to say, and which tokens `tokens`'s.

mod looked;
mod tokens;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::flow::{Cut, Labels, PathPattern, PathSet, Request, RequestSamples, Symbol, Token};
use looked::Looked;
use tokens::Settling;

/// The most classes of requests for one far end and port.
pub const MAX_REQUESTS: usize = 200_000;

/// The most cells that the paths of one far end and port may be cut into; patterns with holes at different places double them.
const MAX_PATHS: usize = 2_048;

/// The classes of requests are more than [`MAX_REQUESTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyRequests;

/// The cells of paths that were found before, or found to be too many: rules of many destinations compare the same paths, and cells
/// are dear.
#[derive(Debug, Default)]
pub struct PathCells(HashMap<BTreeSet<PathPattern>, Result<Vec<Symbol>, TooManyRequests>>);

impl PathCells {
    /// One path of every cell that the patterns cut all paths into.
    fn of(&mut self, patterns: &BTreeSet<PathPattern>) -> Result<&[Symbol], TooManyRequests> {
        if !self.0.contains_key(patterns) {
            self.0.insert(patterns.clone(), path_cells(patterns));
        }
        match self.0.get(patterns) {
            Some(Ok(paths)) => Ok(paths),
            _ => Err(TooManyRequests),
        }
    }
}

/// One request of each class for a far end and port that these cuts hold, and first the connection that is no HTTP.
///
/// Where no cut looks inside a connection, that one stands for all.
pub fn request_classes<C: Borrow<Cut>>(
    cuts: &[C],
    active: &[usize],
    known: &mut PathCells,
) -> Result<Vec<Option<Request>>, TooManyRequests> {
    all_requests(&looking(cuts, active), known, &Choosing::All)
}

/// The same, where the question is how two judges differ: of very many tokens, those that hold of each claim what two cuts need.
///
/// For what a flow shows, over one transport, each judge needs the claims of one cut. What shows only as each of the two judges needs more
/// of them, over one transport and the other, is then told by what it is over either.
pub fn differing_requests<C: Borrow<Cut>>(
    cuts: &[C],
    active: &[usize],
    known: &mut PathCells,
) -> Result<Vec<Option<Request>>, TooManyRequests> {
    let looking = looking(cuts, active);
    let claims = Settling::of(looking.iter().copied());
    all_requests(&looking, known, &Choosing::FewTokens { claims: &claims })
}

/// The same, where only the question is whether some request decides otherwise: if there are many choices of headers, those of
/// requests whose headers are named by two cuts at most, besides headers that may settle anything ([`RequestSamples`] says which);
/// and if there are many tokens, likewise those whose claims are.
///
/// Two are enough to hold judges against each other, and to hold one against what somebody expects: each of the two needs the
/// headers and claims of one cut for its answer.
pub fn deciding_requests(cuts: &[Cut], active: &[usize], known: &mut PathCells) -> Result<Vec<Option<Request>>, TooManyRequests> {
    let requests = DecidingRequests::new(cuts);
    requests.find(&requests.looking(active), known)
}

/// More choices of headers than these are not all tried where fewer decide.
const MANY_HEADERS: usize = 32;

/// More tokens than these are not all tried where fewer decide.
const MANY_TOKENS: usize = 32;

/// More tokens than these are not all told apart where fewer show every difference.
const VERY_MANY_TOKENS: usize = 512;

/// How many requests are kept for another far end or port.
const KEPT_REQUESTS: usize = 1 << 16;

/// The requests that decide, for many far ends and ports of which all cuts are these. Those of the same samples are found once.
#[derive(Debug)]
pub struct DecidingRequests<'c> {
    /// Samples of cuts that look into connections, each once.
    distinct: Vec<&'c RequestSamples>,
    /// By the place of a cut, which of them are its; none if it does not look.
    places: Vec<Option<usize>>,
    settling: BTreeSet<&'c Symbol>,
    settling_claims: Settling<'c>,
    found: HashMap<Vec<usize>, Vec<Option<Request>>>,
    /// How many requests were found.
    kept: usize,
}

impl<'c> DecidingRequests<'c> {
    /// For far ends and ports that some of these cuts hold.
    pub fn new(cuts: &'c [Cut]) -> Self {
        let mut numbers: HashMap<&RequestSamples, usize> = HashMap::new();
        let mut distinct = Vec::new();
        let mut place = |samples: &'c RequestSamples| {
            *numbers.entry(samples).or_insert_with(|| {
                distinct.push(samples);
                distinct.len() - 1
            })
        };
        let places = cuts.iter().map(|cut| (!cut.requests.is_empty()).then(|| place(&cut.requests))).collect();
        let settling = cuts.iter().flat_map(|cut| &cut.requests.settling_headers).collect();
        let settling_claims = Settling::of(cuts.iter().map(|cut| &cut.requests));
        Self { distinct, places, settling, settling_claims, found: HashMap::new(), kept: 0 }
    }

    /// One request of each class that decides for a far end and port which these cuts hold. Whoever takes one out puts it back.
    pub fn of(&mut self, active: &[usize], known: &mut PathCells) -> Result<&mut [Option<Request>], TooManyRequests> {
        let looking = self.looking(active);
        if !self.found.contains_key(&looking) {
            let requests = self.find(&looking, known)?;
            if self.kept > KEPT_REQUESTS {
                self.found.clear();
                self.kept = 0;
            }
            self.kept += requests.len();
            self.found.insert(looking.clone(), requests);
        }
        self.found.get_mut(&looking).map(Vec::as_mut_slice).ok_or(TooManyRequests)
    }

    /// The places of the samples of cuts.
    fn looking(&self, active: &[usize]) -> Vec<usize> {
        let mut looking: Vec<usize> = active.iter().filter_map(|at| self.places.get(*at).copied().flatten()).collect();
        looking.sort_unstable();
        looking.dedup();
        looking
    }

    fn find(&self, looking: &[usize], known: &mut PathCells) -> Result<Vec<Option<Request>>, TooManyRequests> {
        let looking: Vec<&RequestSamples> = looking.iter().filter_map(|place| self.distinct.get(*place).copied()).collect();
        all_requests(&looking, known, &Choosing::Few { headers: &self.settling, claims: &self.settling_claims })
    }
}

/// How headers and tokens are chosen.
enum Choosing<'c> {
    /// Every choice.
    All,
    /// Every choice of headers, and of very many tokens those of two cuts with all of these values.
    FewTokens { claims: &'c Settling<'c> },
    /// Of many, those of two cuts with all of these headers and values of claims.
    Few { headers: &'c BTreeSet<&'c Symbol>, claims: &'c Settling<'c> },
}

impl Choosing<'_> {
    fn headers(&self, looked: &Looked, looking: &[&RequestSamples]) -> Result<Vec<Labels>, TooManyRequests> {
        let values = looked.headers();
        match self {
            Self::All | Self::FewTokens { .. } => choices(values.iter(), MAX_REQUESTS),
            Self::Few { headers, .. } => {
                choices(values.iter(), MANY_HEADERS).or_else(|TooManyRequests| few_headers(&values, looking, headers))
            }
        }
    }

    fn tokens(&self, looked: &Looked, looking: &[&RequestSamples]) -> Result<Vec<Token>, TooManyRequests> {
        match (self, tokens::all(looked)) {
            (Self::All, all) => all,
            (Self::Few { .. }, Ok(all)) if all.len() <= MANY_TOKENS => Ok(all),
            (Self::FewTokens { .. }, Ok(all)) if all.len() <= VERY_MANY_TOKENS => Ok(all),
            (Self::Few { claims, .. } | Self::FewTokens { claims }, _) => tokens::few(looked, looking, claims),
        }
    }
}

/// Those of the cuts that look into connections.
fn looking<'c, C: Borrow<Cut>>(cuts: &'c [C], active: &[usize]) -> Vec<&'c RequestSamples> {
    active.iter().filter_map(|at| cuts.get(*at)).map(|cut| &cut.borrow().requests).filter(|requests| !requests.is_empty()).collect()
}

fn all_requests(
    looking: &[&RequestSamples],
    known: &mut PathCells,
    choosing: &Choosing<'_>,
) -> Result<Vec<Option<Request>>, TooManyRequests> {
    if looking.is_empty() {
        return Ok(vec![None]);
    }
    let paths = known.of(&looking.iter().flat_map(|samples| samples.paths.iter().cloned()).collect())?;
    let mut classes = vec![None];
    for (speaking, paths) in by_cuts(looking, paths) {
        with_paths(&speaking, &paths, choosing, &mut classes)?;
    }
    Ok(classes)
}

/// The paths by the cuts that look at more than the path there.
fn by_cuts<'c, 'p>(looking: &[&'c RequestSamples], paths: &'p [Symbol]) -> Vec<(Vec<&'c RequestSamples>, Vec<&'p Symbol>)> {
    let mut places: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut parts: Vec<(Vec<&RequestSamples>, Vec<&Symbol>)> = Vec::new();
    for path in paths {
        let speaking = looking.iter().enumerate().filter(|(_, samples)| samples.speaks_of(path));
        let (numbers, speaking): (Vec<usize>, Vec<&RequestSamples>) = speaking.map(|(at, samples)| (at, *samples)).unzip();
        let place = *places.entry(numbers).or_insert(parts.len());
        match parts.get_mut(place) {
            Some((_, paths)) => paths.push(path),
            None => parts.push((speaking, vec![path])),
        }
    }
    parts
}

/// Adds the classes of requests with these paths, of which these cuts speak.
fn with_paths(
    speaking: &[&RequestSamples],
    paths: &[&Symbol],
    choosing: &Choosing<'_>,
    classes: &mut Vec<Option<Request>>,
) -> Result<(), TooManyRequests> {
    let looked = Looked::of(speaking);
    let hosts = looked.hosts();
    let mut rests = Rests { speaking, choosing, headers: HashMap::new(), tokens: HashMap::new() };
    let of = |method: Symbol| Ok((hosts.iter().map(|host| rests.of(&method, host)).collect::<Result<Vec<Rest>, _>>()?, method));
    let methods: Vec<(Vec<Rest>, Symbol)> = looked.methods().into_iter().map(of).collect::<Result<_, _>>()?;
    let each = methods.iter().flat_map(|(rests, _)| rests).map(Rest::count);
    let count = each.sum::<usize>().checked_mul(paths.len()).and_then(|count| count.checked_add(classes.len()));
    if count.is_none_or(|count| count > MAX_REQUESTS) {
        return Err(TooManyRequests);
    }
    for ((rests, method), path) in methods.iter().flat_map(|method| paths.iter().map(move |path| (method, *path))) {
        for (host, rest) in hosts.iter().zip(rests) {
            let with = |headers: &Labels, token: &Token| {
                let (method, path, host) = (Symbol::clone(method), Symbol::clone(path), Symbol::clone(host));
                Some(Request { method, path, host, headers: headers.clone(), token: token.clone() })
            };
            classes.extend(rest.headers.iter().flat_map(|headers| rest.tokens.iter().map(move |token| with(headers, token))));
        }
    }
    Ok(())
}

/// What is tried with some method, path and host.
struct Rest {
    headers: Rc<Vec<Labels>>,
    tokens: Rc<Vec<Token>>,
}

impl Rest {
    /// No more than the square of what either may be.
    fn count(&self) -> usize {
        self.headers.len().saturating_mul(self.tokens.len()).min(MAX_REQUESTS + 1)
    }
}

/// Headers and tokens, by those who speak of them with some method and host.
struct Rests<'c> {
    speaking: &'c [&'c RequestSamples],
    choosing: &'c Choosing<'c>,
    headers: HashMap<Vec<usize>, Rc<Vec<Labels>>>,
    tokens: HashMap<Vec<usize>, Rc<Vec<Token>>>,
}

impl<'c> Rests<'c> {
    /// Those that matter with a method and a host.
    fn of(&mut self, method: &Symbol, host: &Symbol) -> Result<Rest, TooManyRequests> {
        let speaks = |(at, samples): (usize, &&RequestSamples)| samples.speaks_at(method, host).then_some(at);
        let places: Vec<usize> = self.speaking.iter().enumerate().filter_map(speaks).collect();
        let speaking = |at: &usize| self.speaking.get(*at).is_some_and(|samples| samples.speaks_of_headers(method));
        let of_headers = places.iter().copied().filter(speaking).collect();
        Ok(Rest { headers: self.headers(of_headers)?, tokens: self.tokens(places)? })
    }

    fn headers(&mut self, places: Vec<usize>) -> Result<Rc<Vec<Labels>>, TooManyRequests> {
        if let Some(headers) = self.headers.get(&places) {
            return Ok(Rc::clone(headers));
        }
        let own = self.at(&places);
        let headers = Rc::new(self.choosing.headers(&Looked::of(&own), &own)?);
        self.headers.insert(places, Rc::clone(&headers));
        Ok(headers)
    }

    fn tokens(&mut self, places: Vec<usize>) -> Result<Rc<Vec<Token>>, TooManyRequests> {
        if let Some(tokens) = self.tokens.get(&places) {
            return Ok(Rc::clone(tokens));
        }
        let own = self.at(&places);
        let tokens = Rc::new(self.choosing.tokens(&Looked::of(&own), &own)?);
        self.tokens.insert(places, Rc::clone(&tokens));
        Ok(tokens)
    }

    fn at(&self, places: &[usize]) -> Vec<&'c RequestSamples> {
        places.iter().filter_map(|at| self.speaking.get(*at).copied()).collect()
    }
}

/// One path of every cell that the patterns cut all paths into.
fn path_cells(patterns: &BTreeSet<PathPattern>) -> Result<Vec<Symbol>, TooManyRequests> {
    let mut cells = vec![PathSet::any()];
    for pattern in patterns {
        let one = PathSet::of([pattern.clone()]);
        let mut next = Vec::with_capacity(cells.len() + 1);
        for cell in cells {
            let inside = cell.intersect(&one);
            if inside.is_empty() {
                next.push(cell);
                continue;
            }
            let outside = cell.except([pattern.clone()]);
            next.push(inside);
            next.extend((!outside.is_empty()).then_some(outside));
        }
        if next.len() > MAX_PATHS {
            return Err(TooManyRequests);
        }
        cells = next;
    }
    Ok(cells.iter().filter_map(|cell| cell.witness().map(Symbol::from)).collect())
}

/// Every choice of a value, a fresh value or absence for headers that may settle anything, with those for the other headers of two cuts.
fn few_headers(
    values: &BTreeMap<Symbol, Vec<Symbol>>,
    looking: &[&RequestSamples],
    settling: &BTreeSet<&Symbol>,
) -> Result<Vec<Labels>, TooManyRequests> {
    let is_settling = |name: &Symbol| settling.contains(name);
    let named = |cut: &&RequestSamples| cut.headers.keys().filter(|name| !is_settling(name)).cloned().collect::<BTreeSet<Symbol>>();
    let sets: BTreeSet<BTreeSet<Symbol>> = looking.iter().map(named).collect();
    let mut found = BTreeSet::new();
    for (one, two) in sets.iter().flat_map(|one| sets.range(one..).map(move |two| (one, two))) {
        let chosen = |name: &Symbol| is_settling(name) || one.contains(name) || two.contains(name);
        found.extend(choices(values.iter().filter(|(name, _)| chosen(name)), MAX_REQUESTS)?);
        if found.len() > MAX_REQUESTS {
            return Err(TooManyRequests);
        }
    }
    Ok(found.into_iter().collect())
}

/// Every choice of a value or none for these headers, if there are no more than so many.
fn choices<'s>(headers: impl Iterator<Item = (&'s Symbol, &'s Vec<Symbol>)>, most: usize) -> Result<Vec<Labels>, TooManyRequests> {
    let mut all = vec![Labels::new()];
    for (name, values) in headers {
        if all.len().checked_mul(values.len() + 1).is_none_or(|count| count > most) {
            return Err(TooManyRequests);
        }
        let mut next = all.clone();
        for (value, headers) in values.iter().flat_map(|value| all.iter().map(move |headers| (value, headers))) {
            let mut headers = headers.clone();
            headers.insert(Symbol::clone(name), Symbol::clone(value));
            next.push(headers);
        }
        all = next;
    }
    Ok(all)
}
