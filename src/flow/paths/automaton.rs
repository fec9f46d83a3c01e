//! Deciding whether patterns leave a path, by running them side by side.
//!
//! Owns: the search for a path that matches one pattern of each of some lists and no pattern of another. It is exact: the
//! characters tried are those that the patterns expect next, `/`, and one fresh character of each of the two classes that the
//! operators tell apart; every other character does what the fresh one of its class does.

use std::collections::{HashSet, VecDeque};

use super::pattern::{PathPattern, Step, is_segment_character};

/// All patterns in one row of steps. A position is a step that comes next; the position of a pattern's `End` is its match.
struct Automaton {
    steps: Vec<Place>,
    starts: Vec<usize>,
    lists: usize,
}

/// What stands at a position.
#[derive(Clone, Copy)]
enum Place {
    Step(Step, Owner),
    End(Owner),
}

/// Which list a pattern belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Within(usize),
    Except,
}

/// Positions that are alive after the characters read so far, ascending.
type State = Vec<usize>;

/// A shortest path that is not empty, matches a pattern of each list of `within` and no pattern of `except`.
pub(super) fn witness(within: &[impl AsRef<[PathPattern]>], except: &[PathPattern]) -> Option<String> {
    let automaton = Automaton::new(within, except);
    let start = automaton.close(automaton.starts.clone());
    // The start itself is not among them: it has read nothing, which is no path, and may be met again having read something.
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([(start, String::new())]);
    while let Some((state, path)) = queue.pop_front() {
        for character in automaton.characters(&state) {
            let next = automaton.read(&state, character);
            if !automaton.may_match(&next) || !seen.insert(next.clone()) {
                continue;
            }
            let longer = format!("{path}{character}");
            if automaton.accepts(&next) {
                return Some(longer);
            }
            queue.push_back((next, longer));
        }
    }
    None
}

impl Automaton {
    fn new(within: &[impl AsRef<[PathPattern]>], except: &[PathPattern]) -> Self {
        let mut automaton = Self { steps: Vec::new(), starts: Vec::new(), lists: within.len() };
        for (list, patterns) in within.iter().enumerate() {
            automaton.add(patterns.as_ref(), Owner::Within(list));
        }
        automaton.add(except, Owner::Except);
        automaton
    }

    fn add(&mut self, patterns: &[PathPattern], owner: Owner) {
        for pattern in patterns {
            self.starts.push(self.steps.len());
            self.steps.extend(pattern.steps().into_iter().map(|step| Place::Step(step, owner)));
            self.steps.push(Place::End(owner));
        }
    }

    fn places(&self, state: &State) -> impl Iterator<Item = (usize, Place)> {
        state.iter().filter_map(|at| Some((*at, *self.steps.get(*at)?)))
    }

    /// With every position that is reached without a character.
    fn close(&self, mut state: State) -> State {
        let mut at = 0;
        while let Some(position) = state.get(at).copied() {
            if let Some(Place::Step(Step::Run | Step::Anything, _)) = self.steps.get(position) {
                state.push(position + 1);
            }
            at += 1;
        }
        state.sort_unstable();
        state.dedup();
        state
    }

    /// One character for each way in which this state can go on.
    fn characters(&self, state: &State) -> Vec<char> {
        let literal = |(_, place)| match place {
            Place::Step(Step::Literal(character), _) => Some(character),
            _ => None,
        };
        let mut characters: Vec<char> = self.places(state).filter_map(literal).chain(['/']).collect();
        characters.sort_unstable();
        characters.dedup();
        let is_fresh = |fresh: &char| !characters.contains(fresh);
        let in_segment = std::iter::once('x').chain('!'..='~').filter(|fresh| is_segment_character(*fresh)).find(is_fresh);
        // First those that clients send as they are.
        let others = ['[', ']', '|', '^'].into_iter().chain('!'..=char::MAX);
        let outside = others.filter(|fresh| !is_segment_character(*fresh)).find(is_fresh);
        characters.extend([in_segment, outside].into_iter().flatten());
        characters
    }

    fn read(&self, state: &State, character: char) -> State {
        let mut next = State::new();
        for (at, place) in self.places(state) {
            let Place::Step(step, _) = place else { continue };
            match step {
                Step::Literal(own) if own == character => next.push(at + 1),
                Step::Segment if is_segment_character(character) => next.extend([at, at + 1]),
                Step::Run if character == '/' || is_segment_character(character) => next.push(at),
                Step::Anything => next.push(at),
                Step::Literal(_) | Step::Segment | Step::Run => {}
            }
        }
        self.close(next)
    }

    /// Whether every list still has a pattern that could match in the end.
    fn may_match(&self, state: &State) -> bool {
        self.every_list(state, |place| match place {
            Place::Step(_, owner) | Place::End(owner) => Some(owner),
        })
    }

    fn accepts(&self, state: &State) -> bool {
        let ended = |place| match place {
            Place::End(owner) => Some(owner),
            Place::Step(..) => None,
        };
        let excluded = self.places(state).any(|(_, place)| ended(place) == Some(Owner::Except));
        !excluded && self.every_list(state, ended)
    }

    fn every_list(&self, state: &State, of: impl Fn(Place) -> Option<Owner>) -> bool {
        (0..self.lists).all(|list| self.places(state).any(|(_, place)| of(place) == Some(Owner::Within(list))))
    }
}
