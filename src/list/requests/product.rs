//! The kinds of requests that are every choice of what is looked at.
//!
//! Owns: `Product`: methods, paths, hosts, headers and tokens, each with one value that nobody names, and what sets of them are called.

use std::rc::Rc;

use super::boxes;
use super::part::Part;
use super::rest::{Preflights, Rest, boxes_of};
use super::{Looked, RequestKind, Requests, WordPattern};
use crate::flow::{PathPattern, Request, Symbol};
use crate::list::bits::Bits;

/// So many kinds of requests are asked for one by one; where a policy tells more apart, no answer is made up.
pub(super) const MAX_KINDS: usize = 200_000;

/// How many dimensions stand before those of a rest: paths, methods, hosts.
const BEFORE: usize = 3;

/// Every choice of what is looked at.
#[derive(Debug)]
pub(super) struct Product {
    methods: Part<WordPattern>,
    paths: Rc<Part<PathPattern>>,
    hosts: Part<WordPattern>,
    rest: Rest,
    preflights: Preflights,
    sizes: Vec<usize>,
    pub(super) questions: Vec<Option<Request>>,
}

impl Product {
    /// Of what is looked at; none if it has more kinds than these.
    pub(super) fn new(looked: &Looked, paths: Rc<Part<PathPattern>>, most: usize) -> Option<Self> {
        let samples = &looked.samples;
        let mut product = Self {
            methods: Part::of_words('A', &samples.methods, &samples.written.methods),
            paths,
            hosts: Part::of_hosts(&samples.hosts, &samples.written.hosts),
            rest: Rest::new(looked)?,
            sizes: Vec::new(),
            preflights: Preflights::default(),
            questions: vec![None],
        };
        if samples.is_empty() {
            return Some(product);
        }
        let sizes = [product.paths.words.len(), product.methods.words.len(), product.hosts.words.len()];
        product.sizes = sizes.into_iter().chain(product.rest.sizes()).collect();
        let count = product.sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))?;
        if count > most {
            return None;
        }
        let requests = product.requests();
        let header = product.rest.preflight_header().map(|at| BEFORE + at);
        product.preflights = Preflights::of(&product.sizes, header, requests.iter());
        product.questions.extend(requests);
        Some(product)
    }

    /// Whether some tokens are not told apart by all that they hold.
    pub(super) fn is_told_in_part(&self) -> bool {
        self.rest.is_told_in_part()
    }

    /// A request of each kind; paths count fastest.
    fn requests(&self) -> Vec<Option<Request>> {
        let mut requests = Vec::new();
        for (headers, token) in self.rest.choices() {
            for host in &self.hosts.words {
                for method in &self.methods.words {
                    let with = |path: &Symbol| Request {
                        method: Symbol::clone(method),
                        path: Symbol::clone(path),
                        host: Symbol::clone(host),
                        headers: headers.clone(),
                        token: token.clone(),
                    };
                    requests.extend(self.paths.words.iter().map(with).map(Some));
                }
            }
        }
        requests
    }

    /// Whether a set has another name than it would have if CORS preflights carried tokens.
    pub(super) fn leaves_out_preflights(&self, wanted: &Bits) -> bool {
        let plain = plain(wanted);
        self.preflights.classes(&plain) != plain
    }

    /// What the questions of these numbers are together; none if that cannot be said exactly.
    pub(super) fn describe(&self, wanted: &Bits) -> Option<Requests> {
        let raw = wanted.contains(0);
        if self.sizes.is_empty() {
            return Some(if raw { Requests::everything() } else { Requests { raw, kinds: Vec::new() } });
        }
        let boxes = boxes_of(&self.rest, BEFORE, &self.sizes, &self.preflights.classes(&plain(wanted)));
        let mut kinds: Vec<RequestKind> = boxes.iter().map(|cells| self.kind(cells)).collect::<Option<_>>()?;
        kinds.sort_unstable();
        Some(Requests { raw, kinds })
    }

    /// The kind that a box is; none if it cannot be said exactly.
    fn kind(&self, cells: &boxes::Cells) -> Option<RequestKind> {
        let [paths, methods, hosts, rest @ ..] = cells.as_slice() else { return None };
        let (headers, tokens) = self.rest.describe(rest)?;
        Some(RequestKind {
            methods: self.methods.cells.describe(methods)?,
            paths: self.paths.cells.describe(paths)?,
            hosts: self.hosts.cells.describe(hosts)?,
            headers,
            tokens,
        })
    }
}

/// The numbers of requests, of those of questions.
pub(super) fn plain(wanted: &Bits) -> Bits {
    wanted.iter().filter_map(|at| at.checked_sub(1)).collect()
}
