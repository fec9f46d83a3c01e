//! What a state and the two sides do not have in common.
//!
//! Owns: `Differing`: the tests of labels of objects that are not the same in two of the three. Of a pod it is enough to keep the labels of
//! all these tests that hold it, and of few others: objects that are the same in all three do the same in all three.

use std::sync::OnceLock;

use super::middle::Middle;
use super::seen::tunnels;
use crate::cluster::{self, Platform};
use crate::flow::LabelTests;
use crate::source::{Source, Sources};

/// The objects by which two clusters differ, as each of them has them.
pub(crate) type Versions<'a> = [Vec<&'a str>; 2];

/// The objects by which the base and a state, the state and the head, and the base and the head differ.
pub(crate) struct Differing<'a> {
    /// None if more than these objects may differ.
    objects: Option<[Versions<'a>; 3]>,
    platform: &'a Platform,
    tests: OnceLock<Option<[LabelTests; 3]>>,
    transports: OnceLock<usize>,
}

impl<'a> Differing<'a> {
    pub(crate) const fn new(objects: Option<[Versions<'a>; 3]>, platform: &'a Platform) -> Self {
        Self { objects, platform, tests: OnceLock::new(), transports: OnceLock::new() }
    }

    /// What it takes to tell what a state does against both sides, the best choice last: tests of which a pod keeps all that hold it, and
    /// into how many lots the three fall that do the same but for the objects of these tests.
    pub(super) fn choices(&self) -> Vec<(LabelTests, usize)> {
        let mut choices = vec![(LabelTests::default(), 3)];
        if let Some([before, after, sides]) = self.tests.get_or_init(|| self.read()) {
            choices.extend([sides, after, before].map(|tests| (tests.clone(), 2)));
            let mut all = before.clone();
            all.extend(after.clone());
            choices.push((all, 1));
        }
        choices
    }

    fn read(&self) -> Option<[LabelTests; 3]> {
        let [before, after, sides] = self.objects.as_ref()?;
        Some([self.tests_of(before)?, self.tests_of(after)?, self.tests_of(sides)?])
    }

    /// All tests of some objects; none if one of them cannot be read.
    fn tests_of(&self, versions: &Versions<'_>) -> Option<LabelTests> {
        let mut tests = LabelTests::default();
        for texts in versions {
            let mut sources = Sources::default();
            let files: Vec<_> = texts.iter().map(|text| sources.add(Source::new("", *text))).collect();
            let (cluster, findings) = cluster::read(&sources, &files, self.platform.clone());
            if !findings.is_empty() {
                return None;
            }
            tests.extend(cluster.label_tests());
        }
        Some(tests)
    }

    /// How many transports of a connection policies may judge in ways that have nothing to do with each other: where pods may be in
    /// ambient mode, a policy of the network sees the tunnel's port or the connection's own (`semantics.md` §5.1).
    pub(super) fn transports(&self, middle: &Middle<'_>) -> usize {
        *self.transports.get_or_init(|| if tunnels(middle.sides, middle.apart) { 2 } else { 1 })
    }
}
