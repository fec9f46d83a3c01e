//! How much a walk finds and asks at most, shared fairly among the namespaces that are called.
//!
//! Owns: `Quota` and `shares`. Threads share the work, and what each namespace gets does not hang on how many there are: first all get
//! the same, then those that need more get what the others left, until nobody is helped by that.

use std::collections::BTreeSet;

use super::{Found, Walk};
use crate::diff::seeds::Sown;
use crate::flow::{Peer, Symbol};
use crate::threads::in_shares;

/// A number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diff) struct Quota {
    /// Those that are kept.
    cells: usize,
    /// Those that are asked about on one side.
    looks: usize,
}

impl Quota {
    /// That of a walk. Whoever changes more at once is told of as much, and that there is more; and a walk ends while somebody
    /// waits for it.
    pub(in crate::diff) const WHOLE: Self = Self { cells: 30_000, looks: 2_000_000 };

    /// That of a walk between two states of a plan, of which nobody asks what made the differences.
    pub(in crate::diff) const LARGE: Self = Self { cells: 300_000, looks: 20_000_000 };

    /// That of a walk by which a few entries are told in fewer words.
    pub(in crate::diff) const SMALL: Self = Self { cells: 40_000, looks: 800_000 };

    /// Whether so many can be followed by others.
    pub(super) const fn holds(self, cells: usize, looks: usize) -> bool {
        cells < self.cells && looks < self.looks
    }

    /// Whether so much is enough more than what a namespace had before to look at it all again. Of many namespaces one after the other may
    /// leave the rest a little more, and each of these walks takes as long as all of them may.
    fn is_worth_a_walk_after(self, before: Self) -> bool {
        let is_more = |now: usize, before: usize| now > before.saturating_add(before / 4);
        is_more(self.cells, before.cells) || is_more(self.looks, before.looks)
    }

    const fn less(self, share: &Share) -> Self {
        Self { cells: self.cells.saturating_sub(share.found.cells.len()), looks: self.looks.saturating_sub(share.looks) }
    }

    fn split(self, parts: usize) -> Self {
        let part = |all: usize| all.checked_div(parts).unwrap_or(all).max(1);
        Self { cells: part(self.cells), looks: part(self.looks) }
    }
}

/// What was found about a namespace that is called.
pub(super) struct Share {
    pub(super) found: Found,
    pub(super) too_many: BTreeSet<Peer>,
    looks: usize,
}

/// A namespace that is called, with the seeds of flows to it.
type Called<'s> = (&'s Symbol, Vec<&'s Sown>);

/// What is found about each namespace, in order.
pub(super) fn shares<'w>(all: &[Called<'_>], whole: Quota, walk: impl Fn() -> Walk<'w> + Sync) -> Vec<Share> {
    let mut left = whole;
    let mut open: Vec<(usize, &Called<'_>)> = all.iter().enumerate().collect();
    let mut done: Vec<(usize, Share)> = Vec::new();
    let mut quota = whole.split(open.len());
    while !open.is_empty() {
        let found = in_shares(&open, 1, |share| {
            let walk = walk();
            share.iter().map(|(_, (name, seeds))| walk.share(name, seeds, quota)).collect::<Vec<_>>()
        });
        let found: Vec<(usize, Share)> = open.iter().map(|(at, _)| *at).zip(found.into_iter().flatten()).collect();
        let (complete, cut): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, share)| quota.holds(share.found.cells.len(), share.looks));
        left = complete.iter().fold(left, |left, (_, share)| left.less(share));
        done.extend(complete);
        let more = left.split(cut.len());
        if !more.is_worth_a_walk_after(quota) {
            done.extend(cut);
            break;
        }
        quota = more;
        let again: BTreeSet<usize> = cut.into_iter().map(|(at, _)| at).collect();
        open.retain(|(at, _)| again.contains(at));
    }
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, share)| share).collect()
}

impl Walk<'_> {
    fn share(&self, name: &Symbol, seeds: &[&Sown], quota: Quota) -> Share {
        self.quota.set(quota);
        self.looks.set(0);
        let mut found = Found::default();
        self.reach_namespace(name, seeds, &mut found);
        found.few.extend(self.memo.sampled());
        Share { found, too_many: self.too_many.take(), looks: self.looks.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;

    #[test]
    fn a_quota_is_split_into_parts_that_are_no_more_than_it() {
        let part = Quota::WHOLE.split(7);
        assert!(part.cells * 7 <= Quota::WHOLE.cells && part.looks * 7 <= Quota::WHOLE.looks);
        assert_eq!(Quota::WHOLE.split(0), Quota::WHOLE);
        assert!(!Quota { cells: 0, looks: 0 }.split(3).holds(1, 1) && Quota { cells: 0, looks: 0 }.split(3).holds(0, 0));
        assert!(!part.is_worth_a_walk_after(part) && !Quota::WHOLE.split(6).is_worth_a_walk_after(part), "little more is not worth it");
        assert!(Quota::WHOLE.split(5).is_worth_a_walk_after(part));
        assert!(part.holds(part.cells - 1, part.looks - 1) && !part.holds(part.cells, 0) && !part.holds(0, part.looks));
    }
}
