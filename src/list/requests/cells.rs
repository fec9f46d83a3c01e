//! Values, cut by patterns.
//!
//! Owns: `Cells`: values that stand for all that match the same patterns, and how a set of them is said in the patterns.
//! Nothing here approximates.

use std::cmp::Reverse;

use super::super::bits::Bits;
use super::{Choice, Pattern, Region};

/// One value of each cell into which some patterns cut all values.
#[derive(Debug)]
pub(super) struct Cells<P> {
    patterns: Vec<P>,
    /// For each pattern, the cells that it holds.
    holds: Vec<Bits>,
    /// For each cell, the patterns that hold it.
    matched: Vec<Bits>,
    /// Patterns of which more may hold a value at once than hold one here, so that some of what they hold is no cell. With these no wanted
    /// cell can be taken out of a region.
    kept: Bits,
    /// Patterns that cannot be taken out of any region: a value may match one besides all that some cell matches, and be in no cell.
    barred: Bits,
}

impl<P: Pattern> Cells<P> {
    /// Cells of which each of these values is one. No two of them match the same patterns, or nobody minds.
    pub(super) fn new<'v>(patterns: Vec<P>, values: &(impl Iterator<Item = &'v P::Value> + Clone)) -> Self
    where
        P::Value: 'v,
    {
        let held = |pattern: &P| values.clone().enumerate().filter(|(_, value)| pattern.matches(value)).map(|(at, _)| at).collect();
        let holds: Vec<Bits> = patterns.iter().map(held).collect();
        let matched = |at: usize| holds.iter().enumerate().filter(move |(_, held)| held.contains(at)).map(|(pattern, _)| pattern);
        let matched = (0..values.clone().count()).map(|at| matched(at).collect()).collect();
        Self { patterns, holds, matched, kept: Bits::default(), barred: Bits::default() }
    }

    /// The same, where of some patterns more may hold a value at once than hold one of the cells.
    pub(super) fn keeping(self, keeps: impl Fn(&P) -> bool) -> Self {
        let kept = self.patterns.iter().enumerate().filter(|(_, pattern)| keeps(pattern)).map(|(at, _)| at).collect();
        Self { kept, ..self }
    }

    /// The same, where some patterns may hold a value besides those that hold one of the cells.
    pub(super) fn barring(self, bars: impl Fn(&P) -> bool) -> Self {
        let barred = self.patterns.iter().enumerate().filter(|(_, pattern)| bars(pattern)).map(|(at, _)| at).collect();
        Self { barred, ..self }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.matched.len()
    }

    /// Whether of some patterns more may hold a value at once than hold one of the cells.
    pub(super) fn are_told_in_part(&self) -> bool {
        !self.kept.is_empty()
    }

    /// A set of cells, said in the patterns. None if that cannot be said exactly.
    pub(super) fn describe(&self, wanted: &Bits) -> Option<Choice<P>> {
        let all = Bits::below(self.len());
        if *wanted == all {
            return Some(Choice::Any);
        }
        let mut open = wanted.clone();
        let mut regions = Vec::new();
        // What matches no pattern has no other name than by what it is not, and that may say everything.
        let outside = self.matched.iter().position(Bits::is_empty).filter(|cell| open.contains(*cell));
        if let Some(cell) = outside {
            regions.push(self.region(cell, wanted, &all, &mut open)?);
        }
        self.whole_patterns(wanted, &mut open, &mut regions);
        // The widest first: what is said of it often says the rest too.
        let depth = |cell: &usize| self.matched.get(*cell).map(|matched| matched.iter().count());
        while let Some(cell) = open.iter().min_by_key(depth) {
            regions.push(self.region(cell, wanted, &all, &mut open)?);
        }
        regions.sort_unstable_by(|left, right| (&left.except, &left.within).cmp(&(&right.except, &right.within)));
        Some(Choice::In(regions))
    }

    /// Patterns that hold nothing but wanted cells, the widest first, until no other adds one.
    fn whole_patterns(&self, wanted: &Bits, open: &mut Bits, regions: &mut Vec<Region<P>>) {
        let mut whole: Vec<(&P, &Bits)> = self.patterns.iter().zip(&self.holds).filter(|(_, held)| held.is_subset(wanted)).collect();
        whole.sort_by_key(|(pattern, held)| (Reverse(held.iter().count()), *pattern));
        for (pattern, held) in whole {
            if !held.intersect(open).is_empty() {
                open.remove(held);
                regions.push(Region { within: vec![pattern.clone()], except: Vec::new() });
            }
        }
    }

    /// A region around one cell with nothing but wanted cells: the cell's own patterns, and what must be taken out. Its cells
    /// are no longer open.
    fn region(&self, cell: usize, wanted: &Bits, all: &Bits, open: &mut Bits) -> Option<Region<P>> {
        let none = Bits::default();
        let matched = self.matched.get(cell).unwrap_or(&none);
        let numbered = || self.patterns.iter().zip(&self.holds).enumerate();
        let own: Vec<(&P, &Bits)> = numbered().filter(|(at, _)| matched.contains(*at)).map(|(_, own)| own).collect();
        // Of patterns within each other the narrowest says it all.
        let is_narrowest = |held: &Bits| !own.iter().any(|(_, inner)| inner.is_subset(held) && *inner != held);
        let within: Vec<(&P, &Bits)> = own.iter().filter(|(_, held)| is_narrowest(held)).copied().collect();
        let mut cells = within.iter().fold(all.clone(), |meet, (_, held)| meet.intersect(held));
        let mut except = Vec::new();
        // First what costs nothing; of what does, that by which the most is gone.
        loop {
            let unwanted = cells.subtract(wanted);
            let out = numbered().filter(|(at, _)| !matched.contains(*at)).filter_map(|(at, (pattern, held))| {
                let gone = held.intersect(&unwanted).iter().count();
                (gone > 0).then(|| (self.cost(at, &held.intersect(&cells).intersect(wanted)), Reverse(gone), at, pattern, held))
            });
            let Some((cost, _, _, pattern, held)) = out.min_by_key(|(cost, gone, at, _, _)| (*cost, *gone, *at)) else { break };
            if matches!(cost, Cost::Unknown(_)) {
                return None;
            }
            cells.remove(held);
            except.push(pattern.clone());
        }
        open.remove(&cells);
        except.sort_unstable();
        Some(Region { within: within.into_iter().map(|(pattern, _)| pattern.clone()).collect(), except })
    }

    /// What it costs to take a pattern out of a region that holds these wanted cells of it.
    fn cost(&self, at: usize, wanted: &Bits) -> Cost {
        match (wanted.iter().count(), self.kept.contains(at)) {
            (lost, _) if self.barred.contains(at) => Cost::Unknown(lost),
            (0, _) => Cost::Nothing,
            (lost, false) => Cost::Wanted(lost),
            (lost, true) => Cost::Unknown(lost),
        }
    }
}

/// What taking a pattern out of a region may cost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Nothing,
    /// So many wanted cells.
    Wanted(usize),
    /// Wanted values of which not each is a cell, and so many that are.
    Unknown(usize),
}

#[cfg(test)]
mod tests {
    use super::super::WordPattern;
    use super::*;

    #[test]
    fn what_is_barred_is_taken_out_of_nothing() {
        let words = ["ay", "ax", "bx"];
        let patterns = ["*x", "a*"].map(|text| WordPattern::written(text.into()));
        let cells = || Cells::new(patterns.to_vec(), &words.into_iter());
        let wanted: Bits = [0].into_iter().collect();
        let [x, a] = patterns.clone();
        assert_eq!(cells().describe(&wanted), Some(Choice::In(vec![Region { within: vec![a.clone()], except: vec![x.clone()] }])));
        assert!(cells().barring(|pattern| *pattern == a).describe(&wanted).is_some());
        assert_eq!(cells().barring(|pattern| *pattern == x).describe(&wanted), None);
    }
}
