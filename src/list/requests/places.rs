//! The kinds of requests, place by place.
//!
//! Owns: `Places`: of each path what the rules tell apart that speak of it, and of each method and host with it. Where many rules each ask
//! for a path, a method or a host of their own, every choice of what all of them look at would be too much, and most of it nobody tells
//! apart.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::boxes;
use super::part::Part;
use super::product::MAX_KINDS;
use super::rest::{Preflights, Rest};
use super::{Looked, Pattern as _, RequestKind, Requests, WordPattern, hosts, sorted, word};
use crate::flow::{PathPattern, Request, RequestSamples, Symbol};
use crate::list::bits::Bits;

/// Paths with the methods and hosts that are told apart of each.
#[derive(Debug)]
pub(super) struct Places {
    methods: Part<WordPattern>,
    paths: Rc<Part<PathPattern>>,
    hosts: Part<WordPattern>,
    rests: Vec<Rest>,
    /// Of each path in turn.
    layouts: Vec<Rc<Vec<Place>>>,
    pub(super) questions: Vec<Option<Request>>,
}

/// Methods and hosts of which all that speak of a path say the same.
#[derive(Debug)]
struct Place {
    methods: Bits,
    hosts: Bits,
    /// The number of what is told apart besides.
    rest: usize,
}

impl Places {
    /// Of what is looked at; none if it has too many kinds.
    pub(super) fn new(looked: &Looked, paths: Rc<Part<PathPattern>>) -> Option<Self> {
        let samples = &looked.samples;
        let methods = Part::of_words('A', &samples.methods, &samples.written.methods);
        let hosts = Part::of_hosts(&samples.hosts, &samples.written.hosts);
        let mut places = Self { methods, paths, hosts, rests: Vec::new(), layouts: Vec::new(), questions: Vec::new() };
        if places.sizes().into_iter().try_fold(1_usize, usize::checked_mul).is_none_or(|count| count > MAX_KINDS) {
            return None;
        }
        places.lay_out(looked)?;
        places.questions = places.all_questions()?;
        Some(places)
    }

    fn sizes(&self) -> [usize; 3] {
        [self.paths.words.len(), self.methods.words.len(), self.hosts.words.len()]
    }

    fn lay_out(&mut self, looked: &Looked) -> Option<()> {
        let parts: Vec<&RequestSamples> = looked.parts().collect();
        let mut known: HashMap<Bits, Rc<Vec<Place>>> = HashMap::new();
        let mut rests: HashMap<[Bits; 2], usize> = HashMap::new();
        for path in &Rc::clone(&self.paths).words {
            let speaking = numbers(&parts, |part| part.speaks_of(path));
            let layout = match known.get(&speaking) {
                Some(layout) => Rc::clone(layout),
                None => Rc::new(self.layout(&parts, &speaking, &mut rests)?),
            };
            known.insert(speaking, Rc::clone(&layout));
            self.layouts.push(layout);
        }
        Some(())
    }

    /// What is told apart of a path of which these speak.
    fn layout(&mut self, parts: &[&RequestSamples], speaking: &Bits, rests: &mut HashMap<[Bits; 2], usize>) -> Option<Vec<Place>> {
        let own = || speaking.iter().filter_map(|at| parts.get(at));
        let methods = alike(&self.methods, own().flat_map(|part| word::patterns(&part.methods, &part.written.methods)));
        let hosts = alike(&self.hosts, own().flat_map(|part| hosts::patterns(&part.hosts, &part.written.hosts)));
        let mut layout = Vec::new();
        for (method, methods) in &methods {
            for (host, hosts) in &hosts {
                let here = numbers(parts, |part| part.speaks_at(method, host)).intersect(speaking);
                let of_headers = numbers(parts, |part| part.speaks_of_headers(method)).intersect(&here);
                let key = [here, of_headers];
                let rest = match rests.get(&key) {
                    Some(known) => *known,
                    None => self.add_rest(parts, &key)?,
                };
                rests.insert(key, rest);
                layout.push(Place { methods: methods.clone(), hosts: hosts.clone(), rest });
            }
        }
        Some(layout)
    }

    /// What those of the parts that speak tell apart, some of them by headers too.
    fn add_rest(&mut self, parts: &[&RequestSamples], [speaking, of_headers]: &[Bits; 2]) -> Option<usize> {
        let part = |at: usize| {
            let part = RequestSamples::clone(parts.get(at)?);
            let headers = if of_headers.contains(at) { part.headers.clone() } else { BTreeMap::new() };
            Some(RequestSamples { headers, ..part })
        };
        let parts: Vec<RequestSamples> = speaking.iter().filter_map(part).collect();
        self.rests.push(Rest::new(&Looked::of(parts.iter()))?);
        Some(self.rests.len() - 1)
    }

    /// One question for each kind of request, after one for a connection that is no HTTP. Paths count slowest, then places.
    fn all_questions(&self) -> Option<Vec<Option<Request>>> {
        let mut questions = vec![None];
        for (path, place) in self.places() {
            let rest = self.rests.get(place.rest)?;
            let count = rest.sizes().try_fold(1_usize, usize::checked_mul)?;
            if questions.len().checked_add(count).is_none_or(|count| count > MAX_KINDS) {
                return None;
            }
            let word = |part: &Part<WordPattern>, cells: &Bits| part.words.get(cells.iter().next()?).cloned();
            let (method, host) = (word(&self.methods, &place.methods)?, word(&self.hosts, &place.hosts)?);
            let path = self.paths.words.get(path)?;
            questions.extend(rest.choices().map(|(headers, token)| {
                let (method, path, host) = (Symbol::clone(&method), Symbol::clone(path), Symbol::clone(&host));
                Some(Request { method, path, host, headers, token: token.clone() })
            }));
        }
        Some(questions)
    }

    /// The place of each path, and the number of the path.
    fn places(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.layouts.iter().enumerate().flat_map(|(path, layout)| layout.iter().map(move |place| (path, place)))
    }

    /// Whether a set has another name than it would have if CORS preflights carried tokens.
    pub(super) fn leaves_out_preflights(&self, wanted: &Bits) -> bool {
        self.wanted(wanted).any(|(_, _, plain, classes)| plain != classes)
    }

    /// Of each place the numbers of wanted choices of its rest, as they are asked for and as they are told.
    fn wanted<'w>(&'w self, wanted: &Bits) -> impl Iterator<Item = (usize, &'w Place, Bits, Bits)> {
        let all: Vec<usize> = wanted.iter().filter_map(|at| at.checked_sub(1)).collect();
        let (mut first, mut next) = (0, 0);
        self.places().filter_map(move |(path, place)| {
            let rest = self.rests.get(place.rest)?;
            let sizes: Vec<usize> = rest.sizes().collect();
            let end = first + sizes.iter().product::<usize>();
            let own: Vec<usize> = all.get(next..)?.iter().take_while(|at| **at < end).map(|at| at - first).collect();
            next += own.len();
            let plain: Bits = own.into_iter().collect();
            let questions = self.questions.get(first + 1..=end)?;
            let classes = Preflights::of(&sizes, rest.preflight_header(), questions.iter()).classes(&plain);
            first = end;
            Some((path, place, plain, classes))
        })
    }

    /// What the questions of these numbers are together; none if that cannot be said exactly.
    pub(super) fn describe(&self, wanted: &Bits) -> Option<Requests> {
        let sizes = self.sizes();
        let [paths, methods, _] = sizes;
        let mut known: HashMap<(usize, Bits), Vec<RequestKind>> = HashMap::new();
        let mut cells: BTreeMap<RequestKind, Vec<usize>> = BTreeMap::new();
        for (path, place, _, classes) in self.wanted(wanted).filter(|(_, _, _, classes)| !classes.is_empty()) {
            let key = (place.rest, classes);
            if !known.contains_key(&key) {
                let kinds = self.rests.get(place.rest)?.kinds(&key.1)?;
                known.insert(key.clone(), kinds);
            }
            let of_host = |host: usize| place.methods.iter().map(move |method| path + paths * (method + methods * host));
            let own: Vec<usize> = place.hosts.iter().flat_map(of_host).collect();
            for kind in known.get(&key).into_iter().flatten() {
                cells.entry(kind.clone()).or_default().extend(&own);
            }
        }
        let mut kinds = Vec::new();
        for (kind, cells) in cells {
            for cells in boxes::cover(&sizes, &cells.into_iter().collect()) {
                kinds.push(self.kind(&kind, &cells)?);
            }
        }
        kinds.sort_unstable();
        Some(Requests { raw: wanted.contains(0), kinds })
    }

    /// The same kind with these paths, methods and hosts; none if they cannot be said exactly.
    fn kind(&self, kind: &RequestKind, cells: &boxes::Cells) -> Option<RequestKind> {
        let [paths, methods, hosts] = cells.as_slice() else { return None };
        Some(RequestKind {
            methods: self.methods.cells.describe(methods)?,
            paths: self.paths.cells.describe(paths)?,
            hosts: self.hosts.cells.describe(hosts)?,
            ..kind.clone()
        })
    }
}

/// The numbers of the parts of which this is true.
fn numbers(parts: &[&RequestSamples], is: impl Fn(&RequestSamples) -> bool) -> Bits {
    parts.iter().enumerate().filter(|(_, part)| is(part)).map(|(at, _)| at).collect()
}

/// Words that these patterns do not tell apart: one of them, and the cells of all.
fn alike(part: &Part<WordPattern>, patterns: impl Iterator<Item = WordPattern>) -> Vec<(Symbol, Bits)> {
    let patterns = sorted(patterns);
    let mut lots: BTreeMap<Vec<bool>, (Symbol, Vec<usize>)> = BTreeMap::new();
    for (at, word) in part.words.iter().enumerate() {
        let matched = patterns.iter().map(|pattern| pattern.matches(word)).collect();
        lots.entry(matched).or_insert_with(|| (Symbol::clone(word), Vec::new())).1.push(at);
    }
    lots.into_values().map(|(word, cells)| (word, cells.into_iter().collect())).collect()
}
