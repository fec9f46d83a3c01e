//! Pods that are open, whatever the rules say, on one side and not on the other.
//!
//! Owns: the entries about whole namespaces: that they become managed or stop being so, that a direction is opened or closed,
//! that a `close` comes or goes. What changes then is everything that no rule speaks of, which reads best as one line.

use std::collections::BTreeMap;

use super::access::nature;
use super::cause::{placed, said, shown};
use super::entry::{Cause, Entry, Example, Kind};
use super::seeds::{Policies, Region, Seed, Why, sown};
use super::side::{Pair, Which};
use super::walk::{Cell, walk};
use super::words::Words;
use crate::flow::{AddressSet, Peer, Peers, PodCube, PodSet, PortSet, Symbol};
use crate::ir::{Namespace, Rule, Stance};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};
use crate::verify::Way;

use super::intents::direction;

/// Which pods are open on one side only.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Open on the head only, by the way.
    gained: BTreeMap<Way, PodSet>,
    /// Open on the base only.
    lost: BTreeMap<Way, PodSet>,
}

impl Opened {
    /// The pods that are open on one side only, this way.
    fn only(&self, which: Which, way: Way) -> Option<&PodSet> {
        match which {
            Which::Head => self.gained.get(&way),
            Which::Base => self.lost.get(&way),
        }
    }

    /// Whether a rule opens an end that was open by itself: it changes what is told of the namespace, if no access.
    pub(super) fn meets(&self, rule: &Rule) -> bool {
        let overlaps = |way: Way, pods: &PodSet| {
            [&self.gained, &self.lost].into_iter().any(|all| all.get(&way).is_some_and(|open| open.overlaps(pods)))
        };
        overlaps(Way::Egress, &rule.source.opened()) || rule.targets.iter().any(|target| overlaps(Way::Ingress, &target.end.opened()))
    }

    /// Whether a difference is told by the entry about a namespace: nothing passes more, or nothing less, than that it is open.
    pub(super) fn explains(&self, cell: &Cell, only_gained: bool, only_lost: bool) -> bool {
        let holds = |which: Which, way: Way, peer: &Peer| matches!(peer, Peer::Pod(pod) if self.only(which, way).is_some_and(|pods| pods.contains(pod)));
        let by = |which: Which| holds(which, Way::Ingress, cell.target.of(which)) || holds(which, Way::Egress, cell.caller.of(which));
        only_gained && by(Which::Head) || only_lost && by(Which::Base)
    }
}

/// One change of a namespace.
struct Turn {
    way: Way,
    which: Which,
    pods: PodSet,
    why: String,
    location: Option<(Which, Location)>,
}

/// Finds the pods that are open on one side only, and an entry for all that are so for one reason.
pub(super) fn opened(policies: Policies<'_>, pair: &Pair<'_>, words: &Words) -> (Opened, Vec<Entry>) {
    let mut all = Opened::default();
    let mut groups: BTreeMap<(Which, Way, String), Vec<Turn>> = BTreeMap::new();
    for name in &pair.names {
        for turn in turns(policies, pair, name) {
            let sum = match turn.which {
                Which::Head => &mut all.gained,
                Which::Base => &mut all.lost,
            };
            sum.entry(turn.way).or_default().extend(turn.pods.cubes().iter().cloned());
            groups.entry((turn.which, turn.way, turn.why.clone())).or_default().push(turn);
        }
    }
    let entries = groups.into_values().filter_map(|turns| entry(policies, pair, words, &turns)).collect();
    (all, entries)
}

fn turns(policies: Policies<'_>, pair: &Pair<'_>, name: &Symbol) -> Vec<Turn> {
    let mut turns = Vec::new();
    for way in [Way::Ingress, Way::Egress] {
        let open = |which: Which| pair.side(which).open(name, way);
        let (base, head) = (open(Which::Base), open(Which::Head));
        for (which, pods) in [(Which::Head, head.subtract(&base)), (Which::Base, base.subtract(&head))] {
            if !pods.is_empty() {
                let (why, location) = reason(policies, name, which, way);
                turns.push(Turn { way, which, pods, why, location });
            }
        }
    }
    turns
}

/// Why pods of a namespace are open on one side only.
fn reason(policies: Policies<'_>, name: &Symbol, which: Which, way: Way) -> (String, Option<(Which, Location)>) {
    let namespace = |which: Which| policies.of(which).namespace(name).filter(|namespace: &&Namespace| namespace.is_managed());
    let word = if way == Way::Ingress { "ingress" } else { "egress" };
    let location = |which: Which| namespace(which).and_then(|namespace| Some((which, namespace.location?)));
    let location = location(Which::Head).or_else(|| location(Which::Base));
    let open = |which: Which| namespace(which).is_some_and(|namespace| namespace.stance(direction(way)) == Stance::Open);
    let why = match (namespace(Which::Base), namespace(Which::Head)) {
        (None, Some(_)) => "becomes managed".to_owned(),
        (Some(_), None) => "is no longer managed".to_owned(),
        _ if open(Which::Base) && open(Which::Head) && which == Which::Head => format!("a `close` on {word} is gone"),
        _ if open(Which::Base) && open(Which::Head) => format!("a `close` on {word} has come"),
        _ if which == Which::Head => format!("`open {word}` has come"),
        _ => format!("`open {word}` is gone"),
    };
    (why, location)
}

fn entry(policies: Policies<'_>, pair: &Pair<'_>, words: &Words, turns: &[Turn]) -> Option<Entry> {
    let first = turns.first()?;
    let (example, _) = turns.iter().find_map(|turn| example(policies, pair, turn))?;
    let pods: PodSet = turns.iter().flat_map(|turn| turn.pods.cubes().to_vec()).collect();
    let near = Peers::from(pods.simplify());
    let (source, destination) = match first.way {
        Way::Ingress => (Peers::all(), near),
        Way::Egress => (near, Peers::all()),
    };
    let (unruled, ruled) = ("open, whatever the rules say", "closed but for rules and baseline");
    let (kind, before, after) = match first.which {
        Which::Head => (Kind::Internet, ruled, unruled),
        Which::Base => (Kind::Closed, unruled, ruled),
    };
    let causes = turns.iter().filter_map(|turn| Some(cause(turn, &namespace_of(&turn.pods)?))).collect();
    Some(Entry {
        kind,
        loses: kind.is_loss(),
        who: words.peers(&source),
        whom: words.peers(&destination),
        on: String::new(),
        source,
        destination,
        ports: PortSet::all(),
        before: before.to_owned(),
        after: after.to_owned(),
        causes,
        remarks: if first.which == Which::Base { still(policies, turns) } else { Vec::new() },
        partly: None,
        example,
        callers: Vec::new(),
        called: Vec::new(),
        accepted: None,
    })
}

fn namespace_of(pods: &PodSet) -> Option<Symbol> {
    pods.cubes().first()?.namespace_names()?.first().cloned()
}

fn cause(turn: &Turn, name: &Symbol) -> Cause {
    let text = format!("namespace `{name}`: {}", turn.why);
    Cause { namespace: Some(Symbol::clone(name)), ..placed(said(text), turn.location) }
}

/// The most rules that are named one by one.
const MAX_RULES: usize = 12;

/// What still passes where everything did: the rules of the head that open these ends.
fn still(policies: Policies<'_>, turns: &[Turn]) -> Vec<String> {
    let opens = |rule: &&Rule| {
        let opened = |turn: &Turn| match turn.way {
            Way::Ingress => rule.faces(Direction::In) && rule.targets.iter().any(|target| target.end.opened().overlaps(&turn.pods)),
            Way::Egress => rule.faces(Direction::Out) && rule.source.opened().overlaps(&turn.pods),
        };
        rule.action == Action::Allow && turns.iter().any(opened)
    };
    let rules: Vec<&Rule> = policies.head.rules.iter().filter(opens).collect();
    let mut lines: Vec<String> = rules.iter().take(MAX_RULES).map(|rule| format!("still passes: {}", rule.text)).collect();
    let more = rules.len().saturating_sub(MAX_RULES);
    lines.extend((more > 0).then(|| format!("still passes: what {more} more rules say")));
    lines
}

/// A flow that the change shows in: from or to an address, or a namespace that nobody knows.
fn example(policies: Policies<'_>, pair: &Pair<'_>, turn: &Turn) -> Option<(Example, Cell)> {
    let far = Peers { pods: PodSet::from(PodCube::in_namespace(&pair.fresh)), addresses: AddressSet::all() };
    let near = Peers::from(turn.pods.clone());
    let (source, destination) = match turn.way {
        Way::Ingress => (far, near),
        Way::Egress => (near, far),
    };
    let region = Region { source, destination, ports: PortSet::all(), why: Why::new("open") };
    let seeds = sown(vec![Seed::Region(turn.which, Box::new(region))], Some(policies), pair);
    let found = walk(pair, Some(policies), &seeds);
    found.cells.into_iter().find_map(|cell| {
        let (here, there) = shown(&cell, &nature(&cell.before, &cell.after, &cell.requests), turn.which)?;
        let example = match turn.which {
            Which::Head => Example { base: there, head: here },
            Which::Base => Example { base: here, head: there },
        };
        Some((example, cell))
    })
}
