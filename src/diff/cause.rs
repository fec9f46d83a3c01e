//! What made a difference.
//!
//! Owns: `Causes`: of everything that stands on one side only, what lets a flow through or stops it there, and which rules are
//! one rule that was changed.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Mark, Nature};
use super::entry::{Cause, Change};
use super::facts::namespace_change;
use super::seeds::{Policies, Seed, Sown, Why};
use super::settings::everywhere;
use super::side::{Said, Which};
use super::walk::Cell;
use crate::flow::{Flow, Peer, Symbol, Transport};
use crate::ir::Rule;
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

/// Everything that may have made a difference between two programs.
#[derive(Debug)]
pub(super) struct Causes<'a> {
    policies: Policies<'a>,
    /// The rule of the base that a rule of the head was.
    was: BTreeMap<usize, usize>,
    /// The same the other way round.
    becomes: BTreeMap<usize, usize>,
}

/// Something that stands on one side only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A rule, and what it was: places on the head and on the base.
    Rule(Option<usize>, Option<usize>),
    /// A namespace.
    Namespace(Symbol),
    /// An object of manifests, and what has become of it.
    Object(String, Change),
    /// Something about many pods, with why.
    Region(Why),
    /// Something that holds everywhere.
    Everything,
}

impl<'a> Causes<'a> {
    /// Pairs the rules of the seeds: which one was changed into which.
    pub(super) fn new(policies: Policies<'a>, sown: &[Sown]) -> Self {
        let places = |wanted: Which| -> Vec<usize> {
            let rules = sown.iter().filter_map(|sown| match sown.seed {
                Seed::Rule(which, at) if which == wanted => Some(at),
                _ => None,
            });
            rules.collect()
        };
        let (mut removed, added) = (places(Which::Base), places(Which::Head));
        let mut causes = Self { policies, was: BTreeMap::new(), becomes: BTreeMap::new() };
        for likeness in LIKENESSES {
            for at in &added {
                let Some(new) = policies.rule(Which::Head, *at).filter(|_| !causes.was.contains_key(at)) else { continue };
                let is_like = |old: &usize| policies.rule(Which::Base, *old).is_some_and(|old| is_kin(old, new) && likeness(old, new));
                let Some(found) = removed.iter().position(is_like) else { continue };
                let old = removed.remove(found);
                causes.was.insert(*at, old);
                causes.becomes.insert(old, *at);
            }
        }
        causes
    }

    /// A rule of one side, with the one that it was or became.
    fn item(&self, which: Which, at: usize) -> Item {
        match which {
            Which::Head => Item::Rule(Some(at), self.was.get(&at).copied()),
            Which::Base => Item::Rule(self.becomes.get(&at).copied(), Some(at)),
        }
    }

    /// The rule that a seed is about.
    pub(super) fn item_of(&self, seed: &Seed) -> Option<Item> {
        match seed {
            Seed::Rule(which, at) => Some(self.item(*which, *at)),
            _ => None,
        }
    }

    /// The rules that an item is about.
    pub(super) fn rules_of(&self, item: &Item) -> impl Iterator<Item = &'a Rule> {
        let (head, base) = match item {
            Item::Rule(head, base) => (*head, *base),
            _ => (None, None),
        };
        let policies = self.policies;
        let head = head.and_then(|at| policies.rule(Which::Head, at));
        head.into_iter().chain(base.and_then(|at| policies.rule(Which::Base, at)))
    }

    /// What made the difference about a class of flows.
    pub(super) fn of(&self, cell: &Cell, nature: &Nature, sown: &[Sown]) -> BTreeSet<Item> {
        let policies = Some(self.policies);
        let near: Vec<&Seed> = sown
            .iter()
            .filter(|sown| {
                sown.has_ends(policies, &cell.caller, &cell.target) && sown.has_port(policies, &cell.target, cell.protocol, cell.port)
            })
            .map(|sown| &sown.seed)
            .collect();
        let mut items = self.by_rules(&near, cell, nature, |which, at, flow| !self.still_lets(which, at, flow));
        if items.is_empty() {
            items = self.by_rules(&near, cell, nature, |_, _, _| true);
        }
        if items.is_empty() {
            items.extend(near.iter().filter_map(|seed| match seed {
                Seed::Rule(..) => None,
                Seed::Tokens(which, at) => Some(self.item(*which, *at)),
                Seed::Namespace(name) => Some(Item::Namespace(Symbol::clone(name))),
                Seed::Region(_, region) => Some(Item::Region(region.why.clone())),
                Seed::Everything => Some(Item::Everything),
            }));
        }
        if items.is_empty() {
            items.extend(near.iter().filter_map(|seed| match seed {
                Seed::Rule(which, at) => Some(self.item(*which, *at)),
                _ => None,
            }));
        }
        items
    }

    /// The rules that open on one side what does not pass on the other, and those that close it there. Of rules that open it, only `some`
    /// count, by the flow as the other side has it.
    fn by_rules(&self, near: &[&Seed], cell: &Cell, nature: &Nature, some: impl Fn(Which, usize, &Flow) -> bool) -> BTreeSet<Item> {
        let mut items = BTreeSet::new();
        for which in [Which::Head, Which::Base] {
            // What passes on this side and not on the other, this side opens or the other closes.
            let Some((here, there)) = shown(cell, nature, which) else { continue };
            let opens = |(side, at): (Which, usize), rule: &Rule| match rule.action {
                Action::Allow => side == which && lets(rule, &here) && some(side, at, &there),
                Action::Deny => side != which && here.request.as_ref().is_none_or(|request| rule.requests.contains(request)),
                Action::Audit => false,
            };
            items.extend(near.iter().filter_map(|seed| match seed {
                Seed::Rule(side, at) if self.policies.rule(*side, *at).is_some_and(|rule| opens((*side, *at), rule)) => {
                    Some(self.item(*side, *at))
                }
                _ => None,
            }));
        }
        items
    }

    /// Whether what a rule was, or became, lets in the same flow: something else stops it there.
    fn still_lets(&self, which: Which, at: usize, there: &Flow) -> bool {
        let other = match which {
            Which::Head => self.was.get(&at),
            Which::Base => self.becomes.get(&at),
        };
        let called =
            |target: &crate::ir::Target| target.ports.contains(there.protocol, there.port) && target.end.matches(&there.destination);
        other
            .and_then(|at| self.policies.rule(which.other(), *at))
            .is_some_and(|rule| rule.source.matches(&there.source) && rule.targets.iter().any(called) && fits(rule, there))
    }

    /// An item in words.
    pub(super) fn told(&self, item: &Item) -> Cause {
        match item {
            Item::Rule(head, base) => self.rule(*head, *base),
            Item::Namespace(name) => {
                let (text, place) = namespace_change(self.policies, name);
                Cause { namespace: Some(Symbol::clone(name)), ..placed(said(text), place) }
            }
            Item::Region(why) => placed(said(why.text.clone()), why.location),
            Item::Object(name, change) => Cause { change: *change, ..said(name.clone()) },
            Item::Everything => said(everywhere(self.policies)),
        }
    }

    fn rule(&self, head: Option<usize>, base: Option<usize>) -> Cause {
        let new = head.and_then(|at| self.policies.rule(Which::Head, at));
        let old = base.and_then(|at| self.policies.rule(Which::Base, at));
        let change = match (new, old) {
            (Some(_), Some(_)) => Change::Changed,
            (Some(_), None) => Change::Added,
            (None, _) => Change::Removed,
        };
        let Some(rule) = new.or(old) else { return said(String::new()) };
        Cause {
            change,
            text: rule.text.clone(),
            is_rule: true,
            side: if new.is_some() { Which::Head } else { Which::Base },
            was: old.filter(|_| new.is_some()).map(|old| old.text.clone()),
            location: Some(rule.location),
            because: rule.because.clone(),
            until: rule.until.as_ref().map(|(day, _)| day.clone()),
            namespace: Some(Symbol::clone(&rule.namespace)),
        }
    }
}

/// A cause that is no rule.
pub(super) fn said(text: String) -> Cause {
    Cause {
        change: Change::Changed,
        text,
        is_rule: false,
        side: Which::Head,
        was: None,
        location: None,
        because: None,
        until: None,
        namespace: None,
    }
}

/// A cause with its place.
pub(super) fn placed(cause: Cause, place: Option<(Which, Location)>) -> Cause {
    match place {
        Some((side, location)) => Cause { side, location: Some(location), ..cause },
        None => cause,
    }
}

/// Two rules that can be one that was changed, whatever they name.
fn is_kin(old: &Rule, new: &Rule) -> bool {
    old.action == new.action && old.direction == new.direction && old.namespace == new.namespace
}

/// In which ways two rules can be one, the surest first.
const LIKENESSES: [fn(&Rule, &Rule) -> bool; 4] = [
    |old, new| old.text == new.text,
    |old, new| old.source == new.source && ends(old).eq(ends(new)),
    |old, new| ends(old).eq(ends(new)) && same_ports(old, new) && same_requirements(old, new),
    |old, new| old.source == new.source && same_ports(old, new) && same_requirements(old, new),
];

fn ends(rule: &Rule) -> impl Iterator<Item = &crate::ir::End> {
    rule.targets.iter().map(|target| &target.end)
}

fn same_ports(old: &Rule, new: &Rule) -> bool {
    old.targets.iter().map(|target| &target.ports).eq(new.targets.iter().map(|target| &target.ports))
}

fn same_requirements(old: &Rule, new: &Rule) -> bool {
    old.mtls.is_some() == new.mtls.is_some() && old.requests == new.requests
}

/// A flow that passes on one side and not on the other, as that side sees its ends and as the other does. Where no connection
/// over mTLS can be on the other side, because an end is outside of the mesh there, it is the one in plaintext that comes instead.
pub(super) fn shown(cell: &Cell, nature: &Nature, which: Which) -> Option<(Flow, Flow)> {
    let (here, there) = match which {
        Which::Head => (&cell.after, &cell.before),
        Which::Base => (&cell.before, &cell.after),
    };
    let (weakened, turned) = match which {
        Which::Head => (nature.has(Mark::PlaintextToo), nature.has(Mark::Gained)),
        Which::Base => (nature.has(Mark::MtlsOnly), nature.has(Mark::Lost)),
    };
    let best = there.best();
    let over = |transport: Transport, strict: bool| {
        let said = here.over(transport)?;
        let other = |at: usize| if strict { there.over(transport).and_then(|said| said.get(at)) } else { best.get(at) };
        let differs = |(at, said): &(usize, &Said)| **said == Said::Allowed && other(*at).is_none_or(|other| *other != Said::Allowed);
        said.iter().enumerate().find(differs).map(|(at, _)| (transport, at))
    };
    let found = over(Transport::Mtls, false)
        .or_else(|| over(Transport::Plaintext, false))
        .or_else(|| over(Transport::Plaintext, true).filter(|_| weakened))
        .or_else(|| over(Transport::Mtls, true).filter(|_| turned));
    let (transport, at) = found?;
    let flow = |side: Which| Flow {
        source: cell.caller.of(side).clone(),
        destination: cell.target.of(side).clone(),
        protocol: cell.protocol,
        port: cell.port,
        transport: if side == which || there.over(transport).is_some() { transport } else { Transport::Plaintext },
        request: cell.requests.get(at).cloned().flatten(),
    };
    Some((flow(which), flow(which.other())))
}

/// Whether a rule opens an end of a flow for it.
fn lets(rule: &Rule, flow: &Flow) -> bool {
    let named =
        |target: &crate::ir::Target, pod: &crate::flow::Pod| target.ports.contains(flow.protocol, flow.port) && target.end.opens(pod);
    let into = match &flow.destination {
        Peer::Pod(pod) => rule.faces(Direction::In) && rule.targets.iter().any(|target| named(target, pod)),
        Peer::Address(_) => false,
    };
    let out = matches!(&flow.source, Peer::Pod(pod) if rule.faces(Direction::Out) && rule.source.opens(pod));
    into && fits(rule, flow) || out
}

/// Whether a rule is about the transport and the request of a flow.
fn fits(rule: &Rule, flow: &Flow) -> bool {
    (rule.mtls.is_none() || flow.transport == Transport::Mtls) && rule.requests.admits(flow.request.as_ref())
}
