//! Paths, cut by patterns.
//!
//! Owns: `PathCells`: the cells into which patterns cut all paths, a path of each, and how a set of cells is said in the
//! patterns. Nothing here approximates.

use crate::flow::{PathPattern, PathSet, Symbol};

use super::super::bits::Bits;
use super::{PathRegion, Paths};

/// The cells into which some patterns cut the paths.
#[derive(Debug)]
pub(super) struct PathCells {
    patterns: Vec<PathPattern>,
    cells: Vec<Cell>,
    /// For each pattern, the cells that it holds.
    holds: Vec<Bits>,
}

/// The paths that match exactly these of the patterns.
#[derive(Debug)]
struct Cell {
    matched: Bits,
    set: PathSet,
    sample: Symbol,
}

impl PathCells {
    /// Cuts all paths (which begin with `/`) by these patterns.
    pub(super) fn new(patterns: Vec<PathPattern>) -> Self {
        let all = PathSet::of([PathPattern::starting_with("/")]);
        let mut cells = vec![Cell { matched: Bits::default(), set: all, sample: "/".into() }];
        for (at, pattern) in patterns.iter().enumerate() {
            cells = cells.into_iter().flat_map(|cell| split(cell, at, &patterns, pattern)).collect();
        }
        let held = |at| cells.iter().enumerate().filter(move |(_, cell): &(_, &Cell)| cell.matched.contains(at)).map(|(cell, _)| cell);
        let holds = (0..patterns.len()).map(|at| held(at).collect()).collect();
        Self { patterns, cells, holds }
    }

    /// A path of each cell.
    pub(super) fn samples(&self) -> impl ExactSizeIterator<Item = &Symbol> {
        self.cells.iter().map(|cell| &cell.sample)
    }

    /// A set of cells, said in the patterns.
    pub(super) fn describe(&self, wanted: &Bits) -> Paths {
        let all = Bits::below(self.cells.len());
        if *wanted == all {
            return Paths::Any;
        }
        let mut open = wanted.clone();
        let mut regions = self.whole_patterns(wanted, &mut open);
        let depth = |cell: &usize| self.cells.get(*cell).map(|cell| cell.matched.iter().count());
        // The widest first: what is said of it often says the rest too.
        while let Some(cell) = open.iter().min_by_key(depth) {
            let region = self.region(cell, wanted, &all);
            open.remove(&region.cells);
            regions.push(region.region);
        }
        regions.sort_unstable();
        Paths::In(regions)
    }

    /// Patterns that hold nothing but wanted cells, the widest first, until no other adds one.
    fn whole_patterns(&self, wanted: &Bits, open: &mut Bits) -> Vec<PathRegion> {
        let mut whole: Vec<(&PathPattern, &Bits)> = self.patterns.iter().zip(&self.holds).filter(|(_, held)| held.is_subset(wanted)).collect();
        whole.sort_by_key(|(pattern, held)| (std::cmp::Reverse(held.iter().count()), pattern.as_str().to_owned()));
        let mut regions = Vec::new();
        for (pattern, held) in whole {
            if !held.intersect(open).is_empty() {
                open.remove(held);
                regions.push(PathRegion { within: vec![pattern.clone()], except: Vec::new() });
            }
        }
        regions
    }

    /// A region around one cell with nothing but wanted cells: the cell's own patterns, and what must be taken out.
    fn region(&self, cell: usize, wanted: &Bits, all: &Bits) -> Region {
        let matched = self.cells.get(cell).map(|cell| cell.matched.clone()).unwrap_or_default();
        let mut within: Vec<(&PathPattern, &Bits)> = self.numbered().filter(|(at, _, _)| matched.contains(*at)).map(|(_, p, h)| (p, h)).collect();
        // Of patterns within each other the narrowest says it all.
        let narrow = within.clone();
        within.retain(|(own, held)| !narrow.iter().any(|(other, inner)| own != other && inner.is_subset(held) && inner != held));
        let mut cells = within.iter().fold(all.clone(), |meet, (_, held)| meet.intersect(held));
        let mut except = Vec::new();
        let unmatched = || self.numbered().filter(|(at, _, _)| !matched.contains(*at));
        // First what holds no wanted cell at all, then, if it must be, what does.
        for gentle in [Gentle::Yes, Gentle::No] {
            for (_, pattern, held) in unmatched() {
                let is_gentle = held.intersect(&cells).intersect(wanted).is_empty();
                let unwanted = !held.intersect(&cells).subtract(wanted).is_empty();
                if unwanted && (is_gentle || gentle == Gentle::No) {
                    cells.remove(held);
                    except.push(pattern.clone());
                }
            }
        }
        Region { region: PathRegion { within: within.into_iter().map(|(pattern, _)| pattern.clone()).collect(), except }, cells }
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &PathPattern, &Bits)> {
        self.patterns.iter().zip(&self.holds).enumerate().map(|(at, (pattern, held))| (at, pattern, held))
    }
}

/// Whether what is taken out of a region may hold wanted cells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gentle {
    Yes,
    No,
}

/// A region with its cells.
struct Region {
    region: PathRegion,
    cells: Bits,
}

/// The parts of a cell inside and outside a pattern, as far as there are paths in them.
fn split(cell: Cell, at: usize, patterns: &[PathPattern], pattern: &PathPattern) -> Vec<Cell> {
    let positive = || cell.matched.iter().filter_map(|at| patterns.get(at));
    if positive().any(|own| !own.overlaps(pattern)) {
        return vec![Cell { set: cell.set.except([pattern.clone()]), ..cell }];
    }
    if positive().any(|own| own.is_subset(pattern)) {
        return vec![Cell { matched: cell.matched.union(&std::iter::once(at).collect()), ..cell }];
    }
    let inside = cell.set.intersect(&PathSet::of([pattern.clone()]));
    let outside = cell.set.clone().except([pattern.clone()]);
    let matched = cell.matched.union(&std::iter::once(at).collect());
    let is_inside = pattern.matches(&cell.sample);
    let sample = |set: &PathSet, known: bool| if known { Some(Symbol::clone(&cell.sample)) } else { set.witness().map(Symbol::from) };
    let inner = sample(&inside, is_inside).map(|sample| Cell { matched, set: inside, sample });
    let outer = sample(&outside, !is_inside).map(|sample| Cell { matched: cell.matched.clone(), set: outside, sample });
    inner.into_iter().chain(outer).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: [&str; 6] = ["/a", "/a/{**}", "/a/{*}", "/{*}/b", "/c/{*}/d", "/{**}"];

    fn cells(texts: &[&str]) -> PathCells {
        PathCells::new(texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect())
    }

    proptest! {
        #[test]
        fn what_is_said_of_cells_is_exact(
            texts in prop::sample::subsequence(PATTERNS.to_vec(), 0..=6),
            choice in prop::collection::vec(any::<bool>(), 32),
        ) {
            let cut = cells(&texts);
            prop_assert!(cut.cells.len() <= choice.len());
            let wanted: Bits = (0..cut.cells.len()).filter(|at| choice[*at]).collect();
            let said = cut.describe(&wanted);
            for (at, cell) in cut.cells.iter().enumerate() {
                prop_assert_eq!(said.contains(&cell.sample), wanted.contains(at), "{} {:?}", cell.sample, said);
            }
        }

        #[test]
        fn a_sample_matches_what_its_cell_matches(texts in prop::sample::subsequence(PATTERNS.to_vec(), 0..=6)) {
            let cut = cells(&texts);
            for cell in &cut.cells {
                for (at, pattern) in cut.patterns.iter().enumerate() {
                    prop_assert_eq!(pattern.matches(&cell.sample), cell.matched.contains(at));
                }
            }
            let mut seen: Vec<_> = cut.cells.iter().map(|cell| cell.matched.clone()).collect();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), cut.cells.len(), "no two cells are one");
        }
    }

    #[test]
    fn cells_are_said_by_the_patterns_that_made_them() {
        let cut = cells(&["/a/{**}", "/a/x"]);
        let of = |wanted: &dyn Fn(&str) -> bool| {
            let numbers = cut.cells.iter().enumerate().filter(|(_, cell)| wanted(&cell.sample)).map(|(at, _)| at);
            match cut.describe(&numbers.collect()) {
                Paths::Any => "any".to_owned(),
                Paths::In(regions) => regions.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
            }
        };
        assert_eq!(of(&|path| path.starts_with("/a/")), "/a/{**}");
        assert_eq!(of(&|path| path == "/a/x"), "/a/x");
        assert_eq!(of(&|path| path != "/a/x"), "/* but /a/x");
        assert_eq!(of(&|path| path.starts_with("/a/") && path != "/a/x"), "/a/{**} but /a/x");
        assert_eq!(of(&|path| !path.starts_with("/a/") || path == "/a/x"), "/* but /a/{**}|/a/x");
        assert_eq!(of(&|_| true), "any");
    }
}
