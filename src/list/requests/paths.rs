//! Paths, cut by patterns.
//!
//! Owns: a path of each cell into which patterns cut all paths.

use crate::flow::{PathPattern, PathSet, Symbol};

/// The paths that match exactly these of the patterns.
struct Part {
    matched: Vec<usize>,
    set: PathSet,
    sample: Symbol,
}

/// A path of each cell into which these patterns cut all paths, which begin with `/`.
pub(super) fn samples(patterns: &[PathPattern]) -> Vec<Symbol> {
    let all = PathSet::of([PathPattern::starting_with("/")]);
    let mut parts = vec![Part { matched: Vec::new(), set: all, sample: "/".into() }];
    for (at, pattern) in patterns.iter().enumerate() {
        parts = parts.into_iter().flat_map(|part| split(part, at, patterns, pattern)).collect();
    }
    parts.into_iter().map(|part| part.sample).collect()
}

/// What of a part is inside and outside a pattern, as far as there are paths.
fn split(part: Part, at: usize, patterns: &[PathPattern], pattern: &PathPattern) -> Vec<Part> {
    let within = || part.matched.iter().filter_map(|at| patterns.get(*at));
    let matched = || part.matched.iter().copied().chain([at]).collect();
    if within().any(|own| !own.overlaps(pattern)) {
        return vec![part];
    }
    if within().any(|own| own.is_subset(pattern)) {
        return vec![Part { matched: matched(), ..part }];
    }
    let inside = part.set.intersect(&PathSet::of([pattern.clone()]));
    let outside = part.set.clone().except([pattern.clone()]);
    let is_inside = pattern.matches(&part.sample);
    // The known path is in one of the two; only for the other one must be searched.
    let sample = |set: &PathSet, known: bool| if known { Some(Symbol::clone(&part.sample)) } else { set.witness().map(Symbol::from) };
    let inner = sample(&inside, is_inside).map(|sample| Part { matched: matched(), set: inside, sample });
    let outer = sample(&outside, !is_inside).map(|sample| Part { matched: part.matched.clone(), set: outside, sample });
    inner.into_iter().chain(outer).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cells::Cells;
    use super::super::{Choice, words};
    use super::*;
    use crate::list::bits::Bits;

    const PATTERNS: [&str; 6] = ["/a", "/a/{**}", "/a/{*}", "/{*}/b", "/c/{*}/d", "/{**}"];

    fn parsed(texts: &[&str]) -> Vec<PathPattern> {
        texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn what_is_said_of_cells_is_exact(
            texts in prop::sample::subsequence(PATTERNS.to_vec(), 0..=6),
            choice in prop::collection::vec(any::<bool>(), 32),
        ) {
            let patterns = parsed(&texts);
            let paths = samples(&patterns);
            let cells = Cells::new(patterns, &paths.iter().map(|path| &**path));
            prop_assert!(paths.len() <= choice.len());
            let wanted: Bits = (0..paths.len()).filter(|at| choice[*at]).collect();
            let said = cells.describe(&wanted).unwrap();
            for (at, path) in paths.iter().enumerate() {
                prop_assert_eq!(said.contains(path), wanted.contains(at), "{} {:?}", path, said);
            }
        }

        #[test]
        fn no_two_paths_match_the_same_patterns(texts in prop::sample::subsequence(PATTERNS.to_vec(), 0..=6)) {
            let patterns = parsed(&texts);
            let paths = samples(&patterns);
            let mut seen: Vec<Vec<bool>> = paths.iter().map(|path| patterns.iter().map(|own| own.matches(path)).collect()).collect();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), paths.len());
            prop_assert!(paths.iter().all(|path| path.starts_with('/')));
        }
    }

    #[test]
    fn cells_are_said_by_the_patterns_that_made_them() {
        let patterns = parsed(&["/a/{**}", "/a/x", "/b"]);
        let paths = samples(&patterns);
        let cells = Cells::new(patterns, &paths.iter().map(|path| &**path));
        let of = |wanted: &dyn Fn(&str) -> bool| {
            let numbers: Bits = paths.iter().enumerate().filter(|(_, path)| wanted(path)).map(|(at, _)| at).collect();
            let paths = cells.describe(&numbers).unwrap();
            words::kind(&super::super::RequestKind { methods: Choice::Any, paths, ..super::super::RequestKind::any() })
        };
        assert_eq!(of(&|path| path.starts_with("/a/")), "* /a/{**}");
        assert_eq!(of(&|path| path == "/a/x"), "* /a/x");
        assert_eq!(of(&|path| path != "/a/x"), "* /* but /a/x");
        assert_eq!(of(&|path| path.starts_with("/a/") && path != "/a/x"), "* /a/{**} but /a/x");
        assert_eq!(of(&|path| !path.starts_with("/a/") || path == "/a/x"), "* /a/x or /* but /a/{**}");
        assert_eq!(of(&|path| path == "/b" || path == "/a/x"), "* /a/x|/b");
        assert_eq!(of(&|_| true), "any HTTP");
    }
}
