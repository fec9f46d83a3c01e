//! What is told apart of requests besides their method, path and host.
//!
//! Owns: `Rest`: every choice of headers and tokens, and what sets of them are called; and which of them are CORS preflights with a token,
//! which nobody sends.

use std::collections::BTreeSet;

use super::boxes;
use super::cells::Cells;
use super::part::Part;
use super::tokens::{self, TokenLine};
use super::{Choice, HeaderTest, Looked, RequestKind, TokenPattern, WordPattern};
use crate::flow::{Labels, PREFLIGHT_HEADERS, Request, Symbol, Token};
use crate::list::bits::Bits;

/// Which of the dimensions of a rest the tokens are.
const TOKENS: usize = 0;

/// Headers and tokens.
#[derive(Debug)]
pub(super) struct Rest {
    tokens: Vec<Token>,
    lines: Cells<TokenLine>,
    /// Of each header the values, without the choice that it is not there.
    headers: Vec<(Symbol, Part<WordPattern>)>,
}

/// What requests are besides their method, path and host, in words.
pub(super) type Said = (Vec<(Symbol, HeaderTest)>, Choice<TokenPattern>);

impl Rest {
    /// Of what is looked at; none if it tells too many tokens apart.
    pub(super) fn new(looked: &Looked) -> Option<Self> {
        let samples = &looked.samples;
        let nothing = BTreeSet::new();
        let header = |(name, values): (&Symbol, &BTreeSet<Symbol>)| {
            let part = match (samples.written.headers.get(name), values.first()) {
                (None, Some(value)) if PREFLIGHT_HEADERS.contains(&&**name) => Part::of_one(value),
                (Some(written), _) if written.contains("*") => {
                    // What is there and empty is not what `*` asks for.
                    Part::of_words('a', &values.iter().cloned().chain([Symbol::from("")]).collect(), written)
                }
                (written, _) => Part::of_words('a', values, written.unwrap_or(&nothing)),
            };
            (Symbol::clone(name), part)
        };
        let (tokens, lines) = tokens::cut(looked)?;
        Some(Self { tokens, lines, headers: samples.headers.iter().map(header).collect() })
    }

    /// How many tokens there are, and how many choices of each header, with the one that it is not there.
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.tokens.len()).chain(self.headers.iter().map(|(_, part)| part.words.len() + 1))
    }

    /// Whether some tokens are not told apart by all that they hold.
    pub(super) fn is_told_in_part(&self) -> bool {
        self.lines.are_told_in_part()
    }

    /// Every choice. Tokens count fastest, then the first header; of each header its values, then none.
    pub(super) fn choices(&self) -> impl Iterator<Item = (Labels, &Token)> {
        self.header_lists().into_iter().flat_map(|headers| self.tokens.iter().map(move |token| (headers.clone(), token)))
    }

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

    /// What is said of cells of each of its dimensions; none if that cannot be said exactly.
    pub(super) fn describe(&self, cells: &[Bits]) -> Option<Said> {
        let (tokens, headers) = cells.split_first()?;
        let header = |((name, part), cells): (&(Symbol, Part<WordPattern>), &Bits)| Some((Symbol::clone(name), part.header(cells)?));
        let headers = self.headers.iter().zip(headers).filter_map(header).collect();
        Some((headers, tokens::said(self.lines.describe(tokens)?)?))
    }

    /// Kinds of requests with any method, path and host that are together these choices; none if they cannot be said exactly.
    pub(super) fn kinds(&self, wanted: &Bits) -> Option<Vec<RequestKind>> {
        let sizes: Vec<usize> = self.sizes().collect();
        let boxes = boxes_of(self, TOKENS, &sizes, wanted);
        let kind = |cells: &boxes::Cells| {
            let (headers, tokens) = self.describe(cells)?;
            Some(RequestKind { headers, tokens, ..RequestKind::any() })
        };
        boxes.iter().map(kind).collect()
    }

    /// Which of its dimensions is the header without which a request is no preflight.
    pub(super) fn preflight_header(&self) -> Option<usize> {
        let at = self.headers.iter().position(|(name, _)| **name == *PREFLIGHT_HEADERS[0]);
        at.map(|at| TOKENS + 1 + at)
    }
}

/// Boxes that together are exactly what is wanted, where the tokens of a rest are this one of some dimensions.
///
/// Boxes may have some tokens in common, and any of a few tokens may be in this box or in that; where not all are tried, what is said of
/// one place must hold by itself.
pub(super) fn boxes_of(rest: &Rest, tokens: usize, sizes: &[usize], wanted: &Bits) -> Vec<boxes::Cells> {
    if rest.is_told_in_part() { boxes::cover_by(tokens, sizes, wanted) } else { boxes::cover(sizes, wanted) }
}

/// By how much numbers of requests that nobody sends stand behind those of usual ones; none where a request is usual. Without the header
/// that makes them preflights, which is this one of the dimensions, they are usual requests, and nobody minds what is said of them.
#[derive(Debug, Default)]
pub(super) struct Preflights(Vec<Option<usize>>);

impl Preflights {
    /// Of requests in the order of their numbers.
    pub(super) fn of<'r>(sizes: &[usize], header: Option<usize>, requests: impl Iterator<Item = &'r Option<Request>>) -> Self {
        let Some(header) = header else { return Self::default() };
        let step: usize = sizes.iter().take(header).product();
        let absent = sizes.get(header).map_or(0, |size| size - 1);
        let ahead = |(number, question): (usize, &Option<Request>)| {
            let is_one = question.as_ref().is_some_and(Request::is_preflight_with_token);
            is_one.then(|| (absent - number / step % (absent + 1)) * step)
        };
        let all: Vec<Option<usize>> = requests.enumerate().map(ahead).collect();
        if all.iter().any(Option::is_some) { Self(all) } else { Self::default() }
    }

    /// The numbers of wanted requests, with those that nobody sends where the usual ones are wanted.
    pub(super) fn classes(&self, wanted: &Bits) -> Bits {
        if self.0.is_empty() {
            return wanted.clone();
        }
        let is_wanted = |(number, ahead): (usize, &Option<usize>)| wanted.contains(number + ahead.unwrap_or_default());
        self.0.iter().enumerate().filter(|pair| is_wanted(*pair)).map(|(number, _)| number).collect()
    }
}
