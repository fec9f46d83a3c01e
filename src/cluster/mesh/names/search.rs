//! The search for names that patterns tell apart.
//!
//! Owns: `Sort`, `Found`, `search`: one of the shortest names of each kind, found by walking all patterns at once, letter by letter. It
//! must not know of policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::callers::Name;
use super::super::words::Word;
use crate::flow::Symbol;

/// The most states of patterns that are looked at, those of each counted by itself. Where patterns are beginnings and ends, there are as
/// many words to look at as they have letters; what stands between two `*` multiplies them.
pub(super) const MAX_STATES: usize = 1 << 23;

/// The most names that are found: whoever compares has to look at each.
pub(super) const MAX_NAMES: usize = 1 << 12;

/// What names are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Namespaces: small letters, digits and `-` within.
    Namespace,
    /// Accounts: the same, and `.` between such parts.
    Account,
}

/// Which of the tests a name passes, in their order.
pub(super) type Passed = Vec<bool>;

/// Names that were found.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// One of each kind.
    pub(super) names: BTreeMap<Passed, Symbol>,
    /// Whether there may be names of further kinds.
    pub(super) is_cut_short: bool,
}

/// One of the shortest names of each kind that some tests tell apart, none of those that are taken.
///
/// Letters of which no test speaks are alike to all of them, so one of them is tried. States are walked in the order of the words that
/// lead there, so that of each state the first word is one of the shortest. Where all words of a kind that were found are taken, more of
/// each state are tried: as many as are taken of one kind and one more find one that is free, if one is.
pub(super) fn search(sort: Sort, tests: &[&Name], taken: &BTreeSet<&Symbol>) -> Found {
    let mut of_kind: BTreeMap<Passed, usize> = BTreeMap::new();
    for name in taken {
        *of_kind.entry(passed(tests, name)).or_default() += 1;
    }
    let mut walk =
        Walk { sort, tests, taken, letters: sort.letters(tests), machines: machines(tests), left: MAX_STATES, open: BTreeSet::new() };
    let mut found = walk.all(1);
    let mut words = 1;
    loop {
        let most = walk.open.iter().filter_map(|kind| of_kind.get(kind)).max().copied().unwrap_or_default();
        if found.is_cut_short || words > most {
            return found;
        }
        words = (words * 4).min(most + 1);
        walk.letters = sort.all_letters();
        let more = walk.all(words);
        found.is_cut_short |= more.is_cut_short;
        for (kind, name) in more.names {
            found.names.entry(kind).or_insert(name);
        }
        walk.open.retain(|kind| !found.names.contains_key(kind));
    }
}

/// Which tests a name passes.
pub(super) fn passed(tests: &[&Name], name: &str) -> Passed {
    tests.iter().map(|test| test.matches(name)).collect()
}

impl Sort {
    /// How long a name may be.
    const fn longest(self) -> usize {
        match self {
            Self::Namespace => 63,
            Self::Account => 253,
        }
    }

    fn all_letters(self) -> Vec<u8> {
        let dot: &[u8] = if self == Self::Account { b"." } else { b"" };
        (b'x'..=b'z').chain(b'a'..=b'w').chain(b'0'..=b'9').chain([b'-']).chain(dot.iter().copied()).collect()
    }

    /// Those letters of which the tests speak, and before them one of which they do not, if there is one.
    fn letters(self, tests: &[&Name]) -> Vec<u8> {
        let spoken: BTreeSet<u8> = tests.iter().flat_map(|test| pieces(test)).filter_map(Piece::letter).collect();
        let (own, others): (Vec<u8>, Vec<u8>) = self.all_letters().into_iter().partition(|letter| spoken.contains(letter));
        others.into_iter().take(1).chain(own).collect()
    }
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(u8),
    AnyLetter,
    AnyRun,
}

impl Piece {
    const fn letter(self) -> Option<u8> {
        match self {
            Self::Letter(letter) => Some(letter),
            Self::AnyLetter | Self::AnyRun => None,
        }
    }
}

/// A test as a pattern. What is not empty passes `*`, and no name is.
fn pieces(name: &Name) -> Vec<Piece> {
    let letters = |text: &Symbol| text.bytes().map(Piece::Letter).collect::<Vec<_>>();
    let glob = |text: &Symbol, dot: Piece| {
        let piece = |byte: u8| match byte {
            b'*' => Piece::AnyRun,
            b'.' => dot,
            letter => Piece::Letter(letter),
        };
        text.bytes().map(piece).collect()
    };
    match name {
        Name::Any | Name::Like(Word::Present) => vec![Piece::AnyRun],
        Name::Like(Word::Exact(text)) => letters(text),
        Name::Like(Word::Prefix(text)) => [letters(text), vec![Piece::AnyRun]].concat(),
        Name::Like(Word::Suffix(text)) => [vec![Piece::AnyRun], letters(text)].concat(),
        Name::Glob(text) => glob(text, Piece::Letter(b'.')),
        Name::Loose(text) => glob(text, Piece::AnyLetter),
    }
}

/// A pattern that is read letter by letter. Its states are numbered as they are met.
#[derive(Debug)]
struct Machine {
    pieces: Vec<Piece>,
    /// How many pieces may have been read, for each state.
    states: Vec<Vec<usize>>,
    numbers: HashMap<Vec<usize>, u32>,
    /// For each state, where letters lead, as far as that is known.
    steps: Vec<[Option<u32>; LETTERS]>,
}

/// How many letters there are in names.
const LETTERS: usize = 38;

/// The number of a letter.
const fn place(letter: u8) -> usize {
    match letter {
        b'a'..=b'z' => (letter - b'a') as usize,
        b'0'..=b'9' => 26 + (letter - b'0') as usize,
        b'-' => 36,
        _ => 37,
    }
}

fn machines(tests: &[&Name]) -> Vec<Machine> {
    tests.iter().map(|test| Machine::new(pieces(test))).collect()
}

impl Machine {
    fn new(pieces: Vec<Piece>) -> Self {
        let mut machine = Self { pieces, states: Vec::new(), numbers: HashMap::new(), steps: Vec::new() };
        let first = machine.closed([0]);
        machine.number(first);
        machine
    }

    /// The state that a letter leads to.
    fn step(&mut self, state: u32, letter: u8) -> u32 {
        let at = state as usize;
        if let Some(next) = self.steps.get(at).and_then(|steps| *steps.get(place(letter))?) {
            return next;
        }
        let places = self.states.get(at).map(Vec::as_slice).unwrap_or_default();
        let next = places.iter().filter_map(|at| match self.pieces.get(*at)? {
            Piece::AnyRun => Some(*at),
            Piece::AnyLetter => Some(at + 1),
            Piece::Letter(own) => (*own == letter).then_some(at + 1),
        });
        let next = self.closed(next);
        let next = self.number(next);
        if let Some(known) = self.steps.get_mut(at).and_then(|steps| steps.get_mut(place(letter))) {
            *known = Some(next);
        }
        next
    }

    /// These places with those behind a run that may be empty. Whoever stands at a run can read whatever those before it can.
    fn closed(&self, places: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let is_run = |at: usize| self.pieces.get(at) == Some(&Piece::AnyRun);
        let mut all: BTreeSet<usize> = BTreeSet::new();
        for place in places {
            let behind = (place..).take_while(|at| *at == place || is_run(at - 1));
            all.extend(behind);
        }
        let last_run = all.iter().rev().copied().find(|at| is_run(*at)).unwrap_or_default();
        all.split_off(&last_run).into_iter().collect()
    }

    fn number(&mut self, places: Vec<usize>) -> u32 {
        if let Some(known) = self.numbers.get(&places) {
            return *known;
        }
        let number = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.push(places.clone());
        self.steps.push([None; LETTERS]);
        self.numbers.insert(places, number);
        number
    }
}

/// What the last letter of a word was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Last {
    /// There is none.
    None,
    /// A small letter or a digit: here a name may end.
    Letter,
    Dash,
    Dot,
}

impl Last {
    /// Behind this letter, if it may come.
    const fn then(self, letter: u8) -> Option<Self> {
        match (self, letter) {
            (Self::Letter, b'.') => Some(Self::Dot),
            (Self::Letter | Self::Dash, b'-') => Some(Self::Dash),
            (_, b'.' | b'-') => None,
            _ => Some(Self::Letter),
        }
    }
}

/// A word that was looked at.
#[derive(Debug)]
struct Reached {
    /// That without the last letter, by its number, and the letter; none for the empty one.
    before: Option<(usize, u8)>,
    length: usize,
    last: Last,
    /// The state of each machine.
    states: Vec<u32>,
}

/// A walk over all states of some tests together.
struct Walk<'a> {
    sort: Sort,
    tests: &'a [&'a Name],
    taken: &'a BTreeSet<&'a Symbol>,
    letters: Vec<u8>,
    machines: Vec<Machine>,
    /// How many states may be looked at yet.
    left: usize,
    /// Kinds of which all names that were found are taken.
    open: BTreeSet<Passed>,
}

impl Walk<'_> {
    /// The first free name of each kind, of each state so many words looked at.
    fn all(&mut self, words: usize) -> Found {
        let mut found = Found::default();
        let mut counts: HashMap<(Vec<u32>, Last), usize> = HashMap::new();
        let mut reached = vec![Reached { before: None, length: 0, last: Last::None, states: vec![0; self.machines.len()] }];
        let mut at = 0;
        while at < reached.len() {
            self.take(&reached, at, &mut found);
            if self.left == 0 || found.is_cut_short {
                found.is_cut_short = true;
                break;
            }
            for next in self.next(&reached, at) {
                let count = counts.entry((next.states.clone(), next.last)).or_default();
                if *count < words {
                    *count += 1;
                    self.left = self.left.saturating_sub(self.tests.len().max(1));
                    reached.push(next);
                }
            }
            at += 1;
        }
        found
    }

    /// The words of one letter more.
    fn next(&mut self, reached: &[Reached], at: usize) -> Vec<Reached> {
        let Some(word) = reached.get(at).filter(|word| word.length < self.sort.longest()) else { return Vec::new() };
        let machines = &mut self.machines;
        let next = self.letters.iter().filter_map(|letter| {
            let last = word.last.then(*letter)?;
            let states = machines.iter_mut().zip(&word.states).map(|(machine, state)| machine.step(*state, *letter)).collect();
            Some(Reached { before: Some((at, *letter)), length: word.length + 1, last, states })
        });
        next.collect()
    }

    /// Keeps a word that may be a name, if it is the first of its kind that is free.
    fn take(&mut self, reached: &[Reached], at: usize, found: &mut Found) {
        if reached.get(at).is_none_or(|word| word.last != Last::Letter) {
            return;
        }
        let name = word(reached, at);
        let kind = passed(self.tests, &name);
        if found.names.contains_key(&kind) {
            return;
        }
        if self.taken.contains(&name) {
            self.open.insert(kind);
            return;
        }
        if found.names.len() >= MAX_NAMES {
            found.is_cut_short = true;
            return;
        }
        self.open.remove(&kind);
        found.names.insert(kind, name);
    }
}

/// The letters of a word.
fn word(reached: &[Reached], at: usize) -> Symbol {
    let mut letters: Vec<u8> = Vec::new();
    let mut place = at;
    while let Some((before, letter)) = reached.get(place).and_then(|word| word.before) {
        letters.push(letter);
        place = before;
    }
    letters.reverse();
    String::from_utf8_lossy(&letters).into()
}
