//! Sets of request paths, as lists of patterns that a path must match and must not match.
//!
//! Owns: `PathSet` and its exact algebra. It must not approximate: where patterns meet in a way that no single pattern says,
//! the set keeps both lists.

pub use normalization::PathNormalization;
pub use pattern::PathPattern;

mod automaton;
mod normalization;
mod pattern;

/// The paths that match some pattern of every list in `within` and no pattern of `except`.
///
/// It is over all texts that are not empty, as a request always has a path. Two equal sets may be different values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PathSet {
    within: Vec<Vec<PathPattern>>,
    except: Vec<PathPattern>,
}

impl PathSet {
    /// Every path.
    pub const fn any() -> Self {
        Self { within: Vec::new(), except: Vec::new() }
    }

    /// No path.
    pub fn none() -> Self {
        Self { within: vec![Vec::new()], except: Vec::new() }
    }

    /// The paths that match at least one of these patterns.
    pub fn of(patterns: impl IntoIterator<Item = PathPattern>) -> Self {
        Self { within: vec![tidy(patterns.into_iter().collect())], except: Vec::new() }
    }

    /// The paths of this set that match none of these patterns.
    #[must_use]
    pub fn except(mut self, patterns: impl IntoIterator<Item = PathPattern>) -> Self {
        self.except.extend(patterns);
        self.except = tidy(self.except);
        self
    }

    /// The lists of which a path must each match one pattern. No list means any path; one list is what an Istio operation
    /// can say in `paths`; two or more it cannot say.
    pub fn within(&self) -> &[Vec<PathPattern>] {
        &self.within
    }

    /// The patterns that a path must not match, as in `notPaths`.
    pub fn excluded(&self) -> &[PathPattern] {
        &self.except
    }

    /// Whether it has no patterns at all, and so is every path.
    pub fn is_any(&self) -> bool {
        self.within.is_empty() && self.except.is_empty()
    }

    /// Whether the path is in it.
    pub fn matches(&self, path: &str) -> bool {
        let one_of = |patterns: &[PathPattern]| patterns.iter().any(|pattern| pattern.matches(path));
        !path.is_empty() && self.within.iter().all(|list| one_of(list)) && !one_of(&self.except)
    }

    /// Whether no path is in it.
    pub fn is_empty(&self) -> bool {
        self.witness().is_none()
    }

    /// A path that is in it, if any is; always the same one for the same set.
    pub fn witness(&self) -> Option<String> {
        if self.is_any() {
            return Some("/".to_owned());
        }
        if let Some(exact) = self.within.iter().find(|list| list.iter().all(PathPattern::is_exact)) {
            return exact.iter().map(PathPattern::sample).find(|path| self.matches(path));
        }
        // Most sets hold the plainest path of one of their patterns; only tangled ones need the search.
        let samples = self.within.iter().flatten().map(PathPattern::sample);
        samples.into_iter().find(|path| self.matches(path)).or_else(|| self.searched())
    }

    /// The same by search: one that begins with a slash, as those that clients send, if there is any.
    fn searched(&self) -> Option<String> {
        let sent = self.within.iter().cloned().chain([vec![PathPattern::starting_with("/")]]).collect::<Vec<_>>();
        automaton::witness(&sent, &self.except).or_else(|| automaton::witness(&self.within, &self.except))
    }

    /// The paths in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut meet = self.clone();
        for list in &other.within {
            meet.narrow(list);
        }
        if !other.except.is_empty() {
            meet = meet.except(other.except.iter().cloned());
        }
        meet
    }

    /// Whether some path is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The paths of this set that are not in the other, as disjoint sets, none of them empty.
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self.clone();
        for list in &other.within {
            pieces.push(rest.clone().except(list.iter().cloned()));
            rest.narrow(list);
        }
        if !other.except.is_empty() {
            rest.narrow(&other.except);
            pieces.push(rest);
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The paths in either as one set, where both are plain lists of patterns or one holds the other; `None` where it takes
    /// two sets to say them.
    pub fn union(&self, other: &Self) -> Option<Self> {
        if let ([ours], [theirs]) = (self.within.as_slice(), other.within.as_slice())
            && self.except == other.except
        {
            let patterns = ours.iter().chain(theirs).cloned().collect();
            return Some(Self { within: vec![tidy(patterns)], except: self.except.clone() });
        }
        if other.is_subset(self) {
            return Some(self.clone());
        }
        self.is_subset(other).then(|| other.clone())
    }

    /// Whether every path of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        other.is_any() || self == other || self.subtract(other).is_empty()
    }

    /// Keeps the paths that match one of these patterns.
    fn narrow(&mut self, patterns: &[PathPattern]) {
        if self.within.iter().any(|list| list == patterns) {
            return;
        }
        // A list that meets the new one pattern by pattern stays one list, which Istio can say.
        let met = self.within.iter_mut().find_map(|list| Some((meet(list, patterns)?, list)));
        match met {
            Some((both, list)) => *list = both,
            None => self.within.push(patterns.to_vec()),
        }
        self.within.sort_unstable();
        self.within.dedup();
    }
}

/// The patterns that say "one of these and one of those"; `None` if some pair overlaps and neither holds the other.
fn meet(ours: &[PathPattern], theirs: &[PathPattern]) -> Option<Vec<PathPattern>> {
    let mut both = Vec::new();
    for own in ours {
        for other in theirs {
            if own.is_subset(other) {
                both.push(own.clone());
            } else if other.is_subset(own) {
                both.push(other.clone());
            } else if own.overlaps(other) {
                return None;
            }
        }
    }
    Some(tidy(both))
}

/// Sorted, without repeats and without patterns that another one holds.
fn tidy(mut patterns: Vec<PathPattern>) -> Vec<PathPattern> {
    if patterns.len() < 2 {
        return patterns;
    }
    patterns.sort_unstable();
    patterns.dedup();
    let superfluous = |at: usize, pattern: &PathPattern| {
        patterns
            .iter()
            .enumerate()
            .any(|(other_at, other)| other_at != at && pattern.is_subset(other) && (other_at < at || !other.is_subset(pattern)))
    };
    let keep: Vec<bool> = patterns.iter().enumerate().map(|(at, pattern)| !superfluous(at, pattern)).collect();
    let mut keep = keep.into_iter();
    patterns.retain(|_| keep.next().unwrap_or(true));
    patterns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::pattern::tests::{patterns, texts};
    use super::*;

    fn list() -> impl Strategy<Value = Vec<PathPattern>> {
        prop::collection::vec(patterns(), 0..3)
    }

    prop_compose! {
        fn set()(within in prop::option::weighted(0.7, list()), except in list()) -> PathSet {
            within.map_or(PathSet::any(), PathSet::of).except(except)
        }
    }

    fn members(set: &PathSet) -> Vec<bool> {
        texts(5).iter().map(|text| set.matches(text)).collect()
    }

    fn of(texts: &[&str]) -> PathSet {
        PathSet::of(texts.iter().map(|text| PathPattern::parse(text).unwrap()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn building_agrees_with_matching(within in list(), except in list()) {
            let set = PathSet::of(within.clone()).except(except.clone());
            for text in texts(5) {
                let one_of = |patterns: &[PathPattern]| patterns.iter().any(|pattern| pattern.matches(&text));
                prop_assert_eq!(set.matches(&text), !text.is_empty() && one_of(&within) && !one_of(&except));
            }
        }

        #[test]
        fn emptiness_is_decided_exactly(ours in set(), theirs in set()) {
            for set in [ours.clone(), ours.intersect(&theirs)] {
                match set.witness() {
                    Some(path) => prop_assert!(set.matches(&path), "{path}"),
                    None => prop_assert!(!members(&set).contains(&true)),
                }
            }
        }

        #[test]
        fn algebra_agrees_with_matching(ours in set(), theirs in set()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            prop_assert!(members(&ours.intersect(&theirs)) == each(|own, other| own && other));
            if let Some(union) = ours.union(&theirs) {
                prop_assert!(members(&union) == each(|own, other| own || other));
            }
            let pieces = ours.subtract(&theirs);
            let holders: Vec<usize> = texts(5).iter().map(|text| pieces.iter().filter(|piece| piece.matches(text)).count()).collect();
            prop_assert!(holders.into_iter().eq(each(|own, other| own && !other).into_iter().map(usize::from)));
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            // Where it says no, a witness proves it; where it says yes, no short text may contradict.
            match pieces.first().and_then(PathSet::witness) {
                Some(path) => prop_assert!(!ours.is_subset(&theirs) && ours.matches(&path) && !theirs.matches(&path)),
                None => prop_assert!(ours.is_subset(&theirs)),
            }
        }
    }

    #[test]
    fn emptiness_needs_more_than_pairs() {
        let one = of(&["/{*}"]);
        assert!(!one.is_subset(&of(&["/a"])));
        assert!(of(&["/a/{*}"]).is_subset(&of(&["/{*}/{*}"])));
        assert!(of(&["/{*}/b"]).overlaps(&of(&["/a/{*}"])));
        assert!(!of(&["/{*}/b"]).overlaps(&of(&["/a/{*}/"])));
        // Only the two excluded patterns together cover the set.
        let halves = of(&["/a/{**}"]).except([PathPattern::parse("/a/").unwrap(), PathPattern::starting_with("/a/x")]);
        assert!(!halves.is_empty());
        let all_of = PathPattern::parse("/a/{*}/{**}").unwrap();
        assert!(of(&["/a/{*}", "/a/{*}/{**}"]).except([PathPattern::parse("/a/{*}").unwrap(), all_of]).is_empty());
        assert!(of(&["/a/{**}"]).is_subset(&PathSet::of([PathPattern::exact("/a/"), PathPattern::starting_with("/a/")])));
        assert_eq!(PathSet::any().except([PathPattern::starting_with("")]).witness(), None);
    }

    /// Who is shown a path must be able to ask for it, and clients send none without a slash.
    #[test]
    fn a_path_that_stands_for_a_set_is_one_that_is_sent_if_there_is_any() {
        for outside in [&["/{**}"][..], &["/{*}", "/a/{**}"], &["/x/{**}"]] {
            let rest = PathSet::any().except(of(outside).within().concat());
            let witness = rest.witness().unwrap();
            assert!(witness.starts_with('/') && rest.matches(&witness), "{outside:?}: {witness}");
        }
    }

    #[test]
    fn an_operator_may_need_several_characters() {
        let end = PathSet::of([PathPattern::ending_in("ab")]);
        assert_eq!(of(&["/{*}"]).intersect(&end).witness().as_deref(), Some("/ab"));
        assert_eq!(of(&["/{**}"]).intersect(&end).except([PathPattern::exact("/ab")]).witness().map(|path| path.len()), Some(4));
    }

    #[test]
    fn lists_that_meet_stay_one_list() {
        let meet = of(&["/a/{**}", "/b"]).intersect(&of(&["/a/x", "/b", "/c"]));
        assert_eq!(meet, of(&["/a/x", "/b"]));
        assert_eq!(of(&["/{*}/b"]).intersect(&of(&["/a/{*}"])).within().len(), 2);
        assert!(of(&["/a"]).intersect(&of(&["/b"])).is_empty());
        assert_eq!(of(&["/a/{**}", "/a/x", "/a/x"]), of(&["/a/{**}"]));
    }

    #[test]
    fn every_character_may_be_expected() {
        // All characters of a segment but one are taken; the search must find that one.
        let taken = ('!'..='~').filter(|character| pattern::is_segment_character(*character) && *character != '~');
        let set = of(&["/{*}"]).except(taken.map(|character| PathPattern::starting_with(&format!("/{character}"))));
        assert_eq!(set.witness().as_deref(), Some("/~"));
        assert!(set.except([PathPattern::starting_with("/~")]).is_empty());
    }

    #[test]
    fn any_and_none() {
        assert!(PathSet::any().is_any() && !PathSet::any().is_empty());
        assert!(PathSet::none().is_empty() && PathSet::of([]).is_empty());
        assert!(PathSet::any().subtract(&PathSet::any()).is_empty());
        assert!(!PathSet::any().matches(""));
        assert!(PathSet::none().is_subset(&of(&["/a"])));
    }
}
