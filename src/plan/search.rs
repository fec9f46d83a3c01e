//! The search for an order.
//!
//! Owns: `search`. At every moment it takes the first change, in the order of `semantics.md` trap 113, after which nothing is wrong;
//! where no change of an object as a whole will do, objects that stand between the two contents. A step of several objects is
//! made only of changes of one direction, or of such that no flow meets two of: whatever part of it is already applied, what
//! passes lies between what passed before and what passes after, and both were judged.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::{Bench, Wrong};
use super::interim::Between;
use super::items::{Change, Item, Role, State, Trend, Version, trend};
use super::shape::Gate;
use crate::flow::Symbol;

/// Why a step stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Copies are tried out.
    Try,
    /// They go.
    EndTry,
    /// What others name.
    Names,
    /// Pods are held open.
    Hold,
    /// It only opens.
    Open,
    /// Both transports are accepted.
    Permit,
    /// Old and new rules stand side by side.
    Side,
    /// Pods join or leave the mesh, or get other labels.
    Turn,
    /// It opens and closes at once.
    Replace,
    /// Only what old and new rules share.
    Share,
    /// It only closes.
    Close,
    /// One transport alone.
    Strict,
    /// It refuses.
    Deny,
    /// Nothing safe was found for it.
    Unsafe,
}

/// One step that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) phase: Phase,
    pub(super) changes: Vec<Change>,
    pub(super) before: State,
    pub(super) after: State,
    /// What is wrong after it; nothing but in the last steps of an order that is not safe.
    pub(super) wrong: Wrong,
}

/// The most states that are judged before a search gives up.
const MAX_JUDGED: usize = 1500;

/// The most changes that are weighed against each other where none is safe.
const MAX_WEIGHED: usize = 24;

/// The most changes of one namespace of which every part is judged: there are eight parts of three.
const MAX_WHOLE: usize = 3;

/// The phases in which objects get what they are to be, in order.
const DIRECT: [Phase; 9] =
    [Phase::Names, Phase::Hold, Phase::Open, Phase::Permit, Phase::Turn, Phase::Replace, Phase::Close, Phase::Strict, Phase::Deny];

/// By which objects that stand on neither side a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// By those that hold pods open, and by those that accept both transports.
    Usual,
    /// By none that hold pods open: while they stand, nothing that opens the other end can come.
    WithoutHolds,
    /// By none that accept both transports: they do so on every port.
    Straight,
}

impl Course {
    /// Those that may lead to other orders, the usual one first.
    fn all(items: &[Item]) -> Vec<Self> {
        let holds = items.iter().any(is_hold).then_some(Self::WithoutHolds);
        let permits = items.iter().any(Item::is_permitted_first).then_some(Self::Straight);
        [Self::Usual].into_iter().chain(holds).chain(permits).collect()
    }
}

/// Finds an order from a state to the head. If none is safe, the last steps say what is wrong with them.
pub(super) fn search(bench: &Bench<'_>, start: &State) -> Vec<Taken> {
    let mut best: Option<Vec<Taken>> = None;
    for course in Course::all(bench.items) {
        let taken = by(bench, start, course);
        let harm = harm(&taken);
        if harm == 0 {
            return taken;
        }
        if best.as_ref().is_none_or(|best| harm < self::harm(best)) {
            best = Some(taken);
        }
    }
    best.unwrap_or_default()
}

/// In how many steps something is wrong.
fn harm(taken: &[Taken]) -> usize {
    taken.iter().filter(|taken| !taken.wrong.is_nothing()).count()
}

/// The order that a course leads to. Where it is stuck with both ways of standing between, it goes on by what does least harm, which may
/// be none.
fn by(bench: &Bench<'_>, start: &State, course: Course) -> Vec<Taken> {
    let mut best: Option<Search<'_>> = None;
    for interims in [[Between::Wide, Between::Narrow], [Between::Narrow, Between::Wide]] {
        let holds = bench.items.iter().enumerate().filter(|(_, item)| course == Course::WithoutHolds && is_hold(item));
        let held = holds.map(|(at, _)| at).collect();
        let mut search = Search { bench, course, state: start.clone(), taken: Vec::new(), held };
        while search.advance(interims) {}
        if search.left().is_empty() {
            return search.taken;
        }
        if best.as_ref().is_none_or(|best| search.left().len() < best.left().len()) {
            best = Some(search);
        }
    }
    best.map(Search::finish_unsafely).unwrap_or_default()
}

struct Search<'a> {
    bench: &'a Bench<'a>,
    course: Course,
    state: State,
    taken: Vec<Taken>,
    /// Items that held pods open, and need not do so again.
    held: BTreeSet<usize>,
}

impl Search<'_> {
    fn items(&self) -> &[Item] {
        self.bench.items
    }

    /// The content of an item that comes next.
    fn next(&self, at: usize, item: &Item) -> Option<usize> {
        if self.course == Course::Straight { item.head } else { item.next(self.state.of(at)) }
    }

    /// What still has to be done.
    fn left(&self) -> Vec<Change> {
        // A namespace that turns is labelled when it does.
        let turns_later =
            |item: &Item| item.id.kind == "Namespace" && item.head.is_some() && self.bench.turning.contains(item.id.name.as_str());
        let objects = self.items().iter().enumerate().filter(|(at, item)| self.state.of(*at) != item.head && !turns_later(item));
        let objects = objects.map(|(at, item)| Change::Object(at, self.next(at, item)));
        let turns = self.bench.turning.difference(&self.state.turned.labels).cloned().map(Change::Turn);
        objects.chain(turns).collect()
    }

    /// Takes one step, if any is safe.
    fn advance(&mut self, interims: [Between; 2]) -> bool {
        let left = self.left();
        if left.is_empty() || self.bench.judged.get() > MAX_JUDGED {
            return false;
        }
        let (first, last) = DIRECT.split_at(DIRECT.iter().position(|phase| *phase == Phase::Turn).map_or(DIRECT.len(), |at| at + 1));
        // Pods turn before anything is asked of them, if it can be made so.
        let turns = left.iter().any(|change| matches!(change, Change::Turn(_)));
        first.iter().any(|phase| self.take(*phase))
            || turns && self.stand_between(Between::Wide)
            || last.iter().any(|phase| self.take(*phase))
            || interims.into_iter().any(|how| self.stand_between(how))
    }

    /// Takes whatever of a phase is safe.
    fn take(&mut self, phase: Phase) -> bool {
        let sorted = self.sorted();
        let changes: Vec<Change> = sorted.into_iter().filter(|(of, _)| *of == phase).map(|(_, change)| change).collect();
        match phase {
            Phase::Turn => self.one_by_one(phase, &changes),
            Phase::Permit | Phase::Strict => self.whole(phase, &changes) || self.apart(phase, &changes) || self.one_by_one(phase, &changes),
            Phase::Replace => self.apart(phase, &changes) || self.one_by_one(phase, &changes),
            _ => self.together(phase, changes),
        }
    }

    /// All that is to be done, with its phase.
    fn sorted(&self) -> Vec<(Phase, Change)> {
        let leaving = self.leaving();
        let mut all: Vec<(Phase, Change)> = Vec::new();
        for change in self.left() {
            let phase = match &change {
                Change::Turn(_) => Some(Phase::Turn),
                Change::Object(at, to) => self.phase(*at, *to, &leaving),
            };
            all.extend(phase.map(|phase| (phase, change)));
        }
        let unused =
            self.items().iter().enumerate().filter(|(at, item)| is_hold(item) && self.state.of(*at).is_none() && !self.held.contains(at));
        all.extend(unused.map(|(at, _)| (Phase::Hold, Change::Object(at, Some(0)))));
        all
    }

    /// Items that stop isolating pods if everything that is left is done.
    fn leaving(&self) -> BTreeSet<usize> {
        let stops = |(at, item): &(usize, &Item)| {
            if is_hold(item) && !self.may_let_go(*at) {
                return false;
            }
            if self.state.of(*at) == self.next(*at, item) {
                return false;
            }
            let doors = |version: Option<usize>| item.version(version).map(|version| version.shape().doors()).unwrap_or_default();
            !doors(self.state.of(*at)).is_subset(&doors(self.next(*at, item)))
        };
        self.items().iter().enumerate().filter(stops).map(|(at, _)| at).collect()
    }

    fn phase(&self, at: usize, to: Option<usize>, leaving: &BTreeSet<usize>) -> Option<Phase> {
        let item = self.items().get(at)?;
        let (old, new) = (item.version(self.state.of(at)), item.version(to));
        let gate = old.or(new)?.shape().gate;
        if is_hold(item) && !self.may_let_go(at) {
            return None;
        }
        if item.id.kind == "Namespace" || item.id.kind == "ServiceAccount" {
            return Some(if new.is_some() { Phase::Names } else { Phase::Close });
        }
        if gate == Gate::Transport {
            let is_one = |version: &Version| ["STRICT", "DISABLE"].iter().any(|mode| version.shape().modes.contains(*mode));
            let permits = match (old, new) {
                (_, Some(new)) => !is_one(new),
                (old, None) => old.is_some_and(is_one),
            };
            return Some(if permits { Phase::Permit } else { Phase::Strict });
        }
        Some(match trend(self.items(), &self.state, (at, to), leaving) {
            Trend::Same | Trend::Opens => Phase::Open,
            Trend::Closes if gate == Gate::Deny => Phase::Deny,
            Trend::Closes => Phase::Close,
            Trend::Both => Phase::Replace,
        })
    }

    /// Whether all that an item holds open has arrived or gone.
    fn may_let_go(&self, hold: usize) -> bool {
        let Some(Item { id, role: Role::Hold(gate, door), .. }) = self.items().get(hold) else { return true };
        let waits = |(at, item): (usize, &Item)| {
            let isolates = |version: Option<usize>| item.version(version).is_some_and(|version| version.shape().isolates(*gate, *door));
            item.role == Role::Own
                && item.id.namespace == id.namespace
                && self.state.of(at) != item.head
                && isolates(self.state.of(at)) != isolates(item.head)
        };
        !self.items().iter().enumerate().any(waits)
    }

    /// Changes of one direction: all of them, else as many as can be.
    fn together(&mut self, phase: Phase, changes: Vec<Change>) -> bool {
        if changes.is_empty() {
            return false;
        }
        if self.is_safe(&changes, &changes) {
            return self.commit(phase, changes);
        }
        let mut taken: Vec<Change> = Vec::new();
        for change in changes.iter().filter(|_| changes.len() > 1) {
            taken.push(change.clone());
            if !self.is_safe(&taken, std::slice::from_ref(change)) {
                taken.pop();
            }
        }
        !taken.is_empty() && self.commit(phase, taken)
    }

    /// Some changes in each namespace of objects which act on nothing but connections to its pods, where every part of them is safe. What
    /// is done in the one namespace is nothing to flows to another, so the parts of all are judged together.
    fn whole(&mut self, phase: Phase, changes: &[Change]) -> bool {
        let mut by_name: BTreeMap<&Symbol, Vec<&Change>> = BTreeMap::new();
        for (name, change) in self.of_destinations(changes) {
            let known = by_name.entry(name).or_default();
            if known.len() < MAX_WHOLE {
                known.push(change);
            }
        }
        let most = by_name.values().map(Vec::len).max().unwrap_or_default();
        if most < 2 {
            return false;
        }
        let part = |wanted: usize| {
            let of = |changes: &Vec<&Change>| {
                (0..).zip(changes).filter(|(at, _)| wanted & (1 << at) != 0).map(|(_, one)| (*one).clone()).collect::<Vec<_>>()
            };
            by_name.values().flat_map(of).collect::<Vec<_>>()
        };
        let whole = (1 << most) - 1;
        let is_safe = (1..=whole).rev().map(&part).all(|part| self.is_safe(&part, &part));
        let taken = part(whole);
        is_safe && self.commit(phase, taken)
    }

    /// Changes of which no flow meets two: of Istio's objects, which act on the destination alone, one in each namespace.
    fn apart(&mut self, phase: Phase, changes: &[Change]) -> bool {
        // No flow meets two, so if the first of each namespace are safe together, each is so by itself.
        let mut first: BTreeMap<&Symbol, &Change> = BTreeMap::new();
        for (name, change) in self.of_destinations(changes) {
            first.entry(name).or_insert(change);
        }
        let mut taken: Vec<Change> = changes.iter().filter(|change| first.values().any(|one| one == change)).cloned().collect();
        if taken.is_empty() {
            return false;
        }
        if !self.is_safe(&taken, &taken) {
            taken = self.safe_alone(changes);
            if !self.is_safe(&taken, &taken) {
                taken.truncate(1);
            }
        }
        !taken.is_empty() && self.commit(phase, taken)
    }

    /// Changes that act on nothing but connections to pods of their namespace, with its name. A call over a waypoint may meet several.
    fn of_destinations<'c>(&self, changes: &'c [Change]) -> impl Iterator<Item = (&Symbol, &'c Change)> {
        let changes = if self.bench.has_waypoints() { &[] } else { changes };
        changes.iter().filter_map(|change| {
            let Change::Object(at, _) = change else { return None };
            let item = self.bench.items.get(*at).filter(|item| is_of_destination(item, &self.bench.ends.platform.root_namespace))?;
            Some((&item.id.namespace, change))
        })
    }

    /// Of each namespace the first change that is safe.
    fn safe_alone(&self, changes: &[Change]) -> Vec<Change> {
        let mut first: BTreeSet<&Symbol> = BTreeSet::new();
        let mut taken = Vec::new();
        for (name, change) in self.of_destinations(changes) {
            if !first.contains(name) && self.is_safe(std::slice::from_ref(change), std::slice::from_ref(change)) {
                first.insert(name);
                taken.push(change.clone());
            }
        }
        taken
    }

    /// The first change that is safe by itself.
    fn one_by_one(&mut self, phase: Phase, changes: &[Change]) -> bool {
        let safe = changes.iter().find(|change| self.is_safe(std::slice::from_ref(*change), std::slice::from_ref(*change))).cloned();
        safe.is_some_and(|change| self.commit(phase, vec![change]))
    }

    /// Puts objects between what was and what is to be.
    fn stand_between(&mut self, how: Between) -> bool {
        let items = self.items().iter().enumerate();
        let changes: Vec<Change> = items.filter_map(|(at, item)| item.interim(at, self.state.of(at), how)).collect();
        let (phase, wanted) = match how {
            Between::Wide => (Phase::Side, Trend::Opens),
            Between::Narrow => (Phase::Share, Trend::Closes),
        };
        let goes = |change: &Change| match change {
            Change::Object(at, to) => {
                let trend = trend(self.items(), &self.state, (*at, *to), &BTreeSet::new());
                trend == wanted || trend == Trend::Same
            }
            Change::Turn(_) => false,
        };
        let (all, others): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(goes);
        self.together(phase, all) || self.one_by_one(phase, &others)
    }

    fn is_safe(&self, changes: &[Change], last: &[Change]) -> bool {
        self.judge(changes, last).is_nothing()
    }

    /// What is wrong after some changes, the last of which were not judged yet; and while pods are replaced, if they are.
    fn judge(&self, changes: &[Change], last: &[Change]) -> Wrong {
        let turns = last.iter().filter_map(|change| match change {
            Change::Turn(name) => Some(name),
            Change::Object(..) => None,
        });
        let moments = turns.flat_map(|name| self.state.while_turning(name)).chain([self.state.after(changes)]);
        let judged = moments.map(|moment| self.bench.wrong(&moment, last));
        judged.reduce(|first, second| if first.is_nothing() { second } else { first }).unwrap_or_default()
    }

    fn commit(&mut self, phase: Phase, changes: Vec<Change>) -> bool {
        let after = self.state.after(&changes);
        for change in &changes {
            if let Change::Object(at, Some(_)) = change {
                self.held.insert(*at);
            }
        }
        let before = std::mem::replace(&mut self.state, after.clone());
        self.taken.push(Taken { phase, changes, before, after, wrong: Wrong::default() });
        true
    }

    /// Does what is left all the same, what does least harm first, and says what is wrong with it.
    fn finish_unsafely(mut self) -> Vec<Taken> {
        while let Some((change, wrong)) = self.least_harm() {
            let changes = vec![change];
            let after = self.state.after(&changes);
            let before = std::mem::replace(&mut self.state, after.clone());
            let phase = if wrong.is_nothing() { Phase::Replace } else { Phase::Unsafe };
            self.taken.push(Taken { phase, changes, before, after, wrong });
            while self.advance([Between::Wide, Between::Narrow]) {}
        }
        self.taken
    }

    /// The change that is left and does least harm.
    fn least_harm(&self) -> Option<(Change, Wrong)> {
        let weighed = if self.bench.judged.get() > MAX_JUDGED { 1 } else { MAX_WEIGHED };
        let judged = self.left().into_iter().take(weighed).map(|change| {
            let wrong = self.judge(std::slice::from_ref(&change), std::slice::from_ref(&change));
            (wrong.opens(), wrong.breaches.len(), change, wrong)
        });
        let least = judged.min_by(|one, other| (one.0, one.1, &one.2).cmp(&(other.0, other.1, &other.2)));
        least.map(|(_, _, change, wrong)| (change, wrong))
    }
}

fn is_hold(item: &Item) -> bool {
    matches!(item.role, Role::Hold(..))
}

/// Whether an object acts on nothing but connections to pods of its namespace.
fn is_of_destination(item: &Item, root: &Symbol) -> bool {
    let kinds = ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];
    kinds.contains(&item.id.kind.as_str()) && item.id.namespace != *root
}
