//! From what both sides are judged with to an order of objects, and what is found of it.
//!
//! Owns: `Ends`, `items`, `order`, `findings`. Whether the sides are programs or manifests is no longer known here.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::bench::{Bench, Read, Setting};
use super::calls::Ground;
use super::items::{Item, State, holds};
use super::object::{Id, Object};
use super::report::{Harm, Plan, Safety};
use super::run::{Options, Trials};
use super::scope::Scope;
use super::search::{Taken, search};
use super::stage::{staged, trials};
use super::steps::steps;
use crate::cluster::{Cluster, Platform};
use crate::diagnostic::{Diagnostic, code};
use crate::diff::{Pair, Words, planes, turning};
use crate::flow::{PodCube, Symbol};

/// What both kinds of sides are judged with.
pub(super) struct Ends<'a> {
    pub(super) pair: &'a Pair<'a>,
    pub(super) setting: &'a Setting<'a>,
    pub(super) platform: &'a Platform,
    pub(super) words: &'a Words,
    pub(super) kept: &'a str,
    pub(super) others: &'a BTreeSet<Symbol>,
    pub(super) is_modelled: bool,
    pub(super) is_kept_alike: bool,
    pub(super) scope: &'a Scope,
    /// All objects of the head.
    pub(super) head: &'a Cluster,
    /// The workloads and Services, where calls among them are asked about.
    pub(super) ground: Option<&'a Ground>,
    /// Those of both sides, where states hold nothing but their objects.
    pub(super) clusters: Vec<Rc<Cluster>>,
}

/// Finds the order, and says it in the plan.
pub(super) fn order(ends: &Ends<'_>, mut items: Vec<Item>, apart: &[PodCube], options: Options, plan: &mut Plan) {
    let root = &*ends.platform.root_namespace;
    items.extend(holds(&items, root));
    if options.trials == Trials::First {
        let plane = |name: &Symbol| planes(ends.pair, name).map(|(_, new)| new);
        let (copies, others) = trials(&items, &plane, root);
        items.extend(copies);
        plan.not_tried = others;
    }
    let turning = turning(ends.pair, apart);
    let (start, end) = (State::base(&items), State::head(&items));
    let bench = Bench {
        ends,
        items: &items,
        apart,
        turning: &turning,
        judged: Cell::new(0),
        asked: Cell::new(0),
        whole: Read::default(),
        read: Read::of([&start, &end].into_iter().zip(ends.clusters.iter().cloned()).collect()),
    };
    let mut taken: Vec<Taken> = staged(&bench, &start);
    taken.extend(search(&bench, &start));
    plan.steps = steps(&bench, &taken);
    plan.safety = safety(plan);
}

/// Every object of either side, by kind, namespace and name.
pub(super) fn items(before: Vec<Object>, after: Vec<Object>, root: &str) -> Vec<Item> {
    let mut pairs: BTreeMap<Id, (Option<Object>, Option<Object>)> = BTreeMap::new();
    for object in before {
        let place = pairs.entry(object.id.clone()).or_default();
        place.0 = Some(object);
    }
    for object in after {
        let place = pairs.entry(object.id.clone()).or_default();
        place.1 = Some(object);
    }
    pairs.into_values().filter_map(|(old, new)| Item::own(old, new, root)).collect()
}

fn safety(plan: &Plan) -> Safety {
    let does_harm = |harm: &Harm| matches!(harm, Harm::Opens(_) | Harm::Drops(_));
    if plan.harm().any(|(_, harm)| does_harm(harm)) {
        return Safety::NoSafeOrder;
    }
    let is_judged = plan.unjudged.is_empty() && plan.harm().next().is_none();
    if is_judged { Safety::Safe } else { Safety::NotJudged }
}

/// The finding that no order is safe, with the flows that show it.
pub(super) fn findings(plan: &Plan) -> Vec<Diagnostic> {
    if plan.safety != Safety::NoSafeOrder {
        return Vec::new();
    }
    let finding = Diagnostic::unplaced(code::NO_SAFE_ORDER, "no order was found in which every moment of the change is safe");
    let notes = plan.harm().map(|(step, harm)| match harm {
        Harm::Opens(flow) => format!("step {step} of the best order lets through what neither side allows: `{flow}`"),
        Harm::Drops(flow) => format!("step {step} of the best order stops what both sides allow: `{flow}`"),
        Harm::NotJudged(why) => format!("step {step} of the best order cannot be judged: {why}"),
    });
    let finding = notes.take(6).fold(finding, Diagnostic::note);
    vec![finding.help("make the change in two, first what opens and then what closes; or apply it while these connections are not in use")]
}
