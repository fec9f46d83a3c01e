//! What judges do not have in common.
//!
//! Owns: `Differing`: the tests of labels of objects that are not the same in all of them. Of a pod it is enough to keep the labels of
//! all these tests that hold it, and of few others: objects that are the same in all do the same in all.

use std::sync::OnceLock;

use super::middle::Middle;
use super::seen::tunnels;
use crate::cluster::{self, Platform};
use crate::flow::LabelTests;
use crate::source::{Source, Sources};

/// The objects by which two clusters differ, as each of them has them.
pub(crate) type Versions<'a> = [Vec<&'a str>; 2];

/// The objects by which judges differ that agree about everything else.
pub(crate) struct Differing<'a> {
    /// Of two judges, or of a base and a state, of the state and a head, and of the base and the head; none if more than these objects may
    /// differ.
    objects: Option<Vec<Versions<'a>>>,
    pub(super) platform: &'a Platform,
    tests: OnceLock<Option<Vec<LabelTests>>>,
    transports: OnceLock<usize>,
}

impl<'a> Differing<'a> {
    pub(crate) const fn new(objects: Option<Vec<Versions<'a>>>, platform: &'a Platform) -> Self {
        Self { objects, platform, tests: OnceLock::new(), transports: OnceLock::new() }
    }

    /// What it takes to keep all that judges say, the best choice last: tests of which a pod keeps all that hold it, and into how many lots
    /// the judges fall that differ by the objects of these tests alone. So many judges there are if that is not known.
    pub(super) fn choices(&self, judges: usize) -> Vec<(LabelTests, usize)> {
        let mut choices = vec![(LabelTests::default(), judges)];
        match self.tests.get_or_init(|| self.read()).as_deref() {
            Some([all]) => choices.push((all.clone(), 1)),
            Some([before, after, sides]) => {
                choices.extend([sides, after, before].map(|tests| (tests.clone(), 2)));
                let mut all = before.clone();
                all.extend(after.clone());
                choices.push((all, 1));
            }
            _ => {}
        }
        choices
    }

    fn read(&self) -> Option<Vec<LabelTests>> {
        self.objects.as_ref()?.iter().map(|versions| self.tests_of(versions)).collect()
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
