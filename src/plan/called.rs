//! What calls among workloads show of a state.
//!
//! Owns: the moments that are asked: what was, what is to be, the state, and what stands between two states while pods are replaced. What
//! is asked of them is `calls`'s.

use std::rc::Rc;

use super::bench::{Bench, Wrong, read};
use super::calls::{Calls, Found, Ground, Moment};
use super::items::{Change, State};
use super::scope::Scope;
use crate::cluster::Cluster;

impl Bench<'_> {
    /// What is wrong with a state that some changes led to, among workloads.
    pub(super) fn wrong_of_calls(&self, state: &State, changes: &[Change]) -> Wrong {
        let Some(ground) = self.ground() else { return Wrong::default() };
        let (was, is) = (&State::base(self.items), &State::head(self.items));
        let [Some(base), Some(head), Some(now)] = [was, is, state].map(|state| self.everything(state)) else {
            return Wrong { unreadable: true, ..Wrong::default() };
        };
        let asked = |moment: Moment<'_>, alone: Option<usize>| {
            let moments = vec![Moment::of_side(ground, (&base, was), 0), Moment::of_side(ground, (&head, is), 1), moment];
            Calls { ground, moments, touched: self.acted_on(changes), alone, asked: &self.asked }.wrong()
        };
        let found = asked(Moment::of_state(ground, self.items, (&now, state)), None);
        let own = changes.iter().flat_map(|change| self.replaced(ground, change)).flat_map(|at| [(at, 0), (at, 1)]);
        let mixed =
            own.map(|(at, calling)| asked(Moment::of_state(ground, self.items, (&now, state)).mixed(ground, at, calling), Some(at)));
        let all = mixed.fold(found, |mut all, more| {
            all.breaches.extend(more.breaches);
            all.incomplete.extend(more.incomplete);
            Found { unasked: all.unasked.or(more.unasked), ..all }
        });
        Wrong { breaches: all.breaches, incomplete: all.incomplete, unasked: all.unasked, unreadable: false }
    }

    /// What calls among workloads pass more, and less, in one state than in another that changes led to, in words.
    pub(super) fn called(&self, [before, after]: [&State; 2], changes: &[Change]) -> [Vec<String>; 2] {
        let Some(ground) = self.ground() else { return [Vec::new(), Vec::new()] };
        let [Some(old), Some(new)] = [before, after].map(|state| self.everything(state)) else { return [Vec::new(), Vec::new()] };
        let moments = vec![Moment::of_state(ground, self.items, (&old, before)), Moment::of_state(ground, self.items, (&new, after))];
        Calls { ground, moments, touched: self.acted_on(changes), alone: None, asked: &self.asked }.changes()
    }

    /// The workloads, if any call among them may hang on more than its ends.
    fn ground(&self) -> Option<&Ground> {
        let ground = self.ends.ground?;
        let is_apart = !ground.special.is_empty() || !ground.moving.is_empty();
        (is_apart || self.has_waypoints() || self.ends.kept.contains("DestinationRule")).then_some(ground)
    }

    /// The places of the workloads whose pods a change replaces.
    fn replaced(&self, ground: &Ground, change: &Change) -> Vec<usize> {
        let Some(id) = self.running(change) else { return Vec::new() };
        ground.workloads.iter().enumerate().filter(|(_, workload)| workload.id == *id).map(|(at, _)| at).collect()
    }

    /// All objects of a state as a cluster: a connection may meet objects of any namespace. A namespace that has its new labels has the
    /// head's object.
    fn everything(&self, state: &State) -> Option<Rc<Cluster>> {
        let labelled = self.items.iter().zip(&state.at).map(|(item, at)| {
            let is_labelled = item.id.kind == "Namespace" && item.head.is_some() && state.turned.labels.contains(item.id.name.as_str());
            if is_labelled { item.head } else { *at }
        });
        let labelled: Vec<Option<usize>> = labelled.collect();
        let of = |at: usize| labelled.get(at).copied().flatten();
        self.whole.get(&labelled, || read(self.items, &Scope::everywhere(), self.ends.platform, self.ends.kept, |at, _| of(at)))
    }
}
