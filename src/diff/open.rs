//! Pods that are open, whatever the rules say, on one side and not on the other.
//!
//! Owns: the entries about whole namespaces: that they become managed or stop being so, that a direction is opened or closed,
//! that a `close` comes or goes. What changes then is everything that no rule speaks of, which reads best as one line.

use std::collections::{BTreeMap, BTreeSet};

use super::access::nature;
use super::cause::{placed, said, shown};
use super::entry::{Cause, Entry, Example, Kind};
use super::kind::kind;
use super::seeds::{Policies, Region, Seed, Why, sown};
use super::side::{Pair, Which};
use super::walk::{Cell, walk};
use super::words::Words;
use crate::flow::{AddressSet, Peer, Peers, PodCube, PodSet, PortSet, Symbol};
use crate::ir::{Namespace, Policy, Rule, Stance};
use crate::source::Location;
use crate::syntax::ast::Action;
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
    fn add(&mut self, turn: &Turn) {
        let sum = match turn.which {
            Which::Head => &mut self.gained,
            Which::Base => &mut self.lost,
        };
        sum.entry(turn.way).or_default().extend(turn.pods.cubes().iter().cloned());
    }

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

/// What makes changes of namespaces one entry: on which side they are open, which way, why, and how risky that is.
type Reason = (Which, Way, String, Kind);

/// Finds the pods that are open on one side only, and an entry for all that are so for one reason, with one risk.
pub(super) fn opened(policies: Policies<'_>, pair: &Pair<'_>, words: &Words) -> (Opened, Vec<Entry>) {
    let mut all = Opened::default();
    let mut groups: BTreeMap<Reason, Vec<(Turn, Example)>> = BTreeMap::new();
    for turn in pair.names.iter().flat_map(|name| turns(policies, pair, name)) {
        // Where rules forbid it to everybody who may be asked about, what is left of it is told flow by flow.
        let Some((risk, example)) = example(policies, pair, &turn) else { continue };
        let kind = if turn.which == Which::Head { risk } else { Kind::Closed };
        all.add(&turn);
        groups.entry((turn.which, turn.way, turn.why.clone(), kind)).or_default().push((turn, example));
    }
    let entries = groups.into_iter().filter_map(|((.., kind), group)| {
        let (turns, examples): (Vec<Turn>, Vec<Example>) = group.into_iter().unzip();
        entry(policies, words, &turns, (kind, examples.into_iter().next()?))
    });
    let entries = entries.collect();
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

fn entry(policies: Policies<'_>, words: &Words, turns: &[Turn], (kind, example): (Kind, Example)) -> Option<Entry> {
    let first = turns.first()?;
    let pods: PodSet = turns.iter().flat_map(|turn| turn.pods.cubes().to_vec()).collect();
    let near = Peers::from(pods.simplify());
    let (source, destination) = match first.way {
        Way::Ingress => (Peers::all(), near),
        Way::Egress => (near, Peers::all()),
    };
    let denied = denied(policies, turns);
    let unruled = if denied.is_empty() { "open, whatever the rules say" } else { "open but for what rules deny" };
    let ruled = "closed but for rules and baseline";
    let (before, after, remarks) = match first.which {
        Which::Head => (ruled, unruled, denied),
        Which::Base => (unruled, ruled, still(policies, turns)),
    };
    let causes = turns.iter().filter_map(|turn| Some(cause(turn, &namespace_of(&turn.pods)?))).collect();
    Some(Entry {
        kind,
        kinds: BTreeSet::from([kind]),
        who: words.peers(&source),
        whom: words.peers(&destination),
        on: String::new(),
        source,
        destination,
        ports: PortSet::all(),
        before: before.to_owned(),
        after: after.to_owned(),
        causes,
        remarks,
        partly: None,
        example,
        lost: None,
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
    let opens = |rule: &Rule, turn: &Turn| match turn.way {
        Way::Ingress => rule.targets.iter().any(|target| target.end.opened().overlaps(&turn.pods)),
        Way::Egress => rule.source.opened().overlaps(&turn.pods),
    };
    listed("still passes", (policies.head, Action::Allow), turns, opens)
}

/// What does not pass where everything else does: the rules that deny something at these ends, on the side on which they are open.
fn denied(policies: Policies<'_>, turns: &[Turn]) -> Vec<String> {
    let Some(first) = turns.first() else { return Vec::new() };
    let stops = |rule: &Rule, turn: &Turn| match turn.way {
        Way::Ingress => rule.targets.iter().any(|target| target.end.peers().pods.overlaps(&turn.pods)),
        Way::Egress => rule.source.peers().pods.overlaps(&turn.pods),
    };
    listed("still denied", (policies.of(first.which), Action::Deny), turns, stops)
}

/// Rules that have a say at the ends that are open on one side, a line each.
fn listed(word: &str, (policy, action): (&Policy, Action), turns: &[Turn], concerns: impl Fn(&Rule, &Turn) -> bool) -> Vec<String> {
    let has_say = |rule: &&Rule| rule.action == action && turns.iter().any(|turn| rule.faces(direction(turn.way)) && concerns(rule, turn));
    let rules: Vec<&Rule> = policy.rules.iter().filter(has_say).collect();
    let names: BTreeSet<Symbol> = turns.iter().filter_map(|turn| namespace_of(&turn.pods)).collect();
    // A rule of another namespace than the one that is told of does not say by itself what it is about.
    let is_plain = |rule: &Rule| names.len() == 1 && names.contains(&rule.namespace);
    let whose = |rule: &Rule| if is_plain(rule) { String::new() } else { format!(", a line of `{}`", rule.namespace) };
    let mut lines: Vec<String> = rules.iter().take(MAX_RULES).map(|rule| format!("{word}: {}{}", rule.text, whose(rule))).collect();
    let more = rules.len().saturating_sub(MAX_RULES);
    lines.extend((more > 0).then(|| format!("{word}: what {more} more rules say")));
    lines
}

/// A flow that the change shows in: from or to an address, or a namespace that nobody knows; the riskiest, with its kind.
fn example(policies: Policies<'_>, pair: &Pair<'_>, turn: &Turn) -> Option<(Kind, Example)> {
    let far = Peers { pods: PodSet::from(PodCube::in_namespace(&pair.fresh)), addresses: AddressSet::all() };
    let near = Peers::from(turn.pods.clone());
    let (source, destination) = match turn.way {
        Way::Ingress => (far, near),
        Way::Egress => (near, far),
    };
    let region = Region { source, destination, ports: PortSet::all(), why: Why::new("open") };
    let seeds = sown(vec![Seed::Region(turn.which, Box::new(region))], Some(policies), pair);
    let found = walk(pair, Some(policies), &seeds);
    let shown = found.cells.iter().filter_map(|cell| {
        let nature = nature(&cell.before, &cell.after, &cell.requests);
        let (here, there) = shown(cell, &nature, turn.which)?;
        let example = match turn.which {
            Which::Head => Example { base: there, head: here },
            Which::Base => Example { base: here, head: there },
        };
        Some((kind(pair, cell, &nature), example))
    });
    shown.min_by_key(|(kind, _)| *kind)
}
